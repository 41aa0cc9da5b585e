//! Browsers, used again from scene to scene: to start one takes seconds, a fresh state takes a fraction of one.

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

/// Browsers without a person. They end with the test's process, see [`Driver`].
static IDLE: Mutex<Vec<Browser>> = Mutex::new(Vec::new());

/// How many idle browsers of an engine are kept.
const IDLE_AT_MOST: usize = 3;

/// How often a browser is started that does not come up.
const STARTS: usize = 6;

/// How long a browser may take to start. Now and then one crashes on its way, and its driver waits for ever.
fn start_within(engine: Engine) -> Duration {
    Duration::from_secs(if engine == Engine::WebKit { 20 } else { 45 })
}

/// A browser under its driver. One window, the first, stays empty and open for as long as the browser runs.
pub(super) struct Browser {
    engine: Engine,
    /// The driver's address of the session.
    session: String,
    /// Where Chromium's own protocol is spoken, without the driver.
    debugger: String,
    /// The first window.
    home: String,
    _driver: Driver,
}

impl Browser {
    /// A browser with a window in a fresh state: an idle one, or else a new one.
    pub(super) async fn take(engine: Engine) -> (Self, Session) {
        while let Some(browser) = Self::idle(engine) {
            match browser.refreshed().await {
                Ok(session) => return (browser, session),
                Err(fault) => eprintln!("an idle {engine:?} is ended: {fault:?}"),
            }
        }
        Self::take_new(engine, None).await
    }

    /// A new browser, which trusts this authority, given in PEM.
    pub(super) async fn take_new(engine: Engine, trusted: Option<&str>) -> (Self, Session) {
        let mut failures = Vec::new();
        for _ in 0..STARTS {
            match Self::start(engine, trusted).await {
                Ok(started) => return started,
                Err(failure) => {
                    eprintln!("{engine:?} did not start: {failure}");
                    failures.push(failure);
                }
            }
        }
        panic!("{engine:?} does not start: {failures:?}");
    }

    /// Ends all that the session's person did, and keeps the browser. What fails here ends it.
    pub(super) async fn put_back(self, session: Session) {
        if self.engine == Engine::WebKit {
            return; // its driver cannot make it fresh
        }
        match timeout(PATIENCE, self.emptied(&session)).await {
            Ok(Ok(())) => {
                let mut idle = IDLE.lock().unwrap();
                if idle.iter().filter(|other| other.engine == self.engine).count() < IDLE_AT_MOST {
                    idle.push(self);
                }
            }
            failed => eprintln!("a used {:?} is ended: {failed:?}", self.engine),
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
            let home = Session::new(engine, session.clone()).get("/window").await?;
            let debugger = opened["capabilities"]["goog:chromeOptions"]["debuggerAddress"].clone();
            Ok((session, text(&home), text(&debugger)))
        };
        let opened: Result<_, Fault> = timeout(start_within(engine), opening).await.map_err(|late| late.to_string())?;
        let (session, home, debugger) = opened.map_err(|fault| format!("{fault:?}"))?;
        let browser = Self { engine, session, debugger, home, _driver: driver };
        let session = browser.refreshed().await.map_err(|fault| format!("{fault:?}"))?;
        if let (Engine::Firefox, Some(pem)) = (engine, trusted) {
            let bare = pem.lines().filter(|line| !line.starts_with('-')).collect::<String>();
            let script = "Cc['@mozilla.org/security/x509certdb;1'].getService(Ci.nsIX509CertDB)
                .addCertFromBase64(arguments[0], 'C,,')";
            session.behind(script, &[bare.into()]).await.map_err(|fault| format!("{fault:?}"))?;
        }
        Ok((browser, session))
    }

    /// A new window with nothing of what was before.
    async fn refreshed(&self) -> Result<Session, Fault> {
        let mut session = Session::new(self.engine, self.session.clone());
        let window = match self.engine {
            Engine::Chromium => {
                // A state of its own: storage, caches, permissions.
                let mut debugger = Debugger::connect(&self.debugger).await?;
                let context = debugger.order("Target.createBrowserContext", json!({})).await?;
                session.debugger = Some((self.debugger.clone(), text(&context["browserContextId"])));
                session.new_tab(json!({ "newWindow": true, "width": 1440, "height": 900 })).await?
            }
            Engine::Firefox => {
                let opened = session.post("/window/new", json!({ "type": "window" })).await?;
                session.behind("Services.console.reset()", &[]).await?;
                text(&opened["handle"])
            }
            // It is not used again.
            Engine::WebKit => return Ok(session),
        };
        session.post("/window", json!({ "handle": window })).await?;
        Ok(session)
    }

    async fn emptied(&self, session: &Session) -> Result<(), Fault> {
        session.post("/window", json!({ "handle": self.home })).await?;
        match (self.engine, &session.debugger) {
            (Engine::Chromium, Some((debugger, context))) => {
                let mut debugger = Debugger::connect(debugger).await?;
                let context = json!({ "browserContextId": context });
                debugger.order("Target.disposeBrowserContext", context).await?;
                // Lines that nobody asked for.
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
                session.behind(script, &[]).await?;
            }
            _ => {}
        }
        Ok(())
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
