//! What the tests of gates share: folders, commands, codes, and a mail server.

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

/// A state folder, gone with it.
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

    /// As a flag's value.
    pub fn flag(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// Runs a command on it, with this on its standard input.
    pub fn runs(&self, arguments: &[&str], input: &str) -> Output {
        self.runs_writing_to(Stdio::piped(), arguments, input)
    }

    /// What a command says that cannot write its output there.
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
        // One that does not read it may be gone.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// What a command that succeeds prints.
    pub fn told(&self, arguments: &[&str], input: &str) -> String {
        let output = self.runs(arguments, input);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a command that fails says.
    pub fn fails(&self, arguments: &[&str], input: &str) -> String {
        let output = self.runs(arguments, input);
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Adds someone.
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

/// What `cloakroom people add` shows.
pub struct Factors {
    pub secret: String,
    pub recovery: Vec<String>,
    /// The lines of the QR code.
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

    /// The code that an app shows so many steps from now.
    pub fn code(&self, steps: i64) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let at = now.checked_add_signed(30 * steps).unwrap().to_string();
        let output = Command::new("python3").arg(root().join("tests/gate/totp.py")).args([&self.secret, &at]).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

/// A mail server, of a library that is not ours.
pub struct Mail {
    child: tokio::process::Child,
    lines: Lines<BufReader<tokio::process::ChildStdout>>,
    pub port: u16,
}

impl Mail {
    /// In these modes, see `tests/gate/smtp.py`.
    pub async fn start(port: u16, modes: &[&str]) -> Self {
        let mut child = tokio::process::Command::new(root().join("target/tools/python/bin/python"))
            .arg(root().join("tests/gate/smtp.py"))
            .arg(port.to_string())
            .args(modes)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // The library warns about what these tests want of it.
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut mail = Self { child, lines, port };
        mail.port = mail.next().await["port"].as_u64().unwrap().try_into().unwrap();
        mail
    }

    /// Ends it.
    pub async fn stop(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// The next mail.
    pub async fn next(&mut self) -> Value {
        let line = within("a mail comes", self.lines.next_line()).await.unwrap();
        serde_json::from_str(&line.expect("the mail server runs")).unwrap()
    }

    /// The code in the next mail.
    pub async fn next_code(&mut self) -> String {
        let mail = self.next().await;
        let text = mail["mail"].as_str().unwrap();
        let line = text.lines().find(|line| line.starts_with("    ")).expect("a code stands in it");
        line.chars().filter(char::is_ascii_digit).collect()
    }
}
