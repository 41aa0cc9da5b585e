//! A WebDriver process, the browser that it starts, and the temporary folder of both.

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

/// A shell script that starts the driver in its own process group. When the script's input closes, it kills the whole
/// group and removes the temporary folder. So no browser survives, however the test process ends.
const GUARD: &str = r#"set -m
"$0" "$@" </dev/null &
read -r _
kill -KILL -- -$!
wait
# A killed process may still be writing.
for _ in {1..50}; do rm -rf "$TMPDIR" && break; sleep 0.02; done"#;

/// A shell script that runs a program on a virtual screen. The screen ends with the process group.
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

/// A driver that takes commands. Dropping it ends it and its browser.
pub(super) struct Driver {
    guard: Child,
    /// The driver's address.
    pub(super) url: String,
    folder: PathBuf,
}

impl Driver {
    /// Starts a driver. Its browser also trusts the authority `trusted`, given in PEM.
    pub(super) async fn start(engine: Engine, trusted: Option<&str>) -> Self {
        let folder = create_folder();
        if let (Engine::Chromium, Some(pem)) = (engine, trusted) {
            import(&folder, pem);
        }
        let mut command = Command::new("bash");
        command.args(["-c", GUARD]);
        let mut known_port = None;
        match engine {
            Engine::Chromium => command.arg(find(&["chromedriver"], "chromium-driver")).arg("--port=0"),
            Engine::Firefox => {
                let program = find(&["geckodriver"], "geckodriver");
                // Only Firefox's chrome context can read the console, which reports violated policies.
                command.arg(program).args(["--port=0", "--allow-system-access", "--profile-root"]).arg(&folder)
            }
            Engine::WebKit => {
                // WebKit has no headless mode, and its driver does not print its port.
                let port = free_port();
                known_port = Some(port);
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
            // No D-Bus: there is no desktop.
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
            // Read to the end: the driver would block on a full pipe.
            for line in lines.map_while(Result::ok) {
                if let (Some(port), true) = (port_in(&line), ready.is_some()) {
                    ready.take().map(|ready| ready.send(port));
                }
            }
        });
        let port = match known_port {
            Some(port) => await_listening(port).await,
            None => within("the driver listens", port).await.expect("the driver ended before it listened"),
        };
        Self { guard, url: format!("http://127.0.0.1:{port}"), folder }
    }

    /// Returns the capabilities of a new session. The proxy is a closed port, so the browser reaches only this machine.
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
            // WebKit would use the proxy for this machine too.
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

/// Adds an authority to the user's certificate store that Chromium reads.
fn import(folder: &Path, pem: &str) {
    let (store, file) = (folder.join(".pki/nssdb"), folder.join("authority.pem"));
    fs::create_dir_all(&store).unwrap();
    fs::write(&file, pem).unwrap();
    let store = format!("sql:{}", store.display());
    let file = file.to_str().unwrap();
    let certutil = find(&["certutil"], "libnss3-tools");
    for arguments in [&["-N", "--empty-password"][..], &["-A", "-n", "Cloakroom", "-t", "C,,", "-i", file]] {
        let status = Command::new(&certutil).args(["-d", &store]).args(arguments).status().unwrap();
        assert!(status.success(), "certutil {arguments:?}");
    }
}

/// Returns a port that is free at the moment.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn await_listening(port: u16) -> u16 {
    let connects = async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok().then_some(port);
    eventually("the driver listens", connects).await
}

fn port_in(line: &str) -> Option<u16> {
    let rest =
        line.split_once("started successfully on port ").or_else(|| line.split_once("Listening on 127.0.0.1:"))?;
    rest.1.trim_end_matches('.').parse().ok()
}

fn create_folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("cloakroom-browser-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let folder = env::temp_dir().join(name);
    fs::create_dir(&folder).unwrap();
    folder
}

/// Returns the path of the first of these programs that is installed.
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

/// Returns Firefox preferences that turn off background traffic and first-run pages.
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
