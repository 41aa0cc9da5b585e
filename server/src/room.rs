//! One room's logic, without IO: who is in, in which order things happen, what is to be done.
//!
//! Inputs are calls that carry the time; what follows from them is added to a list of [`Effect`]s.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use bytes::Bytes;
use subtle::ConstantTimeEq;
use wire::{
    CloseCode, Counter, Departure, MemberId, Person, Refusal, RoomId, RoomName, Seq, ServerFrame, Skeleton, UserName,
    Welcome,
};

use crate::{Address, SecondHash, TokenHash};

/// A room, from its creation until the last member is gone.
pub struct Room {
    id: RoomId,
    name: RoomName,
    hash: SecondHash,
    members: BTreeMap<MemberId, Member>,
    last_member: MemberId,
    seq: Seq,
    bounds: Bounds,
}

/// What a room holds to.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Members at one time.
    pub members: usize,
    /// How long a member without a connection keeps its place.
    pub grace: Duration,
}

struct Member {
    name: UserName,
    skeleton: Skeleton,
    token: TokenHash,
    address: Address,
    /// Of its last message.
    counter: Counter,
    presence: Presence,
    /// Whether the others have been told of it.
    entered: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Connected(ConnectionId),
    /// Gone at this time.
    Away(Instant),
}

/// One connection of one member, so that the end of an old one is not taken for the end of a newer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionId(pub u64);

/// Who asks to come in.
pub struct Newcomer {
    /// By which name.
    pub user: UserName,
    /// The hash of the token that the newcomer is given.
    pub token: TokenHash,
    /// Where it comes from.
    pub address: Address,
}

/// Who says to be a member.
pub struct Claim {
    /// Which.
    pub member_id: MemberId,
    /// The hash of the token shown.
    pub token: TokenHash,
    /// Where the claim comes from.
    pub address: Address,
    /// The second hash of the verifier shown, if one was: binds the token to `address` anew.
    pub hash: Option<SecondHash>,
}

/// What is to be done.
#[derive(Debug)]
pub enum Effect {
    /// Write this frame to that member's connection.
    Send(MemberId, Bytes),
    /// Write this frame to every connection but that member's.
    SendOthers(MemberId, Bytes),
    /// End that member's connection.
    Close(MemberId, CloseCode),
    /// Call [`Room::expire`] at that time.
    Expire(Instant),
}

impl Room {
    /// An empty room, which nobody but its creator knows of yet.
    #[must_use]
    pub fn new(id: RoomId, name: RoomName, hash: SecondHash, bounds: Bounds) -> Self {
        Self { id, name, hash, members: BTreeMap::new(), last_member: MemberId(0), seq: Seq(0), bounds }
    }

    /// The room's id.
    #[must_use]
    pub fn id(&self) -> RoomId {
        self.id
    }

    /// The room's name.
    #[must_use]
    pub fn name(&self) -> &RoomName {
        &self.name
    }

    /// Whether the last member is gone, and with it the room.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether this is the hash of the verifier, in constant time.
    #[must_use]
    pub fn opens_to(&self, hash: &SecondHash) -> bool {
        self.hash.ct_eq(hash).into()
    }

    /// Lets a newcomer in who has shown the verifier. The others hear of it when its connection is up.
    ///
    /// # Errors
    /// [`Refusal::UserNameTaken`], [`Refusal::RoomFull`].
    pub fn admit(&mut self, newcomer: Newcomer, now: Instant, effects: &mut Vec<Effect>) -> Result<MemberId, Refusal> {
        let skeleton = newcomer.user.skeleton();
        if self.members.values().any(|member| member.skeleton.same(&skeleton)) {
            return Err(Refusal::UserNameTaken);
        }
        if self.members.len() >= self.bounds.members {
            return Err(Refusal::RoomFull);
        }
        let id = MemberId(self.last_member.0.checked_add(1).ok_or(Refusal::RoomFull)?);
        self.last_member = id;
        let until = now + self.bounds.grace;
        let member = Member {
            name: newcomer.user,
            skeleton,
            token: newcomer.token,
            address: newcomer.address,
            counter: Counter(0),
            presence: Presence::Away(until),
            entered: false,
        };
        self.members.insert(id, member);
        effects.push(Effect::Expire(until));
        Ok(id)
    }

