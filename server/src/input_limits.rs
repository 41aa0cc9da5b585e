//! The rate limits on one connection's input. The server reads no faster than they allow, so that TCP slows the sender
//! down.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use room::TokenBucket;
use wire::limits;

/// The size of a token bucket, as time at the full rate: the burst allowed after a pause.
const BURST: Duration = Duration::from_secs(2);
/// How far a bucket may be overdrawn before the reader waits, so that it does not wait for each frame singly.
const OVERDRAFT: Duration = Duration::from_millis(100);

/// Token buckets for frames and for bytes.
pub(crate) struct InputLimits {
    /// The tokens that a frame costs.
    frame_cost: Duration,
    byte_rate: NonZeroU32,
    /// The origin of the buckets' time.
    opened: Instant,
    frames: TokenBucket,
    bytes: TokenBucket,
    /// The time since which the frame limit has been exceeded without the reader catching up.
    behind: Option<Instant>,
}

impl InputLimits {
    /// Creates limits per second. The buckets start empty, so that reconnecting does not yield a new burst each time.
    pub(crate) fn new(frames: NonZeroU32, bytes: NonZeroU32, now: Instant) -> Self {
        let bucket = TokenBucket::empty(BURST, Duration::ZERO);
        Self {
            frame_cost: Duration::from_secs(1) / frames.get(),
            byte_rate: bytes,
            opened: now,
            frames: bucket,
            bytes: bucket,
            behind: None,
        }
    }

    /// Counts a received frame. Returns true when the frame limit is exceeded.
    pub(crate) fn frame(&mut self, now: Instant) -> bool {
        let time = self.time(now);
        self.frames.take(self.frame_cost, time);
        let is_exceeded = self.frames.wait(time) > OVERDRAFT;
        if is_exceeded {
            self.behind.get_or_insert(now);
        }
        is_exceeded
    }

    /// Counts received bytes.
    pub(crate) fn bytes(&mut self, count: usize, now: Instant) {
        let nanos = (count as u64).saturating_mul(1_000_000_000) / u64::from(self.byte_rate.get());
        self.bytes.take(Duration::from_nanos(nanos), self.time(now));
    }

    /// Called when the reader has read all that the peer has sent.
    pub(crate) fn caught_up(&mut self) {
        self.behind = None;
    }

    /// True when the frame limit has been exceeded for [`limits::SILENCE_TIMEOUT`]. The frames read now may then be so old that
    /// the peer is gone.
    pub(crate) fn is_behind(&self, now: Instant) -> bool {
        self.behind.is_some_and(|since| now.saturating_duration_since(since) >= limits::SILENCE_TIMEOUT)
    }

    /// True when a limit is exceeded and the reader must wait.
    pub(crate) fn is_overdrawn(&self, now: Instant) -> bool {
        self.wait(now) > OVERDRAFT
    }

    /// Returns how long the reader must wait.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        let time = self.time(now);
        self.frames.wait(time).max(self.bytes.wait(time))
    }

    fn time(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).unwrap()
    }

    impl InputLimits {
        fn take(&mut self, frames: usize, bytes: usize, now: Instant) {
            for _ in 0..frames {
                self.frame(now);
            }
            self.bytes(bytes, now);
        }
    }

    #[test]
    fn burst_is_allowed_then_the_rate() {
        let connected = Instant::now();
        let mut input = InputLimits::new(rate(100), rate(1000), connected);
        let start = connected + BURST;
        input.take(200, 0, start);
        assert_eq!(input.wait(start), Duration::ZERO, "two seconds' worth at once");
        input.take(50, 0, start);
        assert_eq!(input.wait(start), Duration::from_millis(500));
        assert_eq!(input.wait(start + Duration::from_millis(500)), Duration::ZERO);
        input.take(0, 4000, start);
        assert_eq!(input.wait(start), Duration::from_secs(2), "the longer wait counts");
    }

    #[test]
    fn new_connection_gets_no_burst() {
        let start = Instant::now();
        let mut input = InputLimits::new(rate(100), rate(1000), start);
        assert_eq!(input.wait(start), Duration::ZERO);
        assert!((1..=10).all(|_| !input.frame(start)), "a few at once are within the overdraft");
        assert!(input.frame(start) && input.is_overdrawn(start));
        input.take(39, 10, start);
        assert_eq!(input.wait(start), Duration::from_millis(500));
    }

    #[test]
    fn sustained_excess_of_frames_falls_behind() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut input = InputLimits::new(rate(100), rate(1000), start);
        input.take(100_000, 0, at(60));
        assert!(!input.is_behind(at(87)), "it sent nothing before second 60");
        assert!(input.is_behind(at(88)));
        input.caught_up();
        assert!(!input.is_behind(at(88)));
        input.take(1, 0, at(88));
        assert!(!input.is_behind(at(115)));
        assert!(input.is_behind(at(116)));
        // A hundred frames a second are within the limit. Exceeding the byte limit does not count.
        let mut input = InputLimits::new(rate(100), rate(1000), start);
        for second in 1..100 {
            input.take(100, 100_000, at(second));
            assert!(!input.is_behind(at(second + 1)));
        }
        // The limit stays exceeded when a few frames are read after every wait.
        let mut input = InputLimits::new(rate(100), rate(1000), start);
        let mut now = start;
        while now < at(28) {
            assert!(!input.is_behind(now));
            while !input.frame(now) {}
            now += input.wait(now) + Duration::from_millis(15);
        }
        assert!(input.is_behind(now));
    }

    #[test]
    fn bucket_holds_one_burst() {
        let start = Instant::now();
        let mut input = InputLimits::new(rate(100), rate(1000), start);
        let later = start + Duration::from_secs(3600);
        input.take(300, 0, later);
        assert_eq!(input.wait(later), Duration::from_secs(1));
    }
}
