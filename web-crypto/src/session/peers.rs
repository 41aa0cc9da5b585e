//! The people in the room, and how far each one's messages have come.

use std::collections::BTreeMap;

use wire::{Counter, MemberId, UserName};

use super::PersonView;
use crate::group::{Mate, Roster};

/// Someone in the group. The counters move only for messages that opened; what the server merely says is remembered apart,
/// so that it can announce a gap but not hide a message behind one.
pub(super) struct Peer {
    pub(super) name: UserName,
    key: Vec<u8>,
    fingerprint: String,
    pub(super) connected: bool,
    /// Whether it has been heard of in the group.
    pub(super) here: bool,
    /// Up to here its messages were before one's time, for all that the server says. That counts until one of them has
    /// opened, and no longer: what is left out after that cannot be hidden by it.
    before: Counter,
    /// The highest counter of a message that opened.
    opened: Counter,
    /// Up to here the person has been told what is missing or unreadable.
    told: Counter,
}

/// Where a message that opened stands among its sender's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// New, with so many missing before it.
    New { missing: u64 },
    /// Seen before.
    Replayed,
}

impl Peer {
    /// Someone whose messages up to `before` were before one's time.
    fn new(mate: &Mate, connected: bool, here: bool, before: Counter) -> Self {
        Self {
            name: mate.name.clone(),
            key: mate.key.clone(),
            fingerprint: mate.fingerprint(),
            connected,
            here,
            before,
            opened: Counter(0),
            told: Counter(0),
        }
    }

    /// Up to here nothing is left to be told.
    fn known(&self) -> Counter {
        let known = self.opened.max(self.told);
        if self.opened == Counter(0) { known.max(self.before) } else { known }
    }

    /// Takes the counter of a message that opened.
    pub(super) fn opened(&mut self, counter: Counter) -> Standing {
        if counter <= self.opened {
            return Standing::Replayed;
        }
        let missing = counter.0.saturating_sub(self.known().0.saturating_add(1));
        // What was told on top of a false word is none of its own.
        if self.opened == Counter(0) && counter <= self.before {
            self.told = Counter(0);
        }
        self.opened = counter;
        Standing::New { missing }
    }

    /// Notes that the person was told of a message with this counter that could not be shown.
    pub(super) fn unreadable(&mut self, counter: Counter) {
        let expected = self.known().next();
        // A forged far counter must not excuse a gap.
        if counter == expected {
            self.told = counter;
        }
    }

    /// Takes the server's word for how far this member's messages have come: how many are missing.
    pub(super) fn heard_of(&mut self, counter: Counter) -> u64 {
        let missing = counter.0.saturating_sub(self.known().0);
        self.told = self.told.max(counter);
        missing
    }
}

/// Everyone in the group, as of its last epoch that one was in, but for those who are gone; and those who were in the group
/// before, and may come into this one yet: their counters go on.
#[derive(Default)]
pub(super) struct Peers {
    peers: BTreeMap<MemberId, Peer>,
    /// How far the messages of those had come who were there before oneself, and may come into the group yet.
    before: BTreeMap<MemberId, Counter>,
    /// The same of all others.
    others: Counter,
}

/// What one finds on coming in, of someone who was there.
pub(super) struct Found {
    /// How many of its messages one has missed.
    pub(super) missing: u64,
    /// It came while one was outside.
    pub(super) is_new: bool,
}

impl Peers {
    pub(super) fn get_mut(&mut self, id: MemberId) -> Option<&mut Peer> {
        self.peers.get_mut(&id)
    }

    pub(super) fn remove(&mut self, id: MemberId) -> Option<Peer> {
        self.peers.remove(&id)
    }

    pub(super) fn ids(&self) -> Vec<MemberId> {
        self.peers.keys().copied().collect()
    }

    /// Takes someone in who has just been let in, or let in again; whether it has been heard of, and is shown.
    pub(super) fn admit(&mut self, mate: &Mate) -> bool {
        if !self.knows(mate) {
            let before = self.before.remove(&mate.member_id).unwrap_or(self.others);
            self.peers.insert(mate.member_id, Peer::new(mate, true, false, before));
        }
        self.peers.get_mut(&mate.member_id).is_some_and(|peer| {
            // Nobody else knocks; and of one who was outside it was not told.
            peer.connected = true;
            peer.here
        })
    }

    /// Takes someone in who was there when one came in oneself. What it said before one came is not missing.
    pub(super) fn find(&mut self, mate: &Mate, connected: bool, counter: Counter) -> Found {
        if !self.knows(mate) {
            let here = counter > Counter(0);
            self.peers.insert(mate.member_id, Peer::new(mate, connected, here, counter));
            return Found { missing: 0, is_new: here };
        }
        let missing = self.peers.get_mut(&mate.member_id).map_or(0, |peer| {
            peer.connected = connected;
            peer.heard_of(counter)
        });
        Found { missing, is_new: false }
    }

