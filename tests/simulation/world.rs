//! The world: a simulated clock, clients, a server, and the network between them.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap, VecDeque},
    time::Duration,
};

use room::{ConnectionId, Ending, Input as RoomInput};
use web_crypto::{
    Stretched,
    session::{Input, Intent, Output},
};
use wire::{ClientFrame, CloseCode, FrameError, MemberId, ServerFrame, limits};

use super::{
    checks::Checks,
    client::Client,
    hostile_server,
    random::Random,
    readers,
    server::{Server, Told},
};

/// One connection, with the frames in flight in each direction, in order.
pub struct Link {
    pub client: usize,
    up: VecDeque<(u64, Up)>,
    down: VecDeque<(u64, Down)>,
    /// True when nothing gets through any more.
    cut: bool,
    client_is_done: bool,
    seat: Option<(MemberId, ConnectionId)>,
    server_is_done: bool,
    heard: u64,
}

enum Up {
    Frame(Vec<u8>),
    Close,
}

enum Down {
    Opened,
    Frame(Vec<u8>),
    Close(u16),
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Up(usize),
    Down(usize),
    Woken(usize),
    Expire,
    Silence(usize),
    Request(usize, &'static str, Vec<u8>),
    Answer(usize, u16, Vec<u8>),
}

/// The quality of the network.
#[derive(Clone, Copy)]
pub struct Weather {
    /// Maximum delay of a frame.
    pub delay: u64,
    /// How often a request gets no answer, in percent.
    pub lost_requests: u64,
}

pub struct World {
    pub now: u64,
    pub random: Random,
    seed: u64,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    count: u64,
    expires: BTreeSet<u64>,
    pub clients: Vec<Client>,
    pub links: Vec<Link>,
    pub server: Server,
    pub checks: Checks,
    pub weather: Weather,
    /// How a hostile server tampers with frames.
    pub tampering: Option<hostile_server::Tampering>,
    pub trace: Option<Vec<String>>,
}

impl World {
    pub fn new(seed: u64, server: Server, checks: Checks, traced: bool) -> Self {
        Self {
            now: 1000,
            random: Random::new(seed),
            seed,
            events: BinaryHeap::new(),
            count: 0,
            expires: BTreeSet::new(),
            clients: Vec::new(),
            links: Vec::new(),
            server,
            checks,
            weather: Weather { delay: 40, lost_requests: 0 },
            tampering: None,
            trace: traced.then(Vec::new),
        }
    }

