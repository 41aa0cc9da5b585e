//! The members of the group as the person sees them, and the counter of each one's messages.

use std::collections::{BTreeMap, VecDeque};

use wire::{Counter, Departure, MemberId, Skeleton, UserName};

use super::{PersonView, Place, View, io::Io};
use crate::group::{Member, Roster};

/// How many names of this visit are remembered, to mark a later name that looks like one of them.
const NAMES: usize = 4096;

/// A member of the group. `opened` counts only messages that opened. The server's claims are kept apart: a false claim can
/// report a gap, but never hide a message.
pub(super) struct Peer {
    pub(super) name: UserName,
    key: Vec<u8>,
    fingerprint: String,
    pub(super) connected: bool,
    /// Whether one of its messages has opened, or the server says that it has sent one.
    pub(super) here: bool,
    /// Why it has gone, while its leaf is still in the tree.
    pub(super) leaving: Option<Departure>,
    /// Whether its name looks like one that another key had during this visit.
    pub(super) another: bool,
    /// The server's claim of how many messages it had sent before this client came in. The claim counts until a message
    /// has opened, and no longer: after that it cannot hide a missing message.
    before: Counter,
    /// The highest counter of a message that opened.
    opened: Counter,
    /// The person was told of missing and unreadable messages up to this counter.
    told: Counter,
}

/// The place of a message that opened among its sender's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    /// New. `missing` messages before it did not arrive.
    New { missing: u64 },
    /// Not newer than one that opened before.
    Replayed,
}

impl Peer {
    /// A member that had sent `before` messages when this client came in.
    fn new(member: &Member, connected: bool, here: bool, before: Counter, another: bool) -> Self {
        Self {
            name: member.name.clone(),
            key: member.key.clone(),
            fingerprint: member.fingerprint(),
            connected,
            here,
            leaving: None,
            another,
            before,
            opened: Counter(0),
            told: Counter(0),
        }
    }

    fn is(&self, member: &Member) -> bool {
        self.key == member.key && self.name == member.name
    }

    /// Returns the counter up to which the person knows of every message.
    fn known(&self) -> Counter {
        let known = self.opened.max(self.told);
        if self.opened == Counter(0) { known.max(self.before) } else { known }
    }

    /// Takes the counter of a message that opened.
    pub(super) fn opened(&mut self, counter: Counter) -> Freshness {
        if counter <= self.opened {
            return Freshness::Replayed;
        }
        let missing = counter.0.saturating_sub(self.known().0.saturating_add(1));
        // The server's claim was false: forget what was reported because of it.
        if self.opened == Counter(0) && counter <= self.before {
            self.told = Counter(0);
        }
        self.opened = counter;
        Freshness::New { missing }
    }

    /// Notes that the person was told of an unreadable message with this counter.
    pub(super) fn unreadable(&mut self, counter: Counter) {
        let expected = self.known().next();
        // A forged counter that is too high must not excuse a gap.
        if counter == expected {
            self.told = counter;
        }
    }

    /// Takes the server's claim of the member's last counter. Returns how many messages are missing up to it.
    pub(super) fn claimed(&mut self, counter: Counter) -> u64 {
        let missing = counter.0.saturating_sub(self.known().0);
        self.told = self.told.max(counter);
        missing
    }
}

/// The members of the last epoch that this client was in, and members of an earlier group that may still come into this
/// one: their counters go on.
#[derive(Default)]
pub(super) struct Peers {
    peers: BTreeMap<MemberId, Peer>,
    names: Names,
    /// The last counters of members that were in the room before this client and may still come into the group.
    before: BTreeMap<MemberId, Counter>,
    /// The same for all other members.
    others: Counter,
}

/// The names that were in the group during this visit, oldest first, each with its member's key.
#[derive(Default)]
struct Names(VecDeque<(Skeleton, Vec<u8>)>);

