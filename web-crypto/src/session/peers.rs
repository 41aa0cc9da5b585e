//! The people in the room, and how far each one's messages have come.

use std::collections::{BTreeMap, VecDeque};

use wire::{Counter, Departure, MemberId, Skeleton, UserName};

use super::{Output, PersonView, Place, View};
use crate::group::{Mate, Roster};

/// How many names of this visit are remembered, to mark a later one that looks like one of them.
const NAMES: usize = 4096;

/// Someone in the group. The counters move only for messages that opened; what the server merely says is remembered apart,
/// so that it can announce a gap but not hide a message behind one.
pub(super) struct Peer {
    pub(super) name: UserName,
    key: Vec<u8>,
    fingerprint: String,
    pub(super) connected: bool,
    /// Whether a message of it has opened, or the server says that it has sent one.
    pub(super) here: bool,
    /// Why it is gone, while its leaf is still in the tree.
    pub(super) leaving: Option<Departure>,
    /// Whether its name looks like one that another key had in this visit.
    pub(super) another: bool,
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
    fn new(mate: &Mate, connected: bool, here: bool, before: Counter, another: bool) -> Self {
        Self {
            name: mate.name.clone(),
            key: mate.key.clone(),
            fingerprint: mate.fingerprint(),
            connected,
            here,
            leaving: None,
            another,
            before,
            opened: Counter(0),
            told: Counter(0),
        }
    }

    fn is(&self, mate: &Mate) -> bool {
        self.key == mate.key && self.name == mate.name
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

/// Everyone in the group, as of its last epoch that one was in; and those who were in the group before, and may come
/// into this one yet: their counters go on.
#[derive(Default)]
pub(super) struct Peers {
    peers: BTreeMap<MemberId, Peer>,
    names: Names,
    /// How far the messages of those had come who were there before oneself, and may come into the group yet.
    before: BTreeMap<MemberId, Counter>,
    /// The same of all others.
    others: Counter,
}

/// Names that were in the group during this visit, oldest first, and the key that each one stood for.
#[derive(Default)]
struct Names(VecDeque<(Skeleton, Vec<u8>)>);

impl Names {
    /// Remembers a name. Returns whether it looks like one that another key had. Where there are too many, the oldest
    /// goes of those whose members are not `there` any more.
    fn meet(&mut self, mate: &Mate, there: &BTreeMap<MemberId, Peer>) -> bool {
        let mut known = self.0.iter().filter(|(skeleton, _)| skeleton.same(&mate.skeleton));
        let another = known.clone().any(|(_, key)| *key != mate.key);
        if !known.any(|(_, key)| *key == mate.key) {
            if self.0.len() == NAMES {
                let is_there = |key: &[u8]| there.values().any(|peer| peer.key == key);
                let oldest = self.0.iter().position(|(_, key)| !is_there(key)).unwrap_or(0);
                self.0.remove(oldest);
            }
            self.0.push_back((mate.skeleton.clone(), mate.key.clone()));
        }
        another
    }
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

    /// Members that `left` has named, and that were in the last tree.
    pub(super) fn leaving(&self) -> Vec<MemberId> {
        self.peers.iter().filter(|(_, peer)| peer.leaving.is_some()).map(|(id, _)| *id).collect()
    }

    /// Those who were in an earlier group, and are not in this tree.
    pub(super) fn absent(&self, roster: &Roster) -> Vec<MemberId> {
        self.ids().into_iter().filter(|id| roster.get(*id).is_none()).collect()
    }

    /// Forgets a member whose leaf is no longer in the tree, and says so. One that `left` did not name can come in again:
    /// its count goes on then. A number that `left` has named is never given again, so nothing of it is kept.
    pub(super) fn depart(&mut self, id: MemberId, out: &mut VecDeque<Output>) {
        if let Some(peer) = self.peers.remove(&id) {
            if peer.leaving.is_none() {
                self.before.insert(id, peer.known());
            }
            let name = peer.name.as_str().to_owned();
            let lost = peer.leaving == Some(Departure::Lost);
            out.push_back(Output::Show(View::Left { id, name, lost, here: peer.here }));
        }
    }

    /// Says that a member is new in the tree.
    pub(super) fn show_entered(&self, id: MemberId, out: &mut VecDeque<Output>) {
        if let Some(Peer { name, another, here, .. }) = self.peers.get(&id) {
            let name = name.as_str().to_owned();
            out.push_back(Output::Show(View::Entered { id, name, another: *another, here: *here }));
        }
    }

    pub(super) fn ids(&self) -> Vec<MemberId> {
        self.peers.keys().copied().collect()
    }

    /// Takes in a member that has just been let in, or let in again. Returns whether it is new.
    pub(super) fn admit(&mut self, mate: &Mate) -> bool {
        let is_new = !self.knows(mate);
        if is_new {
            let before = self.before.remove(&mate.member_id).unwrap_or(self.others);
            self.meet(mate, true, false, before);
        } else if let Some(peer) = self.peers.get_mut(&mate.member_id) {
            // Only a connected member knocks, and the presence of one that is outside is told to nobody.
            peer.connected = true;
            peer.leaving = None;
        }
        is_new
    }

    fn meet(&mut self, mate: &Mate, connected: bool, here: bool, before: Counter) {
        let another = self.names.meet(mate, &self.peers);
        self.peers.insert(mate.member_id, Peer::new(mate, connected, here, before, another));
    }

    /// Takes someone in who was there when one came in oneself. What it said before one came is not missing.
    pub(super) fn find(&mut self, mate: &Mate, connected: bool, counter: Counter) -> Found {
        if !self.knows(mate) {
            self.meet(mate, connected, counter > Counter(0), counter);
            return Found { missing: 0, is_new: true };
        }
        let missing = self.peers.get_mut(&mate.member_id).map_or(0, |peer| {
            peer.connected = connected;
            peer.here |= counter > Counter(0);
            peer.leaving = None;
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
        self.meet(mate, true, true, Counter(0));
    }

    /// Everyone whose leaf is in the tree. The tree decides who can read, so nothing else decides who is shown.
    pub(super) fn view(&self, me: MemberId, roster: &Roster) -> Vec<PersonView> {
        roster.iter().map(|mate| self.view_of(mate, me)).collect()
    }

    fn view_of(&self, mate: &Mate, me: MemberId) -> PersonView {
        let peer = self.peers.get(&mate.member_id).filter(|peer| peer.is(mate));
        let place = match peer {
            Some(Peer { leaving: Some(_), .. }) => Place::Leaving,
            Some(Peer { here: true, .. }) => Place::Here,
            _ => Place::Coming,
        };
        PersonView {
            id: mate.member_id,
            name: mate.name.as_str().to_owned(),
            connected: peer.is_none_or(|peer| peer.connected),
            place,
            another: peer.is_some_and(|peer| peer.another),
            you: mate.member_id == me,
            fingerprint: peer.map_or_else(|| mate.fingerprint(), |peer| peer.fingerprint.clone()),
        }
    }

    fn knows(&self, mate: &Mate) -> bool {
        self.peers.get(&mate.member_id).is_some_and(|peer| peer.is(mate))
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
            leaving: None,
            another: false,
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
