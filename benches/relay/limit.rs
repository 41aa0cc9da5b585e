//! The upper limit for any relay: the same socket operations and nothing else. One thread polls all sockets, reads what
//! clients send, and writes prepared frames to the rest of the room. It keeps and checks nothing, and looks only at the
//! bytes of a message that it has to stamp.

use std::{
    collections::HashMap,
    io::{ErrorKind, Read, Write},
    mem,
};

use kit::ws::{self, MASK, opcode};
use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};
use wire::{Counter, Epoch, MemberId, Seq, ServerFrame, Standing, Welcome};

const LISTENER: Token = Token(usize::MAX);
/// Longer frames are written without a copy. Shorter ones are gathered for one write.
const GATHER_BYTES: usize = 4096;
const HELLO: u8 = 1;
const MESSAGE: u8 = 2;

/// Serves until the process is killed. With `at_once`, each frame is written separately.
pub fn serve(at_once: bool) {
    let mut listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut poll = Poll::new().unwrap();
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE).unwrap();
    eprintln!("listening on {}", listener.local_addr().unwrap());
    let mut limit = Limit { at_once, ..Limit::default() };
    let mut buffer = vec![0; 256 * 1024];
    let mut events = Events::with_capacity(1024);
    loop {
        if let Err(error) = poll.poll(&mut events, None) {
            assert_eq!(error.kind(), ErrorKind::Interrupted, "{error}");
        }
        for event in &events {
            let Token(slot) = event.token();
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true).unwrap();
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(&mut stream, Token(limit.lines.len()), interest).unwrap();
                    limit.lines.push(Line::new(stream));
                }
                continue;
            }
            if event.is_writable() {
                limit.mark(slot);
            }
            if event.is_readable() {
                limit.read(slot, &mut buffer);
            }
        }
        for slot in mem::take(&mut limit.dirty) {
            limit.lines[slot].flush();
        }
    }
}

#[derive(Default)]
struct Limit {
    at_once: bool,
    lines: Vec<Line>,
    dirty: Vec<usize>,
    rooms: HashMap<[u8; 16], usize>,
    /// The clients of each room, and its last sequence number.
    members: Vec<(Vec<usize>, u64)>,
    /// The last relayed frame, reused because the next one is likely as long.
    relayed: Vec<u8>,
}

struct Line {
    stream: Option<TcpStream>,
    is_upgraded: bool,
    room: usize,
    member: u32,
    rest: Vec<u8>,
    out: Vec<u8>,
    written: usize,
    is_dirty: bool,
}

impl Line {
    fn new(stream: TcpStream) -> Self {
        let (rest, out) = (Vec::new(), Vec::new());
        let stream = Some(stream);
        Self { stream, is_upgraded: false, room: 0, member: 0, rest, out, written: 0, is_dirty: false }
    }

    fn write(&mut self, bytes: &[u8]) {
        let gathered = bytes.len() <= GATHER_BYTES || !self.out.is_empty();
        let written = match &mut self.stream {
            Some(stream) if !gathered => stream.write(bytes).unwrap_or(0),
            _ => 0,
        };
        self.out.extend(&bytes[written..]);
    }

    fn flush(&mut self) {
        self.is_dirty = false;
        let Some(stream) = &mut self.stream else { return };
        while self.written < self.out.len() {
            match stream.write(&self.out[self.written..]) {
                Ok(length) => self.written += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.stream = None;
                    return;
                }
            }
        }
        self.written = 0;
        if self.out.capacity() > 64 * 1024 { self.out = Vec::new() } else { self.out.clear() }
    }
}

impl Limit {
    fn mark(&mut self, slot: usize) {
        if self.at_once {
            self.lines[slot].flush();
        } else if !mem::replace(&mut self.lines[slot].is_dirty, true) {
            self.dirty.push(slot);
        }
    }

