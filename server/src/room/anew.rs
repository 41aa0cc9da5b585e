//! Where the group cannot go on: who is stuck, who is to blame, and how it begins anew.

use std::{mem, time::Instant};

use wire::{CloseCode, Departure, Epoch, MemberId, ServerFrame, limits};

use super::{
    Effect, Group, Room,
    member::{Member, Standing, Waiting},
};

impl Room {
    /// A member cannot follow the group: it is outside again, and will knock.
    pub(super) fn stuck(&mut self, id: MemberId, epoch: Epoch, now: Instant, effects: &mut Vec<Effect>) {
        // One that crossed an anew is about a group that is no more.
        if epoch.generation != self.group.epoch.generation {
            return;
        }
        let Some(member) = self.members.get_mut(&id).filter(|member| member.is_in()) else { return };
        let was = mem::replace(&mut member.standing, Standing::Outside(Waiting::default()));
        effects.push(Effect::Unfollow(id));
        self.relieve(id);
        let last = self.group.last.as_ref().filter(|last| last.ended == epoch);
        let blamed = match was {
            Standing::LetIn { by, epoch: into, .. } if into == epoch => Some((by, into)),
            _ => last.map(|last| (last.author, self.group.epoch)),
        };
        // Who came and never said a word may have come to say this.
        if last.is_some_and(|last| last.author != id) && matches!(was, Standing::Inside) {
            self.group.stuck.insert(id);
        }
        self.strike(id, effects);
        // One who is removed for being stuck too often takes nobody along.
        if let Some((author, epoch)) = blamed.filter(|(author, _)| *author != id && self.members.contains_key(&id)) {
            let member = self.members.get_mut(&author);
            if member.is_some_and(|member| member.blamed.replace(epoch) != Some(epoch)) {
                self.strike(author, effects);
            }
            self.give_up_on(author, effects);
        }
        self.tend(now, effects);
    }

    fn strike(&mut self, id: MemberId, effects: &mut Vec<Effect>) {
        let Some(member) = self.members.get_mut(&id) else { return };
        member.strikes += 1;
        if member.strikes >= limits::STRIKES {
            self.remove(id, Departure::Lost, CloseCode::PutOut, effects);
        }
    }

    /// If everyone who is there is stuck at this author's commit, they go on without it.
    fn give_up_on(&mut self, author: MemberId, effects: &mut Vec<Effect>) {
        if self.group.last.as_ref().is_none_or(|last| last.author != author) {
            return;
        }
        let here = |(id, member): (&MemberId, &Member)| member.is_connected() && member.is_in() && *id != author;
        if self.members.iter().any(here) {
            return;
        }
        let is_there = |id: &&MemberId| self.members.get(id).is_some_and(Member::is_connected);
        let Some(founder) = self.group.stuck.iter().find(is_there).copied() else { return };
        self.remove(author, Departure::Lost, CloseCode::PutOut, effects);
        self.begin(founder, effects);
        self.tell_founder(founder, effects);
    }

    /// Tells those that nobody answers; one of them that was in the group founds the next, if nothing was done for
    /// anyone in all that time.
    pub(super) fn answer_for_them(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let mut founder = None;
        for (id, member) in &mut self.members {
            let ignored = self.group.ignored(member, now);
            let Standing::Outside(Waiting { knock: Some(_), since: Some(since), told }) = &mut member.standing else {
                continue;
            };
            if !*told && *since + limits::ANSWER_WITHIN <= now {
                *told = true;
                effects.push(Effect::Send(*id, ServerFrame::Unanswered.to_bytes().into()));
            }
            if ignored {
                founder = founder.or(Some(*id));
            }
        }
        if let Some(founder) = founder {
            self.begin(founder, effects);
            self.tell_founder(founder, effects);
        }
    }

    /// A group of the next generation, with its founder in it and all others outside. They are told; the founder is
    /// to be told by the caller.
    pub(super) fn begin(&mut self, founder: MemberId, effects: &mut Vec<Effect>) {
        let epoch = if self.founded { self.group.epoch.anew() } else { Epoch::default() };
        self.founded = true;
        self.group = Group { epoch, ..Group::default() };
        self.history.clear();
        // The beginning has a number, so that none from before it is taken for one of after it.
        self.seq = self.seq.next();
        for (id, member) in &mut self.members {
            let founds = *id == founder;
            member.standing = if founds { Standing::Inside } else { Standing::Outside(Waiting::default()) };
            member.leaf = founds;
            member.since = self.seq;
            member.asked = None;
            member.lapses = 0;
            member.refreshed = None;
            if member.is_connected() && !founds {
                let frame = ServerFrame::Anew { seq: self.seq, generation: epoch.generation, founder: false };
                effects.push(Effect::Unfollow(*id));
                effects.push(Effect::Send(*id, frame.to_bytes().into()));
            }
        }
        effects.push(Effect::Follow(founder));
    }

    /// The other half of [`Room::begin`], for one who is connected already.
    pub(super) fn tell_founder(&mut self, founder: MemberId, effects: &mut Vec<Effect>) {
        let generation = self.group.epoch.generation;
        let frame = ServerFrame::Anew { seq: self.seq, generation, founder: true };
        effects.push(Effect::Send(founder, frame.to_bytes().into()));
    }
}

impl Group {
    /// When one who knocks and was in the group founds another, because nobody answers.
    pub(super) fn gives_up_at(&self, member: &Member) -> Option<Instant> {
        match &member.standing {
            Standing::Outside(Waiting { knock: Some(_), since: Some(since), .. }) if member.leaf => {
                let since = self.worked.map_or(*since, |worked| worked.max(*since));
                Some(since + limits::ANSWER_WITHIN)
            }
            _ => None,
        }
    }

    fn ignored(&self, member: &Member, now: Instant) -> bool {
        self.gives_up_at(member).is_some_and(|at| at <= now)
    }
}
