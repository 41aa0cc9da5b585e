//! One socket: a hello, then frames both ways until one side is done.

#![expect(clippy::manual_async_fn, reason = "an `async fn` keeps its arguments twice, and there are many sockets")]

mod incoming;
mod out;
mod watch;

use std::time::{Duration, Instant};

use incoming::Incoming;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tracing::Level;
use uuid::Uuid;
use watch::Heard;
use wire::CloseCode;
use zeroize::Zeroizing;

use room::Address;

use crate::{
    Config, Outbox,
    app::App,
    crowd::{Entered, Place},
    store::Ending,
    stream::{StallTimeout, Stream},
    ws::{End, Fault, Reader, Writer},
};

/// Bytes in a first message, which is a hello: who has not said it yet is to cost little.
const HELLO_BYTES: usize = 256;
/// How long a peer may take to end a connection that was closed.
pub(crate) const CLOSE_WITHIN: Duration = Duration::from_secs(3);

/// What browsers close a socket with when its page goes (RFC 6455, section 7.4.1), and when they put it to sleep.
const GOING_AWAY: u16 = 1001;

/// Why a connection is over.
#[derive(Clone, Copy)]
enum Over {
    /// The server says so, for this reason.
    Ours(CloseCode),
    /// The peer said so, with this number, and is to be answered with it (RFC 6455, section 5.5.1).
    Theirs(Option<u16>),
    /// Nobody is there any more.
    Gone,
}

impl From<CloseCode> for Over {
    fn from(code: CloseCode) -> Self {
        Self::Ours(code)
    }
}

impl<T> From<Over> for Result<T, Over> {
    fn from(over: Over) -> Self {
        Err(over)
    }
}

impl From<End> for Over {
    fn from(end: End) -> Self {
        match end {
            End::Gone => Self::Gone,
            End::Fault(Fault::Protocol) => CloseCode::ProtocolError.into(),
            End::Fault(Fault::NotUtf8) => CloseCode::NotUtf8.into(),
            End::Fault(Fault::TooBig) => CloseCode::TooBig.into(),
        }
    }
}

/// Who opened a socket, and where.
pub(crate) struct Caller {
    pub(crate) app: App,
    pub(crate) address: Address,
    pub(crate) _place: (Place, Option<Entered>),
}

/// A connection that HTTP is done with.
pub(crate) struct Opened<S> {
    pub(crate) stream: StallTimeout<S>,
    /// What came after the request.
    pub(crate) before: Zeroizing<Vec<u8>>,
    pub(crate) caller: Caller,
}

/// Serves it as a socket until it ends.
pub(crate) fn serve<S: Stream>(Opened { stream, before, caller }: Opened<S>) -> impl Future<Output = ()> {
    let (reading, writing) = stream.split();
    let Config { max_queue_bytes, max_replay_bytes, max_frame_bytes, .. } = caller.app.config;
    // One who comes back is sent all that it missed at once; one who is let in, a frame as large as a commit's.
    let group = max_replay_bytes.saturating_add(2 * max_frame_bytes);
    let outbox = Outbox::with_half(max_queue_bytes, group, &caller.app.queue_memory, writing.half());
    let mut reader = Reader::new(reading, before, HELLO_BYTES);
    reader.wipes(true);
    carry(reader, Writer::new(writing), outbox, caller)
}

/// One socket from hello to close.
fn carry(
    mut reader: Reader<impl AsyncRead + Unpin>,
    mut writer: Writer<impl AsyncWrite + Unpin>,
    outbox: Outbox,
    caller: Caller,
) -> impl Future<Output = ()> {
    // A connection is logged by an id of its own: names, rooms and tokens stay out of logs.
    let id = tracing::enabled!(Level::DEBUG).then(Uuid::new_v4);
    let heard = Heard::new();
    async move {
        let Caller { app, address, _place } = &caller;
        tracing::debug!(id = id.map(tracing::field::display), "socket open");
        let mut incoming = Incoming::new(&mut reader, &outbox, &heard, &app.config);
        let mut seat = None;
        let over = tokio::select! {
            biased;
            // First, so that one who sends without end is written to all the same.
            over = out::write(&mut writer, &outbox) => over,
            over = incoming.read(&mut seat, app, address) => over,
            code = watch::watch(&heard, &outbox) => code.into(),
        };
        let code = match over {
            Over::Ours(code) => Some(code),
            Over::Theirs(_) | Over::Gone => None,
        };
        if let Some(seat) = seat {
            let now = Instant::now();
            match over {
                Over::Ours(CloseCode::Left) => seat.leave(now),
                // It may not have come to sending the farewell itself.
                Over::Theirs(Some(GOING_AWAY)) => seat.disconnect(Ending::Going, now),
                _ => seat.disconnect(Ending::Lost(heard.last()), now),
            }
        }
        tracing::debug!(id = id.map(tracing::field::display), code = code.map(CloseCode::number), "socket closed");
        let _ = timeout(CLOSE_WITHIN, out::close(&mut reader, &mut writer, &outbox, over)).await;
    }
}
