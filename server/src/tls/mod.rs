//! TLS on the server's own sockets: whose certificate it shows, how a connection begins, and a stream for the rest.

mod files;
mod handshake;
mod names;
mod own;
pub(crate) mod plain;
mod session;

use std::{
    fmt,
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use files::Files;
pub(crate) use handshake::Begun;
use handshake::Handshakes;
use names::Names;
use own::{Age, Own};
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
pub(crate) use session::Session;
use time::OffsetDateTime;
use tokio::{
    net::TcpStream,
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

use room::Address;

use crate::{Config, StateError, StateFolder, qr_code};

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
    /// A certificate and its key were kept, but cannot be read.
    #[error("{} cannot be used: {}: remove it to have another made, which people then have to trust", .0.display(), .1)]
    Kept(PathBuf, String),
    /// No certificate could be made.
    #[error("no certificate could be made: {0}")]
    Make(#[from] rcgen::Error),
    /// The state folder cannot be used.
    #[error("{0}")]
    State(#[from] StateError),
    /// rustls refused its configuration.
    #[error("{0}")]
    Config(#[from] rustls::Error),
}

/// What connections need to speak TLS.
pub(crate) struct Tls {
    handshakes: Handshakes,
    shown: Arc<Shown>,
    source: Source,
}

/// Where the certificate comes from.
enum Source {
    Files(Files),
    Own {
        /// Of the authority, in PEM, for people to install.
        authority: String,
        /// For which hosts it is.
        names: Vec<String>,
    },
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
    /// As the configuration asks for it; `None` if it does not. A certificate of the server's own is for where it
    /// listens, and standard output says how to reach and to trust it.
    ///
    /// # Errors
    /// When there is no usable certificate.
    pub(crate) fn of(
        config: &Config,
        listening: &[SocketAddr],
        state: Option<&StateFolder>,
    ) -> Result<Option<Self>, TlsError> {
        let (source, key) = match (&config.tls_cert, &config.tls_key) {
            (Some(certificate), Some(key)) => {
                let files = Files::new(certificate, key);
                let key = files.read()?;
                (Source::Files(files), key)
            }
            _ if config.tls_self_signed => {
                let names = Names::of(listening);
                let (own, age) = Own::of(state, &names, OffsetDateTime::now_utc())?;
                greet(&own, age, &names, state.is_some())?;
                let key = own.certified()?;
                (Source::Own { authority: own.authority.clone(), names: own.names.clone() }, key)
            }
            _ => return Ok(None),
        };
        let shown = Arc::new(Shown(RwLock::new(Arc::new(key))));
        let handshakes = Handshakes::new(server_config(Arc::clone(&shown))?, config.max_connections_per_address);
        Ok(Some(Self { handshakes, shown, source }))
    }

    /// The certificate that people have to trust, in PEM, if it is the server's own.
    pub(crate) fn own_authority(&self) -> Option<&str> {
        match &self.source {
            Source::Own { authority, .. } => Some(authority),
            Source::Files(_) => None,
        }
    }

    /// Whether the server's own certificate is for this host.
    pub(crate) fn is_own_name(&self, host: &str) -> bool {
        match &self.source {
            Source::Own { names, .. } => names.iter().any(|name| name == host),
            Source::Files(_) => false,
        }
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
            let changed = spawn_blocking(move || match &tls.source {
                Source::Files(files) => files.read_if_changed(),
                Source::Own { .. } => None,
            });
            match changed.await {
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

/// Prints how to reach and to trust the server.
fn greet(own: &Own, age: Age, names: &Names, is_kept: bool) -> Result<(), TlsError> {
    let [authority, server] = own.fingerprints()?;
    tracing::info!(%authority, %server, ?age, "TLS with a certificate of the server's own, SHA-256 fingerprints");
    if age == Age::Renewed {
        tracing::warn!(
            "the certificate is a new one, for other addresses or because its time was over: people must trust it anew"
        );
    }
    if !is_kept {
        tracing::warn!("nothing is kept: people must trust the certificate anew after each start");
    }
    let certified = |(host, _): &&(String, u16)| own.names.iter().any(|name| name == host.trim_matches(['[', ']']));
    let open = names.open.iter().filter(certified).map(|(host, port)| format!("{host}:{port}")).collect::<Vec<_>>();
    let Some(first) = open.first() else { return Ok(()) };
    let mut text = String::from("Open one of these addresses:\n");
    open.iter().for_each(|address| text += &format!("  https://{address}\n"));
    text += &qr_code(&format!("https://{first}")).unwrap_or_default();
    text += &format!("Browsers warn about this server until they trust its certificate: see http://{first}/trust\n");
    text += &format!("SHA-256 fingerprint of the certificate to trust:\n  {authority}\n");
    text += &format!("SHA-256 fingerprint of the server's, which a browser shows with its warning:\n  {server}\n");
    // Where nobody reads it, the log has the fingerprints.
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(())
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
    // All suites are good, and phones of today compute the first ones as fast as the last.
    config.ignore_client_order = true;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
