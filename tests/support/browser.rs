//! Real browsers, driven over WebDriver as a person would: by what can be seen, and by role and name.

mod access;
mod debugger;
mod doing;
mod driver;
mod giving;
mod person;
mod pool;
mod rehearsal;
mod scene;
mod seeing;
mod session;
mod sight;
mod work;

use std::{env, pin::pin, time::Duration};

pub use doing::key;
pub use person::Person;
pub use rehearsal::message;
pub use scene::{Scene, play, play_alone};
pub use session::Element;
pub use work::Work;

use crate::PATIENCE;

/// How often to look again at what cannot be awaited.
const LOOK_EVERY: Duration = Duration::from_millis(40);

/// Which browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Chromium, under chromedriver.
    Chromium,
    /// Firefox, under geckodriver.
    Firefox,
    /// WebKitGTK's own small browser, under its driver: what Safari is made of.
    WebKit,
}

impl Engine {
    /// The other one: people who meet need not have the same browser.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Chromium => Self::Firefox,
            Self::Firefox | Self::WebKit => Self::Chromium,
        }
    }
}

/// An engine's share of a long list: Chromium and Firefox try every second one each, and all of them under
/// `tests/run --all`.
pub fn share<T>(engine: Engine, list: impl IntoIterator<Item = T>) -> Vec<T> {
    if env::var_os("CLOAKROOM_ALL").is_some() {
        return list.into_iter().collect();
    }
    list.into_iter().skip(usize::from(engine == Engine::Firefox)).step_by(2).collect()
}

/// Looks again and again until there is something to be seen, and says what was missing if it does not come.
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
        Err(_) => panic!("not seen in {PATIENCE:?}: {what}"),
    }
}
