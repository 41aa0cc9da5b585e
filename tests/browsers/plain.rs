//! Without script, and on a small screen.

use support::{
    browser::{Engine, Person, eventually, play},
    client,
    server::Server,
};

with_each_engine! { without_script small_screen turned_screen }

const PASSWORD: &str = "correct horse battery";

async fn without_script(engine: Engine) {
    let server = Server::start().await;
    let origin = server.origin();
    play(&format!("without script, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.allows_script(false).await;
        ana.open(&origin).await;
        assert!(ana.sees("link", "Create a room").await);
        assert!(ana.sees("link", "Join a room").await);

        for (path, button) in [("/create", "Create room"), ("/login", "Join room")] {
            ana.open(&format!("{origin}{path}")).await;
            assert!(ana.text().await.contains("This page needs JavaScript"), "{path} does not say what it needs");
            ana.knocks("Book club", "Ana", PASSWORD, button).await;
            ana.enters("Password").await;
            assert_eq!(ana.address().await, format!("{origin}{path}"));
            assert_eq!(ana.violations().await, [""; 0], "the browser does not even try to send the form");
            // Even where it would, it may not.
            ana.runs("document.querySelector('[type=submit]').disabled = false", &[]).await;
            ana.press(button).await;
            eventually("the browser refuses to send the form", async || {
                ana.violations().await.iter().any(|line| line.contains("form-action")).then_some(())
            })
            .await;
            assert_eq!(ana.address().await, format!("{origin}{path}"));
        }
    })
    .await;
}

async fn fits(person: &Person, what: &str) {
    assert!(person.overflow().await <= 0, "{what} can be moved sideways by {} px", person.overflow().await);
    assert_eq!(person.outside().await, [""; 0], "sticks out of {what}");
}

async fn small_screen(engine: Engine) {
    let server = Server::start().await;
    let origin = server.origin();
    let long = "W".repeat(wire::limits::NAME_CHARS);
    play(&format!("small screen, {engine:?}"), async |scene| {
        let ana = scene.person(&long, engine).await;
        ana.open(&origin).await;
        ana.resizes(360, 640).await;
        assert_eq!(ana.runs("return innerWidth", &[]).await, 360);
        for path in ["/", "/login", "/create"] {
            ana.open(&format!("{origin}{path}")).await;
            fits(&ana, path).await;
        }
        let mut there = client::Person::create(&server.address, &long, "Bo", PASSWORD).await.unwrap();
        ana.knocks(&long, &long, PASSWORD, "Create room").await;
        ana.by_role("button", &format!("Use {} 2", "W".repeat(wire::limits::NAME_CHARS - 2))).await;
        fits(&ana, "a long name that is offered").await;
        there.leave().await;
        ana.press("Suggest a passphrase").await;
        ana.reads_strength("billions").await;
        fits(&ana, "a passphrase that is suggested").await;
        ana.knocks(&long, &long, "short", "Create room").await;
        ana.complaint("Password").await;
        fits(&ana, "a form with long names and an alert").await;

        ana.fills("Password", PASSWORD).await;
        ana.press("Create room").await;
        ana.is_in().await;
        fits(&ana, "an empty room").await;
        ana.says(&"wide".repeat(100)).await;
        ana.says(&format!("https://example.org/{}", "wide".repeat(50))).await;
        ana.types("Message", &"w".repeat(60)).await;
        fits(&ana, "a long word that is being written").await;
        fits(&ana, "a room with long words").await;
        ana.press("Invite").await;
        ana.field("Invite link").await;
        fits(&ana, "the invite link").await;
        ana.press("Close").await;
        ana.press("People").await;
        ana.is_with(&[&long]).await;
        fits(&ana, "the list of people").await;
    })
    .await;
}

/// The reader who was at the end of the talk still is, whatever shape the window takes.
async fn turned_screen(engine: Engine) {
    let server = Server::start().await;
    play(&format!("turned screen, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.creates(&server.origin(), "Book club", PASSWORD).await;
        for _ in 0..8 {
            ana.says_pasted(&"A rather long message, as people write them. ".repeat(12)).await;
        }
        let log = ana.by_role("log", "Messages").await;
        for (width, height) in [(1200, 800), (360, 640), (640, 360), (1200, 800), (360, 640)] {
            ana.resizes(width, height).await;
            eventually(&format!("the end is in view at {width} × {height}"), async || {
                let script = "const { scrollHeight, scrollTop, clientHeight } = arguments[0];
                    return scrollHeight > clientHeight && scrollHeight - scrollTop - clientHeight < 2";
                (ana.runs(script, &[log.to_value()]).await == true).then_some(())
            })
            .await;
            assert!(!ana.sees("button", "Jump to latest").await);
        }

        ana.runs("arguments[0].scrollTop = 0", &[log.to_value()]).await;
        ana.press("Jump to latest").await;
        eventually("the end again", async || (!ana.sees("button", "Jump to latest").await).then_some(())).await;
    })
    .await;
}
