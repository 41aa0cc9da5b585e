//! W4: quiet members. Measures the time to open a connection, and its memory.

use std::{thread::sleep, time::Duration};

use kit::grouped;

use crate::{Effort, figures::Goal, peer::Peer};

const PEOPLE: usize = 10;
const LARGE_BYTES: usize = 64 * 1024;
const LARGE: usize = 10;
/// Rooms that are entered, or receive a large message, at one time.
const AT_ONE_TIME: usize = 50;
/// Time for deferred work, such as returning memory.
const LATER: Duration = Duration::from_secs(2);

/// Measures and prints the results.
pub fn run(effort: Effort) {
    let rooms = effort.quiet / PEOPLE;
    let connections = (rooms * PEOPLE) as f64;
    println!("\nW4: {} quiet connections, of {PEOPLE} to a room, nothing kept for replay", grouped(connections));
    println!(
        "  {:<22} {:>10} {:>12} {:>14} {:>20}",
        "", "accepts/s", "CPU µs each", "memory each", "after 10 × 64 KiB"
    );
    let few = (Peer::Cloakroom, AT_ONE_TIME);
    // Newcomers wait for an admission with a knock of 2 KB each. Many at once would fragment the server's memory.
    let rush = (Peer::Cloakroom, rooms);
    let peers = [(Peer::Limit, AT_ONE_TIME), few, rush, (Peer::Plain, AT_ONE_TIME)];
    for (peer, at_one_time) in peers.into_iter().filter(|(peer, _)| peer.is_wanted()) {
        // Replay buffers have their own limit and do not belong to a connection.
        let process = peer.start(&["--max-replay-bytes=0"]);
        let mut fleet = peer.fleet(&process, rooms, PEOPLE, 300);
        let (before, used) = (process.memory(), process.usage().cpu);
        let took = fleet.connect_all();
        let each = (process.usage().cpu - used) * 1e6 / connections;
        for first in (0..rooms).step_by(at_one_time) {
            fleet.greet_in(first..(first + at_one_time).min(rooms));
        }
        let memory = |fleet: &mut kit::Fleet| {
            fleet.run(LATER);
            sleep(Duration::ZERO);
            process.memory().saturating_sub(before) as f64 / connections
        };
        let quiet = memory(&mut fleet);
        fleet.speak_in(LARGE_BYTES);
        for first in (0..rooms).step_by(AT_ONE_TIME) {
            for _ in 0..LARGE {
                for room in first..(first + AT_ONE_TIME).min(rooms) {
                    let (speaker, other) = (fleet.members(room).start, fleet.members(room).start + 1);
                    fleet.say(speaker);
                    // The sender receives as much from the other.
                    if first == 0 {
                        fleet.say(other)
                    }
                }
                fleet.settle();
            }
        }
        let after = memory(&mut fleet);
        let accepts = connections / took.as_secs_f64();
        println!(
            "  {:<22} {:>10} {each:>12.1} {:>12} B {:>18} B",
            if (peer, at_one_time) == rush { "… all entering at once" } else { peer.name() },
            grouped(accepts),
            grouped(quiet),
            grouped(after)
        );
        if (peer, at_one_time) == few {
            // The load generator is as slow as the server, so the server's own time is the figure.
            Goal::AtLeast(40_000.0).judge("accepts in a second of the server's processor time", 1e6 / each);
            Goal::AtMost(4096.0).judge("bytes of memory for a quiet connection", quiet);
            Goal::AtMost(4096.0).judge("bytes of memory for one that was not always quiet", after);
        }
    }
}
