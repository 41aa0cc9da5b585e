//! Browsers that several scenes use in turn. A start takes seconds; a fresh session takes a fraction of a second.

use std::{sync::Mutex, time::Duration};

use serde_json::{Value, json};
use tokio::time::timeout;

use super::{
    Engine,
    debugger::Debugger,
    driver::Driver,
    session::{Fault, Session},
};
use crate::PATIENCE;

/// Browsers without a person. They end with the test process, see [`Driver`].
static IDLE: Mutex<Vec<Browser>> = Mutex::new(Vec::new());

/// The most idle browsers of one engine.
const MAX_IDLE: usize = 3;

/// Attempts to start a browser.
const START_ATTEMPTS: usize = 6;

/// The time limit of a start. Sometimes a browser crashes while it starts, and its driver would wait for ever.
fn start_timeout(engine: Engine) -> Duration {
    Duration::from_secs(if engine == Engine::WebKit { 20 } else { 45 })
}

/// A browser under its driver. Its first window stays open and empty until the browser ends.
pub(super) struct Browser {
    engine: Engine,
    /// The address of the driver's session.
    session: String,
    /// The address of Chromium's DevTools Protocol.
    debugger: String,
    /// The handle of the first window.
    first_window: String,
    _driver: Driver,
}

impl Browser {
    /// Returns a browser with a fresh session: an idle browser, or a new one.
    pub(super) async fn take(engine: Engine) -> (Self, Session) {
        while let Some(browser) = Self::idle(engine) {
            match browser.fresh_session().await {
                Ok(session) => return (browser, session),
                Err(fault) => eprintln!("ended an idle {engine:?}: {fault:?}"),
            }
        }
        Self::take_new(engine, None).await
    }

    /// Starts a browser that trusts the authority `trusted`, given in PEM.
    pub(super) async fn take_new(engine: Engine, trusted: Option<&str>) -> (Self, Session) {
        let mut failures = Vec::new();
        for _ in 0..START_ATTEMPTS {
            match Self::start(engine, trusted).await {
                Ok(started) => return started,
                Err(failure) => {
                    eprintln!("{engine:?} did not start: {failure}");
                    failures.push(failure);
                }
            }
        }
        panic!("{engine:?} did not start in {START_ATTEMPTS} attempts: {failures:?}");
    }

    /// Discards the session's state and keeps the browser for another person. Ends the browser if that fails.
    pub(super) async fn put_back(self, session: Session) {
        if self.engine == Engine::WebKit {
            return; // its driver cannot discard state
        }
        match timeout(PATIENCE, self.discard_state(&session)).await {
            Ok(Ok(())) => {
                let mut idle = IDLE.lock().unwrap();
                if idle.iter().filter(|other| other.engine == self.engine).count() < MAX_IDLE {
                    idle.push(self);
                }
            }
            failed => eprintln!("ended a used {:?}: {failed:?}", self.engine),
        }
    }

    fn idle(engine: Engine) -> Option<Self> {
        let mut idle = IDLE.lock().unwrap();
        let index = idle.iter().position(|browser| browser.engine == engine)?;
        Some(idle.swap_remove(index))
    }

    async fn start(engine: Engine, trusted: Option<&str>) -> Result<(Self, Session), String> {
        let driver = Driver::start(engine, trusted).await;
        let opening = async {
            let url = format!("{}/session", driver.url);
            let opened = Session::new(engine, url.clone()).post("", driver.capabilities(engine)).await?;
            let session = format!("{url}/{}", opened["sessionId"].as_str().unwrap_or_default());
            let first_window = Session::new(engine, session.clone()).get("/window").await?;
            let debugger = opened["capabilities"]["goog:chromeOptions"]["debuggerAddress"].clone();
            Ok((session, text(&first_window), text(&debugger)))
        };
        let opened: Result<_, Fault> =
            timeout(start_timeout(engine), opening).await.map_err(|late| late.to_string())?;
        let (session, first_window, debugger) = opened.map_err(|fault| format!("{fault:?}"))?;
        let browser = Self { engine, session, debugger, first_window, _driver: driver };
        let session = browser.fresh_session().await.map_err(|fault| format!("{fault:?}"))?;
        if let (Engine::Firefox, Some(pem)) = (engine, trusted) {
            let bare = pem.lines().filter(|line| !line.starts_with('-')).collect::<String>();
            let script = "Cc['@mozilla.org/security/x509certdb;1'].getService(Ci.nsIX509CertDB)
                .addCertFromBase64(arguments[0], 'C,,')";
            session.chrome_script(script, &[bare.into()]).await.map_err(|fault| format!("{fault:?}"))?;
        }
        Ok((browser, session))
    }

    /// Opens a new window without any earlier state.
    async fn fresh_session(&self) -> Result<Session, Fault> {
        let mut session = Session::new(self.engine, self.session.clone());
        let window = match self.engine {
            Engine::Chromium => {
                // A browser context has its own storage, caches and permissions.
                let mut debugger = Debugger::connect(&self.debugger).await?;
                let context = debugger.command("Target.createBrowserContext", json!({})).await?;
                session.debugger = Some((self.debugger.clone(), text(&context["browserContextId"])));
                session.new_tab(json!({ "newWindow": true, "width": 1440, "height": 900 })).await?
            }
            Engine::Firefox => {
                let opened = session.post("/window/new", json!({ "type": "window" })).await?;
                session.chrome_script("Services.console.reset()", &[]).await?;
                text(&opened["handle"])
            }
            // Each WebKit serves one person only.
            Engine::WebKit => return Ok(session),
        };
        session.post("/window", json!({ "handle": window })).await?;
        Ok(session)
    }

    async fn discard_state(&self, session: &Session) -> Result<(), Fault> {
        session.post("/window", json!({ "handle": self.first_window })).await?;
        match (self.engine, &session.debugger) {
            (Engine::Chromium, Some((debugger, context))) => {
                let mut debugger = Debugger::connect(debugger).await?;
                let context = json!({ "browserContextId": context });
                debugger.command("Target.disposeBrowserContext", context).await?;
                // Drop console lines that no test has read.
                session.post("/se/log", json!({ "type": "browser" })).await?;
            }
            (Engine::Firefox, _) => {
                let script = "return (async () => {
                    for (const other of Services.wm.getEnumerator('navigator:browser')) {
                      if (other !== window) other.close();
                    }
                    const { CLEAR_ALL } = Ci.nsIClearDataService;
                    await new Promise((onDataDeleted) => Services.clearData.deleteData(CLEAR_ALL, { onDataDeleted }));
                  })()";
                session.chrome_script(script, &[]).await?;
            }
            _ => {}
        }
        Ok(())
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
