//! What goes out: frames, and then the close.

use std::{io, ops::ControlFlow};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};
use wire::CloseCode;

use super::Over;
use crate::{
    Outbox,
    outbox::Batch,
    ws::{End, Event, Opcode, Reader, Writer},
};

/// What is gathered for one write.
const WRITE_BYTES: usize = 64 * 1024;

/// Writes what the outbox holds, many frames to a write.
pub(super) async fn write<W: AsyncWrite + Unpin>(writer: &mut Writer<W>, outbox: &Outbox) -> Over {
    let mut batch = Batch::default();
    loop {
        outbox.next(&mut batch).await;
        let closed = batch.closed;
        let ended = tokio::select! {
            biased;
            written = write_batch(writer, &mut batch) => match written {
                Ok(()) => closed,
                Err(_) => return Over::Gone,
            },
            // One who is cut off while a write waits for it is not waited for.
            CloseCode::TooSlow = outbox.closed() => Some(CloseCode::TooSlow),
        };
        if let Some(code) = ended {
            return code.into();
        }
    }
}

async fn write_batch<W: AsyncWrite + Unpin>(writer: &mut Writer<W>, batch: &mut Batch) -> io::Result<()> {
    writer.reserve(batch.bytes.min(WRITE_BYTES));
    if let Some(payload) = batch.pong.take() {
        writer.push(Opcode::Pong, payload);
    }
    if batch.ping {
        writer.push(Opcode::Ping, Bytes::new());
    }
    for frame in batch.frames.drain(..) {
        writer.push(Opcode::Binary, frame);
        if writer.waiting() >= WRITE_BYTES {
            writer.flush().await?;
            writer.reserve(WRITE_BYTES);
        }
    }
    writer.flush().await
}

/// Says why it is over, and waits for the answer, or for the peer to go: to drop a connection with something unread
/// resets it, and the reason might not arrive.
pub(super) async fn close<S: AsyncRead + AsyncWrite>(
    reader: &mut Reader<ReadHalf<S>>,
    writer: &mut Writer<WriteHalf<S>>,
    over: Over,
) {
    let code = match over {
        Over::Ours(code) => Some(code.number()),
        Over::Theirs(code) => code,
        Over::Gone => return,
    };
    writer.push_close(code);
    if writer.flush().await.is_err() || matches!(over, Over::Theirs(_)) {
        return;
    }
    // Where what came last was no frame, no answer can be read.
    let is_lost = matches!(over, Over::Ours(CloseCode::ProtocolError | CloseCode::NotUtf8 | CloseCode::TooBig));
    if is_lost || !answered(reader).await {
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
            Ok(ControlFlow::Continue(_)) => {}
            Ok(ControlFlow::Break(())) | Err(End::Gone) => return true,
            Err(End::Fault(_)) => return false,
        }
    }
}
