//! Input by keyboard, mouse and touch.

use serde_json::{Value, json};

use super::{Element, Engine, person::Person};

/// Keys without a character, by their WebDriver code points.
pub mod key {
    pub const BACKSPACE: &str = "\u{e003}";
    pub const TAB: &str = "\u{e004}";
    pub const ENTER: &str = "\u{e007}";
    pub const SHIFT: &str = "\u{e008}";
    pub const CONTROL: &str = "\u{e009}";
    pub const ESCAPE: &str = "\u{e00c}";
    pub const END: &str = "\u{e010}";
    pub const HOME: &str = "\u{e011}";
    pub const LEFT: &str = "\u{e012}";
    pub const UP: &str = "\u{e013}";
    pub const RIGHT: &str = "\u{e014}";
    pub const DOWN: &str = "\u{e015}";
}

impl Person {
    /// Presses keys one after the other. The focused element receives them.
    pub async fn strikes(&self, keys: &[&str]) {
        let keys = keys.iter().flat_map(|key| [step("keyDown", key), step("keyUp", key)]).collect();
        self.acts(keys).await;
    }

    /// Presses a key while another one is held down.
    pub async fn strikes_with(&self, held: &str, key: &str) {
        self.acts(vec![step("keyDown", held), step("keyDown", key), step("keyUp", key), step("keyUp", held)]).await;
    }

    /// Presses Tab, or Shift and Tab, until the element of this role and name has the focus. The direction is chosen so
    /// that the focus never passes through the browser's toolbars, where WebDriver's keys have no effect.
    pub async fn tabs_to(&self, role: &str, name: &str) {
        let wanted = self.by_role(role, name).await;
        let script = "const way = document.activeElement.compareDocumentPosition(arguments[0]);
            return Boolean(way & Node.DOCUMENT_POSITION_PRECEDING)";
        let is_behind = self.runs(script, &[wanted.to_value()]).await == true;
        for _ in 0..40 {
            if self.is_on(&wanted).await {
                return;
            }
            if is_behind {
                self.strikes_with(key::SHIFT, key::TAB).await;
            } else {
                self.strikes(&[key::TAB]).await;
            }
        }
        panic!("{} cannot reach the {role} {name:?} with Tab", self.name());
    }

    /// Returns whether this element has the focus.
    pub async fn is_on(&self, element: &Element) -> bool {
        self.runs("return document.activeElement === arguments[0]", &[element.to_value()]).await == true
    }

    /// Returns the element that a script in the page returns.
    pub async fn finds(&self, script: &str) -> Element {
        Element::from_value(&self.runs(script, &[]).await).expect("the script returns an element")
    }

    /// Moves the mouse over the middle of an element.
    pub async fn points_at(&self, element: &Element) {
        let over = json!({ "type": "pointerMove", "duration": 0, "x": 0, "y": 0, "origin": element.to_value() });
        let mouse =
            json!({ "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": [over] });
        self.expect_to("point", self.session().post("/actions", json!({ "actions": [mouse] })).await);
    }

    /// Makes the browser report a touch screen as its pointer, as on a phone.
    pub async fn holds_a_phone(&self) {
        if self.engine() == Engine::Chromium {
            self.chromium("Emulation.setTouchEmulationEnabled", json!({ "enabled": true })).await;
            return;
        }
        let script = "for (const name of ['ui.primaryPointerCapabilities', 'ui.allPointerCapabilities']) {
            Services.prefs.setIntPref(name, 1);
        }";
        self.changes_firefox("switch to touch", script, &[]).await;
    }

    async fn acts(&self, steps: Vec<Value>) {
        let keys = json!({ "type": "key", "id": "keys", "actions": steps });
        self.expect_to("press keys", self.session().post("/actions", json!({ "actions": [keys] })).await);
    }
}

fn step(kind: &str, key: &str) -> Value {
    json!({ "type": kind, "value": key })
}
