//! Tests of a room: scenes with a simulated clock, and random inputs.

mod duty;
mod order;
mod place;
mod random;
mod recovery;

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    net::Ipv4Addr,
    time::Duration,
};

use bytes::Bytes;
use wire::{Counter, Departure, Refusal, ServerFrame, Token, UserName};

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const GRACE: Duration = Duration::from_secs(60);

fn address(last: u8) -> Address {
    std::net::IpAddr::from(Ipv4Addr::new(192, 0, 2, last)).into()
}

fn token(byte: u8) -> TokenHash {
    TokenHash::from(&Token::from([byte; 32]))
}

fn ids(numbers: &[u32]) -> Vec<MemberId> {
    numbers.iter().copied().map(MemberId).collect()
}

fn epoch(generation: u32, number: u64) -> Epoch {
    Epoch { generation, number }
}

const HASH: [u8; 32] = [9; 32];

fn hash(byte: u8) -> SecondHash {
    SecondHash::from([byte; 32])
}

/// A member's connection, as a store keeps it.
struct Connection {
    id: ConnectionId,
    follows: bool,
    frames: Vec<Bytes>,
}

/// A room, and the frames that its members received.
struct Scene {
    room: Room,
    /// A second room with the same inputs. It must stay equal to the first.
    replica: Option<Room>,
    now: Millis,
    wakes: BTreeSet<Millis>,
    connected: BTreeMap<u32, Connection>,
    closed: BTreeMap<u32, CloseCode>,
    last_connection: u64,
    outcome: Option<Outcome>,
    refused: Option<CloseCode>,
}

/// Returns a room that starts from a snapshot of this one.
fn replica(room: &Room) -> Room {
    postcard::from_bytes(&postcard::to_allocvec(room).unwrap()).unwrap()
}

fn newcomer(user: UserName, byte: u8) -> Newcomer {
    Newcomer { user, token: token(byte), address: address(byte) }
}

impl Scene {
    /// Returns a room without members.
    fn new() -> Self {
        Self::with(9, 100_000)
    }

    fn with(members: usize, replay: usize) -> Self {
        let now = Millis(1_000_000);
        let create = Create {
            id: RoomId([1; 16]),
            name: "Book club".parse().unwrap(),
            hash: SecondHash::from(HASH),
            bounds: Bounds { members, grace: GRACE, replay },
            creator: newcomer("Nobody".parse().unwrap(), 0),
        };
        let (mut room, _) = Room::create(now, create, &mut Vec::new());
        room.members.clear();
        (room.last_member, room.wake) = (0, None);
        Self {
            room,
            replica: None,
            now,
            wakes: BTreeSet::new(),
            connected: BTreeMap::new(),
            closed: BTreeMap::new(),
            last_connection: 0,
            outcome: None,
            refused: None,
        }
    }

    /// Returns a room with this many members, all inside the group and with no unread frames. If there are several, one
    /// commit of the first admitted the others.
    fn together(count: u32) -> Self {
        let mut scene = Self::new();
        for id in 1..=count {
            scene.enter(id);
        }
        let others = (2..=count).collect::<Vec<_>>();
        if !others.is_empty() {
            scene.knock(&others);
            // A member that reconnects gets the duty for all knocks at once.
            scene.connect(1, 1).unwrap();
            scene.commit(1, 0, &others, &[]);
        }
        for id in others {
            scene.say(id, 1);
        }
        scene.connected.values_mut().for_each(|connection| connection.frames.clear());
        scene
    }

    fn admit(&mut self, user: &str, byte: u8) -> Result<MemberId, Refusal> {
        let newcomer = newcomer(user.parse().unwrap(), byte);
        if self.room.last_member == 0 {
            return Ok(self.create(newcomer));
        }
        self.apply(Input::Admit { request: RequestId(7), newcomer, hash: SecondHash::from(HASH) });
        match self.outcome.take() {
            Some(Outcome::Admitted(admitted)) => admitted,
            other => panic!("{other:?}"),
        }
    }

    /// Creates the room with this member.
    fn create(&mut self, creator: Newcomer) -> MemberId {
        let Room { id, name, hash, bounds, .. } = &self.room;
        let create = Create { id: *id, name: name.clone(), hash: hash.clone(), bounds: *bounds, creator };
        let mut effects = Vec::new();
        let (room, member) = Room::create(self.now, create, &mut effects);
        self.replica = None;
        self.room = room;
        self.carry_out(effects);
        member
    }

