//! A client: a real session, and the views that its user has seen.

use std::collections::{BTreeMap, BTreeSet};

use web_crypto::session::{Intent, Session};
use wire::{Counter, Epoch, MemberId, RoomId, Token};

use super::{hostile_member::Mischief, random::Random, readers::Shown};

/// A session's knowledge of another member.
#[derive(Default)]
pub struct Heard {
    /// The texts shown, by their counters.
    pub shown: BTreeMap<Counter, String>,
    pub missed: u64,
    pub unreadable: u64,
    pub replayed: u64,
    /// Messages up to this counter came before the client joined.
    pub before: Counter,
}

pub struct Client {
    pub session: Session,
    /// The seed of the session's randomness, which nothing may give away.
    pub seed: [u8; 32],
    pub name: String,
    pub password: u8,
    pub mischief: Option<Mischief>,
    /// False after the client was killed. Its state is kept.
    pub runs: bool,
    /// Why the session ended.
    pub ended: Option<String>,
    /// The latest time at which the session asked to be woken.
    pub wake: u64,
    pub link: Option<usize>,
    pub seat: Option<(RoomId, MemberId, Token)>,
    /// The group's last observed epoch, and everything learned until then.
    pub epoch: Option<Epoch>,
    pub latest: Option<Epoch>,
    pub roster: BTreeMap<MemberId, (String, Vec<u8>)>,
    /// Members reported as gone that are still in the group.
    pub gone: BTreeSet<MemberId>,
    pub heard: BTreeMap<MemberId, Heard>,
    /// Every member that was ever in its group.
    pub met: BTreeSet<MemberId>,
    /// True when its first group was one that it founded in a later generation. Nobody told it the others' counters
    /// then.
    pub founded_late: bool,
    /// True when it was outside the group after it had been inside.
    pub was_out: bool,
    /// Its own texts by counter, and the counters that the server accepted.
    pub said: BTreeMap<Counter, (String, u64)>,
    pub accepted: BTreeSet<Counter>,
    pub is_in: bool,
    /// The members in the last list shown.
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

    /// True when it was not killed and its session has not ended.
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
