//! The state that the server's handlers and tasks share.

use std::{ops::Deref, sync::Arc};

use tokio_util::sync::CancellationToken;

use crate::{
    Config, MemoryBudget, ServerSecret, connection_limit::ConnectionLimit, gate::Gates, guesses::Guesses,
    log_limit::LogLimit, rate::PerMinute, store::Store, tls::Tls,
};

/// A handle to the shared state.
#[derive(Clone)]
pub(crate) struct App(pub(crate) Arc<AppState>);

pub(crate) struct AppState {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) secret: ServerSecret,
    /// TLS on every listening socket, or on none.
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) creates: PerMinute,
    pub(crate) joins: PerMinute,
    pub(crate) signins: PerMinute,
    pub(crate) guesses: Guesses,
    pub(crate) gates: Gates,
    pub(crate) connection_limit: Arc<ConnectionLimit>,
    pub(crate) refusals: LogLimit,
    pub(crate) not_upgraded: LogLimit,
    /// The memory budget of all connections' queues.
    pub(crate) queue_memory: Arc<MemoryBudget>,
    pub(crate) stopping: CancellationToken,
}

impl Deref for App {
    type Target = AppState;

    fn deref(&self) -> &AppState {
        &self.0
    }
}
