//! The forms in front of a room: what they take, refuse, keep and forget.

use support::{
    browser::{Engine, eventually, play},
    client,
    proxy::Proxy,
    server::Server,
};

with_each_engine! { room_made_unheard too_often names_in_the_address }
with_engines_in_turn! { chromium: wrong_password room_made_again; firefox: same_name same_room; }
in_webkit_too! { same_room names_in_the_address }

const PASSWORD: &str = "correct horse battery";

async fn wrong_password(engine: Engine) {
    let server = Server::start().await;
    let origin = server.origin();
    play(&format!("wrong password, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine.other()).await;
        let bo = scene.person("Bo", engine).await;
        ana.creates(&origin, "Book club", PASSWORD).await;
        bo.open(&format!("{origin}/login")).await;
        bo.knocks("Book club", "Bo", "incorrect horse", "Join room").await;
        let words = bo.complaint("Password").await;
        assert!(words.contains("the password is not right"), "{words}");
        assert_eq!(bo.alert().await, words);
        assert!(bo.has_focus("Password").await);
        assert_eq!(bo.value("Password").await, "");
        assert_eq!(bo.value("Room name").await, "Book club");
        assert_eq!(bo.value("Your name").await, "Bo");
        assert_eq!(ana.people().await, ["Ana"]);

        bo.types("Password", PASSWORD).await;
        assert_eq!(bo.alert().await, "", "what was wrong is not said of what is typed now");
        bo.enters("Password").await;
        bo.is_in().await;
        bo.is_with(&["Ana", "Bo"]).await;
    })
    .await;
}

async fn same_name(engine: Engine) {
    let server = Server::start().await;
    let origin = server.origin();
    play(&format!("same name, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.creates(&origin, "Book club", PASSWORD).await;
        let first_tab = ana.new_tab().await;
        ana.open(&format!("{origin}/login")).await;
        // The last begins with a Cyrillic letter.
        for name in ["Ana", "aNA", "\u{410}na"] {
            ana.knocks("Book club", name, PASSWORD, "Join room").await;
            let words = ana.complaint("Your name").await;
            assert!(words.contains("Someone in the room has this name"), "{name}: {words}");
            assert!(ana.has_focus("Your name").await);
        }
        // A name to take instead, which leaves the password to be typed.
        ana.press("Use \u{410}na 2").await;
        assert_eq!(ana.value("Your name").await, "\u{410}na 2");
        assert!(ana.has_focus("Password").await);
        assert_eq!(ana.alert().await, "");
        ana.types("Password", PASSWORD).await;
        ana.enters("Password").await;
        ana.is_in().await;
        ana.press("Leave room").await;
        ana.arrives_at(&format!("{origin}/")).await;
        ana.switch_to(&first_tab).await;
        ana.is_with(&["Ana"]).await;
        assert_eq!(ana.connection().await, "Connected");
        assert_eq!(ana.messages().await, [""; 0]);

        let bo = scene.person("Bo", engine.other()).await;
        bo.joins(&origin, "Book club", PASSWORD).await;
        ana.says("undisturbed").await;
        bo.hears("undisturbed").await;
    })
    .await;
}

async fn same_room(engine: Engine) {
    let server = Server::start().await;
    let origin = server.origin();
    play(&format!("same room, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        let bo = scene.person("Bo", engine.other()).await;
        ana.creates(&origin, "Book club 9", PASSWORD).await;
        bo.open(&format!("{origin}/create")).await;
        bo.knocks("book club 9", "Bo", PASSWORD, "Create room").await;
        let words = bo.complaint("Room name").await;
        assert!(words.contains("exists already"), "{words}");

        // The field that is to blame looks so, although it has the focus.
        assert!(bo.has_focus("Room name").await);
        let script = "const [field] = arguments;
            const { borderTopColor, outlineColor, outlineStyle } = getComputedStyle(field);
            const { color } = getComputedStyle(document.getElementById(field.getAttribute('aria-describedby')));
            return outlineStyle !== 'none' && borderTopColor === color && outlineColor === color";
        assert_eq!(bo.runs(script, &[bo.field("Room name").await.to_value()]).await, true);

        bo.press("Use book club 10").await;
        bo.types("Password", PASSWORD).await;
        bo.press("Create room").await;
        bo.is_in().await;
        assert_eq!(bo.address().await, format!("{origin}/chat/book%20club%2010"));
    })
    .await;
}

