//! Every way out of a room is one: the others are told, and nothing stays behind.

use support::{
    browser::{Engine, Person, eventually, key, play},
    proxy::Proxy,
    server::Server,
};

with_each_engine! { closing_and_navigating reloading_and_going_back leaving_with_a_draft }
with_engines_in_turn! { chromium: leaving_and_coming_back; firefox: leaving_behind_a_text leaving_without_a_line; }

const PASSWORD: &str = "correct horse battery";

/// Bo is seen to leave. Where the page does not say so, the others see a lost connection instead.
async fn sees_bo_leave(person: &Person) {
    person.is_with(&[person.name()]).await;
    let script = "return [...document.querySelectorAll('.note')].at(-1).textContent";
    eventually("Bo left", async || (person.runs(script, &[]).await == "Bo left").then_some(())).await;
}

async fn closing_and_navigating(engine: Engine) {
    let server = Server::start().await;
    let origin = server.origin();
    play(&format!("closing and navigating, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine.other()).await;
        let bo = scene.person("Bo", engine).await;
        ana.creates(&origin, "Book club", PASSWORD).await;

        let first_tab = bo.new_tab().await;
        bo.joins(&origin, "Book club", PASSWORD).await;
        ana.is_with(&["Ana", "Bo"]).await;
        bo.close_tab().await;
        sees_bo_leave(&ana).await;

        bo.switch_to(&first_tab).await;
        bo.joins(&origin, "Book club", PASSWORD).await;
        ana.is_with(&["Ana", "Bo"]).await;
        bo.open(&format!("{origin}/")).await;
        sees_bo_leave(&ana).await;
    })
    .await;
}

/// The form in front of the room, and not a word of what was said in it.
async fn stands_at_the_door(person: &Person, origin: &str) {
    person.arrives_at(&format!("{origin}/chat/Book%20club")).await;
    person.by_role("button", "Join room").await;
    assert_eq!(person.value("Room name").await, "Book club");
    assert!(!person.sees("log", "Messages").await);
    let page = person.runs("return document.documentElement.outerHTML", &[]).await;
    assert!(!page.as_str().unwrap().contains("hush"), "words of the room are still in the page: {page}");
}

async fn enters_again(person: &Person) {
    person.fills("Your name", person.name()).await;
    person.fills("Password", PASSWORD).await;
    person.press("Join room").await;
    person.is_in().await;
}

async fn reloading_and_going_back(engine: Engine) {
    let server = Server::start().await;
    let origin = server.origin();
    play(&format!("reloading and going back, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine.other()).await;
        let bo = scene.person("Bo", engine).await;
        ana.creates(&origin, "Book club", PASSWORD).await;
        bo.open(&origin).await;
        bo.follow("Join a room").await;
        bo.knocks("Book club", "Bo", PASSWORD, "Join room").await;
        bo.is_in().await;
        ana.is_with(&["Ana", "Bo"]).await;
        ana.says("hush, from Ana").await;
        bo.hears("hush, from Ana").await;
        bo.says("hush, from Bo").await;
        ana.hears("hush, from Bo").await;

        bo.turns("refresh").await;
        sees_bo_leave(&ana).await;
        stands_at_the_door(&bo, &origin).await;

        enters_again(&bo).await;
        ana.is_with(&["Ana", "Bo"]).await;
        bo.says("hush, again").await;
        ana.hears("hush, again").await;
        bo.turns("back").await;
        bo.arrives_at(&format!("{origin}/")).await;
        sees_bo_leave(&ana).await;

        bo.turns("forward").await;
        stands_at_the_door(&bo, &origin).await;
        enters_again(&bo).await;
        ana.is_with(&["Ana", "Bo"]).await;
        bo.says("back again").await;
        ana.hears("back again").await;
    })
    .await;
}

async fn leaving_and_coming_back(engine: Engine) {
    let server = Server::start().await;
    let origin = server.origin();
    play(&format!("leaving and coming back, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        let bo = scene.person("Bo", engine.other()).await;
        ana.creates(&origin, "Book club", PASSWORD).await;
        bo.joins(&origin, "Book club", PASSWORD).await;
        bo.says("hush").await;
        ana.hears("hush").await;
        ana.press("Leave room").await;
        ana.by_role("heading", "You left Book club").await;
        ana.arrives_at(&format!("{origin}/")).await;
        let page = ana.runs("return document.documentElement.outerHTML", &[]).await;
        assert!(!page.as_str().unwrap().contains("hush"), "words of the room are still in the page: {page}");
        bo.is_with(&["Bo"]).await;

        ana.follow("Join again").await;
        assert_eq!([ana.value("Room name").await, ana.value("Your name").await], ["Book club", "Ana"]);
        ana.fills("Password", PASSWORD).await;
        ana.press("Join room").await;
        ana.is_with(&["Bo", "Ana"]).await;

        bo.press("Leave room").await;
        ana.is_with(&["Ana"]).await;
        ana.press("Leave room").await;
        ana.by_role("link", "Make the room again").await;
        assert!(ana.text().await.contains("the room is gone"));
        assert!(!ana.sees("link", "Join again").await, "there is nothing to join");
        ana.turns("refresh").await;
        ana.by_role("link", "Create a room").await;
        assert!(!ana.text().await.contains("Book club"), "a page that was loaded anew knows of no room");
    })
    .await;
}

