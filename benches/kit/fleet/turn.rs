//! One turn of the event loop: reads and answers what has arrived, then writes everything.

use std::{mem, time::Duration};

use mio::{Interest, Token};
use wire::{ClientFrame, Counter, Epoch, Hello, Seq, ServerFrame, Standing, Welcome};

use super::{Fleet, RECEIVE_BYTES, State, message::sent_at};
use crate::{
    line::Line,
    ws::{self, Frames, opcode},
};

impl Fleet {
    /// Waits for events, at most this long, and handles them.
    pub fn turn(&mut self, wait: Option<Duration>) {
        self.flush();
        let mut events = mem::replace(&mut self.events, mio::Events::with_capacity(0));
        if let Err(error) = self.poll.poll(&mut events, wait) {
            assert_eq!(error.kind(), std::io::ErrorKind::Interrupted, "{error}");
        }
        for event in &events {
            let Token(slot) = event.token();
            if event.is_writable() {
                self.mark(slot);
            }
            // The poller does not report an end that came with the last bytes again.
            if event.is_readable() && self.read(slot) && event.is_read_closed() {
                while self.read(slot) {}
            }
        }
        self.events = events;
        self.flush();
    }

    /// Opens a socket.
    pub fn connect(&mut self, slot: usize) {
        let mut line = Line::connect(self.address, self.trust.as_ref());
        rustix::net::sockopt::set_socket_recv_buffer_size(&*line.socket(), RECEIVE_BYTES).unwrap();
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(line.socket(), Token(slot), interest).unwrap();
        let client = &mut self.clients[slot];
        client.stream = Some(line);
        client.state = State::Upgrading;
        client.out = ws::upgrade(&self.host);
        (client.written, client.rest) = (0, Vec::new());
        self.mark(slot);
    }

    /// Sends a hello.
    pub fn greet(&mut self, slot: usize) {
        let client = &mut self.clients[slot];
        client.state = State::Greeted;
        client.attempts += 1;
        let place = &client.place;
        let hello = ClientFrame::Hello(Hello {
            room_id: place.room_id,
            member_id: place.member_id,
            token: place.token.clone(),
            attempt: client.attempts,
            seq: client.seq,
            verifier: None,
        });
        self.send(slot, &hello);
    }

    /// Sends the next message.
    pub fn say(&mut self, slot: usize) {
        let now = self.now();
        self.say_at(slot, now);
    }

    /// Sends the next message, with its scheduled time.
    pub(super) fn say_at(&mut self, slot: usize, nanos: u64) {
        let client = &mut self.clients[slot];
        client.sent = client.sent.next();
        let epoch = self.rooms[client.room].epoch;
        self.template.put(&mut client.out, epoch, client.sent, nanos);
        self.mark(slot);
    }

    /// Sends a frame.
    pub fn send(&mut self, slot: usize, frame: &ClientFrame<'_>) {
        ws::put(&mut self.clients[slot].out, opcode::BINARY, &frame.to_bytes());
        self.mark(slot);
    }

    /// Reads and handles a client's bytes, if the client reads. Returns true if there were any.
    pub(super) fn read(&mut self, slot: usize) -> bool {
        if self.clients[slot].deaf {
            return false;
        }
        let mut buffer = mem::take(&mut self.buffer);
        let mut came = false;
        loop {
            let kept = self.clients[slot].rest.len();
            let Some((filled, more)) = self.clients[slot].read(&mut buffer) else {
                self.hung_up(slot, 1006);
                break;
            };
            came |= filled > kept;
            let taken = self.take(slot, &buffer[..filled]);
            self.clients[slot].keep(&buffer[taken..filled]);
            if !more {
                break;
            }
        }
        self.buffer = buffer;
        came
    }

    /// Called when the socket has ended.
    pub(super) fn hung_up(&mut self, slot: usize, code: u16) {
        let client = &mut self.clients[slot];
        client.stream = None;
        client.out.clear();
        client.state = State::Closed(code);
    }

    fn mark(&mut self, slot: usize) {
        let client = &mut self.clients[slot];
        if !mem::replace(&mut client.is_dirty, true) {
            self.dirty.push(slot);
        }
    }

    fn flush(&mut self) {
        for slot in mem::take(&mut self.dirty) {
            if !self.clients[slot].flush() {
                self.hung_up(slot, 1006);
            }
        }
    }

    /// Handles frames. Returns the bytes consumed.
    fn take(&mut self, slot: usize, bytes: &[u8]) -> usize {
        let mut begin = 0;
        if self.clients[slot].state == State::Upgrading {
            let Some(end) = ws::head(bytes) else { return 0 };
            assert!(bytes.starts_with(b"HTTP/1.1 101 "), "no socket: {}", String::from_utf8_lossy(&bytes[..end]));
            self.clients[slot].state = State::Upgraded;
            begin = end;
            if self.greets {
                self.greet(slot);
            }
        }
        let now = self.now();
        let mut frames = Frames::of(&bytes[begin..]);
        for (kind, payload) in frames.by_ref() {
            match kind {
                opcode::BINARY => self.received(slot, payload, now),
                opcode::PING => {
                    ws::put(&mut self.clients[slot].out, opcode::PONG, payload);
                    self.mark(slot);
                }
                opcode::CLOSE => {
                    let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                    self.hung_up(slot, code);
                    break;
                }
                _ => {}
            }
        }
        begin + frames.taken
    }

