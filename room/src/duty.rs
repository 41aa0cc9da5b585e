//! Knocks, and the duty: whose turn it is to answer them and to remove members that are gone.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wire::{CloseCode, Departure, Epoch, MemberId, ServerFrame, limits};

use super::{
    Millis, Room,
    member::{Asked, GroupState, Knock, Member},
};

/// One member's turn.
#[derive(PartialEq, Serialize, Deserialize)]
pub(super) struct Duty {
    pub holder: MemberId,
    /// When the turn ends.
    pub until: Millis,
    /// How often the holder was asked in this turn.
    tries: u32,
}

impl Room {
    /// Keeps a member's knock, in place of its last one.
    pub(super) fn knock(&mut self, id: MemberId, generation: u32, sealed: &[u8]) {
        let Some(GroupState::Outside(candidate)) = self.members.get_mut(&id).map(|member| &mut member.state) else {
            return;
        };
        // A knock that crossed a recovery opens for nobody, and must not count against its sender.
        if generation != self.group.epoch.generation {
            return;
        }
        self.knocks += 1;
        let sealed = Bytes::copy_from_slice(sealed);
        candidate.knock = Some(Knock { number: self.knocks, sealed, declined: BTreeSet::new() });
        let since = *candidate.since.get_or_insert(self.clock.now);
        self.wake_at(since + limits::ANSWER_TIMEOUT);
        self.tend();
    }

    /// A member declines these knocks: it will not let their senders in.
    pub(super) fn decline(&mut self, id: MemberId, epoch: Epoch, declined: &[MemberId]) {
        let Some(member) = self.members.get_mut(&id).filter(|member| member.is_in_group()) else { return };
        if epoch != self.group.epoch {
            return;
        }
        let Some(asked) = member.asked.as_mut().filter(|asked| asked.epoch == epoch) else { return };
        let declined = declined.iter().filter_map(|sender| asked.named.remove_entry(sender)).collect::<Vec<_>>();
        member.lapses = 0;
        for (sender, number) in declined {
            if let Some(GroupState::Outside(candidate)) = self.members.get_mut(&sender).map(|member| &mut member.state)
                && let Some(knock) = candidate.knock.as_mut().filter(|knock| knock.number == number)
            {
                knock.declined.insert(id);
            }
        }
        if self.group.duty_holder() == Some(id) && !self.owes(id) {
            self.group.duty = None;
        }
        self.tend();
    }

    /// Sees that the group has a member, and that one of its members has the duty if there is any. Called after every
    /// change to who is present, who knocks and who is gone.
    pub(super) fn tend(&mut self) {
        self.send_away();
        if !self.members.values().any(Member::is_in_group) {
            let first = self.members.iter().find(|(_, member)| member.is_connected()).map(|(id, _)| *id);
            let Some(founder) = first else { return };
            self.found(founder);
            self.tell_founder(founder);
        }
        if self.group.duty.is_none() {
            self.next_turn();
        }
    }

