//! A page whose room is driven by invented events, for scenes that would take days or thousands of messages.

use serde_json::{Value, json};

use super::person::Person;

impl Person {
    /// Opens the page's room without a session, with Ana and Bo in it. [`Person::is_told`] sends it events.
    pub async fn rehearses(&self, origin: &str) {
        self.rehearses_an_empty_room(origin).await;
        self.is_told(&[
            json!({ "type": "admitted", "room": "Book club", "user": "Ana" }),
            json!({ "type": "connection", "state": "connected" }),
            json!({ "type": "people", "people": [
                { "id": 1, "name": "Ana", "connected": true, "you": true },
                { "id": 2, "name": "Bo", "connected": true, "you": false },
            ] }),
        ])
        .await;
    }

    /// Opens the page's room without a session and without any event: nobody is in it.
    pub async fn rehearses_an_empty_room(&self, origin: &str) {
        self.open(&format!("{origin}/login")).await;
        let script = "return (async () => {
            const near = document.querySelector('script[type=module]').src;
            const { next, start } = await import(new URL('model.js', near));
            const { Room } = await import(new URL('room.js', near));
            let state = start;
            window.tell = (event) => {
              state = next(state, { at: Date.now(), ...event });
              room.draw(state);
            };
            const room = new Room({ send: () => {}, leave: () => {}, safety: () => {}, tell: window.tell });
            document.getElementById('door').remove();
        })()";
        self.runs(script, &[]).await;
    }

    /// Sends the page these events, as the session's worker does.
    pub async fn is_told(&self, events: &[Value]) {
        self.runs("arguments[0].forEach(window.tell)", &[json!(events)]).await;
    }
}

/// Returns the worker's event for a message.
#[must_use]
pub fn message(id: u32, name: &str, text: &str, at: u64) -> Value {
    json!({ "type": "message", "id": id, "name": name, "text": text, "mine": id == 1, "counter": at, "at": at })
}
