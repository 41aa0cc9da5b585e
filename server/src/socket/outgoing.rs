//! The writes of the connection's own task: frames that were queued in the outbox, and the close frame.

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

/// Writes the outbox's batches until the connection ends.
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
                        // Leaves time to read the frames that the peer sent before it went, such as a leave.
                        if error.kind() != ErrorKind::TimedOut {
                            Box::pin(sleep(CLOSE_TIMEOUT)).await;
                        }
                        return EndReason::Lost;
                    }
                },
                code = close_deadline(outbox) => Some(code),
            };
            if let Some(code) = ended {
                return code.into();
            }
        }
    }
}

/// Waits until the outbox is closed and the peer has had time to receive the frames before the close. A peer that is
/// too slow has had that time.
async fn close_deadline(outbox: &Outbox) -> CloseCode {
    let code = outbox.closed().await;
    if code != CloseCode::TooSlow {
        // Boxed, so that the task does not reserve memory for it.
        Box::pin(sleep(CLOSE_TIMEOUT)).await;
    }
    code
}

/// Sends a close frame, then waits for the peer's answer or its end. Dropping a connection with unread bytes resets it,
/// and the close frame might not arrive.
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
    // After bytes that are not a frame, no answer can be parsed. Within a message, buffering the rest is not worth it.
    let is_unreadable =
        matches!(reason, EndReason::ByServer(CloseCode::ProtocolError | CloseCode::NotUtf8 | CloseCode::TooBig));
    reader.limit(0);
    if is_unreadable || reader.buffered_bytes() > 0 || !wait_for_answer(reader).await {
        writer.shut().await;
        reader.drain().await;
    }
}

/// Waits for the peer's close frame or its end. Returns false if the peer sends bytes that are not a frame.
async fn wait_for_answer<R: AsyncRead + Unpin>(reader: &mut Reader<R>) -> bool {
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