    /// Sends members away whose knocks every member in the group has declined.
    fn send_away(&mut self) {
        let inside = self.members.iter().filter(|(_, member)| member.is_connected() && member.is_inside());
        let inside = inside.map(|(id, _)| *id).collect::<Vec<_>>();
        if inside.is_empty() {
            return;
        }
        let by_all =
            |knock: &Knock| knock.declined.len() >= inside.len() && inside.iter().all(|id| knock.declined.contains(id));
        let refused = self.members.iter().filter(|(_, member)| member.knock().is_some_and(by_all));
        for id in refused.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.remove(id, Departure::Lost, CloseCode::NotLetIn);
        }
    }

    /// True when the duty has something to do for this member.
    fn has_duty_for(&self, id: MemberId) -> bool {
        !self.group.gone.is_empty()
            || self.members.values().filter_map(Member::knock).any(|knock| !knock.declined.contains(&id))
    }

    /// True when this member has not yet done all that it was asked for.
    fn owes(&self, id: MemberId) -> bool {
        let named = self.members.get(&id).and_then(|member| member.asked.as_ref()).map(|asked| &asked.named);
        let waits = |(sender, number): (&MemberId, &u64)| {
            let knock = self.members.get(sender).and_then(Member::knock);
            knock.is_some_and(|knock| knock.number == *number)
        };
        !self.group.gone.is_empty() || named.is_some_and(|named| named.iter().any(waits))
    }

    /// Gives the duty to the member that had it longest ago. Members that let it lapse come last.
    fn next_turn(&mut self) {
        if self.group.gone.is_empty() && !self.members.values().any(|member| member.knock().is_some()) {
            return;
        }
        let able = self
            .members
            .iter()
            .filter(|(id, member)| member.is_connected() && member.is_in_group() && self.has_duty_for(**id));
        let order = |(_, member): &(&MemberId, &Member)| (member.lapses, !member.is_inside(), member.turn);
        let Some(holder) = able.min_by_key(order).map(|(id, _)| *id) else { return };
        self.turns += 1;
        if let Some(member) = self.members.get_mut(&holder) {
            member.turn = self.turns;
        }
        let until = self.clock.now + limits::DUTY_TIMEOUT;
        self.group.duty = Some(Duty { holder, until, tries: 0 });
        self.wake_at(until);
        self.ask_for_duty();
    }

    /// Asks the holder of the duty for what there is to do now, without what it was asked for before.
    pub(super) fn ask_for_duty(&mut self) {
        let Some(holder) = self.group.duty_holder() else { return };
        if !self.has_duty_for(holder) {
            self.group.duty = None;
            return;
        }
        let Some(duty) = self.group.duty.as_mut().filter(|duty| duty.tries < limits::DUTY_TRIES) else { return };
        duty.tries += 1;
        let epoch = self.group.epoch;
        let Some(member) = self.members.get(&holder) else { return };
        let commits = member.commits;
        let asked = member.asked.as_ref().filter(|asked| asked.epoch == epoch && asked.commits == commits);
        let mut named = asked.map_or_else(BTreeMap::new, |asked| asked.named.clone());
        let knocks = self.members.iter().filter_map(|(id, member)| Some((*id, member.knock()?)));
        // An answer names members, not knocks. If a member has knocked again, the answer to its last knock is awaited
        // first: it could be taken for an answer to the new one.
        let is_clear = |id: &MemberId, knock: &Knock| named.get(id).is_none_or(|number| *number == knock.number);
        let is_asked = |(id, knock): &(MemberId, &Knock)| !knock.declined.contains(&holder) && is_clear(id, knock);
        let mut knocks = knocks.filter(is_asked).collect::<Vec<_>>();
        knocks.sort_unstable_by_key(|(_, knock)| knock.number);
        knocks.truncate(limits::KNOCKS_PER_COMMIT);
        if knocks.is_empty() && self.group.gone.is_empty() {
            return;
        }
        named.extend(knocks.iter().map(|(id, knock)| (*id, knock.number)));
        let knocks = knocks.iter().map(|(id, knock)| (*id, knock.sealed.as_ref())).collect();
        let frame = ServerFrame::Duty { epoch, commits, knocks }.to_bytes();
        self.out.push(super::Effect::Send(holder, frame.into()));
        if let Some(member) = self.members.get_mut(&holder) {
            member.asked = Some(Asked { epoch, commits, named });
        }
    }

    /// Ends this member's turn, if it has the duty.
    pub(super) fn relieve(&mut self, id: MemberId) {
        if self.group.duty_holder() == Some(id) {
            self.group.duty = None;
        }
    }

    /// Ends a turn whose time is over.
    pub(super) fn end_turn(&mut self) {
        let now = self.clock.now;
        let Some(duty) = self.group.duty.take_if(|duty| duty.until <= now) else { return };
        let lapsed = self.owes(duty.holder);
        if let Some(member) = self.members.get_mut(&duty.holder).filter(|_| lapsed) {
            member.lapses = member.lapses.saturating_add(1);
        }
    }
}
