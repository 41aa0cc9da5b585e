//! Every limit of the protocol. A limit that an operator may change is the default of the server's flag; the others are
//! part of the protocol.

use core::time::Duration;

/// Characters (Unicode scalar values) in a canonical room or user name.
pub const NAME_CHARS: usize = 64;
/// Consecutive nonspacing and enclosing marks in a name. Pointed Hebrew with cantillation puts up to five on a letter,
/// a Tibetan stack for Sanskrit six. With more, a letter covers its neighbours.
pub const NAME_MARKS: usize = 6;
/// Bytes of UTF-8 in a raw name.
pub const NAME_BYTES: usize = 1024;
/// Minimum characters in a password, after NFKC.
pub const PASSWORD_CHARS_MIN: usize = 8;
/// Maximum bytes of UTF-8 in a password, after NFKC.
pub const PASSWORD_BYTES_MAX: usize = 1024;
/// Maximum bytes of UTF-8 in a password, before NFKC.
pub const PASSWORD_BYTES_TYPED: usize = 4096;
/// Characters in one text message.
pub const TEXT_CHARS: usize = 10_000;
/// Messages that a client queues until the server accepts them.
pub const UNSENT_MESSAGES: usize = 100;

/// Bytes of a picture, as sent.
pub const PICTURE_BYTES: usize = 5 * 1024 * 1024;
/// Pixels on the longer side of a picture, as sent.
pub const PICTURE_SIDE: u16 = 2048;
/// Characters in the description of a picture.
pub const PICTURE_ALT_CHARS: usize = 1000;
/// Bytes of a picture in each of its pieces but the last. With their header and the padding mark they fill exactly 31 ×
/// 512 bytes, so padding adds nothing. A connection on which one piece takes longer than [`SILENCE_TIMEOUT`] counts as lost
/// before the piece arrives.
pub const PIECE_BYTES: usize = 31 * 512 - 13;
/// Pieces that a client sends before it waits for acceptance, so that pictures neither fill queues nor delay messages.
pub const PIECES_IN_FLIGHT: usize = 4;
/// Pictures that a client queues until the server accepts them.
pub const UNSENT_PICTURES: usize = 4;
/// Bytes of incomplete incoming pictures that a client keeps.
pub const INCOMPLETE_PICTURE_BYTES: usize = 32 * 1024 * 1024;

/// Bytes in one WebSocket message from a client.
pub const FRAME_BYTES: usize = 1024 * 1024;
/// Bytes of a sealed message.
pub const MESSAGE_BYTES: usize = 128 * 1024;
/// Bytes of a sealed knock.
pub const KNOCK_BYTES: usize = 8 * 1024;
/// Knocks that one commit answers. More would exceed the frame limit.
pub const KNOCKS_PER_COMMIT: usize = 32;
/// Bytes of one room's replay buffer: recent sealed messages, kept for members that reconnect.
pub const REPLAY_BYTES: usize = 2 * 1024 * 1024;
/// How often a member is given the duty in one turn, while the server cannot accept its commits.
pub const DUTY_TRIES: u32 = 4;
/// How many commits that fail to open a member may be involved in, as author or as recipient, before the others go on
/// without it.
pub const STRIKES: u32 = 4;
/// Bytes in the head of a request.
pub const HEAD_BYTES: usize = 16 * 1024;
/// Bytes in the body of a request to the door.
pub const DOOR_BYTES: usize = 8 * 1024;
/// Bytes that one member's queue may hold. A member with more is disconnected.
pub const QUEUE_BYTES: usize = 1024 * 1024;
/// Bytes that all members' queues may hold together.
pub const TOTAL_QUEUE_BYTES: usize = 256 * 1024 * 1024;
/// Bytes of all replay buffers together.
pub const TOTAL_REPLAY_BYTES: usize = 256 * 1024 * 1024;
/// Frames per second from one member. A burst after a pause may have twice as many.
pub const FRAMES_PER_SECOND: u32 = 100;
/// Bytes per second from one member. A burst after a pause may have twice as many.
pub const BYTES_PER_SECOND: u32 = 2 * 1024 * 1024;
/// Size of each member's token bucket for hellos. The bucket refills at one hello per second.
pub const HELLOS: u32 = 20;
/// Members in one room.
pub const MEMBERS: usize = 256;
/// Rooms on one server.
pub const ROOMS: usize = 100_000;
/// Concurrent connections to one server, sockets and requests together.
pub const CONNECTIONS: usize = 20_000;
/// Concurrent connections from one address. A whole school may share one address.
pub const CONNECTIONS_PER_ADDRESS: usize = 256;
/// Rooms created per minute from one address.
pub const CREATES_PER_MINUTE: u32 = 20;
/// Attempts to join per minute from one address.
pub const JOINS_PER_MINUTE: u32 = 60;
/// Wrong passwords or codes from one address for one room or account, before the address is locked out.
pub const GUESSES: u32 = 5;
/// Characters in a pass.
pub const PASS_CHARS: usize = 1024;
/// Characters in an access token.
pub const ACCESS_TOKEN_CHARS: usize = 256;
/// Bytes in an e-mail address (RFC 5321, section 4.5.3.1.3).
pub const MAILBOX_BYTES: usize = 254;
/// Codes mailed to one mailbox per hour.
pub const MAILS_PER_HOUR: usize = 3;

/// How long an address stays locked out after its last wrong guess.
pub const LOCKOUT: Duration = Duration::from_secs(11 * 60);
/// How long a pass is valid.
pub const PASS_LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);
/// How long a mailed code is valid.
pub const MAILED_CODE_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// The grace period: how long a disconnected member keeps its place in the room. It runs from the end of the
/// connection, or from the time at which a sign of life was due.
pub const GRACE: Duration = Duration::from_secs(60);
/// The grace period of a member whose page announced that it closes. Such a page may only be suspended, and return.
pub const CLOSING_GRACE: Duration = Duration::from_secs(10);
/// How long a member may take to do its duty before the next member gets it.
pub const DUTY_TIMEOUT: Duration = Duration::from_secs(2);
/// How long an admitted member may take to confirm its Welcome, and how long a knock may wait before the server reacts.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Minimum time between two commits of one member that admit and remove nobody.
pub const REFRESH_AFTER: Duration = Duration::from_secs(60);
/// How long a new socket may take to send its hello.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may take to send a request's head.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a request to the door may take in total.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a write may stall while the peer accepts no byte.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(15);
/// Maximum time between two pings from either side.
pub const PING_INTERVAL: Duration = Duration::from_secs(12);
/// How long a peer may be silent before its connection counts as lost: two ping intervals, and time to answer.
pub const SILENCE_TIMEOUT: Duration = Duration::from_secs(28);
/// How long a stopping server waits for its connections, so that it exits within ten seconds.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(8);
/// Maximum wait before a reconnect.
pub const RECONNECT_MAX: Duration = Duration::from_secs(15);
/// The wait before the first reconnect; it doubles up to [`RECONNECT_MAX`].
pub const RECONNECT_MIN: Duration = Duration::from_millis(500);
/// Clients spread their reconnects over this time after a server announced that it stops.
pub const RESTART_SPREAD: Duration = Duration::from_secs(8);
