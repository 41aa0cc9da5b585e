//! When to renew one's own keys.

use core::time::Duration;

use super::{Env, connection::jitter};

/// After one's last commit, if one has spoken since.
const SPOKEN: Duration = Duration::from_secs(15 * 60);
/// After one's last commit, if one has not.
const SILENT: Duration = Duration::from_secs(60 * 60);
/// Before another try, where the last one lost against another's commit.
const AGAIN: Duration = Duration::from_secs(5 * 60);

/// The times of one member's refreshing commits; those of [`Env::now`].
#[derive(Debug, Default)]
pub(super) struct Refresh {
    last: u64,
    spoken: bool,
    not_before: u64,
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Refresh {
    /// One's own commit was merged, or one has come in. Those who came in together are not to refresh together.
    pub(super) fn committed(&mut self, env: &mut impl Env) {
        let last = env.now().saturating_add(jitter(ms(Duration::from_secs(60)), env));
        *self = Self { last, ..Self::default() };
    }

    /// One has spoken.
    pub(super) fn spoke(&mut self) {
        self.spoken = true;
    }

    /// A commit was made, which may not be taken.
    pub(super) fn tried(&mut self, env: &impl Env) {
        self.not_before = env.now().saturating_add(ms(AGAIN));
    }

    pub(super) fn due(&self) -> u64 {
        let after = if self.spoken { SPOKEN } else { SILENT };
        self.last.saturating_add(ms(after)).max(self.not_before)
    }
}
