//! Choosing emoji: by search, by arrow keys, in a skin tone, again.

use serde_json::{Value, json};
use support::{
    browser::{Engine, Person, eventually, key, play},
    server::Server,
};

with_each_engine! { found_and_inserted in_the_grid cannot_be_loaded }

const PASSWORD: &str = "correct horse battery";

/// The names of what can be chosen, the first few.
async fn first(person: &Person, count: usize) -> Value {
    let script = "return [...document.querySelectorAll('#emoji-grid button')].slice(0, arguments[0])
        .map((cell) => `${cell.textContent} ${cell.ariaLabel}`)";
    person.runs(script, &[json!(count)]).await
}

/// Waits until the first choice is this.
async fn offers(person: &Person, choice: &str) {
    eventually(&format!("{choice} is offered first"), async || (first(person, 1).await[0] == choice).then_some(()))
        .await;
}

async fn found_and_inserted(engine: Engine) {
    let server = Server::start().await;
    play(&format!("emoji found and inserted, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.creates(&server.origin(), "Book club", PASSWORD).await;
        let loaded =
            "return performance.getEntriesByType('resource').filter(({ name }) => name.includes('/emoji/')).length";
        assert_eq!(ana.runs(loaded, &[]).await, 0, "nobody has asked for it yet");

        ana.types("Message", "well done").await;
        ana.strikes(&[key::LEFT; 5]).await;
        ana.press("Emoji").await;
        offers(&ana, "😀 grinning face").await;
        let search = ana.by_role("searchbox", "Search emoji").await;
        assert!(ana.is_on(&search).await);
        ana.strikes(&["t", "h", "u", "m", "b", "s", " ", "u"]).await;
        offers(&ana, "👍️ thumbs up").await;
        ana.strikes(&[key::ENTER]).await;
        assert_eq!(ana.value("Message").await, "well👍️ done", "it stands where the caret was");
        assert!(ana.has_focus("Message").await);
        assert!(!ana.sees("searchbox", "Search emoji").await);
        ana.strikes(&["!"]).await;
        assert_eq!(ana.value("Message").await, "well👍️! done");

        ana.press("Emoji").await;
        offers(&ana, "👍️ thumbs up").await;
        assert_eq!(first(&ana, 2).await, json!(["👍️ thumbs up", "😀 grinning face"]), "what was used comes first");
        ana.strikes(&["x", "q", "x"]).await;
        eventually("it says so", async || ana.text().await.contains("Nothing found").then_some(())).await;
        ana.strikes(&[key::ENTER, key::ESCAPE]).await;
        let button = ana.by_role("button", "Emoji").await;
        assert!(ana.is_on(&button).await, "the focus is given back");
        assert_eq!(ana.value("Message").await, "well👍️! done");
        assert_eq!(ana.runs(loaded, &[]).await, 1, "it is loaded once");

        ana.press("Send").await;
        ana.hears("well👍️! done").await;
        assert_eq!(ana.violations().await, [""; 0]);
    })
    .await;
}

async fn in_the_grid(engine: Engine) {
    let server = Server::start().await;
    play(&format!("emoji in the grid, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.creates(&server.origin(), "Book club", PASSWORD).await;
        ana.resizes(360, 640).await;
        ana.press("Emoji").await;
        offers(&ana, "😀 grinning face").await;
        assert_eq!(ana.outside().await, [""; 0]);
        let small = "return [...document.querySelectorAll('#emoji-grid button')].slice(0, 70)
            .map((cell) => cell.getBoundingClientRect()).filter(({ width, height }) => width < 44 || height < 44).length";
        assert_eq!(ana.runs(small, &[]).await, 0, "a finger finds each");

        let here = async || ana.runs("return document.activeElement.textContent", &[]).await;
        ana.strikes(&[key::DOWN]).await;
        assert_eq!(here().await, "😀");
        let second_row = ana.runs("return document.querySelectorAll('#emoji-grid [role=row]')[1].children[2].textContent", &[]);
        let second_row = second_row.await;
        ana.strikes(&[key::RIGHT, key::RIGHT, key::DOWN]).await;
        assert_eq!(here().await, second_row);
        ana.strikes(&[key::HOME, key::UP, key::LEFT]).await;
        assert_eq!(here().await, "😀", "nothing stands before the first");

        ana.runs("arguments[0].focus()", &[ana.by_role("searchbox", "Search emoji").await.to_value()]).await;
        ana.strikes(&["w", "a", "v", "i", "n", "g", " ", "h"]).await;
        offers(&ana, "👋 waving hand").await;
        let tone = ana.by_role("combobox", "Skin tone").await;
        let choose = "arguments[0].value = '5'; arguments[0].dispatchEvent(new Event('change', { bubbles: true }))";
        ana.runs(choose, &[tone.to_value()]).await;
        offers(&ana, "👋🏿 waving hand").await;
        let cell = ana.by_role("gridcell", "waving hand").await;
        ana.runs("arguments[0].click()", &[cell.to_value()]).await;
        assert_eq!(ana.value("Message").await, "👋🏿");
    })
    .await;
}

async fn cannot_be_loaded(engine: Engine) {
    let server = Server::start().await;
    play(&format!("emoji cannot be loaded, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.creates(&server.origin(), "Book club", PASSWORD).await;
        let script = "window.really = window.fetch; window.fetch = () => Promise.reject(new TypeError())";
        ana.runs(script, &[]).await;
        ana.press("Emoji").await;
        let words = "The emoji could not be loaded";
        eventually("it says so", async || ana.text().await.contains(words).then_some(())).await;
        ana.runs("window.fetch = window.really", &[]).await;
        ana.press("Emoji").await;
        ana.press("Emoji").await;
        offers(&ana, "😀 grinning face").await;
        assert!(!ana.text().await.contains(words));
    })
    .await;
}
