//! Every refusal and every close code: its code on the wire and its words for people.

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $status:literal $code:literal $words:literal;)*) => {
        /// Why a request was refused: an HTTP status and a code in the body.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Refusal {
            $($(#[$doc])* $name,)*
        }

        impl Refusal {
            /// All refusals, in the order of `docs/PROTOCOL.md`.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The HTTP status.
            #[must_use]
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// The code in the body's `error`.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The words for people.
            #[must_use]
            pub fn words(self) -> &'static str {
                match self { $(Self::$name => $words,)* }
            }
        }
    };
}

refusals! {
    /// The body is not the JSON object that this request takes.
    Malformed = 400 "malformed" "The server did not understand this request. Reload the page and try again.";
    /// There is no such room, or the password is wrong. Both get the same answer in the same time.
    WrongCredentials = 403 "wrong_credentials" "The room name or the password is not right. Check both, capital letters too; the room may also be gone.";
    /// The request comes from another site's page.
    OriginRefused = 403 "origin_refused" "This request came from another site and was refused. Open the chat by its own address.";
    /// The server's gate requires a pass, and the request has none or an expired or revoked one.
    PassWanted = 403 "pass_wanted" "This server wants to know that you may use it. Sign in first.";
    /// There is no such access token.
    WrongAccessToken = 403 "wrong_access_token" "This access token is not right. Check it, or ask the person who runs this server for another.";
    /// There is no such account, or its password is wrong. Both get the same answer in the same time.
    WrongPerson = 403 "wrong_person" "The account name or the account password is not right. Check both, capital letters too.";
    /// The password is right; a one-time code is required too.
    CodeWanted = 403 "code_wanted" "Enter the one-time code that your app shows.";
    /// The one-time code is wrong, expired or already used.
    WrongCode = 403 "wrong_code" "This code is not right, or is not good any more. Enter the newest one.";
    /// The token belongs to no member, or to another one.
    UnknownToken = 403 "unknown_token" "You are no longer in this room.";
    /// The token is bound to another network address.
    AddressChanged = 403 "address_changed" "Your network address has changed, so the server asks for the password again.";
    /// There is no such page.
    NotFound = 404 "not_found" "There is nothing at this address.";
    /// The page does not take this HTTP method.
    MethodNotAllowed = 405 "method_not_allowed" "This address does not take such a request.";
    /// The client took too long to send its request.
    Timeout = 408 "timeout" "The request took too long to arrive. Check your connection and try again.";
    /// A room with this name, or a name that looks the same, exists.
    RoomNameTaken = 409 "room_name_taken" "A room with this name, or one that looks the same, exists already. Choose another name and type the password again, or join that room, spelled as its maker did.";
    /// A member with this name, or a name that looks the same, is in the room.
    UserNameTaken = 409 "user_name_taken" "Someone in the room has this name, or one that looks the same. Choose another name, and type the password again.";
    /// The room has reached its member limit.
    RoomFull = 409 "room_full" "The room is full. Try again when someone has left.";
    /// The room id is in use; the creator's client must draw another.
    RoomIdTaken = 409 "room_id_taken" "The room could not be made. Try again.";
    /// The body exceeds the size limit.
    TooLarge = 413 "too_large" "This request is too large.";
    /// The body is not `application/json`.
    NotJson = 415 "not_json" "The server did not understand this kind of request. Reload the page and try again.";
    /// The `Host` is neither a name of this server nor an IP address.
    HostRefused = 421 "host_refused" "This server does not answer to that name. Its operator can set --public-origin.";
    /// The room name is invalid.
    BadRoomName = 422 "bad_room_name" "This room name does not work: use 1 to 64 visible characters, with at most 6 marks on a letter.";
    /// The user name is invalid.
    BadUserName = 422 "bad_user_name" "This name does not work: use 1 to 64 visible characters, with at most 6 marks on a letter.";
    /// The e-mail address is invalid.
    BadMailbox = 422 "bad_mailbox" "This is not an e-mail address. Check it and try again.";
    /// The WebSocket version is not 13.
    WebSocketVersion = 426 "websocket_version" "This program is too old for the server. Update it and try again.";
    /// Too many attempts from this address.
    TooManyRequests = 429 "too_many_requests" "Too many attempts from your network. Wait a little and try again.";
    /// Too many wrong passwords or tokens from this address.
    LockedOut = 429 "locked_out" "Too many wrong attempts.";
    /// Too many wrong one-time codes for this account. The server still accepts recovery codes.
    CodesLocked = 429 "codes_locked" "Too many wrong codes. Use a recovery code, or wait.";
    /// Too many codes have been sent to this mailbox.
    TooManyMails = 429 "too_many_mails" "Several codes were sent to this address already. Enter the newest one, or ask for another later.";
    /// Too many connections from this address.
    TooManyConnections = 429 "too_many_connections" "There are too many connections from your network. Close a few pages, or try again later.";
    /// An error inside the server.
    Internal = 500 "internal" "Something went wrong on the server. Try again.";
    /// The server cannot send e-mail.
    MailDown = 503 "mail_down" "The server cannot send e-mail at the moment. Try again in a few minutes.";
    /// The server has reached its room limit.
    ServerFull = 503 "server_full" "This server has no place for another room at the moment. Try again later.";
}

