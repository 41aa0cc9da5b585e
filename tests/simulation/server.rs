//! The server: the real room, and round it what carries its effects out.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant},
};

use bytes::Bytes;
use cloakroom::{
    Address, ServerSecret, TokenHash,
    room::{Bounds, Claim, ConnectionId, Effect, Ending, Newcomer, Room},
};
use wire::{
    CloseCode, Hello, MemberId, Refusal, RoomId, RoomName, Token, UserName, Verifier,
    door::{self, Admission, CreateRequest, JoinRequest, LeaveRequest, SaltAnswer, SaltRequest},
};

use super::random::Random;

/// What a room has for its members' connections.
#[derive(Debug)]
pub enum Told {
    Frame(usize, MemberId, Bytes),
    Close(usize, CloseCode),
    Expire(u64),
}

struct Line {
    link: usize,
    follows: bool,
}

/// One room, twice where the server forks it: both halves are fed alike until then.
struct Half {
    room: Option<Room>,
    /// How much the room may keep of what happened. Whatever else it keeps is there once for each member.
    replay: usize,
    lines: BTreeMap<MemberId, Line>,
    /// Whose frames it takes, and who is told of what it does.
    hears: fn(MemberId) -> bool,
    tells: fn(MemberId) -> bool,
}

pub struct Server {
    base: Instant,
    secret: ServerSecret,
    bounds: Bounds,
    halves: Vec<Half>,
    random: Random,
    connections: u64,
    /// Whether it asks for no password.
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
        let half = |index| {
            let tells: fn(MemberId) -> bool = if index == 0 { |_| true } else { |_| false };
            Half { room: None, lines: BTreeMap::new(), replay, hears: |_| true, tells }
        };
        Self {
            base: Instant::now(),
            secret: ServerSecret::with_salt_key(&[9; 32]).unwrap(),
            bounds: Bounds { members: 16, grace: Duration::from_secs(60), replay },
            halves: (0..halves).map(half).collect(),
            random: Random::new(seed ^ 0x5e7),
            connections: 0,
            lets_anyone_in: false,
            told: Vec::new(),
        }
    }

    pub fn at(&self, ms: u64) -> Instant {
        self.base + Duration::from_millis(ms)
    }

    pub fn has_room(&self) -> bool {
        self.halves[0].room.is_some()
    }

    /// From here on the two halves go different ways, each with half of the members.
    pub fn fork(&mut self) {
        if let [one, two] = self.halves.as_mut_slice() {
            (one.hears, one.tells) = (is_even, is_even);
            (two.hears, two.tells) = (is_odd, is_odd);
        }
    }

    /// Answers at the door.
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
                let name: RoomName = request.room.parse().unwrap();
                let hash = self.secret.second_hash(&request.verifier);
                for half in &mut self.halves {
                    half.room = Some(Room::new(request.room_id, name.clone(), hash.clone(), self.bounds));
                    half.lines.clear();
                }
                self.admit(&request.user, &request.verifier, now)
            }
            door::JOIN => {
                let request: JoinRequest = serde_json::from_slice(body).unwrap();
                self.admit(&request.user, &request.verifier, now)
            }
            door::LEAVE => {
                let request: LeaveRequest = serde_json::from_slice(body).unwrap();
                let claim = self.claim(request.member_id, &request.token, None);
                let at = self.at(now);
                self.with(request.member_id, |room, effects| {
                    if room.id() == request.room_id && room.check(&claim).is_ok() {
                        room.leave(request.member_id, at, effects);
                    }
                });
                (204, Vec::new())
            }
            _ => refusal(Refusal::NotFound),
        }
    }

    fn admit(&mut self, user: &str, verifier: &Verifier, now: u64) -> (u16, Vec<u8>) {
        let Ok(user) = user.parse::<UserName>() else { return refusal(Refusal::BadUserName) };
        let mut token = [0; 32];
        self.random.fill(&mut token);
        let token = Token::from(token);
        let hash = self.secret.second_hash(verifier);
        let at = self.at(now);
        let open = self.lets_anyone_in;
        let mut answer = None;
        self.with_all(|room, effects| {
            let newcomer = Newcomer { user: user.clone(), token: TokenHash::from(&token), address: address() };
            answer = Some(if open || room.opens_to(&hash) {
                room.admit(newcomer, at, effects).map(|id| (room.id(), id))
            } else {
                Err(Refusal::WrongCredentials)
            });
        });
        match answer.unwrap_or(Err(Refusal::WrongCredentials)) {
            Ok((room_id, member_id)) => (200, serde_json::to_vec(&Admission { room_id, member_id, token }).unwrap()),
            Err(why) => refusal(why),
        }
    }

    fn claim(&self, member_id: MemberId, token: &Token, verifier: Option<&Verifier>) -> Claim {
        let hash = verifier.map(|verifier| self.secret.second_hash(verifier));
        Claim { member_id, token: TokenHash::from(token), address: address(), hash }
    }

    /// A hello came: the member's place on this connection.
    pub fn connect(&mut self, hello: &Hello, link: usize, now: u64) -> Result<ConnectionId, CloseCode> {
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        let claim = self.claim(hello.member_id, &hello.token, hello.verifier.as_ref());
        let at = self.at(now);
        let room_id = hello.room_id;
        let mut outcome = Err(CloseCode::UnknownToken);
        let told = &mut self.told;
        for half in self.halves.iter_mut().filter(|half| (half.hears)(hello.member_id)) {
            let Some(room) = half.room.as_mut().filter(|room| room.id() == room_id) else { continue };
            let mut effects = Vec::new();
            outcome = room.connect(&claim, hello.attempt, hello.seq, connection, at, &mut effects).map(|()| connection);
            if outcome.is_ok() {
                let old = half.lines.insert(hello.member_id, Line { link, follows: false });
                told.extend(old.filter(|old| old.link != link).map(|old| Told::Close(old.link, CloseCode::Replaced)));
            }
            half.carry_out(effects, told, self.base);
        }
        outcome
    }

    /// Runs `change` on the room that this member is in.
    pub fn with(&mut self, id: MemberId, mut change: impl FnMut(&mut Room, &mut Vec<Effect>)) {
        let (base, told) = (self.base, &mut self.told);
        for half in self.halves.iter_mut().filter(|half| (half.hears)(id)) {
            half.with(told, base, &mut change);
        }
    }

    fn with_all(&mut self, mut change: impl FnMut(&mut Room, &mut Vec<Effect>)) {
        let (base, told) = (self.base, &mut self.told);
        for half in &mut self.halves {
            half.with(told, base, &mut change);
        }
    }

    pub fn expire(&mut self, now: u64) {
        let at = self.at(now);
        self.with_all(|room, effects| room.expire(at, effects));
    }

    /// A connection is over for the server.
    pub fn disconnect(&mut self, id: MemberId, connection: ConnectionId, heard: u64, now: u64) {
        let (heard, at) = (self.at(heard), self.at(now));
        let (base, told) = (self.base, &mut self.told);
        for half in self.halves.iter_mut().filter(|half| (half.hears)(id)) {
            let mut was_its = false;
            half.with(told, base, &mut |room: &mut Room, effects: &mut Vec<Effect>| {
                was_its = room.disconnect(id, connection, Ending::Lost(heard), at, effects);
            });
            if was_its {
                half.lines.remove(&id);
            }
        }
    }

    pub fn room_id(&self) -> Option<RoomId> {
        self.halves[0].room.as_ref().map(Room::id)
    }
}

