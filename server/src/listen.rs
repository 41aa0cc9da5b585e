//! Starting, accepting connections, and stopping: binds the sockets and serves until shutdown.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use room::Bounds;
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpSocket},
    runtime::Handle,
    sync::Semaphore,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use wire::limits;

use crate::{
    Config, MemoryBudget, ServerSecret, StateError, StateFolder, TlsError,
    app::{App, AppState},
    background_tasks::BackgroundTasks,
    client_address::is_trusted,
    connection::{self, Http},
    connection_limit::{ConnectionLimit, ConnectionSlot, PerAddress},
    gate::{GateError, Gates},
    guesses::Guesses,
    log_limit::LogLimit,
    rate::PerMinute,
    routes::router,
    store::Store,
    tls::Tls,
};

/// The default port, on localhost.
const DEFAULT_PORT: u16 = 8080;
/// The default port with a self-made certificate, on all addresses, so that phones can reach the server.
const DEFAULT_TLS_PORT: u16 = 8443;
/// Connections that the operating system queues until the server accepts them.
const BACKLOG: u32 = 1024;
/// How often timeouts in rooms are checked. The shortest is that of a duty.
const SWEEP_EVERY: Duration = Duration::from_millis(100);
/// After a pause of the process, such as a migration of its machine, timeouts are suspended for as long as the pause
/// lasted, up to this time. Clients that keep retrying have reconnected by then.
const MAX_SUSPENSION: Duration = Duration::from_secs(20);
/// A sweep that is later than this counts as a pause.
const LATE: Duration = Duration::from_secs(1);
/// How often expired entries of the rate limits are removed.
const FORGET_EVERY: Duration = Duration::from_secs(30);
/// Unsent bytes that the operating system accepts per connection. More would bypass the limits on queues. With more, a
/// peer that reads slowly but steadily could also stall writes for longer than [`limits::WRITE_TIMEOUT`].
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT_BYTES: u32 = 64 * 1024;

/// Concurrent connections above their address's limit that get an answer, which says so. Further ones are closed
/// without an answer, so that one address cannot use up other addresses' permits this way either.
const OVER_LIMIT_CONNECTIONS: usize = 32;

/// Why the server could not start or continue.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A `--listen` address cannot be bound.
    #[error("CLOAKROOM_LISTEN (--listen): cannot listen on {0}: {1}")]
    Bind(SocketAddr, io::Error),
    /// The folder of `--state` cannot be used.
    #[error("CLOAKROOM_STATE (--state): {0}")]
    State(#[from] StateError),
    /// `--gate-create` or `--gate-join` cannot be set up.
    #[error("{0}")]
    Gate(#[from] GateError),
    /// The certificate of `--tls-self-signed`, or of `--tls-cert` and `--tls-key`, cannot be used.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// TLS is on, but `--public-origin` is an `http://` origin.
    #[error("CLOAKROOM_PUBLIC_ORIGIN (--public-origin): {0} is plain HTTP but TLS is on: use https://")]
    PlainOrigin(String),
    /// The operating system provides no entropy or no signals.
    #[error("the operating system reported an error: {0}")]
    System(#[from] io::Error),
    /// A background task ended, although it should run as long as the server.
    #[error("the server cannot continue: its background task {0:?} has ended")]
    Ended(&'static str),
}

/// Tells the server to stop. Clones share one signal.
#[derive(Clone, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// Creates a signal for [`Shutdown::now`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a signal that SIGTERM and Ctrl-C trigger too.
    ///
    /// # Errors
    /// When the signal handlers cannot be installed.
    pub fn on_signal() -> io::Result<Self> {
        let shutdown = Self::new();
        #[cfg(unix)]
        {
            let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
            let on_terminate = shutdown.clone();
            tokio::spawn(async move {
                terminate.recv().await;
                on_terminate.now();
            });
        }
        let on_interrupt = shutdown.clone();
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                on_interrupt.now();
            }
        });
        Ok(shutdown)
    }

    /// Stops the server.
    pub fn now(&self) {
        self.0.cancel();
    }
}

