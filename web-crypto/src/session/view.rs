//! What a session tells the person, as the page draws it.

use serde::Serialize;
use wire::{CloseCode, Counter, Epoch, MemberId};

/// One thing to be told; JSON with a `type`.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum View {
    /// On the way in.
    Progress {
        /// What is being waited for.
        stage: Stage,
    },
    /// Not let in; the session is over.
    Refused {
        /// A code of PROTOCOL's table.
        code: String,
        /// What the person reads.
        words: String,
        /// The field that caused it.
        field: Option<Field>,
        /// Seconds after which to try again, where the server said so.
        wait: Option<u64>,
    },
    /// The door has admitted the client, under these canonical names.
    Admitted {
        /// The room's canonical name.
        room: String,
        /// The member's own canonical name.
        user: String,
    },
    /// How the connection is.
    Connection {
        /// Its state.
        state: Connection,
        /// Milliseconds until the next attempt, while waiting.
        retry_in_ms: u64,
        /// Why it was lost, if the server said.
        words: &'static str,
    },
    /// Everyone whose leaf is in the group's tree, in the order of arrival.
    People {
        /// Oneself included.
        people: Vec<PersonView>,
    },
    /// The keys of the group have changed.
    Keys {
        /// Where the group is now.
        epoch: Epoch,
        /// Whether the group could not go on, and everyone made a new one.
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
        /// Whether it has sent something already, which is known of a member that came while one was outside.
        here: bool,
    },
    /// A member is no longer in the tree: what is sealed from now on does not open for it.
    Left {
        /// Its number.
        id: MemberId,
        /// Its name.
        name: String,
        /// Its connection was lost, rather than closed by it.
        lost: bool,
        /// Whether it ever sent anything.
        here: bool,
    },
    /// One did not go into a group, or left it, because a member was in it, or was let in, that is not named.
    Unlisted,
    /// A text.
    Message {
        /// Who sent it.
        id: MemberId,
        /// By which name.
        name: String,
        /// What it says.
        text: String,
        /// Whether it is one's own; then it is on its way until [`View::Accepted`].
        mine: bool,
        /// The sender's count.
        counter: Counter,
    },
    /// One's own message of this count has been taken by the server.
    Accepted {
        /// Which.
        counter: Counter,
    },
    /// A picture begins to come, or to go. Sender and number together tell which one it is.
    Picture {
        /// Who sends it.
        id: MemberId,
        /// By which name.
        name: String,
        /// Whether it is one's own.
        mine: bool,
        /// Its number: one's own gave it, others' have the count of their offer.
        picture: u64,
        /// Pixels.
        width: u16,
        /// Pixels.
        height: u16,
        /// Bytes.
        length: usize,
        /// What it shows, in words; or nothing.
        alt: String,
    },
    /// More of a picture has come; or of one's own, was taken by the server.
    PictureMoved {
        /// Whose.
        id: MemberId,
        /// Which.
        picture: u64,
        /// How much in all.
        bytes: usize,
        /// Whether nothing of it is left to be held back.
        on_its_way: bool,
    },
    /// The rest of a picture does not come, or does not go.
    PictureEnded {
        /// Whose.
        id: MemberId,
        /// Which.
        picture: u64,
        /// Why.
        why: PictureEnd,
    },
    /// Messages that did not arrive.
    Missed {
        /// Whose.
        id: MemberId,
        /// By which name.
        name: String,
        /// How many.
        count: u64,
    },
    /// A message that cannot be shown.
    Unreadable {
        /// Whose, says the server.
        id: MemberId,
        /// By which name.
        name: String,
        /// Why.
        why: Unreadable,
    },
    /// A text that was not taken; it is handed back.
    Rejected {
        /// The text.
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

/// What is being waited for on the way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The password becomes keys.
    Deriving,
    /// The door is asked.
    Entering,
    /// The socket is opened.
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

/// How the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// An attempt is under way.
    Connecting,
    /// It is up, and those in the room are asked to let one in.
    Knocking,
    /// It is up, and one is in the group.
    Connected,
    /// The next attempt is some time off.
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
    /// It opens, but came before.
    Replayed,
}

/// Why a picture is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PictureEnd {
    /// Its sender wanted it so.
    Cancelled,
    /// Pieces are missing, or are not those that were offered.
    Broken,
}

/// Where a member of the group is on its way through it. It holds the keys in each of these places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// It was let in, and has not said anything yet.
    Coming,
    /// It has said that it is in.
    Here,
    /// The server says that it is gone; the commit that removes it is awaited, and nothing is sent before that.
    Leaving,
}

/// Someone in the room.
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
    /// Whether it is oneself.
    pub you: bool,
    /// Of its key: six groups of five digits.
    pub fingerprint: String,
}