async fn leaving_with_a_draft(engine: Engine) {
    let server = Server::start().await;
    let origin = server.origin();
    play(&format!("leaving with a draft, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.creates(&origin, "Book club", PASSWORD).await;
        ana.types("Message", "almost fin").await;
        ana.press("Leave room").await;
        ana.by_role("dialog", "Leave without sending?").await;
        let cancel = ana.by_role("button", "Cancel").await;
        assert!(ana.is_on(&cancel).await);
        ana.strikes(&[key::ESCAPE]).await;
        eventually("the dialog is gone", async || (!ana.sees("dialog", "Leave without sending?").await).then_some(()))
            .await;
        let leave = ana.by_role("button", "Leave room").await;
        assert!(ana.is_on(&leave).await, "the focus is given back");
        assert_eq!(ana.value("Message").await, "almost fin");

        ana.strikes(&[key::ENTER]).await;
        ana.press("Cancel").await;
        assert_eq!(ana.people().await, ["Ana"]);
        ana.press("Leave room").await;
        ana.press("Leave").await;
        ana.by_role("heading", "You left Book club").await;
        assert_eq!(ana.violations().await, [""; 0]);
    })
    .await;
}

/// What was said is on its way, as far as the page can tell; but nothing arrives any more.
async fn leaving_behind_a_text(engine: Engine) {
    let server = Server::start().await;
    let proxy = Proxy::start(&server.address).await;
    let shaky = proxy.address.replace("127.0.0.1", "http://localhost");
    play(&format!("leaving behind a text, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        let bo = scene.person("Bo", engine.other()).await;
        ana.creates(&server.origin(), "Book club", PASSWORD).await;
        bo.joins(&shaky, "Book club", PASSWORD).await;
        ana.is_with(&["Ana", "Bo"]).await;
        proxy.stall(true);
        bo.says("wait for me").await;
        bo.reads("sending…").await;
        bo.press("Leave room").await;
        bo.by_role("dialog", "Leave without sending?").await;
        bo.press("Cancel").await;
        // Where it arrives after all, there is nothing to ask.
        bo.press("Leave room").await;
        proxy.stall(false);
        bo.by_role("heading", "You left Book club").await;
        ana.hears("wait for me").await;
        ana.is_with(&["Ana"]).await;
    })
    .await;
}

/// How many requests to leave a room have passed.
fn farewells(proxy: &Proxy) -> usize {
    String::from_utf8_lossy(&proxy.seen()).matches("POST /api/leave ").count()
}

/// The server hears of it as soon as there is a line again, so that the name is free.
async fn leaving_without_a_line(engine: Engine) {
    let server = Server::start().await;
    let proxy = Proxy::start(&server.address).await;
    let shaky = proxy.address.replace("127.0.0.1", "http://localhost");
    play(&format!("leaving without a line, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        let bo = scene.person("Bo", engine.other()).await;
        ana.creates(&server.origin(), "Book club", PASSWORD).await;
        bo.joins(&shaky, "Book club", PASSWORD).await;
        ana.is_with(&["Ana", "Bo"]).await;
        proxy.refuse(true);
        proxy.cut();
        bo.connection_says("Offline").await;
        let refused = proxy.refused();
        bo.press("Leave room").await;
        eventually("that is said", async || bo.text().await.contains("You were not connected").then_some(())).await;
        proxy.has_refused(refused + 1).await;
        eventually("Bo is away", async || ana.text().await.contains("reconnecting…").then_some(())).await;
        proxy.refuse(false);
        ana.reads("Bo left").await;
        ana.is_with(&["Ana"]).await;
        assert_eq!(farewells(&proxy), 1);
        bo.follow("Join again").await;
        bo.fills("Password", PASSWORD).await;
        bo.press("Join room").await;
        ana.is_with(&["Ana", "Bo"]).await;
        // The socket says it, and nothing says it again: not the worker, and not the page when it is closed.
        bo.press("Leave room").await;
        sees_bo_leave(&ana).await;
        bo.open(&shaky).await;
        bo.follow("Join a room").await;
        assert_eq!(farewells(&proxy), 1);
    })
    .await;
}
