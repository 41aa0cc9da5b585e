//! A token bucket: a rate limit that lets a short burst through.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A token bucket whose tokens are time. It refills as time passes and is stored as the time at which it will be full.
/// It can be overdrawn. Times are counted from any origin that the caller keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenBucket {
    size: Duration,
    full: Duration,
}

impl TokenBucket {
    /// An empty bucket of this size.
    #[must_use]
    pub fn empty(size: Duration, now: Duration) -> Self {
        Self { size, full: now + size }
    }

    /// A full bucket of this size.
    #[must_use]
    pub fn full(size: Duration, now: Duration) -> Self {
        Self { size, full: now }
    }

    /// Takes tokens. May overdraw the bucket.
    pub fn take(&mut self, tokens: Duration, now: Duration) {
        self.full = self.full.max(now) + tokens;
    }

    /// Takes tokens if the bucket holds that many. Otherwise takes nothing and returns false.
    #[must_use]
    pub fn try_take(&mut self, tokens: Duration, now: Duration) -> bool {
        let has = self.level(now) >= tokens;
        if has {
            self.take(tokens, now);
        }
        has
    }

    /// Returns how long the bucket stays overdrawn.
    #[must_use]
    pub fn wait(&self, now: Duration) -> Duration {
        self.full.saturating_sub(now).saturating_sub(self.size)
    }

    fn level(&self, now: Duration) -> Duration {
        self.size.saturating_sub(self.full.saturating_sub(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refills_with_time_up_to_its_size() {
        let second = Duration::from_secs(1);
        let mut bucket = TokenBucket::full(2 * second, Duration::ZERO);
        assert!(bucket.try_take(second, Duration::ZERO) && bucket.try_take(second, Duration::ZERO));
        assert!(!bucket.try_take(second, second / 2));
        assert!(bucket.try_take(second, second));
        let later = 100 * second;
        assert!(bucket.try_take(2 * second, later) && !bucket.try_take(second, later));
        bucket.take(3 * second, later);
        assert_eq!(bucket.wait(later), 3 * second);
        assert_eq!(TokenBucket::empty(2 * second, later).wait(later), Duration::ZERO);
        assert!(!TokenBucket::empty(2 * second, later).try_take(second, later));
    }
}
