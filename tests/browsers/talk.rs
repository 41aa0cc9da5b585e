//! The whole way: from the landing page to an empty room's end.

use serde_json::json;
use support::{
    browser::{Engine, eventually, play},
    server::Server,
};

with_engines_in_turn! { firefox: whole_way; }
in_webkit_too! { whole_way }

const PASSWORD: &str = "correct horse battery";

async fn whole_way(engine: Engine) {
    let server = Server::start().await;
    let origin = server.origin();
    play(&format!("whole way, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.open(&origin).await;
        ana.follow("Create a room").await;
        ana.knocks("Book club", "Ana", PASSWORD, "Create room").await;
        ana.is_in().await;
        assert_eq!(ana.address().await, format!("{origin}/chat/Book%20club"));
        ana.is_with(&["Ana"]).await;
        assert!(ana.text().await.contains("You are the only one here"));
        ana.focus_is_on("field", "Message").await;

        ana.press("Invite").await;
        let link = ana.value("Invite link").await;
        assert_eq!(link, format!("{origin}/login?username=&roomname=Book%20club"));
        ana.press("Close").await;

        let bo = scene.person("Bo", engine.other()).await;
        bo.open(&link).await;
        assert_eq!(bo.value("Room name").await, "Book club");
        bo.fills("Your name", "Bo").await;
        bo.fills("Password", PASSWORD).await;
        bo.press("Join room").await;
        bo.is_in().await;
        bo.is_with(&["Ana", "Bo"]).await;
        ana.is_with(&["Ana", "Bo"]).await;
        ana.reads("Bo came in").await;
        assert!(!ana.text().await.contains("You are the only one here"));

        ana.says("Hello Bo").await;
        bo.hears("Hello Bo").await;
        bo.says("Hello Ana, see https://example.org/a?b=c#d.").await;
        ana.hears("Hello Ana, see https://example.org/a?b=c#d.").await;
        let link = ana.by_role("link", "https://example.org/a?b=c#d").await;
        let script = "const { href, rel, target } = arguments[0]; return [href, rel, target]";
        let made = ana.runs(script, &[link.to_value()]).await;
        assert_eq!(made, json!(["https://example.org/a?b=c#d", "noreferrer noopener", "_blank"]));

        bo.press("Leave room").await;
        ana.is_with(&["Ana"]).await;
        ana.reads("Bo left").await;
        bo.arrives_at(&format!("{origin}/")).await;
        assert!(bo.sees("link", "Join a room").await);
        for person in [&ana, &bo] {
            assert_eq!(person.translatable(&["Ana", "Bo", "Book club"]).await, [""; 0]);
        }

        for person in [&ana, &bo] {
            assert_eq!(person.violations().await, [""; 0], "{} has seen violations", person.name());
        }

        ana.press("Leave room").await;
        ana.arrives_at(&format!("{origin}/")).await;
        bo.open(&format!("{origin}/login")).await;
        bo.knocks("Book club", "Bo", PASSWORD, "Join room").await;
        let words = bo.complaint("Password").await;
        assert!(words.contains("the password is not right"), "{words}");

        bo.creates(&origin, "Book club", "another password").await;
        bo.is_with(&["Bo"]).await;
        assert_eq!(bo.messages().await, [""; 0]);

        if engine == Engine::WebKit {
            return; // it does not tell of violations
        }
        // What finds nothing must be able to find something.
        ana.runs("document.body.setAttribute('style', 'color: red')", &[]).await;
        eventually("a violation is noticed", async || (!ana.violations().await.is_empty()).then_some(())).await;
    })
    .await;
}