/// Binds the sockets of the configuration.
///
/// # Errors
/// When a socket cannot be bound. Of the two default sockets, one suffices, because the machine may lack IPv6.
pub async fn bind(config: &Config) -> Result<Vec<TcpListener>, ServeError> {
    let mut listeners = Vec::new();
    if config.listen.is_empty() {
        let defaults = if config.tls_self_signed {
            [(Ipv4Addr::UNSPECIFIED, DEFAULT_TLS_PORT).into(), (Ipv6Addr::UNSPECIFIED, DEFAULT_TLS_PORT).into()]
        } else {
            [(Ipv4Addr::LOCALHOST, DEFAULT_PORT).into(), SocketAddr::from((Ipv6Addr::LOCALHOST, DEFAULT_PORT))]
        };
        let mut failed = None;
        for address in defaults {
            match bind_default(address) {
                Ok(listener) => listeners.push(listener),
                // Another program uses this port: serving only the other address would send people to that program.
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(ServeError::Bind(address, error)),
                Err(error) => failed = Some(ServeError::Bind(address, error)),
            }
        }
        if let (true, Some(error)) = (listeners.is_empty(), failed) {
            return Err(error);
        }
    }
    for address in &config.listen {
        let listener = TcpListener::bind(address).await.map_err(|error| ServeError::Bind(*address, error))?;
        listeners.push(listener);
    }
    Ok(listeners)
}

/// Serves on these sockets until `shutdown`, then closes every member's socket and returns.
///
/// # Errors
/// When the configuration cannot be used, or when a background task has ended.
pub async fn serve(config: Config, listeners: Vec<TcpListener>, shutdown: Shutdown) -> Result<(), ServeError> {
    let state = StateFolder::open(config.state.as_ref())?;
    let secret = match &state {
        Some(folder) => ServerSecret::with_salt_key(&folder.salt_key()?)?,
        None => ServerSecret::random()?,
    };
    let listening = listeners.iter().map(TcpListener::local_addr).collect::<Result<Vec<_>, _>>()?;
    let tls = Tls::from_config(&config, &listening, state.as_ref())?.map(Arc::new);
    if let (Some(_), Some(origin)) = (&tls, config.public_origin.as_ref().filter(|origin| !origin.is_https())) {
        return Err(ServeError::PlainOrigin(origin.as_str().to_owned()));
    }
    let bounds = Bounds { members: config.max_members, grace: config.grace, replay: config.max_replay_bytes };
    let queue_memory = MemoryBudget::new(config.max_total_queue_bytes);
    let store = Store::new(bounds, config.max_rooms, config.max_total_replay_bytes, Arc::clone(&queue_memory));
    let app = App(Arc::new(AppState {
        store,
        secret,
        tls,
        creates: PerMinute::new(config.creates_per_minute),
        joins: PerMinute::new(config.joins_per_minute),
        signins: PerMinute::new(config.joins_per_minute),
        guesses: Guesses::new(config.lockout, 1),
        gates: Gates::new(&config, state)?,
        connection_limit: ConnectionLimit::new(config.max_connections_per_address),
        refusals: LogLimit::default(),
        not_upgraded: LogLimit::default(),
        queue_memory,
        stopping: shutdown.0.clone(),
        config,
    }));
    // Each connection takes a file descriptor, and a shell's soft limit is often below the connection limit.
    let _ = rlimit::increase_nofile_limit(rlimit::INFINITY);
    let connections = TaskTracker::new();
    let permits = Arc::new(Semaphore::new(app.config.max_connections));
    let mut tasks = BackgroundTasks::default();
    for listener in listeners {
        prepare(&listener)?;
        announce(&listener, &app)?;
        let listener = Arc::new(listener);
        let (app, connections, permits) = (app.clone(), connections.clone(), Arc::clone(&permits));
        let shutdown = shutdown.clone();
        tasks.run("accept", move || {
            accept(Arc::clone(&listener), app.clone(), connections.clone(), Arc::clone(&permits), shutdown.clone())
        });
    }
    #[cfg(unix)]
    {
        let mut hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?;
        let app = app.clone();
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                match app.gates.check_files() {
                    Ok(()) => tracing::info!("SIGHUP: gate files are valid"),
                    Err(error) => tracing::error!("{error}"),
                }
            }
        });
    }
    if let Some(tls) = &app.tls {
        let tls = Arc::clone(tls);
        tasks.run("certificate", move || Arc::clone(&tls).follow_files());
    }
    let app_for_sweep = app.clone();
    tasks.run("sweep", move || sweep(app_for_sweep.clone()));
    for _ in 0..Handle::current().metrics().num_workers() {
        let app_for_delivery = app.clone();
        tasks.run("deliver", move || deliver(app_for_delivery.clone()));
    }
    let ended = tokio::select! {
        biased;
        () = shutdown.0.cancelled() => None,
        task = tasks.ended() => Some(task),
    };
    if let Some(task) = ended {
        tracing::error!(task, "background task ended; stopping");
        shutdown.now();
    }

    tracing::info!("stopping");
    app.store.stop();
    connections.close();
    if timeout(limits::STOP_TIMEOUT, connections.wait()).await.is_err() {
        tracing::warn!("connections still open at the stop deadline");
    }
    ended.map_or(Ok(()), |task| Err(ServeError::Ended(task)))
}

