//! In the room: the socket, the people, the messages.

use std::collections::VecDeque;

use wire::{
    ClientFrame, CloseCode, FrameError, Hello, RoomId, ServerFrame, Token, Verifier,
    door::{self, Admission, LeaveRequest, Object, SaltAnswer, SaltRequest},
};
use zeroize::Zeroizing;

use super::{
    Connection, Env, Input, Output, View,
    circle::{Circle, Trouble},
    connection::{Due, Passage, Timing},
};
use crate::{
    group::Me,
    keys::{Key, RoomSecret},
};

/// A name to ask the door for a salt by: it answers every one, and this one says nothing of the room.
const ANY_ROOM: &str = "any";

pub(super) struct Inside {
    room_id: RoomId,
    token: Token,
    verifier: Verifier,
    timing: Timing,
    passage: Passage,
    /// Hellos that were sent.
    attempt: u32,
    /// The next hello shows the verifier too: the address has changed.
    rebind: bool,
    circle: Circle,
}

impl Inside {
    pub(super) fn new(
        admission: Admission,
        name: wire::UserName,
        secret: &RoomSecret,
        verifier: Verifier,
        env: &mut impl Env,
        out: &mut VecDeque<Output>,
    ) -> Self {
        let room_id = admission.room_id;
        let mut seed = Zeroizing::new([0; 32]);
        env.random(seed.as_mut_slice());
        let me = Me::new(admission.member_id, name, secret.room_psk(room_id), seed);
        let door_key: Key = secret.door_key(room_id);
        let inside = Self {
            room_id,
            token: admission.token,
            verifier,
            timing: Timing::trying(env),
            passage: Passage::default(),
            attempt: 0,
            rebind: false,
            circle: Circle::new(room_id, me, door_key),
        };
        out.push_back(Output::Connect);
        out.push_back(Output::Wake(inside.wake().saturating_sub(env.now())));
        inside
    }

