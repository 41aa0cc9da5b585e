//! Who is in the room, and how far each one's messages have come.

use std::collections::{BTreeMap, BTreeSet};

use wire::{Counter, MemberId, Person, UserName};

use super::PersonView;

/// The others' counters. State moves only for messages that opened; what the server merely says
/// is remembered apart, so that it can announce a gap but not hide a message behind one.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) name: UserName,
    pub(super) connected: bool,
    /// The highest counter of a message that opened.
    opened: Counter,
    /// Up to here the person has been told what is missing or unreadable, or it was before one's time.
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
    pub(super) fn new(name: UserName, connected: bool, before: Counter) -> Self {
        Self { name, connected, opened: Counter(0), told: before }
    }

    /// Takes the counter of a message that opened.
    pub(super) fn opened(&mut self, counter: Counter) -> Standing {
        if counter <= self.opened {
            return Standing::Replayed;
        }
        let missing = counter.0.saturating_sub(self.opened.max(self.told).0.saturating_add(1));
        self.opened = counter;
        Standing::New { missing }
    }

    /// Notes that the person was told of a message with this counter that could not be shown.
    pub(super) fn unreadable(&mut self, counter: Counter) {
        let expected = self.opened.max(self.told).next();
        // A forged far counter must not excuse a gap.
        if counter == expected {
            self.told = counter;
        }
    }

    /// Takes the server's word for how far this member's messages have come: how many are missing.
    pub(super) fn heard_of(&mut self, counter: Counter) -> u64 {
        let missing = counter.0.saturating_sub(self.opened.max(self.told).0);
        self.told = self.told.max(counter);
        missing
    }
}

/// Everyone in the room, and the numbers of those who were.
#[derive(Debug, Default)]
pub(super) struct Peers {
    present: BTreeMap<MemberId, Peer>,
    gone: BTreeSet<MemberId>,
}

/// The server names someone who cannot be there: a number in use, or one used before. Were that taken, what
/// a member said before it left could be passed off as new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Impossible;

impl Peers {
    /// Takes someone in whose messages up to `person.counter` were before one's time.
    pub(super) fn add(&mut self, person: &Person) -> Result<(), Impossible> {
        if self.gone.contains(&person.member_id) || self.present.contains_key(&person.member_id) {
            return Err(Impossible);
        }
        let peer = Peer::new(person.name.clone(), person.connected, person.counter);
        self.present.insert(person.member_id, peer);
        Ok(())
    }

    pub(super) fn remove(&mut self, id: MemberId) -> Result<Peer, Impossible> {
        self.gone.insert(id);
        self.present.remove(&id).ok_or(Impossible)
    }

    pub(super) fn get_mut(&mut self, id: MemberId) -> Result<&mut Peer, Impossible> {
        self.present.get_mut(&id).ok_or(Impossible)
    }

    /// Those who are not in this list.
    pub(super) fn missing_from(&self, people: &[Person]) -> Vec<MemberId> {
        let is_listed = |id: &MemberId| people.iter().any(|person| person.member_id == *id);
        self.present.keys().copied().filter(|id| !is_listed(id)).collect()
    }

    pub(super) fn view(&self, me: MemberId) -> Vec<PersonView> {
        let view = |(id, peer): (&MemberId, &Peer)| PersonView {
            id: *id,
            name: peer.name.as_str().to_owned(),
            connected: peer.connected,
            you: *id == me,
        };
        self.present.iter().map(view).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(before: u64) -> Peer {
        Peer::new("Ana".parse().unwrap(), true, Counter(before))
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
