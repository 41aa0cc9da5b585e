//! A client's non-blocking connection, plain or with TLS.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::SocketAddr,
    sync::Arc,
};

use mio::net::TcpStream;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use crate::ws;

/// A connection.
pub enum Line {
    /// Without TLS.
    Plain(TcpStream),
    /// With TLS.
    Tls(Box<Tls>),
}

/// The state of TLS.
pub struct Tls {
    stream: TcpStream,
    connection: ClientConnection,
}

impl Line {
    /// Begins a connection.
    #[must_use]
    pub fn connect(address: SocketAddr, trust: Option<&Arc<ClientConfig>>) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        match trust {
            None => Self::Plain(stream),
            Some(config) => {
                let connection = ClientConnection::new(Arc::clone(config), address.ip().into()).unwrap();
                Self::Tls(Box::new(Tls { stream, connection }))
            }
        }
    }

    /// The socket.
    pub fn socket(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(tls) => &mut tls.stream,
        }
    }
}

impl Tls {
    fn send(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(&mut self.stream)?;
        }
        Ok(())
    }

    fn receive(&mut self) -> io::Result<usize> {
        let received = self.connection.read_tls(&mut self.stream)?;
        self.connection.process_new_packets().map_err(io::Error::other)?;
        // The next write sends the rest.
        let _ = self.send();
        Ok(received)
    }
}

impl Read for Line {
    /// Fills the buffer, or reads all available bytes.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let tls = match self {
            Self::Plain(stream) => return stream.read(buffer),
            Self::Tls(tls) => tls,
        };
        let mut filled = 0;
        while filled < buffer.len() {
            let more = match tls.connection.reader().read(&mut buffer[filled..]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => tls.receive().map(|_| 0),
                Ok(0) => break,
                read => read,
            };
            match more {
                Ok(length) => filled += length,
                Err(_) if filled > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(tls) => {
                tls.send()?;
                tls.connection.writer().write(bytes)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(tls) => tls.send(),
        }
    }
}

/// Returns a configuration that trusts the server's self-made certificate.
#[must_use]
pub fn trust(address: SocketAddr) -> Arc<ClientConfig> {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let ask = format!("GET /cloakroom.crt HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(ask.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let body = &answer[ws::head(&answer).expect("an answer has a head")..];
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(body).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    Arc::new(config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots).with_no_client_auth())
}