    /// Admits the next member and connects it.
    fn enter(&mut self, id: u32) {
        let byte = u8::try_from(id).unwrap();
        assert_eq!(self.admit(&format!("Member {id}"), byte), Ok(MemberId(id)));
        self.connect(id, 0).unwrap();
    }

    fn claim(id: u32) -> Claim {
        let byte = u8::try_from(id).unwrap();
        Claim { member_id: MemberId(id), token: token(byte), address: address(byte), hash: None }
    }

    /// Connects a member with its next attempt number.
    fn connect(&mut self, id: u32, seq: u64) -> Result<(), CloseCode> {
        self.attempt(&Self::claim(id), u32::try_from(self.last_connection + 1).unwrap(), seq)
    }

    fn attempt(&mut self, claim: &Claim, attempt: u32, seq: u64) -> Result<(), CloseCode> {
        self.last_connection += 1;
        let connection = ConnectionId(self.last_connection);
        self.apply(Input::Connect { claim: claim.clone(), attempt, seq: Seq(seq), connection });
        self.refused.take().map_or(Ok(()), Err)
    }

    fn lose(&mut self, id: u32) {
        self.lose_after(id, Duration::ZERO);
    }

    /// Loses a connection that was silent for this long.
    fn lose_after(&mut self, id: u32, silence: Duration) {
        self.end(id, Ending::Lost(silence));
    }

    fn end(&mut self, id: u32, ending: Ending) {
        let connection = self.connected[&id].id;
        self.apply(Input::Disconnect { member: MemberId(id), connection, ending });
        assert!(!self.connected.contains_key(&id));
    }

    fn leave(&mut self, id: u32) {
        self.apply(Input::Leave { request: RequestId(8), claim: Self::claim(id) });
        assert_eq!(self.outcome.take(), Some(Outcome::Left(Ok(()))));
    }

    /// Hands over a frame from the member's connection, or from an unknown one if the member is not connected.
    fn take(&mut self, id: u32, frame: &ClientFrame<'_>) -> Result<(), CloseCode> {
        let connection = self.connected.get(&id).map_or(ConnectionId(0), |connection| connection.id);
        self.apply(Input::Frame { member: MemberId(id), connection, frame });
        self.refused.take().map_or(Ok(()), Err)
    }

    /// Sends a message in the current epoch.
    fn say(&mut self, id: u32, counter: u64) {
        let message = ClientFrame::Message { epoch: self.room.group.epoch, counter: Counter(counter), sealed: b"x" };
        self.take(id, &message).unwrap();
    }

    /// Sends these members' knocks, in this order, in the current generation.
    fn knock(&mut self, members: &[u32]) {
        let generation = self.room.group.epoch.generation;
        members.iter().for_each(|id| self.take(*id, &ClientFrame::Knock { generation, sealed: b"knock" }).unwrap());
    }

    /// Sends a commit that ends this epoch of the current generation.
    fn commit(&mut self, id: u32, number: u64, admitted: &[u32], removed: &[u32]) {
        let welcome: &[u8] = if admitted.is_empty() { b"" } else { b"welcome" };
        let epoch = Epoch { number, ..self.room.group.epoch };
        let (admitted, removed) = (ids(admitted), ids(removed));
        self.take(id, &ClientFrame::Commit { epoch, admitted, removed, commit: b"commit", welcome }).unwrap();
    }

    fn decline(&mut self, id: u32, members: &[u32]) {
        self.take(id, &ClientFrame::Decline { epoch: self.room.group.epoch, members: ids(members) }).unwrap();
    }

    /// Reports a member as stuck in this epoch of the current generation.
    fn stuck(&mut self, id: u32, number: u64) {
        let epoch = Epoch { number, ..self.room.group.epoch };
        self.take(id, &ClientFrame::Stuck { epoch }).unwrap();
    }