impl Names {
    /// Remembers a name. Returns whether it looks like one that another key had. When the list is full, the oldest name
    /// goes whose member is not `there` any more.
    fn meet(&mut self, member: &Member, there: &BTreeMap<MemberId, Peer>) -> bool {
        let mut known = self.0.iter().filter(|(skeleton, _)| skeleton.same(&member.skeleton));
        let another = known.clone().any(|(_, key)| *key != member.key);
        if !known.any(|(_, key)| *key == member.key) {
            if self.0.len() == NAMES {
                let is_there = |key: &[u8]| there.values().any(|peer| peer.key == key);
                let oldest = self.0.iter().position(|(_, key)| !is_there(key)).unwrap_or(0);
                self.0.remove(oldest);
            }
            self.0.push_back((member.skeleton.clone(), member.key.clone()));
        }
        another
    }
}

/// The result of [`Peers::add_present`].
pub(super) struct Found {
    /// How many of its messages this client has missed.
    pub(super) missing: u64,
    /// Whether it came in while this client was outside.
    pub(super) is_new: bool,
}

impl Peers {
    pub(super) fn get_mut(&mut self, id: MemberId) -> Option<&mut Peer> {
        self.peers.get_mut(&id)
    }

    /// Returns the members of the last tree that have left.
    pub(super) fn leaving(&self) -> Vec<MemberId> {
        self.peers.iter().filter(|(_, peer)| peer.leaving.is_some()).map(|(id, _)| *id).collect()
    }

    /// Returns the members of an earlier group that are not in this tree.
    pub(super) fn absent(&self, roster: &Roster) -> Vec<MemberId> {
        self.ids().into_iter().filter(|id| roster.get(*id).is_none()).collect()
    }

    /// Forgets a member whose leaf is no longer in the tree, and shows that it left. If the server did not say that it
    /// left, it can come in again, and its counter goes on then. The number of a member that left is never given again.
    pub(super) fn depart(&mut self, id: MemberId, io: &mut Io) {
        if let Some(peer) = self.peers.remove(&id) {
            if peer.leaving.is_none() {
                self.before.insert(id, peer.known());
            }
            let name = peer.name.as_str().to_owned();
            let lost = peer.leaving == Some(Departure::Lost);
            io.show(View::Left { id, name, lost, here: peer.here });
        }
    }

    /// Shows that a member is new in the tree.
    pub(super) fn show_entered(&self, id: MemberId, io: &mut Io) {
        if let Some(Peer { name, another, here, .. }) = self.peers.get(&id) {
            let name = name.as_str().to_owned();
            io.show(View::Entered { id, name, another: *another, here: *here });
        }
    }

    pub(super) fn ids(&self) -> Vec<MemberId> {
        self.peers.keys().copied().collect()
    }

    /// Adds a member that was just let in, or let in again. Returns whether it is new.
    pub(super) fn admit(&mut self, member: &Member) -> bool {
        let is_new = !self.knows(member);
        if is_new {
            let before = self.before.remove(&member.member_id).unwrap_or(self.others);
            self.meet(member, true, false, before);
        } else if let Some(peer) = self.peers.get_mut(&member.member_id) {
            // Only a connected member knocks, and the server does not tell the presence of members outside.
            peer.connected = true;
            peer.leaving = None;
        }
        is_new
    }

    fn meet(&mut self, member: &Member, connected: bool, here: bool, before: Counter) {
        let another = self.names.meet(member, &self.peers);
        self.peers.insert(member.member_id, Peer::new(member, connected, here, before, another));
    }

    /// Adds a member that was there when this client came in. What it said before is not missing.
    pub(super) fn add_present(&mut self, member: &Member, connected: bool, counter: Counter) -> Found {
        if !self.knows(member) {
            self.meet(member, connected, counter > Counter(0), counter);
            return Found { missing: 0, is_new: true };
        }
        let missing = self.peers.get_mut(&member.member_id).map_or(0, |peer| {
            peer.connected = connected;
            peer.here |= counter > Counter(0);
            peer.leaving = None;
            peer.claimed(counter)
        });
        Found { missing, is_new: false }
    }

    /// Notes the last counters of members that are in the room and outside the group, and may still come in.
    pub(super) fn expect(&mut self, before: BTreeMap<MemberId, Counter>) {
        self.before = before;
        self.others = Counter(0);
    }

    /// Called when this client founds a later group as the first that it is in: nobody tells it anyone's counter.
    pub(super) fn expect_any_counter(&mut self) {
        self.before.clear();
        self.others = Counter(u64::MAX);
    }

