//! Many clients on one thread, as cheap as can be: they come in, talk, and check all that they are told.
//!
//! A client here does all that the protocol asks of one but cryptography: the server cannot look into what is sealed,
//! so that knocks, commits and messages are any bytes. What a server drops, repeats or reorders ends the program.

mod client;
mod message;
mod room;
mod turn;

use std::{
    net::SocketAddr,
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use mio::{Events, Poll};
use rustls::ClientConfig;
use wire::{ClientFrame, door::Admission};

use crate::Histogram;
use client::Client;
pub use client::State;
use message::Template;
use room::Room;

/// How long anything may take before the program gives up. Nothing waits this long unless something is broken.
const PATIENCE: Duration = Duration::from_secs(60);
/// Sockets on their way at one time: no more than the queue of any listener holds.
const COMING: usize = 100;
/// What the system takes in for one who does not read; left to itself, it would take in ever more.
const RECEIVE_BYTES: usize = 256 * 1024;
/// What one read takes in.
const READ_BYTES: usize = 1024 * 1024;

/// Clients and the rooms that they are in.
pub struct Fleet {
    address: SocketAddr,
    /// With TLS, whom the clients trust.
    trust: Option<Arc<ClientConfig>>,
    host: String,
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    started: Instant,
    template: Template,
    /// Who has something to write.
    dirty: Vec<usize>,
    /// All clients, in the order of their rooms.
    pub clients: Vec<Client>,
    rooms: Vec<Room>,
    /// Messages that each one who talks keeps on their way, while that is wanted.
    window: usize,
    /// Whether everyone says hello as soon as there is a socket.
    pub greets: bool,
    /// Who was told as having lost their connection.
    pub lost: Vec<usize>,
    /// How often someone's turn to speak has come.
    turns: usize,
    counting: bool,
    tally: Tally,
}

/// What was counted.
#[derive(Default)]
pub struct Tally {
    /// Messages that arrived at someone.
    pub deliveries: u64,
    /// How long each was on its way.
    pub latencies: Histogram,
}

impl Fleet {
    /// Clients that will connect to this address, with a frame of so many bytes to say.
    pub fn new(address: SocketAddr, places: Vec<Vec<Admission>>, frame_bytes: usize) -> Self {
        let mut clients = Vec::new();
        let mut rooms = Vec::new();
        for places in places {
            let first = clients.len();
            let Some(id) = places.first().map(|place| place.room_id) else { continue };
            clients.extend(places.into_iter().map(|place| Client::new(rooms.len(), place)));
            rooms.push(Room::new(id, first..clients.len()));
        }
        Self {
            address,
            trust: None,
            host: address.to_string(),
            poll: Poll::new().unwrap(),
            events: Events::with_capacity(4096),
            buffer: vec![0; READ_BYTES],
            started: Instant::now(),
            template: Template::new(frame_bytes),
            dirty: Vec::new(),
            clients,
            rooms,
            window: 0,
            greets: false,
            lost: Vec::new(),
            turns: 0,
            counting: false,
            tally: Tally::default(),
        }
    }

    /// From here on, clients connect with TLS.
    #[must_use]
    pub fn in_tls(self, trust: Arc<ClientConfig>) -> Self {
        Self { trust: Some(trust), ..self }
    }

    /// How many rooms there are.
    #[must_use]
    pub fn rooms(&self) -> usize {
        self.rooms.len()
    }

    /// Who is in a room.
    #[must_use]
    pub fn members(&self, room: usize) -> Range<usize> {
        self.rooms[room].members.clone()
    }

    /// From here on, another one has this client's place, in the same room or in one that follows it.
    pub fn seat(&mut self, slot: usize, place: Admission) {
        let number = self.clients[slot].room;
        let room = &mut self.rooms[number];
        if room.id != place.room_id {
            *room = Room::new(place.room_id, room.members.clone());
        }
        self.clients[slot] = Client::new(number, place);
    }

    /// A client's connection breaks, without a word.
    pub fn cut(&mut self, slot: usize) {
        self.hung_up(slot, 1006);
        self.clients[slot].state = State::Away;
    }

    /// A client leaves.
    pub fn leave(&mut self, slot: usize) {
        self.send(slot, &ClientFrame::Leave);
    }

    /// A client reads nothing more.
    pub fn fall_silent(&mut self, slot: usize) {
        self.clients[slot].deaf = true;
    }

    /// A client that had fallen silent reads on.
    pub fn read_on(&mut self, slot: usize) {
        self.clients[slot].deaf = false;
        // What came meanwhile is told of no more, nor is the end.
        while self.read(slot) {}
    }

    /// From here on, frames have so many bytes.
    pub fn speak_in(&mut self, frame_bytes: usize) {
        self.template = Template::new(frame_bytes);
    }

    /// Opens all sockets; how long that took.
    pub fn connect_all(&mut self) -> Duration {
        let began = Instant::now();
        // All before the first are open. To look at all of them each time would take longer than to open them.
        let (mut first, mut next) = (0, 0);
        self.until("all are connected", |fleet| {
            let all = fleet.clients.len();
            while first < next && fleet.clients[first].state == State::Upgraded {
                first += 1;
            }
            while next < all.min(first + COMING) {
                fleet.connect(next);
                next += 1;
            }
            first == all
        });
        began.elapsed()
    }

    /// Everyone says hello, is let in, and says *here*.
    pub fn greet_all(&mut self) {
        self.greet_in(0..self.rooms());
    }

    /// Everyone in these rooms does.
    pub fn greet_in(&mut self, rooms: Range<usize>) {
        let slots = rooms.flat_map(|room| self.members(room)).collect::<Vec<_>>();
        slots.iter().for_each(|slot| self.greet(*slot));
        self.until("all are in", |fleet| slots.iter().all(|slot| fleet.clients[*slot].state == State::Inside));
        self.settle();
    }

    /// Everyone for whom this holds keeps so many messages on their way.
    pub fn saturate(&mut self, window: usize, talks: impl Fn(usize) -> bool) {
        self.window = window;
        for slot in 0..self.clients.len() {
            self.clients[slot].talks = talks(slot);
            if self.clients[slot].talks {
                (0..window).for_each(|_| self.say(slot));
            }
        }
    }

    /// Goes on for a while.
    pub fn run(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.turn(Some(Duration::from_millis(20)));
        }
    }

    /// Goes on for a while, in which those who talk say, one after the other, so many messages a second in all. How
    /// long each takes is counted from when it was to be sent.
    pub fn pace(&mut self, messages: f64, time: Duration, talks: impl Fn(usize) -> bool) {
        let talkers = (0..self.clients.len()).filter(|slot| talks(*slot)).collect::<Vec<_>>();
        let began = Instant::now();
        let mut said = 0.0;
        while began.elapsed() < time {
            while began.elapsed().as_secs_f64() * messages > said {
                let due = began - self.started + Duration::from_secs_f64(said / messages);
                let slot = talkers[self.turns % talkers.len()];
                self.turns += 1;
                self.say_at(slot, due.as_nanos() as u64);
                said += 1.0;
            }
            self.turn(Some(Duration::ZERO));
        }
    }

    /// Says no more, waits until all is said, and checks that everyone has heard all of it.
    pub fn settle(&mut self) {
        self.window = 0;
        self.until("all was heard", |fleet| fleet.rooms.iter().all(|room| room.is_settled(&fleet.clients)));
    }

    /// Begins to count.
    pub fn count(&mut self) {
        self.counting = true;
        self.tally = Tally::default();
    }

    /// What was counted since.
    pub fn counted(&mut self) -> Tally {
        self.counting = false;
        std::mem::take(&mut self.tally)
    }

    /// Goes on until something is so.
    pub fn until(&mut self, what: &str, mut is_so: impl FnMut(&mut Self) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !is_so(self) {
            assert!(Instant::now() < until, "did not happen in {PATIENCE:?}: {what}");
            self.turn(Some(Duration::from_millis(20)));
        }
    }

    fn now(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }
}
