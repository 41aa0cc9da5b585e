//! The server: the real room, and code that carries out its effects.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

use bytes::Bytes;
use cloakroom::ServerSecret;
use room::{
    Address, Bounds, Claim, ConnectionId, Create, Effect, Input, Millis, Newcomer, Outcome, RequestId, Room,
    SecondHash, TokenHash,
};
use wire::{
    CloseCode, Hello, MemberId, Refusal, RoomId, RoomName, Token, UserName, Verifier,
    door::{self, Admission, CreateRequest, JoinRequest, LeaveRequest, SaltAnswer, SaltRequest},
};

use super::random::Random;

/// An action on one of the server's connections.
#[derive(Debug)]
pub enum Told {
    Frame(usize, MemberId, Bytes),
    Close(usize, CloseCode),
    Wake(u64),
}

struct Line {
    link: usize,
    follows: bool,
}

/// One room, or one half of a fork. Both halves get the same inputs until the fork.
struct Half {
    room: Option<Room>,
    /// A second room that starts from a snapshot at a random point and gets the same inputs.
    replica: Option<Room>,
    /// Inputs until the replica starts.
    snapshot_after: u64,
    /// The size of the replay buffer.
    replay: usize,
    lines: BTreeMap<MemberId, Line>,
    /// The members whose frames it takes and to which it sends.
    hears: fn(MemberId) -> bool,
    tells: fn(MemberId) -> bool,
}

/// A room's answer to one input.
#[derive(Default)]
struct Reply {
    outcome: Option<Outcome>,
    refused: Option<CloseCode>,
}

pub struct Server {
    secret: ServerSecret,
    bounds: Bounds,
    halves: Vec<Half>,
    /// The second hash of the room's verifier.
    hash: SecondHash,
    random: Random,
    connections: u64,
    /// True when it ignores passwords.
    pub lets_anyone_in: bool,
    pub told: Vec<Told>,
}

fn address() -> Address {
    Address::from(IpAddr::from(Ipv4Addr::LOCALHOST))
}

fn refusal(refusal: Refusal) -> (u16, Vec<u8>) {
    (refusal.status(), serde_json::to_vec(&door::RefusalBody::new(refusal, None)).unwrap())
}

impl Server {
    pub fn new(seed: u64, replay: usize, halves: usize) -> Self {
        let mut random = Random::new(seed ^ 0x5e7);
        let mut snapshots = random.clone();
        let mut half = |index| {
            let tells: fn(MemberId) -> bool = if index == 0 { |_| true } else { |_| false };
            let snapshot_after = snapshots.below(200);
            let (room, replica, lines) = Default::default();
            Half { room, replica, snapshot_after, lines, replay, hears: |_| true, tells }
        };
        let halves = (0..halves).map(&mut half).collect();
        random.next();
        Self {
            secret: ServerSecret::with_salt_key(&[9; 32]).unwrap(),
            bounds: Bounds { members: 16, grace: std::time::Duration::from_secs(60), replay },
            halves,
            hash: SecondHash::NONE,
            random,
            connections: 0,
            lets_anyone_in: false,
            told: Vec::new(),
        }
    }

    pub fn has_room(&self) -> bool {
        self.halves[0].room.is_some()
    }

    pub fn room_id(&self) -> Option<RoomId> {
        self.halves[0].room.as_ref().map(Room::id)
    }

    /// Forks the room: from now on, each half serves half of the members.
    pub fn fork(&mut self) {
        if let [one, two] = self.halves.as_mut_slice() {
            (one.hears, one.tells) = (is_even, is_even);
            (two.hears, two.tells) = (is_odd, is_odd);
        }
    }

