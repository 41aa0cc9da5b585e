//! Light, dark, or as the system has it.

use serde_json::json;
use support::{
    browser::{Engine, Person, play},
    server::Server,
};

with_each_engine! { chosen_theme }
in_webkit_too! { chosen_theme }

const PASSWORD: &str = "correct horse battery";

/// Whether the text is lighter than what it stands on.
async fn is_dark(person: &Person) -> bool {
    let script = "const { color, backgroundColor } = getComputedStyle(document.body);
        const light = (value) => value.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0);
        return light(color) > light(backgroundColor)";
    person.runs(script, &[]).await == true
}

async fn chosen(person: &Person) -> String {
    let list = person.by_role("combobox", "Theme").await;
    person.runs("return arguments[0].value", &[list.to_value()]).await.as_str().unwrap().to_owned()
}

async fn chosen_theme(engine: Engine) {
    let server = Server::start().await;
    let origin = server.origin();
    play(&format!("theme, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.open(&origin).await;
        assert_eq!(chosen(&ana).await, "system");
        assert_eq!(ana.runs("return { ...localStorage }", &[]).await, json!({}));
        for (choice, value, dark) in [("Dark", "dark", true), ("Light", "light", false), ("Dark", "dark", true)] {
            ana.chooses("Theme", choice).await;
            for path in ["/", "/create", "/login", "/nowhere"] {
                ana.open(&format!("{origin}{path}")).await;
                assert_eq!((chosen(&ana).await.as_str(), is_dark(&ana).await), (value, dark), "{path}");
            }
            assert_eq!(ana.runs("return { ...localStorage }", &[]).await, json!({ "theme": value }));
        }

        // In the room too; and what one tab chooses holds in the others.
        let first = ana.new_tab().await;
        ana.creates(&origin, "Book club", PASSWORD).await;
        assert!(is_dark(&ana).await);
        ana.chooses("Theme", "Light").await;
        assert!(!is_dark(&ana).await);
        let room = ana.tab().await;
        ana.switch_to(&first).await;
        assert_eq!((chosen(&ana).await.as_str(), is_dark(&ana).await), ("light", false));
        ana.chooses("Theme", "System").await;
        assert_eq!(ana.runs("return { ...localStorage }", &[]).await, json!({}), "nothing is kept of no choice");
        ana.switch_to(&room).await;
        assert_eq!(chosen(&ana).await, "system");
        if engine == Engine::Chromium {
            for scheme in ["light", "dark"] {
                let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
                ana.chromium("Emulation.setEmulatedMedia", features).await;
                assert_eq!(is_dark(&ana).await, scheme == "dark");
            }
        }
        assert_eq!(ana.violations().await, [""; 0]);
    })
    .await;
}