    fn received(&mut self, slot: usize, payload: &[u8], now: u64) {
        let frame = ServerFrame::parse(payload).expect("a frame");
        match frame {
            ServerFrame::Message { seq, sealed, .. } => {
                self.ordered(slot, seq);
                if self.counting {
                    self.tally.deliveries += 1;
                    self.tally.latencies.add(now.saturating_sub(sent_at(sealed)));
                }
            }
            ServerFrame::Accepted { seq, counter } => self.accepted(slot, seq, counter),
            ServerFrame::Presence { seq, member_id, connected } => {
                let room = &self.rooms[self.clients[slot].room];
                let who = room.members.clone().find(|slot| self.clients[*slot].place.member_id == member_id);
                if self.ordered(slot, seq) && !connected {
                    self.lost.extend(who);
                }
            }
            ServerFrame::Left { seq, member_id, .. } => {
                let room = self.clients[slot].room;
                if self.ordered(slot, seq) {
                    self.rooms[room].gone.insert(member_id);
                }
            }
            ServerFrame::Commit { seq, epoch, .. } | ServerFrame::Committed { seq, epoch } => {
                let new = self.ordered(slot, seq);
                self.next_epoch(slot, new, epoch.next());
            }
            ServerFrame::Welcome(welcome) => self.welcomed(slot, welcome),
            ServerFrame::LetIn { seq, epoch, .. } => self.comes_in(slot, seq, epoch),
            ServerFrame::Duty { epoch, knocks, .. } => {
                let admitted = knocks.iter().map(|(id, _)| *id).collect::<Vec<_>>();
                let removed = self.rooms[self.clients[slot].room].gone.iter().copied().collect();
                let welcome = if admitted.is_empty() { &[][..] } else { &[0x5a; 600] };
                self.send(slot, &ClientFrame::Commit { epoch, admitted, removed, commit: &[0x5a; 300], welcome });
            }
            ServerFrame::Anew { seq, generation, founder } => {
                let epoch = Epoch { generation, number: 0 };
                if founder { self.comes_in(slot, seq, epoch) } else { self.knock(slot, epoch) }
            }
            ServerFrame::Pong | ServerFrame::Unanswered => {}
        }
    }

    /// Checks that an event is the client's next. Returns whether it is new to the room.
    fn ordered(&mut self, slot: usize, seq: Seq) -> bool {
        let client = &mut self.clients[slot];
        assert_eq!(seq, client.seq.next(), "an event was dropped, repeated or reordered");
        client.seq = seq;
        self.rooms[client.room].learns(client.place.room_id, seq)
    }

    fn accepted(&mut self, slot: usize, seq: Seq, counter: Counter) {
        self.ordered(slot, seq);
        let client = &mut self.clients[slot];
        assert_eq!(counter, client.accepted.next(), "a message was dropped, repeated or reordered");
        client.accepted = counter;
        client.sent = client.sent.max(counter);
        if self.window > 0 && client.talks {
            self.say(slot);
        }
    }

    fn knock(&mut self, slot: usize, epoch: Epoch) {
        self.clients[slot].state = State::Outside;
        self.send(slot, &ClientFrame::Knock { generation: epoch.generation, sealed: &[0x5a; 2000] });
    }

    fn welcomed(&mut self, slot: usize, welcome: Welcome) {
        let client = &mut self.clients[slot];
        if welcome.standing == Standing::Inside && client.seq > Seq(0) {
            // The missed events follow. Messages that the server did not accept are sent again.
            let unheard = client.sent.0 - welcome.counter.0;
            client.sent = welcome.counter;
            self.is_in(slot);
            (0..unheard).for_each(|_| self.say(slot));
            return;
        }
        (client.sent, client.accepted) = (welcome.counter, welcome.counter);
        match welcome.standing {
            Standing::Outside => self.knock(slot, welcome.epoch),
            Standing::Founder | Standing::Inside => self.comes_in(slot, welcome.seq, welcome.epoch),
        }
    }

    /// Called when a client enters the group at this event. It sends *here*, and again if that crosses a commit.
    fn comes_in(&mut self, slot: usize, seq: Seq, epoch: Epoch) {
        let client = &mut self.clients[slot];
        client.seq = seq;
        let room = &mut self.rooms[client.room];
        if room.learns(client.place.room_id, seq) || room.epoch < epoch {
            room.epoch = epoch;
            room.gone.clear();
        }
        self.is_in(slot);
        self.say(slot);
    }

    fn is_in(&mut self, slot: usize) {
        self.clients[slot].state = State::Inside;
    }

    /// Called when a commit is ordered. Clients send their messages that are not accepted yet again.
    fn next_epoch(&mut self, slot: usize, new: bool, epoch: Epoch) {
        let client = &mut self.clients[slot];
        let room = &mut self.rooms[client.room];
        if new {
            room.epoch = epoch;
            room.gone.clear();
        }
        let unanswered = client.sent.0 - client.accepted.0;
        client.sent = client.accepted;
        (0..unanswered).for_each(|_| self.say(slot));
    }
}
