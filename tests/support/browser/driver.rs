//! The driver's process, the browser that it starts, and the folder that they write to.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{Engine, eventually};
use crate::within;

/// Starts the driver in a process group of its own. When its input closes, it kills all of the group and removes what
/// they wrote: so nothing stays of the browser, however the tests' process ends.
const GUARD: &str = r#"set -m
"$0" "$@" </dev/null &
read -r _
kill -KILL -- -$!
wait
# The killed processes may still be on their way out.
for _ in {1..50}; do rm -rf "$TMPDIR" && break; sleep 0.02; done"#;

/// Gives a program a screen that nobody sees; it ends with the group.
const SCREEN: &str = r#"mkfifo "$TMPDIR/display"
Xvfb -displayfd 1 -nolisten tcp -screen 0 1440x900x24 >"$TMPDIR/display" 2>/dev/null &
read -r number <"$TMPDIR/display"
DISPLAY=":$number" exec "$0" "$@""#;

const CHROMIUM_FLAGS: [&str; 12] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-breakpad",
    "--disable-crash-reporter",
    "--disable-dev-shm-usage",
    "--window-size=1440,900",
];

/// A driver that waits for orders; ends with its browser when dropped.
pub(super) struct Driver {
    guard: Child,
    /// Where it takes orders.
    pub(super) url: String,
    folder: PathBuf,
}

impl Driver {
    /// With a browser that trusts this authority, given in PEM, beside those that it comes with.
    pub(super) async fn start(engine: Engine, trusted: Option<&str>) -> Self {
        let folder = folder();
        if let (Engine::Chromium, Some(pem)) = (engine, trusted) {
            import(&folder, pem);
        }
        let mut command = Command::new("bash");
        command.args(["-c", GUARD]);
        let mut known = None;
        match engine {
            Engine::Chromium => command.arg(find(&["chromedriver"], "chromium-driver")).arg("--port=0"),
            Engine::Firefox => {
                let program = find(&["geckodriver"], "geckodriver");
                // The browser's own context holds the console that tells of violated policies.
                command.arg(program).args(["--port=0", "--allow-system-access", "--profile-root"]).arg(&folder)
            }
            Engine::WebKit => {
                // It has no headless mode, and does not say which port it took.
                let port = free_port();
                known = Some(port);
                find(&["Xvfb"], "xvfb");
                let program = find(&["WebKitWebDriver"], "webkit2gtk-driver");
                command.args(["sh", "-c", SCREEN]).arg(program).arg(format!("--port={port}"))
            }
        };
        let mut guard = command
            .process_group(0)
            .env("TMPDIR", &folder)
            .env("HOME", &folder)
            .env("XDG_CONFIG_HOME", &folder)
            // There is no desktop to talk to.
            .env("DBUS_SESSION_BUS_ADDRESS", "disabled:")
            .env("DBUS_SYSTEM_BUS_ADDRESS", "disabled:")
            .env("NO_AT_BRIDGE", "1")
            .env("MOZ_CRASHREPORTER_DISABLE", "1")
            .env("MOZ_HEADLESS_WIDTH", "1440")
            .env("MOZ_HEADLESS_HEIGHT", "900")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(guard.stdout.take().unwrap()).lines();
        let (ready, port) = oneshot::channel();
        thread::spawn(move || {
            let mut ready = Some(ready);
            // Read to the end, or the driver would stop at a full pipe.
            for line in lines.map_while(Result::ok) {
                if let (Some(port), true) = (port_in(&line), ready.is_some()) {
                    ready.take().map(|ready| ready.send(port));
                }
            }
        });
        let port = match known {
            Some(port) => listens(port).await,
            None => within("the driver listens", port).await.expect("the driver ended before it listened"),
        };
        Self { guard, url: format!("http://127.0.0.1:{port}"), folder }
    }

