//! TLS from a client's side: certificates for the server to show, connections that trust one, and a tunnel for clients
//! that know no TLS.

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

/// A connection in TLS.
pub type Stream = TlsStream<TcpStream>;

/// A certificate and its key in files, and the authority that issued it.
pub struct Issued {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// In PEM.
    pub authority: String,
}

/// An authority, which goes on issuing.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    #[expect(clippy::new_without_default, reason = "each is another")]
    pub fn new() -> Self {
        let mut params = with_dates(CertificateParams::default());
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "the tests' authority");
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Writes a certificate for these names to files in this folder, over those that are there.
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
    /// The server's flags for it.
    pub fn flags(&self) -> [&str; 4] {
        ["--tls-cert", self.certificate.to_str().unwrap(), "--tls-key", self.key.to_str().unwrap()]
    }
}

/// What a client is like.
pub struct Trust {
    config: ClientConfig,
}

impl Trust {
    /// It trusts this authority, given in PEM, and no other.
    pub fn in_authority(pem: &str) -> Self {
        Self::speaking(pem, rustls::ALL_VERSIONS)
    }

    /// It also speaks these versions only.
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

    /// It also offers these application protocols.
    pub fn offering(mut self, protocols: &[&str]) -> Self {
        self.config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        self
    }

    /// Opens a connection to this address and port, which has to show a certificate for that address.
    pub async fn connect(&self, address: &str) -> io::Result<Stream> {
        let host = address.rsplit_once(':').unwrap().0.trim_matches(['[', ']']);
        self.connect_as(address, host).await
    }

    /// The same, but the certificate has to be for this name.
    pub async fn connect_as(&self, address: &str, name: &str) -> io::Result<Stream> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let stream = TcpStream::connect(address).await?;
        TlsConnector::from(Arc::new(self.config.clone())).connect(name, stream).await
    }

    /// Asks for a page: the whole answer.
    pub async fn get(&self, address: &str, path: &str) -> String {
        let mut stream = self.connect(address).await.unwrap();
        ask(&mut stream, "GET", address, path, "").await
    }

    /// Listens on a port of its own, and passes what comes there on to the server in TLS.
    pub async fn tunnel(self, server: &Server) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = server.address.clone();
        tokio::spawn(async move {
            let trust = Arc::new(self);
            while let Ok((mut near, _)) = listener.accept().await {
                let (trust, server) = (Arc::clone(&trust), server.clone());
                tokio::spawn(async move {
                    // How it ends, the client sees for itself.
                    if let Ok(mut far) = trust.connect(&server).await {
                        let _ = copy_bidirectional(&mut near, &mut far).await;
                    }
                });
            }
        });
        address
    }
}

/// Asks over a connection, with these lines in the head too, and waits for the end: the whole answer.
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

/// The same over a plain connection.
pub async fn ask_plainly(address: &str, method: &str, path: &str) -> String {
    ask(&mut TcpStream::connect(address).await.unwrap(), method, address, path, "").await
}

/// The certificate that a server made for itself, as it hands it out, in PEM.
pub async fn own_authority(server: &Server) -> String {
    let answer = ask_plainly(&server.address, "GET", "/cloakroom.crt").await;
    answer.split_once("\r\n\r\n").expect("a head").1.to_owned()
}
