//! A stream, plain or TLS, that aborts the connection when the peer accepts no bytes for too long. It sits below HTTP
//! and WebSocket, so that it works for both and sees bytes rather than messages. It also wipes the buffer into which
//! HTTP reads.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};
use wire::limits;

use super::{Abort, Stream, WriteHalf};

/// A stream, or its write half, with a timeout for stalled writes.
pub(crate) struct StallTimeout<S> {
    stream: S,
    /// Runs while the peer accepts nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    is_aborted: bool,
}

impl<S: Abort> StallTimeout<S> {
    /// Clears the timeout after progress. Aborts the connection when a write has stalled for [`limits::WRITE_TIMEOUT`].
    fn progress<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(limits::WRITE_TIMEOUT)));
        stalled.as_mut().poll(context).map(|()| {
            self.stream.abort();
            self.is_aborted = true;
            Err(io::ErrorKind::TimedOut.into())
        })
    }

    /// True when the connection was aborted because the peer accepted nothing.
    pub(crate) fn has_timed_out(&self) -> bool {
        self.is_aborted
    }
}

impl<S: Stream> StallTimeout<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, stalled: None, is_aborted: false }
    }

    /// Splits the stream into read half and write half.
    pub(crate) fn split(self) -> (S::ReadHalf, StallTimeout<WriteHalf>) {
        let (reading, stream) = self.stream.split();
        (reading, StallTimeout { stream, stalled: None, is_aborted: false })
    }
}

impl StallTimeout<WriteHalf> {
    pub(crate) fn half(&self) -> WriteHalf {
        self.stream.clone()
    }
}

impl<S: Stream> AsyncRead for StallTimeout<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // HTTP reuses one buffer for the whole connection, which still holds secrets of the last request.
        buffer.initialize_unfilled().fill(0);
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Abort + Unpin> AsyncWrite for StallTimeout<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.progress(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = match parts {
            // A plain write costs less than a vectored one.
            [part] => Pin::new(&mut self.stream).poll_write(context, part),
            parts => Pin::new(&mut self.stream).poll_write_vectored(context, parts),
        };
        self.progress(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // TLS buffers writes, so that only a flush waits for the peer.
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.progress(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
