//! Pictures of every state, to be looked at: `cargo test -p tests --test browsers pictures -- --ignored`
//! leaves them in `target/pictures/`.

use std::fs;

use serde_json::json;
use support::{
    browser::{Engine, Person, play},
    client, root,
    server::Server,
};

const PASSWORD: &str = "correct horse battery";

/// A phone and a desk, by day and by night.
async fn shoot(person: &Person, state: &str) {
    let folder = root().join("target/pictures");
    fs::create_dir_all(&folder).unwrap();
    for (width, height) in [(360, 640), (1440, 900)] {
        person.resizes(width, height).await;
        for scheme in ["light", "dark"] {
            let scheme_is = json!({ "features": [
                { "name": "prefers-color-scheme", "value": scheme },
                { "name": "prefers-reduced-motion", "value": "reduce" },
            ] });
            person.chromium("Emulation.setEmulatedMedia", scheme_is).await;
            fs::write(folder.join(format!("{state} {width} {scheme}.png")), person.picture().await).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes pictures for people to look at"]
async fn doors() {
    let server = Server::with(&["--max-members", "1"]).await;
    let origin = server.origin();
    play("pictures of doors", async |scene| {
        let ana = scene.person("Ana", Engine::Chromium).await;
        ana.open(&origin).await;
        shoot(&ana, "landing").await;
        ana.open(&format!("{origin}/nowhere")).await;
        shoot(&ana, "not found").await;
        ana.open(&format!("{origin}/create")).await;
        shoot(&ana, "create").await;
        ana.knocks("Book club", "Ana", "short", "Create room").await;
        ana.complaint("Password").await;
        shoot(&ana, "create, too short").await;

        let mut bo = client::Person::create(&server.address, "Book club", "Bo", PASSWORD).await.unwrap();
        ana.open(&format!("{origin}/login?roomname=Book%20club&username=Ana")).await;
        shoot(&ana, "join").await;
        ana.knocks("Book club", "Ana", "wrong password", "Join room").await;
        ana.complaint("Password").await;
        shoot(&ana, "join, wrong password").await;
        ana.knocks("Book club", "Ana", PASSWORD, "Join room").await;
        support::browser::eventually("full", async || ana.alert().await.contains("full").then_some(())).await;
        shoot(&ana, "join, room full").await;
        bo.leave().await;
        ana.allows_script(false).await;
        ana.open(&format!("{origin}/create")).await;
        shoot(&ana, "create, without script").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes pictures for people to look at"]
async fn rooms() {
    let mut server = Server::start().await;
    let origin = server.origin();
    play("pictures of rooms", async |scene| {
        let ana = scene.person("Ana", Engine::Chromium).await;
        ana.creates(&origin, "Book club", PASSWORD).await;
        shoot(&ana, "room, empty").await;
        ana.press("Invite").await;
        ana.field("Invite link").await;
        shoot(&ana, "room, invite").await;
        ana.press("Close").await;

        let enter = async |name| client::Person::join(&server.address, "Book club", name, PASSWORD).await.unwrap();
        let long = "Bartholomew Featherstonehaugh-Cholmondeley of Wolverhampton West";
        let (mut bo, mut noor, mut long) = (enter("Bo").await, enter("نور").await, enter(long).await);
        bo.say("Hello Ana! Did you finish the book?").await;
        ana.hears("Hello Ana! Did you finish the book?").await;
        ana.says("Nearly. Two chapters left, and I have a theory about the gardener.").await;
        ana.says("See https://example.org/chapters/twenty-one?page=3#the-gardener").await;
        noor.say("مرحبا، لقد أنهيت الكتاب أمس! انظروا https://example.org/").await;
        bo.say("Do not tell us.\n\nNot here, at least:\n  - no names\n  - no places").await;
        long.say(&"Donaudampfschifffahrtsgesellschaftskapitän".repeat(6)).await;
        long.say(&"This is a rather long message, as people write when they have much to say. ".repeat(8)).await;
        ana.says("👍🏽").await;
        ana.hears("👍🏽").await;
        shoot(&ana, "room, busy").await;
        ana.resizes(360, 640).await;
        ana.press("People").await;
        shoot(&ana, "room, people").await;
        bo.leave().await;
        noor.lose_connection().await;
        ana.reads("Bo left").await;

        let killed = std::process::Command::new("kill").args(["-KILL", &server.pid().to_string()]).status().unwrap();
        assert!(killed.success() && !server.ended().await);
        ana.connection_says("Offline").await;
        ana.says("Is anyone still there?").await;
        shoot(&ana, "room, offline").await;
        let _server = Server::with(&["--listen", &server.address]).await;
        ana.by_role("link", "Make the room again").await;
        shoot(&ana, "room, over").await;
    })
    .await;
}
