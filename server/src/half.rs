//! The half of a connection that is written to, for several who take turns.

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

use crate::{tls::Session, watched::Abort};

/// One half of a connection. Copies of it write to the same.
#[derive(Clone)]
pub(crate) struct SharedHalf(Arc<Half>);

/// An enum rather than a type parameter: outboxes and rooms keep halves, and are not to be compiled for each kind. A
/// write costs the plain path one comparison for it.
enum Half {
    Plain(OwnedWriteHalf),
    Tls(Arc<Session>),
}

impl From<OwnedWriteHalf> for SharedHalf {
    fn from(half: OwnedWriteHalf) -> Self {
        Self(Arc::new(Half::Plain(half)))
    }
}

impl From<Arc<Session>> for SharedHalf {
    fn from(session: Arc<Session>) -> Self {
        Self(Arc::new(Half::Tls(session)))
    }
}

impl SharedHalf {
    /// Writes as much as the socket takes at once.
    ///
    /// # Errors
    /// Those of the socket; [`io::ErrorKind::WouldBlock`] if it takes nothing for the moment.
    pub(crate) fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match (&*self.0, parts) {
            // A call for one part costs the system less.
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

impl Abort for SharedHalf {
    fn abort(&self) {
        self.socket().abort();
    }
}

impl AsyncWrite for SharedHalf {
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

    /// What [`SharedHalf::try_write`] counts as written is with the socket.
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
