//! The state of the server, as its handlers share it.

use std::{ops::Deref, sync::Arc};

use tokio_util::sync::CancellationToken;

use crate::{
    Config, ServerSecret, Total, crowd::Crowd, gate::Gates, guesses::Guesses, rate::PerMinute, seldom::Seldom,
    store::SharedStore, tls::Tls,
};

/// The state that handlers share.
#[derive(Clone)]
pub(crate) struct App(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) store: SharedStore,
    pub(crate) secret: ServerSecret,
    /// TLS on every listening socket, or on none.
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) creates: PerMinute,
    pub(crate) joins: PerMinute,
    pub(crate) signins: PerMinute,
    pub(crate) guesses: Guesses,
    pub(crate) gates: Gates,
    pub(crate) crowd: Arc<Crowd>,
    pub(crate) refusals: Seldom,
    pub(crate) not_upgraded: Seldom,
    /// The memory for frames that wait to be written, for all connections together.
    pub(crate) queue_memory: Arc<Total>,
    pub(crate) stopping: CancellationToken,
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
