//! A client: a real session, and what its person has seen.

use std::collections::{BTreeMap, BTreeSet};

use web_crypto::session::{Intent, Session};
use wire::{Counter, Epoch, MemberId, RoomId, Token};

use super::{hostile_member::Mischief, random::Random, readers::Shown};

/// What a session has come to know of another member.
#[derive(Default)]
pub struct Heard {
    /// The texts shown, by their counters.
    pub shown: BTreeMap<Counter, String>,
    pub missed: u64,
    pub unreadable: u64,
    pub replayed: u64,
    /// Up to here, messages were before one's time.
    pub before: Counter,
}

pub struct Client {
    pub session: Session,
    /// The seed of the session's randomness, which nothing may give away.
    pub seed: [u8; 32],
    pub name: String,
    pub password: u8,
    pub mischief: Option<Mischief>,
    /// Whether it still runs: a killed one is kept as it was.
    pub runs: bool,
    /// Why the session is over.
    pub ended: Option<String>,
    /// The latest wish to be woken.
    pub wake: u64,
    pub link: Option<usize>,
    pub seat: Option<(RoomId, MemberId, Token)>,
    /// Where the group was when last looked at, and all that was learned on the way there.
    pub epoch: Option<Epoch>,
    pub latest: Option<Epoch>,
    pub roster: BTreeMap<MemberId, (String, Vec<u8>)>,
    /// Who was told as gone, and is still in the group.
    pub gone: BTreeSet<MemberId>,
    pub heard: BTreeMap<MemberId, Heard>,
    /// Whom it met in its group, at any time.
    pub met: BTreeSet<MemberId>,
    /// Whether it founded a later group as the first that it was in: nobody told it how far others had come.
    pub founded_late: bool,
    /// Whether it was outside after it had been in.
    pub was_out: bool,
    /// One's own texts, by counter; and which of them the server took.
    pub said: BTreeMap<Counter, (String, u64)>,
    pub accepted: BTreeSet<Counter>,
    pub is_in: bool,
    /// Everyone that the last list of people named.
    pub shown: Shown,
    pub admitted_at: Option<u64>,
}

impl Client {
    pub fn new(index: usize, intent: Intent, name: &str, password: u8, world: u64) -> Self {
        let mut seed = [0; 32];
        Random::new(world ^ ((index as u64 + 1) << 40)).fill(&mut seed);
        let session = Session::new(intent, "den", name, "", seed.into());
        Self {
            session,
            seed,
            name: name.to_owned(),
            password,
            mischief: None,
            runs: true,
            ended: None,
            wake: 0,
            link: None,
            seat: None,
            epoch: None,
            latest: None,
            roster: BTreeMap::new(),
            gone: BTreeSet::new(),
            heard: BTreeMap::new(),
            met: BTreeSet::new(),
            founded_late: false,
            was_out: false,
            said: BTreeMap::new(),
            accepted: BTreeSet::new(),
            is_in: false,
            shown: Shown::new(),
            admitted_at: None,
        }
    }

    pub fn is_honest(&self) -> bool {
        self.mischief.is_none()
    }

    /// Whether it goes on: neither killed nor over.
    pub fn lives(&self) -> bool {
        self.runs && self.ended.is_none()
    }

    pub fn id(&self) -> Option<MemberId> {
        self.seat.as_ref().map(|(_, id, _)| *id)
    }

    pub fn room(&self) -> Option<RoomId> {
        self.seat.as_ref().map(|(room, ..)| *room)
    }
}
