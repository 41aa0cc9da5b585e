//! One room as a deterministic state machine: ordered inputs in, effects out. It knows no socket, no clock and no task.
//!
//! ```text
//! room.apply(at, input, &mut effects);
//! for effect in effects.drain(..) { … }
//! ```
//!
//! Two rooms that are given the same inputs in the same order reach the same state and produce the same effects. That
//! also holds for a room that starts from a snapshot: [`Room`] implements `serde`'s traits. A process that goes on with a
//! snapshot whose connections are gone applies [`Input::Disconnect`] for each of [`Room::connections`], and then
//! [`Input::Tick`]: the room asks for its next tick again.
//!
//! A newcomer is *admitted* at the door and then *connects*; both need the room's password. To be in the room's MLS
//! *group* is another matter: the members in the group decide it (`duty`), one commit at a time (`commit`). The room
//! orders events and broadcasts them to the members in the group (`order`). If the group cannot go on, it is founded
//! anew (`recovery`).

mod address;
mod commit;
mod duty;
mod effect;
mod hash;
mod history;
mod input;
mod member;
mod order;
mod place;
mod recovery;
mod time;
mod token_bucket;

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
};

use serde::{Deserialize, Serialize};
use wire::{ClientFrame, CloseCode, Departure, Epoch, MemberId, RoomId, RoomName, Seq, ServerFrame, limits};

pub use address::Address;
pub use effect::{Budget, Effect, Outcome};
pub use hash::{SecondHash, TokenHash};
pub use history::PAGED_BYTES;
pub use input::{Bounds, Claim, ConnectionId, Create, Ending, Input, Newcomer, RequestId};
pub use time::{MAX_STEP, Millis};
pub use token_bucket::TokenBucket;

use commit::{Commit, LastCommit};
use duty::Duty;
use history::History;
use member::{Candidate, GroupState, Member, Presence};
use time::Clock;

/// A room, from its creation until the last member is gone.
#[derive(PartialEq, Serialize, Deserialize)]
pub struct Room {
    id: RoomId,
    name: RoomName,
    hash: SecondHash,
    members: BTreeMap<MemberId, Member>,
    /// The id of the newest member, 0 before the first.
    last_member: u32,
    /// The number of the last event.
    seq: Seq,
    history: History,
    group: Group,
    /// Whether any group was founded.
    founded: bool,
    /// How often a member was given the duty.
    turns: u64,
    /// How many knocks came.
    knocks: u64,
    clock: Clock,
    /// The earliest time asked for by [`Effect::Wake`], on the room's clock.
    wake: Option<Millis>,
    bounds: Bounds,
    /// The effects of the input that is being applied; empty between inputs.
    #[serde(skip)]
    out: Vec<Effect>,
}

/// The state of one generation's group.
#[derive(Default, PartialEq, Serialize, Deserialize)]
struct Group {
    epoch: Epoch,
    /// Members that are gone and still have a leaf in the tree. Leaves of present and of gone members together are
    /// never more than a room has members: every commit that adds a leaf removes all of these.
    gone: BTreeSet<MemberId>,
    duty: Option<Duty>,
    last_commit: Option<LastCommit>,
    /// Members that were in the group and are stuck at the last commit.
    stuck: BTreeSet<MemberId>,
    /// When a commit last admitted or removed a member.
    worked: Option<Millis>,
}

impl Room {
    /// Creates a room with its first member, and returns the member's id with the room. Only this input makes a room,
    /// so it is not an [`Input`]: no room exists half made.
    #[must_use]
    pub fn create(at: Millis, create: Create, out: &mut Vec<Effect>) -> (Self, MemberId) {
        let Create { id, name, hash, bounds, creator } = create;
        let mut room = Self {
            id,
            name,
            hash,
            members: BTreeMap::new(),
            last_member: 0,
            seq: Seq(0),
            history: History::new(bounds.replay),
            group: Group::default(),
            founded: false,
            turns: 0,
            knocks: 0,
            clock: Clock::new(at),
            wake: None,
            bounds,
            out: mem::take(out),
        };
        let member = room.add_member(creator, 1);
        *out = mem::take(&mut room.out);
        (room, member)
    }

    /// Applies one input, and adds what follows to `out`. Time never goes back, and one input advances it by at most
    /// [`MAX_STEP`].
    pub fn apply(&mut self, at: Millis, input: Input<'_>, out: &mut Vec<Effect>) {
        self.clock.advance(at);
        // Not empty after a panic in the last input: its effects are not lost.
        out.append(&mut self.out);
        mem::swap(&mut self.out, out);
        match input {
            Input::Admit { request, newcomer, hash } => {
                let admitted = self.admit(newcomer, &hash);
                self.out.push(Effect::Answer(request, Outcome::Admitted(admitted)));
            }
            Input::Connect { claim, attempt, seq, connection } => {
                if let Err(code) = self.connect(&claim, attempt, seq, connection) {
                    self.out.push(Effect::Refuse(connection, code));
                }
            }
            Input::Frame { member, connection, frame } => {
                if let Err(code) = self.frame(member, connection, frame) {
                    self.out.push(Effect::Refuse(connection, code));
                }
            }
            Input::Disconnect { member, connection, ending } => self.disconnect(member, connection, ending),
            Input::Leave { request, claim } => {
                let left = self.check(&claim);
                if left.is_ok() {
                    self.leave(claim.member_id);
                }
                self.out.push(Effect::Answer(request, Outcome::Left(left)));
            }
            Input::Tick => self.tick(),
            Input::Trim { bytes } => self.history.trim(bytes),
        }
        mem::swap(&mut self.out, out);
    }