    /// What the browser is to be like. The proxy is a closed port: only this machine can be reached.
    pub(super) fn capabilities(&self, engine: Engine) -> Value {
        let nowhere = "127.0.0.1:9";
        let mut wanted = json!({
            "proxy": { "proxyType": "manual", "httpProxy": nowhere, "sslProxy": nowhere },
            "unhandledPromptBehavior": "ignore",
            "timeouts": { "script": 30_000, "pageLoad": 30_000, "implicit": 0 },
        });
        match engine {
            Engine::Chromium => {
                let profile = format!("--user-data-dir={}", self.folder.join("profile").display());
                let args: Vec<_> = CHROMIUM_FLAGS.iter().map(ToString::to_string).chain([profile]).collect();
                let binary = find(&["chromium", "chromium-browser", "google-chrome"], "chromium");
                wanted["goog:chromeOptions"] = json!({ "binary": binary, "args": args });
                wanted["goog:loggingPrefs"] = json!({ "browser": "ALL" });
            }
            Engine::Firefox => {
                let binary = find(&["firefox-esr", "firefox"], "firefox-esr");
                wanted["moz:firefoxOptions"] =
                    json!({ "binary": binary, "args": ["-headless"], "prefs": preferences() });
            }
            // Its proxy would stand before this machine too.
            Engine::WebKit => wanted["proxy"] = json!({ "proxyType": "direct" }),
        }
        json!({ "capabilities": { "alwaysMatch": wanted } })
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// Puts an authority where Chromium looks for those of its user.
fn import(folder: &Path, pem: &str) {
    let (store, file) = (folder.join(".pki/nssdb"), folder.join("authority.pem"));
    fs::create_dir_all(&store).unwrap();
    fs::write(&file, pem).unwrap();
    let store = format!("sql:{}", store.display());
    let file = file.to_str().unwrap();
    let certutil = find(&["certutil"], "libnss3-tools");
    for order in [&["-N", "--empty-password"][..], &["-A", "-n", "Cloakroom", "-t", "C,,", "-i", file]] {
        let status = Command::new(&certutil).args(["-d", &store]).args(order).status().unwrap();
        assert!(status.success(), "certutil {order:?}");
    }
}

/// A port that nobody has at the moment.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn listens(port: u16) -> u16 {
    let there = async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok().then_some(port);
    eventually("the driver listens", there).await
}

fn port_in(line: &str) -> Option<u16> {
    let rest =
        line.split_once("started successfully on port ").or_else(|| line.split_once("Listening on 127.0.0.1:"))?;
    rest.1.trim_end_matches('.').parse().ok()
}

fn folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("cloakroom-browser-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let folder = env::temp_dir().join(name);
    fs::create_dir(&folder).unwrap();
    folder
}

/// The first of these programs that is there.
fn find(names: &[&str], package: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let cargo = env::var_os("CARGO_HOME").map(|home| Path::new(&home).join("bin"));
    let home = env::var_os("HOME").map(|home| Path::new(&home).join(".cargo/bin"));
    let folders: Vec<_> = env::split_paths(&path).chain(cargo).chain(home).collect();
    let paths = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    paths
        .into_iter()
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{} is not installed: install {package}, or run tests/run, which does", names[0]))
}

/// Nothing in the background, and no question at the start.
fn preferences() -> Value {
    json!({
        "app.normandy.enabled": false,
        "app.update.disabledForTesting": true,
        "browser.aboutwelcome.enabled": false,
        "browser.newtabpage.enabled": false,
        "browser.region.update.enabled": false,
        "browser.safebrowsing.downloads.enabled": false,
        "browser.safebrowsing.malware.enabled": false,
        "browser.safebrowsing.phishing.enabled": false,
        "browser.search.update": false,
        "datareporting.policy.dataSubmissionEnabled": false,
        "dom.push.connection.enabled": false,
        "extensions.systemAddon.update.enabled": false,
        "extensions.update.enabled": false,
        "media.gmp-manager.updateEnabled": false,
        "network.captive-portal-service.enabled": false,
        "network.connectivity-service.enabled": false,
        "network.dns.disablePrefetch": true,
        "network.prefetch-next": false,
        "privacy.trackingprotection.enabled": false,
        "services.settings.server": "data:,none",
        "signon.rememberSignons": false,
        "toolkit.telemetry.enabled": false,
    })
}
