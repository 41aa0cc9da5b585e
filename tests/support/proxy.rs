//! A TCP proxy that records all traffic and simulates a bad network.

use std::{
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    ops::Range,
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
    time::sleep,
};

use crate::within;

/// Forwards connections to a server. Dropping it ends all of them.
pub struct Proxy {
    /// The address to connect to, `127.0.0.1:PORT`.
    pub address: String,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

struct Shared {
    /// The bytes of each connection: what the client sent, then what the server sent.
    seen: Mutex<Vec<[Vec<u8>; 2]>>,
    /// Incremented to end all connections.
    cuts: watch::Sender<u64>,
    line: watch::Sender<Line>,
    /// How many connections had client bytes stopped since the last call that stops them.
    halted: watch::Sender<usize>,
    /// How many connections were refused.
    refused: watch::Sender<usize>,
    /// Request lines to replace: the original and its replacement.
    swaps: Mutex<Vec<(String, String)>>,
}

/// The network faults that are active now.
#[derive(Default)]
struct Line {
    refuses: bool,
    stalls: bool,
    fragments: bool,
    /// On the connections with these numbers, client bytes after the handshake are held back.
    held_back: Range<usize>,
}

/// The sender, as an index into `Shared::seen`.
const CLIENT: usize = 0;
const SERVER: usize = 1;

impl Line {
    fn holds_back(&self, number: usize) -> bool {
        self.held_back.contains(&number)
    }

    fn flows(&self, number: usize, side: usize, is_first: bool) -> bool {
        !self.stalls && (side == SERVER || is_first || !self.holds_back(number))
    }
}

impl Proxy {
    /// Starts a proxy to `target`, an address and port.
    pub async fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            seen: Mutex::default(),
            cuts: watch::channel(0).0,
            line: watch::channel(Line::default()).0,
            halted: watch::channel(0).0,
            refused: watch::channel(0).0,
            swaps: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, target.to_owned(), Arc::clone(&shared)));
        Self { address, shared, _tasks: tasks }
    }

    /// Ends every connection without a WebSocket close.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Sets whether the proxy ends new connections at once.
    pub fn refuse(&self, refuse: bool) {
        self.shared.line.send_modify(|line| line.refuses = refuse);
    }

    /// Waits until this many connections have been refused in all.
    pub async fn has_refused(&self, connections: usize) {
        let mut refused = self.shared.refused.subscribe();
        within("connections are refused", refused.wait_for(|refused| *refused >= connections)).await.unwrap();
    }

    /// Returns how many connections have been refused.
    pub fn refused(&self) -> usize {
        *self.shared.refused.borrow()
    }

    /// Sets whether bytes stop in the proxy, in both directions and on new connections too. No byte is lost.
    pub fn stall(&self, stall: bool) {
        self.shared.halted.send_replace(0);
        self.shared.line.send_modify(|line| line.stalls = stall);
    }

    /// Sets whether the proxy forwards bytes in small pieces of odd sizes, each after its own pause. WebSocket frames
    /// then arrive in parts, one connection's bytes overtake another's, and a cut leaves half a frame behind.
    pub fn fragment(&self, fragments: bool) {
        self.shared.line.send_modify(|line| line.fragments = fragments);
    }

    /// Sets whether client bytes on the present connections wait in the proxy, while later connections work.
    ///
    /// After a cut, the client knows that its connection is over, but the server does not: the proxy first delivers the
    /// waiting bytes when it is told to, and then closes the server's side. So the last bytes of an old connection
    /// arrive after the first bytes of a new one: TCP keeps no order between two connections.
    pub fn hold_back(&self, hold: bool) {
        self.shared.halted.send_replace(0);
        let until = if hold { self.connections() } else { 0 };
        self.shared.line.send_modify(|line| line.held_back = 0..until);
    }

    /// From now on, completes the handshake of new connections, and holds back what their clients send after it.
    pub fn hold_back_new_connections(&self) {
        self.shared.halted.send_replace(0);
        let from = self.connections();
        self.shared.line.send_modify(|line| line.held_back = from..usize::MAX);
    }

    /// From now on, answers requests for `path` with the file at `other`.
    pub fn swap(&self, path: &str, other: &str) {
        self.shared.swaps.lock().unwrap().push((format!("GET {path} "), format!("GET {other} ")));
    }

    fn connections(&self) -> usize {
        self.shared.seen.lock().unwrap().len()
    }

    /// Waits until this many connections have client bytes that are stalled or held back.
    pub async fn halts(&self, clients: usize) {
        let mut halted = self.shared.halted.subscribe();
        within("client bytes are stopped", halted.wait_for(|halted| *halted >= clients)).await.unwrap();
    }

    /// Returns all bytes that clients and servers sent. Client bytes are included twice: as sent, and unmasked.
    pub fn seen(&self) -> Vec<u8> {
        let seen = self.shared.seen.lock().unwrap();
        let mut all = Vec::new();
        for [from_client, from_server] in seen.iter() {
            all.extend(from_client);
            all.extend(unmasked(from_client));
            all.extend(from_server);
        }
        all
    }
}

