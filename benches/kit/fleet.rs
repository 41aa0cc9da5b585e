//! Many clients on one thread, as cheap as possible. They join, talk, and check everything that they receive.
//!
//! A client follows the protocol without cryptography. The server cannot open sealed bytes, so knocks, commits and
//! messages are arbitrary bytes. A dropped, repeated or reordered event ends the program.

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

/// Maximum wait for anything. Only a defect makes the program wait this long.
const PATIENCE: Duration = Duration::from_secs(60);
/// Sockets that connect at one time, within the backlog of any listener.
const COMING: usize = 100;
/// Receive buffer of a client that does not read. By default, the operating system would keep growing it.
const RECEIVE_BYTES: usize = 256 * 1024;
/// Bytes per read.
const READ_BYTES: usize = 1024 * 1024;

/// Clients and their rooms.
pub struct Fleet {
    address: SocketAddr,
    /// The trusted certificate, if the clients use TLS.
    trust: Option<Arc<ClientConfig>>,
    host: String,
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    started: Instant,
    template: Template,
    /// The clients that have bytes to write.
    dirty: Vec<usize>,
    /// All clients, ordered by room.
    pub clients: Vec<Client>,
    rooms: Vec<Room>,
    /// Messages that each talking client keeps in flight, if any.
    window: usize,
    /// True when clients send a hello as soon as their socket is open.
    pub greets: bool,
    /// The clients reported as disconnected.
    pub lost: Vec<usize>,
    /// Scheduled messages so far.
    turns: usize,
    counting: bool,
    tally: Tally,
}

/// The counts of a measurement.
#[derive(Default)]
pub struct Tally {
    /// Messages received.
    pub deliveries: u64,
    /// The latency of each.
    pub latencies: Histogram,
}

impl Fleet {
    /// Creates clients for this address, which send frames of this size.
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

    /// Makes clients connect with TLS from now on.
    #[must_use]
    pub fn in_tls(self, trust: Arc<ClientConfig>) -> Self {
        Self { trust: Some(trust), ..self }
    }

    /// Returns the number of rooms.
    #[must_use]
    pub fn rooms(&self) -> usize {
        self.rooms.len()
    }

    /// Returns the clients of a room.
    #[must_use]
    pub fn members(&self, room: usize) -> Range<usize> {
        self.rooms[room].members.clone()
    }

    /// Replaces this client by another, in the same room or in its successor.
    pub fn seat(&mut self, slot: usize, place: Admission) {
        let number = self.clients[slot].room;
        let room = &mut self.rooms[number];
        if room.id != place.room_id {
            *room = Room::new(place.room_id, room.members.clone());
        }
        self.clients[slot] = Client::new(number, place);
    }

    /// Breaks a client's connection without a close.
    pub fn cut(&mut self, slot: usize) {
        self.hung_up(slot, 1006);
        self.clients[slot].state = State::Away;
    }

    /// Lets a client leave.
    pub fn leave(&mut self, slot: usize) {
        self.send(slot, &ClientFrame::Leave);
    }

    /// Stops a client from reading.
    pub fn fall_silent(&mut self, slot: usize) {
        self.clients[slot].deaf = true;
    }

    /// Lets a client read again.
    pub fn read_on(&mut self, slot: usize) {
        self.clients[slot].deaf = false;
        // The poller does not report earlier bytes, or the end, again.
        while self.read(slot) {}
    }

    /// Sets the size of frames from now on.
    pub fn speak_in(&mut self, frame_bytes: usize) {
        self.template = Template::new(frame_bytes);
    }

    /// Opens all sockets. Returns how long that took.
    pub fn connect_all(&mut self) -> Duration {
        let began = Instant::now();
        // All clients before `first` are open. Checking all of them each time would take longer than opening them.
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

    /// Lets every client send a hello, join the group and send *here*.
    pub fn greet_all(&mut self) {
        self.greet_in(0..self.rooms());
    }

    /// Does the same for the clients of these rooms.
    pub fn greet_in(&mut self, rooms: Range<usize>) {
        let slots = rooms.flat_map(|room| self.members(room)).collect::<Vec<_>>();
        slots.iter().for_each(|slot| self.greet(*slot));
        self.until("all are in", |fleet| slots.iter().all(|slot| fleet.clients[*slot].state == State::Inside));
        self.settle();
    }

    /// Makes the selected clients keep this many messages in flight.
    pub fn saturate(&mut self, window: usize, talks: impl Fn(usize) -> bool) {
        self.window = window;
        for slot in 0..self.clients.len() {
            self.clients[slot].talks = talks(slot);
            if self.clients[slot].talks {
                (0..window).for_each(|_| self.say(slot));
            }
        }
    }

    /// Runs for a while.
    pub fn run(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.turn(Some(Duration::from_millis(20)));
        }
    }

    /// Runs for a while, in which the talking clients take turns to send this many messages per second in total.
    /// Latency counts from the scheduled time of a message.
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

    /// Stops sending, waits until all messages are accepted, and checks that every client has received all of them.
    pub fn settle(&mut self) {
        self.window = 0;
        self.until("all was heard", |fleet| fleet.rooms.iter().all(|room| room.is_settled(&fleet.clients)));
    }

    /// Resets the counts.
    pub fn count(&mut self) {
        self.counting = true;
        self.tally = Tally::default();
    }

    /// Returns the counts since the reset.
    pub fn counted(&mut self) -> Tally {
        self.counting = false;
        std::mem::take(&mut self.tally)
    }

    /// Runs until a condition holds.
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
