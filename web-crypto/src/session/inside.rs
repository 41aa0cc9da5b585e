//! In the room: the socket, the people, the messages.

use std::collections::VecDeque;

use wire::{
    ClientFrame, CloseCode, Counter, Departure, FrameError, Hello, MemberId, Person, RoomId, Seq, ServerFrame, Token,
    UserName, Verifier, Welcome,
    door::{self, Admission, LeaveRequest},
    limits,
};
use zeroize::Zeroizing;

use super::{
    Connection, Env, Input, Output, Unreadable, View,
    connection::{Due, Timing},
    peers::{Impossible, Peer, Peers, Standing},
};
use crate::{
    content::{Content, ContentError},
    keys::Key,
    message::MessageKey,
};

pub(super) struct Inside {
    room_id: RoomId,
    me: MemberId,
    token: Token,
    name: UserName,
    verifier: Verifier,
    key: MessageKey,
    timing: Timing,
    /// The next hello shows the verifier too: the address has changed.
    rebind: bool,
    /// Welcomed once before.
    known: bool,
    seq: Seq,
    peers: Peers,
    /// The counter of one's own last message.
    counter: Counter,
    /// Own messages that the server has not yet taken, oldest first.
    unsent: VecDeque<(Counter, Content)>,
}

/// The server did what the protocol does not allow: the connection is not worth keeping.
struct Disturbed;

impl From<Impossible> for Disturbed {
    fn from(_: Impossible) -> Self {
        Self
    }
}

impl Inside {
    pub(super) fn new(
        admission: Admission,
        name: UserName,
        verifier: Verifier,
        key: Key,
        env: &mut impl Env,
        out: &mut VecDeque<Output>,
    ) -> Self {
        let timing = Timing::trying(env);
        out.push_back(Output::Connect);
        out.push_back(Output::Wake(timing.next().saturating_sub(env.now())));
        Self {
            room_id: admission.room_id,
            me: admission.member_id,
            token: admission.token,
            name,
            verifier,
            key: MessageKey::new(key),
            timing,
            rebind: false,
            known: false,
            seq: Seq(0),
            peers: Peers::default(),
            counter: Counter(0),
            unsent: VecDeque::new(),
        }
    }

    /// Whether the session goes on.
    pub(super) fn handle(&mut self, input: Input<'_>, env: &mut impl Env, out: &mut VecDeque<Output>) -> bool {
        let before = self.timing.next();
        let goes_on = self.take(input, env, out);
        if goes_on && self.timing.next() != before {
            out.push_back(Output::Wake(self.timing.next().saturating_sub(env.now())));
        }
        goes_on
    }

    fn take(&mut self, input: Input<'_>, env: &mut impl Env, out: &mut VecDeque<Output>) -> bool {
        match input {
            Input::Opened => {
                let hello = Hello {
                    room_id: self.room_id,
                    member_id: self.me,
                    token: self.token.clone(),
                    verifier: self.rebind.then(|| self.verifier.clone()),
                };
                out.push_back(Output::Send(ClientFrame::Hello(hello).to_bytes()));
            }
            Input::Received(bytes) => {
                self.timing.heard(env);
                match ServerFrame::parse(bytes) {
                    Ok(frame) => {
                        if self.received(frame, env, out).is_err() {
                            self.drop_connection("", env, out);
                        }
                    }
                    Err(FrameError::Version(_)) => return self.end(CloseCode::UnknownVersion, out),
                    Err(FrameError::Malformed) => self.drop_connection("", env, out),
                }
            }
            Input::Closed(number) => return self.closed(number, env, out),
            Input::Woken => match self.timing.due(env.now()) {
                Due::Connect => self.connect(env, out),
                Due::GiveUp => self.drop_connection(CloseCode::Silent.words(), env, out),
                Due::Ping => self.ping(false, env, out),
                Due::Nothing => out.push_back(Output::Wake(self.timing.next().saturating_sub(env.now()))),
            },
            Input::Network(_) if self.timing.is_up() => self.ping(true, env, out),
            Input::Network(true) if self.timing.due(u64::MAX) == Due::Connect => self.connect(env, out),
            Input::Say(text) => self.say(text, env, out),
            Input::Leave => {
                self.leave(out);
                return false;
            }
            _ => {}
        }
        true
    }

    fn connect(&mut self, env: &mut impl Env, out: &mut VecDeque<Output>) {
        self.timing.try_now(env);
        out.push_back(Output::Connect);
        show_connection(Connection::Connecting, 0, "", out);
    }

    fn drop_connection(&mut self, words: &'static str, env: &mut impl Env, out: &mut VecDeque<Output>) {
        out.push_back(Output::Disconnect);
        self.wait(words, env, out);
    }

    fn wait(&mut self, words: &'static str, env: &mut impl Env, out: &mut VecDeque<Output>) {
        let wait = self.timing.lost(env);
        show_connection(Connection::Waiting, wait, words, out);
    }

