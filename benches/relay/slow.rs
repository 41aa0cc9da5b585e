//! Some clients stop reading: measures the cost for the server and for the other clients.

use std::time::{Duration, Instant};

use kit::{Fleet, fleet::State, grouped};

use crate::{
    Effort,
    figures::{Figures, Goal, seconds},
    peer::Peer,
};

const ROOMS: usize = 10;
const PEOPLE: usize = 10;
const FRAME_BYTES: usize = 8192;
/// Messages per second in all rooms together.
const MESSAGES: f64 = 2000.0;
/// Maximum wait until the slow clients are disconnected. Their operating system buffers much before that.
const OUT_WITHIN: Duration = Duration::from_secs(20);
/// The server's limit on a slow member's queue.
const CAP_BYTES: usize = wire::limits::QUEUE_BYTES;

/// Measures and prints the results.
pub fn run(effort: Effort) {
    println!("\nslow: {ROOMS} rooms of {PEOPLE}, 8 KiB, {MESSAGES} messages a second; then one in each reads no more");
    let process = Peer::Cloakroom.start(&[]);
    let mut fleet = Peer::Cloakroom.fleet(&process, ROOMS, PEOPLE, FRAME_BYTES);
    fleet.connect_all();
    fleet.greet_all();
    let time = effort.seconds * 2.0;
    // Fills the replay buffers.
    fleet.pace(MESSAGES, seconds(4.0), is_quick);
    let before = Figures::of(&mut fleet, &process, |fleet| fleet.pace(MESSAGES, seconds(time), is_quick));
    let memory = process.memory();
    (0..ROOMS * PEOPLE).filter(|slot| !is_quick(*slot)).for_each(|slot| fleet.fall_silent(slot));
    let mut most = 0;
    let began = Instant::now();
    let during = Figures::of(&mut fleet, &process, |fleet| {
        while began.elapsed().as_secs_f64() < time || (slow_out(fleet) < ROOMS && began.elapsed() < OUT_WITHIN) {
            fleet.pace(MESSAGES, seconds(0.01), is_quick);
            most = most.max(process.memory());
        }
    });
    let (out, others) = (slow_out(&fleet), fleet.lost.len() - slow_out(&fleet));
    assert_eq!(out, ROOMS, "a client that does not read is disconnected");
    read_on(&mut fleet);
    Figures::head();
    before.show("all read");
    during.show("some do not");
    let grown = most.saturating_sub(memory) as f64 / ROOMS as f64;
    println!(
        "    disconnected: {out} of {ROOMS} slow clients, {others} others; memory grew by at most {} B per slow client",
        grouped(grown)
    );
    Goal::AtMost(CAP_BYTES as f64).judge("bytes per slow client", grown);
    Goal::AtMost(1.5).judge("p99 of the others, times that before", during.p99 / before.p99);
}

fn is_quick(slot: usize) -> bool {
    !slot.is_multiple_of(PEOPLE)
}

/// Returns how many slow clients were disconnected.
fn slow_out(fleet: &Fleet) -> usize {
    fleet.lost.iter().filter(|slot| !is_quick(**slot)).count()
}

/// Lets the slow clients read again, until their connections end after the frames in flight.
fn read_on(fleet: &mut Fleet) {
    let slow = (0..ROOMS * PEOPLE).filter(|slot| !is_quick(*slot)).collect::<Vec<_>>();
    slow.iter().for_each(|slot| fleet.read_on(*slot));
    fleet.until("disconnected clients see the end", |fleet| {
        slow.iter().all(|slot| matches!(fleet.clients[*slot].state, State::Closed(_)))
    });
    fleet.settle();
}
