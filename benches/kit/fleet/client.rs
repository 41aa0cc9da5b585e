//! One client: its socket, and how far it has got.

use std::io::{ErrorKind, Read, Write};

use wire::{Counter, Seq, door::Admission};

use crate::line::Line;

/// Who is at one place in a room.
pub struct Client {
    pub(super) room: usize,
    pub(super) place: Admission,
    pub(super) stream: Option<Line>,
    /// What waits to be written, and how much of that is.
    pub(super) out: Vec<u8>,
    pub(super) written: usize,
    pub(super) is_dirty: bool,
    /// The beginning of what has not come whole yet.
    pub(super) rest: Vec<u8>,
    /// How far it has got.
    pub state: State,
    /// Hellos that it has said.
    pub(super) attempts: u32,
    /// The last event that it knows of.
    pub seq: Seq,
    /// Of its last message, and of its last that was accepted.
    pub sent: Counter,
    /// Of its last message that was accepted.
    pub accepted: Counter,
    /// Whether it answers what is accepted with the next message.
    pub(super) talks: bool,
    /// Whether it leaves unread what comes.
    pub deaf: bool,
}

/// How far a client has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It has no socket.
    Away,
    /// It has asked for one.
    Upgrading,
    /// It has one.
    Upgraded,
    /// It has said who it is.
    Greeted,
    /// It waits to be let in.
    Outside,
    /// It is in the group.
    Inside,
    /// Its socket was closed by the server, with this code if it said one.
    Closed(u16),
}

impl Client {
    pub(super) fn new(room: usize, place: Admission) -> Self {
        Self {
            room,
            place,
            stream: None,
            out: Vec::new(),
            written: 0,
            is_dirty: false,
            rest: Vec::new(),
            state: State::Away,
            attempts: 0,
            seq: Seq(0),
            sent: Counter(0),
            accepted: Counter(0),
            talks: false,
            deaf: false,
        }
    }

    /// Writes what can be written now; whether the socket still stands.
    pub(super) fn flush(&mut self) -> bool {
        self.is_dirty = false;
        let Some(stream) = &mut self.stream else { return true };
        while self.written < self.out.len() {
            match stream.write(&self.out[self.written..]) {
                Ok(length) => self.written += length,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => return true,
                Err(_) => return false,
            }
        }
        if stream.flush().is_err_and(|error| error.kind() != ErrorKind::WouldBlock) {
            return false;
        }
        self.written = 0;
        // One who says little keeps no memory for it.
        if self.out.capacity() > 4096 && !self.talks {
            self.out = Vec::new()
        } else {
            self.out.clear()
        }
        true
    }

    /// Reads what is there, after what was left over; how much of `buffer` is filled, and whether there may be more.
    /// Nothing: the socket is gone.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Option<(usize, bool)> {
        let kept = self.rest.len();
        buffer[..kept].copy_from_slice(&self.rest);
        match self.stream.as_mut()?.read(&mut buffer[kept..]) {
            Ok(0) => None,
            // Who was given less than was asked for has had all.
            Ok(length) => Some((kept + length, kept + length == buffer.len())),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Some((kept, false)),
            Err(_) => None,
        }
    }

    pub(super) fn keep(&mut self, rest: &[u8]) {
        if rest.is_empty() {
            self.rest = Vec::new();
        } else {
            self.rest.clear();
            self.rest.extend(rest);
        }
    }
}
