//! A small WebDriver client: commands and responses in JSON.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Engine, debugger::Debugger};
use crate::PATIENCE;

/// The key of an element reference, as WebDriver defines it.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// An element of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element(pub(super) String);

impl Element {
    pub(super) fn from_value(value: &Value) -> Option<Self> {
        value[ELEMENT].as_str().map(|id| Self(id.to_owned()))
    }

    /// Returns the element as a script's argument.
    #[must_use]
    pub fn to_value(&self) -> Value {
        json!({ ELEMENT: self.0 })
    }
}

/// The error of a failed command.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) error: String,
    pub(super) message: String,
}

impl Fault {
    /// True when a page was not loaded within `pageLoad`, see `Driver::capabilities`.
    pub(super) fn is_timeout(&self) -> bool {
        self.error == "timeout"
    }

    /// True when a later attempt may succeed, because the page was changing.
    pub(super) fn is_transient(&self) -> bool {
        [
            "stale element reference",
            "no such element",
            "element not interactable",
            "element click intercepted",
            "detached shadow root",
        ]
        .contains(&self.error.as_str())
            // The script ran while the browser replaced the page.
            || (self.error == "javascript error" && self.message.contains("unloaded"))
            || (self.error == "unknown error" && self.message.contains("context"))
            || (self.error == "no such window" && self.message.contains("discarded"))
    }
}

/// One person's session with a browser.
pub(super) struct Session {
    http: reqwest::Client,
    url: String,
    pub(super) engine: Engine,
    /// The address of Chromium's DevTools Protocol, and the person's browser context.
    pub(super) debugger: Option<(String, String)>,
}

impl Session {
    /// Makes a session with its own HTTP client: connections belong to the runtime that opened them.
    pub(super) fn new(engine: Engine, url: String) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE + PATIENCE).build().unwrap();
        Self { http, url, engine, debugger: None }
    }

    /// Opens an address. In WebKit it also reads the title: sometimes WebKit never finishes loading a page, and its
    /// driver reports success here but a timeout for every later command.
    pub(super) async fn open(&self, url: &str) -> Result<(), Fault> {
        self.post("/url", json!({ "url": url })).await?;
        if self.engine == Engine::WebKit {
            self.get("/title").await?;
        }
        Ok(())
    }

    /// Opens a tab and returns its handle. In Chromium, `options` are parameters of `Target.createTarget`.
    pub(super) async fn new_tab(&self, options: Value) -> Result<String, Fault> {
        let opened = match &self.debugger {
            // Chromedriver would open it in the default context.
            Some((debugger, context)) => {
                let mut wanted = json!({ "url": "about:blank", "browserContextId": context });
                for (name, value) in options.as_object().into_iter().flatten() {
                    wanted[name] = value.clone();
                }
                Debugger::connect(debugger).await?.command("Target.createTarget", wanted).await?["targetId"].take()
            }
            None => self.post("/window/new", json!({ "type": "tab" })).await?["handle"].take(),
        };
        Ok(opened.as_str().unwrap_or_default().to_owned())
    }

    pub(super) async fn command(&self, method: Method, path: &str, body: Value) -> Result<Value, Fault> {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.url));
        if method == Method::POST {
            request = request.json(&body);
        }
        let lost = |error: reqwest::Error| Fault { error: "driver lost".into(), message: error.to_string() };
        let mut answer: Value = request.send().await.map_err(lost)?.json().await.map_err(lost)?;
        match answer["value"]["error"].as_str() {
            Some(error) => Err(Fault {
                error: error.to_owned(),
                message: answer["value"]["message"].as_str().unwrap_or_default().to_owned(),
            }),
            None => Ok(answer["value"].take()),
        }
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, Fault> {
        self.command(Method::GET, path, Value::Null).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Result<Value, Fault> {
        self.command(Method::POST, path, body).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<Value, Fault> {
        self.command(Method::DELETE, path, Value::Null).await
    }

    pub(super) async fn script(&self, script: &str, args: &[Value]) -> Result<Value, Fault> {
        self.post("/execute/sync", json!({ "script": script, "args": args })).await
    }

    /// Sends a command of the Chrome DevTools Protocol.
    pub(super) async fn chromium(&self, command: &str, params: Value) -> Result<Value, Fault> {
        assert_eq!(self.engine, Engine::Chromium, "{command} works in Chromium only");
        self.post("/goog/cdp/execute", json!({ "cmd": command, "params": params })).await
    }

    /// Runs a script in Firefox's chrome context, with the browser's privileges.
    pub(super) async fn chrome_script(&self, script: &str, args: &[Value]) -> Result<Value, Fault> {
        self.post("/moz/context", json!({ "context": "chrome" })).await?;
        let result = self.script(script, args).await;
        self.post("/moz/context", json!({ "context": "content" })).await?;
        result
    }
}
