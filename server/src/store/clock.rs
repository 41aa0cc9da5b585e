//! The store's clock.

use std::time::{Duration, Instant, SystemTime};

use room::Millis;

/// Gives times as rooms know them: the Unix time at which the process started, plus the time elapsed since on a clock
/// that never goes back.
pub(super) struct Clock {
    started: Instant,
    epoch: Duration,
}

impl Clock {
    pub(super) fn new() -> Self {
        let epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { started: Instant::now(), epoch }
    }

    pub(super) fn at(&self, time: Instant) -> Millis {
        Millis(0) + (self.epoch + time.saturating_duration_since(self.started))
    }
}
