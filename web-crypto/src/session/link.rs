//! The connection to the server: attempts, the hello, pings.

use wire::{
    ClientFrame, CloseCode, Hello, RoomId, Seq, Verifier,
    door::{self, Admission, LeaveRequest, SaltRequest},
};
use zeroize::Zeroizing;

use super::{
    Connection, Output, View,
    connection::{BlockDetector, Due, Timing},
    io::{Io, to_json},
};

/// The name of a room to ask the door's salt for. The door answers every name, and this one says nothing of the room.
const ANY_ROOM: &str = "any";

pub(super) struct Link {
    admission: Admission,
    verifier: Verifier,
    timing: Timing,
    block: BlockDetector,
    /// How many hellos were sent.
    attempt: u32,
    /// Whether the next hello shows the verifier: the client's address has changed.
    rebind: bool,
}

impl Link {
    /// Starts the first attempt.
    pub(super) fn open(admission: Admission, verifier: Verifier, io: &mut Io) -> Self {
        let (timing, block) = (Timing::trying(io.now), BlockDetector::default());
        let link = Self { admission, verifier, timing, block, attempt: 0, rebind: false };
        io.push(Output::Farewell(door::LEAVE, link.farewell()));
        io.push(Output::Connect);
        link
    }

    pub(super) fn room_id(&self) -> RoomId {
        self.admission.room_id
    }

    /// True once the server has welcomed the client on a connection that is open.
    pub(super) fn is_up(&self) -> bool {
        self.timing.is_up()
    }

    pub(super) fn due(&self, now: u64) -> Due {
        self.timing.due(now)
    }

    /// Returns when [`Link::due`] changes next.
    pub(super) fn next(&self) -> u64 {
        self.timing.next()
    }

    /// Called when the socket has opened: says hello. `seq` is the last event that the member knows of.
    pub(super) fn opened(&mut self, seq: Seq, io: &mut Io) {
        // The welcome has as long as opening the socket had.
        self.timing.try_now(io.now);
        self.block.opened();
        self.attempt = self.attempt.saturating_add(1);
        io.send(&ClientFrame::Hello(Hello {
            room_id: self.admission.room_id,
            member_id: self.admission.member_id,
            token: self.admission.token.clone(),
            attempt: self.attempt,
            seq,
            verifier: self.rebind.then(|| self.verifier.clone()),
        }));
    }

    pub(super) fn welcomed(&mut self, io: &Io) {
        self.rebind = false;
        self.timing.up(io);
    }

    pub(super) fn heard(&mut self, now: u64) {
        self.timing.heard(now);
    }

    pub(super) fn connect(&mut self, io: &mut Io) {
        self.timing.try_now(io.now);
        self.block.connecting();
        io.push(Output::Connect);
        show(Connection::Connecting, 0, self.block.words().unwrap_or_default(), io);
    }

    fn connect_at_once(&mut self, io: &mut Io) {
        self.timing.reset_backoff();
        self.connect(io);
    }

    pub(super) fn ping(&mut self, in_doubt: bool, io: &mut Io) {
        io.send(&ClientFrame::Ping);
        self.timing.pinged(in_doubt, io);
    }

    /// Called when the system says that the network is there, or is not.
    pub(super) fn network(&mut self, is_there: bool, io: &mut Io) {
        if self.timing.is_up() {
            self.ping(true, io);
        } else if is_there && self.timing.is_waiting() {
            self.connect_at_once(io);
        } else if is_there && self.timing.is_attempt_slow(io.now) {
            io.push(Output::Disconnect);
            self.connect_at_once(io);
        }
    }

    /// Closes the socket and waits for the next attempt. `words` say why.
    pub(super) fn drop(&mut self, words: &'static str, io: &mut Io) {
        io.push(Output::Disconnect);
        let wait = self.timing.lost(io);
        self.wait(wait, words, io);
    }

    /// Called when the socket was closed, with a code after which the client reconnects, or with none.
    pub(super) fn closed(&mut self, code: Option<CloseCode>, io: &mut Io) {
        let wait = if code == Some(CloseCode::Stopping) { self.timing.stopped(io) } else { self.timing.lost(io) };
        self.rebind |= code == Some(CloseCode::AddressChanged);
        self.wait(wait, code.map_or("", CloseCode::words), io);
    }

    fn wait(&mut self, wait: u64, words: &'static str, io: &mut Io) {
        if self.block.closed() {
            io.post(door::SALT, &SaltRequest { room: ANY_ROOM.to_owned() });
        }
        show(Connection::Waiting, wait, self.block.words().unwrap_or(words), io);
    }

    /// Called when the door answered, or did not. The client asks it when sockets do not open.
    pub(super) fn door_answered(&mut self, answered: bool, io: &mut Io) {
        if self.block.door_answered(answered)
            && let Some(wait) = self.timing.wait_left(io.now)
        {
            show(Connection::Waiting, wait, self.block.words().unwrap_or_default(), io);
        }
    }

    /// Returns the body that takes the member out of the room, at [`door::LEAVE`].
    pub(super) fn farewell(&self) -> Zeroizing<Vec<u8>> {
        let Admission { room_id, member_id, token } = &self.admission;
        to_json(&LeaveRequest { room_id: *room_id, member_id: *member_id, token: token.clone() })
    }
}

pub(super) fn show(state: Connection, retry_in_ms: u64, words: &'static str, io: &mut Io) {
    io.show(View::Connection { state, retry_in_ms, words });
}
