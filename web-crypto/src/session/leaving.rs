//! After the person has left: the client tells the server until the server knows.

use core::time::Duration;

use wire::{ClientFrame, CloseCode, door};
use zeroize::Zeroizing;

use super::{Input, Output, View, connection::ms, io::Io};

/// How long the server may take to close the socket of a member that leaves.
const CLOSES_WITHIN: Duration = Duration::from_secs(3);
/// How long the server may take to answer, before the client asks again.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// The time before the next request, when one got no answer.
const RETRY: Duration = Duration::from_secs(2);
/// By then the server has noticed by itself: the silence and the grace period are over.
const GIVE_UP: Duration = Duration::from_secs(90);

/// Of a session in the room, only this is left: no key, no name.
pub(super) struct Leaving {
    farewell: Zeroizing<Vec<u8>>,
    until: u64,
}

impl Leaving {
    /// Says it on the socket, if that is welcomed; otherwise by HTTP.
    pub(super) fn begin(farewell: Zeroizing<Vec<u8>>, is_up: bool, io: &mut Io) -> Self {
        let leaving = Self { farewell, until: io.now.saturating_add(ms(GIVE_UP)) };
        if is_up {
            io.send(&ClientFrame::Leave);
            io.push(Output::Wake(ms(CLOSES_WITHIN)));
        } else {
            leaving.post(io);
        }
        leaving
    }

    fn post(&self, io: &mut Io) {
        io.push(Output::Disconnect);
        io.push(Output::Post(door::LEAVE, self.farewell.clone()));
        io.push(Output::Wake(self.until.saturating_sub(io.now).min(ms(ANSWERS_WITHIN))));
    }

    /// Takes an input. Returns whether the session goes on.
    pub(super) fn handle(&self, input: &Input<'_>, io: &mut Io) -> bool {
        match input {
            Input::Closed(code) if CloseCode::from_number(*code) == Some(CloseCode::Left) => self.end(io),
            // The member has left, or the server refuses to know it. Any other answer is a proxy's, or belongs to an
            // earlier request.
            Input::Answered { status: 204 | 403, .. } => self.end(io),
            Input::Woken if self.until <= io.now => self.end(io),
            Input::Closed(_) | Input::Woken => {
                self.post(io);
                true
            }
            Input::Answered { .. } | Input::Unanswered => {
                io.push(Output::Wake(ms(RETRY)));
                true
            }
            _ => true,
        }
    }

    /// Always returns false: the session is over.
    fn end(&self, io: &mut Io) -> bool {
        io.push(Output::Disconnect);
        io.show(View::left());
        false
    }
}
