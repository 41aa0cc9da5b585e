//! Into the group, and out of it: founding it, knocking, being let in, beginning anew.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use wire::{ClientFrame, Counter, Epoch, MemberId, Person, Seq};

use super::{Circle, Trouble, show, show_missed};
use crate::{
    group::{Group, Knock, Stuck, group_id},
    session::{Connection, Env, Output, View},
};

/// How long a founder waits for those who were in the group before, in milliseconds: what it said alone they could never
/// read.
const GATHERING: u64 = 3000;
/// How long members of a group that began anew are waited for before they are said to have gone, in milliseconds.
const AWAITING: u64 = 15_000;
/// How often a person is told that a group was not gone into, in milliseconds: a server can bring it about at any time.
const UNLISTED_EVERY: u64 = 60_000;

impl Circle {
    pub(super) fn found(
        &mut self,
        generation: u32,
        seq: Seq,
        env: &mut impl Env,
        out: &mut VecDeque<Output>,
    ) -> Result<(), Trouble> {
        let epoch = Epoch { generation, number: 0 };
        if self.latest.is_some_and(|latest| epoch <= latest) {
            return Err(Trouble::Disturbed);
        }
        self.leave_group();
        // Their leaves are in no tree any more.
        for id in self.peers.leaving() {
            self.peers.depart(id, out);
        }
        if self.latest.is_none() && generation > 0 {
            self.peers.expect_anything();
        }
        let group = Group::found(&self.me, self.room_id, generation).map_err(|_| Trouble::Fault)?;
        self.take_up(group, seq, env, out);
        if !self.is_complete() {
            self.gathering = Some(env.now().saturating_add(GATHERING));
        }
        self.caught_up(out)
    }

    /// Whether everyone is in who was in the group before and has not left.
    pub(super) fn is_complete(&self) -> bool {
        let Some(group) = &self.group else { return false };
        self.peers.ids().into_iter().all(|id| group.roster().get(id).is_some())
    }

    /// Asks those in the group to be let in, with keys that no knock has shown before.
    pub(super) fn knock(
        &mut self,
        generation: u32,
        env: &mut impl Env,
        out: &mut VecDeque<Output>,
    ) -> Result<(), Trouble> {
        let key_package = self.me.key_package().map_err(|_| Trouble::Fault)?;
        let group_id = group_id(self.room_id, generation);
        let knock = Knock { door_key: &self.door_key, group_id, member_id: self.me.member_id() };
        let mut nonce = [0; 24];
        env.random(&mut nonce);
        let sealed = knock.seal(nonce, &key_package);
        out.push_back(Output::Send(ClientFrame::Knock { generation, sealed: &sealed }.to_bytes()));
        show(Connection::Knocking, "", out);
        Ok(())
    }

    pub(super) fn enter(
        &mut self,
        seq: Seq,
        epoch: Epoch,
        people: &[Person],
        welcome: &[u8],
        env: &mut impl Env,
        out: &mut VecDeque<Output>,
    ) -> Result<(), Trouble> {
        let me = self.me.member_id();
        let is_later = self.latest.is_none_or(|latest| epoch > latest);
        let named = people.iter().filter(|person| person.in_group).map(|person| person.member_id);
        let named = named.collect::<BTreeSet<_>>();
        if self.group.is_some() || !is_later || !named.contains(&me) {
            return Err(Trouble::Disturbed);
        }
        let group = match Group::join(&self.me, self.room_id, epoch, welcome, &named) {
            Ok(group) => group,
            Err(why) => return self.stuck(epoch, why, env, out),
        };
        let first = self.latest.is_none();
        self.drop_absent(&group, people, out);
        self.take_up(group, seq, env, out);
        let Some(group) = &self.group else { return Err(Trouble::Fault) };
        for mate in group.roster().iter().filter(|mate| mate.member_id != me) {
            // The tree says who is in the group; the server, how far each one's messages have come.
            let said = people.iter().find(|person| person.member_id == mate.member_id);
            let (connected, counter) = said.map_or((true, Counter(0)), |said| (said.connected, said.counter));
            let found = self.peers.find(mate, connected, counter);
            let name = mate.name.as_str();
            show_missed(mate.member_id, name, found.missing, out);
            if found.is_new && !first {
                self.peers.show_entered(mate.member_id, out);
            }
        }
        let mut before = BTreeMap::new();
        for person in people.iter().filter(|person| group.roster().get(person.member_id).is_none()) {
            if let Some(peer) = self.peers.get_mut(person.member_id) {
                let missing = peer.heard_of(person.counter);
                show_missed(person.member_id, peer.name.as_str(), missing, out);
            } else {
                before.insert(person.member_id, person.counter);
            }
        }
        self.peers.expect(before);
        self.caught_up(out)
    }

