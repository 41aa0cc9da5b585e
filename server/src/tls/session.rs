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
pub(crate) struct Session {
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
pub(crate) struct Reading(Arc<Session>);

impl From<Arc<Session>> for Reading {
    fn from(session: Arc<Session>) -> Self {
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

impl Session {
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

impl AsyncRead for Reading {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.0.poll_read(context, buffer)
    }
}

#[cfg(test)]
mod tests {
    use rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    };
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };
    use tokio_rustls::{TlsConnector, client};

    use crate::{
        half::SharedHalf,
        tls::{
            Begun, Handshakes, Shown,
            names::Names,
            own::{Age, Own},
            provider, server_config,
        },
        watched::Stream as _,
    };

    use super::*;

    /// A connection over loopback: the server's halves, and the client.
    async fn pair() -> (Reading, SharedHalf, client::TlsStream<TcpStream>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (own, age) = Own::of(None, &Names::of(&[address]), time::OffsetDateTime::now_utc()).unwrap();
        assert_eq!(age, Age::First);
        let shown = Arc::new(Shown(std::sync::RwLock::new(Arc::new(own.certified().unwrap()))));
        let handshakes = Handshakes::new(server_config(shown).unwrap(), 4);
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(own.authority.as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
        let connector = TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
        let client = async {
            let stream = TcpStream::connect(address).await.unwrap();
            connector.connect(ServerName::from(address.ip()), stream).await.unwrap()
        };
        let server = async {
            let (stream, _) = listener.accept().await.unwrap();
            match handshakes.begin(stream, None).await {
                Some(Begun::Tls(stream)) => stream.split(),
                _ => panic!("not TLS"),
            }
        };
        let (client, (reading, half)) = tokio::join!(client, server);
        (reading, half, client)
    }

    /// The byte at this position of the test data.
    fn at(place: usize) -> u8 {
        (place % 251) as u8
    }

    #[tokio::test]
    async fn written_bytes_arrive_once_and_in_order() {
        const ALL: usize = 8 * 1024 * 1024;
        let (_reading, mut half, mut client) = pair().await;
        let bytes = (0..ALL).map(at).collect::<Vec<_>>();
        let (mut written, mut read, mut blocked) = (0, 0, 0);
        let mut buffer = vec![0; 300_000];
        while written < ALL {
            // Writes of varying sizes, most of them in two parts.
            let rest = &bytes[written..(written + 1 + written % 40_000).min(ALL)];
            let (first, second) = rest.split_at(rest.len() / 3);
            match half.try_write(&[IoSlice::new(first), IoSlice::new(second)]) {
                Ok(count) => written += count,
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    blocked += 1;
                    let count = client.read(&mut buffer).await.unwrap();
                    assert!(buffer[..count].iter().zip(read..).all(|(byte, place)| *byte == at(place)));
                    read += count;
                    // Lets the runtime notice that the socket is writable.
                    tokio::task::yield_now().await;
                }
            }
        }
        assert!(blocked > 10, "the socket was full {blocked} times");
        let end = tokio::spawn(async move { half.shutdown().await });
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.expect("close_notify arrives");
        assert!(rest.iter().zip(read..).all(|(byte, place)| *byte == at(place)));
        assert_eq!(read + rest.len(), ALL);
        end.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn both_directions_work_at_once() {
        const ALL: usize = 4 * 1024 * 1024;
        let (mut reading, mut half, client) = pair().await;
        let bytes = (0..ALL).map(at).collect::<Arc<[u8]>>();
        let (mut client_reading, mut client_writing) = tokio::io::split(client);
        let write = |bytes: Arc<[u8]>| async move { half.write_all(&bytes).await };
        let (to_client, to_server) = (Arc::clone(&bytes), Arc::clone(&bytes));
        let tasks = [
            tokio::spawn(write(to_client)),
            tokio::spawn(async move {
                client_writing.write_all(&to_server).await?;
                client_writing.flush().await
            }),
        ];
        let (mut at_server, mut at_client) = (vec![0; ALL], vec![0; ALL]);
        tokio::try_join!(reading.read_exact(&mut at_server), client_reading.read_exact(&mut at_client)).unwrap();
        assert!(at_server == *bytes && at_client == *bytes);
        for task in tasks {
            task.await.unwrap().unwrap();
        }
    }
}
