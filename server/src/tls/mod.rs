//! TLS on the server's own sockets: the certificate, the handshake, and the stream after it.

mod files;
mod handshake;
mod names;
mod self_signed;

use std::{
    fmt,
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use files::Files;
pub(crate) use handshake::Accepted;
use handshake::Handshakes;
use names::Names;
use room::Address;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use self_signed::{Age, SelfSigned};
use time::OffsetDateTime;
use tokio::{
    net::TcpStream,
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

use crate::{Config, StateError, StateFolder, qr_code};

/// How often the certificate files are checked for changes.
const CHECK_EVERY: Duration = Duration::from_secs(2);

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}: {}", .0.display(), .1)]
    File(PathBuf, io::Error),
    /// A file is not a PEM file.
    #[error("{} is not a PEM file: {}", .0.display(), .1)]
    NotPem(PathBuf, pem::Error),
    /// A file holds no certificate.
    #[error("{} holds no certificate", .0.display())]
    NoCertificate(PathBuf),
    /// A file holds no private key.
    #[error("{} holds no private key", .0.display())]
    NoKey(PathBuf),
    /// A certificate and a key do not match, or their type is not supported.
    #[error("{} and {} cannot be used together: {}", .0.display(), .1.display(), .2)]
    Pair(PathBuf, PathBuf, rustls::Error),
    /// The stored self-made certificate cannot be read.
    #[error("{} cannot be used: {}: remove it to get a new certificate, which people must trust again", .0.display(), .1)]
    Kept(PathBuf, String),
    /// The self-made certificate cannot be created.
    #[error("cannot create a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// The state folder cannot be used.
    #[error("{0}")]
    State(#[from] StateError),
    /// rustls refused the configuration.
    #[error("{0}")]
    Config(#[from] rustls::Error),
}

/// The server's TLS configuration and its handshakes.
pub(crate) struct Tls {
    handshakes: Handshakes,
    current: Arc<CurrentCertificate>,
    source: Source,
}

/// The source of the certificate.
enum Source {
    Files(Files),
    SelfSigned {
        /// The authority's certificate in PEM, for people to install.
        authority: String,
        /// The hosts in the server's certificate.
        names: Vec<String>,
    },
}

/// The current certificate and its key.
struct CurrentCertificate(RwLock<Arc<CertifiedKey>>);

impl CurrentCertificate {
    fn replace(&self, key: CertifiedKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
    }
}

impl fmt::Debug for CurrentCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CurrentCertificate")
    }
}

impl ResolvesServerCert for CurrentCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Tls {
    /// Sets up TLS as configured. Returns `None` if TLS is off. A self-made certificate covers the listening addresses,
    /// and standard output then tells how to reach and trust the server.
    ///
    /// # Errors
    /// When there is no usable certificate.
    pub(crate) fn from_config(
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
                let (own, age) = SelfSigned::load_or_make(state, &names, OffsetDateTime::now_utc())?;
                print_instructions(&own, age, &names, state.is_some())?;
                let key = own.certified()?;
                (Source::SelfSigned { authority: own.authority.clone(), names: own.names.clone() }, key)
            }
            _ => return Ok(None),
        };
        let current = Arc::new(CurrentCertificate(RwLock::new(Arc::new(key))));
        let handshakes = Handshakes::new(server_config(Arc::clone(&current))?, config.max_connections_per_address);
        Ok(Some(Self { handshakes, current, source }))
    }

    /// Returns the authority's certificate in PEM, which people must trust, if the server made it itself.
    pub(crate) fn own_authority(&self) -> Option<&str> {
        match &self.source {
            Source::SelfSigned { authority, .. } => Some(authority),
            Source::Files(_) => None,
        }
    }

    /// True when a self-made certificate covers this host.
    pub(crate) fn covers_host(&self, host: &str) -> bool {
        match &self.source {
            Source::SelfSigned { names, .. } => names.iter().any(|name| name == host),
            Source::Files(_) => false,
        }
    }

    /// See [`Handshakes::accept`].
    pub(crate) async fn accept(&self, stream: TcpStream, address: Option<Address>) -> Option<Accepted> {
        self.handshakes.accept(stream, address).await
    }

    /// Reloads the certificate files whenever they change, as long as the server runs. If they are unusable, the
    /// previous certificate stays in use, so that a failed renewal does not end the service.
    pub(crate) async fn follow_files(self: Arc<Self>) {
        let mut ticks = interval(CHECK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let tls = Arc::clone(&self);
            // The files may be on a slow network file system.
            let changed = spawn_blocking(move || match &tls.source {
                Source::Files(files) => files.read_if_changed(),
                Source::SelfSigned { .. } => None,
            });
            match changed.await {
                Ok(Some(Ok(key))) => {
                    self.current.replace(key);
                    tracing::info!("TLS certificate reloaded");
                }
                Ok(Some(Err(error))) => tracing::error!(%error, "TLS certificate not reloaded"),
                Ok(None) | Err(_) => {}
            }
        }
    }
}

/// Prints how to reach and trust the server.
fn print_instructions(own: &SelfSigned, age: Age, names: &Names, is_kept: bool) -> Result<(), TlsError> {
    let [authority, server] = own.fingerprints()?;
    tracing::info!(%authority, %server, ?age, "TLS with a self-made certificate, SHA-256 fingerprints");
    if age == Age::Renewed {
        tracing::warn!(
            "new self-made certificate, for new addresses or because the old one expired: people must trust it again"
        );
    }
    if !is_kept {
        tracing::warn!("certificate is not kept (--state none): people must trust a new one after each start");
    }
    let certified = |(host, _): &&(String, u16)| own.names.iter().any(|name| name == host.trim_matches(['[', ']']));
    let open = names.open.iter().filter(certified).map(|(host, port)| format!("{host}:{port}")).collect::<Vec<_>>();
    let Some(first) = open.first() else { return Ok(()) };
    let mut text = String::from("Open one of these addresses:\n");
    open.iter().for_each(|address| text += &format!("  https://{address}\n"));
    text += &qr_code(&format!("https://{first}")).unwrap_or_default();
    text += &format!("Browsers warn about this server until they trust its certificate: see http://{first}/trust\n");
    text += &format!("SHA-256 fingerprint of the certificate to trust:\n  {authority}\n");
    text += &format!("SHA-256 fingerprint that a browser shows with its warning:\n  {server}\n");
    // Ignores errors: the log has the fingerprints too.
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn certified(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<CertifiedKey, rustls::Error> {
    CertifiedKey::from_der(chain, key, &provider())
}

/// TLS 1.3 and 1.2, with rustls's cipher suites, which are all AEAD. No early data.
fn server_config(current: Arc<CurrentCertificate>) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(current);
    // All suites are secure, and today's phones compute the server's first choice as fast as the others.
    config.ignore_client_order = true;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests;
