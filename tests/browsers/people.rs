//! The list of people: on a phone, by keyboard, and what one may do about them.

use serde_json::json;
use support::{
    browser::{Engine, Person, eventually, key, message, play},
    client,
    server::Server,
};

with_each_engine! { on_a_phone muting the_same_name_again away_and_back }

const PASSWORD: &str = "correct horse battery";

/// What is said about each person beside their name.
async fn tags(person: &Person) -> Vec<String> {
    let list = person.by_role("list", "People").await;
    let script = "return [...arguments[0].children].map((row) => row.innerText.replaceAll(/\\s+/g, ' ').trim())";
    let rows = person.runs(script, &[list.to_value()]).await;
    rows.as_array().unwrap().iter().map(|row| row.as_str().unwrap().to_owned()).collect()
}

async fn on_a_phone(engine: Engine) {
    let server = Server::start().await;
    play(&format!("people on a phone, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.creates(&server.origin(), "Book club", PASSWORD).await;
        ana.resizes(360, 640).await;
        assert!(!ana.sees("list", "People").await);
        let toggle = ana.by_role("button", "People").await;
        assert_eq!(ana.runs("return arguments[0].dataset.count", &[toggle.to_value()]).await, "1");

        ana.tabs_to("button", "People").await;
        ana.strikes(&[key::ENTER]).await;
        ana.is_with(&["Ana"]).await;
        assert_eq!(tags(&ana).await, ["Ana you"]);
        ana.strikes(&[key::TAB]).await;
        let close = ana.by_role("button", "Close people").await;
        assert!(ana.is_on(&close).await, "the focus is in the panel");
        ana.strikes(&[key::ESCAPE]).await;
        assert!(!ana.sees("list", "People").await);
        assert!(ana.is_on(&toggle).await);

        ana.press("People").await;
        ana.press("Close people").await;
        assert!(!ana.sees("list", "People").await);
        ana.press("People").await;
        ana.is_with(&["Ana"]).await;
        let message = ana.field("Message").await;
        ana.runs("arguments[0].focus()", &[message.to_value()]).await;
        assert!(!ana.sees("list", "People").await, "who goes on writing has seen enough");
        assert!(ana.is_on(&message).await);
    })
    .await;
}

async fn muting(engine: Engine) {
    let server = Server::start().await;
    play(&format!("muting, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.rehearses(&server.origin()).await;
        ana.is_told(&[message(2, "Bo", "noise", 1), message(3, "Cy", "news", 2)]).await;
        assert!(ana.text().await.contains("\nnoise"));
        assert!(!ana.sees("button", "Mute Ana").await, "nobody mutes themselves");

        ana.press("Mute Bo").await;
        eventually("it is gone", async || (!ana.text().await.contains("noise")).then_some(())).await;
        ana.is_told(&[message(2, "Bo", "more noise", 3)]).await;
        assert!(ana.sees("button", "1 message from Bo, muted").await);
        let seen = ana.text().await;
        assert!(seen.contains("news") && !seen.contains("noise"), "{seen}");
        assert!(tags(&ana).await.contains(&"Bo muted Unmute Bo".to_owned()), "{:?}", tags(&ana).await);

        // One may look at what was said in one go, without hearing more of it.
        let all = "return [...document.querySelectorAll('.group__veil')]";
        assert_eq!(ana.runs(all, &[]).await.as_array().unwrap().len(), 2);
        ana.runs("document.querySelectorAll('.group__veil')[1].click()", &[]).await;
        let seen = ana.text().await;
        assert!(seen.contains("more noise") && !seen.contains("\nnoise"), "{seen}");

        ana.press("Unmute Bo").await;
        ana.by_role("button", "Mute Bo").await;
        assert!(ana.text().await.contains("\nnoise"), "all of it is back");
        assert_eq!(ana.runs(all, &[]).await, json!([]));
    })
    .await;
}

