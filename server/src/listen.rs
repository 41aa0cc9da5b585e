//! Sockets in, signals, and the end: accepts connections and serves them until told to stop.

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
    Config, ServerSecret, StateError, StateFolder, TlsError, Total,
    app::{App, Shared},
    client_address::is_trusted,
    connection::{self, Http},
    crowd::{Among, Crowd, Place},
    essential::Essential,
    gate::{GateError, Gates},
    guesses::Guesses,
    rate::PerMinute,
    routes::router,
    seldom::Seldom,
    store::MemoryStore,
    tls::Tls,
};

/// Where the server listens if nothing else is said.
const DEFAULT_PORT: u16 = 8080;
/// Where it listens with a certificate of its own: phones are to reach it.
const DEFAULT_TLS_PORT: u16 = 8443;
/// Connections that the system keeps until they are accepted.
const BACKLOG: u32 = 1024;
/// How often rooms are looked after: turns at the door are short.
const SWEEP_EVERY: Duration = Duration::from_millis(100);
/// A server that stood still, as a machine does that is moved, has heard nobody meanwhile: as long again, but no longer
/// than this, nobody's time is over. Whoever looks for it all the time is back by then.
const STOOD_STILL: Duration = Duration::from_secs(20);
/// Less than that is no standing still.
const LATE: Duration = Duration::from_secs(1);
/// How often addresses are forgotten that have their whole allowance again.
const FORGET_EVERY: Duration = Duration::from_secs(30);
/// Bytes that the system takes for a connection before they can be sent. More would be beyond the bounds on what waits,
/// and would keep one who reads slowly, but steadily, from being written to for longer than [`limits::WRITE_WITHIN`].
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT_BYTES: u32 = 64 * 1024;

/// Connections that are open only to be told that their address has too many. Those beyond are closed without a word: one
/// address is not to take the places of others by that either.
const TURNED_AWAY: usize = 32;

/// Why the server could not start, or not go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// `--listen`.
    #[error("CLOAKROOM_LISTEN (--listen): cannot listen on {0}: {1}")]
    Bind(SocketAddr, io::Error),
    /// `--state`.
    #[error("CLOAKROOM_STATE (--state): {0}")]
    State(#[from] StateError),
    /// `--gate-create`, `--gate-join`, and what they need.
    #[error("{0}")]
    Gate(#[from] GateError),
    /// `--tls-self-signed`, or `--tls-cert` and `--tls-key`.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// `--public-origin` beside TLS.
    #[error("CLOAKROOM_PUBLIC_ORIGIN (--public-origin): {0} is plain, and the server is to speak TLS: wants https://")]
    PlainOrigin(String),
    /// Entropy or signals are missing.
    #[error("the system refused what the server needs: {0}")]
    System(#[from] io::Error),
    /// A task ended that runs for as long as the server does.
    #[error("the server cannot go on: its task {0:?} has ended")]
    Ended(&'static str),
}

/// When to stop.
#[derive(Clone, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// Stops when [`Shutdown::now`] is called.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops on SIGTERM or an interrupt from the keyboard.
    ///
    /// # Errors
    /// When the system lets no one listen for signals.
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

/// Opens the sockets that the configuration names.
///
/// # Errors
/// When one cannot be opened. Of the two default ones, one is enough: a machine may lack IPv6.
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
                // Taken by another program: to serve on the other address alone would send people to a stranger.
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

/// Serves on these sockets until `shutdown`, then tells every room and ends.
///
/// # Errors
/// When the configuration does not hold, or when a task has ended that the server cannot do without.
pub async fn serve(config: Config, listeners: Vec<TcpListener>, shutdown: Shutdown) -> Result<(), ServeError> {
    let state = StateFolder::open(config.state.as_ref())?;
    let secret = match &state {
        Some(folder) => ServerSecret::with_salt_key(&folder.salt_key()?)?,
        None => ServerSecret::random()?,
    };
    let listening = listeners.iter().map(TcpListener::local_addr).collect::<Result<Vec<_>, _>>()?;
    let tls = Tls::of(&config, &listening, state.as_ref())?.map(Arc::new);
    if let (Some(_), Some(origin)) = (&tls, config.public_origin.as_ref().filter(|origin| !origin.is_https())) {
        return Err(ServeError::PlainOrigin(origin.as_str().to_owned()));
    }
    let bounds = Bounds { members: config.max_members, grace: config.grace, replay: config.max_replay_bytes };
    let queue_memory = Total::new(config.max_total_queue_bytes);
    let store = MemoryStore::new(bounds, config.max_rooms, config.max_total_replay_bytes, Arc::clone(&queue_memory));
    let app = App(Arc::new(Shared {
        store: Arc::new(store),
        secret,
        tls,
        creates: PerMinute::new(config.creates_per_minute),
        joins: PerMinute::new(config.joins_per_minute),
        signins: PerMinute::new(config.joins_per_minute),
        guesses: Guesses::new(config.lockout, 1),
        gates: Gates::new(&config, state)?,
        crowd: Crowd::new(config.max_connections_per_address),
        refusals: Seldom::default(),
        not_upgraded: Seldom::default(),
        queue_memory,
        stopping: shutdown.0.clone(),
        config,
    }));
    // Each connection takes a descriptor, and what a shell allows at first is often less than the bound.
    let _ = rlimit::increase_nofile_limit(rlimit::INFINITY);
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(app.config.max_connections));
    let mut essential = Essential::default();
    for listener in listeners {
        prepare(&listener)?;
        announce(&listener, &app)?;
        let listener = Arc::new(listener);
        let (app, connections, places) = (app.clone(), connections.clone(), Arc::clone(&places));
        let shutdown = shutdown.clone();
        essential.keep("accept", move || {
            accept(Arc::clone(&listener), app.clone(), connections.clone(), Arc::clone(&places), shutdown.clone())
        });
    }
    #[cfg(unix)]
    {
        let mut hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?;
        let to_look = app.clone();
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                match to_look.gates.look() {
                    Ok(()) => tracing::info!("SIGHUP: the files of the gates are in order"),
                    Err(error) => tracing::error!("{error}"),
                }
            }
        });
    }
    if let Some(tls) = &app.tls {
        let tls = Arc::clone(tls);
        essential.keep("certificate", move || Arc::clone(&tls).follow_files());
    }
    let to_sweep = app.clone();
    essential.keep("sweep", move || sweep(to_sweep.clone()));
    for _ in 0..Handle::current().metrics().num_workers() {
        let to_deliver = app.clone();
        essential.keep("deliver", move || deliver(to_deliver.clone()));
    }
    let ended = tokio::select! {
        biased;
        () = shutdown.0.cancelled() => None,
        task = essential.ended() => Some(task),
    };
    if let Some(task) = ended {
        tracing::error!(task, "essential task ended");
        shutdown.now();
    }

    tracing::info!("stopping");
    app.store.stop().await;
    connections.close();
    if timeout(limits::STOP_WITHIN, connections.wait()).await.is_err() {
        tracing::warn!("connections were still open when the time to stop was over");
    }
    ended.map_or(Ok(()), |task| Err(ServeError::Ended(task)))
}