    /// Adds this client's own member.
    pub(super) fn add_self(&mut self, member: &Member) {
        self.meet(member, true, true, Counter(0));
    }

    /// Returns all members whose leaf is in the tree. The tree decides who can read, so nothing else decides who is shown.
    pub(super) fn view(&self, me: MemberId, roster: &Roster) -> Vec<PersonView> {
        roster.iter().map(|member| self.view_of(member, me)).collect()
    }

    fn view_of(&self, member: &Member, me: MemberId) -> PersonView {
        let peer = self.peers.get(&member.member_id).filter(|peer| peer.is(member));
        let place = match peer {
            Some(Peer { leaving: Some(_), .. }) => Place::Leaving,
            Some(Peer { here: true, .. }) => Place::Here,
            _ => Place::Coming,
        };
        PersonView {
            id: member.member_id,
            name: member.name.as_str().to_owned(),
            connected: peer.is_none_or(|peer| peer.connected),
            place,
            another: peer.is_some_and(|peer| peer.another),
            you: member.member_id == me,
            fingerprint: peer.map_or_else(|| member.fingerprint(), |peer| peer.fingerprint.clone()),
        }
    }

    fn knows(&self, member: &Member) -> bool {
        self.peers.get(&member.member_id).is_some_and(|peer| peer.is(member))
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
        assert_eq!(ana.opened(Counter(1)), Freshness::New { missing: 0 });
        assert_eq!(ana.opened(Counter(4)), Freshness::New { missing: 2 });
        assert_eq!(ana.opened(Counter(4)), Freshness::Replayed);
        assert_eq!(ana.opened(Counter(2)), Freshness::Replayed);
        assert_eq!(ana.opened(Counter(u64::MAX)), Freshness::New { missing: u64::MAX - 5 });
    }

    #[test]
    fn nothing_is_missing_from_before_ones_time() {
        let mut ana = peer(7);
        assert_eq!(ana.opened(Counter(8)), Freshness::New { missing: 0 });
        let mut bo = peer(7);
        assert_eq!(bo.opened(Counter(10)), Freshness::New { missing: 2 });
        // Nor is it what is told of twice.
        let mut cy = peer(7);
        cy.unreadable(Counter(8));
        assert_eq!(cy.claimed(Counter(9)), 1);
        assert_eq!(cy.opened(Counter(10)), Freshness::New { missing: 0 });
    }

    #[test]
    fn the_servers_word_of_what_was_before_hides_nothing_later() {
        let mut ana = peer(u64::MAX);
        ana.unreadable(Counter(1));
        assert_eq!(ana.claimed(Counter(3)), 0);
        assert_eq!(ana.opened(Counter(5)), Freshness::New { missing: 0 });
        assert_eq!(ana.opened(Counter(900)), Freshness::New { missing: 894 });
        assert_eq!(ana.claimed(Counter(901)), 1);
    }

    #[test]
    fn nor_does_what_is_told_on_top_of_it() {
        let mut ana = peer(999);
        assert_eq!(ana.claimed(Counter(999)), 0);
        ana.unreadable(Counter(1000));
        assert_eq!(ana.opened(Counter(1)), Freshness::New { missing: 0 });
        assert_eq!(ana.opened(Counter(900)), Freshness::New { missing: 898 });
    }

    #[test]
    fn the_servers_word_announces_but_never_hides() {
        let mut ana = peer(0);
        assert_eq!(ana.opened(Counter(1)), Freshness::New { missing: 0 });
        assert_eq!(ana.claimed(Counter(3)), 2);
        assert_eq!(ana.claimed(Counter(3)), 0, "told once");
        // A server that says a thousand cannot make the real fourth look like a replay.
        assert_eq!(ana.claimed(Counter(1000)), 997);
        assert_eq!(ana.opened(Counter(4)), Freshness::New { missing: 0 });
    }

    #[test]
    fn an_unreadable_message_is_not_missing_too() {
        let mut ana = peer(0);
        ana.unreadable(Counter(1));
        assert_eq!(ana.opened(Counter(2)), Freshness::New { missing: 0 });
        ana.unreadable(Counter(900));
        assert_eq!(ana.opened(Counter(5)), Freshness::New { missing: 2 });
    }
}