macro_rules! close_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal $retry:literal $words:literal;)*) => {
        /// Why the server closed a socket: the WebSocket close code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum CloseCode {
            $($(#[$doc])* $name,)*
        }

        impl CloseCode {
            /// All close codes, in the order of `docs/PROTOCOL.md`.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The number in the close frame.
            #[must_use]
            pub fn number(self) -> u16 {
                match self { $(Self::$name => $code,)* }
            }

            /// Returns the close code with this number, if this protocol defines it.
            #[must_use]
            pub fn from_number(number: u16) -> Option<Self> {
                match number { $($code => Some(Self::$name),)* _ => None }
            }

            /// True when a client should reconnect by itself.
            #[must_use]
            pub fn reconnect(self) -> bool {
                match self { $(Self::$name => $retry,)* }
            }

            /// The words for people.
            #[must_use]
            pub fn words(self) -> &'static str {
                match self { $(Self::$name => $words,)* }
            }
        }
    };
}

close_codes! {
    /// The member left.
    Left = 1000 false "You have left the room.";
    /// The bytes on the socket are not WebSocket frames.
    ProtocolError = 1002 true "The connection was disturbed.";
    /// A text frame is not UTF-8.
    NotUtf8 = 1007 true "The connection was disturbed.";
    /// A frame exceeds the size limit.
    TooBig = 1009 true "A message was too large to be sent.";
    /// The server is stopping. It may come back, but without its rooms.
    Stopping = 1012 true "The server is restarting.";
    /// The member has sent too many hellos.
    TooOften = 1013 true "The connection comes and goes too often. It is tried again in a moment.";
    /// The bytes are not a frame of this protocol.
    Malformed = 4000 false "The server did not understand this page. Reload it and join again.";
    /// A frame has a version that the server does not support.
    UnknownVersion = 4001 false "This page and the server are of different versions. Reload the page and join again.";
    /// The first frame was not a hello, or no frame came in time.
    NoHello = 4002 true "The connection was too slow to start.";
    /// The token belongs to another member or another room.
    TokenRefused = 4003 false "The server refused this connection. Join the room again.";
    /// The server does not know the room or the member: the member left, was away too long, or the server restarted.
    UnknownToken = 4004 false "The server no longer knows this room or your place in it: it was restarted, or you were away too long. You can make the room again, or join it if it is still there.";
    /// The token is bound to another network address. The client must send the verifier too.
    AddressChanged = 4005 true "Your network address has changed. Connecting again.";
    /// A newer socket of the same member replaced this one.
    Replaced = 4006 false "This room was opened anew elsewhere, and this page was disconnected.";
    /// The member read too slowly and its queue overflowed.
    TooSlow = 4007 true "Your connection was too slow to keep up.";
    /// The server received nothing for too long.
    Silent = 4008 true "The connection was lost.";
    /// The client skipped a message counter.
    CounterSkipped = 4009 false "This page and the server lost track of each other. Join the room again.";
    /// The other members could not open this member's commits and went on without it.
    PutOut = 4010 false "The others in the room could not follow this page any more, and went on without it. Join the room again.";
    /// Every member of the group passed over the knock.
    NotLetIn = 4011 false "Nobody in the room could let this page in. Reload it, and join again.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct() {
        for (i, a) in Refusal::ALL.iter().enumerate() {
            assert!(Refusal::ALL.iter().skip(i + 1).all(|b| b.code() != a.code()), "{}", a.code());
        }
        for code in CloseCode::ALL {
            assert_eq!(CloseCode::from_number(code.number()), Some(*code));
        }
        assert_eq!(CloseCode::from_number(4999), None);
    }
}