    /// Notes how far the messages of those had come who were not in the group when one came in, and may come yet.
    pub(super) fn expect(&mut self, before: BTreeMap<MemberId, Counter>) {
        self.before = before;
        self.others = Counter(0);
    }

    /// Nobody tells how far anyone's messages had come: one begins a group anew that one was never in.
    pub(super) fn expect_anything(&mut self) {
        self.before.clear();
        self.others = Counter(u64::MAX);
    }

    /// Takes oneself in.
    pub(super) fn be(&mut self, mate: &Mate) {
        self.peers.insert(mate.member_id, Peer::new(mate, true, true, Counter(0)));
    }

    /// Those in the group who have been heard of.
    pub(super) fn view(&self, me: MemberId, roster: &Roster) -> Vec<PersonView> {
        let view = |(id, peer): (&MemberId, &Peer)| PersonView {
            id: *id,
            name: peer.name.as_str().to_owned(),
            connected: peer.connected,
            you: *id == me,
            fingerprint: peer.fingerprint.clone(),
        };
        self.peers.iter().filter(|(id, peer)| peer.here && roster.get(**id).is_some()).map(view).collect()
    }

    fn knows(&self, mate: &Mate) -> bool {
        self.peers.get(&mate.member_id).is_some_and(|peer| peer.key == mate.key && peer.name == mate.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(before: u64) -> Peer {
        Peer {
            name: "Ana".parse().unwrap(),
            key: vec![],
            fingerprint: String::new(),
            connected: true,
            here: true,
            before: Counter(before),
            opened: Counter(0),
            told: Counter(0),
        }
    }

    #[test]
    fn counts_gaps_and_replays() {
        let mut ana = peer(0);
        assert_eq!(ana.opened(Counter(1)), Standing::New { missing: 0 });
        assert_eq!(ana.opened(Counter(4)), Standing::New { missing: 2 });
        assert_eq!(ana.opened(Counter(4)), Standing::Replayed);
        assert_eq!(ana.opened(Counter(2)), Standing::Replayed);
        assert_eq!(ana.opened(Counter(u64::MAX)), Standing::New { missing: u64::MAX - 5 });
    }

    #[test]
    fn nothing_is_missing_from_before_ones_time() {
        let mut ana = peer(7);
        assert_eq!(ana.opened(Counter(8)), Standing::New { missing: 0 });
        let mut bo = peer(7);
        assert_eq!(bo.opened(Counter(10)), Standing::New { missing: 2 });
        // Nor is it what is told of twice.
        let mut cy = peer(7);
        cy.unreadable(Counter(8));
        assert_eq!(cy.heard_of(Counter(9)), 1);
        assert_eq!(cy.opened(Counter(10)), Standing::New { missing: 0 });
    }

    #[test]
    fn the_servers_word_of_what_was_before_hides_nothing_later() {
        let mut ana = peer(u64::MAX);
        ana.unreadable(Counter(1));
        assert_eq!(ana.heard_of(Counter(3)), 0);
        assert_eq!(ana.opened(Counter(5)), Standing::New { missing: 0 });
        assert_eq!(ana.opened(Counter(900)), Standing::New { missing: 894 });
        assert_eq!(ana.heard_of(Counter(901)), 1);
    }

    #[test]
    fn nor_does_what_is_told_on_top_of_it() {
        let mut ana = peer(999);
        assert_eq!(ana.heard_of(Counter(999)), 0);
        ana.unreadable(Counter(1000));
        assert_eq!(ana.opened(Counter(1)), Standing::New { missing: 0 });
        assert_eq!(ana.opened(Counter(900)), Standing::New { missing: 898 });
    }

    #[test]
    fn the_servers_word_announces_but_never_hides() {
        let mut ana = peer(0);
        assert_eq!(ana.opened(Counter(1)), Standing::New { missing: 0 });
        assert_eq!(ana.heard_of(Counter(3)), 2);
        assert_eq!(ana.heard_of(Counter(3)), 0, "told once");
        // A server that says a thousand cannot make the real fourth look like a replay.
        assert_eq!(ana.heard_of(Counter(1000)), 997);
        assert_eq!(ana.opened(Counter(4)), Standing::New { missing: 0 });
    }

    #[test]
    fn an_unreadable_message_is_not_missing_too() {
        let mut ana = peer(0);
        ana.unreadable(Counter(1));
        assert_eq!(ana.opened(Counter(2)), Standing::New { missing: 0 });
        ana.unreadable(Counter(900));
        assert_eq!(ana.opened(Counter(5)), Standing::New { missing: 2 });
    }
}
