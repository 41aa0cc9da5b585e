//! How a member gets into the group and out of it: founding, knocking, being let in, recovery.

use std::collections::{BTreeMap, BTreeSet};

use wire::{ClientFrame, Counter, Epoch, MemberId, Person, Seq};

use super::{Membership, NOT_INSIDE, Trouble, show_missed};
use crate::{
    group::{Group, Knock, Stuck, group_id},
    session::{Connection, View},
};

/// How long a founder waits for the members of the old group, in milliseconds: they could never read what it says before
/// they are in.
const GATHERING: u64 = 3000;
/// How long members of the old group are waited for before they are shown as gone, in milliseconds.
const AWAITING: u64 = 15_000;
/// The shortest time between two notices that a group was not entered, in milliseconds: a server can cause them at will.
const UNLISTED_EVERY: u64 = 60_000;

impl Membership {
    pub(super) fn found(&mut self, generation: u32, seq: Seq) -> Result<(), Trouble> {
        let epoch = Epoch { generation, number: 0 };
        if self.latest.is_some_and(|latest| epoch <= latest) {
            return Err(Trouble::Disturbed("an earlier generation to found"));
        }
        self.leave_group();
        // Members that have left are in no tree any more.
        for id in self.peers.leaving() {
            self.peers.depart(id, &mut self.io);
        }
        if self.latest.is_none() && generation > 0 {
            self.peers.expect_any_counter();
        }
        let group = Group::found(&self.me, self.link.room_id(), generation)?;
        self.take_up(group, seq);
        if !self.is_complete() {
            self.gathering = Some(self.io.now.saturating_add(GATHERING));
        }
        self.caught_up()
    }

    /// Returns whether every member of the old group that has not left is in this one.
    pub(super) fn is_complete(&self) -> bool {
        let Some(group) = &self.group else { return false };
        self.peers.ids().into_iter().all(|id| group.roster().get(id).is_some())
    }

    /// Asks the members of the group to let this client in, with keys that no earlier knock has shown.
    pub(super) fn knock(&mut self, generation: u32) -> Result<(), Trouble> {
        let key_package = self.me.key_package()?;
        let group_id = group_id(self.link.room_id(), generation);
        let knock = Knock { door_key: &self.door_key, group_id, member_id: self.me.member_id() };
        let sealed = knock.seal(*self.io.random(), &key_package);
        self.io.send(&ClientFrame::Knock { generation, sealed: &sealed });
        self.show_connection(Connection::Knocking, "");
        Ok(())
    }

    pub(super) fn enter(&mut self, seq: Seq, epoch: Epoch, people: &[Person], welcome: &[u8]) -> Result<(), Trouble> {
        let me = self.me.member_id();
        let is_later = self.latest.is_none_or(|latest| epoch > latest);
        let named = people.iter().filter(|person| person.in_group).map(|person| person.member_id);
        let named = named.collect::<BTreeSet<_>>();
        if self.group.is_some() || !is_later || !named.contains(&me) {
            return Err(Trouble::Disturbed("a Welcome that does not fit where the client is"));
        }
        let group = match Group::join(&self.me, self.link.room_id(), epoch, welcome, &named) {
            Ok(group) => group,
            Err(why) => return self.stuck(epoch, why),
        };
        let first = self.latest.is_none();
        self.drop_absent(&group, people);
        self.take_up(group, seq);
        let Some(group) = &self.group else { return Err(NOT_INSIDE) };
        for member in group.roster().iter().filter(|member| member.member_id != me) {
            // The tree says who is in the group. The server says how many messages each one has sent.
            let said = people.iter().find(|person| person.member_id == member.member_id);
            let (connected, counter) = said.map_or((true, Counter(0)), |said| (said.connected, said.counter));
            let found = self.peers.add_present(member, connected, counter);
            show_missed(member.member_id, member.name.as_str(), found.missing, &mut self.io);
            if found.is_new && !first {
                self.peers.show_entered(member.member_id, &mut self.io);
            }
        }
        let mut before = BTreeMap::new();
        for person in people.iter().filter(|person| group.roster().get(person.member_id).is_none()) {
            if let Some(peer) = self.peers.get_mut(person.member_id) {
                let missing = peer.claimed(person.counter);
                show_missed(person.member_id, peer.name.as_str(), missing, &mut self.io);
            } else {
                before.insert(person.member_id, person.counter);
            }
        }
        self.peers.expect(before);
        self.caught_up()
    }

    /// Takes up a group that the client has founded or joined.
    fn take_up(&mut self, group: Group, seq: Seq) {
        let epoch = group.epoch();
        let is_recovery = self.latest.is_some_and(|latest| latest.generation < epoch.generation);
        if let Some(member) = group.roster().get(self.me.member_id()) {
            self.peers.add_self(member);
        }
        self.group = Some(group);
        self.latest = Some(epoch);
        self.seq = seq;
        self.until = seq;
        self.refresh.committed(&self.io);
        self.unlisted = false;
        // The server does not tell members inside that a member outside has left.
        self.awaiting = (!self.is_complete()).then(|| self.io.now.saturating_add(AWAITING));
        self.talk.here();
        self.io.show(View::Keys { epoch, anew: is_recovery });
    }

    /// Called when the server starts a recovery: a new generation of the group.
    pub(super) fn recover(&mut self, seq: Seq, generation: u32, founder: bool) -> Result<(), Trouble> {
        // For members inside, the end of their group is an event in the order.
        let is_next = self.group.is_none() || seq == self.seq.next();
        if !is_next || self.latest.is_some_and(|latest| generation <= latest.generation) {
            return Err(Trouble::Disturbed("an earlier generation"));
        }
        if founder {
            return self.found(generation, seq);
        }
        self.leave_group();
        self.knock(generation)
    }

    /// Called when the client cannot follow the group: drops the group, tells the server, and knocks again.
    pub(super) fn stuck(&mut self, epoch: Epoch, why: Stuck) -> Result<(), Trouble> {
        self.io.debug("group dropped", &why);
        self.leave_group();
        self.unlisted = why == Stuck::Unlisted;
        let now = self.io.now;
        let is_news = self.told_unlisted.is_none_or(|told| now.saturating_sub(told) >= UNLISTED_EVERY);
        if self.unlisted && is_news {
            self.told_unlisted = Some(now);
            self.io.show(View::Unlisted);
        }
        self.io.send(&ClientFrame::Stuck { epoch });
        self.knock(epoch.generation)
    }

    /// Drops the group. The caller then knocks or founds another at once, which wipes this group's secrets in the store.
    pub(super) fn leave_group(&mut self) {
        self.group = None;
        self.gathering = None;
        self.awaiting = None;
        self.gone.clear();
        self.talk.epoch_changed();
    }

    /// Shows the members that went while this client was outside. After a recovery, a member that the server names and that
    /// is not in the group may still come in.
    fn drop_absent(&mut self, group: &Group, people: &[Person]) {
        let is_recovery = self.latest.is_some_and(|latest| latest.generation < group.epoch().generation);
        let leaving = self.peers.leaving();
        let may_come =
            |id: MemberId| is_recovery && !leaving.contains(&id) && people.iter().any(|person| person.member_id == id);
        for id in self.peers.ids().into_iter().filter(|id| group.roster().get(*id).is_none() && !may_come(*id)) {
            self.talk.left(id, &mut self.io);
            self.peers.depart(id, &mut self.io);
        }
    }
}