/// One for IPv6 takes no IPv4: there is another for that.
fn bind_default(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if address.is_ipv6() {
        SockRef::from(&socket).set_only_v6(true)?;
    }
    // As tokio does: a server that is started again is not to wait for its old connections.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Says how connections are to be, which have it from their listener.
fn prepare(listener: &TcpListener) -> io::Result<()> {
    let socket = SockRef::from(listener);
    // A frame is to go out when it is written, not when the next one is.
    socket.set_tcp_nodelay(true)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
        // Holds after the server has closed a connection, too: without it, the system goes on for minutes to offer what
        // a peer does not take.
        socket.set_tcp_user_timeout(Some(limits::SILENCE))?;
    }
    Ok(())
}

fn announce(listener: &TcpListener, app: &App) -> Result<(), ServeError> {
    let address = listener.local_addr()?;
    match &app.config.public_origin {
        Some(origin) if !origin.is_secure() => {
            tracing::info!("listening on {address}, for {}", origin.as_str());
            tracing::warn!("browsers do no cryptography on a page of {}: it takes https", origin.as_str());
        }
        Some(origin) => tracing::info!("listening on {address}, for {}", origin.as_str()),
        None if app.config.tls_self_signed => tracing::info!("listening on {address}, with a certificate of its own"),
        None if app.tls.is_some() => {
            tracing::info!("listening on {address}, for localhost and IP addresses only: see --public-origin");
        }
        None if address.ip().is_loopback() => {
            tracing::info!("listening on {address}: open http://localhost:{}", address.port());
        }
        None => tracing::info!("listening on {address}: people outside need https, see --public-origin"),
    }
    Ok(())
}

/// Brings connections what is for them.
async fn deliver(app: App) {
    app.store.deliver().await;
}

/// Looks after what only time brings about.
async fn sweep(app: App) {
    let mut sweep = interval(SWEEP_EVERY);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut forget = interval(FORGET_EVERY);
    let mut wait_until = Instant::now();
    loop {
        tokio::select! {
            due = sweep.tick() => {
                let now = Instant::now();
                let late = now.saturating_duration_since(due.into_std());
                if late > LATE {
                    wait_until = now + late.min(STOOD_STILL);
                }
                if now >= wait_until {
                    app.store.tick(now).await;
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

async fn accept(
    listener: Arc<TcpListener>,
    app: App,
    connections: TaskTracker,
    places: Arc<Semaphore>,
    shutdown: Shutdown,
) {
    let router = router(app.clone());
    let turned_away = Arc::new(Semaphore::new(TURNED_AWAY));
    let mut short = false;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.0.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                short = false;
                let is_proxy = is_trusted(&app.config.trusted_proxy, peer.ip());
                let among = Among::new(&app.crowd, peer.ip(), is_proxy);
                let permit = if let Among::Nobody = among {
                    Arc::clone(&turned_away).try_acquire_owned().ok()
                } else {
                    // Beyond the bound, one connection waits here, and the others in the system's queue.
                    tokio::select! {
                        permit = Arc::clone(&places).acquire_owned() => permit.ok(),
                        () = shutdown.0.cancelled() => return,
                    }
                };
                let Some(place) = permit.map(|permit| Place::new(permit, among)) else { continue };
                let stopping = shutdown.0.clone();
                let http = Http::new(app.clone(), router.clone(), peer, place);
                match &app.tls {
                    Some(tls) => {
                        connections.spawn(connection::serve_tls(stream, Arc::clone(tls), http, stopping));
                    }
                    None => {
                        connections.spawn(connection::serve(stream, http, stopping));
                    }
                }
            }
            // Out of file descriptors, most likely: others must close before another can open.
            Err(error) => {
                if !std::mem::replace(&mut short, true) {
                    tracing::warn!(%error, "cannot accept connections for the moment");
                }
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
