//! One room's logic, without IO: who is in, in which order things happen, what is to be done.
//!
//! Inputs are calls that carry the time; what follows from them is added to a list of [`Effect`]s, to be carried out
//! in that order. A member is admitted at the door and then connected; to be in the room's *group* is another matter,
//! which those in it decide (`door`), one commit after the other (`commit`).

mod anew;
mod coming;
mod commit;
mod door;
mod history;
mod member;
mod order;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use bytes::Bytes;
use subtle::ConstantTimeEq;
use wire::{ClientFrame, CloseCode, Departure, Epoch, MemberId, RoomId, RoomName, Seq, ServerFrame, UserName, limits};

use crate::{Address, Budget, SecondHash, TokenHash};
use commit::{Commit, Last};
use door::Duty;
use history::History;
use member::{Member, Presence, Standing, Waiting};

/// A room, from its creation until the last member is gone.
pub struct Room {
    id: RoomId,
    name: RoomName,
    hash: SecondHash,
    members: BTreeMap<MemberId, Member>,
    last_member: MemberId,
    /// Of the last event.
    seq: Seq,
    history: History,
    group: Group,
    /// Whether any group was begun.
    founded: bool,
    /// How often someone was given the duty, and how many knocks came.
    turns: u64,
    knocks: u64,
    /// The earliest time that was asked for by [`Effect::Expire`].
    wake: Option<Instant>,
    bounds: Bounds,
}

/// What there is of a group of one generation, and goes with it.
#[derive(Default)]
struct Group {
    epoch: Epoch,
    /// Who is gone and still has a leaf. With the leaves of those who are there, never more than a room has members:
    /// every commit that adds a leaf removes all of these.
    gone: BTreeSet<MemberId>,
    duty: Option<Duty>,
    last: Option<Last>,
    /// Who was in, and is stuck at the last commit.
    stuck: BTreeSet<MemberId>,
    /// When someone was last let in, or removed.
    worked: Option<Instant>,
}

/// What a room holds to.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Members at one time, [`limits::MEMBERS`] at most.
    pub members: usize,
    /// How long a member without a connection keeps its place.
    pub grace: Duration,
    /// Bytes of events that are kept for those whose connection was lost.
    pub replay: usize,
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
#[derive(Clone)]
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

/// How a connection ended.
#[derive(Clone, Copy, Debug)]
pub enum Ending {
    /// It was lost; the last was heard at this time.
    Lost(Instant),
    /// Its page goes, or was put to sleep.
    Going,
}

/// What is to be done.
#[derive(Debug)]
pub enum Effect {
    /// Write this frame to that member's connection.
    Send(MemberId, Bytes),
    /// Write this frame to every connection that follows, but that member's.
    Relay {
        /// Who does not receive it.
        but: MemberId,
        /// What the others receive.
        frame: Bytes,
        /// What those receive in its place for whom much waits already, if the frame may be dropped.
        instead: Option<Bytes>,
        /// What it counts against where it waits.
        budget: Budget,
    },
    /// From here on, that member's connection follows. A new connection does not.
    Follow(MemberId),
    /// From here on, it does not.
    Unfollow(MemberId),
    /// End that member's connection.
    Close(MemberId, CloseCode),
    /// Call [`Room::expire`] at that time.
    Expire(Instant),
}

impl Room {
    /// An empty room, which nobody but its creator knows of yet.
    #[must_use]
    pub fn new(id: RoomId, name: RoomName, hash: SecondHash, bounds: Bounds) -> Self {
        Self {
            id,
            name,
            hash,
            members: BTreeMap::new(),
            last_member: MemberId(0),
            seq: Seq(0),
            history: History::new(bounds.replay),
            group: Group::default(),
            founded: false,
            turns: 0,
            knocks: 0,
            wake: None,
            bounds,
        }
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

    /// Bytes of events that are kept for those who come back.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.history.bytes()
    }

    /// Keeps so many bytes of them at most for now, the newest.
    pub fn forget(&mut self, beyond: usize) {
        self.history.forget(beyond);
    }

