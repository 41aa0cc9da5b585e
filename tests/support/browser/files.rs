//! How a file comes to a page: chosen, pasted or dropped.

use std::path::Path;

use base64ct::{Base64, Encoding};
use serde_json::json;

use super::person::Person;

/// Makes of a name, a type and bytes what carries a file, as `carried`.
const CARRIED: &str = "const [way, name, type, base64] = arguments;
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const carried = new DataTransfer();
    carried.items.add(new File([bytes], name, { type }));";

impl Person {
    /// Chooses a file for the button *Attach*; the system's own dialog stays out of it.
    pub async fn attaches(&self, file: &Path) {
        let field = self.finds("return document.getElementById('picture-file')").await;
        let text = json!({ "text": file.to_str().unwrap() });
        let typed = self.session().post(&format!("/element/{}/value", field.0), text).await;
        self.done("choose a file", typed);
    }

    /// Pastes a file into the field *Message*.
    pub async fn pastes_file(&self, name: &str, media_type: &str, bytes: &[u8]) {
        let script = "
            const event = new Event('paste', { bubbles: true, cancelable: true });
            Object.defineProperty(event, 'clipboardData', { value: carried });
            return !document.getElementById('message').dispatchEvent(event);";
        assert!(self.carries(script, "paste", name, media_type, bytes).await, "the page takes it");
    }

    /// Drops a file somewhere on the page; whether the browser was kept from opening it.
    pub async fn drops_file(&self, name: &str, media_type: &str, bytes: &[u8]) -> bool {
        let script = "
            const drag = (kind) => new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: carried });
            const place = document.querySelector('h1');
            const over = place.dispatchEvent(drag('dragover'));
            return !place.dispatchEvent(drag('drop')) && !over;";
        self.carries(script, "drop", name, media_type, bytes).await
    }

    /// Has Firefox hand out noise in place of what is drawn, or not.
    pub async fn protects_from_fingerprints(&self, on: bool) {
        let script = "Services.prefs.setBoolPref('privacy.resistFingerprinting', arguments[0])";
        self.sets("set a preference", script, &[json!(on)]).await;
    }

    async fn carries(&self, script: &str, way: &str, name: &str, media_type: &str, bytes: &[u8]) -> bool {
        let bytes = Base64::encode_string(bytes);
        let args = [json!(way), json!(name), json!(media_type), json!(bytes)];
        self.runs(&format!("{CARRIED}{script}"), &args).await == true
    }
}
