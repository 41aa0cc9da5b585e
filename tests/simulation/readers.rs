//! Checks that every reader is shown: for every message, the members whose keys open it are among those that its sender
//! was shown when it was sealed.
//!
//! The epoch authenticator (RFC 9420, section 8.7) depends on all secrets of an epoch. Keys open a message if and only
//! if they lead to the authenticator of the epoch in which it was sealed.

use std::collections::{BTreeMap, BTreeSet};

use web_crypto::{
    group::{Group, Me, Roster, fingerprint},
    session::PersonView,
};
use wire::{ClientFrame, Epoch, MemberId, RoomId};

use super::world::World;

/// The members as the page shows them: id, fingerprint and name.
pub type Shown = BTreeMap<Holder, String>;

/// The number and the fingerprint of a member. Its name is what it says of itself.
pub type Holder = (MemberId, String);

pub fn shown(people: &[PersonView]) -> Shown {
    people.iter().map(|person| ((person.id, person.fingerprint.clone()), person.name.clone())).collect()
}

fn tree(roster: &Roster) -> Shown {
    roster.iter().map(|mate| ((mate.member_id, mate.fingerprint()), mate.name.as_str().to_owned())).collect()
}

/// The holders of each epoch's keys, and the members that the senders in that epoch were shown.
#[derive(Default)]
pub struct Readers {
    holders: BTreeMap<Vec<u8>, BTreeSet<Holder>>,
    audiences: BTreeMap<Vec<u8>, BTreeSet<Shown>>,
    /// The last commit of each author in each epoch, until the server accepts it.
    commits: BTreeMap<(MemberId, Epoch), Vec<u8>>,
    ghosts: Vec<Ghost>,
}

/// The keys of a leaf that a hostile member added to the tree without naming it. It receives every relayed frame.
struct Ghost {
    room: RoomId,
    me: Me,
    group: Group,
}

impl Readers {
    /// Returns the unnamed leaves of this epoch.
    pub fn ghosts_in(&self, epoch: Epoch) -> impl Iterator<Item = MemberId> {
        self.ghosts.iter().filter(move |ghost| ghost.group.epoch() == epoch).map(|ghost| ghost.me.member_id())
    }

    fn holds(&mut self, authenticator: &[u8], holder: Holder) {
        for audience in self.audiences.get(authenticator).into_iter().flatten() {
            assert!(audience.contains_key(&holder), "{holder:?} can read what was sealed for {audience:?}");
        }
        self.holders.entry(authenticator.to_vec()).or_default().insert(holder);
    }

    /// Called when a hostile member has made a commit that admits this ghost.
    pub fn haunt(&mut self, room: RoomId, me: Me, into: Epoch, welcome: &[u8]) {
        if let Ok(group) = Group::sneak(&me, room, into, welcome) {
            self.ghosts.push(Ghost { room, me, group });
            self.see(self.ghosts.len() - 1);
        }
    }

    fn see(&mut self, index: usize) {
        let Ghost { me, group, .. } = &self.ghosts[index];
        let holder = (me.member_id(), fingerprint(&me.public_key()));
        let authenticator = group.authenticator().to_vec();
        self.holds(&authenticator, holder);
    }

    /// Called when a commit reaches the server.
    pub fn committing(&mut self, author: MemberId, frame: &ClientFrame<'_>) {
        if let ClientFrame::Commit { epoch, commit, .. } = frame {
            self.commits.insert((author, *epoch), commit.to_vec());
        }
    }

    /// Called when the server has accepted that commit, which a hostile server passes to the ghosts.
    pub fn committed(&mut self, room: RoomId, author: MemberId, epoch: Epoch) {
        let Some(commit) = self.commits.remove(&(author, epoch)) else { return };
        for index in 0..self.ghosts.len() {
            let Ghost { room: haunted, me, group } = &mut self.ghosts[index];
            if *haunted == room && group.epoch() == epoch && group.trail(me, &commit).is_ok() {
                self.see(index);
            }
        }
    }
}

/// Called when a client has handled an input, and may be in another epoch.
pub fn look(world: &mut World, index: usize) {
    let client = &mut world.clients[index];
    let Some(observed) = client.session.observe() else { return };
    let Some(group) = observed.group else { return };
    let Some(own) = group.roster().get(observed.me.member_id()) else { return };
    let holder = (own.member_id, own.fingerprint());
    let authenticator = group.authenticator().to_vec();
    world.checks.readers.holds(&authenticator, holder);
}

/// Called when a client sends a frame. If it is a message, the user must have been shown exactly the members in the
/// tree.
pub fn sends(world: &mut World, index: usize, frame: &[u8]) {
    let Ok(ClientFrame::Message { epoch, .. }) = ClientFrame::parse(frame) else { return };
    let client = &mut world.clients[index];
    if !client.is_honest() {
        return;
    }
    let Some(observed) = client.session.observe() else { return };
    let group = observed.group.expect("a client that seals is in a group");
    assert_eq!(group.epoch(), epoch, "{index} seals for another epoch than its own");
    let (tree, authenticator) = (tree(group.roster()), group.authenticator().to_vec());
    assert_eq!(client.shown, tree, "{index} was shown others than those in the tree of {epoch:?}");
    let readers = &mut world.checks.readers;
    for holder in readers.holders.get(&authenticator).into_iter().flatten() {
        assert!(tree.contains_key(holder), "{holder:?} can read what {index} seals for {tree:?}");
    }
    readers.audiences.entry(authenticator).or_default().insert(tree);
}
