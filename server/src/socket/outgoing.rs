//! What the connection's own task writes: what does not go out at once, and the close.

use std::{io::ErrorKind, ops::ControlFlow};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::sleep,
};
use wire::CloseCode;

use super::{CLOSE_TIMEOUT, EndReason};
use crate::{
    Outbox,
    ws::{End, Event, Reader, Writer},
};

/// Writes what the outbox holds, many frames to a write.
pub(super) fn write<W: AsyncWrite + Unpin>(writer: &mut Writer<W>, outbox: &Outbox) -> impl Future<Output = EndReason> {
    async move {
        loop {
            let (bytes, closed) = outbox.next_batch().await;
            writer.outgoing = bytes;
            let ended = tokio::select! {
                biased;
                written = writer.flush() => match written {
                    Ok(()) => closed,
                    Err(error) => {
                        // What a peer sent before it went is still to be taken: a leave may be among it.
                        if error.kind() != ErrorKind::TimedOut {
                            Box::pin(sleep(CLOSE_TIMEOUT)).await;
                        }
                        return EndReason::Lost;
                    }
                },
                code = overdue(outbox) => Some(code),
            };
            if let Some(code) = ended {
                return code.into();
            }
        }
    }
}

/// Waits until the end has come, and the peer had time to take what was to come before it. One who is cut off had that.
async fn overdue(outbox: &Outbox) -> CloseCode {
    let code = outbox.closed().await;
    if code != CloseCode::TooSlow {
        // Kept apart: it is needed once.
        Box::pin(sleep(CLOSE_TIMEOUT)).await;
    }
    code
}

/// Says why it is over, and waits for the answer, or for the peer to go: to drop a connection with something unread
/// resets it, and the reason might not arrive.
pub(super) async fn close(
    reader: &mut Reader<impl AsyncRead + Unpin>,
    writer: &mut Writer<impl AsyncWrite + Unpin>,
    outbox: &Outbox,
    reason: EndReason,
) {
    let rest = outbox.end();
    let code = match reason {
        EndReason::ByServer(code) => Some(code.number()),
        EndReason::ByPeer(code) => code,
        EndReason::Lost => return,
    };
    if let Some(mut rest) = rest {
        writer.outgoing.append(&mut rest);
    }
    writer.outgoing.push_close(code);
    if writer.flush().await.is_err() || matches!(reason, EndReason::ByPeer(_)) {
        return;
    }
    // Where what came last was no frame, no answer can be read; within a message, the rest is not worth keeping for it.
    let is_lost =
        matches!(reason, EndReason::ByServer(CloseCode::ProtocolError | CloseCode::NotUtf8 | CloseCode::TooBig));
    reader.limit(0);
    if is_lost || reader.buffered_bytes() > 0 || !answered(reader).await {
        writer.shut().await;
        reader.drain().await;
    }
}

/// Waits for the peer's close, or its end; whether that could be read.
async fn answered<R: AsyncRead + Unpin>(reader: &mut Reader<R>) -> bool {
    loop {
        let read = reader.read(|event| match event {
            Event::Close(_) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        match read.await {
            Ok((_, ControlFlow::Continue(()))) => {}
            Ok((_, ControlFlow::Break(()))) | Err(End::Gone) => return true,
            Err(End::Fault(_)) => return false,
        }
    }
}
