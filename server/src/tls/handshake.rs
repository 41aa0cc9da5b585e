//! The start of a connection: tells TLS from plain HTTP by the first byte, and bounds handshakes in time and number.

use std::{sync::Arc, time::Duration};

use room::Address;
use rustls::ServerConfig;
use tokio::{net::TcpStream, sync::Semaphore, time::timeout};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::connection_limit::ConnectionLimit;

/// How long the first byte and the handshake may take together.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum concurrent handshakes. rustls buffers up to 64 KiB for each.
const CONCURRENT: usize = 512;
/// One address may use a quarter of its connections for concurrent handshakes, so that a few addresses cannot occupy
/// all.
const ADDRESS_DIVISOR: usize = 4;
/// The first byte of a TLS connection, the record type of a handshake (RFC 8446, section 5.1). No HTTP method begins
/// with it.
const HANDSHAKE: u8 = 0x16;

/// Accepts TLS handshakes with one configuration.
pub(super) struct Handshakes {
    acceptor: TlsAcceptor,
    permits: Semaphore,
    connection_limit: Arc<ConnectionLimit>,
}

/// A connection that has begun.
pub(crate) enum Accepted {
    /// The TLS handshake is complete.
    Tls(Box<TlsStream<TcpStream>>),
    /// The connection is plain; no byte has been consumed.
    Plain(TcpStream),
}

impl Handshakes {
    pub(super) fn new(config: ServerConfig, connections_per_address: usize) -> Self {
        Self {
            acceptor: Arc::new(config).into(),
            permits: Semaphore::new(CONCURRENT),
            connection_limit: ConnectionLimit::new(connections_per_address.div_ceil(ADDRESS_DIVISOR)),
        }
    }

    /// Waits for the first byte and, if it begins a handshake, completes that. Returns `None` if the handshake fails or
    /// takes too long, or if too many are running, from this address or in total. For a trusted proxy, `address` is
    /// `None`: its connections come from many people.
    pub(super) async fn accept(&self, stream: TcpStream, address: Option<Address>) -> Option<Accepted> {
        timeout(TIMEOUT, self.accept_unbounded(stream, address)).await.ok()?
    }

    async fn accept_unbounded(&self, stream: TcpStream, address: Option<Address>) -> Option<Accepted> {
        let mut first = [0];
        if stream.peek(&mut first).await.ok()? == 0 {
            return None;
        }
        if first != [HANDSHAKE] {
            return Some(Accepted::Plain(stream));
        }
        // Acquired after the first byte, so that silent connections take no permits.
        let _permit = self.permits.try_acquire().ok()?;
        let _slot = address.map(|address| self.connection_limit.acquire(address)).transpose().ok()?;
        match self.acceptor.accept(stream).await {
            Ok(stream) => Some(Accepted::Tls(Box::new(stream))),
            Err(error) => {
                // Logs only the kind, because the text could contain bytes from the peer.
                tracing::debug!(kind = %error.kind(), "TLS handshake failed");
                None
            }
        }
    }
}
