//! Members' places: admission at the door, connections, and how both end.

use std::time::Duration;

use subtle::ConstantTimeEq;
use wire::{CloseCode, Departure, MemberId, Refusal, Seq, ServerFrame, Standing, Welcome, limits};

use super::{
    Budget, Candidate, Claim, ConnectionId, Effect, Ending, GroupState, Member, Newcomer, Presence, Room, SecondHash,
};

/// A member that was admitted and has not connected by then has missed the answer: from the same address, its name is
/// free again. An attempt to connect takes at most 10 s, and must not be overtaken.
const MISSED_AFTER: Duration = Duration::from_secs(15);

impl Room {
    /// Gives a place to a newcomer. The other members hear of it when the group lets it in.
    pub(super) fn admit(&mut self, newcomer: Newcomer, hash: &SecondHash) -> Result<MemberId, Refusal> {
        if !self.is_hash(hash) || self.is_empty() {
            return Err(Refusal::WrongCredentials);
        }
        let skeleton = newcomer.user.skeleton();
        // A name may look like several names that do not look like each other.
        let namesakes = self.members.iter().filter(|(_, member)| member.skeleton.same(&skeleton));
        let missed = |member: &Member| {
            let is_late = member.expected.is_some_and(|since| since + MISSED_AFTER <= self.clock.now);
            is_late && member.address == newcomer.address
        };
        let missed = namesakes.map(|(id, member)| missed(member).then_some(*id)).collect::<Option<Vec<_>>>();
        let missed = missed.ok_or(Refusal::UserNameTaken)?;
        if self.members.len() - missed.len() >= self.bounds.members {
            return Err(Refusal::RoomFull);
        }
        let id = self.last_member.checked_add(1).ok_or(Refusal::RoomFull)?;
        // Nobody else has heard of them.
        self.members.retain(|id, _| !missed.contains(id));
        Ok(self.add_member(newcomer, id))
    }

    pub(super) fn add_member(&mut self, newcomer: Newcomer, id: u32) -> MemberId {
        self.last_member = id;
        let now = self.clock.now;
        let until = now + self.bounds.grace;
        self.members.insert(MemberId(id), Member::new(newcomer, until, now));
        self.wake_at(until);
        MemberId(id)
    }

    fn is_hash(&self, hash: &SecondHash) -> bool {
        self.hash.ct_eq(hash).into()
    }

    /// Checks a proof of membership: first the token, then the address.
    ///
    /// Errors: [`CloseCode::UnknownToken`] if there is no such member, [`CloseCode::TokenRefused`] if the token is not
    /// the member's, [`CloseCode::AddressChanged`] if the address is not and the verifier was not shown.
    pub(super) fn check(&mut self, claim: &Claim) -> Result<(), CloseCode> {
        let rebinds = claim.hash.as_ref().is_some_and(|hash| self.is_hash(hash));
        let member = self.by_token(claim)?;
        if member.address != claim.address {
            if !rebinds {
                return Err(CloseCode::AddressChanged);
            }
            member.address = claim.address;
        }
        Ok(())
    }

    fn by_token(&mut self, claim: &Claim) -> Result<&mut Member, CloseCode> {
        let member = self.members.get_mut(&claim.member_id).ok_or(CloseCode::UnknownToken)?;
        if bool::from(member.token.ct_eq(&claim.token)) { Ok(member) } else { Err(CloseCode::TokenRefused) }
    }

    /// Checks that this is still the member's connection.
    ///
    /// Errors: [`CloseCode::UnknownToken`] when the member is gone, [`CloseCode::Replaced`] when a newer connection took
    /// over.
    pub(super) fn holds(&self, id: MemberId, connection: ConnectionId) -> Result<(), CloseCode> {
        match self.members.get(&id).map(|member| member.presence) {
            None => Err(CloseCode::UnknownToken),
            Some(presence) if presence == Presence::Connected(connection) => Ok(()),
            Some(_) => Err(CloseCode::Replaced),
        }
    }

