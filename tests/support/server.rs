//! The real server as its own process, on its own port.

use std::{
    path::{Path, PathBuf},
    process::{Command as StdCommand, Stdio},
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    sync::watch,
    task::JoinHandle,
    time::interval,
};

use crate::{program, root, within};

/// Builds the server once per test run, and returns the program's path.
pub fn program() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| program::build("cloakroom")).clone()
}

/// A running server. Dropping it ends the process.
pub struct Server {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub address: String,
    log: Arc<Mutex<String>>,
    lines: watch::Receiver<usize>,
    reader: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a server with rate limits that no test reaches.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Starts a server with these flags.
    pub async fn with(flags: &[&str]) -> Self {
        Self::of(&program(), None, flags).await
    }

    /// Starts a server with these flags and these environment variables.
    pub async fn with_variables(flags: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::of_with(&program(), None, flags, variables).await
    }

    /// Runs a server that does not start with these flags, and returns its standard error.
    pub fn refuses(flags: &[&str]) -> String {
        let output = StdCommand::new(program())
            .args(flags)
            .args(["--listen", "127.0.0.1:0"])
            .env_clear()
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(!output.status.success(), "{flags:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Starts a server that is limited to one processor core.
    #[cfg(target_os = "linux")]
    pub async fn on_one_core() -> Self {
        use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

        // The process inherits the CPU affinity of the thread that starts it.
        let all = sched_getaffinity(None).unwrap();
        let mut one = CpuSet::new();
        one.set((0..CpuSet::MAX_CPU).find(|core| all.is_set(*core)).unwrap());
        let program = program();
        sched_setaffinity(None, &one).unwrap();
        let server = Self::of(&program, None, &[]).await;
        sched_setaffinity(None, &all).unwrap();
        server
    }

    /// Starts this program in this folder.
    pub async fn of(program: &Path, dir: Option<&Path>, flags: &[&str]) -> Self {
        Self::of_with(program, dir, flags, &[]).await
    }

    async fn of_with(program: &Path, dir: Option<&Path>, flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child = Self::spawn(program, dir, "127.0.0.1:0", Stdio::piped(), flags, variables);
        let log = Arc::new(Mutex::new(String::new()));
        let (counted, lines) = watch::channel(0);
        let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        let reader = tokio::spawn({
            let log = Arc::clone(&log);
            async move {
                while let Ok(Some(line)) = stderr.next_line().await {
                    *log.lock().unwrap() += &format!("{line}\n");
                    counted.send_modify(|count| *count += 1);
                }
            }
        });
        let mut server = Self { child, address: String::new(), log, lines, reader: Some(reader) };
        let line = server.logged("listening on ").await;
        let rest = line.split("listening on ").nth(1).unwrap();
        server.address = rest.split([':', ' ', ',']).take(2).collect::<Vec<_>>().join(":");
        server
    }

    /// Starts a server that writes its log to `stderr`. No test can read that log.
    pub async fn logging_to(stderr: Stdio, flags: &[&str]) -> Self {
        // The test cannot read from the log which port the system chose, so it chooses a free one first.
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let mut child = Self::spawn(&program(), None, &address, stderr, flags, &[]);
        within("the server listens", async {
            let mut ticks = interval(Duration::from_millis(10));
            while TcpStream::connect(&address).await.is_err() {
                assert!(child.try_wait().unwrap().is_none(), "the server ended before it listened");
                ticks.tick().await;
            }
        })
        .await;
        Self { child, address, log: Arc::default(), lines: watch::channel(0).1, reader: None }
    }

    fn spawn(
        program: &Path,
        dir: Option<&Path>,
        listen: &str,
        stderr: Stdio,
        flags: &[&str],
        variables: &[(&str, &str)],
    ) -> Child {
        Command::new(program)
            .current_dir(dir.unwrap_or(&root()))
            .args(flags)
            .env_clear()
            .env("CLOAKROOM_LISTEN", listen)
            .env("CLOAKROOM_STATE", "none")
            .env("CLOAKROOM_CREATES_PER_MINUTE", "100000")
            .env("CLOAKROOM_JOINS_PER_MINUTE", "100000")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    /// Closes the pipe that receives the log.
    pub async fn close_log(&mut self) {
        let reader = self.reader.take().expect("a task reads the log");
        reader.abort();
        let _ = reader.await;
    }

    /// Returns `http://localhost:PORT`, which browsers treat as a secure context.
    pub fn origin(&self) -> String {
        format!("http://localhost:{}", self.port())
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.address.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Returns the log so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits for a log line that contains this text, and returns the line.
    pub async fn logged(&self, text: &str) -> String {
        let mut lines = self.lines.clone();
        within(&format!("a log line with {text:?}"), async {
            loop {
                if let Some(line) = self.log().lines().find(|line| line.contains(text)) {
                    return line.to_owned();
                }
                assert!(lines.changed().await.is_ok(), "the server ended before it logged {text:?}: {}", self.log());
            }
        })
        .await
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Sends SIGHUP.
    pub fn hang_up(&self) {
        self.signal("-HUP");
    }

    /// Sends SIGSTOP: the process stops until [`resume`](Self::resume).
    pub fn suspend(&self) {
        self.signal("-STOP");
    }

    /// Sends SIGCONT.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let status = StdCommand::new("kill").args([signal, &self.pid().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits until the process has ended and the log is read to its end. Returns whether the exit status was 0.
    pub async fn ended(&mut self) -> bool {
        let status = within("the server ends", self.child.wait()).await.unwrap();
        if let Some(reader) = self.reader.take() {
            let _ = reader.await;
        }
        status.success()
    }

    /// Posts JSON to the server, and returns the status and the JSON body.
    pub async fn post(&self, path: &str, body: &serde_json::Value) -> (u16, serde_json::Value) {
        let answer =
            reqwest::Client::new().post(format!("http://{}{path}", self.address)).json(body).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
    }
}
