//! Handing a file to the page: by choosing, pasting or dropping it.

use std::path::Path;

use base64ct::{Base64, Encoding};
use serde_json::json;

use super::person::Person;

/// Makes a `DataTransfer` named `transfer` with a file of the given name, type and bytes.
const MAKE_TRANSFER: &str = "const [way, name, type, base64] = arguments;
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, { type }));";

impl Person {
    /// Chooses a file for the button *Attach*, without the system's file dialog.
    pub async fn attaches(&self, file: &Path) {
        let field = self.finds("return document.getElementById('picture-file')").await;
        let text = json!({ "text": file.to_str().unwrap() });
        let typed = self.session().post(&format!("/element/{}/value", field.0), text).await;
        self.expect_to("choose a file", typed);
    }

    /// Pastes a file into the field *Message*.
    pub async fn pastes_file(&self, name: &str, media_type: &str, bytes: &[u8]) {
        let script = "
            const event = new Event('paste', { bubbles: true, cancelable: true });
            Object.defineProperty(event, 'clipboardData', { value: transfer });
            return !document.getElementById('message').dispatchEvent(event);";
        assert!(self.hands_over(script, "paste", name, media_type, bytes).await, "the page takes the pasted file");
    }

    /// Drops a file on the page. Returns whether the page kept the browser from opening it.
    pub async fn drops_file(&self, name: &str, media_type: &str, bytes: &[u8]) -> bool {
        let script = "
            const drag = (kind) => new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: transfer });
            const place = document.querySelector('h1');
            const over = place.dispatchEvent(drag('dragover'));
            return !place.dispatchEvent(drag('drop')) && !over;";
        self.hands_over(script, "drop", name, media_type, bytes).await
    }

    /// Turns Firefox's `resistFingerprinting` on or off. With it, canvas pixels are read as noise.
    pub async fn protects_from_fingerprints(&self, on: bool) {
        let script = "Services.prefs.setBoolPref('privacy.resistFingerprinting', arguments[0])";
        self.changes_firefox("set a preference", script, &[json!(on)]).await;
    }

    async fn hands_over(&self, script: &str, way: &str, name: &str, media_type: &str, bytes: &[u8]) -> bool {
        let bytes = Base64::encode_string(bytes);
        let args = [json!(way), json!(name), json!(media_type), json!(bytes)];
        self.runs(&format!("{MAKE_TRANSFER}{script}"), &args).await == true
    }
}
