//! What a session shows to the person.

use serde::Serialize;
use wire::{CloseCode, Counter, Epoch, MemberId};

/// One thing to show; JSON with a `type`.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum View {
    /// A step on the way in.
    Progress {
        /// What the client waits for.
        stage: Stage,
    },
    /// The client is not admitted; the session is over.
    Refused {
        /// A code of PROTOCOL's table.
        code: String,
        /// What the person reads.
        words: String,
        /// The field that caused it.
        field: Option<Field>,
        /// Seconds after which to try again, if the server said so.
        wait: Option<u64>,
    },
    /// The door has admitted the client, under these canonical names.
    Admitted {
        /// The room's canonical name.
        room: String,
        /// The member's own canonical name.
        user: String,
    },
    /// The state of the connection.
    Connection {
        /// Its state.
        state: Connection,
        /// Milliseconds until the next attempt, while waiting.
        retry_in_ms: u64,
        /// Why it was lost, if the server said.
        words: &'static str,
    },
    /// All members whose leaf is in the group's tree, in the order of arrival.
    People {
        /// Includes this client's own member.
        people: Vec<PersonView>,
    },
    /// The keys of the group have changed.
    Keys {
        /// The current epoch.
        epoch: Epoch,
        /// Whether this is a recovery: the group could not go on, and its members formed a new one.
        anew: bool,
    },
    /// A new member is in the tree: it holds the keys from this epoch on.
    Entered {
        /// Its number.
        id: MemberId,
        /// Its name.
        name: String,
        /// Whether the name looks like one that another key had in this visit.
        another: bool,
        /// Whether it has sent something already, as a member that came in while this client was outside may have.
        here: bool,
    },
    /// A member is no longer in the tree: what is sealed from now on does not open for it.
    Left {
        /// Its number.
        id: MemberId,
        /// Its name.
        name: String,
        /// Whether its connection was lost, and not closed by it.
        lost: bool,
        /// Whether it ever sent anything.
        here: bool,
    },
    /// This client did not enter a group, or left it, because the group held a member that the server did not name.
    Unlisted,
    /// A text.
    Message {
        /// Its sender.
        id: MemberId,
        /// The sender's name.
        name: String,
        /// The text itself.
        text: String,
        /// Whether it is this client's own. The server has not taken it before [`View::Accepted`].
        mine: bool,
        /// Its counter among the sender's messages.
        counter: Counter,
    },
    /// The server has taken this client's own message.
    Accepted {
        /// The message's counter.
        counter: Counter,
    },
    /// A picture starts to arrive, or to be sent. Its sender and its number identify it.
    Picture {
        /// Its sender.
        id: MemberId,
        /// The sender's name.
        name: String,
        /// Whether it is this client's own.
        mine: bool,
        /// Its number: the driver's for an own picture, the counter of the offer for another member's.
        picture: u64,
        /// Pixels.
        width: u16,
        /// Pixels.
        height: u16,
        /// Bytes.
        length: usize,
        /// A description in words; may be empty.
        alt: String,
    },
    /// More of a picture has arrived; or the server has taken more of an own picture.
    PictureMoved {
        /// Its sender.
        id: MemberId,
        /// Its number.
        picture: u64,
        /// The bytes so far.
        bytes: usize,
        /// Whether all pieces were handed out: it can no longer be cancelled.
        on_its_way: bool,
    },
    /// The rest of a picture does not arrive, or is not sent.
    PictureEnded {
        /// Its sender.
        id: MemberId,
        /// Its number.
        picture: u64,
        /// Why.
        why: PictureEnd,
    },
    /// Messages that did not arrive.
    Missed {
        /// Their sender.
        id: MemberId,
        /// The sender's name.
        name: String,
        /// How many.
        count: u64,
    },
    /// A message that cannot be shown.
    Unreadable {
        /// Its sender, as the server claims.
        id: MemberId,
        /// The sender's name.
        name: String,
        /// Why.
        why: Unreadable,
    },
    /// A text or a picture that was not queued.
    Rejected {
        /// The text, handed back; empty for a picture.
        text: String,
        /// What the person reads.
        words: &'static str,
    },
    /// The session is over.
    Ended {
        /// `left`, or a close code.
        code: &'static str,
        /// What the person reads.
        words: &'static str,
        /// Whether the room may be made again.
        remake: bool,
    },
}

impl View {
    /// The end of a session that the person has left.
    pub(super) fn left() -> Self {
        Self::Ended { code: "left", words: CloseCode::Left.words(), remake: false }
    }
}

/// What the client waits for on the way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The keys are derived from the password.
    Deriving,
    /// The door answers.
    Entering,
    /// The socket opens.
    Connecting,
}

/// A field of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// *Room name*.
    Room,
    /// *Your name*.
    User,
    /// *Password*.
    Password,
}

/// The state of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// An attempt is under way.
    Connecting,
    /// It is up, and the client has asked the members to let it in.
    Knocking,
    /// It is up, and the client is in the group.
    Connected,
    /// The client waits for the next attempt.
    Waiting,
}

/// Why a message cannot be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unreadable {
    /// It does not open: altered, forged, or sealed with another key.
    Sealed,
    /// It opens, but this version does not know its kind.
    Kind,
    /// It opens, but is a repetition of an earlier one.
    Replayed,
}

/// Why a picture does not become whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PictureEnd {
    /// Its sender has cancelled it.
    Cancelled,
    /// Pieces are missing, or are not those of the offer.
    Broken,
}

/// Whether a member of the group is coming, here or leaving. It holds the group's keys in each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// It was let in, and has sent nothing yet.
    Coming,
    /// It has sent something.
    Here,
    /// The server says that it has gone. Nothing is sent before a commit removes it.
    Leaving,
}

/// A member of the group, as the person sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PersonView {
    /// Its number.
    pub id: MemberId,
    /// Its name.
    pub name: String,
    /// Whether its connection is up.
    pub connected: bool,
    /// Whether it is coming, here or leaving.
    pub place: Place,
    /// Whether the name looks like one that another key had in this visit.
    pub another: bool,
    /// Whether it is this client's own member.
    pub you: bool,
    /// The fingerprint of its key: six groups of five digits.
    pub fingerprint: String,
}
