//! Time as a number: the room has no clock of its own.

use std::{ops::Add, time::Duration};

use serde::{Deserialize, Serialize};

/// The most by which one input advances a room's time. A machine that slept, or a clock that jumped, does not end every
/// grace period at once.
pub const MAX_STEP: Duration = Duration::from_secs(30);

/// Milliseconds on a clock that never goes back. The store of rooms defines its origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// Returns the time from `earlier` to this, or zero if that is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Millis {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// The two times that a room keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Clock {
    /// The time of the last input.
    input: Millis,
    /// The room's own time. Every deadline in the room is on this clock.
    pub(crate) now: Millis,
}

impl Clock {
    pub(crate) fn new(at: Millis) -> Self {
        Self { input: at, now: at }
    }

    /// Takes in the time of an input. The room's time advances by at most [`MAX_STEP`].
    pub(crate) fn advance(&mut self, at: Millis) {
        self.now = self.now + at.since(self.input).min(MAX_STEP);
        self.input = self.input.max(at);
    }

    /// Returns when an input has to come so that the room's time reaches `due`.
    pub(crate) fn input_time(&self, due: Millis) -> Millis {
        self.input + due.since(self.now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_input_advances_time_by_a_bounded_step() {
        let mut clock = Clock::new(Millis(1000));
        clock.advance(Millis(2000));
        assert_eq!((clock.now, clock.input_time(Millis(2500))), (Millis(2000), Millis(2500)));
        clock.advance(Millis(1500));
        assert_eq!(clock.now, Millis(2000), "time never goes back");
        clock.advance(Millis(4_000_000));
        assert_eq!(clock.now, Millis(32_000));
        assert_eq!(clock.input_time(Millis(32_500)), Millis(4_000_500));
    }
}
