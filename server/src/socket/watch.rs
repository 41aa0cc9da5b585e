//! Whether the peer is there.

use std::time::{Duration, Instant};

use tokio::time::sleep_until;
use wire::{CloseCode, limits};

use crate::{Outbox, watched::Heard};

/// Asks one who has said nothing for a while whether it is there, and waits until it has not answered for too long.
pub(super) async fn watch(heard: &Heard, outbox: &Outbox) -> CloseCode {
    let mut asked = heard.last();
    loop {
        let (last, now) = (heard.last(), Instant::now());
        let (ping, until) = (last.max(asked) + some_time(limits::PING_EVERY), last + limits::SILENCE);
        if until <= now {
            return CloseCode::Silent;
        }
        if ping > now {
            sleep_until(ping.min(until).into()).await;
        }
        // Only what was not heard in all that time has to be asked for.
        if heard.last() == last && ping < until {
            outbox.ping();
            asked = Instant::now();
        }
    }
}

/// Three quarters of that time to all of it, so that those who came together do not ask together for ever.
fn some_time(most: Duration) -> Duration {
    let mut random = [0; 4];
    // Without entropy all ask in the same moment, and nothing worse.
    let _ = getrandom::fill(&mut random);
    let quarter = most / 4;
    most - quarter.mul_f64(f64::from(u32::from_ne_bytes(random)) / f64::from(u32::MAX))
}
