//! How a connection begins: TLS or plain, by its first byte, and the handshake, bounded in time and number.

use std::{sync::Arc, time::Duration};

use room::Address;
use rustls::ServerConfig;
use tokio::{net::TcpStream, sync::Semaphore, time::timeout};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::Session;
use crate::{
    crowd::Crowd,
    half::SharedHalf,
    tls::session::Reading,
    watched::{Abort, Stream},
};

/// How long a handshake may take, from the connection's first byte to the last of the handshake.
const WITHIN: Duration = Duration::from_secs(10);
/// Handshakes at one time. rustls keeps up to 64 KiB of one that is not over.
const AT_ONCE: usize = 512;
/// The part of an address's connections that may be handshakes at one time, so that a few addresses cannot take all.
const PART_OF_ADDRESS: usize = 4;
/// The first byte of a TLS connection: the record type of a handshake (RFC 8446, section 5.1). No HTTP method begins
/// with it.
const HANDSHAKE: u8 = 0x16;

/// Handshakes with one configuration.
pub(super) struct Handshakes {
    acceptor: TlsAcceptor,
    places: Semaphore,
    crowd: Arc<Crowd>,
}

/// A connection that speaks.
pub(crate) enum Begun {
    /// In TLS.
    Tls(Box<TlsStream<TcpStream>>),
    /// Plainly: nothing of it was read.
    Plain(TcpStream),
}

impl Handshakes {
    pub(super) fn new(config: ServerConfig, connections_per_address: usize) -> Self {
        Self {
            acceptor: Arc::new(config).into(),
            places: Semaphore::new(AT_ONCE),
            crowd: Crowd::new(connections_per_address.div_ceil(PART_OF_ADDRESS)),
        }
    }

    /// Waits for the first byte, and for the handshake if it begins one. `None` if it failed, took too long, or too many
    /// are under way, from this address or in all. A trusted proxy has no address of its own: it brings many people.
    pub(super) async fn begin(&self, stream: TcpStream, address: Option<Address>) -> Option<Begun> {
        timeout(WITHIN, self.speak(stream, address)).await.ok()?
    }

    async fn speak(&self, stream: TcpStream, address: Option<Address>) -> Option<Begun> {
        let mut first = [0];
        if stream.peek(&mut first).await.ok()? == 0 {
            return None;
        }
        if first != [HANDSHAKE] {
            return Some(Begun::Plain(stream));
        }
        // Only now: one that says nothing takes no place from those that do.
        let _place = self.places.try_acquire().ok()?;
        let _entered = address.map(|address| Crowd::enter(&self.crowd, address)).transpose().ok()?;
        match self.acceptor.accept(stream).await {
            Ok(stream) => Some(Begun::Tls(Box::new(stream))),
            Err(error) => {
                // Only its kind: what a peer sent may be anything.
                tracing::debug!(kind = %error.kind(), "a TLS handshake failed");
                None
            }
        }
    }
}

impl Abort for TlsStream<TcpStream> {
    fn abort(&self) {
        self.get_ref().0.abort();
    }
}

impl Stream for TlsStream<TcpStream> {
    type Reading = Reading;

    fn split(self) -> (Reading, SharedHalf) {
        let (socket, connection) = self.into_inner();
        let session = Session::new(socket, connection);
        (Arc::clone(&session).into(), session.into())
    }
}
