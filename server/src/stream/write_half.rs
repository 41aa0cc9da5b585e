//! The write half of a connection, shared by the tasks that write to it in turn.

use std::{
    io::{self, IoSlice},
    net::Shutdown,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use socket2::SockRef;
use tokio::{
    io::AsyncWrite,
    net::{TcpStream, tcp::OwnedWriteHalf},
};

use super::{Abort, TlsSession};

/// A handle to a write half. Clones write to the same connection.
#[derive(Clone)]
pub(crate) struct WriteHalf(Arc<Half>);

/// An enum rather than a type parameter, so that outboxes and rooms are not compiled twice. It costs a plain write one
/// comparison.
enum Half {
    Plain(OwnedWriteHalf),
    Tls(Arc<TlsSession>),
}

impl From<OwnedWriteHalf> for WriteHalf {
    fn from(half: OwnedWriteHalf) -> Self {
        Self(Arc::new(Half::Plain(half)))
    }
}

impl From<Arc<TlsSession>> for WriteHalf {
    fn from(session: Arc<TlsSession>) -> Self {
        Self(Arc::new(Half::Tls(session)))
    }
}

impl WriteHalf {
    /// Writes as much as the socket accepts without waiting.
    ///
    /// # Errors
    /// Those of the socket; [`io::ErrorKind::WouldBlock`] if it accepts nothing now.
    pub(crate) fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match (&*self.0, parts) {
            // A plain write costs less than a vectored one.
            (Half::Plain(half), [part]) => half.as_ref().try_write(part),
            (Half::Plain(half), parts) => half.as_ref().try_write_vectored(parts),
            (Half::Tls(session), parts) => session.try_write(parts),
        }
    }

    fn socket(&self) -> &TcpStream {
        match &*self.0 {
            Half::Plain(half) => half.as_ref(),
            Half::Tls(session) => session.socket(),
        }
    }
}

impl Abort for WriteHalf {
    fn abort(&self) {
        self.socket().abort();
    }
}

impl AsyncWrite for WriteHalf {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.socket().poll_write_ready(context))?;
            match self.try_write(parts) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Does nothing: the socket has all bytes that [`WriteHalf::try_write`] reports as written.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Half::Tls(session) = &*self.0 {
            ready!(session.poll_end(context))?;
        }
        Poll::Ready(SockRef::from(self.socket()).shutdown(Shutdown::Write))
    }
}
