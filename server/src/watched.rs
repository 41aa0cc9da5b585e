//! A stream, plain or in TLS, that does not wait for ever for a peer that takes nothing. Below HTTP and WebSocket, so
//! that it counts bytes, not messages, and holds for both. It also wipes what HTTP leaves in the buffer that it reads into.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, tcp::OwnedReadHalf},
    time::{Duration, Sleep, sleep},
};
use wire::limits;

use crate::half::SharedHalf;

/// A stream that is watched, or its half for writing.
pub(crate) struct Watched<S> {
    stream: S,
    /// Runs while the peer takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    is_over: bool,
}

/// A connection's stream, plain or in TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Abort + Unpin + Send + 'static {
    /// The half that is read.
    type Reading: AsyncRead + Unpin + Send;

    /// Both halves.
    fn split(self) -> (Self::Reading, SharedHalf);
}

impl Stream for TcpStream {
    type Reading = OwnedReadHalf;

    fn split(self) -> (OwnedReadHalf, SharedHalf) {
        let (reading, writing) = self.into_split();
        (reading, writing.into())
    }
}

/// A stream that can be ended without regard to what it has not sent yet.
pub(crate) trait Abort {
    /// Closing the stream resets the connection: the system drops what the peer did not take. It would offer that to the
    /// peer for minutes more, and the connection would stay open for as long.
    fn abort(&self);
}

impl Abort for TcpStream {
    fn abort(&self) {
        // Only a socket that is closed already refuses.
        let _ = SockRef::from(self).set_linger(Some(Duration::ZERO));
    }
}

impl<S: Abort> Watched<S> {
    fn progress<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(limits::WRITE_WITHIN)));
        stalled.as_mut().poll(context).map(|()| {
            self.stream.abort();
            self.is_over = true;
            Err(io::ErrorKind::TimedOut.into())
        })
    }

    /// Whether its peer took nothing for so long that the connection is given up.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }
}

impl<S: Stream> Watched<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, stalled: None, is_over: false }
    }

    /// Both halves.
    pub(crate) fn split(self) -> (S::Reading, Watched<SharedHalf>) {
        let (reading, stream) = self.stream.split();
        (reading, Watched { stream, stalled: None, is_over: false })
    }
}

impl Watched<SharedHalf> {
    pub(crate) fn half(&self) -> SharedHalf {
        self.stream.clone()
    }
}

impl<S: Stream> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // HTTP reads into one buffer as long as the connection lasts: the last request's secrets are still in it.
        buffer.initialize_unfilled().fill(0);
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Abort + Unpin> AsyncWrite for Watched<S> {
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
            // A call for one part costs the system less.
            [part] => Pin::new(&mut self.stream).poll_write(context, part),
            parts => Pin::new(&mut self.stream).poll_write_vectored(context, parts),
        };
        self.progress(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // TLS takes a write into a buffer: then only this waits for the peer.
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.progress(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
