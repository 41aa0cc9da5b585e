//! Coming and going: places at the door, connections, and their end.

use std::time::{Duration, Instant};

use subtle::ConstantTimeEq;
use wire::{CloseCode, Departure, MemberId, Refusal, Seq, ServerFrame, Standing as Answer, Welcome, limits};

use super::{Claim, ConnectionId, Effect, Ending, Member, Newcomer, Presence, Room, Standing, Waiting};
use crate::Budget;

/// Who was given a place and has not come by then will have missed the answer: from the same address the name is free.
/// An attempt to connect has 10 s, and one that is on its way is not to be overtaken.
const MISSED_AFTER: Duration = Duration::from_secs(15);

impl Room {
    /// Gives a place to a newcomer who has shown the verifier. The others hear of it when it is let into the group.
    ///
    /// # Errors
    /// [`Refusal::UserNameTaken`], [`Refusal::RoomFull`].
    pub fn admit(&mut self, newcomer: Newcomer, now: Instant, effects: &mut Vec<Effect>) -> Result<MemberId, Refusal> {
        let skeleton = newcomer.user.skeleton();
        // A name may look like several that do not look like each other.
        let namesakes = self.members.iter().filter(|(_, member)| member.skeleton.same(&skeleton));
        let missed = |member: &Member| {
            let is_late = member.expected.is_some_and(|since| since + MISSED_AFTER <= now);
            is_late && member.address == newcomer.address
        };
        let missed = namesakes.map(|(id, member)| missed(member).then_some(*id)).collect::<Option<Vec<_>>>();
        let missed = missed.ok_or(Refusal::UserNameTaken)?;
        if self.members.len() - missed.len() >= self.bounds.members {
            return Err(Refusal::RoomFull);
        }
        let id = MemberId(self.last_member.0.checked_add(1).ok_or(Refusal::RoomFull)?);
        // Nobody else has heard of them.
        self.members.retain(|id, _| !missed.contains(id));
        self.last_member = id;
        let until = now + self.bounds.grace;
        self.members.insert(id, Member::new(newcomer, skeleton, until, now));
        self.wake_at(until, effects);
        Ok(id)
    }

    /// Checks who says to be a member: token first, then address.
    ///
    /// # Errors
    /// [`CloseCode::UnknownToken`] where there is no such member, [`CloseCode::TokenRefused`] where the
    /// token is not its, [`CloseCode::AddressChanged`] where the address is not and no right verifier came along.
    pub fn check(&mut self, claim: &Claim) -> Result<(), CloseCode> {
        let rebinds = claim.hash.as_ref().is_some_and(|hash| self.opens_to(hash));
        let member = self.known(claim)?;
        if member.address != claim.address {
            if !rebinds {
                return Err(CloseCode::AddressChanged);
            }
            member.address = claim.address;
        }
        Ok(())
    }

    /// Who has shown this token.
    fn known(&mut self, claim: &Claim) -> Result<&mut Member, CloseCode> {
        let member = self.members.get_mut(&claim.member_id).ok_or(CloseCode::UnknownToken)?;
        if bool::from(member.token.ct_eq(&claim.token)) { Ok(member) } else { Err(CloseCode::TokenRefused) }
    }

    /// Whether this is still the connection of that member.
    ///
    /// # Errors
    /// [`CloseCode::UnknownToken`] when the member is gone, [`CloseCode::Replaced`] when a newer one took over.
    pub fn holds(&self, id: MemberId, connection: ConnectionId) -> Result<(), CloseCode> {
        match self.members.get(&id).map(|member| member.presence) {
            None => Err(CloseCode::UnknownToken),
            Some(presence) if presence == Presence::Connected(connection) => Ok(()),
            Some(_) => Err(CloseCode::Replaced),
        }
    }

