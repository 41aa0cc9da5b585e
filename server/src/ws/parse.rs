//! Parses bytes into events, without IO.
//!
//! A message that arrives whole is returned without a copy. The buffer for an incomplete message grows with the bytes
//! received, never with the announced length, and is freed after the message.

use std::{mem, str};

use bytes::{BufMut, buf::Limit};
use zeroize::Zeroize;

use super::{Close, Fault, Opcode, head::Head, mask::Mask};

/// A message or control frame from the peer.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
    /// Must be answered by a pong with the same bytes.
    Ping(&'a [u8]),
    /// Answers a ping.
    Pong(&'a [u8]),
    /// Must be answered by a close. No event follows it.
    Close(Option<Close<'a>>),
}

/// The state between two reads of one connection.
pub struct Parser {
    /// Maximum bytes in a message.
    limit: usize,
    /// An incomplete head.
    head: Vec<u8>,
    /// A frame with an incomplete payload.
    frame: Option<Frame>,
    /// The type of the incomplete message, and its payload so far.
    message: Option<Opcode>,
    data: Vec<u8>,
    /// Bytes of a text message that have been checked as UTF-8.
    checked: usize,
    /// The payload so far of a control frame, which may come between the fragments of a message.
    control: Vec<u8>,
    finished: Finished,
    /// True when `data` is wiped before it is freed.
    wipes: bool,
}

/// The buffer that the last event borrowed and that can be freed now.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Finished {
    Nothing,
    Message,
    Control,
    /// The last event was a close; all further bytes are ignored.
    Connection,
}

struct Frame {
    opcode: Opcode,
    fin: bool,
    mask: Mask,
    left: usize,
}

/// The location of the next event's payload.
enum Found<'a> {
    /// There is no complete event.
    Nowhere,
    /// In the bytes just received.
    Received(Opcode, &'a [u8]),
    /// In the parser's buffer.
    Buffered(Opcode),
}

/// Reading directly into the message's buffer pays off when the buffer holds at least so many bytes, and at least so
/// many are left of the frame.
const DIRECT_READ_BUFFERED: usize = 1024;
const DIRECT_READ_LEFT: usize = 4 * 1024;

impl Parser {
    /// Returns a parser for a new connection with this limit on messages.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            head: Vec::new(),
            frame: None,
            message: None,
            data: Vec::new(),
            checked: 0,
            control: Vec::new(),
            finished: Finished::Nothing,
            wipes: false,
        }
    }

    /// Sets whether the message buffer is wiped before it is freed. If so, it is allocated at full size, because
    /// growing would leave copies behind.
    pub fn wipes(&mut self, wipes: bool) {
        self.wipes = wipes;
    }

    /// Sets the limit on messages, from the next frame on.
    pub fn limit(&mut self, bytes: usize) {
        self.limit = bytes;
    }

    /// Returns the bytes of memory allocated for an incomplete message.
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        self.data.capacity()
    }

    /// Frees the buffer that the last event borrowed.
    pub fn release(&mut self) {
        match self.finished {
            Finished::Message => {
                self.wipe();
                (self.data, self.checked) = (Vec::new(), 0);
            }
            Finished::Control => self.control = Vec::new(),
            Finished::Nothing | Finished::Connection => return,
        }
        self.finished = Finished::Nothing;
    }

    /// Consumes bytes up to the end of the next event, or all of them if no event is complete.
    ///
    /// # Errors
    /// When the peer violated the protocol. The parser cannot continue after that.
    pub fn next<'e, 'a: 'e>(&'e mut self, bytes: &mut &'a mut [u8]) -> Result<Option<Event<'e>>, Fault> {
        self.release();
        if self.finished == Finished::Connection {
            *bytes = &mut [];
            return Ok(None);
        }
        let (opcode, payload) = match self.find(bytes)? {
            Found::Nowhere => return Ok(None),
            Found::Received(opcode, payload) => (opcode, payload),
            Found::Buffered(opcode) if opcode.is_control() => {
                self.finished = Finished::Control;
                (opcode, self.control.as_slice())
            }
            Found::Buffered(opcode) => {
                self.finished = Finished::Message;
                (opcode, self.data.as_slice())
            }
        };
        Ok(Some(match opcode {
            Opcode::Text => Event::Text(str::from_utf8(payload).map_err(|_| Fault::NotUtf8)?),
            Opcode::Binary | Opcode::Continuation => Event::Binary(payload),
            Opcode::Ping => Event::Ping(payload),
            Opcode::Pong => Event::Pong(payload),
            Opcode::Close => {
                self.finished = Finished::Connection;
                Event::Close(Close::parse(payload)?)
            }
        }))
    }

    fn find<'a>(&mut self, bytes: &mut &'a mut [u8]) -> Result<Found<'a>, Fault> {
        loop {
            let mut frame = match self.frame.take() {
                Some(frame) => frame,
                None => {
                    let Some(frame) = self.begin(bytes)? else { return Ok(Found::Nowhere) };
                    let is_whole = frame.fin && frame.opcode != Opcode::Continuation;
                    if is_whole && frame.left <= bytes.len() {
                        let payload = front(bytes, frame.left);
                        let mut mask = frame.mask;
                        mask.unmask(payload);
                        return Ok(Found::Received(frame.opcode, payload));
                    }
                    if matches!(frame.opcode, Opcode::Text | Opcode::Binary) {
                        self.message = Some(frame.opcode);
                    }
                    frame
                }
            };
            let part = front(bytes, frame.left);
            frame.mask.unmask(part);
            frame.left -= part.len();
            let (is_control, is_last, is_complete) = (frame.opcode.is_control(), frame.fin, frame.left == 0);
            if is_control {
                self.control.extend_from_slice(part);
            } else {
                if self.wipes && self.data.capacity() == 0 {
                    self.data.reserve_exact(self.limit);
                }
                self.data.extend_from_slice(part);
                self.check()?;
            }
            let opcode = frame.opcode;
            if !is_complete {
                self.frame = Some(frame);
                return Ok(Found::Nowhere);
            }
            if is_control {
                return Ok(Found::Buffered(opcode));
            }
            if is_last && let Some(kind) = self.message.take() {
                return Ok(Found::Buffered(kind));
            }
        }
    }

    /// Begins the next frame, if its head is complete. Fails when the frame is not allowed at this point.
    fn begin(&mut self, bytes: &mut &mut [u8]) -> Result<Option<Frame>, Fault> {
        let Some(Head { opcode, fin, mask, length }) = self.head(bytes)? else { return Ok(None) };
        let left = usize::try_from(length).map_err(|_| Fault::TooBig)?;
        if !opcode.is_control() {
            if self.message.is_some() != (opcode == Opcode::Continuation) {
                return Err(Fault::Protocol);
            }
            // Checks the announced length, before a byte is buffered.
            if left > self.limit.saturating_sub(self.data.len()) {
                return Err(Fault::TooBig);
            }
        }
        Ok(Some(Frame { opcode, fin, mask, left }))
    }

    fn head(&mut self, bytes: &mut &mut [u8]) -> Result<Option<Head>, Fault> {
        if self.head.is_empty()
            && let Some((head, length)) = Head::parse(bytes)?
        {
            front(bytes, length);
            return Ok(Some(head));
        }
        // The head comes in pieces.
        while !bytes.is_empty() {
            self.head.extend_from_slice(front(bytes, 1));
            if let Some((head, _)) = Head::parse(&self.head)? {
                self.head = Vec::new();
                return Ok(Some(head));
            }
        }
        Ok(None)
    }

    /// Returns the buffer for a direct read of the rest of a large frame, if one is incomplete. It grows by at most
    /// three times the bytes received.
    pub fn direct_buffer(&mut self) -> Option<Limit<&mut Vec<u8>>> {
        let left =
            self.frame.as_ref().filter(|frame| !frame.opcode.is_control() && frame.left >= DIRECT_READ_LEFT)?.left;
        if self.data.len() < DIRECT_READ_BUFFERED {
            return None;
        }
        if self.data.len() == self.data.capacity() {
            self.data.reserve_exact(left.min(3 * self.data.len()));
        }
        let room = left.min(self.data.capacity() - self.data.len());
        Some((&mut self.data).limit(room))
    }

    /// Called after a direct read of `count` bytes into [`Parser::direct_buffer`]. If they complete an event,
    /// [`Parser::next`] returns it.
    ///
    /// # Errors
    /// As for [`Parser::next`].
    pub fn finish_direct_read(&mut self, count: usize) -> Result<(), Fault> {
        if let Some(frame) = &mut self.frame {
            let before = self.data.len().saturating_sub(count);
            frame.mask.unmask(self.data.get_mut(before..).unwrap_or_default());
            frame.left = frame.left.saturating_sub(count);
        }
        self.check()
    }

    fn wipe(&mut self) {
        if self.wipes {
            self.data.zeroize();
        }
    }

    /// Checks a text message as it arrives, to fail as soon as it cannot become valid UTF-8.
    fn check(&mut self) -> Result<(), Fault> {
        if self.message != Some(Opcode::Text) {
            return Ok(());
        }
        match str::from_utf8(self.data.get(self.checked..).unwrap_or_default()) {
            Ok(text) => self.checked += text.len(),
            Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
            Err(_) => return Err(Fault::NotUtf8),
        }
        Ok(())
    }
}

impl Drop for Parser {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// Splits up to `count` bytes off the front.
fn front<'a>(bytes: &mut &'a mut [u8], count: usize) -> &'a mut [u8] {
    let all = mem::take(bytes);
    let (front, rest) = all.split_at_mut(count.min(all.len()));
    *bytes = rest;
    front
}

#[cfg(test)]
mod tests;
