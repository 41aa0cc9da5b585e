//! Nothing stands in anybody's way: axe-core finds nothing in any state, in either theme.

use serde_json::json;
use support::{
    browser::{Engine, Person, eventually, play},
    client,
    server::Server,
};

const PASSWORD: &str = "correct horse battery";

/// The smallest of GIFs.
const PIXEL: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0;";

/// On a desk and on a phone.
async fn look(person: &Person, state: &str) {
    for (width, height) in [(1440, 900), (360, 640)] {
        person.resizes(width, height).await;
        assert_eq!(person.accessibility_violations().await, [""; 0], "{state}, {width} wide");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn doors() {
    let server = Server::with(&["--max-members", "1"]).await;
    let origin = server.origin();
    play("axe at the doors", async |scene| {
        let ana = scene.person("Ana", Engine::Chromium).await;
        for path in ["/", "/nowhere", "/create", "/login"] {
            ana.open(&format!("{origin}{path}")).await;
            look(&ana, path).await;
        }
        ana.open(&format!("{origin}/create")).await;
        ana.types("Password", "Tr0ub4dor&3").await;
        ana.reads_strength("about").await;
        look(&ana, "a password that was typed").await;
        ana.press("Suggest a passphrase").await;
        ana.reads_strength("billions").await;
        look(&ana, "a passphrase that was suggested").await;
        ana.knocks("Book club", "Ana", "short", "Create room").await;
        ana.complaint("Password").await;
        look(&ana, "a password too short").await;

        let _bo = client::Person::create(&server.address, "Book club", "Bo", PASSWORD).await.unwrap();
        ana.knocks("Book club", "Ana", PASSWORD, "Create room").await;
        ana.by_role("button", "Use Book club 2").await;
        look(&ana, "a name that is taken").await;
        ana.open(&format!("{origin}/login")).await;
        ana.knocks("Book club", "Ana", "wrong password", "Join room").await;
        ana.complaint("Password").await;
        look(&ana, "a wrong password").await;
        ana.knocks("Book club", "Ana", PASSWORD, "Join room").await;
        eventually("full", async || ana.alert().await.contains("full").then_some(())).await;
        look(&ana, "a room that is full").await;

        // What finds nothing must be able to find something.
        let script = "document.querySelector('label').remove(); document.querySelector('h1').style.color = '#8884';";
        ana.runs(script, &[]).await;
        let found = ana.accessibility_violations().await.join("\n");
        assert!(found.contains("light: label, ") && found.contains("dark: color-contrast, "), "{found}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms() {
    let mut server = Server::start().await;
    let origin = server.origin();
    play("axe in a room", async |scene| {
        let ana = scene.person("Ana", Engine::Chromium).await;
        ana.creates(&origin, "Book club", PASSWORD).await;
        ana.by_role("image", "QR code of the invite link").await;
        look(&ana, "a new room").await;
        ana.press("Close").await;
        look(&ana, "an empty room").await;
        ana.press("Invite").await;
        ana.by_role("image", "QR code of the invite link").await;
        look(&ana, "the invite").await;
        ana.press("Close").await;

        let mut bo = client::Person::join(&server.address, "Book club", "Bo", PASSWORD).await.unwrap();
        bo.say("See https://example.org/").await;
        ana.hears("See https://example.org/").await;
        ana.says("I will.").await;
        look(&ana, "people talking").await;
        ana.press("Security").await;
        look(&ana, "the security panel").await;
        ana.press("Close").await;
        ana.press("People").await;
        look(&ana, "the list of people").await;
        bo.lose_connection().await;
        let killed = std::process::Command::new("kill").args(["-KILL", &server.pid().to_string()]).status().unwrap();
        assert!(killed.success() && !server.ended().await);
        ana.connection_says("Offline").await;
        ana.says("Is anyone still there?").await;
        look(&ana, "no connection").await;
        let _server = Server::with(&["--listen", &server.address]).await;
        ana.by_role("link", "Make the room again").await;
        look(&ana, "a room that is over").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures() {
    let server = Server::start().await;
    play("axe at pictures", async |scene| {
        let ana = scene.person("Ana", Engine::Chromium).await;
        ana.creates(&server.origin(), "Book club", PASSWORD).await;
        ana.press("Close").await;
        let _bo = client::Person::join(&server.address, "Book club", "Bo", PASSWORD).await.unwrap();
        ana.is_with(&["Ana", "Bo"]).await;
        eventually("a picture is taken", async || {
            ana.drops_file("pixel", "", PIXEL).await;
            ana.sees("textbox", "Description").await.then_some(())
        })
        .await;
        look(&ana, "a picture before it is sent").await;
        ana.press("Send picture").await;
        ana.by_role("button", "Picture from Ana").await;
        look(&ana, "a picture in the log").await;
        ana.press("Picture from Ana").await;
        ana.by_role("link", "Save picture").await;
        look(&ana, "a large picture").await;
        ana.press("Close").await;
        ana.drops_file("text", "", b"no picture").await;
        eventually("no", async || ana.alert().await.contains("not a picture").then_some(())).await;
        look(&ana, "a picture that is refused").await;
    })
    .await;
    play("axe at moving pictures", async |scene| {
        let ana = scene.person("Ana", Engine::Chromium).await;
        ana.rehearses(&server.origin()).await;
        let told = [(1, "Ana", 1), (2, "Bo", 2), (1, "Ana", 3), (2, "Bo", 4)].map(|(id, name, picture)| {
            json!({ "type": "picture", "id": id, "name": name, "mine": id == 1, "picture": picture, "width": 90,
                "height": 50, "length": 100, "alt": "" })
        });
        ana.is_told(&told).await;
        let ended = [(1, 1, "cancelled"), (2, 2, "broken")]
            .map(|(id, picture, why)| json!({ "type": "picture_ended", "id": id, "picture": picture, "why": why }));
        ana.is_told(&ended).await;
        ana.by_role("button", "Cancel sending").await;
        ana.by_role("button", "Send again").await;
        look(&ana, "pictures on their way").await;
    })
    .await;
}
