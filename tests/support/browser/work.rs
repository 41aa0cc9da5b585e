//! How much work a page makes for its browser, in figures that a slow or busy machine does not change.

use serde_json::{Value, json};

use super::{Engine, debugger::Debugger, person::Person, session::Fault};

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
                self.done("tell the time of a thread", self.session().behind(script, &[]).await).as_f64().unwrap() / 1e9
            }
            Engine::WebKit => panic!("WebKit does not tell how much its pages work"),
        }
    }

    /// What Chromium has to do for this page while something happens in it.
    pub async fn works(&self, happens: impl AsyncFnOnce()) -> Work {
        let tree = self.chromium("Page.getFrameTree", json!({})).await;
        let frame = tree["frameTree"]["frame"]["id"].as_str().unwrap();
        let (debugger, _) = self.session().debugger.as_ref().expect("Chromium has one");
        let trace = self.done("start a trace", Trace::start(debugger).await);
        happens().await;
        let mut work = Work::default();
        // The browser draws pages of its own in the same trace.
        let events = self.done("end a trace", trace.end().await);
        for event in events.iter().filter(|event| event["args"]["beginData"]["frame"] == frame) {
            match event["name"].as_str() {
                Some("UpdateLayoutTree") => work.styled += event["args"]["elementCount"].as_u64().unwrap(),
                Some("Layout") => work.laid_out += event["args"]["beginData"]["dirtyObjects"].as_u64().unwrap(),
                _ => {}
            }
        }
        work
    }
}

/// A trace under way.
struct Trace(Debugger);

impl Trace {
    async fn start(debugger: &str) -> Result<Self, Fault> {
        let mut debugger = Debugger::connect(debugger).await?;
        let categories = json!({ "includedCategories": ["devtools.timeline"], "excludedCategories": ["*"] });
        let wanted = json!({ "traceConfig": categories, "transferMode": "ReportEvents" });
        debugger.order("Tracing.start", wanted).await?;
        Ok(Self(debugger))
    }

    async fn end(mut self) -> Result<Vec<Value>, Fault> {
        self.0.send("Tracing.end", json!({})).await?;
        let mut events = Vec::new();
        loop {
            let mut heard = self.0.hear().await?;
            match heard["method"].as_str() {
                Some("Tracing.dataCollected") => {
                    events.append(heard["params"]["value"].as_array_mut().unwrap());
                }
                Some("Tracing.tracingComplete") => return Ok(events),
                _ => assert!(heard["error"].is_null(), "{heard}"),
            }
        }
    }
}
