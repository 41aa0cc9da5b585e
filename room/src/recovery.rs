//! Recovery: which members are stuck, which one is to blame, and how the group is founded anew.

use std::mem;

use wire::{CloseCode, Departure, Epoch, MemberId, ServerFrame, limits};

use super::{
    Effect, Group, Millis, Room,
    member::{Candidate, GroupState, Member},
};

impl Room {
    /// A member cannot follow the group. It is outside again, and will knock.
    pub(super) fn stuck(&mut self, id: MemberId, epoch: Epoch) {
        // A report that crossed a recovery is about a group that is over.
        if epoch.generation != self.group.epoch.generation {
            return;
        }
        let Some(member) = self.members.get_mut(&id).filter(|member| member.is_in_group()) else { return };
        let before = mem::replace(&mut member.state, GroupState::Outside(Candidate::default()));
        self.out.push(Effect::Unfollow(id));
        self.relieve(id);
        let last = self.group.last_commit.as_ref().filter(|last| last.ended == epoch);
        let blamed = match before {
            GroupState::LetIn { by, epoch: into, .. } if into == epoch => Some((by, into)),
            _ => last.map(|last| (last.author, self.group.epoch)),
        };
        // A member that never proved membership may have come only to say that it is stuck.
        if last.is_some_and(|last| last.author != id) && matches!(before, GroupState::Inside) {
            self.group.stuck.insert(id);
        }
        self.strike(id);
        // A member that is removed for being stuck too often does not take the author with it.
        if let Some((author, epoch)) = blamed.filter(|(author, _)| *author != id && self.members.contains_key(&id)) {
            let member = self.members.get_mut(&author);
            if member.is_some_and(|member| member.blamed.replace(epoch) != Some(epoch)) {
                self.strike(author);
            }
            self.give_up_on(author);
        }
        self.tend();
    }

    fn strike(&mut self, id: MemberId) {
        let Some(member) = self.members.get_mut(&id) else { return };
        member.strikes += 1;
        if member.strikes >= limits::STRIKES {
            self.remove(id, Departure::Lost, CloseCode::PutOut);
        }
    }

    /// Puts out the author of the last commit if all present members are stuck at it, and founds the group anew without
    /// the author.
    fn give_up_on(&mut self, author: MemberId) {
        if self.group.last_commit.as_ref().is_none_or(|last| last.author != author) {
            return;
        }
        let follows =
            |(id, member): (&MemberId, &Member)| member.is_connected() && member.is_in_group() && *id != author;
        if self.members.iter().any(follows) {
            return;
        }
        let is_connected = |id: &&MemberId| self.members.get(id).is_some_and(Member::is_connected);
        let Some(founder) = self.group.stuck.iter().find(is_connected).copied() else { return };
        self.remove(author, Departure::Lost, CloseCode::PutOut);
        self.found(founder);
        self.tell_founder(founder);
    }

    /// Tells members whose knocks nobody answers. One of them that was in the group founds the next one, if the duty was
    /// not done for anyone in all that time.
    pub(super) fn answer_ignored_knocks(&mut self) {
        let now = self.clock.now;
        let mut founder = None;
        for (id, member) in &mut self.members {
            let is_ignored = self.group.gives_up_at(member).is_some_and(|at| at <= now);
            let GroupState::Outside(Candidate { knock: Some(_), since: Some(since), told }) = &mut member.state else {
                continue;
            };
            if !*told && *since + limits::ANSWER_TIMEOUT <= now {
                *told = true;
                self.out.push(Effect::Send(*id, ServerFrame::Unanswered.to_bytes().into()));
            }
            if is_ignored {
                founder = founder.or(Some(*id));
            }
        }
        if let Some(founder) = founder {
            self.found(founder);
            self.tell_founder(founder);
        }
    }

    /// Founds a group of the next generation, with its founder in it and all others outside. The others are told here;
    /// the caller tells the founder.
    pub(super) fn found(&mut self, founder: MemberId) {
        let epoch = if self.founded { self.group.epoch.next_generation() } else { Epoch::default() };
        self.founded = true;
        self.group = Group { epoch, ..Group::default() };
        self.history.clear();
        // The founding has a number, so that no event from before it is taken for one after it.
        self.seq = self.seq.next();
        for (id, member) in &mut self.members {
            let founds = *id == founder;
            member.state = if founds { GroupState::Inside } else { GroupState::Outside(Candidate::default()) };
            member.leaf = founds;
            member.since = self.seq;
            member.asked = None;
            member.lapses = 0;
            member.refreshed = None;
            if member.is_connected() && !founds {
                let frame = ServerFrame::Anew { seq: self.seq, generation: epoch.generation, founder: false };
                self.out.push(Effect::Unfollow(*id));
                self.out.push(Effect::Send(*id, frame.to_bytes().into()));
            }
        }
        self.out.push(Effect::Follow(founder));
    }

    /// Tells the founder, if it is connected already.
    pub(super) fn tell_founder(&mut self, founder: MemberId) {
        let generation = self.group.epoch.generation;
        self.send(founder, &ServerFrame::Anew { seq: self.seq, generation, founder: true });
    }
}

impl Group {
    /// Returns when a member that knocks, and was in the group, founds the next one because nobody answers.
    pub(super) fn gives_up_at(&self, member: &Member) -> Option<Millis> {
        match &member.state {
            GroupState::Outside(Candidate { knock: Some(_), since: Some(since), .. }) if member.leaf => {
                let since = self.worked.map_or(*since, |worked| worked.max(*since));
                Some(since + limits::ANSWER_TIMEOUT)
            }
            _ => None,
        }
    }
}
