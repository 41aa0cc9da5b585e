//! A whole visit with the keyboard alone.

use support::{
    browser::{Engine, Person, eventually, key, play},
    client,
    server::Server,
};

with_each_engine! { from_the_landing_page_to_the_way_out }

const PASSWORD: &str = "correct horse battery";

/// Whatever has the focus can be seen to have it.
async fn sees_the_focus(person: &Person) {
    let script = "const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
        return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2";
    assert!(person.runs(script, &[]).await == true, "{} does not see where the focus is", person.name());
}

async fn from_the_landing_page_to_the_way_out(engine: Engine) {
    let server = Server::start().await;
    let origin = server.origin();
    play(&format!("with the keyboard alone, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        let go = async |role: &str, name: &str| {
            ana.tabs_to(role, name).await;
            sees_the_focus(&ana).await;
        };
        let write = async |text: &str| {
            let keys: Vec<String> = text.chars().map(String::from).collect();
            ana.strikes(&keys.iter().map(String::as_str).collect::<Vec<_>>()).await;
        };
        ana.open(&origin).await;
        go("link", "Create a room").await;
        ana.strikes(&[key::ENTER]).await;
        ana.arrives_at(&format!("{origin}/create")).await;
        eventually("the first field waits", async || ana.has_focus("Room name").await.then_some(())).await;
        write("Book club").await;
        go("field", "Your name").await;
        write("Ana").await;
        go("field", "Password").await;
        write(PASSWORD).await;
        ana.strikes(&[key::ENTER]).await;
        ana.is_in().await;

        assert!(ana.has_focus("Message").await, "one can write at once");
        sees_the_focus(&ana).await;
        write("hello").await;
        ana.strikes(&[key::ENTER]).await;
        ana.hears("hello").await;
        go("button", "Emoji").await;
        ana.strikes(&[key::ENTER]).await;
        eventually("it is loaded", async || ana.text().await.contains("😀").then_some(())).await;
        ana.strikes(&[key::DOWN]).await;
        sees_the_focus(&ana).await;
        ana.strikes(&[key::ENTER]).await;
        assert_eq!(ana.value("Message").await, "😀");
        ana.strikes(&[key::ENTER]).await;
        ana.hears("😀").await;

        go("button", "Notifications").await;
        let _bo = client::Person::join(&server.address, "Book club", "Bo", PASSWORD).await.unwrap();
        ana.is_with(&["Ana", "Bo"]).await;

        go("button", "Mute Bo").await;
        ana.strikes(&[" "]).await;
        ana.by_role("button", "Unmute Bo").await;
        go("log", "Messages").await;
        ana.strikes(&[key::UP, key::TAB]).await;
        sees_the_focus(&ana).await;
        ana.strikes(&[key::ENTER]).await;
        eventually("it is copied", async || ana.text().await.contains("Copied").then_some(())).await;

        go("button", "Invite").await;
        ana.strikes(&[key::ENTER]).await;
        ana.by_role("field", "Invite link").await;
        ana.strikes(&[key::ESCAPE]).await;
        go("button", "Leave room").await;
        ana.strikes(&[key::ENTER]).await;
        ana.by_role("heading", "You left Book club").await;
        go("link", "Join a room").await;
        ana.strikes(&[key::ENTER]).await;
        ana.arrives_at(&format!("{origin}/login")).await;
        assert!(ana.has_focus("Room name").await);
    })
    .await;
}