    pub fn note(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>9} {}", self.now, what()));
        }
    }

    fn at(&mut self, time: u64, event: Event) {
        self.count += 1;
        self.events.push(Reverse((time, self.count, event)));
    }

    fn delay(&mut self) -> u64 {
        let most = self.weather.delay;
        // A frame is sometimes delayed much longer.
        if self.random.percent(3) { self.random.below(most * 8 + 1) } else { self.random.below(most + 1) }
    }

    /// Processes all events of the next `ms` milliseconds.
    pub fn pass(&mut self, ms: u64) {
        let until = self.now + ms;
        let mut at_once = 0;
        while let Some(Reverse((time, ..))) = self.events.peek()
            && *time <= until
        {
            let Some(Reverse((time, _, event))) = self.events.pop() else { return };
            at_once = if time > self.now { 0 } else { at_once + 1 };
            assert!(at_once < 100_000, "time stands still");
            self.now = time;
            self.happen(event);
        }
        self.now = until;
    }

    pub fn arrive(&mut self, intent: Intent, name: &str, password: u8) -> usize {
        let index = self.clients.len();
        self.note(|| format!("{index} {name:?} sets out: {intent:?}"));
        self.clients.push(Client::new(index, intent, name, password, self.seed));
        self.carry_out(index);
        index
    }

    /// Hands an input to a session and carries out its outputs.
    pub fn tell(&mut self, index: usize, input: Input<'_>) {
        let client = &mut self.clients[index];
        if !client.lives() {
            return;
        }
        client.session.handle(input, self.now);
        self.carry_out(index);
        Checks::after(self, index);
    }

    fn carry_out(&mut self, index: usize) {
        while let Some(output) = self.clients[index].session.poll() {
            match output {
                Output::Post(path, body) => {
                    let time = self.now + self.delay();
                    self.at(time, Event::Request(index, path, body.to_vec()));
                }
                Output::Stretch(..) => {
                    let password = self.clients[index].password;
                    self.tell(index, Input::Stretched(Stretched::from([password; 32])));
                }
                Output::Connect => self.connect(index),
                Output::Send(frame) => {
                    readers::sends(self, index, &frame);
                    for frame in super::hostile_member::outgoing(self, index, frame) {
                        self.send(index, frame);
                    }
                }
                Output::Disconnect => self.hang_up(index),
                Output::Wake(ms) => {
                    let time = self.now.saturating_add(ms);
                    self.clients[index].wake = time;
                    self.at(time, Event::Woken(index));
                }
                Output::Debug(line) => self.note(|| format!("{index}   {line}")),
                Output::Farewell(..) | Output::Safety(_) | Output::Picture { .. } => {}
                Output::Show(view) => Checks::shown(self, index, view),
            }
        }
    }

    fn connect(&mut self, index: usize) {
        self.hang_up(index);
        let link = self.links.len();
        self.links.push(Link {
            client: index,
            up: VecDeque::new(),
            down: VecDeque::new(),
            cut: false,
            client_is_done: false,
            seat: None,
            server_is_done: false,
            heard: self.now,
        });
        self.clients[index].link = Some(link);
        self.note(|| format!("{index} connects: link {link}"));
        self.down(link, Down::Opened);
        let time = self.now + 10_000;
        self.at(time, Event::Silence(link));
    }

    /// The client closes its socket.
    fn hang_up(&mut self, index: usize) {
        if let Some(link) = self.clients[index].link.take() {
            self.links[link].client_is_done = true;
            self.up(link, Up::Close);
        }
    }

    pub fn send(&mut self, index: usize, frame: Vec<u8>) {
        if let Some(link) = self.clients[index].link {
            self.note(|| format!("{index} → {}", describe_up(&frame)));
            self.up(link, Up::Frame(frame));
        }
    }

    fn up(&mut self, link: usize, what: Up) {
        let time = self.now + self.delay();
        let queue = &mut self.links[link];
        if !queue.cut {
            let time = queue.up.back().map_or(time, |(last, _)| time.max(*last));
            queue.up.push_back((time, what));
            self.at(time, Event::Up(link));
        }
    }

    fn down(&mut self, link: usize, what: Down) {
        let time = self.now + self.delay();
        let queue = &mut self.links[link];
        if !queue.cut {
            let time = queue.down.back().map_or(time, |(last, _)| time.max(*last));
            queue.down.push_back((time, what));
            self.at(time, Event::Down(link));
        }
    }

    /// Drops a connection. Some frames in flight may still arrive, and each side may learn of it or have to detect it.
    pub fn cut(&mut self, link: usize) {
        let random = &mut self.random;
        let queue = &mut self.links[link];
        if queue.cut {
            return;
        }
        let (up, down) = (random.below(queue.up.len() as u64 + 1), random.below(queue.down.len() as u64 + 1));
        if random.percent(70) {
            queue.up.truncate(up as usize);
        }
        if random.percent(70) {
            queue.down.truncate(down as usize);
        }
        let after = |random: &mut Random| if random.percent(50) { random.below(200) } else { random.below(20_000) };
        let told_client = random.percent(75).then(|| self.now + after(random));
        let told_server = random.percent(75).then(|| self.now + after(random));
        if let Some(time) = told_client {
            let time = queue.down.back().map_or(time, |(last, _)| time.max(*last));
            queue.down.push_back((time, Down::Close(1006)));
            self.at(time, Event::Down(link));
        }
        let queue = &mut self.links[link];
        if let Some(time) = told_server {
            let time = queue.up.back().map_or(time, |(last, _)| time.max(*last));
            queue.up.push_back((time, Up::Close));
            self.at(time, Event::Up(link));
        }
        self.links[link].cut = true;
        self.note(|| format!("link {link} is cut; client told at {told_client:?}, server at {told_server:?}"));
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Up(link) => {
                if self.links[link].up.front().is_some_and(|(time, _)| *time <= self.now)
                    && let Some((_, what)) = self.links[link].up.pop_front()
                {
                    self.arrived(link, what);
                }
            }
            Event::Down(link) => {
                if self.links[link].down.front().is_some_and(|(time, _)| *time <= self.now)
                    && let Some((_, what)) = self.links[link].down.pop_front()
                {
                    self.received(link, what);
                }
            }
            Event::Woken(index) => {
                if self.clients[index].wake == self.now {
                    self.tell(index, Input::Woken);
                }
            }
            Event::Expire => {
                self.expires.remove(&self.now);
                self.server.tick(self.now);
                self.deliver();
            }
            Event::Silence(link) => self.silence(link),
            Event::Request(index, path, body) => self.request(index, path, &body),
            Event::Answer(index, status, body) => {
                if status == 0 {
                    self.tell(index, Input::Unanswered);
                } else {
                    self.tell(index, Input::Answered { status, body: &body });
                }
            }
        }
    }

    fn request(&mut self, index: usize, path: &'static str, body: &[u8]) {
        let lost = self.random.percent(self.weather.lost_requests);
        if lost && self.random.percent(50) {
            let time = self.now + self.delay();
            return self.at(time, Event::Answer(index, 0, Vec::new()));
        }
        let (status, answer) = self.server.answer(path, body, self.now);
        self.note(|| format!("{index} asked {path}: {status}"));
        Checks::answered(self, index, status, &answer);
        self.deliver();
        let time = self.now + self.delay();
        self.at(time, Event::Answer(index, if lost { 0 } else { status }, answer));
    }

    /// Called when something reaches the server.
    fn arrived(&mut self, link: usize, what: Up) {
        if self.links[link].server_is_done {
            return;
        }
        self.links[link].heard = self.now;
        let frame = match what {
            Up::Close => return self.server_ends(link, None),
            Up::Frame(frame) => frame,
        };
        for frame in hostile_server::upward(self, link, frame) {
            let outcome = self.take(link, &frame);
            self.deliver();
            if let Err(code) = outcome {
                return self.server_ends(link, Some(code));
            }
        }
    }

    fn take(&mut self, link: usize, bytes: &[u8]) -> Result<(), CloseCode> {
        Checks::seen_by_server(self, bytes);
        let frame = ClientFrame::parse(bytes).map_err(|error| match error {
            FrameError::Version(_) => CloseCode::UnknownVersion,
            FrameError::Malformed => CloseCode::Malformed,
        })?;
        match (&frame, self.links[link].seat) {
            (ClientFrame::Hello(hello), None) => {
                let connection = self.server.connect(hello, link, self.now)?;
                self.links[link].seat = Some((hello.member_id, connection));
                Ok(())
            }
            (_, None) => Err(CloseCode::NoHello),
            (ClientFrame::Leave, Some(_)) => Err(CloseCode::Left),
            (_, Some((id, connection))) => {
                self.checks.readers.committing(id, &frame);
                let input = RoomInput::Frame { member: id, connection, frame: &frame };
                self.server.apply(id, input, self.now).map_or(Ok(()), Err)
            }
        }
    }

    /// Ends the server's side of a connection, with a close code if there is one.
    fn server_ends(&mut self, link: usize, code: Option<CloseCode>) {
        if std::mem::replace(&mut self.links[link].server_is_done, true) {
            return;
        }
        self.note(|| format!("server ends link {link}: {code:?}"));
        if let Some((id, connection)) = self.links[link].seat {
            let input = if code == Some(CloseCode::Left) {
                RoomInput::Frame { member: id, connection, frame: &ClientFrame::Leave }
            } else {
                let silence = Duration::from_millis(self.now - self.links[link].heard);
                RoomInput::Disconnect { member: id, connection, ending: Ending::Lost(silence) }
            };
            self.server.apply(id, input, self.now);
            self.deliver();
        }
        let number = code.map_or(1006, CloseCode::number);
        self.down(link, Down::Close(number));
    }

    fn silence(&mut self, link: usize) {
        let silence = limits::SILENCE_TIMEOUT.as_millis() as u64;
        let queue = &self.links[link];
        let until = queue.heard + if queue.seat.is_some() { silence } else { 10_000 };
        match (queue.server_is_done, queue.seat) {
            (true, _) => {}
            _ if until > self.now => self.at(until, Event::Silence(link)),
            (_, Some(_)) => self.server_ends(link, Some(CloseCode::Silent)),
            (_, None) => self.server_ends(link, Some(CloseCode::NoHello)),
        }
    }

    /// Carries out the server's actions on its connections.
    fn deliver(&mut self) {
        for told in std::mem::take(&mut self.server.told) {
            match told {
                Told::Frame(link, to, frame) => {
                    Checks::sent_by_server(self, to, &frame);
                    for frame in hostile_server::downward(self, link, frame.to_vec()) {
                        self.down(link, Down::Frame(frame));
                    }
                }
                Told::Close(link, code) => {
                    self.links[link].server_is_done = true;
                    self.note(|| format!("server closes link {link}: {code:?}"));
                    self.down(link, Down::Close(code.number()));
                }
                Told::Wake(time) => {
                    let time = time.max(self.now);
                    if self.expires.insert(time) {
                        self.at(time, Event::Expire);
                    }
                }
            }
        }
    }

    /// Sends a client a frame that no room has sent.
    pub fn slip(&mut self, link: usize, frame: Vec<u8>) {
        self.down(link, Down::Frame(frame));
    }

    /// Called when something reaches the client.
    fn received(&mut self, link: usize, what: Down) {
        let index = self.links[link].client;
        if self.links[link].client_is_done || self.clients[index].link != Some(link) {
            return;
        }
        match what {
            Down::Opened => self.tell(index, Input::Opened),
            Down::Frame(frame) => {
                self.note(|| format!("{index} ← {}", describe_down(&frame)));
                Checks::before(self, index, &frame);
                self.tell(index, Input::Received(&frame));
            }
            Down::Close(code) => {
                self.note(|| format!("{index} ← close {code}"));
                self.links[link].client_is_done = true;
                self.clients[index].link = None;
                self.tell(index, Input::Closed(code));
            }
        }
    }
}

