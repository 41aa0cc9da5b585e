//! What goes out at once: many frames to a write, many sockets to a turn.

use std::sync::Arc;

use tokio::task::yield_now;

use crate::{Outbox, outbox::Dirty};

/// Sockets that are written to in one turn, and of many the share: those that wait longer have more for one write. Not
/// so many that others wait for milliseconds.
const FEW: usize = 64;
const MANY: usize = 1024;
const SHARE: usize = 8;

/// Writes for those who are dirty, as long as the server runs.
pub(crate) async fn flush(dirty: Arc<Dirty<Outbox>>) {
    let mut outboxes = Vec::new();
    loop {
        dirty.some().await;
        // Whoever has its turn now may have more for the same write, and so may those who hear from the network next:
        // a second turn costs less than the writes that it saves.
        yield_now().await;
        yield_now().await;
        dirty.take(|all| (all / SHARE).clamp(FEW, MANY), &mut outboxes);
        outboxes.drain(..).for_each(|outbox| outbox.flush());
    }
}