    fn closed(&mut self, number: u16, env: &mut impl Env, out: &mut VecDeque<Output>) -> bool {
        match CloseCode::from_number(number) {
            Some(code) if !code.reconnect() => return self.end(code, out),
            Some(code) => {
                self.rebind |= code == CloseCode::AddressChanged;
                self.wait(code.words(), env, out);
            }
            None => self.wait("", env, out),
        }
        true
    }

    fn end(&mut self, code: CloseCode, out: &mut VecDeque<Output>) -> bool {
        out.push_back(Output::Disconnect);
        // Still a member, for the server: the name is to be free at once.
        if matches!(code, CloseCode::Malformed | CloseCode::UnknownVersion | CloseCode::CounterSkipped) {
            self.post_leave(out);
        }
        let remake = code == CloseCode::UnknownToken;
        let name = match code {
            CloseCode::Left => "left",
            CloseCode::UnknownToken => "unknown_token",
            CloseCode::Replaced => "replaced",
            _ => "refused",
        };
        out.push_back(Output::Show(View::Ended { code: name, words: code.words(), remake }));
        false
    }

    fn leave(&mut self, out: &mut VecDeque<Output>) {
        if self.timing.is_up() {
            out.push_back(Output::Send(ClientFrame::Leave.to_bytes()));
        } else {
            self.post_leave(out);
        }
        self.end(CloseCode::Left, out);
    }

    fn post_leave(&self, out: &mut VecDeque<Output>) {
        let request = LeaveRequest { room_id: self.room_id, member_id: self.me, token: self.token.clone() };
        let body = Zeroizing::new(serde_json::to_vec(&request).unwrap_or_default());
        out.push_back(Output::Post(door::LEAVE, body));
    }

    fn ping(&mut self, in_doubt: bool, env: &mut impl Env, out: &mut VecDeque<Output>) {
        out.push_back(Output::Send(ClientFrame::Ping.to_bytes()));
        self.timing.asked(in_doubt, env);
    }

    fn say(&mut self, text: &str, env: &mut impl Env, out: &mut VecDeque<Output>) {
        let content = match Content::text(text) {
            Some(content) if self.unsent.len() < limits::UNSENT_MESSAGES => content,
            taken => {
                let words = match taken {
                    Some(_) => "Too many messages are waiting to be sent. Wait until the connection is back.",
                    None => "A message has 1 to 10,000 characters. Shorten it, or send it in parts.",
                };
                out.push_back(Output::Show(View::Rejected { text: text.to_owned(), words }));
                return;
            }
        };
        self.counter = self.counter.next();
        out.push_back(Output::Show(View::Message {
            id: self.me,
            name: self.name.as_str().to_owned(),
            text: text.to_owned(),
            mine: true,
            counter: self.counter,
        }));
        self.unsent.push_back((self.counter, content));
        if self.timing.is_up() {
            self.send(self.counter, env, out);
        }
    }

    /// Seals and sends all that is unsent, from this counter on. Sealed anew each time: what goes out
    /// again after a lost connection has another nonce.
    fn send(&self, from: Counter, env: &mut impl Env, out: &mut VecDeque<Output>) {
        for (counter, content) in self.unsent.iter().filter(|(counter, _)| *counter >= from) {
            let mut nonce = [0; 24];
            env.random(&mut nonce);
            if let Ok(sealed) = self.key.seal(nonce, self.me, *counter, &content.to_padded()) {
                out.push_back(Output::Send(ClientFrame::Message { counter: *counter, sealed: &sealed }.to_bytes()));
            }
        }
    }

    fn received(
        &mut self,
        frame: ServerFrame<'_>,
        env: &mut impl Env,
        out: &mut VecDeque<Output>,
    ) -> Result<(), Disturbed> {
        match (frame, self.timing.is_up()) {
            (ServerFrame::Welcome(welcome), false) => self.welcomed(welcome, env, out),
            (ServerFrame::Pong, true) => Ok(()),
            (ServerFrame::Message { seq, sender, counter, sealed }, true) => {
                self.advance(seq)?;
                self.open(sender, counter, sealed, out)
            }
            (ServerFrame::Accepted { seq, counter }, true) => {
                self.advance(seq)?;
                self.accepted(counter, out);
                Ok(())
            }
            (ServerFrame::Entered { seq, member_id, name }, true) => {
                self.advance(seq)?;
                let person = Person { member_id, name, counter: Counter(0), connected: true };
                self.entered(&person, out)?;
                self.show_people(out);
                Ok(())
            }
            (ServerFrame::Left { seq, member_id, departure, counter }, true) if member_id != self.me => {
                self.advance(seq)?;
                let mut peer = self.peers.remove(member_id)?;
                let missing = peer.heard_of(counter);
                show_missed(member_id, peer.name.as_str(), missing, out);
                show_left(member_id, &peer, departure == Departure::Lost, out);
                self.show_people(out);
                Ok(())
            }
            (ServerFrame::Presence { seq, member_id, connected }, true) => {
                self.advance(seq)?;
                self.peers.get_mut(member_id)?.connected = connected;
                self.show_people(out);
                Ok(())
            }
            _ => Err(Disturbed),
        }
    }