    fn read(&mut self, slot: usize, buffer: &mut [u8]) {
        loop {
            let line = &mut self.lines[slot];
            let kept = line.rest.len();
            buffer[..kept].copy_from_slice(&line.rest);
            let Some(stream) = &mut line.stream else { return };
            let read = match stream.read(&mut buffer[kept..]) {
                Ok(read) if read > 0 => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                _ => {
                    line.stream = None;
                    return;
                }
            };
            let filled = kept + read;
            let taken = self.take(slot, &buffer[..filled]);
            let rest = &mut self.lines[slot].rest;
            rest.clear();
            rest.extend(&buffer[taken..filled]);
            if filled < buffer.len() {
                return;
            }
        }
    }

    fn take(&mut self, slot: usize, bytes: &[u8]) -> usize {
        let mut taken = 0;
        if !self.lines[slot].is_upgraded {
            let Some(end) = ws::head(bytes) else { return 0 };
            taken = end;
            self.lines[slot].is_upgraded = true;
            self.lines[slot].out.extend(
                b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
                  sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
            );
            self.mark(slot);
        }
        while let Some(frame) = ws::first(&bytes[taken..]) {
            if frame.opcode == opcode::BINARY {
                self.frame(slot, &bytes[taken + frame.start..taken + frame.end]);
            }
            taken += frame.end;
        }
        taken
    }

    fn frame(&mut self, slot: usize, masked: &[u8]) {
        let mut head = [0; 30];
        for (at, (byte, masked)) in head.iter_mut().zip(masked).enumerate() {
            *byte = masked ^ MASK[at % MASK.len()];
        }
        match head[1] {
            HELLO => self.hello(slot, &head),
            MESSAGE => self.message(slot, &head, masked.len()),
            _ => {}
        }
    }

    fn hello(&mut self, slot: usize, head: &[u8; 30]) {
        let room = *self.rooms.entry(head[2..18].try_into().unwrap()).or_insert_with(|| {
            self.members.push((Vec::new(), 0));
            self.members.len() - 1
        });
        let line = &mut self.lines[slot];
        line.room = room;
        line.member = u32::from_be_bytes(head[18..22].try_into().unwrap());
        let (members, seq) = &mut self.members[room];
        members.push(slot);
        let (seq, epoch) = (Seq(*seq), Epoch::default());
        let welcome = Welcome { seq, epoch, standing: Standing::Inside, counter: Counter(0) };
        line.out.extend(framed(&ServerFrame::Welcome(welcome)));
        self.mark(slot);
    }

    fn message(&mut self, slot: usize, head: &[u8; 30], length: usize) {
        let (room, sender) = (self.lines[slot].room, self.lines[slot].member);
        let (members, seq) = &mut self.members[room];
        *seq += 1;
        let (seq, counter) = (Seq(*seq), Counter(u64::from_be_bytes(head[14..22].try_into().unwrap())));
        let members = mem::take(members);
        let mut frame = mem::take(&mut self.relayed);
        let mut start = frame.len().wrapping_sub(length);
        if start > 10 {
            let sealed = vec![0x5a; length - 22];
            frame = framed(&ServerFrame::Message { seq, sender: MemberId(sender), counter, sealed: &sealed });
            start = frame.len() - length;
        }
        frame[start + 2..start + 10].copy_from_slice(&seq.0.to_be_bytes());
        frame[start + 10..start + 14].copy_from_slice(&sender.to_be_bytes());
        frame[start + 14..start + 30].copy_from_slice(&head[14..30]);
        for other in &members {
            if *other != slot {
                self.lines[*other].write(&frame);
                self.mark(*other);
            }
        }
        self.relayed = frame;
        self.members[room].0 = members;
        self.lines[slot].out.extend(framed(&ServerFrame::Accepted { seq, counter }));
        self.mark(slot);
    }
}

fn framed(frame: &ServerFrame<'_>) -> Vec<u8> {
    let payload = frame.to_bytes();
    let mut bytes = Vec::with_capacity(payload.len() + 10);
    ws::put_head(&mut bytes, opcode::BINARY, payload.len(), 0);
    bytes.extend(payload);
    bytes
}
