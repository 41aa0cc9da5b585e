//! What happens in the room, in its one order.

use std::collections::VecDeque;

use wire::{Counter, Departure, Epoch, MemberId, Seq};

use super::{Circle, Trouble, show_missed};
use crate::{
    group::{Received, Roster},
    session::{Env, Output, View},
};

impl Circle {
    /// One order without holes: a server that leaves a number out or repeats one is not to be followed.
    pub(super) fn advance(&mut self, seq: Seq) -> Result<(), Trouble> {
        if self.group.is_none() || seq != self.seq.next() {
            return Err(Trouble::Disturbed);
        }
        self.seq = seq;
        Ok(())
    }

    pub(super) fn hear(
        &mut self,
        sender: MemberId,
        counter: Counter,
        sealed: &[u8],
        out: &mut VecDeque<Output>,
    ) -> Result<(), Trouble> {
        if !self.has(sender) || sender == self.me.member_id() || self.gone.contains(&sender) {
            return Err(Trouble::Disturbed);
        }
        let Some(group) = &mut self.group else { return Err(Trouble::Disturbed) };
        let peer = self.peers.get_mut(sender).ok_or(Trouble::Disturbed)?;
        let opened = group.open(&self.me, sealed);
        if opened.as_ref().is_ok_and(|(from, _)| *from != sender) {
            return Err(Trouble::Disturbed);
        }
        if self.talk.hear(sender, peer, counter, opened.ok().map(|(_, padded)| padded), out) {
            self.show_people(out);
        }
        Ok(())
    }

    pub(super) fn left(
        &mut self,
        id: MemberId,
        departure: Departure,
        counter: Counter,
        out: &mut VecDeque<Output>,
    ) -> Result<(), Trouble> {
        if !self.has(id) || id == self.me.member_id() || !self.gone.insert(id) {
            return Err(Trouble::Disturbed);
        }
        self.talk.left(id, out);
        if let Some(peer) = self.peers.get_mut(id) {
            peer.leaving = Some(departure);
            let missing = peer.heard_of(counter);
            show_missed(id, peer.name.as_str(), missing, out);
        }
        self.show_people(out);
        Ok(())
    }

    pub(super) fn follow(
        &mut self,
        epoch: Epoch,
        received: &Received<'_>,
        env: &mut impl Env,
        out: &mut VecDeque<Output>,
    ) -> Result<(), Trouble> {
        let group = self.group.as_mut().filter(|group| group.epoch() == epoch).ok_or(Trouble::Disturbed)?;
        if received.author == self.me.member_id() {
            return Err(Trouble::Disturbed);
        }
        let before = group.roster().clone();
        match group.follow(&self.me, received, &self.gone) {
            Ok(()) => self.advanced(&before, out),
            Err(why) => self.stuck(epoch, why, env, out),
        }
    }

    pub(super) fn confirm(
        &mut self,
        epoch: Epoch,
        env: &mut impl Env,
        out: &mut VecDeque<Output>,
    ) -> Result<(), Trouble> {
        let group = self.group.as_mut().filter(|group| group.epoch() == epoch).ok_or(Trouble::Disturbed)?;
        let before = group.roster().clone();
        // The server says that it ordered what it was never sent.
        if !group.has_commit() {
            return Err(Trouble::Disturbed);
        }
        if let Err(why) = group.confirm(&self.me) {
            return self.stuck(epoch, why, env, out);
        }
        self.refresh.committed(env);
        self.advanced(&before, out)
    }

    /// A commit was merged.
    pub(super) fn advanced(&mut self, before: &Roster, out: &mut VecDeque<Output>) -> Result<(), Trouble> {
        let Some(group) = &self.group else { return Err(Trouble::Fault) };
        let roster = group.roster();
        self.latest = Some(group.epoch());
        self.gone.retain(|id| roster.get(*id).is_some());
        for id in before.ids().filter(|id| roster.get(*id).is_none()) {
            self.peers.depart(id, out);
        }
        for mate in roster.iter().filter(|mate| before.get(mate.member_id).is_none()) {
            if self.peers.admit(mate) {
                self.peers.show_entered(mate.member_id, out);
            }
        }
        self.talk.epoch_changed();
        if self.is_complete() {
            self.gathering = None;
            self.awaiting = None;
        }
        out.push_back(Output::Show(View::Keys { epoch: group.epoch(), anew: false }));
        self.show_people(out);
        self.caught_up(out)
    }
}
