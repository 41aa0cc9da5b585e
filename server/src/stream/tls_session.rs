//! A TLS connection after its handshake, for one reading task and several writing tasks.
//!
//! Both directions share rustls's state behind a lock. No task awaits while it holds the lock.

use std::{
    io::{self, IoSlice, Read as _, Write as _},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use rustls::ServerConnection;
use tokio::{
    io::{AsyncRead, ReadBuf},
    net::TcpStream,
};

/// A TLS connection.
pub(crate) struct TlsSession {
    socket: TcpStream,
    state: Mutex<State>,
}

struct State {
    connection: ServerConnection,
    /// True when the last byte of the last write is encrypted but was not reported as written, because the socket has
    /// not accepted its record.
    owes_byte: bool,
    /// True when close_notify has been sent.
    has_ended: bool,
}

/// The read half of a TLS connection.
pub(crate) struct TlsReadHalf(Arc<TlsSession>);

impl From<Arc<TlsSession>> for TlsReadHalf {
    fn from(session: Arc<TlsSession>) -> Self {
        Self(session)
    }
}

/// Adapts a socket to `std::io` without blocking.
struct NonBlocking<'s>(&'s TcpStream);

impl io::Read for NonBlocking<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(bytes)
    }
}

impl io::Write for NonBlocking<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match parts {
            [part] => self.0.try_write(part),
            parts => self.0.try_write_vectored(parts),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl State {
    /// Writes encrypted bytes to the socket.
    fn flush(&mut self, socket: &TcpStream) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(&mut NonBlocking(socket))?;
        }
        Ok(())
    }
}

impl TlsSession {
    pub(crate) fn new(socket: TcpStream, connection: ServerConnection) -> Arc<Self> {
        Arc::new(Self { socket, state: Mutex::new(State { connection, owes_byte: false, has_ended: false }) })
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes as much as the socket accepts without waiting, at most one rustls buffer.
    ///
    /// If the socket does not accept all encrypted bytes, this reports the last plain byte as not written. The caller
    /// must then call again with that byte, and the second call flushes the rest of the record. Bytes reported as
    /// written therefore never wait here for another call.
    ///
    /// # Errors
    /// Those of the socket; [`io::ErrorKind::WouldBlock`] if it accepts nothing now.
    pub(crate) fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = self.lock();
        state.flush(&self.socket)?;
        if state.owes_byte {
            state.owes_byte = false;
            return Ok(1);
        }
        let taken = state.connection.writer().write_vectored(parts)?;
        match state.flush(&self.socket) {
            Ok(()) => Ok(taken),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && taken > 0 => {
                state.owes_byte = true;
                if taken > 1 { Ok(taken - 1) } else { Err(error) }
            }
            Err(error) => Err(error),
        }
    }

    /// Sends close_notify.
    pub(crate) fn poll_end(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.socket.poll_write_ready(context))?;
            let mut state = self.lock();
            if !state.has_ended {
                state.has_ended = true;
                state.connection.send_close_notify();
            }
            match state.flush(&self.socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                flushed => return Poll::Ready(flushed),
            }
        }
    }

    fn poll_read(&self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = self.lock();
        loop {
            match state.connection.reader().read(buffer.initialize_unfilled()) {
                Ok(count) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            ready!(self.socket.poll_read_ready(context))?;
            match state.connection.read_tls(&mut NonBlocking(&self.socket)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Poll::Ready(Err(error)),
            }
            let processed = state.connection.process_new_packets();
            // Sends an alert or a key update. The next write sends whatever the socket does not accept now.
            let _ = state.flush(&self.socket);
            processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
    }
}

impl AsyncRead for TlsReadHalf {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.0.poll_read(context, buffer)
    }
}
