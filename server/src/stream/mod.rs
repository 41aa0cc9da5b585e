//! A connection's byte stream, plain or TLS, below HTTP and WebSocket.

mod stall_timeout;
mod tls_session;
mod write_half;

use std::{sync::Arc, time::Duration};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, tcp::OwnedReadHalf},
};
use tokio_rustls::server::TlsStream;

pub(crate) use stall_timeout::StallTimeout;
pub(crate) use tls_session::TlsReadHalf;
use tls_session::TlsSession;
pub(crate) use write_half::WriteHalf;

/// A connection's stream, plain or TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Abort + Unpin + Send + 'static {
    /// The read half.
    type ReadHalf: AsyncRead + Unpin + Send;

    /// Splits the stream into read half and write half.
    fn split(self) -> (Self::ReadHalf, WriteHalf);
}

impl Stream for TcpStream {
    type ReadHalf = OwnedReadHalf;

    fn split(self) -> (OwnedReadHalf, WriteHalf) {
        let (reading, writing) = self.into_split();
        (reading, writing.into())
    }
}

/// A stream that can be closed without waiting for unsent bytes.
pub(crate) trait Abort {
    /// Makes closing the stream reset the connection and drop unsent bytes. Otherwise the operating system would keep
    /// offering them to the peer, and keep the connection open, for minutes.
    fn abort(&self);
}

impl Abort for TcpStream {
    fn abort(&self) {
        // Fails only for a socket that is closed already.
        let _ = SockRef::from(self).set_linger(Some(Duration::ZERO));
    }
}

impl Abort for TlsStream<TcpStream> {
    fn abort(&self) {
        self.get_ref().0.abort();
    }
}

impl Stream for TlsStream<TcpStream> {
    type ReadHalf = TlsReadHalf;

    fn split(self) -> (TlsReadHalf, WriteHalf) {
        let (socket, connection) = self.into_inner();
        let session = TlsSession::new(socket, connection);
        (Arc::clone(&session).into(), session.into())
    }
}
