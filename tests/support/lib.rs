//! What the tests share: the real server as a process, a native client on the real core, real
//! browsers, and a proxy that listens in and is a bad line.

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

/// How long anything may take before a test fails. Nothing waits this long unless something is broken.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The workspace's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Waits for something, and says what it was if it does not come.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("did not happen in {PATIENCE:?}: {what}"),
    }
}