/// Binds a default address. The IPv6 socket does not accept IPv4, which has its own socket.
fn bind_default(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if address.is_ipv6() {
        SockRef::from(&socket).set_only_v6(true)?;
    }
    // As tokio does, so that a restarted server need not wait for its old connections to time out.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Sets socket options on the listener, from which accepted connections inherit them.
fn prepare(listener: &TcpListener) -> io::Result<()> {
    let socket = SockRef::from(listener);
    // Sends each frame at once, instead of waiting for the next one.
    socket.set_tcp_nodelay(true)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
        // Also applies after the server has closed a connection. Otherwise the operating system keeps offering unread
        // bytes to the peer for minutes.
        socket.set_tcp_user_timeout(Some(limits::SILENCE_TIMEOUT))?;
    }
    Ok(())
}

fn announce(listener: &TcpListener, app: &App) -> Result<(), ServeError> {
    let address = listener.local_addr()?;
    match &app.config.public_origin {
        Some(origin) if !origin.is_secure() => {
            tracing::info!("listening on {address}, for {}", origin.as_str());
            tracing::warn!("browsers offer no Web Crypto on {}: use https", origin.as_str());
        }
        Some(origin) => tracing::info!("listening on {address}, for {}", origin.as_str()),
        None if app.config.tls_self_signed => tracing::info!("listening on {address}, with a self-made certificate"),
        None if app.tls.is_some() => {
            tracing::info!("listening on {address}, for localhost and IP addresses only: see --public-origin");
        }
        None if address.ip().is_loopback() => {
            tracing::info!("listening on {address}: open http://localhost:{}", address.port());
        }
        None => tracing::info!("listening on {address}: other devices need https, see --public-origin"),
    }
    Ok(())
}

/// The delivery task: writes rooms' frames to their members' connections.
async fn deliver(app: App) {
    app.store.deliver().await;
}

/// The sweep task: expires timeouts in rooms, and removes expired entries of the rate limits.
async fn sweep(app: App) {
    let mut sweep = interval(SWEEP_EVERY);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut forget = interval(FORGET_EVERY);
    let mut suspended_until = Instant::now();
    loop {
        tokio::select! {
            due = sweep.tick() => {
                let now = Instant::now();
                let late = now.saturating_duration_since(due.into_std());
                if late > LATE {
                    suspended_until = now + late.min(MAX_SUSPENSION);
                }
                if now >= suspended_until {
                    app.store.tick(now);
                }
            }
            _ = forget.tick() => {
                app.creates.forget();
                app.joins.forget();
                app.signins.forget();
                app.guesses.forget(Instant::now());
                app.gates.forget(Instant::now());
            }
        }
    }
}

/// The accept task: accepts connections up to the limits and serves each in its own task, until `shutdown`.
async fn accept(
    listener: Arc<TcpListener>,
    app: App,
    connections: TaskTracker,
    permits: Arc<Semaphore>,
    shutdown: Shutdown,
) {
    let router = router(app.clone());
    let over_limit = Arc::new(Semaphore::new(OVER_LIMIT_CONNECTIONS));
    let mut is_failing = false;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.0.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                is_failing = false;
                let is_proxy = is_trusted(&app.config.trusted_proxy, peer.ip());
                let per_address = PerAddress::new(&app.connection_limit, peer.ip(), is_proxy);
                let permit = if let PerAddress::OverLimit = per_address {
                    Arc::clone(&over_limit).try_acquire_owned().ok()
                } else {
                    // Above the limit, one connection waits here and the others in the backlog.
                    tokio::select! {
                        permit = Arc::clone(&permits).acquire_owned() => permit.ok(),
                        () = shutdown.0.cancelled() => return,
                    }
                };
                let Some(slot) = permit.map(|permit| ConnectionSlot::new(permit, per_address)) else { continue };
                let stopping = shutdown.0.clone();
                let http = Http::new(app.clone(), router.clone(), peer, slot);
                match &app.tls {
                    Some(tls) => {
                        connections.spawn(connection::serve_tls(stream, Arc::clone(tls), http, stopping));
                    }
                    None => {
                        connections.spawn(connection::serve(stream, http, stopping));
                    }
                }
            }
            // Most likely out of file descriptors, until a connection closes. Logged once until an accept succeeds.
            Err(error) => {
                if !std::mem::replace(&mut is_failing, true) {
                    tracing::warn!(%error, "cannot accept connections; retrying");
                }
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
