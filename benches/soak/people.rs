//! Random actions of members.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use kit::{
    Door, Fleet,
    door::{self, random},
    fleet::State,
};
use serde_json::json;
use wire::{
    CloseCode, RoomId, Verifier,
    door::{Admission, CREATE, JOIN},
};

const ROOMS: usize = 60;
const PLACES: usize = 8;
const FRAME_BYTES: usize = 300;
/// Percentage of free places that are taken, by room. Rooms with few members end and are created again.
const DRAW: [usize; 3] = [1, 30, 100];
/// Actions between two reads.
const AT_ONCE: usize = 4;
/// Close codes that blame the member. None may occur here.
const NEVER: [CloseCode; 6] = [
    CloseCode::Malformed,
    CloseCode::UnknownVersion,
    CloseCode::NoHello,
    CloseCode::TokenRefused,
    CloseCode::CounterSkipped,
    CloseCode::TooSlow,
];

/// The places in all rooms, and their members.
pub struct People {
    fleet: Fleet,
    door: Door,
    places: Vec<Place>,
    verifier: Verifier,
    chance: u64,
    names: u64,
    story: BTreeMap<&'static str, u64>,
    ends: BTreeMap<u16, u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Free,
    Taken,
    /// Its member has lost the connection and will reconnect.
    Cut,
}

impl People {
    /// No member.
    pub fn new(address: SocketAddr) -> Self {
        let nobody = (0..ROOMS).map(|_| door::make_up(PLACES)).collect();
        let mut fleet = Fleet::new(address, nobody, FRAME_BYTES);
        fleet.greets = true;
        Self {
            fleet,
            door: Door::open(address),
            places: vec![Place::Free; ROOMS * PLACES],
            verifier: Verifier::from(random::<32>()),
            chance: 0x9e37_79b9_7f4a_7c15,
            names: 0,
            story: BTreeMap::new(),
            ends: BTreeMap::new(),
        }
    }

    /// Performs random actions.
    pub fn live(&mut self) {
        for _ in 0..AT_ONCE {
            let (slot, dice) = (self.draw(self.places.len()), self.draw(100));
            self.act(slot, dice);
        }
        self.fleet.turn(Some(Duration::from_millis(1)));
    }

    /// Lets members only answer from now on.
    pub fn rest(&mut self) {
        self.fleet.turn(Some(Duration::from_millis(20)));
    }

    /// Lets every connected member leave. The others do not reconnect.
    pub fn all_leave(&mut self) {
        for slot in 0..self.places.len() {
            match self.fleet.clients[slot].state {
                State::Inside | State::Outside | State::Greeted => self.fleet.leave(slot),
                _ => self.fleet.cut(slot),
            }
        }
    }

    /// Returns the counts of actions.
    pub fn story(&self) -> String {
        let inside = self.fleet.clients.iter().filter(|client| client.state == State::Inside).count();
        format!("{inside} inside; {:?}; closed by the server: {:?}", self.story, self.ends)
    }

    fn act(&mut self, slot: usize, dice: usize) {
        let client = &self.fleet.clients[slot];
        let what = match (self.places[slot], client.state) {
            (Place::Free, _) if dice >= DRAW[slot / PLACES % DRAW.len()] => return,
            (Place::Free, _) => {
                let place = self.join(slot / PLACES);
                self.fleet.seat(slot, place);
                self.fleet.connect(slot);
                self.places[slot] = Place::Taken;
                "came"
            }
            (Place::Cut, _) => {
                self.fleet.connect(slot);
                self.places[slot] = Place::Taken;
                "came back"
            }
            (Place::Taken, State::Closed(code)) => {
                assert!(NEVER.iter().all(|never| never.number() != code), "closed with {code}");
                *self.ends.entry(code).or_default() += 1;
                self.places[slot] = Place::Free;
                return;
            }
            // One message at a time, because a message that crosses a commit is sent again and must stay in order.
            (Place::Taken, State::Inside) if dice < 80 && client.sent == client.accepted => {
                self.fleet.say(slot);
                "said"
            }
            (Place::Taken, State::Inside) if dice < 88 => {
                self.fleet.cut(slot);
                self.places[slot] = Place::Cut;
                "cut"
            }
            (Place::Taken, State::Inside | State::Outside) if dice < 94 => {
                self.fleet.leave(slot);
                "left"
            }
            (Place::Taken, State::Inside | State::Outside) if dice < 96 => {
                self.fleet.cut(slot);
                self.places[slot] = Place::Free;
                "vanished"
            }
            _ => return,
        };
        *self.story.entry(what).or_default() += 1;
    }

    /// Joins the room, or creates a new one if it is gone.
    fn join(&mut self, room: usize) -> Admission {
        self.names += 1;
        let (room, user) = (format!("room {room}"), format!("user {}", self.names));
        let join = json!({ "room": room, "user": user, "verifier": self.verifier });
        self.door.try_to(JOIN, &join).unwrap_or_else(|_| {
            let room_id = RoomId(random());
            *self.story.entry("made a room").or_default() += 1;
            let create = json!({ "room": room, "user": user, "room_id": room_id, "verifier": self.verifier });
            self.door.ask(CREATE, &create)
        })
    }

    /// Returns a random number below `below` (xorshift64).
    fn draw(&mut self, below: usize) -> usize {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        (self.chance % below as u64) as usize
    }
}