    /// Whether this is the hash of the verifier, in constant time.
    #[must_use]
    pub fn opens_to(&self, hash: &SecondHash) -> bool {
        self.hash.ct_eq(hash).into()
    }

    /// Takes a frame from a member's connection. Hello and leave are the connection's own business.
    ///
    /// # Errors
    /// Why the connection is to be closed: [`CloseCode::UnknownToken`] when the member is gone,
    /// [`CloseCode::CounterSkipped`] when a counter is missing before that of a message, [`CloseCode::TooBig`] for a
    /// message of more than [`limits::MESSAGE_BYTES`], [`CloseCode::Malformed`] for a second hello.
    pub fn take(
        &mut self,
        id: MemberId,
        frame: &ClientFrame<'_>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), CloseCode> {
        let member = self.members.get(&id).ok_or(CloseCode::UnknownToken)?;
        if !member.is_connected() {
            return Ok(());
        }
        match frame {
            ClientFrame::Message { epoch, counter, sealed } => self.message(id, *epoch, *counter, sealed, effects)?,
            ClientFrame::Knock { generation, sealed } => self.knock(id, *generation, sealed, now, effects),
            ClientFrame::Commit { epoch, admitted, removed, commit, welcome } => {
                self.commit(id, &Commit { epoch: *epoch, admitted, removed, commit, welcome }, now, effects);
            }
            ClientFrame::Pass { epoch, members } => self.pass(id, *epoch, members, now, effects),
            ClientFrame::Stuck { epoch } => self.stuck(id, *epoch, now, effects),
            ClientFrame::Hello(_) => return Err(CloseCode::Malformed),
            ClientFrame::Ping => effects.push(Effect::Send(id, ServerFrame::Pong.to_bytes().into())),
            ClientFrame::Leave => {}
        }
        Ok(())
    }

    /// Does what only time brings about.
    pub fn expire(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        for id in self.overdue(now) {
            self.remove(id, Departure::Lost, CloseCode::UnknownToken, effects);
        }
        self.end_turn(now);
        self.answer_for_them(now, effects);
        self.tend(now, effects);
        self.wake = None;
        if let Some(next) = self.next_due() {
            self.wake_at(next, effects);
        }
    }

    /// Whose place is lost: who was away too long, and who was let in and does not say that it is.
    fn overdue(&mut self, now: Instant) -> Vec<MemberId> {
        let mut overdue = Vec::new();
        for (id, member) in &mut self.members {
            match (&member.presence, &mut member.standing) {
                (Presence::Away(until), _) if *until <= now => overdue.push(*id),
                (Presence::Connected(_), Standing::LetIn { until, .. }) if *until <= now => {
                    // Nobody may send while someone who is gone is in the group, but can do something about that.
                    if self.group.gone.is_empty() || member.lapses > 0 {
                        overdue.push(*id);
                    } else {
                        *until = now + limits::ANSWER_WITHIN;
                    }
                }
                _ => {}
            }
        }
        overdue
    }

    /// When time brings something about again.
    fn next_due(&self) -> Option<Instant> {
        let of_member = |member: &Member| match (&member.presence, &member.standing) {
            (Presence::Away(until), _) | (_, Standing::LetIn { until, .. }) => Some(*until),
            (_, Standing::Outside(Waiting { knock: Some(_), since: Some(since), told: false })) => {
                Some(*since + limits::ANSWER_WITHIN)
            }
            _ => self.group.gives_up_at(member),
        };
        let duty = self.group.duty.as_ref().map(|duty| duty.until);
        self.members.values().filter_map(of_member).chain(duty).min()
    }

    /// Asks to be called at that time, unless it was asked before for an earlier one.
    fn wake_at(&mut self, at: Instant, effects: &mut Vec<Effect>) {
        if self.wake.is_none_or(|wake| at < wake) {
            self.wake = Some(at);
            effects.push(Effect::Expire(at));
        }
    }
}

impl Group {
    fn holder(&self) -> Option<MemberId> {
        self.duty.as_ref().map(|duty| duty.holder)
    }
}

#[cfg(test)]
mod tests;
