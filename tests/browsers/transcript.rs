//! The talk as a file: by choice, as it stands on the page, and gone from the page when the choice is.

use serde_json::{Value, json};
use support::{
    browser::{Engine, eventually, key, message, play},
    server::Server,
};

with_each_engine! { save_transcript }

async fn save_transcript(engine: Engine) {
    let server = Server::start().await;
    play(&format!("save transcript, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.rehearses(&server.origin()).await;
        let opener = ana.by_role("button", "Save transcript").await;
        let enabled = "return !arguments[0].disabled";
        assert_eq!(ana.runs(enabled, &[opener.to_value()]).await, false, "nothing was said");

        ana.is_told(&[message(1, "Ana", "first\nAna: forged?", 1), message(2, "Bo", "second", 2)]).await;
        assert_eq!(ana.runs(enabled, &[opener.to_value()]).await, true);
        let watch = "const create = URL.createObjectURL;
            window.made = [];
            URL.createObjectURL = (blob) => {
              window.made.push(blob);
              return create.call(URL, blob);
            };";
        ana.runs(watch, &[]).await;
        ana.press("Save transcript").await;
        let links = [("Save as plain text", ".txt"), ("Save as JSON", ".json")];
        for (name, ending) in links {
            let link = ana.by_role("link", name).await;
            let made = ana.runs("return [arguments[0].download, arguments[0].protocol]", &[link.to_value()]).await;
            let file = made[0].as_str().unwrap();
            assert!(file.starts_with("Book club 20") && file.ends_with(ending), "{file}");
            assert_eq!(made[1], "blob:");
        }
        assert_eq!(ana.accessibility_violations().await, [""; 0]);
        let contents = ana.runs("return Promise.all(window.made.map((blob) => blob.text()))", &[]).await;
        let text = contents[0].as_str().unwrap();
        assert!(text.contains("Ana (not sent): first\n    Ana: forged?\n") && text.contains("Bo: second\n"), "{text}");
        let talk: Value = serde_json::from_str(contents[1].as_str().unwrap()).unwrap();
        assert_eq!((&talk["room"], &talk["messages"][1]["name"]), (&json!("Book club"), &json!("Bo")));

        // Nothing stays on the page, however one goes on, and one is where one was.
        ana.strikes(&[key::ESCAPE]).await;
        eventually("it is closed", async || (!ana.sees("link", "Save as JSON").await).then_some(())).await;
        let left = "return document.querySelectorAll('#transcript a[href]').length";
        assert_eq!(ana.runs(left, &[]).await, 0);
        assert!(ana.is_on(&opener).await);

        // On a phone it is among the people.
        ana.resizes(360, 640).await;
        assert!(!ana.sees("button", "Save transcript").await);
        ana.press("People").await;
        ana.press("Save transcript").await;
        ana.by_role("link", "Save as JSON").await;
        assert!(ana.overflow().await <= 0);
        ana.press("Close").await;
        assert_eq!(ana.runs(left, &[]).await, 0);

        // A room that has ended can still be kept.
        ana.is_told(&[json!({ "type": "ended", "code": "room_gone", "words": "The room is gone." })]).await;
        assert_eq!(ana.runs(enabled, &[opener.to_value()]).await, true);
    })
    .await;
}
