//! Serves one WebSocket: takes a hello, then carries frames in both directions until the connection ends.

#![expect(clippy::manual_async_fn, reason = "an `async fn` stores its arguments twice, and there are many sockets")]

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

/// Maximum bytes in the first message, a hello. Small, so that a connection without a member costs little memory.
const HELLO_BYTES: usize = 256;
/// How long a peer may take to end a connection after the server has closed it.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// The close code that browsers send when a page closes (RFC 6455, section 7.4.1) or is suspended.
const GOING_AWAY: u16 = 1001;

/// Why a connection ended.
#[derive(Clone, Copy)]
enum EndReason {
    /// The server closes it with this code.
    ByServer(CloseCode),
    /// The peer closed it with this code, which the answer repeats (RFC 6455, section 5.5.1).
    ByPeer(Option<u16>),
    /// The connection broke.
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

/// The client's address, and the counts that the connection holds while it lasts.
pub(crate) struct SocketContext {
    pub(crate) app: App,
    pub(crate) address: Address,
    pub(crate) _slots: (ConnectionSlot, Option<AddressSlot>),
}

/// A connection after its WebSocket handshake.
pub(crate) struct OpenedSocket<S> {
    pub(crate) stream: StallTimeout<S>,
    /// Bytes that HTTP read after the handshake.
    pub(crate) before: Zeroizing<Vec<u8>>,
    pub(crate) context: SocketContext,
}

/// Serves the socket until the connection ends.
pub(crate) fn serve<S: Stream>(OpenedSocket { stream, before, context }: OpenedSocket<S>) -> impl Future<Output = ()> {
    let (reading, writing) = stream.split();
    let Config { max_queue_bytes, max_replay_bytes, max_frame_bytes, .. } = context.app.config;
    // A member that reconnects gets a whole replay at once, and an admitted member a frame as large as a commit.
    let group = max_replay_bytes.saturating_add(2 * max_frame_bytes);
    let outbox = Outbox::with_half(max_queue_bytes, group, &context.app.queue_memory, writing.half());
    let mut reader = Reader::new(reading, before, HELLO_BYTES);
    reader.wipes(true);
    run(reader, Writer::new(writing), outbox, context)
}

/// Runs one socket from hello to close.
fn run(
    mut reader: Reader<impl AsyncRead + Unpin>,
    mut writer: Writer<impl AsyncWrite + Unpin>,
    outbox: Outbox,
    context: SocketContext,
) -> impl Future<Output = ()> {
    // The log identifies a connection by a random id, because names, rooms and tokens must not be logged.
    let id = tracing::enabled!(Level::DEBUG).then(Uuid::new_v4);
    let last_received = LastReceived::new();
    async move {
        let SocketContext { app, address, _slots } = &context;
        tracing::debug!(id = id.map(tracing::field::display), "socket open");
        let mut incoming = Incoming::new(&mut reader, &outbox, &last_received, &app.config);
        let mut seat = None;
        let reason = tokio::select! {
            biased;
            // Writing comes first, so that a peer that sends without pause does not starve it.
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
                // The page may not have had time to announce that it closes.
                EndReason::ByPeer(Some(GOING_AWAY)) => seat.disconnect(Ending::Going, now),
                _ => seat.disconnect(Ending::Lost(last_received.get()), now),
            }
        }
        tracing::debug!(id = id.map(tracing::field::display), code = code.map(CloseCode::number), "socket closed");
        let _ = timeout(CLOSE_TIMEOUT, outgoing::close(&mut reader, &mut writer, &outbox, reason)).await;
    }
}