    /// A member's connection is up, and an older one is over. It is welcomed, with what happened after the event
    /// `seq`, if it was in the group and all of that is still here; else it has to knock, or to found the group.
    ///
    /// # Errors
    /// Those of [`Room::check`]; [`CloseCode::Replaced`] where this or a later one of the member's attempts came before:
    /// it was on its way on a connection that is given up, or somebody says it again; [`CloseCode::TooOften`] where there
    /// were too many.
    pub fn connect(
        &mut self,
        claim: &Claim,
        attempt: u32,
        seq: Seq,
        connection: ConnectionId,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CloseCode> {
        // First, so that it does not bind the token to an address that the member has left.
        if attempt <= self.known(claim)?.attempt {
            return Err(CloseCode::Replaced);
        }
        self.check(claim)?;
        // Each is told to the others, and may bring all that is kept.
        if !self.known(claim)?.greets(now) {
            return Err(CloseCode::TooOften);
        }
        let id = claim.member_id;
        self.relieve(id);
        let Some(member) = self.members.get_mut(&id) else { return Err(CloseCode::UnknownToken) };
        member.attempt = attempt;
        member.expected = None;
        let was_away = matches!(member.presence, Presence::Away(_));
        member.presence = Presence::Connected(connection);
        member.commits = 0;
        member.asked = None;
        if was_away && member.leaf {
            self.order_presence(id, true, effects);
        }
        let missed = match self.members.get(&id) {
            Some(member) if member.is_in() && seq >= member.since => self.history.after(id, seq, self.seq),
            _ => None,
        };
        let mut answer = Answer::Outside;
        if let Some(member) = self.members.get_mut(&id) {
            match &mut member.standing {
                _ if missed.is_none() => member.standing = Standing::Outside(Waiting::default()),
                Standing::LetIn { until, .. } => *until = now + limits::ANSWER_WITHIN,
                _ => {}
            }
        }
        if missed.is_some() {
            answer = Answer::Inside;
            effects.push(Effect::Follow(id));
        } else if !self.members.values().any(Member::is_in) {
            answer = Answer::Founder;
            self.begin(id, effects);
        }
        let counter = self.members.get(&id).map_or_else(Default::default, |member| member.counter);
        let welcome = Welcome { seq: self.seq, epoch: self.group.epoch, standing: answer, counter };
        effects.push(Effect::Send(id, ServerFrame::Welcome(welcome).to_bytes().into()));
        effects.extend(missed.into_iter().flatten().map(|frame| Effect::Send(id, frame)));
        if let Some(next) = self.next_due() {
            self.wake_at(next, effects);
        }
        self.tend(now, effects);
        Ok(())
    }

    /// A connection is lost; whether it was still that of the member. The member keeps its place for the time of
    /// grace, from now, or from when it was to be heard of again, whichever was first: one whose line is dead has it as
    /// long as one who hangs up. One whose page goes keeps it for [`limits::GOING`].
    pub fn disconnect(
        &mut self,
        id: MemberId,
        connection: ConnectionId,
        ending: Ending,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> bool {
        if self.holds(id, connection).is_err() {
            return false;
        }
        let until = match ending {
            Ending::Lost(last_heard) => now.min(last_heard + limits::PING_EVERY) + self.bounds.grace,
            Ending::Going => now + self.bounds.grace.min(limits::GOING),
        };
        let Some(member) = self.members.get_mut(&id) else { return false };
        member.presence = Presence::Away(until);
        // What lets it in could not reach it, and it will have thrown away what opens that.
        if let Standing::Outside(waiting) = &mut member.standing {
            waiting.knock = None;
        }
        let leaf = member.leaf;
        self.relieve(id);
        if leaf {
            self.order_presence(id, false, effects);
        }
        self.wake_at(until, effects);
        self.tend(now, effects);
        true
    }

    /// A member leaves, at once.
    pub fn leave(&mut self, id: MemberId, now: Instant, effects: &mut Vec<Effect>) {
        self.remove(id, Departure::Left, CloseCode::Left, effects);
        self.tend(now, effects);
    }

    /// Ends a member's place. If the group has a leaf of it, it hears of that, and has to remove it.
    pub(super) fn remove(
        &mut self,
        member_id: MemberId,
        departure: Departure,
        code: CloseCode,
        effects: &mut Vec<Effect>,
    ) {
        let Some(Member { leaf, counter, .. }) = self.members.remove(&member_id) else { return };
        self.relieve(member_id);
        if leaf {
            self.group.gone.insert(member_id);
            let frame = |seq| ServerFrame::Left { seq, member_id, departure, counter };
            self.order(member_id, Budget::Talk, frame, None, effects);
        }
        effects.push(Effect::Close(member_id, code));
    }
}
