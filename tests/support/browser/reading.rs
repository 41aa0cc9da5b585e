//! Reading the page as a person sees it.

use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

use super::{Element, Engine, eventually, person::Person, session::Fault};

pub(super) fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(ToOwned::to_owned)).collect()
}

impl Person {
    /// Returns a field's text.
    pub async fn value(&self, label: &str) -> String {
        let value = self.runs("return arguments[0].value", &[self.field(label).await.to_value()]).await;
        value.as_str().unwrap().to_owned()
    }

    /// Returns whether this field has the focus.
    pub async fn has_focus(&self, label: &str) -> bool {
        let field = self.field(label).await;
        self.runs("return document.activeElement === arguments[0]", &[field.to_value()]).await == true
    }

    /// Waits until the element of this role and name has the focus.
    pub async fn focus_is_on(&self, role: &str, name: &str) {
        eventually(&format!("{}'s focus is on the {role} {name:?}", self.name()), async || {
            let element = self.by_role(role, name).await;
            let focused = self.runs("return document.activeElement === arguments[0]", &[element.to_value()]).await;
            (focused == true).then_some(())
        })
        .await;
    }

    /// Waits for the alert that describes a field, and returns its text.
    pub async fn complaint(&self, label: &str) -> String {
        let script = "return (arguments[0].getAttribute('aria-describedby') ?? '').split(' ')
            .map((id) => document.getElementById(id))
            .filter((note) => note?.getAttribute('role') === 'alert' && note.checkVisibility())
            .map((note) => note.textContent).join('')";
        self.retries(&format!("read the complaint about {label:?}"), async || {
            let Some(field) = self.sees_all("field", label).await?.into_iter().next() else { return Ok(None) };
            let words = self.session().script(script, &[field.to_value()]).await?;
            Ok(words.as_str().filter(|words| !words.is_empty()).map(ToOwned::to_owned))
        })
        .await
    }

    /// Waits until the meter *Password strength* contains these words, and returns its text.
    pub async fn reads_strength(&self, words: &str) -> String {
        let meter = self.by_role("meter", "Password strength").await;
        let script = "return arguments[0].getAttribute('aria-valuetext') ?? ''";
        eventually(&format!("the strength {words:?}"), async || {
            let said = self.runs(script, &[meter.to_value()]).await;
            said.as_str().filter(|said| said.contains(words)).map(ToOwned::to_owned)
        })
        .await
    }

    /// Returns texts, except messages, that contain one of these names and that a browser or service may translate.
    pub async fn translatable(&self, names: &[&str]) -> Vec<String> {
        let script = "const walk = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
            const found = [];
            while (walk.nextNode()) {
              const { data, parentElement: parent } = walk.currentNode;
              const isKept = parent.closest('[translate]')?.getAttribute('translate') === 'no';
              const words = ` ${data.replaceAll(/[^\\p{L}\\p{N}]+/gu, ' ')} `;
              if (isKept || parent.closest('.message__text, script')) continue;
              if (arguments[0].some((name) => words.includes(` ${name} `))) found.push(`${data}: ${parent.outerHTML}`);
            }
            return found";
        texts(&self.runs(script, &[json!(names)]).await)
    }

    /// Returns the text of all visible alerts.
    pub async fn alert(&self) -> String {
        let script = "return [...document.querySelectorAll('[role=alert]')]
            .filter((alert) => alert.checkVisibility()).map((alert) => alert.textContent).join('')";
        self.runs(script, &[]).await.as_str().unwrap().to_owned()
    }

    /// Returns all visible text of the page.
    pub async fn text(&self) -> String {
        self.runs("return document.body.innerText", &[]).await.as_str().unwrap_or_default().to_owned()
    }

    /// Returns the exact texts of all messages.
    pub async fn messages(&self) -> Vec<String> {
        let log = self.by_role("log", "Messages").await;
        self.messages_in(&log).await
    }

    async fn messages_in(&self, log: &Element) -> Vec<String> {
        let script = "return [...arguments[0].querySelectorAll('p[dir=auto]')].map((text) => text.textContent)";
        texts(&self.runs(script, &[log.to_value()]).await)
    }

    /// Waits until the last message is this text.
    pub async fn hears(&self, text: &str) {
        let log = self.by_role("log", "Messages").await;
        let what = format!("{} hears {text:?}", self.name());
        eventually(&what, async || (self.messages_in(&log).await.last()? == text).then_some(())).await;
    }

