//! The session: what a client does, from the names typed in to leaving the room, without IO.
//!
//! A driver (the browser's worker, the native client) hands in each [`Input`] as it happens and then
//! carries out every [`Output`]:
//!
//! ```text
//! session.handle(Input::Received(frame), &mut env);
//! while let Some(output) = session.poll() { … }
//! ```

mod circle;
mod connection;
mod incoming;
mod inside;
mod outgoing;
mod peers;
mod refresh;
mod talk;
mod view;

use std::collections::VecDeque;

use wire::{
    MemberId, Pass, Refusal, RoomId, RoomName, Salt, UserName, Verifier,
    door::{self, Admission, CreateRequest, JoinRequest, Object, SaltAnswer, SaltRequest},
};
use zeroize::Zeroizing;

use crate::{Stretched, keys::RoomSecret, picture::Offer};
use inside::Inside;
pub use outgoing::Picture;
pub use view::{Connection, Field, PersonView, PictureEnd, Place, Stage, Unreadable, View};

/// What the core may not reach for itself.
pub trait Env {
    /// Milliseconds of a clock that is never set.
    fn now(&self) -> u64;
    /// Bytes from a cryptographically secure generator.
    fn random(&mut self, bytes: &mut [u8]);
}

/// What a person sets out to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Make a room and enter it.
    Create,
    /// Enter a room that is there.
    Join,
}

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// The answer to [`Output::Stretch`].
    Stretched(Stretched),
    /// [`Output::Stretch`] could not be carried out: a code of PROTOCOL's table, and its words.
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
    /// A binary message came in.
    Received(&'a [u8]),
    /// The socket is closed, or could not be opened; the close code, 1006 if there was none.
    Closed(u16),
    /// The time asked for by [`Output::Wake`] has come.
    Woken,
    /// The person sends a text.
    Say(&'a str),
    /// The person sends a picture.
    Picture(Picture<'a>),
    /// The person does not want the picture of this [`Picture::number`] sent any more.
    Cancel(u32),
    /// The person wants to see the safety words.
    Safety,
    /// The person leaves.
    Leave,
    /// The system says that the network is there, or is not; or the person came back to the page.
    Network(bool),
}

/// What is to be done.
pub enum Output {
    /// `POST` this JSON to this path.
    Post(&'static str, Zeroizing<Vec<u8>>),
    /// Stretch the password for this room with this salt.
    Stretch(RoomName, Salt),
    /// Open the socket, in place of any other.
    Connect,
    /// Send a binary message.
    Send(Vec<u8>),
    /// Close the socket; nothing more is to be handed in from it.
    Disconnect,
    /// Hand in [`Input::Woken`] after so many milliseconds, in place of any other such wish.
    Wake(u64),
    /// Make safety words of this and show them: epoch authenticator 32 ‖ group id 20 ‖ number of the epoch u64.
    Safety(Zeroizing<Vec<u8>>),
    /// Look whether this is what was offered, which [`View::Picture`] told of, and show it.
    Picture {
        /// Whose.
        id: MemberId,
        /// Which.
        picture: u64,
        /// What it is said to be.
        offer: Offer,
        /// As it came, whole: the hash is right, nothing else is known.
        bytes: Zeroizing<Vec<u8>>,
    },
    /// Tell the person.
    Show(View),
}

/// One visit to one room.
pub struct Session {
    build: String,
    pass: Option<Pass>,
    phase: Phase,
    outputs: VecDeque<Output>,
}

/// What a simulation sees of a session in the room.
#[cfg(any(test, feature = "observe"))]
pub struct Observed<'a> {
    /// Oneself.
    pub me: &'a crate::group::Me,
    /// The group, while one is in it.
    pub group: Option<&'a mut crate::group::Group>,
    /// Those who are gone and still in the group.
    pub gone: &'a std::collections::BTreeSet<wire::MemberId>,
    /// Whether one was welcomed, on a connection that is up.
    pub connected: bool,
}

/// Phases follow one another and none comes back.
enum Phase {
    /// The salt is asked for, then the password stretched.
    Keys(Approach),
    /// The verifier is shown.
    Door(Approach, RoomSecret, Verifier),
    /// In the room.
    Inside(Box<Inside>),
    Over,
}

struct Approach {
    intent: Intent,
    room: RoomName,
    user: UserName,
    room_id: RoomId,
}

impl Session {
    /// Sets out for a room. `build` is the build of the page that asks; a server that carries another
    /// has the person reload it. A native client gives an empty one.
    pub fn new(intent: Intent, room: &str, user: &str, build: &str, env: &mut impl Env) -> Self {
        let mut session = Self { build: build.to_owned(), pass: None, phase: Phase::Over, outputs: VecDeque::new() };
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
        let mut room_id = RoomId([0; 16]);
        env.random(&mut room_id.0);
        session.show(View::Progress { stage: Stage::Deriving });
        session.post(door::SALT, &SaltRequest { room: room.as_str().to_owned() });
        session.phase = Phase::Keys(Approach { intent, room, user, room_id });
        session
    }

    /// Takes along what the server's gate gave; at the door, it is shown.
    pub fn bring(&mut self, pass: Pass) {
        self.pass = Some(pass);
    }

    /// Takes in what happened. Inputs that do not fit the phase are passed over: a driver's events
    /// may cross with the end of what they belonged to.
    pub fn handle(&mut self, input: Input<'_>, env: &mut impl Env) {
        self.phase = match (core::mem::replace(&mut self.phase, Phase::Over), input) {
            (Phase::Over, _) => Phase::Over,
            (Phase::Inside(mut inside), input) => {
                if inside.handle(input, env, &mut self.outputs) {
                    Phase::Inside(inside)
                } else {
                    Phase::Over
                }
            }
            (Phase::Keys(_) | Phase::Door(..), Input::Leave) => {
                self.show(View::Ended { code: "left", words: wire::CloseCode::Left.words(), remake: false });
                Phase::Over
            }
            (_, Input::Unanswered) => {
                self.show(View::Refused {
                    code: "unreachable".into(),
                    words: "The server cannot be reached. Check your connection and try again.".into(),
                    field: None,
                    wait: None,
                });
                Phase::Over
            }
            (Phase::Keys(_), Input::NotStretched(code, words)) => {
                self.show(View::Refused {
                    code: code.into(),
                    words: words.into(),
                    field: Some(Field::Password),
                    wait: None,
                });
                Phase::Over
            }
            (Phase::Keys(approach), Input::Answered { status: 200, body }) => self.salted(approach, body),
            (Phase::Keys(approach), Input::Stretched(stretched)) => self.knock(approach, stretched),
            (Phase::Door(approach, secret, verifier), Input::Answered { status: 200, body }) => {
                self.enter(approach, &secret, verifier, body, env)
            }
            (Phase::Keys(_) | Phase::Door(..), Input::Answered { status, body }) => {
                self.refused(status, body);
                Phase::Over
            }
            (phase, _) => phase,
        };
    }

    /// Oneself and the group, once one is in the room.
    #[cfg(any(test, feature = "observe"))]
    pub fn observe(&mut self) -> Option<Observed<'_>> {
        match &mut self.phase {
            Phase::Inside(inside) => Some(inside.observe()),
            _ => None,
        }
    }

    /// The next thing to be done, until there is none.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn salted(&mut self, approach: Approach, body: &[u8]) -> Phase {
        match serde_json::from_slice(body).map(|Object::<SaltAnswer>(answer)| answer) {
            Ok(answer) if !self.build.is_empty() && answer.build != self.build => {
                self.show(View::Refused {
                    code: "stale".into(),
                    words: "Cloakroom was updated on the server. Reload the page to go on.".into(),
                    field: None,
                    wait: None,
                });
                Phase::Over
            }
            Ok(answer) => {
                self.outputs.push_back(Output::Stretch(approach.room.clone(), answer.salt));
                Phase::Keys(approach)
            }
            Err(_) => {
                self.refuse(Refusal::Internal);
                Phase::Over
            }
        }
    }

    fn knock(&mut self, approach: Approach, stretched: Stretched) -> Phase {
        self.show(View::Progress { stage: Stage::Entering });
        let secret = RoomSecret::extract(b"", stretched);
        let verifier = secret.verifier(&approach.room);
        let (room, user) = (approach.room.as_str().to_owned(), approach.user.as_str().to_owned());
        let pass = self.pass.take();
        match approach.intent {
            Intent::Create => {
                let room_id = approach.room_id;
                self.post(door::CREATE, &CreateRequest { room, user, room_id, verifier: verifier.clone(), pass });
            }
            Intent::Join => {
                self.post(door::JOIN, &JoinRequest { room, user, verifier: verifier.clone(), pass });
            }
        }
        Phase::Door(approach, secret, verifier)
    }

    fn enter(
        &mut self,
        approach: Approach,
        secret: &RoomSecret,
        verifier: Verifier,
        body: &[u8],
        env: &mut impl Env,
    ) -> Phase {
        match serde_json::from_slice(body).map(|Object::<Admission>(admission)| admission) {
            // A creator's room has the id that the creator gave it, and no other.
            Ok(admission) if approach.intent == Intent::Join || admission.room_id == approach.room_id => {
                self.show(View::Admitted {
                    room: approach.room.as_str().to_owned(),
                    user: approach.user.as_str().to_owned(),
                    room_id: admission.room_id,
                    member_id: admission.member_id,
                    token: admission.token.clone(),
                });
                self.show(View::Progress { stage: Stage::Connecting });
                let inside = Inside::new(admission, approach.user, secret, verifier, env, &mut self.outputs);
                Phase::Inside(Box::new(inside))
            }
            _ => {
                self.refuse(Refusal::Internal);
                Phase::Over
            }
        }
    }

    /// The door's own words where it sent any that are known; a proxy's error page is not shown.
    fn refused(&mut self, status: u16, body: &[u8]) {
        #[derive(serde::Deserialize)]
        struct Body {
            error: String,
            retry_after: Option<u64>,
        }
        let told = serde_json::from_slice(body).map(|Object::<Body>(body)| body).ok();
        let (error, wait) = told.map(|body| (body.error, body.retry_after)).unwrap_or_default();
        let known = Refusal::ALL.iter().copied().find(|refusal| refusal.code() == error);
        let by_status = || Refusal::ALL.iter().copied().find(|refusal| refusal.status() == status && status >= 500);
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
        self.show(View::Refused { code: refusal.code().into(), words: refusal.words().into(), field, wait });
    }

    fn post(&mut self, path: &'static str, body: &impl serde::Serialize) {
        // Names, ids and secrets all have a JSON form.
        let body = Zeroizing::new(serde_json::to_vec(body).unwrap_or_default());
        self.outputs.push_back(Output::Post(path, body));
    }

    fn show(&mut self, view: View) {
        self.outputs.push_back(Output::Show(view));
    }
}

#[cfg(test)]
mod tests;
