//! What helps to choose a password: the passphrase that is suggested, and the meter.

use std::{collections::BTreeSet, sync::LazyLock};

use support::{
    browser::{Engine, Person, eventually, play},
    server::Server,
};

with_each_engine! { suggested_passphrase strength_of_what_is_typed }
in_webkit_too! { suggested_passphrase strength_of_what_is_typed }

static WORDS: LazyLock<BTreeSet<&str>> =
    LazyLock::new(|| include_str!("../../web-crypto/src/words.txt").lines().collect());

fn is_passphrase(text: &str) -> bool {
    text.split(' ').count() == 6 && text.split(' ').all(|word| WORDS.contains(word))
}

async fn suggestion(person: &Person) -> String {
    let before = person.value("Password").await;
    person.press("Suggest a passphrase").await;
    eventually("a passphrase", async || {
        let value = person.value("Password").await;
        (value != before && is_passphrase(&value)).then_some(value)
    })
    .await
}

async fn bars(person: &Person) -> u64 {
    let meter = person.by_role("meter", "Password strength").await;
    let now = person.runs("return Number(arguments[0].getAttribute('aria-valuenow'))", &[meter.to_value()]).await;
    now.as_u64().unwrap()
}

async fn suggested_passphrase(engine: Engine) {
    let server = Server::start().await;
    let origin = server.origin();
    play(&format!("suggested passphrase, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.open(&format!("{origin}/create")).await;
        let first = suggestion(&ana).await;
        ana.focus_is_on("button", "Suggest a passphrase").await;
        let phrase = suggestion(&ana).await;
        assert_ne!(phrase, first);

        let script = "return [arguments[0].type, document.body.innerText.includes(arguments[0].value)]";
        let shown = ana.runs(script, &[ana.field("Password").await.to_value()]).await;
        assert_eq!(shown, serde_json::json!(["text", true]), "it can be read in full, to be written down");
        assert!(ana.text().await.contains("Write it down"));
        ana.reads_strength("billions of years").await;
        assert_eq!(bars(&ana).await, 4);

        ana.press("Copy passphrase").await;
        eventually("it says so", async || ana.text().await.contains("Copied").then_some(())).await;
        ana.pastes_copied("Room name").await;
        assert_eq!(ana.value("Room name").await, phrase);

        // What is spelled out is what is in the field: one letter more, and it is gone.
        ana.types("Password", "x").await;
        eventually("the words are gone", async || (!ana.text().await.contains(&phrase)).then_some(())).await;
        ana.pastes("Password", "").await;
        let phrase = suggestion(&ana).await;
        ana.fills("Room name", "Book club").await;
        ana.fills("Your name", "Ana").await;
        ana.press("Create room").await;
        ana.is_in().await;
        let page = ana.runs("return document.documentElement.outerHTML", &[]).await;
        assert!(!page.as_str().unwrap().contains(&phrase), "the page still holds the passphrase");

        let bo = scene.person("Bo", engine.other()).await;
        bo.joins(&origin, "Book club", &phrase).await;
        bo.is_with(&["Ana", "Bo"]).await;
        for person in [&ana, &bo] {
            assert_eq!(person.violations().await, [""; 0]);
        }
    })
    .await;
}

async fn strength_of_what_is_typed(engine: Engine) {
    let server = Server::start().await;
    let origin = server.origin();
    play(&format!("strength, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.open(&format!("{origin}/create")).await;
        let loaded = "return performance.getEntriesByType('resource')
            .some(({ name }) => name.endsWith('/workers/strength.js'))";
        ana.fills("Room name", "Rumpelstilzchen").await;
        ana.fills("Your name", "Ana").await;
        assert_eq!(ana.runs(loaded, &[]).await, false, "nothing is loaded before a password is typed");
        assert_eq!(bars(&ana).await, 0);

        let button = async || {
            let script = "return arguments[0].getBoundingClientRect().top + scrollY";
            ana.runs(script, &[ana.by_role("button", "Create room").await.to_value()]).await
        };
        let place = button().await;
        ana.types("Password", "r").await;
        ana.reads_strength("less than a minute").await;
        assert_eq!(ana.runs(loaded, &[]).await, true);
        assert_eq!(button().await, place, "what one is about to press must not move");
        ana.types("Password", "umpelstilzchen").await;
        ana.reads_strength("less than a minute").await;
        assert_eq!(bars(&ana).await, 1, "the room's name is what is guessed first");
        ana.fills("Room name", "Book club").await;
        eventually("not so the name of another room", async || (bars(&ana).await > 1).then_some(())).await;

        ana.fills("Password", "vT9#qLw2!xZr8@mK").await;
        let words = ana.reads_strength("years").await;
        assert!(words.contains("graphics cards") && ana.text().await.contains(&words), "said to all: {words}");
        assert_eq!(bars(&ana).await, 4);
        ana.pastes("Password", "").await;
        eventually("nothing is said of nothing", async || (bars(&ana).await == 0).then_some(())).await;
        assert!(!ana.text().await.contains("graphics cards"));

        // A suggestion is known to be strong, whatever was being estimated.
        ana.types("Password", "password").await;
        suggestion(&ana).await;
        ana.reads_strength("billions of years").await;
        assert_eq!(ana.violations().await, [""; 0]);
    })
    .await;
}
