//! From bytes to events, without IO.
//!
//! A message that is here in whole is handed on from where it lies. What is kept of one that is not grows with what
//! has come of it, never with what was announced, and is given back with the message.

use std::{mem, str};

use bytes::{BufMut, buf::Limit};
use zeroize::Zeroize;

use super::{Close, Fault, Opcode, head::Head, mask::Mask};

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A text.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
    /// To be answered by a pong with the same bytes.
    Ping(&'a [u8]),
    /// Answers a ping.
    Pong(&'a [u8]),
    /// To be answered by a close. Nothing comes after it.
    Close(Option<Close<'a>>),
}

/// What has come in so far.
pub struct Parser {
    /// Bytes in a message, at most.
    limit: usize,
    /// The beginning of a head.
    head: Vec<u8>,
    /// A frame whose payload is on its way.
    frame: Option<Frame>,
    /// Of the message that this frame belongs to, or the next one will: its kind, and what is here of it.
    message: Option<Opcode>,
    data: Vec<u8>,
    /// How much of a text is known to be UTF-8.
    checked: usize,
    /// What is here of a control frame, which may come between the fragments of a message.
    control: Vec<u8>,
    over: Over,
    /// Whether what is kept of a message is wiped in the end.
    wipes: bool,
}

/// What is over with the last event.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    Nothing,
    Message,
    Control,
    Everything,
}

struct Frame {
    opcode: Opcode,
    fin: bool,
    mask: Mask,
    left: usize,
}

/// Where the next event is.
enum Found<'a> {
    Nowhere,
    /// In what just came in.
    Here(Opcode, &'a [u8]),
    /// In what was kept.
    Kept(Opcode),
}

/// So much must be here of a message, and so much left of a frame, for it to be worth reading it to its place.
const HERE: usize = 1024;
const LEFT: usize = 4 * 1024;

impl Parser {
    /// At the beginning of a connection, for messages of so many bytes at most.
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
            over: Over::Nothing,
            wipes: false,
        }
    }

    /// Whether the memory that a message is kept in is wiped before it is given back. It then has the room for the
    /// largest message at once: to grow would leave copies behind.
    pub fn wipes(&mut self, wipes: bool) {
        self.wipes = wipes;
    }

    /// From the next frame on, messages may have so many bytes.
    pub fn limit(&mut self, bytes: usize) {
        self.limit = bytes;
    }

    /// Bytes of memory that are kept for a message that is not here in whole.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.data.capacity()
    }

    /// Gives back the memory that the last event was in.
    pub fn release(&mut self) {
        match self.over {
            Over::Message => {
                self.wipe();
                (self.data, self.checked) = (Vec::new(), 0);
            }
            Over::Control => self.control = Vec::new(),
            Over::Nothing | Over::Everything => return,
        }
        self.over = Over::Nothing;
    }

    /// Takes bytes off the front, up to the end of the next event; all of them, if there is none.
    ///
    /// # Errors
    /// What the peer did wrong. There is no going on after that.
    pub fn next<'e, 'a: 'e>(&'e mut self, bytes: &mut &'a mut [u8]) -> Result<Option<Event<'e>>, Fault> {
        self.release();
        if self.over == Over::Everything {
            *bytes = &mut [];
            return Ok(None);
        }
        let (opcode, payload) = match self.find(bytes)? {
            Found::Nowhere => return Ok(None),
            Found::Here(opcode, payload) => (opcode, payload),
            Found::Kept(opcode) if opcode.is_control() => {
                self.over = Over::Control;
                (opcode, self.control.as_slice())
            }
            Found::Kept(opcode) => {
                self.over = Over::Message;
                (opcode, self.data.as_slice())
            }
        };
        Ok(Some(match opcode {
            Opcode::Text => Event::Text(str::from_utf8(payload).map_err(|_| Fault::NotUtf8)?),
            Opcode::Binary | Opcode::Continuation => Event::Binary(payload),
            Opcode::Ping => Event::Ping(payload),
            Opcode::Pong => Event::Pong(payload),
            Opcode::Close => {
                self.over = Over::Everything;
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
                        mask.take_off(payload);
                        return Ok(Found::Here(frame.opcode, payload));
                    }
                    if matches!(frame.opcode, Opcode::Text | Opcode::Binary) {
                        self.message = Some(frame.opcode);
                    }
                    frame
                }
            };
            let part = front(bytes, frame.left);
            frame.mask.take_off(part);
            frame.left -= part.len();
            let (is_control, is_last, is_done) = (frame.opcode.is_control(), frame.fin, frame.left == 0);
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
            if !is_done {
                self.frame = Some(frame);
                return Ok(Found::Nowhere);
            }
            if is_control {
                return Ok(Found::Kept(opcode));
            }
            if is_last && let Some(kind) = self.message.take() {
                return Ok(Found::Kept(kind));
            }
        }
    }

    /// The next frame, if its head is here, and it may come now.
    fn begin(&mut self, bytes: &mut &mut [u8]) -> Result<Option<Frame>, Fault> {
        let Some(Head { opcode, fin, mask, length }) = self.head(bytes)? else { return Ok(None) };
        let left = usize::try_from(length).map_err(|_| Fault::TooBig)?;
        if !opcode.is_control() {
            if self.message.is_some() != (opcode == Opcode::Continuation) {
                return Err(Fault::Protocol);
            }
            // By what is announced, before a byte of it is kept.
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
        // It comes in pieces.
        while !bytes.is_empty() {
            self.head.extend_from_slice(front(bytes, 1));
            if let Some((head, _)) = Head::parse(&self.head)? {
                self.head = Vec::new();
                return Ok(Some(head));
            }
        }
        Ok(None)
    }

    /// Where the rest of a large frame may be read to at once, if one is on its way: at most three times what is here.
    pub fn place(&mut self) -> Option<Limit<&mut Vec<u8>>> {
        let left = self.frame.as_ref().filter(|frame| !frame.opcode.is_control() && frame.left >= LEFT)?.left;
        if self.data.len() < HERE {
            return None;
        }
        if self.data.len() == self.data.capacity() {
            self.data.reserve_exact(left.min(3 * self.data.len()));
        }
        let place = left.min(self.data.capacity() - self.data.len());
        Some((&mut self.data).limit(place))
    }

    /// So many bytes were read to that place. The event that they end is the next one.
    ///
    /// # Errors
    /// As for [`Parser::next`].
    pub fn placed(&mut self, count: usize) -> Result<(), Fault> {
        if let Some(frame) = &mut self.frame {
            let before = self.data.len().saturating_sub(count);
            frame.mask.take_off(self.data.get_mut(before..).unwrap_or_default());
            frame.left = frame.left.saturating_sub(count);
        }
        self.check()
    }

    fn wipe(&mut self) {
        if self.wipes {
            self.data.zeroize();
        }
    }

    /// Looks at a text as it comes: one that cannot become UTF-8 any more is not waited for.
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

/// Takes up to so many bytes off the front.
fn front<'a>(bytes: &mut &'a mut [u8], count: usize) -> &'a mut [u8] {
    let all = mem::take(bytes);
    let (front, rest) = all.split_at_mut(count.min(all.len()));
    *bytes = rest;
    front
}

#[cfg(test)]
mod tests;