async fn accept(listener: TcpListener, target: String, shared: Arc<Shared>) {
    let mut pipes = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        if shared.line.borrow().refuses {
            shared.refused.send_modify(|refused| *refused += 1);
            continue;
        }
        let Ok(server) = TcpStream::connect(&target).await else { continue };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let number = {
            let mut seen = shared.seen.lock().unwrap();
            seen.push(Default::default());
            seen.len() - 1
        };
        pipes.spawn(forward(client, server, Arc::clone(&shared), number));
    }
}

async fn forward(client: TcpStream, server: TcpStream, shared: Arc<Shared>, number: usize) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut cuts = shared.cuts.subscribe();
    let mut up = pin!(pipe(from_client, to_server, &shared, number, CLIENT));
    tokio::select! {
        () = &mut up => return,
        () = pipe(from_server, to_client, &shared, number, SERVER) => {}
        _ = cuts.changed() => {}
    }
    // The half that writes to the client is dropped by now, so the client knows that the connection is over.
    let is_held_back = shared.line.borrow().holds_back(number);
    if is_held_back {
        up.await;
    }
}

async fn pipe(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared, number: usize, side: usize) {
    let mut line = shared.line.subscribe();
    // Deterministic numbers: every run uses the same sizes and pauses.
    let mut draws = 0_u64;
    let mut random_below = |bound: usize| {
        draws += 1;
        BuildHasherDefault::<DefaultHasher>::new().hash_one((number, side, draws)) as usize % bound
    };
    let mut is_first = true;
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        shared.seen.lock().unwrap()[number][side].extend(&buffer[..read]);
        // A browser sends a request's head in one write.
        let swapped = if side == CLIENT { swap(&buffer[..read], &shared.swaps.lock().unwrap()) } else { None };
        let mut rest = swapped.as_deref().unwrap_or(&buffer[..read]);
        while !rest.is_empty() {
            let mut piece = rest.len();
            if line.borrow().fragments {
                sleep(Duration::from_millis(2 + random_below(30) as u64)).await;
                // An odd size, on average a third of the bytes read.
                piece = piece.min(random_below(read * 2 / 3 + 1) | 1);
            }
            if side == CLIENT && !line.borrow().flows(number, side, is_first) {
                shared.halted.send_modify(|halted| *halted += 1);
            }
            // This cannot fail: `shared` owns the sender.
            let _ = line.wait_for(|line| line.flows(number, side, is_first)).await;
            if to.write_all(&rest[..piece]).await.is_err() {
                return;
            }
            rest = &rest[piece..];
        }
        is_first = false;
    }
}

/// Returns the replaced request if these bytes begin with a request line to replace.
fn swap(bytes: &[u8], swaps: &[(String, String)]) -> Option<Vec<u8>> {
    let (path, other) = swaps.iter().find(|(path, _)| bytes.starts_with(path.as_bytes()))?;
    Some([other.as_bytes(), &bytes[path.len()..]].concat())
}

/// Returns the payloads of a client's WebSocket frames (RFC 6455, section 5.2), or nothing if the connection was not
/// upgraded.
fn unmasked(bytes: &[u8]) -> Vec<u8> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let Some(mut at) = head.filter(|_| bytes.windows(9).any(|window| window == b"websocket")).map(|at| at + 4) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    while let Some(&short) = bytes.get(at + 1) {
        let (length, head) = match short & 0x7f {
            126 => (bytes.get(at + 2..at + 4).map(|b| u16::from_be_bytes(b.try_into().unwrap()) as usize), 4),
            127 => (bytes.get(at + 2..at + 10).map(|b| u64::from_be_bytes(b.try_into().unwrap()) as usize), 10),
            short => (Some(short as usize), 2),
        };
        let Some(length) = length else { break };
        let Some(mask) = bytes.get(at + head..at + head + 4) else { break };
        let body = &bytes[at + head + 4..(at + head + 4 + length).min(bytes.len())];
        all.extend(body.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        at += head + 4 + length;
    }
    all
}
