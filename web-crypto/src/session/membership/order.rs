//! The room's events, in their one order.

use wire::{Counter, Departure, Epoch, MemberId, Seq};

use super::{Membership, NOT_INSIDE, Trouble, show_missed};
use crate::{
    group::{Received, Roster},
    session::View,
};

const OTHER_EPOCH: Trouble = Trouble::Disturbed("a commit of another epoch");

impl Membership {
    /// Takes the next place in the order. The client does not follow a server that skips a number or repeats one.
    pub(super) fn advance(&mut self, seq: Seq) -> Result<(), Trouble> {
        if self.group.is_none() || seq != self.seq.next() {
            return Err(Trouble::Disturbed("an event out of order"));
        }
        self.seq = seq;
        Ok(())
    }

    pub(super) fn hear(&mut self, sender: MemberId, counter: Counter, sealed: &[u8]) -> Result<(), Trouble> {
        if !self.has(sender) || sender == self.me.member_id() || self.gone.contains(&sender) {
            return Err(NOT_INSIDE);
        }
        let Some(group) = &mut self.group else { return Err(NOT_INSIDE) };
        let peer = self.peers.get_mut(sender).ok_or(NOT_INSIDE)?;
        let padded = match group.open(&self.me, sealed) {
            Ok((from, padded)) if from == sender => Some(padded),
            Ok(_) => return Err(Trouble::Disturbed("a message under another sender's number")),
            Err(why) => {
                self.io.debug("message not opened", &why);
                None
            }
        };
        if self.talk.hear(sender, peer, counter, padded, &mut self.io) {
            self.show_people();
        }
        Ok(())
    }

    pub(super) fn left(&mut self, id: MemberId, departure: Departure, counter: Counter) -> Result<(), Trouble> {
        if !self.has(id) || id == self.me.member_id() || !self.gone.insert(id) {
            return Err(NOT_INSIDE);
        }
        self.talk.left(id, &mut self.io);
        if let Some(peer) = self.peers.get_mut(id) {
            peer.leaving = Some(departure);
            let missing = peer.claimed(counter);
            show_missed(id, peer.name.as_str(), missing, &mut self.io);
        }
        self.show_people();
        Ok(())
    }

    pub(super) fn follow(&mut self, epoch: Epoch, received: &Received<'_>) -> Result<(), Trouble> {
        let group = self.group.as_mut().filter(|group| group.epoch() == epoch).ok_or(OTHER_EPOCH)?;
        if received.author == self.me.member_id() {
            return Err(Trouble::Disturbed("this client's own commit as another member's"));
        }
        let before = group.roster().clone();
        match group.follow(&self.me, received, &self.gone) {
            Ok(()) => self.advanced(&before),
            Err(why) => self.stuck(epoch, why),
        }
    }

    pub(super) fn confirm(&mut self, epoch: Epoch) -> Result<(), Trouble> {
        let group = self.group.as_mut().filter(|group| group.epoch() == epoch).ok_or(OTHER_EPOCH)?;
        let before = group.roster().clone();
        // The server claims to have ordered a commit that this client never sent.
        if !group.has_commit() {
            return Err(Trouble::Disturbed("a commit that was never sent"));
        }
        if let Err(why) = group.confirm(&self.me) {
            return self.stuck(epoch, why);
        }
        self.refresh.committed(&self.io);
        self.advanced(&before)
    }

    /// Called when a commit was merged.
    fn advanced(&mut self, before: &Roster) -> Result<(), Trouble> {
        let Some(group) = &self.group else { return Err(NOT_INSIDE) };
        let roster = group.roster();
        self.latest = Some(group.epoch());
        self.gone.retain(|id| roster.get(*id).is_some());
        for id in before.ids().filter(|id| roster.get(*id).is_none()) {
            self.peers.depart(id, &mut self.io);
        }
        for member in roster.iter().filter(|member| before.get(member.member_id).is_none()) {
            if self.peers.admit(member) {
                self.peers.show_entered(member.member_id, &mut self.io);
            }
        }
        self.talk.epoch_changed();
        self.io.show(View::Keys { epoch: group.epoch(), anew: false });
        if self.is_complete() {
            self.gathering = None;
            self.awaiting = None;
        }
        self.show_people();
        self.caught_up()
    }
}
