//! Every way out of a room is one: the others see it at once, and nothing stays behind.

use support::{
    browser::{Engine, Person, play},
    server::Server,
};

with_each_engine! { closing_and_navigating reloading_and_going_back }

/// How soon the others see that someone has left.
const AT_ONCE: u64 = 1000;
const PASSWORD: &str = "correct horse battery";

/// Someone was seen to leave, soon after they did.
async fn alone_soon_after(person: &Person, gone: u64) {
    let took = person.saw_people(&[person.name()]).await.at.saturating_sub(gone);
    assert!(took < AT_ONCE, "it took {took} ms until {} was seen alone", person.name());
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
        ana.watches_people().await;
        alone_soon_after(&ana, bo.close_tab().await).await;

        bo.switch_to(&first_tab).await;
        bo.joins(&origin, "Book club", PASSWORD).await;
        ana.is_with(&["Ana", "Bo"]).await;
        ana.watches_people().await;
        alone_soon_after(&ana, bo.open(&format!("{origin}/")).await).await;
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

        ana.watches_people().await;
        alone_soon_after(&ana, bo.turns("refresh").await).await;
        stands_at_the_door(&bo, &origin).await;

        enters_again(&bo).await;
        ana.is_with(&["Ana", "Bo"]).await;
        bo.says("hush, again").await;
        ana.hears("hush, again").await;
        ana.watches_people().await;
        let gone = bo.turns("back").await;
        bo.arrives_at(&format!("{origin}/")).await;
        alone_soon_after(&ana, gone).await;

        bo.turns("forward").await;
        stands_at_the_door(&bo, &origin).await;
        enters_again(&bo).await;
        ana.is_with(&["Ana", "Bo"]).await;
        bo.says("back again").await;
        ana.hears("back again").await;
    })
    .await;
}
