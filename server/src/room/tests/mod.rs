//! Scenes with a clock, and at the end a room that is treated at random.

mod anew;
mod coming;
mod door;
mod order;
mod random;

use std::{collections::BTreeMap, mem, net::Ipv4Addr};

use wire::{Counter, Departure, Refusal, ServerFrame, Token};

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

/// A connection, as a log keeps it.
#[derive(Default)]
struct Line {
    follows: bool,
    frames: Vec<Bytes>,
}

/// A room, and what its members have received.
struct Scene {
    room: Room,
    now: Instant,
    lines: BTreeMap<u32, Line>,
    closed: BTreeMap<u32, CloseCode>,
    connections: u64,
}

impl Scene {
    /// An empty room.
    fn new() -> Self {
        Self::with(9, 100_000)
    }

    fn with(members: usize, replay: usize) -> Self {
        let bounds = Bounds { members, grace: GRACE, replay };
        Self {
            room: Room::new(RoomId([1; 16]), "Book club".parse().unwrap(), SecondHash::of(9), bounds),
            now: Instant::now(),
            lines: BTreeMap::new(),
            closed: BTreeMap::new(),
            connections: 0,
        }
    }

    /// So many members, all of them in the group and heard of, with nothing left to read. Where they are several, by
    /// one commit of the first.
    fn together(count: u32) -> Self {
        let mut scene = Self::new();
        for id in 1..=count {
            scene.enter(id);
        }
        let others = (2..=count).collect::<Vec<_>>();
        if !others.is_empty() {
            scene.knock(&others);
            // One who comes back is asked about all of them at once.
            scene.connect(1, 1).unwrap();
            scene.commit(1, 0, &others, &[]);
        }
        for id in others {
            scene.say(id, 1);
        }
        scene.lines.values_mut().for_each(|line| line.frames.clear());
        scene
    }

    fn admit(&mut self, user: &str, byte: u8) -> Result<MemberId, Refusal> {
        let newcomer = Newcomer { user: user.parse().unwrap(), token: token(byte), address: address(byte) };
        self.run(|room, now, effects| room.admit(newcomer, now, effects))
    }

    /// The next member is admitted and says hello.
    fn enter(&mut self, id: u32) {
        let byte = u8::try_from(id).unwrap();
        assert_eq!(self.admit(&format!("Member {id}"), byte), Ok(MemberId(id)));
        self.connect(id, 0).unwrap();
    }

    fn claim(id: u32) -> Claim {
        let byte = u8::try_from(id).unwrap();
        Claim { member_id: MemberId(id), token: token(byte), address: address(byte), hash: None }
    }

    /// The member's next attempt.
    fn connect(&mut self, id: u32, seq: u64) -> Result<(), CloseCode> {
        self.attempt(&Self::claim(id), u32::try_from(self.connections + 1).unwrap(), seq)
    }

    fn attempt(&mut self, claim: &Claim, attempt: u32, seq: u64) -> Result<(), CloseCode> {
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        let mut effects = Vec::new();
        self.room.connect(claim, attempt, Seq(seq), connection, self.now, &mut effects)?;
        self.lines.insert(claim.member_id.0, Line::default());
        self.carry_out(effects);
        Ok(())
    }

    fn lose(&mut self, id: u32) {
        self.lose_after(id, Duration::ZERO);
    }

    /// A connection is found lost, of which nothing was heard for so long.
    fn lose_after(&mut self, id: u32, silence: Duration) {
        self.end(id, Ending::Lost(self.now - silence));
    }

    /// A connection ends.
    fn end(&mut self, id: u32, ending: Ending) {
        let Some(Presence::Connected(connection)) = self.room.members.get(&MemberId(id)).map(|m| m.presence) else {
            panic!("{id} is not connected")
        };
        assert!(self.run(|room, now, effects| room.disconnect(MemberId(id), connection, ending, now, effects)));
        self.lines.remove(&id);
    }

    fn leave(&mut self, id: u32) {
        self.run(|room, now, effects| room.leave(MemberId(id), now, effects));
    }

    fn take(&mut self, id: u32, frame: &ClientFrame<'_>) -> Result<(), CloseCode> {
        self.run(|room, now, effects| room.take(MemberId(id), frame, now, effects))
    }

    /// A message in the current epoch.
    fn say(&mut self, id: u32, counter: u64) {
        let message = ClientFrame::Message { epoch: self.room.group.epoch, counter: Counter(counter), sealed: b"x" };
        self.take(id, &message).unwrap();
    }

    /// These knock, in this order, in the current generation.
    fn knock(&mut self, who: &[u32]) {
        let generation = self.room.group.epoch.generation;
        who.iter().for_each(|id| self.take(*id, &ClientFrame::Knock { generation, sealed: b"knock" }).unwrap());
    }

    /// A commit that ends this epoch of the current generation.
    fn commit(&mut self, id: u32, number: u64, admitted: &[u32], removed: &[u32]) {
        let welcome: &[u8] = if admitted.is_empty() { b"" } else { b"welcome" };
        let epoch = Epoch { number, ..self.room.group.epoch };
        let (admitted, removed) = (ids(admitted), ids(removed));
        self.take(id, &ClientFrame::Commit { epoch, admitted, removed, commit: b"commit", welcome }).unwrap();
    }

    fn pass(&mut self, id: u32, members: &[u32]) {
        self.take(id, &ClientFrame::Pass { epoch: self.room.group.epoch, members: ids(members) }).unwrap();
    }

    /// Stuck in this epoch of the current generation.
    fn stuck(&mut self, id: u32, number: u64) {
        let epoch = Epoch { number, ..self.room.group.epoch };
        self.take(id, &ClientFrame::Stuck { epoch }).unwrap();
    }

    /// Time goes by; the room is called when it asked to be.
    fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.room.wake.filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.run(Room::expire);
            assert!(self.room.wake.is_none_or(|at| at > self.now), "what was due is done");
        }
        self.now = until;
    }

    fn run<T>(&mut self, change: impl FnOnce(&mut Room, Instant, &mut Vec<Effect>) -> T) -> T {
        let mut effects = Vec::new();
        let outcome = change(&mut self.room, self.now, &mut effects);
        self.carry_out(effects);
        outcome
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send(to, frame) => self.line(to).frames.push(frame),
                Effect::Relay { but, frame, .. } => {
                    for (_, line) in self.lines.iter_mut().filter(|(to, line)| line.follows && **to != but.0) {
                        line.frames.push(frame.clone());
                    }
                }
                Effect::Follow(who) => self.line(who).follows = true,
                Effect::Unfollow(who) => self.line(who).follows = false,
                Effect::Close(who, code) => {
                    self.lines.remove(&who.0);
                    self.closed.insert(who.0, code);
                }
                Effect::Expire(_) => {}
            }
        }
    }

    fn line(&mut self, of: MemberId) -> &mut Line {
        self.lines.get_mut(&of.0).expect("nothing is sent to one who is not connected")
    }

    /// What this member received since it was last asked, in words.
    fn told(&mut self, id: u32) -> Vec<String> {
        let frames = self.lines.get_mut(&id).map(|line| mem::take(&mut line.frames)).unwrap_or_default();
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
