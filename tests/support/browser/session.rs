//! WebDriver as far as it is needed here: orders and answers in JSON.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Engine, debugger::Debugger};
use crate::PATIENCE;

/// The name under which the standard hands over elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// An element of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element(pub(super) String);

impl Element {
    pub(super) fn from_value(value: &Value) -> Option<Self> {
        value[ELEMENT].as_str().map(|id| Self(id.to_owned()))
    }

    /// As an argument of a script.
    #[must_use]
    pub fn to_value(&self) -> Value {
        json!({ ELEMENT: self.0 })
    }
}

/// Why an order was not carried out.
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

    /// Whether it may go otherwise a moment later: the page was just changing.
    pub(super) fn passes(&self) -> bool {
        [
            "stale element reference",
            "no such element",
            "element not interactable",
            "element click intercepted",
            "detached shadow root",
        ]
        .contains(&self.error.as_str())
            // A script that ran while the page gave way to the next one.
            || (self.error == "javascript error" && self.message.contains("unloaded"))
            || (self.error == "unknown error" && self.message.contains("context"))
            || (self.error == "no such window" && self.message.contains("discarded"))
    }
}

/// One browser under orders, for as long as one person uses it.
pub(super) struct Session {
    http: reqwest::Client,
    url: String,
    pub(super) engine: Engine,
    /// Where Chromium's own protocol is spoken, without the driver, and in which of its contexts the person is.
    pub(super) debugger: Option<(String, String)>,
}

impl Session {
    /// With connections of its own: these belong to the runtime that made them.
    pub(super) fn new(engine: Engine, url: String) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE + PATIENCE).build().unwrap();
        Self { http, url, engine, debugger: None }
    }

    /// Opens an address. In WebKit, also asks for the page's title: now and then WebKit never finishes a page, its driver
    /// answers this command all the same, and every later one with a timeout.
    pub(super) async fn open(&self, url: &str) -> Result<(), Fault> {
        self.post("/url", json!({ "url": url })).await?;
        if self.engine == Engine::WebKit {
            self.get("/title").await?;
        }
        Ok(())
    }

    /// Opens a tab beside the person's others; in Chromium as this says.
    pub(super) async fn new_tab(&self, how: Value) -> Result<String, Fault> {
        let opened = match &self.debugger {
            // The driver would open it in the browser's first context.
            Some((debugger, context)) => {
                let mut wanted = json!({ "url": "about:blank", "browserContextId": context });
                for (name, value) in how.as_object().into_iter().flatten() {
                    wanted[name] = value.clone();
                }
                Debugger::connect(debugger).await?.order("Target.createTarget", wanted).await?["targetId"].take()
            }
            None => self.post("/window/new", json!({ "type": "tab" })).await?["handle"].take(),
        };
        Ok(opened.as_str().unwrap_or_default().to_owned())
    }

    pub(super) async fn order(&self, method: Method, path: &str, body: Value) -> Result<Value, Fault> {
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
        self.order(Method::GET, path, Value::Null).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Result<Value, Fault> {
        self.order(Method::POST, path, body).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<Value, Fault> {
        self.order(Method::DELETE, path, Value::Null).await
    }

    pub(super) async fn script(&self, script: &str, args: &[Value]) -> Result<Value, Fault> {
        self.post("/execute/sync", json!({ "script": script, "args": args })).await
    }

    /// An order of Chromium's own protocol.
    pub(super) async fn chromium(&self, command: &str, params: Value) -> Result<Value, Fault> {
        assert_eq!(self.engine, Engine::Chromium, "{command} is for Chromium alone");
        self.post("/goog/cdp/execute", json!({ "cmd": command, "params": params })).await
    }

    /// Runs a script of Firefox's own, behind the page.
    pub(super) async fn behind(&self, script: &str, args: &[Value]) -> Result<Value, Fault> {
        self.post("/moz/context", json!({ "context": "chrome" })).await?;
        let result = self.script(script, args).await;
        self.post("/moz/context", json!({ "context": "content" })).await?;
        result
    }
}
