//! The others in the room: real members of its group.

use std::collections::BTreeSet;

use wire::{Epoch, MemberId};
use zeroize::Zeroizing;

use super::scene::{ROOM, Sent, secret};
use crate::{
    content::Content,
    group::{Commit, Forgery, Group, Knock, Me, Newcomer, Received, Stuck, group_id},
    keys::Key,
};

/// Another member, moved by hand.
pub(super) struct Other {
    id: u32,
    me: Me,
    pub(super) group: Option<Group>,
    /// Of its last message.
    pub(super) counter: u64,
}

impl Other {
    pub(super) fn new(id: u32, name: &str) -> Self {
        // Not the seed of a session.
        let me = Me::new(
            MemberId(id),
            name.parse().unwrap(),
            secret().room_psk(ROOM),
            Zeroizing::new([id as u8 ^ 0xa0; 32]),
        );
        Self { id, me, group: None, counter: 0 }
    }

    pub(super) fn found(&mut self, generation: u32) {
        self.group = Some(Group::found(&self.me, ROOM, generation).unwrap());
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.group.as_ref().unwrap().epoch()
    }

    pub(super) fn authenticator(&self) -> Vec<u8> {
        self.group.as_ref().unwrap().authenticator().to_vec()
    }

    /// The fingerprint of someone in its group.
    pub(super) fn fingerprint(&self, id: u32) -> String {
        self.group.as_ref().unwrap().roster().get(MemberId(id)).unwrap().fingerprint()
    }

    /// Knocks with a new key package, under this number.
    pub(super) fn knock_as(&self, id: u32, generation: u32, door_key: &Key) -> Vec<u8> {
        let knock = Knock { door_key, group_id: group_id(ROOM, generation), member_id: MemberId(id) };
        knock.seal([id as u8; 24], &self.me.key_package().unwrap())
    }

    pub(super) fn knock(&self, generation: u32) -> Vec<u8> {
        self.knock_as(self.id, generation, &secret().door_key(ROOM))
    }

    /// Knocks with a key package that is not as it was made; nothing if it is.
    pub(super) fn knock_damaged(&self, damage: impl FnOnce(&[u8]) -> Vec<u8>) -> Option<Vec<u8>> {
        let (whole, door_key) = (self.me.key_package().unwrap(), secret().door_key(ROOM));
        let damaged = damage(&whole);
        let knock = Knock { door_key: &door_key, group_id: group_id(ROOM, 0), member_id: MemberId(self.id) };
        (damaged != whole).then(|| knock.seal([7; 24], &damaged))
    }

    /// Lets in all who knock, and removes all who are gone.
    pub(super) fn commit(&mut self, knocks: &[(u32, &[u8])], gone: &[u32]) -> Commit {
        let gone = gone.iter().copied().map(MemberId).collect::<BTreeSet<_>>();
        let newcomers = self.hear(knocks, &gone);
        self.group.as_mut().unwrap().commit(&self.me, &newcomers, &gone).unwrap()
    }

    /// Lets in all who knock, and one more whom the frame does not name. The Welcome is for all of them.
    pub(super) fn commit_with_ghost(&mut self, knocks: &[(u32, &[u8])], ghost: &Other) -> Commit {
        let newcomers = self.hear(knocks, &BTreeSet::new());
        let unnamed = Forgery::Unnamed(ghost.me.key_package().unwrap());
        self.group.as_mut().unwrap().forge(&self.me, &newcomers, &BTreeSet::new(), &unnamed).unwrap()
    }

    fn hear(&self, knocks: &[(u32, &[u8])], gone: &BTreeSet<MemberId>) -> Vec<Newcomer> {
        let group = self.group.as_ref().unwrap();
        let (door_key, group_id) = (secret().door_key(ROOM), group_id(ROOM, group.epoch().generation));
        let mut newcomers = Vec::new();
        for (id, sealed) in knocks {
            let knock = Knock { door_key: &door_key, group_id, member_id: MemberId(*id) };
            newcomers.push(group.hear(&self.me, &knock, sealed, &newcomers, gone).unwrap());
        }
        newcomers
    }

    pub(super) fn confirm(&mut self) {
        self.group.as_mut().unwrap().confirm(&self.me).unwrap();
    }

    pub(super) fn follow(&mut self, author: u32, sent: &Sent, gone: &[u32]) -> Result<(), Stuck> {
        let received = Received {
            author: MemberId(author),
            admitted: &sent.admitted,
            removed: &sent.removed,
            commit: &sent.commit,
        };
        let gone = gone.iter().copied().map(MemberId).collect();
        self.group.as_mut().unwrap().follow(&self.me, &received, &gone)
    }

    /// Comes in, if these are in the group.
    pub(super) fn joins(&mut self, epoch: Epoch, welcome: &[u8], named: &[u32]) -> Result<(), Stuck> {
        let named = named.iter().copied().map(MemberId).collect();
        self.group = Some(Group::join(&self.me, ROOM, epoch, welcome, &named)?);
        Ok(())
    }

    /// Comes in, whoever is there.
    pub(super) fn join(&mut self, epoch: Epoch, welcome: &[u8]) {
        self.group = Some(Group::open_welcome(&self.me, ROOM, epoch, welcome).unwrap());
    }

    pub(super) fn seal(&mut self, padded: &[u8]) -> Vec<u8> {
        self.group.as_mut().unwrap().seal(&self.me, padded).unwrap()
    }

    pub(super) fn opens(&mut self, sealed: &[u8]) -> bool {
        self.group.as_mut().unwrap().open(&self.me, sealed).is_ok()
    }

    /// What this says.
    pub(super) fn reads(&mut self, sealed: &[u8]) -> Content {
        let (_, padded) = self.group.as_mut().unwrap().open(&self.me, sealed).unwrap();
        Content::from_padded(&padded).unwrap().1
    }

    /// Who sealed this, under which counter, and which text, if it is one.
    pub(super) fn open(&mut self, sealed: &[u8]) -> (u32, u64, Option<String>) {
        let (from, padded) = self.group.as_mut().unwrap().open(&self.me, sealed).unwrap();
        match Content::from_padded(&padded).unwrap() {
            (counter, Content::Text(text)) => (from.0, counter.0, Some(text.to_string())),
            (counter, _) => (from.0, counter.0, None),
        }
    }
}
