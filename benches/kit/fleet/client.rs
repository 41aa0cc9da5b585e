//! One client: its socket and its progress in the protocol.

use std::io::{ErrorKind, Read, Write};

use wire::{Counter, Seq, door::Admission};

use crate::line::Line;

/// The client of one place in a room.
pub struct Client {
    pub(super) room: usize,
    pub(super) place: Admission,
    pub(super) stream: Option<Line>,
    /// Bytes to write, and how many of them are written.
    pub(super) out: Vec<u8>,
    pub(super) written: usize,
    pub(super) is_dirty: bool,
    /// The beginning of an incomplete frame.
    pub(super) rest: Vec<u8>,
    /// Its progress.
    pub state: State,
    /// Hellos sent.
    pub(super) attempts: u32,
    /// The last event received.
    pub seq: Seq,
    /// The counter of its last message.
    pub sent: Counter,
    /// The counter of its last accepted message.
    pub accepted: Counter,
    /// True when it sends the next message after each acceptance.
    pub(super) talks: bool,
    /// True when it does not read.
    pub deaf: bool,
}

/// A client's progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It has no socket.
    Away,
    /// Its socket is connecting.
    Upgrading,
    /// Its socket is open.
    Upgraded,
    /// It has sent a hello.
    Greeted,
    /// It has knocked.
    Outside,
    /// It is in the group.
    Inside,
    /// The server closed its socket, with this code if any.
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

    /// Writes as much as the socket accepts. Returns false when the socket has failed.
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
        // Frees the buffer of a client that sends little.
        if self.out.capacity() > 4096 && !self.talks {
            self.out = Vec::new()
        } else {
            self.out.clear()
        }
        true
    }

    /// Reads available bytes into `buffer`, after the incomplete frame. Returns the filled length and whether there may
    /// be more, or `None` when the socket has ended.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Option<(usize, bool)> {
        let kept = self.rest.len();
        buffer[..kept].copy_from_slice(&self.rest);
        match self.stream.as_mut()?.read(&mut buffer[kept..]) {
            Ok(0) => None,
            // A short read means that no more bytes are available.
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
