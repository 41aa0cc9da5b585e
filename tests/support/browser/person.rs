//! A person at a browser, and their actions.

use std::sync::{
    Arc, Mutex, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use serde_json::{Value, json};

use super::{
    Element, Engine, eventually,
    input::key::ENTER,
    pool::Browser,
    reading::texts,
    session::{Fault, Session},
};

/// A person with a browser.
#[derive(Clone)]
pub struct Person(Arc<Inner>);

struct Inner {
    name: String,
    session: Session,
    /// Replaces `session` if WebKit did not load the person's first page.
    second_session: OnceLock<Session>,
    browser: Mutex<Browser>,
    has_opened_a_page: AtomicBool,
    /// True after a change to the browser that a fresh session does not undo.
    is_spent: AtomicBool,
}

impl Person {
    pub(super) async fn new(name: &str, engine: Engine) -> Self {
        Self::with(Browser::take(engine).await, name, false)
    }

    pub(super) async fn trusting(pem: &str, name: &str, engine: Engine) -> Self {
        Self::with(Browser::take_new(engine, Some(pem)).await, name, true)
    }

    fn with((browser, session): (Browser, Session), name: &str, is_spent: bool) -> Self {
        Self(Arc::new(Inner {
            name: name.to_owned(),
            session,
            second_session: OnceLock::new(),
            browser: Mutex::new(browser),
            has_opened_a_page: AtomicBool::new(false),
            is_spent: AtomicBool::new(is_spent),
        }))
    }

    /// Leaves the browser to the next person, unless this person changed it for good.
    pub(super) async fn leaves(self) {
        if let Some(inner) = Arc::into_inner(self.0)
            && !inner.is_spent.into_inner()
        {
            let session = inner.second_session.into_inner().unwrap_or(inner.session);
            inner.browser.into_inner().unwrap().put_back(session).await;
        }
    }

    pub(super) fn session(&self) -> &Session {
        self.0.second_session.get().unwrap_or(&self.0.session)
    }

    /// Returns the person's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the browser's engine.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.session().engine
    }

    pub(super) fn expect_to<T>(&self, what: &str, result: Result<T, Fault>) -> T {
        result.unwrap_or_else(|fault| panic!("{} cannot {what}: {}: {}", self.name(), fault.error, fault.message))
    }

    /// Repeats an action until it returns a value. Faults that a changing page causes are not errors.
    pub(super) async fn retries<T>(&self, what: &str, mut act: impl AsyncFnMut() -> Result<Option<T>, Fault>) -> T {
        eventually(&format!("{} can {what}", self.name()), async || match act().await {
            Ok(done) => done,
            Err(fault) if fault.is_transient() => None,
            Err(fault) => self.expect_to(what, Err(fault)),
        })
        .await
    }

    // Pages and tabs

    /// Opens an address. If WebKit does not load the person's first page, a new WebKit opens it.
    pub async fn open(&self, url: &str) {
        let mut opened = self.session().open(url).await;
        let is_first = !self.0.has_opened_a_page.swap(true, Ordering::Relaxed);
        if is_first && self.engine() == Engine::WebKit && opened.as_ref().is_err_and(Fault::is_timeout) {
            eprintln!("WebKit did not load {}'s first page: starting another one", self.name());
            self.starts_another_browser().await;
            opened = self.session().open(url).await;
        }
        self.expect_to("open the page", opened);
    }

    /// Ends the browser and continues with a new one. A person can do so once.
    async fn starts_another_browser(&self) {
        let (browser, session) = Browser::take(self.engine()).await;
        *self.0.browser.lock().unwrap() = browser;
        assert!(self.0.second_session.set(session).is_ok(), "{} already has a second browser", self.name());
    }

    /// Tries to open an address, and expects a warning about its certificate.
    pub async fn is_warned_of(&self, url: &str) {
        match self.session().post("/url", json!({ "url": url })).await {
            Err(fault) => assert_eq!(fault.error, "insecure certificate", "{}", fault.message),
            // Chromium shows the warning as a page.
            Ok(_) => assert!(self.text().await.contains("ERR_CERT_AUTHORITY_INVALID")),
        }
    }

    /// Returns the page's address.
    pub async fn address(&self) -> String {
        let address = self.expect_to("read the address", self.session().get("/url").await);
        address.as_str().unwrap().to_owned()
    }

    /// Waits until the page has this address.
    pub async fn arrives_at(&self, url: &str) {
        eventually(&format!("{} is at {url}", self.name()), async || (self.address().await == url).then_some(())).await;
    }

    /// Goes back or forward, or reloads: `back`, `forward`, `refresh`.
    pub async fn turns(&self, which: &str) {
        self.expect_to(which, self.session().post(&format!("/{which}"), json!({})).await);
    }

    /// Returns the present tab.
    pub async fn tab(&self) -> String {
        let tab = self.expect_to("read the tab", self.session().get("/window").await);
        tab.as_str().unwrap().to_owned()
    }

    /// Opens another tab and switches to it. Returns the tab before.
    pub async fn new_tab(&self) -> String {
        let old = self.tab().await;
        let new = self.expect_to("open a tab", self.session().new_tab(json!({})).await);
        self.switch_to(&new).await;
        old
    }

    /// Opens a tab in front of the page, so that the page is hidden, and switches to it. Returns the page's tab.
    pub async fn looks_away(&self) -> String {
        let page = self.tab().await;
        let tabs = async || texts(&self.expect_to("read the tabs", self.session().get("/window/handles").await));
        let before = tabs().await;
        self.runs("window.open('about:blank')", &[]).await;
        let new = async || tabs().await.into_iter().find(|tab| !before.contains(tab));
        let front = eventually("the tab in front", new).await;
        self.switch_to(&front).await;
        let hidden = async || (self.runs("return opener.document.hidden", &[]).await == true).then_some(());
        eventually("the page is hidden", hidden).await;
        page
    }

    /// Waits until the hidden page that opened this tab has this text among its messages.
    pub async fn gets_unseen(&self, text: &str) {
        let script = "return opener.document.getElementById('messages').textContent";
        eventually(&format!("{} gets {text:?} unseen", self.name()), async || {
            self.runs(script, &[]).await.as_str()?.contains(text).then_some(())
        })
        .await;
    }

    /// Closes the tab in front, and switches to the page.
    pub async fn looks_back(&self, page: &str) {
        self.close_tab().await;
        self.switch_to(page).await;
    }

    /// Switches to another tab.
    pub async fn switch_to(&self, tab: &str) {
        self.expect_to("switch tabs", self.session().post("/window", json!({ "handle": tab })).await);
    }

    /// Closes the tab.
    pub async fn close_tab(&self) {
        self.expect_to("close the tab", self.session().delete("/window").await);
    }

    /// Gives the page's viewport this size.
    pub async fn resizes(&self, width: u32, height: u32) {
        if self.engine() == Engine::Chromium {
            let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
            self.chromium("Emulation.setDeviceMetricsOverride", size).await;
            return;
        }
        let script = "document.documentElement.style.setProperty('min-width', '0', 'important')";
        self.expect_to("allow narrow windows", self.session().chrome_script(script, &[]).await);
        let script = "return [innerWidth, innerHeight, outerWidth - innerWidth, outerHeight - innerHeight]";
        eventually(&format!("the page is {width} × {height}"), async || {
            let sizes = self.runs(script, &[]).await;
            let of = |index: usize| u32::try_from(sizes[index].as_i64().unwrap()).unwrap_or_default();
            if [of(0), of(1)] == [width, height] {
                return Some(());
            }
            let outer = json!({ "width": width + of(2), "height": height + of(3) });
            self.expect_to("size the window", self.session().post("/window/rect", outer).await);
            None
        })
        .await;
    }

    // Elements

    /// Waits for the one visible element of this role and name, and returns it.
    pub async fn by_role(&self, role: &str, name: &str) -> Element {
        let what = format!("find the {role} {name:?}");
        self.retries(&what, async || {
            let seen = self.sees_all(role, name).await?;
            assert!(seen.len() < 2, "{} sees {} elements: {role} {name:?}", self.name(), seen.len());
            Ok(seen.into_iter().next())
        })
        .await
    }

    /// Returns whether an element of this role and name is visible.
    pub async fn sees(&self, role: &str, name: &str) -> bool {
        self.retries("look", async || Ok(Some(!self.sees_all(role, name).await?.is_empty()))).await
    }

    /// Waits for the field with this label, which may be a password field.
    pub async fn field(&self, label: &str) -> Element {
        self.by_role("field", label).await
    }

    // Actions

    /// Presses the button of this name.
    pub async fn press(&self, name: &str) {
        self.click("button", name).await;
    }

    /// Follows the link of this name.
    pub async fn follow(&self, name: &str) {
        self.click("link", name).await;
    }

    async fn click(&self, role: &str, name: &str) {
        self.retries(&format!("press the {role} {name:?}"), async || {
            let Some(element) = self.sees_all(role, name).await?.into_iter().next() else { return Ok(None) };
            self.session().post(&format!("/element/{}/click", element.0), json!({})).await?;
            Ok(Some(()))
        })
        .await;
    }

    /// Replaces a field's text by typing.
    pub async fn fills(&self, label: &str, text: &str) {
        let field = self.field(label).await;
        self.expect_to("clear a field", self.session().post(&format!("/element/{}/clear", field.0), json!({})).await);
        self.types(label, text).await;
    }

    /// Types into a field, key by key.
    pub async fn types(&self, label: &str, text: &str) {
        let field = self.field(label).await;
        let typed = self.session().post(&format!("/element/{}/value", field.0), json!({ "text": text })).await;
        self.expect_to("type", typed);
    }

    /// Pastes the clipboard into a field with Control and V.
    pub async fn pastes_copied(&self, label: &str) {
        self.types(label, "\u{e009}v\u{e000}").await;
    }

    /// Selects an option of a combobox.
    pub async fn chooses(&self, list: &str, choice: &str) {
        let list = self.by_role("combobox", list).await;
        let script = "const [list, choice] = arguments;
            list.value = [...list.options].find(({ label }) => label === choice).value;
            list.dispatchEvent(new Event('input', { bubbles: true }));
            list.dispatchEvent(new Event('change', { bubbles: true }));";
        self.runs(script, &[list.to_value(), json!(choice)]).await;
    }

    /// Replaces a field's text in one step, for characters that no key has.
    pub async fn pastes(&self, label: &str, text: &str) {
        let script = "arguments[0].focus(); arguments[0].select();
            document.execCommand(arguments[1] ? 'insertText' : 'delete', false, arguments[1]);";
        self.runs(script, &[self.field(label).await.to_value(), json!(text)]).await;
    }

    /// Types a message and sends it with the Enter key.
    pub async fn says(&self, text: &str) {
        self.types("Message", &format!("{text}{ENTER}")).await;
    }

    /// Sends a message with characters that no key has.
    pub async fn says_pasted(&self, text: &str) {
        self.pastes("Message", text).await;
        self.types("Message", ENTER).await;
    }

    /// Presses Enter in a field.
    pub async fn enters(&self, label: &str) {
        self.types(label, ENTER).await;
    }

    /// Sets whether pages may run scripts.
    pub async fn allows_script(&self, allowed: bool) {
        if self.engine() == Engine::Chromium {
            self.chromium("Emulation.setScriptExecutionDisabled", json!({ "value": !allowed })).await;
        } else {
            let script = "Services.prefs.setBoolPref('javascript.enabled', arguments[0])";
            self.changes_firefox("forbid scripts", script, &[json!(allowed)]).await;
        }
    }

    /// Sets whether the browser is online.
    pub async fn network(&self, online: bool) {
        if self.engine() == Engine::Chromium {
            let params = json!({ "offline": !online, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
            self.chromium("Network.emulateNetworkConditions", params).await;
        } else {
            let script = "Services.io.offline = !arguments[0]";
            self.changes_firefox("go offline", script, &[json!(online)]).await;
        }
    }

    /// Changes a setting of the whole Firefox process. No other person uses that browser afterwards.
    pub(super) async fn changes_firefox(&self, what: &str, script: &str, args: &[Value]) {
        self.0.is_spent.store(true, Ordering::Relaxed);
        self.expect_to(what, self.session().chrome_script(script, args).await);
    }

    /// Runs a script in the page, and returns its result.
    pub async fn runs(&self, script: &str, args: &[Value]) -> Value {
        self.retries("run a script", async || self.session().script(script, args).await.map(Some)).await
    }

    /// Sends a command of the Chrome DevTools Protocol.
    pub async fn chromium(&self, command: &str, params: Value) -> Value {
        self.expect_to(command, self.session().chromium(command, params).await)
    }

    /// From now on, keeps Chromium from loading addresses that match these patterns.
    pub async fn blocks(&self, patterns: &[&str]) {
        self.chromium("Network.enable", json!({})).await;
        self.chromium("Network.setBlockedURLs", json!({ "urls": patterns })).await;
    }

    // Entering a room

    /// Fills in the form on the page, and sends it.
    pub async fn knocks(&self, room: &str, user: &str, password: &str, button: &str) {
        self.fills("Room name", room).await;
        self.fills("Your name", user).await;
        self.fills("Password", password).await;
        self.press(button).await;
    }

    /// Makes a room, and waits until the person is in it.
    pub async fn creates(&self, origin: &str, room: &str, password: &str) {
        self.open(&format!("{origin}/create")).await;
        self.knocks(room, self.name(), password, "Create room").await;
        self.is_in().await;
    }

    /// Joins a room, and waits until the person is in it.
    pub async fn joins(&self, origin: &str, room: &str, password: &str) {
        self.open(&format!("{origin}/login")).await;
        self.knocks(room, self.name(), password, "Join room").await;
        self.is_in().await;
    }

    /// Waits until the page shows the room, connected.
    pub async fn is_in(&self) {
        self.by_role("log", "Messages").await;
        self.connection_says("Connected").await;
    }
}
