//! The session: everything a client does, from the names in the form to leaving the room, without IO.
//!
//! A driver (the browser's worker, the native client) hands in each [`Input`] as it happens, with the time, and then
//! carries out every [`Output`]:
//!
//! ```text
//! session.handle(Input::Received(frame), now);
//! while let Some(output) = session.poll() { … }
//! ```

mod connection;
mod incoming;
mod io;
mod leaving;
mod link;
mod membership;
mod outgoing;
mod peers;
mod refresh;
mod talk;
mod view;

use wire::{
    MemberId, Pass, Refusal, RoomId, RoomName, Salt, UserName, Verifier,
    door::{self, Admission, CreateRequest, JoinRequest, Object, SaltAnswer, SaltRequest},
};
use zeroize::Zeroizing;

use crate::{Stretched, keys::RoomSecret, picture::Offer};
use io::Io;
use leaving::Leaving;
use membership::{Membership, Next};
pub use outgoing::Picture;
pub use view::{Connection, Field, PersonView, PictureEnd, Place, Stage, Unreadable, View};

/// What the person asks the door for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Make a room and enter it.
    Create,
    /// Enter an existing room.
    Join,
}

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// The answer to [`Output::Stretch`].
    Stretched(Stretched),
    /// [`Output::Stretch`] failed: a code of PROTOCOL's table, and what the person reads.
    NotStretched(&'a str, &'a str),
    /// The answer to the last [`Output::Post`].
    Answered {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: &'a [u8],
    },
    /// The last [`Output::Post`] got no answer.
    Unanswered,
    /// The socket asked for by [`Output::Connect`] is open.
    Opened,
    /// A binary message arrived.
    Received(&'a [u8]),
    /// The socket is closed, or could not be opened; the close code, 1006 if there was none.
    Closed(u16),
    /// The time asked for by [`Output::Wake`] has come.
    Woken,
    /// The person sends a text.
    Say(&'a str),
    /// The person sends a picture.
    Picture(Picture<'a>),
    /// The person cancels the picture of this [`Picture::number`].
    Cancel(u32),
    /// The person asks for the safety words.
    Safety,
    /// The person leaves.
    Leave,
    /// The system says whether the network is there; true also when the person comes back to the page.
    Network(bool),
}

/// What the driver does.
pub enum Output {
    /// `POST` this JSON to this path.
    Post(&'static str, Zeroizing<Vec<u8>>),
    /// Stretch the password for this room with this salt, and hand in the result.
    Stretch(RoomName, Salt),
    /// Open a socket, and close the one before.
    Connect,
    /// Send a binary message.
    Send(Vec<u8>),
    /// Close the socket, and hand in nothing more from it.
    Disconnect,
    /// Hand in [`Input::Woken`] after this many milliseconds. Replaces the last such wish.
    Wake(u64),
    /// Show the safety words of this: epoch authenticator 32 ‖ group id 20 ‖ number of the epoch u64.
    Safety(Zeroizing<Vec<u8>>),
    /// Check that this is the picture that was offered, and show it. [`View::Picture`] announced it.
    Picture {
        /// Its sender.
        id: MemberId,
        /// Its number.
        picture: u64,
        /// What its sender claims it to be.
        offer: Offer,
        /// The whole picture. Its hash is right; nothing else was checked.
        bytes: Zeroizing<Vec<u8>>,
    },
    /// Keep this path and this body until [`View::Ended`]. A driver that must stop earlier leaves the room by sending this
    /// `POST`, without waiting for the answer.
    Farewell(&'static str, Zeroizing<Vec<u8>>),
    /// Write this line to a log that only developers read. It names nobody and holds no secret.
    Debug(String),
    /// Show this to the person.
    Show(View),
}

/// One visit to one room.
pub struct Session {
    build: String,
    pass: Option<Pass>,
    phase: Phase,
    /// The queue outside the room. Inside, [`Membership`] has it.
    io: Io,
}

/// What a simulation sees of a session in the room.
#[cfg(any(test, feature = "observe"))]
pub struct Observed<'a> {
    /// The client's own member.
    pub me: &'a crate::group::Me,
    /// The group, while the client is in it.
    pub group: Option<&'a mut crate::group::Group>,
    /// Members that have gone and are still in the group.
    pub gone: &'a std::collections::BTreeSet<wire::MemberId>,
    /// Whether the server has welcomed the client on the current connection.
    pub connected: bool,
}

/// A session goes through its phases in this order, and never back.
enum Phase {
    /// The client asks for the salt, then stretches the password.
    Keys(Entry),
    /// The client shows the verifier.
    Door(Entry, RoomSecret, Verifier),
    /// In the room.
    Inside(Box<Membership>),
    /// The person has left, and the server is told.
    Leaving(Leaving),
    Over,
}

/// What the client needs until it is in the room.
struct Entry {
    intent: Intent,
    room: RoomName,
    user: UserName,
    room_id: RoomId,
}

impl Session {
    /// Starts to enter a room. All randomness of the session comes from `seed`, which the driver draws from a
    /// cryptographically secure generator. `build` is the page's build: if the server carries another one, the person is
    /// asked to reload the page. A native client gives an empty one.
    pub fn new(intent: Intent, room: &str, user: &str, build: &str, seed: Zeroizing<[u8; 32]>) -> Self {
        let mut session = Self { build: build.to_owned(), pass: None, phase: Phase::Over, io: Io::new(seed) };
        let (room, user) = match (room.parse::<RoomName>(), user.parse::<UserName>()) {
            (Err(_), _) => {
                session.refuse(Refusal::BadRoomName);
                return session;
            }
            (_, Err(_)) => {
                session.refuse(Refusal::BadUserName);
                return session;
            }
            (Ok(room), Ok(user)) => (room, user),
        };
        let room_id = RoomId(*session.io.random());
        session.io.show(View::Progress { stage: Stage::Deriving });
        session.io.post(door::SALT, &SaltRequest { room: room.as_str().to_owned() });
        session.phase = Phase::Keys(Entry { intent, room, user, room_id });
        session
    }

    /// Takes the pass that the server's gate gave. The session shows it at the door.
    pub fn bring(&mut self, pass: Pass) {
        self.pass = Some(pass);
    }

    /// Takes in what happened at the time `now`, in milliseconds of a monotonic clock. Inputs that do not fit the phase are
    /// ignored: a driver's event may arrive after the phase that it belongs to has ended.
    pub fn handle(&mut self, input: Input<'_>, now: u64) {
        self.phase = match (core::mem::replace(&mut self.phase, Phase::Over), input) {
            (Phase::Over, _) => Phase::Over,
            (Phase::Inside(mut membership), input) => match membership.handle(input, now) {
                Next::GoOn => Phase::Inside(membership),
                Next::Leave => {
                    let (link, mut io) = membership.into_parts();
                    let leaving = Leaving::begin(link.farewell(), link.is_up(), &mut io);
                    self.io = io;
                    Phase::Leaving(leaving)
                }
                Next::Over => {
                    self.io = membership.into_parts().1;
                    Phase::Over
                }
            },
            (Phase::Leaving(leaving), input) => {
                self.io.now = now;
                if leaving.handle(&input, &mut self.io) { Phase::Leaving(leaving) } else { Phase::Over }
            }
            (Phase::Keys(_) | Phase::Door(..), Input::Leave) => {
                self.io.show(View::left());
                Phase::Over
            }
            (_, Input::Unanswered) => {
                self.io.show(View::Refused {
                    code: "unreachable".into(),
                    words: "The server cannot be reached. Check your connection and try again.".into(),
                    field: None,
                    wait: None,
                });
                Phase::Over
            }
            (Phase::Keys(_), Input::NotStretched(code, words)) => {
                self.io.show(View::Refused {
                    code: code.into(),
                    words: words.into(),
                    field: Some(Field::Password),
                    wait: None,
                });
                Phase::Over
            }
            (Phase::Keys(entry), Input::Answered { status: 200, body }) => self.salted(entry, body),
            (Phase::Keys(entry), Input::Stretched(stretched)) => self.ask_for_admission(entry, stretched),
            (Phase::Door(entry, secret, verifier), Input::Answered { status: 200, body }) => {
                self.admitted(entry, &secret, verifier, body, now)
            }
            (Phase::Keys(_) | Phase::Door(..), Input::Answered { status, body }) => {
                self.refused(status, body);
                Phase::Over
            }
            (phase, _) => phase,
        };
    }

    /// Returns the client's member and its group, once the client is in the room.
    #[cfg(any(test, feature = "observe"))]
    pub fn observe(&mut self) -> Option<Observed<'_>> {
        match &mut self.phase {
            Phase::Inside(membership) => Some(membership.observe()),
            _ => None,
        }
    }

    /// Returns the next thing to do, until there is none.
    pub fn poll(&mut self) -> Option<Output> {
        match &mut self.phase {
            Phase::Inside(membership) => membership.io.poll(),
            _ => self.io.poll(),
        }
    }

    fn salted(&mut self, entry: Entry, body: &[u8]) -> Phase {
        match serde_json::from_slice(body).map(|Object::<SaltAnswer>(answer)| answer) {
            Ok(answer) if !self.build.is_empty() && answer.build != self.build => {
                self.io.show(View::Refused {
                    code: "stale".into(),
                    words: "Cloakroom was updated on the server. Reload the page to go on.".into(),
                    field: None,
                    wait: None,
                });
                Phase::Over
            }
            Ok(answer) => {
                self.io.push(Output::Stretch(entry.room.clone(), answer.salt));
                Phase::Keys(entry)
            }
            Err(_) => {
                self.refuse(Refusal::Internal);
                Phase::Over
            }
        }
    }

    fn ask_for_admission(&mut self, entry: Entry, stretched: Stretched) -> Phase {
        self.io.show(View::Progress { stage: Stage::Entering });
        let secret = RoomSecret::extract(b"", stretched);
        let verifier = secret.verifier(&entry.room);
        let (room, user) = (entry.room.as_str().to_owned(), entry.user.as_str().to_owned());
        let pass = self.pass.take();
        match entry.intent {
            Intent::Create => {
                let room_id = entry.room_id;
                self.io.post(door::CREATE, &CreateRequest { room, user, room_id, verifier: verifier.clone(), pass });
            }
            Intent::Join => {
                self.io.post(door::JOIN, &JoinRequest { room, user, verifier: verifier.clone(), pass });
            }
        }
        Phase::Door(entry, secret, verifier)
    }

    fn admitted(&mut self, entry: Entry, secret: &RoomSecret, verifier: Verifier, body: &[u8], now: u64) -> Phase {
        match serde_json::from_slice(body).map(|Object::<Admission>(admission)| admission) {
            // The creator chose the id of its room. The server must not give it another.
            Ok(admission) if entry.intent == Intent::Join || admission.room_id == entry.room_id => {
                self.io.show(View::Admitted {
                    room: entry.room.as_str().to_owned(),
                    user: entry.user.as_str().to_owned(),
                });
                self.io.show(View::Progress { stage: Stage::Connecting });
                let io = self.io.hand_over();
                Phase::Inside(Box::new(Membership::new(admission, entry.user, secret, verifier, io, now)))
            }
            _ => {
                self.refuse(Refusal::Internal);
                Phase::Over
            }
        }
    }

    /// Shows the door's refusal, if its body is one. A proxy's error page is not shown.
    fn refused(&mut self, status: u16, body: &[u8]) {
        #[derive(serde::Deserialize)]
        struct Body {
            error: String,
            retry_after: Option<u64>,
        }
        let find = |fits: &dyn Fn(&Refusal) -> bool| Refusal::ALL.iter().copied().find(|refusal| fits(refusal));
        let (known, wait) = match serde_json::from_slice::<Object<Body>>(body) {
            Ok(Object(body)) => (find(&|refusal| refusal.code() == body.error), body.retry_after),
            // Not the door's own body: a proxy answered in its place.
            Err(_) => (None, None),
        };
        let by_status = || find(&|refusal| refusal.status() == status && status >= 500);
        self.refuse_until(known.or_else(by_status).unwrap_or(Refusal::Internal), wait);
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.refuse_until(refusal, None);
    }

    fn refuse_until(&mut self, refusal: Refusal, wait: Option<u64>) {
        let field = match refusal {
            Refusal::BadRoomName | Refusal::RoomNameTaken => Some(Field::Room),
            Refusal::BadUserName | Refusal::UserNameTaken => Some(Field::User),
            Refusal::WrongCredentials => Some(Field::Password),
            _ => None,
        };
        self.io.show(View::Refused { code: refusal.code().into(), words: refusal.words().into(), field, wait });
    }
}

#[cfg(test)]
mod tests;
