//! How one who looks elsewhere hears that somebody wrote.

use serde_json::{Value, json};
use support::{
    browser::{Engine, Person, eventually, play},
    client,
    server::Server,
};

with_each_engine! { unread_in_the_title sound_and_notifications refused_notifications }

const PASSWORD: &str = "correct horse battery";

/// Has the page keep a record of the tones it plays and of what it hands to the system, which no test can see.
async fn listens(person: &Person, answer: &str) {
    let script = "window.tones = 0;
        window.asked = 0;
        window.notified = [];
        const start = AudioScheduledSourceNode.prototype.start;
        AudioScheduledSourceNode.prototype.start = function (...times) {
          window.tones += 1;
          return start.apply(this, times);
        };
        window.Notification = class extends EventTarget {
          constructor(title, { body }) { super(); window.notified.push([title, body ?? null]); }
          close() {}
          static async requestPermission() { window.asked += 1; return window.answer; }
        };
        window.answer = arguments[0];";
    person.runs(script, &[json!(answer)]).await;
}

async fn pressed(person: &Person, name: &str) -> bool {
    let button = person.by_role("button", name).await;
    person.runs("return arguments[0].getAttribute('aria-pressed')", &[button.to_value()]).await == "true"
}

async fn title(person: &Person) -> Value {
    person.runs("return document.title", &[]).await
}

async fn unread_in_the_title(engine: Engine) {
    let server = Server::start().await;
    play(&format!("unread in the title, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.creates(&server.origin(), "Book club", PASSWORD).await;
        let mut bo = client::Person::join(&server.address, "Book club", "Bo", PASSWORD).await.unwrap();
        bo.say("seen").await;
        ana.hears("seen").await;
        assert_eq!(title(&ana).await, "Book club · Cloakroom");

        let room = ana.looks_away().await;
        for text in ["one", "two"] {
            bo.say(text).await;
            ana.gets_unseen(text).await;
        }
        assert_eq!(ana.runs("return opener.document.title", &[]).await, "(2) Book club · Cloakroom");
        ana.looks_back(&room).await;
        eventually("the title is as before", async || (title(&ana).await == "Book club · Cloakroom").then_some(()))
            .await;
    })
    .await;
}

async fn sound_and_notifications(engine: Engine) {
    let server = Server::start().await;
    play(&format!("sound and notifications, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.creates(&server.origin(), "Book club", PASSWORD).await;
        let mut bo = client::Person::join(&server.address, "Book club", "Bo", PASSWORD).await.unwrap();
        listens(&ana, "granted").await;
        let record = async || ana.runs("return [window.tones, window.asked, window.notified]", &[]).await;
        let room = ana.looks_away().await;
        bo.say("unheard").await;
        ana.gets_unseen("unheard").await;
        ana.looks_back(&room).await;
        ana.hears("unheard").await;
        assert!(!pressed(&ana, "Sound").await && !pressed(&ana, "Notifications").await);
        assert_eq!(record().await, json!([0, 0, []]), "nothing unless it was asked for");

        ana.press("Sound").await;
        ana.press("Notifications").await;
        eventually("both are on", async || {
            (pressed(&ana, "Sound").await && pressed(&ana, "Notifications").await).then_some(())
        })
        .await;
        assert_eq!(record().await, json!([2, 1, []]), "a first chime, and one question");

        let room = ana.looks_away().await;
        bo.say("the secret").await;
        ana.gets_unseen("the secret").await;
        ana.looks_back(&room).await;
        ana.hears("the secret").await;
        assert_eq!(record().await, json!([4, 1, [["Bo wrote", null]]]), "a chime; who, and not what");

        ana.press("Mute Bo").await;
        let room = ana.looks_away().await;
        bo.say("noise").await;
        ana.gets_unseen("noise").await;
        ana.looks_back(&room).await;
        ana.hears("noise").await;
        ana.press("Unmute Bo").await;
        ana.press("Sound").await;
        let room = ana.looks_away().await;
        bo.say("again").await;
        ana.gets_unseen("again").await;
        ana.looks_back(&room).await;
        ana.hears("again").await;
        assert_eq!(record().await, json!([4, 1, [["Bo wrote", null], ["Bo wrote", null]]]));
        assert_eq!(ana.violations().await, [""; 0]);
    })
    .await;
}

async fn refused_notifications(engine: Engine) {
    let server = Server::start().await;
    play(&format!("refused notifications, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.creates(&server.origin(), "Book club", PASSWORD).await;
        listens(&ana, "denied").await;
        ana.press("Notifications").await;
        let refused = "The browser does not allow notifications";
        eventually("it says so", async || ana.text().await.contains(refused).then_some(())).await;
        assert!(!pressed(&ana, "Notifications").await);
    })
    .await;
}