    #[cfg(any(test, feature = "observe"))]
    pub(super) fn observe(&mut self) -> super::Observed<'_> {
        self.circle.observe()
    }

    /// When to be woken.
    fn wake(&self) -> u64 {
        self.timing.next().min(self.circle.next())
    }

    /// Whether the session goes on.
    pub(super) fn handle(&mut self, input: Input<'_>, env: &mut impl Env, out: &mut VecDeque<Output>) -> bool {
        let before = self.wake();
        let goes_on = self.take(input, env, out);
        if goes_on && self.wake() != before {
            out.push_back(Output::Wake(self.wake().saturating_sub(env.now())));
        }
        goes_on
    }

    fn take(&mut self, input: Input<'_>, env: &mut impl Env, out: &mut VecDeque<Output>) -> bool {
        match input {
            Input::Opened => {
                // It goes on, however slowly: the welcome has a time of its own.
                self.timing.try_now(env);
                self.passage.opened();
                self.attempt = self.attempt.saturating_add(1);
                let hello = Hello {
                    room_id: self.room_id,
                    member_id: self.circle.me().member_id(),
                    token: self.token.clone(),
                    attempt: self.attempt,
                    seq: self.circle.seq(),
                    verifier: self.rebind.then(|| self.verifier.clone()),
                };
                out.push_back(Output::Send(ClientFrame::Hello(hello).to_bytes()));
            }
            Input::Received(bytes) => {
                self.timing.heard(env);
                let outcome = match ServerFrame::parse(bytes) {
                    Ok(frame) => self.received(frame, env, out),
                    Err(FrameError::Version(_)) => return self.end(CloseCode::UnknownVersion, out),
                    Err(FrameError::Malformed) => Err(Trouble::Disturbed),
                };
                match outcome {
                    Ok(()) => {}
                    Err(Trouble::Disturbed) => self.drop_connection("", env, out),
                    Err(Trouble::Fault) => return self.end(CloseCode::PutOut, out),
                }
            }
            Input::Closed(number) => return self.closed(number, env, out),
            Input::Answered { status, body } => {
                let is_ours = status == 200 && serde_json::from_slice::<Object<SaltAnswer>>(body).is_ok();
                self.door(is_ours, env, out);
            }
            Input::Unanswered => self.door(false, env, out),
            Input::Woken => match self.timing.due(env.now()) {
                Due::Connect => self.connect(env, out),
                Due::GiveUp => self.drop_connection(CloseCode::Silent.words(), env, out),
                Due::Ping => self.ping(false, env, out),
                Due::Nothing => {
                    if self.timing.is_up() && self.circle.woken(env, out).is_err() {
                        return self.end(CloseCode::PutOut, out);
                    }
                    out.push_back(Output::Wake(self.wake().saturating_sub(env.now())));
                }
            },
            Input::Network(_) if self.timing.is_up() => self.ping(true, env, out),
            Input::Network(true) if self.timing.due(u64::MAX) == Due::Connect => self.hurry(env, out),
            Input::Network(true) if self.timing.is_in_vain(env.now()) => {
                out.push_back(Output::Disconnect);
                self.hurry(env, out);
            }
            Input::Say(text) if self.circle.say(text, out).is_err() => return self.end(CloseCode::PutOut, out),
            Input::Picture(picture) if self.circle.picture(picture, out).is_err() => {
                return self.end(CloseCode::PutOut, out);
            }
            Input::Cancel(picture) if self.circle.cancel(picture, out).is_err() => {
                return self.end(CloseCode::PutOut, out);
            }
            Input::Safety => self.circle.safety(out),
            Input::Leave => {
                self.leave(out);
                return false;
            }
            _ => {}
        }
        true
    }

    /// There may be a line again.
    fn hurry(&mut self, env: &mut impl Env, out: &mut VecDeque<Output>) {
        self.timing.hope();
        self.connect(env, out);
    }

    fn connect(&mut self, env: &mut impl Env, out: &mut VecDeque<Output>) {
        self.timing.try_now(env);
        self.passage.connecting();
        out.push_back(Output::Connect);
        show_connection(Connection::Connecting, 0, self.passage.words().unwrap_or_default(), out);
    }

    fn drop_connection(&mut self, words: &'static str, env: &mut impl Env, out: &mut VecDeque<Output>) {
        out.push_back(Output::Disconnect);
        self.wait(words, env, out);
    }

    fn wait(&mut self, words: &'static str, env: &mut impl Env, out: &mut VecDeque<Output>) {
        let wait = self.timing.lost(env);
        self.waiting(wait, words, out);
    }

    fn waiting(&mut self, wait: u64, words: &'static str, out: &mut VecDeque<Output>) {
        self.circle.disconnected();
        if self.passage.closed() {
            let body = serde_json::to_vec(&SaltRequest { room: ANY_ROOM.to_owned() }).unwrap_or_default();
            out.push_back(Output::Post(door::SALT, Zeroizing::new(body)));
        }
        show_connection(Connection::Waiting, wait, self.passage.words().unwrap_or(words), out);
    }

    /// Whether the door has answered, which was asked because no socket opens.
    fn door(&mut self, answered: bool, env: &impl Env, out: &mut VecDeque<Output>) {
        if self.passage.door(answered)
            && let Some(wait) = self.timing.wait_left(env)
        {
            show_connection(Connection::Waiting, wait, self.passage.words().unwrap_or_default(), out);
        }
    }

    fn closed(&mut self, number: u16, env: &mut impl Env, out: &mut VecDeque<Output>) -> bool {
        match CloseCode::from_number(number) {
            Some(code) if !code.reconnect() => return self.end(code, out),
            Some(code @ CloseCode::Stopping) => {
                let wait = self.timing.stopped(env);
                self.waiting(wait, code.words(), out);
            }
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
        if matches!(
            code,
            CloseCode::Malformed | CloseCode::UnknownVersion | CloseCode::CounterSkipped | CloseCode::PutOut
        ) {
            self.post_leave(out);
        }
        let remake = code == CloseCode::UnknownToken;
        let name = match code {
            CloseCode::Left => "left",
            CloseCode::UnknownToken => "unknown_token",
            CloseCode::Replaced => "replaced",
            _ => "refused",
        };
        let words = match code {
            CloseCode::PutOut if self.circle.is_unlisted() => UNLISTED,
            _ => code.words(),
        };
        out.push_back(Output::Show(View::Ended { code: name, words, remake }));
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
        let member_id = self.circle.me().member_id();
        let request = LeaveRequest { room_id: self.room_id, member_id, token: self.token.clone() };
        let body = Zeroizing::new(serde_json::to_vec(&request).unwrap_or_default());
        out.push_back(Output::Post(door::LEAVE, body));
    }

    fn ping(&mut self, in_doubt: bool, env: &mut impl Env, out: &mut VecDeque<Output>) {
        out.push_back(Output::Send(ClientFrame::Ping.to_bytes()));
        self.timing.asked(in_doubt, env);
    }

    fn received(
        &mut self,
        frame: ServerFrame<'_>,
        env: &mut impl Env,
        out: &mut VecDeque<Output>,
    ) -> Result<(), Trouble> {
        match (frame, self.timing.is_up()) {
            (ServerFrame::Welcome(welcome), false) => {
                self.circle.welcomed(welcome, env, out)?;
                self.rebind = false;
                self.timing.up(env);
                Ok(())
            }
            (ServerFrame::Pong, true) => Ok(()),
            (ServerFrame::Welcome(_), true) | (_, false) => Err(Trouble::Disturbed),
            (frame, true) => self.circle.received(frame, env, out),
        }
    }
}

/// Said at the end of a session whose group held others than were named, time after time.
const UNLISTED: &str =
    "The list of people and the encryption group differ: somebody could read unseen. This page stayed out.";

fn show_connection(state: Connection, retry_in_ms: u64, words: &'static str, out: &mut VecDeque<Output>) {
    out.push_back(Output::Show(View::Connection { state, retry_in_ms, words }));
}