    /// Checks who says to be a member: token first, then address.
    ///
    /// # Errors
    /// [`CloseCode::UnknownToken`] where there is no such member, [`CloseCode::TokenRefused`] where the
    /// token is not its, [`CloseCode::AddressChanged`] where the address is not and no right verifier came along.
    pub fn check(&mut self, claim: &Claim) -> Result<(), CloseCode> {
        let rebinds = claim.hash.as_ref().is_some_and(|hash| self.opens_to(hash));
        let member = self.members.get_mut(&claim.member_id).ok_or(CloseCode::UnknownToken)?;
        if !bool::from(member.token.ct_eq(&claim.token)) {
            return Err(CloseCode::TokenRefused);
        }
        if member.address != claim.address {
            if !rebinds {
                return Err(CloseCode::AddressChanged);
            }
            member.address = claim.address;
        }
        Ok(())
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

    /// A member's connection is up: it is welcomed, and the others hear of it. An older one is closed.
    ///
    /// # Errors
    /// Those of [`Room::check`].
    pub fn connect(
        &mut self,
        claim: &Claim,
        connection: ConnectionId,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CloseCode> {
        self.check(claim)?;
        let id = claim.member_id;
        let seq = self.seq.next();
        let Some(member) = self.members.get_mut(&id) else { return Err(CloseCode::UnknownToken) };
        let was = std::mem::replace(&mut member.presence, Presence::Connected(connection));
        if !member.entered {
            member.entered = true;
            self.seq = seq;
            let frame = ServerFrame::Entered { seq, member_id: id, name: member.name.clone() };
            effects.push(Effect::SendOthers(id, frame.to_bytes().into()));
        } else if matches!(was, Presence::Away(_)) {
            self.seq = seq;
            effects.push(presence(seq, id, true));
        }
        let people = self.members.iter().filter(|(_, member)| member.entered).map(|(id, member)| Person {
            member_id: *id,
            name: member.name.clone(),
            counter: member.counter,
            connected: matches!(member.presence, Presence::Connected(_)),
        });
        let welcome = ServerFrame::Welcome(Welcome { seq: self.seq, people: people.collect() });
        effects.push(Effect::Send(id, welcome.to_bytes().into()));
        Ok(())
    }

    /// Gives a member's message its place in the order.
    ///
    /// # Errors
    /// [`CloseCode::UnknownToken`] when the member is gone, [`CloseCode::CounterSkipped`] when a counter is missing
    /// before this one. One that came before is passed over: it has its place.
    pub fn append(
        &mut self,
        id: MemberId,
        counter: Counter,
        sealed: &[u8],
        effects: &mut Vec<Effect>,
    ) -> Result<(), CloseCode> {
        let member = self.members.get_mut(&id).ok_or(CloseCode::UnknownToken)?;
        if counter <= member.counter {
            return Ok(());
        }
        if counter != member.counter.next() {
            return Err(CloseCode::CounterSkipped);
        }
        member.counter = counter;
        self.seq = self.seq.next();
        let message = ServerFrame::Message { seq: self.seq, sender: id, counter, sealed };
        effects.push(Effect::SendOthers(id, message.to_bytes().into()));
        let accepted = ServerFrame::Accepted { seq: self.seq, counter };
        effects.push(Effect::Send(id, accepted.to_bytes().into()));
        Ok(())
    }

    /// A connection is lost. The member keeps its place for the time of grace, from the last byte heard.
    pub fn disconnect(
        &mut self,
        id: MemberId,
        connection: ConnectionId,
        last_heard: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let Some(member) = self.members.get_mut(&id) else { return };
        if member.presence != Presence::Connected(connection) {
            return;
        }
        let until = last_heard + self.bounds.grace;
        member.presence = Presence::Away(until);
        self.seq = self.seq.next();
        effects.push(presence(self.seq, id, false));
        effects.push(Effect::Expire(until));
    }

    /// A member leaves, at once.
    pub fn leave(&mut self, id: MemberId, effects: &mut Vec<Effect>) {
        self.remove(id, Departure::Left, effects);
    }

    /// Removes the members whose time of grace is over.
    pub fn expire(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let over = |(id, member): (&MemberId, &Member)| match member.presence {
            Presence::Away(until) if until <= now => Some(*id),
            _ => None,
        };
        for id in self.members.iter().filter_map(over).collect::<Vec<_>>() {
            self.remove(id, Departure::Lost, effects);
        }
    }

    fn remove(&mut self, id: MemberId, departure: Departure, effects: &mut Vec<Effect>) {
        let Some(member) = self.members.remove(&id) else { return };
        if member.entered {
            self.seq = self.seq.next();
            let left = ServerFrame::Left { seq: self.seq, member_id: id, departure, counter: member.counter };
            effects.push(Effect::SendOthers(id, left.to_bytes().into()));
        }
        let code = if departure == Departure::Left { CloseCode::Left } else { CloseCode::UnknownToken };
        effects.push(Effect::Close(id, code));
    }
}

fn presence(seq: Seq, id: MemberId, connected: bool) -> Effect {
    Effect::SendOthers(id, ServerFrame::Presence { seq, member_id: id, connected }.to_bytes().into())
}

#[cfg(test)]
mod tests;