    /// One order without holes: a server that leaves a number out or repeats one is not to be followed.
    fn advance(&mut self, seq: Seq) -> Result<(), Disturbed> {
        if seq != self.seq.next() {
            return Err(Disturbed);
        }
        self.seq = seq;
        Ok(())
    }

    fn welcomed(&mut self, welcome: Welcome, env: &mut impl Env, out: &mut VecDeque<Output>) -> Result<(), Disturbed> {
        let me = welcome.people.iter().find(|person| person.member_id == self.me).ok_or(Disturbed)?;
        if me.name != self.name || (self.known && welcome.seq < self.seq) {
            return Err(Disturbed);
        }
        if self.known {
            self.catch_up(&welcome.people, out)?;
        } else {
            self.peers = Peers::default();
            welcome.people.iter().try_for_each(|person| self.peers.add(person))?;
        }
        self.known = true;
        self.seq = welcome.seq;
        self.rebind = false;
        self.timing.up(env);
        show_connection(Connection::Connected, 0, "", out);
        self.show_people(out);
        self.accepted(me.counter, out);
        self.send(Counter(0), env, out);
        Ok(())
    }

    /// After a lost connection: who went, who came, and what was missed.
    fn catch_up(&mut self, people: &[Person], out: &mut VecDeque<Output>) -> Result<(), Disturbed> {
        for id in self.peers.missing_from(people) {
            show_left(id, &self.peers.remove(id)?, false, out);
        }
        for person in people {
            match self.peers.get_mut(person.member_id) {
                Ok(peer) if peer.name == person.name => peer.connected = person.connected,
                Ok(_) => return Err(Disturbed),
                Err(Impossible) => self.entered(&Person { counter: Counter(0), ..person.clone() }, out)?,
            }
            if person.member_id != self.me {
                let missing = self.peers.get_mut(person.member_id)?.heard_of(person.counter);
                show_missed(person.member_id, person.name.as_str(), missing, out);
            }
        }
        Ok(())
    }

    fn entered(&mut self, person: &Person, out: &mut VecDeque<Output>) -> Result<(), Disturbed> {
        self.peers.add(person)?;
        let name = person.name.as_str().to_owned();
        out.push_back(Output::Show(View::Entered { id: person.member_id, name }));
        Ok(())
    }

    fn accepted(&mut self, up_to: Counter, out: &mut VecDeque<Output>) {
        while let Some((counter, _)) = self.unsent.front() {
            if *counter > up_to {
                break;
            }
            out.push_back(Output::Show(View::Accepted { counter: *counter }));
            self.unsent.pop_front();
        }
    }

    fn open(
        &mut self,
        sender: MemberId,
        counter: Counter,
        sealed: &[u8],
        out: &mut VecDeque<Output>,
    ) -> Result<(), Disturbed> {
        if sender == self.me {
            return Err(Disturbed);
        }
        let peer = self.peers.get_mut(sender)?;
        let name = peer.name.as_str().to_owned();
        let unreadable = |why| Output::Show(View::Unreadable { id: sender, name: name.clone(), why });
        let Ok(padded) = self.key.open(sender, counter, sealed) else {
            peer.unreadable(counter);
            out.push_back(unreadable(Unreadable::Sealed));
            return Ok(());
        };
        let Standing::New { missing } = peer.opened(counter) else {
            out.push_back(unreadable(Unreadable::Replayed));
            return Ok(());
        };
        show_missed(sender, &name, missing, out);
        out.push_back(match Content::from_padded(&padded) {
            Ok(Content::Text(text)) => {
                Output::Show(View::Message { id: sender, text: text.as_str().to_owned(), name, mine: false, counter })
            }
            Err(ContentError::Unknown) => unreadable(Unreadable::Kind),
            Err(ContentError::Malformed) => unreadable(Unreadable::Sealed),
        });
        Ok(())
    }

    fn show_people(&self, out: &mut VecDeque<Output>) {
        out.push_back(Output::Show(View::People { people: self.peers.view(self.me) }));
    }
}

fn show_connection(state: Connection, retry_in_ms: u64, words: &'static str, out: &mut VecDeque<Output>) {
    out.push_back(Output::Show(View::Connection { state, retry_in_ms, words }));
}

fn show_left(id: MemberId, peer: &Peer, lost: bool, out: &mut VecDeque<Output>) {
    out.push_back(Output::Show(View::Left { id, name: peer.name.as_str().to_owned(), lost }));
}

fn show_missed(id: MemberId, name: &str, count: u64, out: &mut VecDeque<Output>) {
    if count > 0 {
        out.push_back(Output::Show(View::Missed { id, name: name.to_owned(), count }));
    }
}
