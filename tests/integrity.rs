//! Tests `cloak integrity` against old programs. `integrity/peer.py` is an independent implementation of the protocol
//! in docs/INTEGRITY.md, with unframed sends and receives.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command as StdCommand, Output, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::{program, root, within};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStderr, ChildStdout, Command},
};

static CLOAK: LazyLock<PathBuf> = LazyLock::new(|| program::build("terminal"));

/// Returns the signature of a message with a key, in the format of old files.
fn signature(message: &str, key: &str) -> String {
    Sha256::digest(format!("{message}{key}")).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A folder for a test's files, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("cloak-integrity-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// `cloak integrity serve` on a free port.
struct Server {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    said: String,
    port: u16,
    _folder: Folder,
}

impl Server {
    async fn start(keys: &str, flags: &[&str]) -> Self {
        let folder = Folder::new();
        let mut child = Command::new(&*CLOAK)
            .args(["integrity", "serve", "0"])
            .arg(folder.file("keys", keys))
            .args(flags)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut server = Self { child, log, said: String::new(), port: 0, _folder: folder };
        let line = server.logged("listening on 127.0.0.1:").await;
        server.port = line.rsplit(':').next().unwrap().parse().unwrap();
        server
    }

    /// Waits for the next line with this text.
    async fn logged(&mut self, text: &str) -> String {
        within(&format!("the log says {text:?}"), async {
            loop {
                let Some(line) = self.log.next_line().await.unwrap() else {
                    panic!("the server ended before it said {text:?}: {}", self.said);
                };
                self.said += &format!("{line}\n");
                if line.contains(text) {
                    return line;
                }
            }
        })
        .await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    fn terminate(&self) {
        let pid = self.child.id().unwrap().to_string();
        assert!(StdCommand::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Runs an old client with these messages and the keys that it expects. Returns its verdict on each message.
    async fn verdicts(&self, sends: &str, cases: &Value) -> String {
        let port = self.port.to_string();
        let client = peer(&["client", &port, sends, &cases.to_string()]).output();
        let output = within("the client ends", client).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

fn peer(args: &[&str]) -> Command {
    let mut peer = Command::new("python3");
    peer.arg(root().join("tests/integrity/peer.py")).args(args).kill_on_drop(true);
    peer
}

/// An old server that serves one client.
struct OldServer {
    child: Child,
    said: BufReader<ChildStdout>,
    port: u16,
}

impl OldServer {
    async fn start(keys: &Path, sends: &str) -> Self {
        let mut child = peer(&["server", keys.to_str().unwrap(), sends]).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut port = String::new();
        within("the old server listens", said.read_line(&mut port)).await.unwrap();
        Self { child, said, port: port.trim().parse().unwrap() }
    }

    /// Returns its output about each message.
    async fn ended(mut self) -> String {
        let mut said = String::new();
        within("the old server ends", self.said.read_to_string(&mut said)).await.unwrap();
        assert!(self.child.wait().await.unwrap().success());
        said
    }
}

/// `cloak integrity check`
async fn check(port: u16, messages: &Path, signatures: &Path, flags: &[&str]) -> Output {
    let mut check = Command::new(&*CLOAK);
    check.args(["integrity", "check", "127.0.0.1", &port.to_string()]).args([messages, signatures]).args(flags);
    within("the check ends", check.kill_on_drop(true).output()).await.unwrap()
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

fn messages(messages: &[&str]) -> String {
    messages.iter().map(|message| format!("{}\n{message}\n", message.len())).collect()
}

const LONG: usize = 1 << 20;

#[tokio::test]
async fn old_client_is_served() {
    let mut server = Server::start("one\ntwo\nthree\nfour\nfive\n", &[]).await;
    let cases = json!([
        [["hello"], "one"],
        [["one", "", "two"], "two"],
        [[".", "..", ".PASS", "QUIT", "a."], "three"],
        [[LONG, "and", LONG], "four"],
        [[], "five"],
    ]);
    for sends in ["apart", "joined"] {
        assert_eq!(server.verdicts(sends, &cases).await, "PASS\n".repeat(5), "{sends}");
        server.logged("5 passed, 0 failed").await;
    }
}

/// The wait after a dot is longer than any pause between two bytes.
#[tokio::test]
async fn old_client_that_sends_single_bytes_is_served() {
    let server = Server::start("one\n", &["--quiet", "5000"]).await;
    let cases = json!([[["..", ".", "hello", ".x"], "one"]]);
    assert_eq!(server.verdicts("bytes", &cases).await, "PASS\n");
}

#[tokio::test]
async fn old_client_detects_a_wrong_key() {
    let mut server = Server::start("one\ntwo\nthree\n", &[]).await;
    let cases = json!([[["hello"], "one"], [["hello"], "another"], [["hello"], "three"]]);
    assert_eq!(server.verdicts("apart", &cases).await, "PASS\nFAIL\nPASS\n");
    server.logged("2 passed, 1 failed").await;
}

#[tokio::test]
async fn client_is_disconnected_when_keys_run_out() {
    let mut server = Server::start("secret-key\n", &[]).await;
    let cases = json!([[["hello"], "secret-key"], [["again"], "secret-key"]]);
    // Keys start again with the next client.
    for _ in 0..2 {
        assert_eq!(server.verdicts("apart", &cases).await, "PASS\nclosed\n");
        server.logged("error: 127.0.0.1").await;
    }
    assert!(server.said.contains("no key is left for message 2"), "{}", server.said);
    assert!(!server.said.contains("secret-key"), "{}", server.said);
}

#[tokio::test]
async fn error_names_the_byte_that_is_not_ascii() {
    let mut server = Server::start("one\n", &[]).await;
    let mut client = server.connect().await;
    client.write_all("HELLODATAhello\nhé\n.".as_bytes()).await.unwrap();
    server.logged("message 1, line 2, column 2: not ASCII").await;
}

#[tokio::test]
async fn concurrent_clients_are_served() {
    let server = Server::start("one\ntwo\n", &[]).await;
    let mut held = server.connect().await;
    held.write_all(b"HELLO").await.unwrap();
    let cases = json!([[["hello"], "one"], [[".x"], "two"]]);
    let clients = (0..4).map(|_| server.verdicts("apart", &cases));
    for said in futures_util::future::join_all(clients).await {
        assert_eq!(said, "PASS\nPASS\n");
    }
}

#[tokio::test]
async fn clients_above_the_limit_wait() {
    let mut server = Server::start("one\n", &["--clients", "1"]).await;
    let mut first = server.connect().await;
    first.write_all(b"HELLO").await.unwrap();
    let mut reply = [0; 6];
    within("a reply", first.read_exact(&mut reply)).await.unwrap();
    let mut second = server.connect().await;
    second.write_all(b"HELLOQUIT").await.unwrap();
    // The server has answered the first client, so it had the chance to accept the second.
    first.write_all(b"DATAhello\n.").await.unwrap();
    within("a reply", first.read_exact(&mut [0; 71])).await.unwrap();
    first.write_all(b"PASSQUIT").await.unwrap();
    server.logged(&first.local_addr().unwrap().to_string()).await;
    server.logged(&second.local_addr().unwrap().to_string()).await;
    within("a reply", second.read_exact(&mut reply)).await.unwrap();
    assert_eq!(text(&reply), "260 OK");
}

#[tokio::test]
async fn stalled_client_is_disconnected() {
    let mut server = Server::start("one\n", &["--timeout", "1"]).await;
    for (sent, expected) in [("HEL", "HELLO"), ("HELLO", "DATA or QUIT"), ("HELLODATAhello", "the rest of a message")] {
        let mut client = server.connect().await;
        client.write_all(sent.as_bytes()).await.unwrap();
        within("the server closes", client.read_to_end(&mut Vec::new())).await.unwrap();
        server.logged(&format!("took longer than 1 s; expected {expected}")).await;
    }
    assert_eq!(server.verdicts("apart", &json!([[["hello"], "one"]])).await, "PASS\n");
}

#[tokio::test]
async fn sigterm_stops_the_server() {
    let mut server = Server::start("one\n", &[]).await;
    let mut client = server.connect().await;
    client.write_all(b"HELLODATAhello").await.unwrap();
    let mut reply = [0; 6];
    within("a reply", client.read_exact(&mut reply)).await.unwrap();
    server.terminate();
    assert!(within("the server ends", server.child.wait()).await.unwrap().success());
    // The connection closes, or resets if the server has unread bytes.
    let end = within("the connection ends", client.read(&mut reply)).await;
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
}

#[tokio::test]
async fn old_server_passes_the_check() {
    let folder = Folder::new();
    let long = "x".repeat(LONG);
    let cases = [("hello", "one"), (".x", "two"), ("", "three"), (long.as_str(), "four")];
    let keys = folder.file("keys", cases.map(|(_, key)| key).join("\n"));
    let messages = folder.file("messages", messages(&cases.map(|(message, _)| message)));
    let signed = cases.map(|(message, key)| signature(message, key));
    let signatures = folder.file("signatures", signed.join("\n"));
    for sends in ["apart", "joined", "bytes"] {
        let server = OldServer::start(&keys, sends).await;
        let output = check(server.port, &messages, &signatures, &[]).await;
        let mut table = format!("message  {:64}  {:64}  result\n", "expected", "received");
        for (number, signature) in (1..).zip(&signed) {
            table += &format!("{number:7}  {signature}  {signature}  PASS\n");
        }
        assert_eq!(text(&output.stdout), table, "{sends}");
        assert_eq!(text(&output.stderr), "4 of 4 messages passed\n");
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(server.ended().await, "PASS\n".repeat(4));
    }
}

#[tokio::test]
async fn wrong_signature_fails_the_check() {
    let folder = Folder::new();
    let keys = folder.file("keys", "one\ntwo\nthree\n");
    let messages = folder.file("messages", messages(&["hello", "hello", "hello"]));
    let expected = ["one", "another", "three"].map(|key| signature("hello", key));
    let signatures = folder.file("signatures", expected.join("\n"));
    let server = OldServer::start(&keys, "apart").await;
    let output = check(server.port, &messages, &signatures, &[]).await;
    let row = format!("      2  {}  {}  FAIL\n", signature("hello", "another"), signature("hello", "two"));
    assert!(text(&output.stdout).contains(&row), "{}", text(&output.stdout));
    assert_eq!(text(&output.stderr), "2 of 3 messages passed\n");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(server.ended().await, "PASS\nFAIL\nPASS\n");
}

#[tokio::test]
async fn check_fails_when_the_server_lacks_keys() {
    let folder = Folder::new();
    let messages = folder.file("messages", messages(&["hello", "hello"]));
    let signatures = folder.file("signatures", [signature("hello", "one"), signature("hello", "two")].join("\n"));
    let old = OldServer::start(&folder.file("keys", "one\n"), "apart").await;
    let own = Server::start("one\n", &[]).await;
    for port in [old.port, own.port] {
        let output = check(port, &messages, &signatures, &[]).await;
        assert_eq!(text(&output.stdout).matches("PASS\n").count(), 1);
        assert!(text(&output.stderr).contains("closed the connection; expected 270 SIG (it may have run out of keys)"));
        assert_eq!(output.status.code(), Some(2));
    }
    assert_eq!(old.ended().await, "PASS\nno key is left\n");
}

#[tokio::test]
async fn check_passes_against_serve() {
    let mut server = Server::start("one\r\ntwo\r\n", &[]).await;
    let folder = Folder::new();
    // Some old files count the end of the line in a length.
    let messages = folder.file("messages", "6\r\nhello\r\n1\r\n.\r\n");
    let signatures = folder.file("signatures", [signature("hello", "one"), signature(".", "two")].join("\r\n"));
    let output = check(server.port, &messages, &signatures, &[]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let warning = format!("warning: {}:1: the length is 6, but the message has 5 characters", messages.display());
    assert!(text(&output.stderr).contains(&warning), "{}", text(&output.stderr));
    server.logged("2 passed, 0 failed").await;
}

#[tokio::test]
async fn errors_name_the_unusable_file() {
    let folder = Folder::new();
    let good = folder.file("good", messages(&["hello"]));
    let digits = folder.file("digits", signature("hello", "one"));
    let two = folder.file("two", [signature("hello", "one"), signature("hello", "two")].join("\n"));
    let accented = folder.file("accented", "2\nhé\n");
    let missing = folder.0.join("missing");
    for (messages, signatures, error) in [
        (&accented, &digits, format!("{}:2:2: not ASCII", accented.display())),
        (&good, &good, format!("{}:1: expected a signature of 64 hexadecimal digits", good.display())),
        (&missing, &digits, format!("{}: ", missing.display())),
        (&good, &two, format!("{} has 1 message, but {} has 2 signatures", good.display(), two.display())),
    ] {
        // Nothing listens on this port. The command reads the files first.
        let output = check(1, messages, signatures, &[]).await;
        assert!(text(&output.stderr).starts_with(&format!("error: {error}")), "{}", text(&output.stderr));
        assert_eq!(output.status.code(), Some(2));
    }
    let keys = folder.file("keys", "one\nsécret\n");
    let output = StdCommand::new(&*CLOAK).args(["integrity", "serve", "0"]).arg(&keys).output().unwrap();
    assert_eq!(text(&output.stderr), format!("error: {}:2:2: not ASCII\n", keys.display()));
    assert_eq!(output.status.code(), Some(2));
}

#[tokio::test]
async fn check_times_out_on_a_stalled_server() {
    let folder = Folder::new();
    let messages = folder.file("messages", messages(&["hello"]));
    let signatures = folder.file("signatures", signature("hello", "one"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let output = check(port, &messages, &signatures, &["--timeout", "1"]).await;
    assert!(text(&output.stderr).contains("the server took longer than 1 s; expected 260 OK"));
    assert_eq!(output.status.code(), Some(2));
    drop(listener);
    let output = check(port, &messages, &signatures, &[]).await;
    assert!(text(&output.stderr).contains(&format!("cannot connect to 127.0.0.1 port {port}")));
    assert_eq!(output.status.code(), Some(2));
}
