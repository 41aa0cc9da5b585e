//! Detects a silent peer: pings it, and ends the connection when it does not answer.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use tokio::time::sleep_until;
use wire::{CloseCode, limits};

use crate::Outbox;

/// The time at which the last byte arrived from the peer.
pub(super) struct LastReceived {
    opened: Instant,
    millis: AtomicU64,
}

impl LastReceived {
    pub(super) fn new() -> Self {
        Self { opened: Instant::now(), millis: AtomicU64::new(0) }
    }

    /// Called when bytes have arrived.
    pub(super) fn set(&self, now: Instant) {
        let millis = now.saturating_duration_since(self.opened).as_millis();
        self.millis.store(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> Instant {
        self.opened + Duration::from_millis(self.millis.load(Ordering::Relaxed))
    }
}

/// Pings a peer that sends nothing. Returns when nothing has arrived for [`limits::SILENCE_TIMEOUT`].
pub(super) fn wait_for_silence(last_received: &LastReceived, outbox: &Outbox) -> impl Future<Output = CloseCode> {
    let mut pinged = last_received.get();
    async move {
        loop {
            let last = last_received.get();
            if last + limits::SILENCE_TIMEOUT <= Instant::now() {
                return CloseCode::Silent;
            }
            let at = (last.max(pinged) + jittered(limits::PING_INTERVAL)).min(last + limits::SILENCE_TIMEOUT);
            sleep_until(at.into()).await;
            // Pings only if nothing has arrived in the meantime.
            if last_received.get() == last && at < last + limits::SILENCE_TIMEOUT {
                outbox.ping();
                pinged = Instant::now();
            }
        }
    }
}

/// Returns a random duration from three quarters of `longest` to all of it, so that connections opened together do not
/// keep pinging together.
fn jittered(longest: Duration) -> Duration {
    // Random keys make each hash different. It need not be unpredictable.
    let random = RandomState::new().hash_one(());
    let quarter = longest / 4;
    longest - quarter.mul_f64(random as f64 / u64::MAX as f64)
}
