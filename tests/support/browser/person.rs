//! A person at a browser, and what they do.

use std::sync::{
    Arc, Mutex, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use serde_json::{Value, json};

use super::{
    Element, Engine,
    doing::key::ENTER,
    eventually,
    pool::Browser,
    seeing::texts,
    session::{Fault, Session},
};

/// Someone with a browser.
#[derive(Clone)]
pub struct Person(Arc<Inner>);

struct Inner {
    name: String,
    session: Session,
    /// Replaces `session` when WebKit did not load the person's first page.
    second_session: OnceLock<Session>,
    browser: Mutex<Browser>,
    has_opened_a_page: AtomicBool,
    /// Whether something was set in the browser that a fresh state does not undo.
    is_spent: AtomicBool,
}

impl Person {
    pub(super) async fn new(name: &str, engine: Engine) -> Self {
        Self::with(Browser::take(engine).await, name, false)
    }

    pub(super) async fn who_trusts(pem: &str, name: &str, engine: Engine) -> Self {
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

    /// Leaves the browser to the next person, if it is as it was.
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

    /// What the others call them.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Which browser it is.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.session().engine
    }

    pub(super) fn done<T>(&self, what: &str, result: Result<T, Fault>) -> T {
        result.unwrap_or_else(|fault| panic!("{} cannot {what}: {}: {}", self.name(), fault.error, fault.message))
    }

    /// Carries out what can fail while a page is changing, again and again.
    pub(super) async fn manages<T>(&self, what: &str, mut act: impl AsyncFnMut() -> Result<Option<T>, Fault>) -> T {
        eventually(&format!("{} manages to {what}", self.name()), async || match act().await {
            Ok(done) => done,
            Err(fault) if fault.passes() => None,
            Err(fault) => self.done(what, Err(fault)),
        })
        .await
    }

    // Going about

    /// Opens an address.
    pub async fn open(&self, url: &str) {
        let mut opened = self.session().open(url).await;
        let is_first = !self.0.has_opened_a_page.swap(true, Ordering::Relaxed);
        if is_first && self.engine() == Engine::WebKit && opened.as_ref().is_err_and(Fault::is_timeout) {
            eprintln!("{}'s WebKit did not load its first page: another one opens it", self.name());
            self.starts_another_browser().await;
            opened = self.session().open(url).await;
        }
        self.done("open the page", opened);
    }

    /// Ends the browser and goes on with a new one, once.
    async fn starts_another_browser(&self) {
        let (browser, session) = Browser::take(self.engine()).await;
        *self.0.browser.lock().unwrap() = browser;
        assert!(self.0.second_session.set(session).is_ok(), "{} has a second browser already", self.name());
    }

    /// Tries to open an address, and is warned of its certificate instead.
    pub async fn is_warned_of(&self, url: &str) {
        match self.session().post("/url", json!({ "url": url })).await {
            Err(fault) => assert_eq!(fault.error, "insecure certificate", "{}", fault.message),
            // The warning is a page.
            Ok(_) => assert!(self.text().await.contains("ERR_CERT_AUTHORITY_INVALID")),
        }
    }

    /// What the address bar says.
    pub async fn address(&self) -> String {
        let address = self.done("read the address", self.session().get("/url").await);
        address.as_str().unwrap().to_owned()
    }

    /// Waits until the address bar says this.
    pub async fn arrives_at(&self, url: &str) {
        eventually(&format!("{} is at {url}", self.name()), async || (self.address().await == url).then_some(())).await;
    }

    /// Goes back, forward or reloads: `back`, `forward`, `refresh`.
    pub async fn turns(&self, which: &str) {
        self.done(which, self.session().post(&format!("/{which}"), json!({})).await);
    }

    /// Which tab it is.
    pub async fn tab(&self) -> String {
        let tab = self.done("tell the tab", self.session().get("/window").await);
        tab.as_str().unwrap().to_owned()
    }

    /// Opens a further tab, and goes on in it; the one before is handed back.
    pub async fn new_tab(&self) -> String {
        let old = self.tab().await;
        let new = self.done("open a tab", self.session().new_tab(json!({})).await);
        self.switch_to(&new).await;
        old
    }

    /// Has the page open a tab in front of itself, and goes on in that one; the page's is handed back.
    pub async fn looks_away(&self) -> String {
        let page = self.tab().await;
        let tabs = async || texts(&self.done("tell the tabs", self.session().get("/window/handles").await));
        let before = tabs().await;
        self.runs("window.open('about:blank')", &[]).await;
        let new = async || tabs().await.into_iter().find(|tab| !before.contains(tab));
        let front = eventually("the tab in front", new).await;
        self.switch_to(&front).await;
        let hidden = async || (self.runs("return opener.document.hidden", &[]).await == true).then_some(());
        eventually("the page is hidden", hidden).await;
        page
    }

    /// Waits until this stands among the messages of the page behind the tab in front.
    pub async fn gets_unseen(&self, text: &str) {
        let script = "return opener.document.getElementById('messages').textContent";
        eventually(&format!("{} gets {text:?} unseen", self.name()), async || {
            self.runs(script, &[]).await.as_str()?.contains(text).then_some(())
        })
        .await;
    }

    /// Closes the tab in front, and looks at the page again.
    pub async fn looks_back(&self, page: &str) {
        self.close_tab().await;
        self.switch_to(page).await;
    }

    /// Goes on in another tab.
    pub async fn switch_to(&self, tab: &str) {
        self.done("switch tabs", self.session().post("/window", json!({ "handle": tab })).await);
    }

    /// Closes the tab.
    pub async fn close_tab(&self) {
        self.done("close the tab", self.session().delete("/window").await);
    }

    /// Has the page shown at this size, whatever the window's frame takes.
    pub async fn resizes(&self, width: u32, height: u32) {
        if self.engine() == Engine::Chromium {
            let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
            self.chromium("Emulation.setDeviceMetricsOverride", size).await;
            return;
        }
        let script = "document.documentElement.style.setProperty('min-width', '0', 'important')";
        self.done("allow narrow windows", self.session().behind(script, &[]).await);
        let script = "return [innerWidth, innerHeight, outerWidth - innerWidth, outerHeight - innerHeight]";
        eventually(&format!("the page is {width} × {height}"), async || {
            let sizes = self.runs(script, &[]).await;
            let of = |index: usize| u32::try_from(sizes[index].as_i64().unwrap()).unwrap_or_default();
            if [of(0), of(1)] == [width, height] {
                return Some(());
            }
            let outer = json!({ "width": width + of(2), "height": height + of(3) });
            self.done("size the window", self.session().post("/window/rect", outer).await);
            None
        })
        .await;
    }

    // Finding

    /// The visible thing of this role and name; waits for it.
    pub async fn by_role(&self, role: &str, name: &str) -> Element {
        let what = format!("find the {role} {name:?}");
        self.manages(&what, async || {
            let seen = self.sees_all(role, name).await?;
            assert!(seen.len() < 2, "{} sees {} times the {role} {name:?}", self.name(), seen.len());
            Ok(seen.into_iter().next())
        })
        .await
    }

    /// Whether there is such a thing to be seen.
    pub async fn sees(&self, role: &str, name: &str) -> bool {
        self.manages("look", async || Ok(Some(!self.sees_all(role, name).await?.is_empty()))).await
    }

    /// The field with this label, a password's too.
    pub async fn field(&self, label: &str) -> Element {
        self.by_role("field", label).await
    }

    // Doing

    /// Presses the button of this name.
    pub async fn press(&self, name: &str) {
        self.click("button", name).await;
    }

    /// Follows the link of this name.
    pub async fn follow(&self, name: &str) {
        self.click("link", name).await;
    }

    async fn click(&self, role: &str, name: &str) {
        self.manages(&format!("press the {role} {name:?}"), async || {
            let Some(element) = self.sees_all(role, name).await?.into_iter().next() else { return Ok(None) };
            self.session().post(&format!("/element/{}/click", element.0), json!({})).await?;
            Ok(Some(()))
        })
        .await;
    }

    /// Types into a field, in place of what is there.
    pub async fn fills(&self, label: &str, text: &str) {
        let field = self.field(label).await;
        self.done("clear a field", self.session().post(&format!("/element/{}/clear", field.0), json!({})).await);
        self.types(label, text).await;
    }

    /// Types key by key.
    pub async fn types(&self, label: &str, text: &str) {
        let field = self.field(label).await;
        let typed = self.session().post(&format!("/element/{}/value", field.0), json!({ "text": text })).await;
        self.done("type", typed);
    }

    /// Presses the keys that put what was copied into a field.
    pub async fn pastes_copied(&self, label: &str) {
        self.types(label, "\u{e009}v\u{e000}").await;
    }

    /// Takes one of the choices of a list that folds out.
    pub async fn chooses(&self, list: &str, choice: &str) {
        let list = self.by_role("combobox", list).await;
        let script = "const [list, choice] = arguments;
            list.value = [...list.options].find(({ label }) => label === choice).value;
            list.dispatchEvent(new Event('input', { bubbles: true }));
            list.dispatchEvent(new Event('change', { bubbles: true }));";
        self.runs(script, &[list.to_value(), json!(choice)]).await;
    }

    /// Puts a text into a field in one go, in place of what is there: not all texts have keys.
    pub async fn pastes(&self, label: &str, text: &str) {
        let script = "arguments[0].focus(); arguments[0].select();
            document.execCommand(arguments[1] ? 'insertText' : 'delete', false, arguments[1]);";
        self.runs(script, &[self.field(label).await.to_value(), json!(text)]).await;
    }

    /// Types a message and sends it with the Enter key.
    pub async fn says(&self, text: &str) {
        self.types("Message", &format!("{text}{ENTER}")).await;
    }

    /// Sends a message that cannot be typed key by key.
    pub async fn says_pasted(&self, text: &str) {
        self.pastes("Message", text).await;
        self.types("Message", ENTER).await;
    }

    /// Presses Enter in a field.
    pub async fn enters(&self, label: &str) {
        self.types(label, ENTER).await;
    }

    /// Allows pages to run scripts, or forbids it.
    pub async fn allows_script(&self, allowed: bool) {
        if self.engine() == Engine::Chromium {
            self.chromium("Emulation.setScriptExecutionDisabled", json!({ "value": !allowed })).await;
        } else {
            let script = "Services.prefs.setBoolPref('javascript.enabled', arguments[0])";
            self.sets("forbid scripts", script, &[json!(allowed)]).await;
        }
    }

    /// Tells the browser that there is a network, or none.
    pub async fn network(&self, online: bool) {
        if self.engine() == Engine::Chromium {
            let params = json!({ "offline": !online, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
            self.chromium("Network.emulateNetworkConditions", params).await;
        } else {
            let script = "Services.io.offline = !arguments[0]";
            self.sets("go offline", script, &[json!(online)]).await;
        }
    }

    /// Sets something in Firefox as a whole, which is then not used by anybody else.
    pub(super) async fn sets(&self, what: &str, script: &str, args: &[Value]) {
        self.0.is_spent.store(true, Ordering::Relaxed);
        self.done(what, self.session().behind(script, args).await);
    }

    /// Runs a script in the page.
    pub async fn runs(&self, script: &str, args: &[Value]) -> Value {
        self.manages("run a script", async || self.session().script(script, args).await.map(Some)).await
    }

    /// Gives an order of Chromium's own protocol.
    pub async fn chromium(&self, command: &str, params: Value) -> Value {
        self.done(command, self.session().chromium(command, params).await)
    }

    /// Keeps Chromium from loading what has such an address, from here on.
    pub async fn blocks(&self, patterns: &[&str]) {
        self.chromium("Network.enable", json!({})).await;
        self.chromium("Network.setBlockedURLs", json!({ "urls": patterns })).await;
    }

    // The door

    /// Fills in the form that is there and sends it off.
    pub async fn knocks(&self, room: &str, user: &str, password: &str, button: &str) {
        self.fills("Room name", room).await;
        self.fills("Your name", user).await;
        self.fills("Password", password).await;
        self.press(button).await;
    }

    /// Makes a room and is in it.
    pub async fn creates(&self, origin: &str, room: &str, password: &str) {
        self.open(&format!("{origin}/create")).await;
        self.knocks(room, self.name(), password, "Create room").await;
        self.is_in().await;
    }

    /// Enters a room that is there.
    pub async fn joins(&self, origin: &str, room: &str, password: &str) {
        self.open(&format!("{origin}/login")).await;
        self.knocks(room, self.name(), password, "Join room").await;
        self.is_in().await;
    }

    /// Waits until the room is there and connected.
    pub async fn is_in(&self) {
        self.by_role("log", "Messages").await;
        self.connection_says("Connected").await;
    }
}