    /// Returns the room's id.
    #[must_use]
    pub fn id(&self) -> RoomId {
        self.id
    }

    /// Returns the room's name.
    #[must_use]
    pub fn name(&self) -> &RoomName {
        &self.name
    }

    /// True when the last member is gone. The room is over then, and admits nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Returns the members that are connected, each with its connection.
    pub fn connections(&self) -> impl Iterator<Item = (MemberId, ConnectionId)> {
        self.members.iter().filter_map(|(id, member)| match member.presence {
            Presence::Connected(connection) => Some((*id, connection)),
            Presence::Away(_) => None,
        })
    }

    /// Returns the bytes in the replay buffer.
    #[must_use]
    pub fn replay_bytes(&self) -> usize {
        self.history.bytes()
    }

    /// Takes a frame from a member's connection.
    ///
    /// Errors: [`CloseCode::UnknownToken`] when the member is gone, [`CloseCode::Replaced`] when a newer connection took
    /// over, [`CloseCode::CounterSkipped`] when a message's counter is not the next one, [`CloseCode::TooBig`] for a
    /// message of more than [`limits::MESSAGE_BYTES`], [`CloseCode::Malformed`] for a second hello.
    fn frame(&mut self, id: MemberId, connection: ConnectionId, frame: &ClientFrame<'_>) -> Result<(), CloseCode> {
        self.holds(id, connection)?;
        match frame {
            ClientFrame::Message { epoch, counter, sealed } => self.message(id, *epoch, *counter, sealed)?,
            ClientFrame::Knock { generation, sealed } => self.knock(id, *generation, sealed),
            ClientFrame::Commit { epoch, admitted, removed, commit, welcome } => {
                self.commit(id, &Commit { epoch: *epoch, admitted, removed, commit, welcome });
            }
            ClientFrame::Decline { epoch, members } => self.decline(id, *epoch, members),
            ClientFrame::Stuck { epoch } => self.stuck(id, *epoch),
            ClientFrame::Hello(_) => return Err(CloseCode::Malformed),
            ClientFrame::Ping => self.send(id, &ServerFrame::Pong),
            ClientFrame::Leave => self.leave(id),
        }
        Ok(())
    }

    /// Expires timeouts.
    fn tick(&mut self) {
        for id in self.overdue() {
            self.remove(id, Departure::Lost, CloseCode::UnknownToken);
        }
        self.end_turn();
        self.answer_ignored_knocks();
        self.tend();
        self.wake = None;
        self.wake_for_next_deadline();
    }

    /// Returns the members that lose their place: those away for longer than the grace period, and those admitted to the
    /// group that do not show that they are in it.
    fn overdue(&mut self) -> Vec<MemberId> {
        let now = self.clock.now;
        let mut overdue = Vec::new();
        for (id, member) in &mut self.members {
            match (&member.presence, &mut member.state) {
                (Presence::Away(until), _) if *until <= now => overdue.push(*id),
                (Presence::Connected(_), GroupState::LetIn { until, .. }) if *until <= now => {
                    // Nobody may send while a member that is gone still has a leaf. Only a commit changes that, so the
                    // member has to have let the duty lapse, too.
                    if self.group.gone.is_empty() || member.lapses > 0 {
                        overdue.push(*id);
                    } else {
                        *until = now + limits::ANSWER_TIMEOUT;
                    }
                }
                _ => {}
            }
        }
        overdue
    }

    /// Returns the next time at which something happens by itself.
    fn next_deadline(&self) -> Option<Millis> {
        let of_member = |member: &Member| match (&member.presence, &member.state) {
            (Presence::Away(until), _) | (_, GroupState::LetIn { until, .. }) => Some(*until),
            (_, GroupState::Outside(Candidate { knock: Some(_), since: Some(since), told: false })) => {
                Some(*since + limits::ANSWER_TIMEOUT)
            }
            _ => self.group.gives_up_at(member),
        };
        let duty = self.group.duty.as_ref().map(|duty| duty.until);
        self.members.values().filter_map(of_member).chain(duty).min()
    }

    fn wake_for_next_deadline(&mut self) {
        if let Some(deadline) = self.next_deadline() {
            self.wake_at(deadline);
        }
    }

    /// Asks for a tick at this time, unless an earlier one was asked for.
    fn wake_at(&mut self, deadline: Millis) {
        // One input advances the clock by at most `MAX_STEP`. A tick may come late, so it is asked for well before that.
        let at = deadline.min(self.clock.now + MAX_STEP / 2);
        if self.wake.is_none_or(|wake| at < wake) {
            self.wake = Some(at);
            self.out.push(Effect::Wake(self.clock.input_time(at)));
        }
    }

    fn send(&mut self, to: MemberId, frame: &ServerFrame<'_>) {
        self.out.push(Effect::Send(to, frame.to_bytes().into()));
    }
}

impl Group {
    fn duty_holder(&self) -> Option<MemberId> {
        self.duty.as_ref().map(|duty| duty.holder)
    }
}

#[cfg(test)]
mod tests;
