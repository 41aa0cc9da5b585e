//! Whether the peer is there.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use tokio::time::sleep_until;
use wire::{CloseCode, limits};

use crate::Outbox;

/// When a connection's peer was last heard.
pub(super) struct LastReceived {
    opened: Instant,
    millis: AtomicU64,
}

impl LastReceived {
    /// Just now.
    pub(super) fn new() -> Self {
        Self { opened: Instant::now(), millis: AtomicU64::new(0) }
    }

    /// A byte came in.
    pub(super) fn set(&self, now: Instant) {
        let millis = now.saturating_duration_since(self.opened).as_millis();
        self.millis.store(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// When the last byte came in.
    pub(super) fn get(&self) -> Instant {
        self.opened + Duration::from_millis(self.millis.load(Ordering::Relaxed))
    }
}

/// Asks one who has said nothing for a while whether it is there, and waits until it has not answered for too long.
pub(super) fn wait_for_silence(last_received: &LastReceived, outbox: &Outbox) -> impl Future<Output = CloseCode> {
    let mut asked = last_received.get();
    async move {
        loop {
            let last = last_received.get();
            if last + limits::SILENCE <= Instant::now() {
                return CloseCode::Silent;
            }
            let at = (last.max(asked) + some_time(limits::PING_EVERY)).min(last + limits::SILENCE);
            sleep_until(at.into()).await;
            // Only what was not heard in all that time has to be asked for.
            if last_received.get() == last && at < last + limits::SILENCE {
                outbox.ping();
                asked = Instant::now();
            }
        }
    }
}

/// Three quarters of that time to all of it, so that those who came together do not ask together for ever.
fn some_time(most: Duration) -> Duration {
    // No secret, and different each time: its keys are.
    let random = RandomState::new().hash_one(());
    let quarter = most / 4;
    most - quarter.mul_f64(random as f64 / u64::MAX as f64)
}