    /// Connects a member, in place of an older connection. A member that was in the group is welcomed back with the
    /// events after `seq`, if the replay buffer has all of them; any other has to knock, or to found the group.
    ///
    /// Errors: those of [`Room::check`]; [`CloseCode::Replaced`] if this or a later attempt of the member came before: the
    /// hello was on its way on a connection that the member gave up, or somebody replays it; [`CloseCode::TooOften`] if
    /// the member's hellos are used up.
    pub(super) fn connect(
        &mut self,
        claim: &Claim,
        attempt: u32,
        seq: Seq,
        connection: ConnectionId,
    ) -> Result<(), CloseCode> {
        let now = self.clock.now;
        // Before the check, which could bind the token to an address that the member has left.
        if attempt <= self.by_token(claim)?.attempt {
            return Err(CloseCode::Replaced);
        }
        self.check(claim)?;
        // The others are told of each hello, and it may be answered with the whole replay buffer.
        if !self.by_token(claim)?.take_hello_token(now) {
            return Err(CloseCode::TooOften);
        }
        let id = claim.member_id;
        self.relieve(id);
        let Some(member) = self.members.get_mut(&id) else { return Err(CloseCode::UnknownToken) };
        self.out.push(Effect::Open(id, connection));
        member.attempt = attempt;
        member.expected = None;
        let was_away = matches!(member.presence, Presence::Away(_));
        member.presence = Presence::Connected(connection);
        member.commits = 0;
        member.asked = None;
        if was_away && member.leaf {
            self.order_presence(id, true);
        }
        let missed = match self.members.get(&id) {
            Some(member) if member.is_in_group() && seq >= member.since => self.history.after(id, seq, self.seq),
            _ => None,
        };
        if let Some(member) = self.members.get_mut(&id) {
            match &mut member.state {
                _ if missed.is_none() => member.state = GroupState::Outside(Candidate::default()),
                GroupState::LetIn { until, .. } => *until = now + limits::ANSWER_TIMEOUT,
                _ => {}
            }
        }
        let mut standing = Standing::Outside;
        if missed.is_some() {
            standing = Standing::Inside;
            self.out.push(Effect::Follow(id));
        } else if !self.members.values().any(Member::is_in_group) {
            standing = Standing::Founder;
            self.found(id);
        }
        let counter = self.members.get(&id).map_or_else(Default::default, |member| member.counter);
        let welcome = Welcome { seq: self.seq, epoch: self.group.epoch, standing, counter };
        self.send(id, &ServerFrame::Welcome(welcome));
        self.out.extend(missed.into_iter().flatten().map(|frame| Effect::Send(id, frame)));
        self.wake_for_next_deadline();
        self.tend();
        Ok(())
    }

    /// Ends a connection, if it is still the member's. The member keeps its place for the grace period. That period
    /// begins now, or [`limits::PING_INTERVAL`] after the member was last heard, whichever is earlier: a dead line keeps a
    /// place for as long as a clean end does. A page that goes keeps its place for [`limits::CLOSING_GRACE`].
    pub(super) fn disconnect(&mut self, id: MemberId, connection: ConnectionId, ending: Ending) {
        if self.holds(id, connection).is_err() {
            return;
        }
        let left = match ending {
            Ending::Lost(silence) => self.bounds.grace.saturating_sub(silence.saturating_sub(limits::PING_INTERVAL)),
            Ending::Going => self.bounds.grace.min(limits::CLOSING_GRACE),
        };
        let until = self.clock.now + left;
        let Some(member) = self.members.get_mut(&id) else { return };
        self.out.push(Effect::Gone(id));
        member.presence = Presence::Away(until);
        // A welcome could not reach it, and it has thrown away the keys that open one.
        if let GroupState::Outside(candidate) = &mut member.state {
            candidate.knock = None;
        }
        let leaf = member.leaf;
        self.relieve(id);
        if leaf {
            self.order_presence(id, false);
        }
        self.wake_at(until);
        self.tend();
    }

    /// A member leaves at once.
    pub(super) fn leave(&mut self, id: MemberId) {
        self.remove(id, Departure::Left, CloseCode::Left);
        self.tend();
    }

    /// Ends a member's place. If it has a leaf in the tree, the group hears of it and has to remove the leaf.
    pub(super) fn remove(&mut self, member_id: MemberId, departure: Departure, code: CloseCode) {
        let Some(Member { leaf, counter, .. }) = self.members.remove(&member_id) else { return };
        self.relieve(member_id);
        if leaf {
            self.group.gone.insert(member_id);
            let frame = |seq| ServerFrame::Left { seq, member_id, departure, counter };
            self.order(member_id, Budget::Talk, frame, None);
        }
        self.out.push(Effect::Close(member_id, code));
        if self.members.is_empty() {
            self.history.clear();
        }
    }
}