    /// Advances the time. The room gets a tick whenever it asked for one, and at least once per [`MAX_STEP`], as with
    /// the pings of connected members.
    fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let next = self.wakes.first().copied().unwrap_or(until).min(self.now + MAX_STEP);
            if next > until || (next == until && self.wakes.first() != Some(&until)) {
                break;
            }
            self.now = self.now.max(next);
            self.tick();
            assert!(self.wakes.first().is_none_or(|at| *at > self.now), "the room handled everything that was due");
        }
        self.now = until;
    }

    fn tick(&mut self) {
        self.wakes = self.wakes.split_off(&(self.now + Duration::from_millis(1)));
        self.apply(Input::Tick);
    }

    fn apply(&mut self, input: Input<'_>) {
        let mut effects = Vec::new();
        if let Some(replica) = &mut self.replica {
            let mut its_effects = Vec::new();
            replica.apply(self.now, input.clone(), &mut its_effects);
            self.room.apply(self.now, input, &mut effects);
            assert!(its_effects == effects && *replica == self.room, "replicas agree");
        } else {
            self.room.apply(self.now, input, &mut effects);
        }
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Answer(_, outcome) => self.outcome = Some(outcome),
                Effect::Refuse(_, code) => self.refused = Some(code),
                Effect::Open(member, id) => {
                    self.connected.insert(member.0, Connection { id, follows: false, frames: Vec::new() });
                }
                Effect::Gone(member) => drop(self.connected.remove(&member.0)),
                Effect::Send(to, frame) => self.connection(to).frames.push(frame),
                Effect::Broadcast { except, frame, .. } => {
                    let receives = |(to, connection): &(&u32, &mut Connection)| connection.follows && **to != except.0;
                    for (_, connection) in self.connected.iter_mut().filter(receives) {
                        connection.frames.push(frame.clone());
                    }
                }
                Effect::Follow(member) => self.connection(member).follows = true,
                Effect::Unfollow(member) => self.connection(member).follows = false,
                Effect::Close(member, code) => {
                    self.connected.remove(&member.0);
                    self.closed.insert(member.0, code);
                }
                Effect::Wake(at) => drop(self.wakes.insert(at)),
            }
        }
    }

    fn connection(&mut self, member: MemberId) -> &mut Connection {
        self.connected.get_mut(&member.0).expect("nothing is sent to a member without a connection")
    }

    /// Returns the frames that this member received since the last call, in words.
    fn told(&mut self, id: u32) -> Vec<String> {
        let frames =
            self.connected.get_mut(&id).map(|connection| mem::take(&mut connection.frames)).unwrap_or_default();
        frames.iter().map(|frame| words(&ServerFrame::parse(frame).unwrap())).collect()
    }
}

fn words(frame: &ServerFrame<'_>) -> String {
    let list = |ids: &[MemberId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let at = |epoch: &Epoch| format!("{}.{}", epoch.generation, epoch.number);
    match frame {
        ServerFrame::Welcome(welcome) => {
            format!(
                "welcome {:?} {} counter {} seq {}",
                welcome.standing,
                at(&welcome.epoch),
                welcome.counter,
                welcome.seq
            )
        }
        ServerFrame::Message { seq, sender, counter, .. } => format!("{seq}: {sender} says {counter}"),
        ServerFrame::Accepted { seq, counter } => format!("{seq}: accepted {counter}"),
        ServerFrame::Committed { seq, epoch } => format!("{seq}: committed {}", at(epoch)),
        ServerFrame::Left { seq, member_id, departure, counter } => {
            format!(
                "{seq}: {member_id} {} after {counter}",
                if *departure == Departure::Left { "left" } else { "lost" }
            )
        }
        ServerFrame::Presence { seq, member_id, connected } => {
            format!("{seq}: {member_id} {}", if *connected { "up" } else { "down" })
        }
        ServerFrame::Pong => "pong".to_owned(),
        ServerFrame::Commit { seq, author, epoch, admitted, removed, .. } => {
            format!("{seq}: {author} ends {} +{} -{}", at(epoch), list(admitted), list(removed))
        }
        ServerFrame::Duty { epoch, commits, knocks } => {
            let knocks = knocks.iter().map(|(id, _)| *id).collect::<Vec<_>>();
            format!("duty {} after {commits}: {}", at(epoch), list(&knocks))
        }
        ServerFrame::LetIn { seq, epoch, people, .. } => {
            let person = |person: &wire::Person| {
                format!("{}{}{}", person.member_id, if person.connected { "+" } else { "-" }, person.counter)
            };
            format!("{seq}: let into {} with {}", at(epoch), people.iter().map(person).collect::<Vec<_>>().join(","))
        }
        ServerFrame::Anew { seq, generation, founder } => {
            format!("{seq}: anew {generation}{}", if *founder { " as founder" } else { "" })
        }
        ServerFrame::Unanswered => "unanswered".to_owned(),
    }
}