/// Two make a room again: who comes second joins the first.
async fn room_made_again(engine: Engine) {
    let server = Server::start().await;
    let origin = server.origin();
    play(&format!("room made again, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine.other()).await;
        let bo = scene.person("Bo", engine).await;
        ana.creates(&origin, "Book club", PASSWORD).await;
        bo.open(&format!("{origin}/create?roomname=Book%20club&username=Bo")).await;
        bo.types("Password", PASSWORD).await;
        bo.press("Create room").await;
        let words = bo.complaint("Room name").await;
        assert!(words.contains("there already. Join it"), "{words}");
        assert!(!bo.sees("button", "Use Book club 2").await);
        bo.focus_is_on("link", "Join the room").await;
        bo.follow("Join the room").await;
        bo.arrives_at(&format!("{origin}/login")).await;
        assert_eq!([bo.value("Room name").await, bo.value("Your name").await], ["Book club", "Bo"]);
        bo.types("Password", PASSWORD).await;
        bo.press("Join room").await;
        bo.is_with(&["Ana", "Bo"]).await;
    })
    .await;
}

/// A room was made, and the answer did not arrive: whoever makes it once more is shown the way into it.
async fn room_made_unheard(engine: Engine) {
    let server = Server::start().await;
    let proxy = Proxy::start(&server.address).await;
    let shaky = proxy.address.replace("127.0.0.1", "http://localhost");
    play(&format!("room made unheard, {engine:?}"), async |scene| {
        let bo = scene.person("Bo", engine).await;
        bo.open(&format!("{shaky}/create")).await;
        // All of the page is here after one answer.
        let _cy = client::Person::create(&server.address, "Taken", "Cy", PASSWORD).await.unwrap();
        bo.knocks("Taken", "Bo", PASSWORD, "Create room").await;
        assert!(bo.complaint("Room name").await.contains("exists already"));
        proxy.refuse(true);
        proxy.cut();
        bo.knocks("Book club", "Bo", PASSWORD, "Create room").await;
        let words = "The server cannot be reached.";
        eventually("it is told so", async || bo.text().await.contains(words).then_some(())).await;
        let _ana = client::Person::create(&server.address, "Book club", "Ana", PASSWORD).await.unwrap();
        proxy.refuse(false);
        bo.types("Password", PASSWORD).await;
        bo.press("Create room").await;
        let words = bo.complaint("Room name").await;
        assert!(words.contains("there already. Join it"), "{words}");
        bo.follow("Join the room").await;
        bo.arrives_at(&format!("{shaky}/login")).await;
        bo.types("Password", PASSWORD).await;
        bo.press("Join room").await;
        bo.is_with(&["Ana", "Bo"]).await;
    })
    .await;
}

/// While the answer is waited for, the focus stays where it was; a refusal says how long to wait.
async fn too_often(engine: Engine) {
    let server = Server::with(&["--joins-per-minute", "1"]).await;
    let origin = server.origin();
    play(&format!("too often, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.open(&format!("{origin}/login")).await;
        let script = "window.focused = [];
            new MutationObserver(() => window.focused.push(document.activeElement.type))
              .observe(document.querySelector('form > [role=status]'), { childList: true });";
        ana.runs(script, &[]).await;
        ana.knocks("Book club", "Ana", PASSWORD, "Join room").await;
        ana.complaint("Password").await;
        let focused = ana.runs("return window.focused", &[]).await;
        let focused = focused.as_array().unwrap();
        assert!(focused.len() > 1 && focused[..focused.len() - 1].iter().all(|on| on == "submit"), "{focused:?}");

        ana.knocks("Book club", "Ana", PASSWORD, "Join room").await;
        eventually("it says how long", async || ana.alert().await.contains("Wait a little").then_some(())).await;
        assert!(ana.has_focus("Password").await);
    })
    .await;
}

async fn names_in_the_address(engine: Engine) {
    let server = Server::start().await;
    let origin = server.origin();
    play(&format!("names in the address, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        for (path, shown, room, user, focus) in [
            ("/login?username=Ana&roomname=Book%20club", "/login", "Book club", "Ana", "Password"),
            ("/login?username=&roomname=Book%20club", "/login", "Book club", "", "Your name"),
            ("/create?username=%D0%90&roomname=", "/create", "", "\u{410}", "Room name"),
            ("/create?roomname=a%26b%3D%25%2B+c", "/create", "a&b=%+ c", "", "Your name"),
            ("/create", "/create", "", "", "Room name"),
            ("/chat/Book%20club", "/chat/Book%20club", "Book club", "", "Your name"),
            ("/chat/Book%20club?username=Ana", "/chat/Book%20club", "Book club", "Ana", "Password"),
            ("/chat/%E8%AA%AD%2F%3F", "/chat/%E8%AA%AD%2F%3F", "読/?", "", "Your name"),
        ] {
            ana.open(&format!("{origin}{path}")).await;
            ana.arrives_at(&format!("{origin}{shown}")).await;
            assert_eq!(ana.value("Room name").await, room, "{path}");
            assert_eq!(ana.value("Your name").await, user, "{path}");
            ana.focus_is_on("field", focus).await;
            let button = if path.starts_with("/create") { "Create room" } else { "Join room" };
            assert!(ana.sees("button", button).await, "{path}");
        }
        assert_eq!(ana.violations().await, [""; 0]);
    })
    .await;
}
