//! Limits log lines that anybody can trigger to one per minute, so that nobody can fill the log with them.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const EVERY: Duration = Duration::from_secs(60);

/// The time at which a line was last written.
#[derive(Default)]
pub(crate) struct LogLimit(Mutex<Option<Instant>>);

impl LogLimit {
    /// Returns true when the line may be written now, and starts a new minute.
    pub(crate) fn permits_line(&self, now: Instant) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let allows = last.is_none_or(|last| now.saturating_duration_since(last) >= EVERY);
        if allows {
            *last = Some(now);
        }
        allows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_allowed_once_a_minute() {
        let (limit, start) = (LogLimit::default(), Instant::now());
        let at = |seconds| limit.permits_line(start + Duration::from_secs(seconds));
        assert_eq!([0, 1, 59, 60, 61, 200].map(at), [true, false, false, true, false, true]);
    }
}
