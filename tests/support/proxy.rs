//! A network in between: forwards TCP, writes down what went by, and does whatever a bad line does.

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

/// Forwards connections to a server; ends when dropped.
pub struct Proxy {
    /// `127.0.0.1` and the port to connect to.
    pub address: String,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

struct Shared {
    /// Everything that went by: for each connection, what the client sent and what the server sent.
    seen: Mutex<Vec<[Vec<u8>; 2]>>,
    /// Raised to end all connections.
    cuts: watch::Sender<u64>,
    line: watch::Sender<Line>,
    /// How many clients' bytes have come to a halt since something was last made to halt them.
    halted: watch::Sender<usize>,
    /// Which file is asked for in place of which.
    swaps: Mutex<Vec<(String, String)>>,
}

/// What is wrong with the line at the moment.
#[derive(Default)]
struct Line {
    refuses: bool,
    stalls: bool,
    crumbles: bool,
    /// What clients send after the handshake waits on the connections with these numbers.
    held_back: Range<usize>,
}

/// Who sends, as an index into what was seen.
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
    /// To `target`, an address and port.
    pub async fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            seen: Mutex::default(),
            cuts: watch::channel(0).0,
            line: watch::channel(Line::default()).0,
            halted: watch::channel(0).0,
            swaps: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, target.to_owned(), Arc::clone(&shared)));
        Self { address, shared, _tasks: tasks }
    }

    /// Ends every connection, without a farewell.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Whether new connections are ended at once.
    pub fn refuse(&self, refuse: bool) {
        self.shared.line.send_modify(|line| line.refuses = refuse);
    }

    /// Whether bytes stop where they are, both ways and on new connections too. Nothing is lost by it.
    pub fn stall(&self, stall: bool) {
        self.shared.halted.send_replace(0);
        self.shared.line.send_modify(|line| line.stalls = stall);
    }

    /// Whether bytes go in crumbs of odd sizes, each after a pause of its own: WebSocket frames come in parts, what is
    /// sent later on one connection overtakes what is under way on another, and a cut leaves half a frame behind.
    pub fn crumble(&self, crumble: bool) {
        self.shared.line.send_modify(|line| line.crumbles = crumble);
    }

    /// Whether what clients send on the connections of this moment waits in the network, while connections that are
    /// made later go on. Who is cut meanwhile hears of it, and its server does not: what waits is delivered when it
    /// is let go, and only then does the server's side end. So an old connection's last bytes come after a new one's
    /// first, which is the one order that TCP does not keep.
    pub fn hold_back(&self, hold: bool) {
        self.shared.halted.send_replace(0);
        let until = if hold { self.connections() } else { 0 };
        self.shared.line.send_modify(|line| line.held_back = 0..until);
    }

    /// From now on, lets new connections begin, and holds back what their clients say then.
    pub fn hold_back_new(&self) {
        self.shared.halted.send_replace(0);
        let from = self.connections();
        self.shared.line.send_modify(|line| line.held_back = from..usize::MAX);
    }

    /// From now on, answers requests for one path with what stands at another.
    pub fn swap(&self, path: &str, other: &str) {
        self.shared.swaps.lock().unwrap().push((format!("GET {path} "), format!("GET {other} ")));
    }

    fn connections(&self) -> usize {
        self.shared.seen.lock().unwrap().len()
    }

    /// Waits until so many clients have sent something that stalls, or is held back.
    pub async fn halts(&self, clients: usize) {
        let mut halted = self.shared.halted.subscribe();
        within("bytes come to a halt", halted.wait_for(|halted| *halted >= clients)).await.unwrap();
    }

    /// All that clients sent and servers sent, with the masks of WebSocket frames taken off.
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
    // The half that wrote to the client is dropped by now: it knows that the connection is over.
    let late = shared.line.borrow().holds_back(number);
    if late {
        up.await;
    }
}

async fn pipe(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared, number: usize, side: usize) {
    let mut line = shared.line.subscribe();
    // The same in every run, as far as the network below is.
    let mut drawn = 0_u64;
    let mut below = |bound: usize| {
        drawn += 1;
        BuildHasherDefault::<DefaultHasher>::new().hash_one((number, side, drawn)) as usize % bound
    };
    let mut is_first = true;
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        shared.seen.lock().unwrap()[number][side].extend(&buffer[..read]);
        // A browser sends the head of a request in one piece.
        let swapped = if side == CLIENT { swap(&buffer[..read], &shared.swaps.lock().unwrap()) } else { None };
        let mut rest = swapped.as_deref().unwrap_or(&buffer[..read]);
        while !rest.is_empty() {
            let mut crumb = rest.len();
            if line.borrow().crumbles {
                sleep(Duration::from_millis(2 + below(30) as u64)).await;
                // Odd, and a third of all that is there on the average.
                crumb = crumb.min(below(read * 2 / 3 + 1) | 1);
            }
            if side == CLIENT && !line.borrow().flows(number, side, is_first) {
                shared.halted.send_modify(|halted| *halted += 1);
            }
            // The sender is shared, and so outlives this.
            let _ = line.wait_for(|line| line.flows(number, side, is_first)).await;
            if to.write_all(&rest[..crumb]).await.is_err() {
                return;
            }
            rest = &rest[crumb..];
        }
        is_first = false;
    }
}

/// The request for another file, if these bytes begin one that is to be swapped.
fn swap(bytes: &[u8], swaps: &[(String, String)]) -> Option<Vec<u8>> {
    let (path, other) = swaps.iter().find(|(path, _)| bytes.starts_with(path.as_bytes()))?;
    Some([other.as_bytes(), &bytes[path.len()..]].concat())
}

/// What a client's WebSocket frames carried (RFC 6455, section 5.2); nothing if the bytes are no upgrade.
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