    /// In a group, one way or the other.
    pub(super) fn take_up(&mut self, group: Group, seq: Seq, env: &mut impl Env, out: &mut VecDeque<Output>) {
        let epoch = group.epoch();
        let anew = self.latest.is_some_and(|latest| latest.generation < epoch.generation);
        if let Some(mate) = group.roster().get(self.me.member_id()) {
            self.peers.be(mate);
        }
        self.group = Some(group);
        self.latest = Some(epoch);
        self.seq = seq;
        self.until = seq;
        self.refresh.committed(env);
        self.unlisted = false;
        // The server says nothing of those who leave while they are outside.
        self.awaiting = (!self.is_complete()).then(|| env.now().saturating_add(AWAITING));
        self.talk.here();
        out.push_back(Output::Show(View::Keys { epoch, anew }));
    }

    pub(super) fn begin_anew(
        &mut self,
        seq: Seq,
        generation: u32,
        founder: bool,
        env: &mut impl Env,
        out: &mut VecDeque<Output>,
    ) -> Result<(), Trouble> {
        // To those in the group its end is an event like others.
        let is_next = self.group.is_none() || seq == self.seq.next();
        if !is_next || self.latest.is_some_and(|latest| generation <= latest.generation) {
            return Err(Trouble::Disturbed);
        }
        if founder {
            return self.found(generation, seq, env, out);
        }
        self.leave_group();
        self.knock(generation, env, out)
    }

    /// The group cannot be followed any more: drops it, says so, and asks to be let in again.
    pub(super) fn stuck(
        &mut self,
        epoch: Epoch,
        why: Stuck,
        env: &mut impl Env,
        out: &mut VecDeque<Output>,
    ) -> Result<(), Trouble> {
        self.leave_group();
        self.unlisted = why == Stuck::Unlisted;
        let is_news = self.told_unlisted.is_none_or(|told| env.now().saturating_sub(told) >= UNLISTED_EVERY);
        if self.unlisted && is_news {
            self.told_unlisted = Some(env.now());
            out.push_back(Output::Show(View::Unlisted));
        }
        out.push_back(Output::Send(ClientFrame::Stuck { epoch }.to_bytes()));
        self.knock(epoch.generation, env, out)
    }

    /// Drops the group. Who does so knocks or founds another at once, which wipes what this one has left in the store.
    pub(super) fn leave_group(&mut self) {
        self.group = None;
        self.gathering = None;
        self.awaiting = None;
        self.gone.clear();
        self.talk.epoch_changed();
    }

    /// Those who went while one was outside. A group that was begun anew some may yet come into, whom the server names.
    fn drop_absent(&mut self, group: &Group, people: &[Person], out: &mut VecDeque<Output>) {
        let anew = self.latest.is_some_and(|latest| latest.generation < group.epoch().generation);
        let leaving = self.peers.leaving();
        let may_come =
            |id: MemberId| anew && !leaving.contains(&id) && people.iter().any(|person| person.member_id == id);
        for id in self.peers.ids().into_iter().filter(|id| group.roster().get(*id).is_none() && !may_come(*id)) {
            self.talk.left(id, out);
            self.peers.depart(id, out);
        }
    }
}
