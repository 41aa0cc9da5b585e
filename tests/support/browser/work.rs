//! How much work a page makes for its browser, in figures that a slow or busy machine does not change.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use super::{Engine, person::Person};
use crate::within;

/// What Chromium did for a page, by its own count.
#[derive(Clone, Copy, Debug, Default)]
pub struct Work {
    /// Elements whose style was worked out anew.
    pub styled: u64,
    /// Objects that wanted a new layout.
    pub laid_out: u64,
}

impl Person {
    /// Seconds of processor time that the page's thread has used. Other programs on the machine do not count.
    pub async fn worked(&self) -> f64 {
        match self.engine() {
            Engine::Chromium => {
                self.chromium("Performance.enable", json!({ "timeDomain": "threadTicks" })).await;
                let told = self.chromium("Performance.getMetrics", json!({})).await;
                let metrics = told["metrics"].as_array().unwrap();
                metrics.iter().find(|metric| metric["name"] == "TaskDuration").unwrap()["value"].as_f64().unwrap()
            }
            Engine::Firefox => {
                // A process's first thread has the process's number.
                let script = "const { osPid } = gBrowser.selectedBrowser.browsingContext.currentWindowGlobal;
                    return ChromeUtils.requestProcInfo().then(({ children }) =>
                      children.find(({ pid }) => pid === osPid).threads.find(({ tid }) => tid === osPid).cpuTime)";
                self.done("tell the time of a thread", self.behind(script, &[]).await).as_f64().unwrap() / 1e9
            }
            Engine::WebKit => panic!("WebKit does not tell how much its pages work"),
        }
    }

    /// What Chromium has to do for this page while something happens in it.
    pub async fn works(&self, happens: impl AsyncFnOnce()) -> Work {
        let tree = self.chromium("Page.getFrameTree", json!({})).await;
        let frame = tree["frameTree"]["frame"]["id"].as_str().unwrap();
        let trace = Trace::start(self.session().debugger.as_deref().expect("Chromium has one")).await;
        happens().await;
        let mut work = Work::default();
        // The browser draws pages of its own in the same trace.
        for event in trace.end().await.iter().filter(|event| event["args"]["beginData"]["frame"] == frame) {
            match event["name"].as_str() {
                Some("UpdateLayoutTree") => work.styled += event["args"]["elementCount"].as_u64().unwrap(),
                Some("Layout") => work.laid_out += event["args"]["beginData"]["dirtyObjects"].as_u64().unwrap(),
                _ => {}
            }
        }
        work
    }
}

/// A trace under way, on a connection of its own: the driver hands out no events.
struct Trace(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Trace {
    async fn start(debugger: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let about = http.get(format!("http://{debugger}/json/version")).send().await.unwrap();
        let about: Value = about.json().await.unwrap();
        let (socket, _) = connect_async(about["webSocketDebuggerUrl"].as_str().unwrap()).await.unwrap();
        let mut trace = Self(socket);
        let categories = json!({ "includedCategories": ["devtools.timeline"], "excludedCategories": ["*"] });
        trace.order(1, "Tracing.start", json!({ "traceConfig": categories, "transferMode": "ReportEvents" })).await;
        while trace.hears().await["id"] != 1 {}
        trace
    }

    async fn end(mut self) -> Vec<Value> {
        self.order(2, "Tracing.end", json!({})).await;
        let mut events = Vec::new();
        loop {
            let mut heard = self.hears().await;
            match heard["method"].as_str() {
                Some("Tracing.dataCollected") => {
                    events.append(heard["params"]["value"].as_array_mut().unwrap());
                }
                Some("Tracing.tracingComplete") => return events,
                _ => assert!(heard["error"].is_null(), "{heard}"),
            }
        }
    }

    async fn order(&mut self, id: u32, method: &str, params: Value) {
        let order = json!({ "id": id, "method": method, "params": params }).to_string();
        self.0.send(Message::text(order)).await.unwrap();
    }

    async fn hears(&mut self) -> Value {
        let message = within("the trace goes on", self.0.next()).await.unwrap().unwrap();
        serde_json::from_slice(&message.into_data()).unwrap()
    }
}