async fn the_same_name_again(engine: Engine) {
    let server = Server::start().await;
    play(&format!("the same name again, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.creates(&server.origin(), "Book club", PASSWORD).await;
        let enter = async || client::Person::join(&server.address, "Book club", "Bo", PASSWORD).await.unwrap();
        let mut bo = enter().await;
        bo.say("I am Bo").await;
        ana.hears("I am Bo").await;
        bo.leave().await;
        ana.reads("Bo left").await;
        let mut other = enter().await;
        ana.reads("Another Bo came in. The name was used before").await;
        assert_eq!(ana.people().await, ["Ana", "Bo"]);
        assert!(tags(&ana).await[1].starts_with("another Bo"), "{:?}", tags(&ana).await);
        other.say("I am Bo too").await;
        ana.hears("I am Bo too").await;
        let names = "return [...document.querySelectorAll('.group__name')].map((name) => name.textContent)";
        assert_eq!(ana.runs(names, &[]).await, json!(["Bo", "another Bo"]));
    })
    .await;
}

async fn away_and_back(engine: Engine) {
    let server = Server::start().await;
    play(&format!("away and back, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.rehearses(&server.origin()).await;
        let people_at = |bo: bool, at: u64| {
            json!({ "type": "people", "at": at, "people": [
                { "id": 1, "name": "Ana", "connected": true, "you": true },
                { "id": 2, "name": "Bo", "connected": bo, "you": false },
                { "id": 3, "name": "Cy", "connected": true, "you": false },
            ] })
        };
        let people = |bo: bool| people_at(bo, 0);
        let without_cy = |at: u64| {
            let mut event = people_at(false, at);
            event["people"][2]["connected"] = json!(false);
            event
        };
        ana.is_told(&[people(true)]).await;
        let mute = ana.by_role("button", "Mute Bo").await;
        ana.runs("arguments[0].focus()", &[mute.to_value()]).await;
        ana.is_told(&[people(false)]).await;
        assert!(ana.is_on(&mute).await, "who is at a button stays there");
        assert_eq!(ana.people().await, ["Ana", "Cy", "Bo"], "who is away stands below");
        assert!(tags(&ana).await[2].starts_with("Bo reconnecting…"));
        ana.reads("Bo lost the connection for now").await;
        ana.is_told(&[people(true), json!({ "type": "connection", "state": "waiting" })]).await;
        assert_eq!(ana.people().await, ["Ana", "Bo", "Cy"]);
        assert!(ana.is_on(&mute).await);
        ana.reads("Bo is back").await;
        ana.is_told(&[
            json!({ "type": "connection", "state": "connecting" }),
            json!({ "type": "connection", "state": "connected" }),
            message(2, "Bo", "hello", 1),
        ])
        .await;
        let notes = "return [...document.querySelectorAll('.note')].map((note) => note.textContent)";
        let joined = "You are in. You see what is said from now on.";
        let expected = json!([joined, "Bo lost the connection for now", "Bo is back", "You are connected again"]);
        assert_eq!(ana.runs(notes, &[]).await, expected, "each is said once");
        // On a line that comes and goes the log is not filled with it; later on it is news again.
        let minute = 60_000;
        for at in [minute, 2 * minute, 4 * minute] {
            ana.is_told(&[people_at(false, at), people_at(true, at + 900)]).await;
            assert_eq!(ana.runs(notes, &[]).await, expected);
        }
        ana.is_told(&[people_at(false, 4 * minute + 5000)]).await;
        assert!(tags(&ana).await[2].starts_with("Bo reconnecting…"), "the list tells it each time");
        ana.is_told(&[people_at(true, 6 * minute), people_at(false, 6 * minute + 1)]).await;
        assert_eq!(ana.runs(&format!("{notes}.length"), &[]).await, 5);
        // Of each person by themselves.
        ana.is_told(&[without_cy(6 * minute + 2)]).await;
        ana.reads("Cy lost the connection for now").await;
        let alone = json!([{ "id": 1, "name": "Ana", "connected": true, "you": true }]);
        ana.is_told(&[json!({ "type": "people", "people": alone })]).await;
        assert_eq!(ana.people().await, ["Ana"]);
        let panel = "return document.activeElement.id";
        assert_eq!(ana.runs(panel, &[]).await, "people", "the list is where one was");
    })
    .await;
}
