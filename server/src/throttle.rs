//! How much one connection may send: it is read no faster than that, and TCP makes its sender wait.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use wire::limits;

/// How much of its rate a bucket holds: after a pause, so much may come at once.
const BURST: Duration = Duration::from_secs(2);
/// Who has saved this much since has been quiet, with all that it sent read: it is not behind any more.
const QUIET: Duration = Duration::from_secs(1);

/// Frames and bytes, each with its own bound.
pub(crate) struct Throttle {
    frames: Bucket,
    bytes: Bucket,
    /// Since when more frames have come than may.
    behind: Option<Instant>,
}

impl Throttle {
    /// So many a second, and nothing saved up: or whoever connects again and again could send without end.
    pub(crate) fn new(frames: NonZeroU32, bytes: NonZeroU32, now: Instant) -> Self {
        Self { frames: Bucket::new(frames, now), bytes: Bucket::new(bytes, now), behind: None }
    }

    /// These have come.
    pub(crate) fn take(&mut self, frames: usize, bytes: usize, now: Instant) {
        if self.frames.saved(now) >= QUIET {
            self.behind = None;
        }
        self.frames.take(frames, now);
        self.bytes.take(bytes, now);
        if self.frames.wait(now).is_zero() {
            self.behind = None;
        } else {
            self.behind.get_or_insert(now);
        }
    }

    /// Whether more frames than may have come for so long that what is read now may have been sent by one who is gone.
    pub(crate) fn is_behind(&self, now: Instant) -> bool {
        self.behind.is_some_and(|since| now.saturating_duration_since(since) >= limits::SILENCE)
    }

    /// How long to wait before more is read.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        self.frames.wait(now).max(self.bytes.wait(now))
    }
}

/// A token bucket, kept as the time at which it will be full again. It may be overdrawn: what has come has come.
struct Bucket {
    rate: NonZeroU32,
    full: Instant,
}

impl Bucket {
    fn new(rate: NonZeroU32, now: Instant) -> Self {
        Self { rate, full: now + BURST }
    }

    fn take(&mut self, count: usize, now: Instant) {
        let nanos = (count as u64).saturating_mul(1_000_000_000) / u64::from(self.rate.get());
        self.full = self.full.max(now) + Duration::from_nanos(nanos);
    }

    fn wait(&self, now: Instant) -> Duration {
        self.full.saturating_duration_since(now).saturating_sub(BURST)
    }

    /// How much of the burst is there.
    fn saved(&self, now: Instant) -> Duration {
        BURST.saturating_sub(self.full.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).unwrap()
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let connected = Instant::now();
        let mut throttle = Throttle::new(rate(100), rate(1000), connected);
        let start = connected + BURST;
        throttle.take(200, 0, start);
        assert_eq!(throttle.wait(start), Duration::ZERO, "two seconds' worth at once");
        throttle.take(50, 0, start);
        assert_eq!(throttle.wait(start), Duration::from_millis(500));
        assert_eq!(throttle.wait(start + Duration::from_millis(500)), Duration::ZERO);
        throttle.take(0, 4000, start);
        assert_eq!(throttle.wait(start), Duration::from_secs(2), "whichever takes longer");
    }

    #[test]
    fn a_new_connection_has_saved_nothing() {
        let start = Instant::now();
        let mut throttle = Throttle::new(rate(100), rate(1000), start);
        assert_eq!(throttle.wait(start), Duration::ZERO);
        throttle.take(50, 10, start);
        assert_eq!(throttle.wait(start), Duration::from_millis(500));
    }

    #[test]
    fn who_sends_too_many_frames_falls_behind() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut throttle = Throttle::new(rate(100), rate(1000), start);
        throttle.take(100_000, 0, at(60));
        assert!(!throttle.is_behind(at(87)), "before that it said nothing");
        assert!(throttle.is_behind(at(88)));
        // A hundred a second is no more than may be, nor are bytes that take long.
        let mut throttle = Throttle::new(rate(100), rate(1000), start);
        for second in 1..100 {
            throttle.take(100, 100_000, at(second));
            assert!(!throttle.is_behind(at(second + 1)));
        }
        for second in 100..127 {
            throttle.take(110, 0, at(second));
            assert!(!throttle.is_behind(at(second)));
        }
        assert!(!throttle.is_behind(at(127)));
        assert!(throttle.is_behind(at(128)));
        throttle.take(1, 0, at(140));
        assert!(!throttle.is_behind(at(141)), "a pause makes up for it");
    }

    #[test]
    fn only_one_without_a_pause_falls_behind() {
        let start = Instant::now();
        let mut throttle = Throttle::new(rate(100), rate(1000), start);
        for second in (7..200).step_by(7) {
            throttle.take(230, 0, start + Duration::from_secs(second));
            assert!(!throttle.is_behind(start + Duration::from_secs(second + 1)), "after {second} s");
        }
        // One is read again as soon as it may be, or a little later.
        let mut throttle = Throttle::new(rate(100), rate(1000), start);
        let mut now = start;
        while now < start + Duration::from_secs(27) {
            throttle.take(300, 0, now);
            assert!(!throttle.is_behind(now));
            now += throttle.wait(now) + Duration::from_millis(100);
        }
        throttle.take(300, 0, now);
        assert!(throttle.is_behind(start + Duration::from_secs(28)));
    }

    #[test]
    fn no_more_is_saved_than_a_burst() {
        let start = Instant::now();
        let mut throttle = Throttle::new(rate(100), rate(1000), start);
        let later = start + Duration::from_secs(3600);
        throttle.take(300, 0, later);
        assert_eq!(throttle.wait(later), Duration::from_secs(1));
    }
}