    /// Waits until the log contains these words, in a message or a note.
    pub async fn reads(&self, words: &str) {
        let log = self.by_role("log", "Messages").await;
        eventually(&format!("{} reads {words:?}", self.name()), async || {
            self.text_of(&log).await.contains(words).then_some(())
        })
        .await;
    }

    /// Returns the names in the list *People*.
    pub async fn people(&self) -> Vec<String> {
        let list = self.by_role("list", "People").await;
        self.people_in(&list).await
    }

    async fn people_in(&self, list: &Element) -> Vec<String> {
        let script = "return [...arguments[0].querySelectorAll('li bdi')].map((name) => name.textContent)";
        texts(&self.runs(script, &[list.to_value()]).await)
    }

    /// Waits until the list *People* shows these names.
    pub async fn is_with(&self, names: &[&str]) {
        let list = self.by_role("list", "People").await;
        let what = format!("{} sees {names:?} in the list", self.name());
        eventually(&what, async || (self.people_in(&list).await == names).then_some(())).await;
    }

    /// Returns the text of the status *Connection*.
    pub async fn connection(&self) -> String {
        let status = self.by_role("status", "Connection").await;
        self.text_of(&status).await
    }

    /// Waits until the status *Connection* begins with these words.
    pub async fn connection_says(&self, words: &str) {
        let status = self.by_role("status", "Connection").await;
        let what = format!("{}'s connection says {words:?}", self.name());
        eventually(&what, async || self.text_of(&status).await.starts_with(words).then_some(())).await;
    }

    async fn text_of(&self, element: &Element) -> String {
        let text = self.runs("return arguments[0].textContent", &[element.to_value()]).await;
        text.as_str().unwrap().to_owned()
    }

    /// Returns by how many pixels the page is wider than the window. Above 0, it can be scrolled sideways.
    pub async fn overflow(&self) -> i64 {
        let script = "const { scrollWidth, clientWidth } = document.documentElement; return scrollWidth - clientWidth";
        self.runs(script, &[]).await.as_i64().unwrap()
    }

    /// Returns the visible elements that extend beyond the window's left or right edge.
    pub async fn outside(&self) -> Vec<String> {
        let script = "const shown = (element) => {
              let { left, right } = element.getBoundingClientRect();
              for (let outer = element.parentElement; outer; outer = outer.parentElement) {
                if (getComputedStyle(outer).overflowX === 'visible') continue;
                const clip = outer.getBoundingClientRect();
                [left, right] = [Math.max(left, clip.left), Math.min(right, clip.right)];
              }
              return { left, right };
            };
            return [...document.querySelectorAll('body *')]
              .filter((element) => element.checkVisibility() && !element.closest('svg'))
              .map((element) => ({ element, ...shown(element) }))
              .filter(({ left, right }) => right - left > 1 && (left < -1 || right > innerWidth + 1))
              .map(({ element, left, right }) => `${left} to ${right}: ${element.outerHTML.slice(0, 200)}`)";
        texts(&self.runs(script, &[]).await)
    }

    /// Returns whether the browser shows a dialog that a script opened.
    pub async fn sees_dialog(&self) -> bool {
        self.session().get("/alert/text").await.is_ok()
    }

    /// Returns the violations of the content security policy that the browser has reported since the last call.
    pub async fn violations(&self) -> Vec<String> {
        let lines = self.expect_to("read the console", self.console().await);
        let is_violation =
            |line: &String| line.contains("Content Security Policy") || line.contains("Content-Security-Policy");
        lines.into_iter().filter(is_violation).collect()
    }

    /// Returns the lines of the browser's console since the last call.
    pub(super) async fn console(&self) -> Result<Vec<String>, Fault> {
        let session = self.session();
        if session.engine == Engine::Chromium {
            let log = session.post("/se/log", json!({ "type": "browser" })).await?;
            let lines = log.as_array().into_iter().flatten();
            return Ok(lines.filter_map(|line| line["message"].as_str().map(ToOwned::to_owned)).collect());
        }
        if session.engine == Engine::WebKit {
            return Ok(Vec::new()); // its driver cannot read them
        }
        let script = "const lines = Services.console.getMessageArray().map(({ message }) => message);
            Services.console.reset();
            return lines;";
        Ok(texts(&self.session().chrome_script(script, &[]).await?))
    }

    /// Takes a screenshot, as a PNG.
    pub async fn picture(&self) -> Vec<u8> {
        let picture = self.expect_to("take a screenshot", self.session().get("/screenshot").await);
        Base64::decode_vec(picture.as_str().unwrap()).unwrap()
    }
}