pub fn describe_up(frame: &[u8]) -> String {
    match ClientFrame::parse(frame) {
        Ok(ClientFrame::Hello(hello)) => format!("Hello seq {}", hello.seq),
        Ok(ClientFrame::Message { epoch, counter, .. }) => format!("Message {epoch:?} {counter}"),
        Ok(ClientFrame::Knock { generation, .. }) => format!("Knock {generation}"),
        Ok(ClientFrame::Commit { epoch, admitted, removed, .. }) => {
            format!("Commit {epoch:?} in {admitted:?} out {removed:?}")
        }
        Ok(frame) => format!("{frame:?}"),
        Err(error) => error.to_string(),
    }
}

pub fn describe_down(frame: &[u8]) -> String {
    match ServerFrame::parse(frame) {
        Ok(ServerFrame::Message { seq, sender, counter, .. }) => format!("#{seq} Message from {sender}: {counter}"),
        Ok(ServerFrame::Commit { seq, author, epoch, admitted, removed, .. }) => {
            format!("#{seq} Commit of {author} {epoch:?} in {admitted:?} out {removed:?}")
        }
        Ok(ServerFrame::Duty { epoch, commits, knocks }) => {
            let knocks = knocks.iter().map(|(id, _)| id.0).collect::<Vec<_>>();
            format!("Duty {epoch:?} commits {commits} knocks {knocks:?}")
        }
        Ok(ServerFrame::LetIn { seq, epoch, people, .. }) => format!("#{seq} LetIn {epoch:?} {people:?}"),
        Ok(frame) => format!("{frame:?}"),
        Err(error) => error.to_string(),
    }
}
