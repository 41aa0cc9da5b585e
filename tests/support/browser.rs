//! Real browsers, driven over WebDriver as a person uses them: by what is visible, and by role and name.

mod access;
mod debugger;
mod driver;
mod files;
mod input;
mod person;
mod pool;
mod reading;
mod rehearsal;
mod roles;
mod scene;
mod session;
mod work;

use std::{env, pin::pin, time::Duration};

pub use input::key;
pub use person::Person;
pub use rehearsal::message;
pub use scene::{Scene, play, play_alone};
pub use session::Element;
pub use work::Work;

use crate::PATIENCE;

/// The pause between two looks at a condition that sends no event.
const LOOK_EVERY: Duration = Duration::from_millis(40);

/// A browser engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Chromium, under chromedriver.
    Chromium,
    /// Firefox, under geckodriver.
    Firefox,
    /// WebKitGTK's MiniBrowser, under WebKitWebDriver. Safari is built on WebKit too.
    WebKit,
}

impl Engine {
    /// Returns another engine, for a second person: people in one room may use different browsers.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Chromium => Self::Firefox,
            Self::Firefox | Self::WebKit => Self::Chromium,
        }
    }
}

/// Returns an engine's share of a long list: Chromium and Firefox try every second item each, or all items under
/// `tests/run --all`.
pub fn share<T>(engine: Engine, list: impl IntoIterator<Item = T>) -> Vec<T> {
    if env::var_os("CLOAKROOM_ALL").is_some() {
        return list.into_iter().collect();
    }
    list.into_iter().skip(usize::from(engine == Engine::Firefox)).step_by(2).collect()
}

/// Looks repeatedly until `look` returns a value, and panics with `what` after [`PATIENCE`].
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let seen = async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    match tokio::time::timeout(PATIENCE, pin!(seen)).await {
        Ok(seen) => seen,
        Err(_) => panic!("not seen within {PATIENCE:?}: {what}"),
    }
}
