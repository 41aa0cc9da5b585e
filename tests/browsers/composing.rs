//! Writing a message: which keys send it, how long it may be, and that nothing typed is lost.

use serde_json::json;
use support::{
    browser::{Engine, Person, eventually, key, message, play},
    server::Server,
};
use wire::limits::TEXT_CHARS;

with_each_engine! { which_keys_send enter_on_a_phone how_long_it_may_be too_many_waiting }

const PASSWORD: &str = "correct horse battery";

async fn which_keys_send(engine: Engine) {
    let server = Server::start().await;
    play(&format!("which keys send, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.creates(&server.origin(), "Book club", PASSWORD).await;
        ana.types("Message", "one").await;
        ana.strikes_with(key::SHIFT, key::ENTER).await;
        ana.types("Message", "two").await;
        assert_eq!(ana.value("Message").await, "one\ntwo");

        // An input method uses Enter to choose among candidates; some browsers tell that by the key code alone.
        for during in [json!({ "isComposing": true }), json!({ "keyCode": 229 })] {
            let script = "const strike = { key: 'Enter', bubbles: true, cancelable: true, ...arguments[1] };
                return arguments[0].dispatchEvent(new KeyboardEvent('keydown', strike))";
            let message = ana.field("Message").await.to_value();
            assert!(ana.runs(script, &[message, during]).await == true, "it is left to the input method");
            assert_eq!(ana.value("Message").await, "one\ntwo");
        }
        ana.strikes(&[key::ENTER]).await;
        ana.hears("one\ntwo").await;
        assert_eq!(ana.value("Message").await, "");

        ana.types("Message", " \n ").await;
        ana.strikes(&[key::ENTER]).await;
        ana.fills("Message", "three").await;
        ana.press("Send").await;
        ana.hears("three").await;
        assert_eq!(ana.messages().await, ["one\ntwo", "three"], "nothing is sent of nothing");
        assert!(ana.has_focus("Message").await);
    })
    .await;
}

async fn enter_on_a_phone(engine: Engine) {
    let server = Server::start().await;
    play(&format!("Enter on a phone, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.creates(&server.origin(), "Book club", PASSWORD).await;
        let hint =
            async || ana.runs("return arguments[0].enterKeyHint", &[ana.field("Message").await.to_value()]).await;
        assert_eq!(hint().await, "send");
        ana.holds_a_phone().await;
        eventually("the key says what it does", async || (hint().await == "enter").then_some(())).await;
        ana.types("Message", "one").await;
        ana.strikes(&[key::ENTER]).await;
        ana.types("Message", "two").await;
        assert_eq!(ana.value("Message").await, "one\ntwo");
        ana.press("Send").await;
        ana.hears("one\ntwo").await;
        assert!(ana.has_focus("Message").await, "the keyboard stays");
    })
    .await;
}

/// What the page says about how much may still be written, to the eye and to the ear.
async fn allowance(person: &Person) -> [String; 2] {
    let script = "return ['composer-count', 'composer-said'].map((id) => document.getElementById(id).textContent)";
    let said = person.runs(script, &[]).await;
    [0, 1].map(|index| said[index].as_str().unwrap().to_owned())
}

async fn how_long_it_may_be(engine: Engine) {
    let server = Server::start().await;
    play(&format!("how long it may be, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.creates(&server.origin(), "Book club", PASSWORD).await;
        // Each of these is two code units, and one character.
        let text = |count: usize| "🧥".repeat(count);
        ana.pastes("Message", &text(TEXT_CHARS - 501)).await;
        assert_eq!(allowance(&ana).await, ["", ""]);
        ana.pastes("Message", &text(TEXT_CHARS - 499)).await;
        assert_eq!(allowance(&ana).await, ["499 characters left"; 2]);
        ana.pastes("Message", &text(TEXT_CHARS - 498)).await;
        assert_eq!(allowance(&ana).await, ["498 characters left", "499 characters left"], "said at steps only");

        let long = text(TEXT_CHARS + 1);
        ana.pastes("Message", &long).await;
        assert_eq!(allowance(&ana).await, ["1 character too many"; 2]);
        ana.press("Send").await;
        let words = ana.complaint("Message").await;
        assert!(words.contains("1 character too long"), "{words}");
        assert_eq!(ana.value("Message").await, long);
        assert_eq!(ana.messages().await, [""; 0]);

        ana.strikes(&[key::BACKSPACE]).await;
        assert_eq!(ana.alert().await, "", "what was mended is not complained of");
        ana.press("Send").await;
        ana.hears(&text(TEXT_CHARS)).await;
        assert_eq!(allowance(&ana).await, ["", ""]);
    })
    .await;
}

/// What came back stays to be sent again; that there was no room for it is said until there is.
async fn too_many_waiting(engine: Engine) {
    const NOON: u64 = 1_795_262_400_000;
    let server = Server::start().await;
    play(&format!("too many waiting, {engine:?}"), async |scene| {
        let ana = scene.person("Ana", engine).await;
        ana.rehearses(&server.origin()).await;
        let full = json!({ "type": "rejected", "text": "two", "words": "Too many messages are waiting to be sent." });
        ana.is_told(&[message(1, "Ana", "one", NOON), full]).await;
        assert_eq!(ana.complaint("Message").await, "Too many messages are waiting to be sent.");
        assert_eq!(ana.value("Message").await, "two");
        ana.is_told(&[json!({ "type": "accepted", "counter": NOON })]).await;
        assert_eq!(ana.alert().await, "", "there is room again");
        assert_eq!(ana.value("Message").await, "two");
    })
    .await;
}
