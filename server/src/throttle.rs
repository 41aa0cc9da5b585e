//! How much one connection may send: it is read no faster than that, and TCP makes its sender wait.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use room::Bucket;
use wire::limits;

/// How much of its rate a bucket holds: after a pause, so much may come at once.
const BURST: Duration = Duration::from_secs(2);
/// How much more than that may come before its sender has to wait, so that not each frame is waited for alone.
const OVERDRAFT: Duration = Duration::from_millis(100);

/// Frames and bytes, each with its own bound.
pub(crate) struct Throttle {
    /// What each takes.
    frame: Duration,
    byte_rate: NonZeroU32,
    /// The buckets count time from here.
    opened: Instant,
    frames: Bucket,
    bytes: Bucket,
    /// Since when more frames have come than may, without all of them being read.
    behind: Option<Instant>,
}

impl Throttle {
    /// So many a second, and nothing saved up: or whoever connects again and again could send without end.
    pub(crate) fn new(frames: NonZeroU32, bytes: NonZeroU32, now: Instant) -> Self {
        let bucket = Bucket::empty(BURST, Duration::ZERO);
        Self {
            frame: Duration::from_secs(1) / frames.get(),
            byte_rate: bytes,
            opened: now,
            frames: bucket,
            bytes: bucket,
            behind: None,
        }
    }

    /// A frame has come; whether so many have that no more may for now.
    pub(crate) fn frame(&mut self, now: Instant) -> bool {
        let time = self.time(now);
        self.frames.take(self.frame, time);
        let too_many = self.frames.wait(time) > OVERDRAFT;
        if too_many {
            self.behind.get_or_insert(now);
        }
        too_many
    }

    /// So many bytes have come.
    pub(crate) fn bytes(&mut self, count: usize, now: Instant) {
        let nanos = (count as u64).saturating_mul(1_000_000_000) / u64::from(self.byte_rate.get());
        self.bytes.take(Duration::from_nanos(nanos), self.time(now));
    }

    /// All that was sent is read.
    pub(crate) fn caught_up(&mut self) {
        self.behind = None;
    }

    /// Whether more frames than may have come for so long that what is read now may have been sent by one who is gone.
    pub(crate) fn is_behind(&self, now: Instant) -> bool {
        self.behind.is_some_and(|since| now.saturating_duration_since(since) >= limits::SILENCE)
    }

    /// Whether so much has come that no more may for now.
    pub(crate) fn is_overdrawn(&self, now: Instant) -> bool {
        self.wait(now) > OVERDRAFT
    }

    /// How long to wait, then, before more is read.
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

    impl Throttle {
        fn take(&mut self, frames: usize, bytes: usize, now: Instant) {
            for _ in 0..frames {
                self.frame(now);
            }
            self.bytes(bytes, now);
        }
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
        assert!((1..=10).all(|_| !throttle.frame(start)), "but a few may come together");
        assert!(throttle.frame(start) && throttle.is_overdrawn(start));
        throttle.take(39, 10, start);
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
        throttle.caught_up();
        assert!(!throttle.is_behind(at(88)));
        throttle.take(1, 0, at(88));
        assert!(!throttle.is_behind(at(115)));
        assert!(throttle.is_behind(at(116)));
        // A hundred a second is no more than may be, nor are bytes that take long.
        let mut throttle = Throttle::new(rate(100), rate(1000), start);
        for second in 1..100 {
            throttle.take(100, 100_000, at(second));
            assert!(!throttle.is_behind(at(second + 1)));
        }
        // Read a few at a time, as soon as they may be or a little later, they are too many all the same.
        let mut throttle = Throttle::new(rate(100), rate(1000), start);
        let mut now = start;
        while now < at(28) {
            assert!(!throttle.is_behind(now));
            while !throttle.frame(now) {}
            now += throttle.wait(now) + Duration::from_millis(15);
        }
        assert!(throttle.is_behind(now));
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