impl Half {
    fn with(&mut self, told: &mut Vec<Told>, base: Instant, change: &mut impl FnMut(&mut Room, &mut Vec<Effect>)) {
        let Some(room) = &mut self.room else { return };
        let mut effects = Vec::new();
        change(room, &mut effects);
        assert!(room.kept() <= self.replay, "the room keeps {} bytes of {}", room.kept(), self.replay);
        self.carry_out(effects, told, base);
    }

    fn carry_out(&mut self, effects: Vec<Effect>, told: &mut Vec<Told>, base: Instant) {
        for effect in effects {
            match effect {
                Effect::Send(to, frame) => {
                    let line = self.lines.get(&to).filter(|_| (self.tells)(to));
                    told.extend(line.map(|line| Told::Frame(line.link, to, frame)));
                }
                Effect::Relay { but, frame, .. } => {
                    let others = self.lines.iter().filter(|(to, line)| line.follows && **to != but);
                    let others = others.filter(|(to, _)| (self.tells)(**to));
                    told.extend(others.map(|(to, line)| Told::Frame(line.link, *to, frame.clone())));
                }
                Effect::Follow(who) => self.follow(who, true),
                Effect::Unfollow(who) => self.follow(who, false),
                Effect::Close(who, code) => {
                    let line = self.lines.remove(&who).filter(|_| (self.tells)(who));
                    told.extend(line.map(|line| Told::Close(line.link, code)));
                }
                Effect::Expire(at) => {
                    told.push(Told::Expire(at.saturating_duration_since(base).as_millis() as u64));
                }
            }
        }
        if self.room.as_ref().is_some_and(Room::is_empty) {
            self.room = None;
            self.lines.clear();
        }
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
