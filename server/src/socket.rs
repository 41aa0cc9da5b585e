//! One socket: a hello, then frames both ways until one side is done.

#![expect(clippy::manual_async_fn, reason = "an `async fn` keeps its arguments twice, and there are many sockets")]

mod incoming;
mod outgoing;
mod silence;

use std::time::{Duration, Instant};

use incoming::Incoming;
use silence::LastReceived;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tracing::Level;
use uuid::Uuid;
use wire::CloseCode;
use zeroize::Zeroizing;

use room::Address;

use crate::{
    Config, Outbox,
    app::App,
    connection_limit::{AddressSlot, ConnectionSlot},
    store::Ending,
    stream::{StallTimeout, Stream},
    ws::{End, Fault, Reader, Writer},
};

/// Bytes in a first message, which is a hello: who has not said it yet is to cost little.
const HELLO_BYTES: usize = 256;
/// How long a peer may take to end a connection that was closed.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// What browsers close a socket with when its page goes (RFC 6455, section 7.4.1), and when they put it to sleep.
const GOING_AWAY: u16 = 1001;

/// Why a connection is over.
#[derive(Clone, Copy)]
enum EndReason {
    /// The server says so, for this reason.
    ByServer(CloseCode),
    /// The peer said so, with this number, and is to be answered with it (RFC 6455, section 5.5.1).
    ByPeer(Option<u16>),
    /// Nobody is there any more.
    Lost,
}

impl From<CloseCode> for EndReason {
    fn from(code: CloseCode) -> Self {
        Self::ByServer(code)
    }
}

impl<T> From<EndReason> for Result<T, EndReason> {
    fn from(reason: EndReason) -> Self {
        Err(reason)
    }
}

impl From<End> for EndReason {
    fn from(end: End) -> Self {
        match end {
            End::Gone => Self::Lost,
            End::Fault(Fault::Protocol) => CloseCode::ProtocolError.into(),
            End::Fault(Fault::NotUtf8) => CloseCode::NotUtf8.into(),
            End::Fault(Fault::TooBig) => CloseCode::TooBig.into(),
        }
    }
}

/// Who opened a socket, and where.
pub(crate) struct SocketContext {
    pub(crate) app: App,
    pub(crate) address: Address,
    pub(crate) _slots: (ConnectionSlot, Option<AddressSlot>),
}

/// A connection that HTTP is done with.
pub(crate) struct OpenedSocket<S> {
    pub(crate) stream: StallTimeout<S>,
    /// What came after the request.
    pub(crate) before: Zeroizing<Vec<u8>>,
    pub(crate) context: SocketContext,
}

/// Serves it as a socket until it ends.
pub(crate) fn serve<S: Stream>(OpenedSocket { stream, before, context }: OpenedSocket<S>) -> impl Future<Output = ()> {
    let (reading, writing) = stream.split();
    let Config { max_queue_bytes, max_replay_bytes, max_frame_bytes, .. } = context.app.config;
    // One who comes back is sent all that it missed at once; one who is let in, a frame as large as a commit's.
    let group = max_replay_bytes.saturating_add(2 * max_frame_bytes);
    let outbox = Outbox::with_half(max_queue_bytes, group, &context.app.queue_memory, writing.half());
    let mut reader = Reader::new(reading, before, HELLO_BYTES);
    reader.wipes(true);
    carry(reader, Writer::new(writing), outbox, context)
}

/// One socket from hello to close.
fn carry(
    mut reader: Reader<impl AsyncRead + Unpin>,
    mut writer: Writer<impl AsyncWrite + Unpin>,
    outbox: Outbox,
    context: SocketContext,
) -> impl Future<Output = ()> {
    // A connection is logged by an id of its own: names, rooms and tokens stay out of logs.
    let id = tracing::enabled!(Level::DEBUG).then(Uuid::new_v4);
    let last_received = LastReceived::new();
    async move {
        let SocketContext { app, address, _slots } = &context;
        tracing::debug!(id = id.map(tracing::field::display), "socket open");
        let mut incoming = Incoming::new(&mut reader, &outbox, &last_received, &app.config);
        let mut seat = None;
        let reason = tokio::select! {
            biased;
            // First, so that one who sends without end is written to all the same.
            reason = outgoing::write(&mut writer, &outbox) => reason,
            reason = incoming.read(&mut seat, app, address) => reason,
            code = silence::wait_for_silence(&last_received, &outbox) => code.into(),
        };
        let code = match reason {
            EndReason::ByServer(code) => Some(code),
            EndReason::ByPeer(_) | EndReason::Lost => None,
        };
        if let Some(seat) = seat {
            let now = Instant::now();
            match reason {
                EndReason::ByServer(CloseCode::Left) => seat.leave(now),
                // It may not have come to sending the farewell itself.
                EndReason::ByPeer(Some(GOING_AWAY)) => seat.disconnect(Ending::Going, now),
                _ => seat.disconnect(Ending::Lost(last_received.get()), now),
            }
        }
        tracing::debug!(id = id.map(tracing::field::display), code = code.map(CloseCode::number), "socket closed");
        let _ = timeout(CLOSE_TIMEOUT, outgoing::close(&mut reader, &mut writer, &outbox, reason)).await;
    }
}
