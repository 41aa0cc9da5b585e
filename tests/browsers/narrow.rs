//! On the narrowest of screens nothing sticks out, whatever people are called and whichever way they write.

use serde_json::json;
use support::{
    browser::{Engine, Person, message, play},
    server::Server,
};
use wire::limits::NAME_CHARS;

with_each_engine! { long_names_and_both_directions }

const NOON: u64 = 1_795_262_400_000;
const DAY: u64 = 24 * 60 * 60 * 1000;

const DIGITS: &str = "71298 75698 95723 00381 19214 58972";

async fn fits(person: &Person, what: &str) {
    assert!(person.overflow().await <= 0, "{what} can be moved sideways");
    assert_eq!(person.outside().await, [""; 0], "sticks out of {what}");
    // What is cut off by what is around it counts too: nobody could read it.
    let cut = "return [...document.querySelectorAll('.message, .message__text, .print > *')]
        .filter((element) => element.checkVisibility())
        .filter((element) => {
          const [inner, outer] = [element, element.parentElement].map((one) => one.getBoundingClientRect());
          return inner.left < Math.max(outer.left, 0) - 1 || inner.right > Math.min(outer.right, innerWidth) + 1;
        })
        .map((element) => element.outerHTML.slice(0, 200))";
    assert_eq!(person.runs(cut, &[]).await, json!([]), "cut off in {what}");
}

async fn long_names_and_both_directions(engine: Engine) {
    let server = Server::start().await;
    play(&format!("long names and both directions, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.rehearses(&server.origin()).await;
        ana.resizes(360, 640).await;
        let long = "W".repeat(NAME_CHARS);
        let people = json!([
            { "id": 1, "name": "Ana", "connected": true, "you": true, "fingerprint": DIGITS },
            { "id": 3, "name": long, "connected": true, "you": false, "fingerprint": DIGITS },
            { "id": 4, "name": "نور", "connected": false, "you": false, "fingerprint": DIGITS },
            { "id": 5, "name": long, "connected": true, "place": "coming", "another": true, "you": false,
                "fingerprint": DIGITS },
        ]);
        ana.is_told(&[
            message(2, "Bo", "yesterday", NOON - DAY),
            json!({ "type": "left", "id": 2, "name": "Bo", "at": NOON }),
            json!({ "type": "people", "people": people, "at": NOON }),
            json!({ "type": "entered", "id": 5, "name": long, "another": true, "here": false, "at": NOON }),
            message(1, "Ana", &"wide".repeat(60), NOON),
            message(5, &long, &"wide".repeat(60), NOON),
            message(4, "نور", "مرحبا، لقد أنهيت الكتاب أمس! انظروا https://example.org/", NOON + 1),
            message(4, "نور", "ok", NOON + 2),
            json!({ "type": "reading", "reading": false }),
            message(3, &long, "new", NOON + 3),
            json!({ "type": "muted", "id": 3, "muted": true }),
        ])
        .await;
        fits(&ana, "a busy room").await;
        for line in ["New messages", "another W", ", muted", "Another W"] {
            assert!(ana.runs("return document.body.textContent", &[]).await.as_str().unwrap().contains(line), "{line}");
        }
        // A text stands on the side that its own language begins at; a bubble on the side of who is writing.
        let sides = "return [...document.querySelectorAll('.message__text')].slice(-3, -1)
            .map((text) => [getComputedStyle(text).direction, text.getBoundingClientRect().left < 100])";
        assert_eq!(ana.runs(sides, &[]).await, json!([["rtl", true], ["ltr", true]]));

        // A tap on a message shows what can be done with it.
        for index in 0..4 {
            let script = "document.querySelectorAll('.message')[arguments[0]].scrollIntoView({ block: 'center' })";
            ana.runs(script, &[json!(index)]).await;
            ana.runs("document.querySelectorAll('.message')[arguments[0]].click()", &[json!(index)]).await;
            ana.by_role("button", "Copy message").await;
            fits(&ana, "a chosen message").await;
        }
        ana.press("People").await;
        fits(&ana, "the list of people").await;
        ana.press("Close people").await;
        ana.press("Security").await;
        let text = ana.text().await;
        assert!(text.contains("nobody has let you in") && !text.contains("Last changed"), "without keys: {text}");
        fits(&ana, "what is told before there are keys").await;
        ana.press("Close").await;
        ana.is_told(&[json!({ "type": "keys", "at": NOON, "anew": false })]).await;
        ana.press("Security").await;
        assert!(ana.text().await.contains("Last changed"));
        fits(&ana, "what is told of the keys").await;
        let box_sides = "const { width, height } = document.querySelector('.print label:not([hidden]) input').getBoundingClientRect();
            return [width, height]";
        assert_eq!(ana.runs(box_sides, &[]).await, json!([20, 20]), "a box to tick looks like one");
        // Two names may differ in their ends only, here and above what people say.
        let cut = "return [...document.querySelectorAll('.print__name, .group__name, .person__name')]
            .filter(({ scrollWidth, clientWidth }) => clientWidth > 1 && scrollWidth > clientWidth)
            .map((name) => name.className)";
        assert_eq!(ana.runs(cut, &[]).await, json!([]), "cut short");
        ana.press("Close").await;
        ana.press("Emoji").await;
        fits(&ana, "the choice of emoji").await;
        ana.is_told(&[json!({ "type": "admitted", "room": long, "user": long })]).await;
        ana.is_told(&[json!({ "type": "ended", "code": "left", "words": "" })]).await;
        ana.by_role("heading", &format!("You left {long}")).await;
        fits(&ana, "the farewell").await;
    })
    .await;
}