    /// Answers a request to the door.
    pub fn answer(&mut self, path: &str, body: &[u8], now: u64) -> (u16, Vec<u8>) {
        match path {
            door::SALT => {
                let request: SaltRequest = serde_json::from_slice(body).unwrap();
                let salt = self.secret.salt(&request.room.parse().unwrap());
                (200, serde_json::to_vec(&SaltAnswer { salt, build: String::new() }).unwrap())
            }
            door::CREATE => {
                let request: CreateRequest = serde_json::from_slice(body).unwrap();
                if self.has_room() {
                    return refusal(Refusal::RoomNameTaken);
                }
                self.create(&request, now)
            }
            door::JOIN => {
                let request: JoinRequest = serde_json::from_slice(body).unwrap();
                self.join(&request, now)
            }
            door::LEAVE => {
                let request: LeaveRequest = serde_json::from_slice(body).unwrap();
                if self.room_id() == Some(request.room_id) {
                    let claim = self.claim(request.member_id, &request.token, None);
                    self.apply(request.member_id, Input::Leave { request: RequestId(0), claim }, now);
                }
                (204, Vec::new())
            }
            _ => refusal(Refusal::NotFound),
        }
    }

    fn create(&mut self, request: &CreateRequest, now: u64) -> (u16, Vec<u8>) {
        let name: RoomName = request.room.parse().unwrap();
        let Ok(user) = request.user.parse::<UserName>() else { return refusal(Refusal::BadUserName) };
        self.hash = self.secret.second_hash(&request.verifier);
        let token = self.token();
        let create = Create {
            id: request.room_id,
            name,
            hash: self.hash.clone(),
            bounds: self.bounds,
            creator: Newcomer { user, token: TokenHash::from(&token), address: address() },
        };
        let mut creator = None;
        for half in &mut self.halves {
            let mut effects = Vec::new();
            let (room, member) = Room::create(Millis(now), create.clone(), &mut effects);
            (half.room, half.replica, creator) = (Some(room), None, Some(member));
            half.lines.clear();
            half.carry_out(effects, &mut self.told, None);
        }
        admission(request.room_id, creator.unwrap(), token)
    }

    fn join(&mut self, request: &JoinRequest, now: u64) -> (u16, Vec<u8>) {
        let Ok(user) = request.user.parse::<UserName>() else { return refusal(Refusal::BadUserName) };
        let Some(room_id) = self.room_id() else { return refusal(Refusal::WrongCredentials) };
        let hash = if self.lets_anyone_in { self.hash.clone() } else { self.secret.second_hash(&request.verifier) };
        let token = self.token();
        let newcomer = Newcomer { user, token: TokenHash::from(&token), address: address() };
        let input = Input::Admit { request: RequestId(0), newcomer, hash };
        let mut outcome = None;
        for half in &mut self.halves {
            outcome = half.apply(input.clone(), now, &mut self.told, None).outcome.or(outcome);
        }
        match outcome {
            Some(Outcome::Admitted(Ok(member_id))) => admission(room_id, member_id, token),
            Some(Outcome::Admitted(Err(why))) => refusal(why),
            _ => refusal(Refusal::WrongCredentials),
        }
    }

    fn token(&mut self) -> Token {
        let mut token = [0; 32];
        self.random.fill(&mut token);
        Token::from(token)
    }

    fn claim(&self, member_id: MemberId, token: &Token, verifier: Option<&Verifier>) -> Claim {
        let hash = verifier.map(|verifier| self.secret.second_hash(verifier));
        Claim { member_id, token: TokenHash::from(token), address: address(), hash }
    }

    /// Handles a hello. Returns the member's connection.
    pub fn connect(&mut self, hello: &Hello, link: usize, now: u64) -> Result<ConnectionId, CloseCode> {
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        let claim = self.claim(hello.member_id, &hello.token, hello.verifier.as_ref());
        if self.room_id() != Some(hello.room_id) {
            return Err(CloseCode::UnknownToken);
        }
        let input = Input::Connect { claim, attempt: hello.attempt, seq: hello.seq, connection };
        let mut refused = None;
        for half in self.halves.iter_mut().filter(|half| (half.hears)(hello.member_id)) {
            refused = half.apply(input.clone(), now, &mut self.told, Some(link)).refused.or(refused);
        }
        refused.map_or(Ok(connection), Err)
    }

