//! A network in between: forwards TCP, writes down what went by, cuts and refuses.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
};

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
    refuses: watch::Sender<bool>,
}

impl Proxy {
    /// To `target`, an address and port.
    pub async fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared =
            Arc::new(Shared { seen: Mutex::default(), cuts: watch::channel(0).0, refuses: watch::channel(false).0 });
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
        self.shared.refuses.send_replace(refuse);
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
        if *shared.refuses.borrow() {
            continue;
        }
        let Ok(server) = TcpStream::connect(&target).await else { continue };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let number = {
            let mut seen = shared.seen.lock().unwrap();
            seen.push(Default::default());
            seen.len() - 1
        };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let shared = Arc::clone(&shared);
        let mut cuts = shared.cuts.subscribe();
        pipes.spawn(async move {
            tokio::select! {
                () = pipe(from_client, to_server, &shared, number, 0) => {}
                () = pipe(from_server, to_client, &shared, number, 1) => {}
                _ = cuts.changed() => {}
            }
        });
    }
}

async fn pipe(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared, number: usize, side: usize) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read) = from.read(&mut buffer).await {
        if read == 0 {
            break;
        }
        shared.seen.lock().unwrap()[number][side].extend(&buffer[..read]);
        if to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
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
