//! Shared support for tests of the gates: state folders, commands, one-time codes, and a mail server.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};

use crate::{root, server, within};

/// A state folder, which is removed when this is dropped.
pub struct State(PathBuf);

impl State {
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("cloakroom-gate-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the path as a value for `--state`.
    pub fn flag(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// Runs a command with this state folder and this standard input.
    pub fn runs(&self, arguments: &[&str], input: &str) -> Output {
        self.runs_writing_to(Stdio::piped(), arguments, input)
    }

    /// Runs a command that fails because it cannot write to `output`, and returns its standard error.
    pub fn fails_writing_to(&self, output: Stdio, arguments: &[&str], input: &str) -> String {
        let output = self.runs_writing_to(output, arguments, input);
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn runs_writing_to(&self, stdout: Stdio, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(server::program())
            .args(["--state", self.flag()])
            .args(arguments)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that does not read its input may have ended already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// Runs a command that succeeds, and returns its standard output.
    pub fn told(&self, arguments: &[&str], input: &str) -> String {
        let output = self.runs(arguments, input);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that fails, and returns its standard error.
    pub fn fails(&self, arguments: &[&str], input: &str) -> String {
        let output = self.runs(arguments, input);
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Adds a person, and returns the factors that the command showed.
    pub fn adds_person(&self, name: &str, password: &str) -> Factors {
        Factors::of(&self.told(&["people", "add", name], &format!("{password}\n")))
    }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The second factors that `cloakroom people add` shows.
pub struct Factors {
    pub secret: String,
    pub recovery: Vec<String>,
    /// The QR code, line by line.
    pub drawn: Vec<String>,
}

impl Factors {
    pub fn of(told: &str) -> Self {
        let secret =
            told.split("type this secret into the app: ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
        let is_code = |line: &&str| line.len() == 24 && line.chars().all(|c| c.is_ascii_digit() || c == ' ');
        let recovery = told.lines().map(str::trim).filter(is_code).map(str::to_owned).collect();
        let drawn = told.lines().filter(|line| line.contains(['█', '▀', '▄'])).map(str::to_owned).collect();
        Self { secret, recovery, drawn }
    }

    /// Returns the code that an authenticator app shows `steps` steps of 30 seconds from now.
    pub fn code(&self, steps: i64) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let at = now.checked_add_signed(30 * steps).unwrap().to_string();
        let output = Command::new("python3").arg(root().join("tests/gate/totp.py")).args([&self.secret, &at]).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

/// A mail server built on an independent library.
pub struct Mail {
    child: tokio::process::Child,
    lines: Lines<BufReader<tokio::process::ChildStdout>>,
    pub port: u16,
}

impl Mail {
    /// Starts it in these modes, which `tests/gate/smtp.py` describes.
    pub async fn start(port: u16, modes: &[&str]) -> Self {
        let mut child = tokio::process::Command::new(root().join("target/tools/python/bin/python"))
            .arg(root().join("tests/gate/smtp.py"))
            .arg(port.to_string())
            .args(modes)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // The library warns about the insecure settings that these tests need.
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut mail = Self { child, lines, port };
        mail.port = mail.next().await["port"].as_u64().unwrap().try_into().unwrap();
        mail
    }

    /// Ends the mail server.
    pub async fn stop(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits for the next mail.
    pub async fn next(&mut self) -> Value {
        let line = within("a mail arrives", self.lines.next_line()).await.unwrap();
        serde_json::from_str(&line.expect("the mail server is running")).unwrap()
    }

    /// Waits for the next mail, and returns the code in it.
    pub async fn next_code(&mut self) -> String {
        let mail = self.next().await;
        let text = mail["mail"].as_str().unwrap();
        let line = text.lines().find(|line| line.starts_with("    ")).expect("the mail contains a code");
        line.chars().filter(char::is_ascii_digit).collect()
    }
}
