//! Who is under load.

use std::{env, path::PathBuf, sync::Arc};

use kit::{Door, Fleet, Process, door, line};

use crate::{limit, plain};

/// The argument with which this program becomes one of those it compares with.
const BE: &str = "--be";

/// Bounds that the load does not run into: what is measured is what is done, not what is refused.
const FLAGS: &[&str] = &[
    "--listen=127.0.0.1:0",
    "--creates-per-minute=100000000",
    "--joins-per-minute=100000000",
    "--max-connections=100000",
    "--max-connections-per-address=100000",
    "--max-frames-per-second=10000000",
    "--max-bytes-per-second=4000000000",
    "--max-total-queue-bytes=8589934592",
    "--max-total-replay-bytes=8589934592",
    "--max-rooms=200000",
    "--grace=36000",
    "--max-members=256",
    "--max-frame-bytes=1048576",
    "--max-queue-bytes=1048576",
    "--max-door-bytes=8192",
    "--max-replay-bytes=2097152",
    "--log=warn,cloakroom::listen=info",
];

/// One of those that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Bytes framed beforehand, gathered for one write in each turn.
    Limit,
    /// The same, with a write for every frame.
    AtOnce,
    /// Cloakroom.
    Cloakroom,
    /// Cloakroom in TLS.
    Tls,
    /// axum as it comes.
    Plain,
}

impl Peer {
    /// What it is called in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::AtOnce => "limit, a write a frame",
            Self::Cloakroom => "cloakroom",
            Self::Tls => "cloakroom in TLS",
            Self::Plain => "plain axum",
        }
    }

    /// Whether it was not left out by `--only=NAME`.
    #[must_use]
    pub fn is_wanted(self) -> bool {
        let mut only =
            env::args().filter_map(|argument| argument.strip_prefix("--only=").map(ToOwned::to_owned)).peekable();
        only.peek().is_none() || only.any(|name| name == self.name())
    }

    /// Starts it, with these flags beyond the usual ones if it has any.
    #[must_use]
    pub fn start(self, flags: &[&str]) -> Process {
        if matches!(self, Self::Cloakroom | Self::Tls) {
            // Of a flag that is given twice, the server refuses the second.
            let name = |flag: &str| flag.split('=').next().map(ToOwned::to_owned);
            let usual = FLAGS.iter().filter(|usual| flags.iter().all(|flag| name(flag) != name(usual)));
            let tls = (self == Self::Tls).then_some(&"--tls-self-signed");
            let flags = usual.chain(flags).chain(tls).map(ToString::to_string).collect::<Vec<_>>();
            return Process::start(&program(), &flags);
        }
        Process::start(&env::current_exe().unwrap(), &[BE.to_owned(), self.name().to_owned()])
    }

    /// Clients for so many rooms of so many people each, with their places in them, and not connected yet.
    #[must_use]
    pub fn fleet(self, process: &Process, rooms: usize, people: usize, frame_bytes: usize) -> Fleet {
        let trust = (self == Self::Tls).then(|| line::trust(process.address));
        let places = if matches!(self, Self::Cloakroom | Self::Tls) {
            let mut door = match &trust {
                Some(trust) => Door::open_tls(process.address, Arc::clone(trust)),
                None => Door::open(process.address),
            };
            (0..rooms).map(|room| door.make_room(&format!("room {room}"), people)).collect()
        } else {
            (0..rooms).map(|_| door::make_up(people)).collect()
        };
        let fleet = Fleet::new(process.address, places, frame_bytes);
        match trust {
            Some(trust) => fleet.in_tls(trust),
            None => fleet,
        }
    }
}

/// Becomes one of those it compares with, if that is what this process was started for.
pub fn be() {
    let mut arguments = env::args().skip(1);
    if arguments.next().as_deref() != Some(BE) {
        return;
    }
    let name = arguments.next().unwrap_or_default();
    match [Peer::Limit, Peer::AtOnce, Peer::Plain].into_iter().find(|peer| peer.name() == name) {
        Some(Peer::Plain) => plain::serve(),
        Some(peer) => limit::serve(peer == Peer::AtOnce),
        None => panic!("there is no {name:?}"),
    }
    std::process::exit(1);
}

/// The server's program: the one that was named by `--server=PATH`, or else built here and now, once.
pub fn program() -> PathBuf {
    let named = env::args().find_map(|argument| argument.strip_prefix("--server=").map(PathBuf::from));
    named.unwrap_or_else(support::server::program)
}
