//! Every bound in the protocol, in one place. Those that an operator may set are the defaults of
//! the server's flags of the same name; the others are part of the protocol.

use core::time::Duration;

/// Characters (Unicode scalar values) in a canonical room or user name.
pub const NAME_CHARS: usize = 64;
/// Nonspacing and enclosing marks in a row in a name. Pointed Hebrew with cantillation has up to five on a letter, a
/// Tibetan stack for Sanskrit six; more is a letter that covers its neighbours.
pub const NAME_MARKS: usize = 6;
/// Bytes of UTF-8 in a name before it is made canonical.
pub const NAME_BYTES: usize = 1024;
/// Characters that a password has at least, after NFKC.
pub const PASSWORD_CHARS_MIN: usize = 8;
/// Bytes of UTF-8 that a password has at most, after NFKC.
pub const PASSWORD_BYTES_MAX: usize = 1024;
/// Bytes of UTF-8 that a password has at most, before NFKC.
pub const PASSWORD_BYTES_TYPED: usize = 4096;
/// Characters in one text message.
pub const TEXT_CHARS: usize = 10_000;
/// Messages that a client holds while they are not yet accepted by the server.
pub const UNSENT_MESSAGES: usize = 100;

/// Bytes of a picture, as it is sent.
pub const PICTURE_BYTES: usize = 5 * 1024 * 1024;
/// Pixels of a picture's longer side, as it is sent.
pub const PICTURE_SIDE: u16 = 2048;
/// Characters in the description of a picture.
pub const PICTURE_ALT_CHARS: usize = 1000;
/// Bytes of a picture in each of its pieces but the last. With what stands before them and the mark of the padding they
/// fill 31 × 512 bytes: nothing is padded in vain. A line that is so slow that a piece takes longer than [`SILENCE`] would
/// count as dead while one comes, and never bring it.
pub const PIECE_BYTES: usize = 31 * 512 - 13;
/// Pieces that a client has on their way at a time, so that pictures neither fill anybody's queue nor hold up talk.
pub const PIECES_UNDER_WAY: usize = 4;
/// Pictures that a client holds while they are not yet accepted by the server.
pub const UNSENT_PICTURES: usize = 4;
/// Bytes of others' pictures that a client holds while they are not whole.
pub const UNFINISHED_BYTES: usize = 32 * 1024 * 1024;

/// Bytes in one WebSocket message from a client.
pub const FRAME_BYTES: usize = 1024 * 1024;
/// Bytes of a sealed message.
pub const MESSAGE_BYTES: usize = 128 * 1024;
/// Bytes of a sealed knock.
pub const KNOCK_BYTES: usize = 8 * 1024;
/// Knocks that one commit answers: more would make it too large.
pub const KNOCKS_AT_ONCE: usize = 32;
/// Bytes of what was last said in a room, sealed, that are kept for those whose connection was lost.
pub const REPLAY_BYTES: usize = 2 * 1024 * 1024;
/// How often a member is given its duty in one turn, where what it answered could not be taken.
pub const DUTY_TRIES: u32 = 4;
/// How often a member may be party to a commit that does not open, as its author or as who cannot open it, before the
/// others go on without it.
pub const STRIKES: u32 = 4;
/// Bytes in the head of a request.
pub const HEAD_BYTES: usize = 16 * 1024;
/// Bytes in the body of a request to the door.
pub const DOOR_BYTES: usize = 8 * 1024;
/// Bytes that wait for a member who reads too slowly, before that member is cut off.
pub const QUEUE_BYTES: usize = 1024 * 1024;
/// Bytes that wait for all members together.
pub const TOTAL_QUEUE_BYTES: usize = 256 * 1024 * 1024;
/// Bytes of what was last said, sealed, that are kept in all rooms together.
pub const TOTAL_REPLAY_BYTES: usize = 256 * 1024 * 1024;
/// Frames that one member may send in a second, and twice that after a pause.
pub const FRAMES_PER_SECOND: u32 = 100;
/// Bytes that one member may send in a second, and twice that after a pause.
pub const BYTES_PER_SECOND: u32 = 2 * 1024 * 1024;
/// Hellos that one member may say one after the other; so many seconds later, as many again.
pub const HELLOS: u32 = 20;
/// Members in one room.
pub const MEMBERS: usize = 256;
/// Rooms on one server.
pub const ROOMS: usize = 100_000;
/// Connections to one server, sockets and requests together.
pub const CONNECTIONS: usize = 20_000;
/// Connections from one address: a school's people may all have the same.
pub const CONNECTIONS_PER_ADDRESS: usize = 256;
/// Rooms made in a minute from one address.
pub const CREATES_PER_MINUTE: u32 = 20;
/// Attempts to join in a minute from one address.
pub const JOINS_PER_MINUTE: u32 = 60;
/// Wrong passwords, or wrong codes, that one address may give for one room or person, before it has to wait.
pub const GUESSES: u32 = 5;
/// Characters in a pass.
pub const PASS_CHARS: usize = 1024;
/// Characters in an access token.
pub const ACCESS_TOKEN_CHARS: usize = 256;
/// Bytes in an e-mail address (RFC 5321, section 4.5.3.1.3).
pub const MAILBOX_BYTES: usize = 254;
/// Codes that are sent to one mailbox in an hour.
pub const MAILS_PER_HOUR: usize = 3;

/// How long it has to wait, from its last wrong one.
pub const LOCKED_OUT: Duration = Duration::from_secs(11 * 60);
/// How long a pass is good.
pub const PASS_LASTS: Duration = Duration::from_secs(12 * 60 * 60);
/// How long a code that was sent by e-mail is good.
pub const MAILED_CODE_LASTS: Duration = Duration::from_secs(10 * 60);

/// How long a member whose connection was lost keeps its place, from when it ended or something was to be heard of it.
pub const GRACE: Duration = Duration::from_secs(60);
/// How long one keeps it whose page goes: or is only put to sleep, and comes back when it wakes.
pub const GOING: Duration = Duration::from_secs(10);
/// How long a member may take to do its duty at the door, before it is the next one's turn.
pub const DUTY_WITHIN: Duration = Duration::from_secs(2);
/// How long someone who was let in may take to say so; and how long a knock may wait before something is done about it.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The shortest time between two commits of one member that let nobody in and remove nobody.
pub const REFRESH_AFTER: Duration = Duration::from_secs(60);
/// How long a socket may be open without showing a token.
pub const HELLO_WITHIN: Duration = Duration::from_secs(10);
/// How long a client may take to send a request's head.
pub const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How long a request to the door may take in all.
pub const REQUEST_WITHIN: Duration = Duration::from_secs(15);
/// How long a write may wait for a reader that takes not a byte.
pub const WRITE_WITHIN: Duration = Duration::from_secs(15);
/// How often either side asks whether the other is still there, at least.
pub const PING_EVERY: Duration = Duration::from_secs(12);
/// How long a peer may say nothing at all before its connection counts as lost: two pings, and time to answer.
pub const SILENCE: Duration = Duration::from_secs(28);
/// How long the server waits for its connections when it stops, so that it is gone within ten seconds.
pub const STOP_WITHIN: Duration = Duration::from_secs(8);
/// The longest wait between two attempts to connect again.
pub const RECONNECT_MAX: Duration = Duration::from_secs(15);
/// The first wait before connecting again; it doubles up to [`RECONNECT_MAX`].
pub const RECONNECT_MIN: Duration = Duration::from_millis(500);
/// Over how long a time those come back whom a server sent away because it stops.
pub const RESTART_SPREAD: Duration = Duration::from_secs(8);
