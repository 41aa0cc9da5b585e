//! TLS on the server's own sockets: whose certificate it shows, how a connection begins, and a stream for the rest.

mod files;
mod handshake;
pub(crate) mod plain;
mod session;

use std::{
    fmt, io,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use files::Files;
pub(crate) use handshake::Begun;
use handshake::Handshakes;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
pub(crate) use session::Session;
use tokio::{
    net::TcpStream,
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

use crate::{Address, Config};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Why there is no TLS to be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}: {}", .0.display(), .1)]
    File(PathBuf, io::Error),
    /// A file is not what it has to be.
    #[error("{} is no PEM file: {}", .0.display(), .1)]
    NotPem(PathBuf, pem::Error),
    /// There is no certificate in a file.
    #[error("{} holds no certificate", .0.display())]
    NoCertificate(PathBuf),
    /// There is no key in a file.
    #[error("{} holds no private key", .0.display())]
    NoKey(PathBuf),
    /// A certificate and a key do not belong together, or are of a kind that is not supported.
    #[error("{} and {} cannot be used together: {}", .0.display(), .1.display(), .2)]
    Pair(PathBuf, PathBuf, rustls::Error),
    /// rustls refused its configuration.
    #[error("{0}")]
    Config(#[from] rustls::Error),
}

/// What connections need to speak TLS.
pub(crate) struct Tls {
    handshakes: Handshakes,
    shown: Arc<Shown>,
    files: Files,
}

/// The certificate that is shown, with its key.
struct Shown(RwLock<Arc<CertifiedKey>>);

impl Shown {
    fn replace(&self, key: CertifiedKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Shown")
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Tls {
    /// As the configuration asks for it; `None` if it does not.
    ///
    /// # Errors
    /// When there is no usable certificate.
    pub(crate) fn of(config: &Config) -> Result<Option<Self>, TlsError> {
        let (Some(certificate), Some(key)) = (&config.tls_cert, &config.tls_key) else { return Ok(None) };
        let files = Files::new(certificate, key);
        let Some(key) = files.changed().transpose()? else { return Ok(None) };
        let shown = Arc::new(Shown(RwLock::new(Arc::new(key))));
        let handshakes = Handshakes::new(server_config(Arc::clone(&shown))?);
        Ok(Some(Self { handshakes, shown, files }))
    }

    /// See [`Handshakes::begin`].
    pub(crate) async fn begin(&self, stream: TcpStream, address: Option<Address>) -> Option<Begun> {
        self.handshakes.begin(stream, address).await
    }

    /// Shows what the files hold, for as long as the server runs. Where they hold nothing of use, what was shown before
    /// is shown on: a renewal that went wrong is not to end the service.
    pub(crate) async fn follow_files(self: Arc<Self>) {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            look.tick().await;
            let tls = Arc::clone(&self);
            // The files may be far away.
            match spawn_blocking(move || tls.files.changed()).await {
                Ok(Some(Ok(key))) => {
                    self.shown.replace(key);
                    tracing::info!("TLS certificate read again");
                }
                Ok(Some(Err(error))) => tracing::error!("TLS certificate kept, the new one is of no use: {error}"),
                Ok(None) | Err(_) => {}
            }
        }
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn certified(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<CertifiedKey, rustls::Error> {
    CertifiedKey::from_der(chain, key, &provider())
}

/// TLS 1.3 and 1.2, with the suites of rustls, which are all AEAD. Nothing is accepted before the handshake is over.
fn server_config(shown: Arc<Shown>) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(shown);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
