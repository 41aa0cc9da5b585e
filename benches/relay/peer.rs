//! The relays under load.

use std::{env, path::PathBuf, sync::Arc};

use kit::{Door, Fleet, Process, door, line};

use crate::{limit, plain};

/// The argument that makes this program act as one of the other relays.
const BE: &str = "--be";

/// Limits above the load, so that the benchmark measures work and not refusals.
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

/// A relay to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Prepared frames, gathered for one write per turn.
    Limit,
    /// Prepared frames, each written separately.
    AtOnce,
    /// Cloakroom.
    Cloakroom,
    /// Cloakroom with TLS.
    Tls,
    /// A plain axum relay.
    Plain,
}

impl Peer {
    /// Returns its name in tables.
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

    /// False when `--only=NAME` excludes it.
    #[must_use]
    pub fn is_wanted(self) -> bool {
        let mut only =
            env::args().filter_map(|argument| argument.strip_prefix("--only=").map(ToOwned::to_owned)).peekable();
        only.peek().is_none() || only.any(|name| name == self.name())
    }

    /// Starts it, with these additional flags if it is Cloakroom.
    #[must_use]
    pub fn start(self, flags: &[&str]) -> Process {
        if matches!(self, Self::Cloakroom | Self::Tls) {
            // The server refuses a flag that is given twice.
            let name = |flag: &str| flag.split('=').next().map(ToOwned::to_owned);
            let usual = FLAGS.iter().filter(|usual| flags.iter().all(|flag| name(flag) != name(usual)));
            let tls = (self == Self::Tls).then_some(&"--tls-self-signed");
            let flags = usual.chain(flags).chain(tls).map(ToString::to_string).collect::<Vec<_>>();
            return Process::start(&program(), &flags);
        }
        Process::start(&env::current_exe().unwrap(), &[BE.to_owned(), self.name().to_owned()])
    }

    /// Creates clients for this many rooms of this size. They are admitted, but not connected yet.
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

/// Acts as one of the other relays, if this process was started for that.
pub fn be() {
    let mut arguments = env::args().skip(1);
    if arguments.next().as_deref() != Some(BE) {
        return;
    }
    let name = arguments.next().unwrap_or_default();
    match [Peer::Limit, Peer::AtOnce, Peer::Plain].into_iter().find(|peer| peer.name() == name) {
        Some(Peer::Plain) => plain::serve(),
        Some(peer) => limit::serve(peer == Peer::AtOnce),
        None => panic!("unknown relay {name:?}"),
    }
    std::process::exit(1);
}

/// Returns the server's program: the one of `--server=PATH`, or else one that is built now, once.
pub fn program() -> PathBuf {
    let named = env::args().find_map(|argument| argument.strip_prefix("--server=").map(PathBuf::from));
    named.unwrap_or_else(support::server::program)
}
