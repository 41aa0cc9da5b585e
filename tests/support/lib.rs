//! Shared test support: the real server as a process, a native client that runs the real core, real browsers, and a
//! proxy that records traffic and simulates a bad network.

pub mod browser;
pub mod client;
pub mod echo;
pub mod gate;
pub mod program;
pub mod proxy;
pub mod server;
pub mod tls;
pub mod tools;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// The time limit of every wait. A test reaches it only when something is broken.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Returns the workspace's root folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Waits for the future, and panics with `what` after [`PATIENCE`].
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("timed out after {PATIENCE:?}: {what}"),
    }
}
