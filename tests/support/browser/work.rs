//! How much work a page costs the browser, in figures that a slow or busy machine does not change.

use serde_json::{Value, json};

use super::{Engine, debugger::Debugger, person::Person, session::Fault};

/// Chromium's count of the work for a page.
#[derive(Clone, Copy, Debug, Default)]
pub struct Work {
    /// Elements whose style was recalculated.
    pub styled: u64,
    /// Objects that needed a new layout.
    pub laid_out: u64,
}

impl Person {
    /// Returns the processor seconds that the page's main thread has used.
    pub async fn worked(&self) -> f64 {
        match self.engine() {
            Engine::Chromium => {
                self.chromium("Performance.enable", json!({ "timeDomain": "threadTicks" })).await;
                let answer = self.chromium("Performance.getMetrics", json!({})).await;
                let metrics = answer["metrics"].as_array().unwrap();
                metrics.iter().find(|metric| metric["name"] == "TaskDuration").unwrap()["value"].as_f64().unwrap()
            }
            Engine::Firefox => {
                // The id of a process's main thread is the process id.
                let script = "const { osPid } = gBrowser.selectedBrowser.browsingContext.currentWindowGlobal;
                    return ChromeUtils.requestProcInfo().then(({ children }) =>
                      children.find(({ pid }) => pid === osPid).threads.find(({ tid }) => tid === osPid).cpuTime)";
                self.expect_to("read a thread's processor time", self.session().chrome_script(script, &[]).await)
                    .as_f64()
                    .unwrap()
                    / 1e9
            }
            Engine::WebKit => panic!("WebKit does not report processor time"),
        }
    }

    /// Returns the work that Chromium does for this page while `happens` runs.
    pub async fn works(&self, happens: impl AsyncFnOnce()) -> Work {
        let tree = self.chromium("Page.getFrameTree", json!({})).await;
        let frame = tree["frameTree"]["frame"]["id"].as_str().unwrap();
        let (debugger, _) = self.session().debugger.as_ref().expect("Chromium has a debugger");
        let trace = self.expect_to("start a trace", Trace::start(debugger).await);
        happens().await;
        let mut work = Work::default();
        // The trace also contains the browser's own pages.
        let events = self.expect_to("end a trace", trace.end().await);
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

/// A running trace.
struct Trace(Debugger);

impl Trace {
    async fn start(debugger: &str) -> Result<Self, Fault> {
        let mut debugger = Debugger::connect(debugger).await?;
        let categories = json!({ "includedCategories": ["devtools.timeline"], "excludedCategories": ["*"] });
        let wanted = json!({ "traceConfig": categories, "transferMode": "ReportEvents" });
        debugger.command("Tracing.start", wanted).await?;
        Ok(Self(debugger))
    }

    async fn end(mut self) -> Result<Vec<Value>, Fault> {
        self.0.send("Tracing.end", json!({})).await?;
        let mut events = Vec::new();
        loop {
            let mut message = self.0.next_message().await?;
            match message["method"].as_str() {
                Some("Tracing.dataCollected") => {
                    events.append(message["params"]["value"].as_array_mut().unwrap());
                }
                Some("Tracing.tracingComplete") => return Ok(events),
                _ => assert!(message["error"].is_null(), "{message}"),
            }
        }
    }
}
