//! TLS for tests: certificates for the server, client connections that trust an authority, and a tunnel for clients
//! without TLS.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use time::{Duration, OffsetDateTime};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{server::Server, within};

/// A TLS connection.
pub type Stream = TlsStream<TcpStream>;

/// A certificate and its key in files, and the authority that signed it.
pub struct Issued {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// The authority's certificate in PEM.
    pub authority: String,
}

/// An authority that can issue several certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    #[expect(clippy::new_without_default, reason = "each call makes a different authority")]
    pub fn new() -> Self {
        let mut params = with_dates(CertificateParams::default());
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "the tests' authority");
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Writes a certificate for these names and its key to files in this folder, and replaces earlier ones.
    pub fn issue(&self, folder: &Path, names: &[&str]) -> Issued {
        let names = names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let key = KeyPair::generate().unwrap();
        let mut params = with_dates(CertificateParams::new(names).unwrap());
        params.distinguished_name.push(DnType::CommonName, "the tests' server");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let [at, key_at] = ["server.crt", "server.key"].map(|name| folder.join(name));
        fs::write(&at, certificate.pem()).unwrap();
        fs::write(&key_at, key.serialize_pem()).unwrap();
        Issued { certificate: at, key: key_at, authority: self.pem.clone() }
    }
}

fn with_dates(mut params: CertificateParams) -> CertificateParams {
    let now = OffsetDateTime::now_utc();
    (params.not_before, params.not_after) = (now - Duration::days(1), now + Duration::days(90));
    params
}

impl Issued {
    /// Returns the server's flags for this certificate.
    pub fn flags(&self) -> [&str; 4] {
        ["--tls-cert", self.certificate.to_str().unwrap(), "--tls-key", self.key.to_str().unwrap()]
    }
}

/// A TLS client's configuration.
pub struct Trust {
    config: ClientConfig,
}

impl Trust {
    /// Makes a client that trusts only this authority, given in PEM.
    pub fn in_authority(pem: &str) -> Self {
        Self::speaking(pem, rustls::ALL_VERSIONS)
    }

    /// Makes a client that trusts only this authority and speaks only these versions.
    pub fn speaking(pem: &str, versions: &[&'static SupportedProtocolVersion]) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { config }
    }

    /// Adds these application protocols (ALPN) to the client's offer.
    pub fn offering(mut self, protocols: &[&str]) -> Self {
        self.config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        self
    }

    /// Connects to this address and port, and requires a certificate for that address.
    pub async fn connect(&self, address: &str) -> io::Result<Stream> {
        let host = address.rsplit_once(':').unwrap().0.trim_matches(['[', ']']);
        self.connect_as(address, host).await
    }

    /// Connects to this address and port, and requires a certificate for this name.
    pub async fn connect_as(&self, address: &str, name: &str) -> io::Result<Stream> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let stream = TcpStream::connect(address).await?;
        TlsConnector::from(Arc::new(self.config.clone())).connect(name, stream).await
    }

    /// Requests a page, and returns the whole response.
    pub async fn get(&self, address: &str, path: &str) -> String {
        let mut stream = self.connect(address).await.unwrap();
        ask(&mut stream, "GET", address, path, "").await
    }

    /// Listens on a new port and forwards plain connections to the server over TLS. Returns the new address.
    pub async fn tunnel(self, server: &Server) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = server.address.clone();
        tokio::spawn(async move {
            let trust = Arc::new(self);
            while let Ok((mut near, _)) = listener.accept().await {
                let (trust, server) = (Arc::clone(&trust), server.clone());
                tokio::spawn(async move {
                    // The client notices by itself how the connection ends.
                    if let Ok(mut far) = trust.connect(&server).await {
                        let _ = copy_bidirectional(&mut near, &mut far).await;
                    }
                });
            }
        });
        address
    }
}

/// Sends a request with these extra header lines, reads until the connection closes, and returns the whole response.
pub async fn ask<S>(stream: &mut S, method: &str, host: &str, path: &str, lines: &str) -> String
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let request = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{lines}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    within("an answer", stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Sends a request over a plain connection, and returns the whole response.
pub async fn ask_plainly(address: &str, method: &str, path: &str) -> String {
    ask(&mut TcpStream::connect(address).await.unwrap(), method, address, path, "").await
}

/// Downloads the authority's certificate that a self-signed server hands out, in PEM.
pub async fn own_authority(server: &Server) -> String {
    let answer = ask_plainly(&server.address, "GET", "/cloakroom.crt").await;
    answer.split_once("\r\n\r\n").expect("a head").1.to_owned()
}