    /// Applies an input to the member's room. Returns the close code if its connection must be closed.
    pub fn apply(&mut self, id: MemberId, input: Input<'_>, now: u64) -> Option<CloseCode> {
        let mut refused = None;
        for half in self.halves.iter_mut().filter(|half| (half.hears)(id)) {
            refused = half.apply(input.clone(), now, &mut self.told, None).refused.or(refused);
        }
        refused
    }

    pub fn tick(&mut self, now: u64) {
        for half in &mut self.halves {
            half.apply(Input::Tick, now, &mut self.told, None);
        }
    }
}

fn admission(room_id: RoomId, member_id: MemberId, token: Token) -> (u16, Vec<u8>) {
    (200, serde_json::to_vec(&Admission { room_id, member_id, token }).unwrap())
}

impl Half {
    /// Applies one input to the room and to its replica, and checks that both have the same effects.
    fn apply(&mut self, input: Input<'_>, now: u64, told: &mut Vec<Told>, opening: Option<usize>) -> Reply {
        let Some(room) = &mut self.room else { return Reply::default() };
        self.snapshot_after = self.snapshot_after.wrapping_sub(1);
        if self.snapshot_after == 0 {
            self.replica = Some(postcard::from_bytes(&postcard::to_allocvec(room).unwrap()).unwrap());
        }
        let mut effects = Vec::new();
        room.apply(Millis(now), input.clone(), &mut effects);
        if let Some(replica) = &mut self.replica {
            let mut others = Vec::new();
            replica.apply(Millis(now), input, &mut others);
            assert!(effects == others, "a replica has other effects: {effects:?} {others:?}");
            // Compares the state only sometimes, because comparing the replay buffer is slow.
            assert!(!self.snapshot_after.is_multiple_of(16) || replica == room, "a replica has another state");
        }
        assert!(room.replay_bytes() <= self.replay, "the room keeps {} bytes of {}", room.replay_bytes(), self.replay);
        self.carry_out(effects, told, opening)
    }

    fn carry_out(&mut self, effects: Vec<Effect>, told: &mut Vec<Told>, opening: Option<usize>) -> Reply {
        let mut reply = Reply::default();
        for effect in effects {
            match effect {
                Effect::Answer(_, outcome) => reply.outcome = Some(outcome),
                Effect::Refuse(_, code) => reply.refused = Some(code),
                Effect::Open(who, _) => {
                    let Some(link) = opening else { continue };
                    let old = self.lines.insert(who, Line { link, follows: false });
                    let old = old.filter(|old| old.link != link);
                    told.extend(old.map(|old| Told::Close(old.link, CloseCode::Replaced)));
                }
                Effect::Gone(who) => drop(self.lines.remove(&who)),
                Effect::Send(to, frame) => {
                    let line = self.lines.get(&to).filter(|_| (self.tells)(to));
                    told.extend(line.map(|line| Told::Frame(line.link, to, frame)));
                }
                Effect::Broadcast { except, frame, .. } => {
                    let others = self.lines.iter().filter(|(to, line)| line.follows && **to != except);
                    let others = others.filter(|(to, _)| (self.tells)(**to));
                    told.extend(others.map(|(to, line)| Told::Frame(line.link, *to, frame.clone())));
                }
                Effect::Follow(who) => self.follow(who, true),
                Effect::Unfollow(who) => self.follow(who, false),
                Effect::Close(who, code) => {
                    let line = self.lines.remove(&who).filter(|_| (self.tells)(who));
                    told.extend(line.map(|line| Told::Close(line.link, code)));
                }
                Effect::Wake(at) => told.push(Told::Wake(at.0)),
            }
        }
        if self.room.as_ref().is_some_and(Room::is_empty) {
            (self.room, self.replica) = (None, None);
            self.lines.clear();
        }
        reply
    }

    fn follow(&mut self, who: MemberId, follows: bool) {
        if let Some(line) = self.lines.get_mut(&who) {
            line.follows = follows;
        }
    }
}

fn is_even(id: MemberId) -> bool {
    id.0.is_multiple_of(2)
}

fn is_odd(id: MemberId) -> bool {
    !is_even(id)
}
