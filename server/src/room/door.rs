//! The group's door: who knocks, and whose turn it is to answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use bytes::Bytes;
use wire::{CloseCode, Departure, Epoch, MemberId, ServerFrame, limits};

use super::{
    Effect, Room,
    member::{Asked, Knock, Member, Standing},
};

/// Whose turn it is, and until when.
pub(super) struct Duty {
    pub holder: MemberId,
    pub until: Instant,
    /// How often it was asked in this turn.
    tries: u32,
}

impl Room {
    /// Keeps a member's knock in place of its last one.
    pub(super) fn knock(
        &mut self,
        id: MemberId,
        generation: u32,
        sealed: &[u8],
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let Some(Standing::Outside(waiting)) = self.members.get_mut(&id).map(|member| &mut member.standing) else {
            return;
        };
        // One that crossed an anew opens for nobody, and is not to be held against its sender.
        if generation != self.group.epoch.generation {
            return;
        }
        self.knocks += 1;
        let sealed = Bytes::copy_from_slice(sealed);
        waiting.knock = Some(Knock { number: self.knocks, sealed, passed: BTreeSet::new() });
        let since = *waiting.since.get_or_insert(now);
        self.wake_at(since + limits::ANSWER_WITHIN, effects);
        self.tend(now, effects);
    }

    /// A member will not let these in.
    pub(super) fn pass(
        &mut self,
        id: MemberId,
        epoch: Epoch,
        passed: &[MemberId],
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let Some(member) = self.members.get_mut(&id).filter(|member| member.is_in()) else { return };
        if epoch != self.group.epoch {
            return;
        }
        let Some(asked) = member.asked.as_mut().filter(|asked| asked.epoch == epoch) else { return };
        let passed = passed.iter().filter_map(|who| asked.named.remove_entry(who)).collect::<Vec<_>>();
        member.lapses = 0;
        for (who, number) in passed {
            if let Some(Standing::Outside(waiting)) = self.members.get_mut(&who).map(|member| &mut member.standing)
                && let Some(knock) = waiting.knock.as_mut().filter(|knock| knock.number == number)
            {
                knock.passed.insert(id);
            }
        }
        if self.group.holder() == Some(id) && !self.owes(id) {
            self.group.duty = None;
        }
        self.tend(now, effects);
    }

    /// Sees that the group has someone in it, and that someone answers at its door: after every change to who is
    /// there, who knocks and who is gone.
    pub(super) fn tend(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        self.send_off(effects);
        if !self.members.values().any(Member::is_in) {
            let first = self.members.iter().find(|(_, member)| member.is_connected()).map(|(id, _)| *id);
            let Some(founder) = first else { return };
            self.begin(founder, effects);
            self.tell_founder(founder, effects);
        }
        if self.group.duty.is_none() {
            self.next_turn(now, effects);
        }
    }

    /// Those whose knocks everyone in the group has passed over will not come in.
    fn send_off(&mut self, effects: &mut Vec<Effect>) {
        let inside = self.members.iter().filter(|(_, member)| member.is_connected() && member.is_inside());
        let inside = inside.map(|(id, _)| *id).collect::<Vec<_>>();
        if inside.is_empty() {
            return;
        }
        let by_all =
            |knock: &Knock| knock.passed.len() >= inside.len() && inside.iter().all(|id| knock.passed.contains(id));
        let off = self.members.iter().filter(|(_, member)| member.knock().is_some_and(by_all));
        for id in off.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.remove(id, Departure::Lost, CloseCode::NotLetIn, effects);
        }
    }

    /// Whether there is something that this member can do at the door.
    fn has_work(&self, id: MemberId) -> bool {
        !self.group.gone.is_empty()
            || self.members.values().filter_map(Member::knock).any(|knock| !knock.passed.contains(&id))
    }

    /// Whether something is left of what this member was asked to do.
    fn owes(&self, id: MemberId) -> bool {
        let named = self.members.get(&id).and_then(|member| member.asked.as_ref()).map(|asked| &asked.named);
        let waits = |(who, number): (&MemberId, &u64)| {
            let knock = self.members.get(who).and_then(Member::knock);
            knock.is_some_and(|knock| knock.number == *number)
        };
        !self.group.gone.is_empty() || named.is_some_and(|named| named.iter().any(waits))
    }

    /// Gives the duty to the one who had it longest ago, those last who let it lapse.
    fn next_turn(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if self.group.gone.is_empty() && !self.members.values().any(|member| member.knock().is_some()) {
            return;
        }
        let able =
            self.members.iter().filter(|(id, member)| member.is_connected() && member.is_in() && self.has_work(**id));
        let order = |(_, member): &(&MemberId, &Member)| (member.lapses, !member.is_inside(), member.turn);
        let Some(holder) = able.min_by_key(order).map(|(id, _)| *id) else { return };
        self.turns += 1;
        if let Some(member) = self.members.get_mut(&holder) {
            member.turn = self.turns;
        }
        let until = now + limits::DUTY_WITHIN;
        self.group.duty = Some(Duty { holder, until, tries: 0 });
        self.wake_at(until, effects);
        self.ask_again(effects);
    }

    /// Tells the holder of the duty what is to be done now, which is not what it was told before.
    pub(super) fn ask_again(&mut self, effects: &mut Vec<Effect>) {
        let Some(holder) = self.group.holder() else { return };
        if !self.has_work(holder) {
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
        // Answers name members. Where one has knocked again, that to its last knock is waited for: it could be taken for
        // one to the next.
        let is_clear = |id: &MemberId, knock: &Knock| named.get(id).is_none_or(|number| *number == knock.number);
        let is_asked = |(id, knock): &(MemberId, &Knock)| !knock.passed.contains(&holder) && is_clear(id, knock);
        let mut knocks = knocks.filter(is_asked).collect::<Vec<_>>();
        knocks.sort_unstable_by_key(|(_, knock)| knock.number);
        knocks.truncate(limits::KNOCKS_AT_ONCE);
        if knocks.is_empty() && self.group.gone.is_empty() {
            return;
        }
        named.extend(knocks.iter().map(|(id, knock)| (*id, knock.number)));
        let knocks = knocks.iter().map(|(id, knock)| (*id, knock.sealed.as_ref())).collect();
        let frame = ServerFrame::Duty { epoch, commits, knocks }.to_bytes();
        effects.push(Effect::Send(holder, frame.into()));
        if let Some(member) = self.members.get_mut(&holder) {
            member.asked = Some(Asked { epoch, commits, named });
        }
    }

    /// Whoever holds the duty holds it no longer, if it is this member: it is another one's turn.
    pub(super) fn relieve(&mut self, id: MemberId) {
        if self.group.holder() == Some(id) {
            self.group.duty = None;
        }
    }

    /// Ends a turn that is over.
    pub(super) fn end_turn(&mut self, now: Instant) {
        let Some(duty) = self.group.duty.take_if(|duty| duty.until <= now) else { return };
        let lapsed = self.owes(duty.holder);
        if let Some(member) = self.members.get_mut(&duty.holder).filter(|_| lapsed) {
            member.lapses = member.lapses.saturating_add(1);
        }
    }
}
