//! A soak test: for a given time, members join rooms, talk, lose connections, reconnect, leave and vanish. In the end,
//! no room may remain and memory must not have grown.
//!
//! `cargo bench -p benches --bench soak -- 300` runs for 300 seconds. `--server=PATH` uses a server that is built
//! already.

mod people;

use std::{
    env,
    path::PathBuf,
    time::{Duration, Instant},
};

use kit::{
    Process, grouped,
    process::{Core, pin},
};
use people::People;

const FLAGS: [&str; 8] = [
    "--listen=127.0.0.1:0",
    "--creates-per-minute=100000000",
    "--joins-per-minute=100000000",
    "--grace=3",
    // Small, so that the replay buffers fill early.
    "--max-replay-bytes=65536",
    "--max-connections=10000",
    "--max-connections-per-address=10000",
    // Logs the number of rooms.
    "--log=warn,cloakroom::listen=info,cloakroom::store=debug",
];
/// Memory may grow during this time.
const SETTLED_AFTER: Duration = Duration::from_secs(60);
/// Maximum growth of memory after that.
const GROWTH: f64 = 1.1;
/// Maximum time until all members that vanished are removed.
const GONE_WITHIN: Duration = Duration::from_secs(15);

fn main() {
    let arguments = env::args().skip(1).collect::<Vec<_>>();
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("for a soak: cargo bench -p benches --bench soak -- 300");
        return;
    }
    let seconds = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(60);
    let time = Duration::from_secs(seconds);
    let named = arguments.iter().find_map(|argument| argument.strip_prefix("--server=").map(PathBuf::from));
    let program = named.unwrap_or_else(support::server::program);
    pin(Core::Generator);
    let flags = FLAGS.map(ToOwned::to_owned);
    let process = Process::start(&program, &flags);
    let mut people = People::new(process.address);

    let (began, mut told, mut settled) = (Instant::now(), Duration::ZERO, None);
    while began.elapsed() < time {
        people.live();
        let now = began.elapsed();
        // A short run has less time to settle.
        if settled.is_none() && now >= SETTLED_AFTER.min(time / 2) {
            settled = Some(process.memory());
        }
        if now - told >= Duration::from_secs(10) {
            told = now;
            println!("{:>5} s: {} B; {}", now.as_secs(), grouped(process.memory() as f64), people.story());
        }
    }
    let (before, after) = (settled.unwrap_or_default() as f64, process.memory() as f64);
    println!("memory: {} B when it had settled, {} B at the end; {}", grouped(before), grouped(after), people.story());

    people.all_leave();
    let left = Instant::now();
    while left.elapsed() < GONE_WITHIN && !is_empty(&process) {
        people.rest();
    }
    println!(
        "all gone {:.1} s after they set out; {} B",
        left.elapsed().as_secs_f64(),
        grouped(process.memory() as f64)
    );
    assert!(is_empty(&process), "rooms remain: {}", process.logged.lock().unwrap());
    assert!(after <= before * GROWTH, "memory grew from {before} to {after} bytes");
}

/// True when the server's last log line tells that no room is left.
fn is_empty(process: &Process) -> bool {
    let line = process.logged.lock().unwrap();
    line.contains("room removed") && line.split_whitespace().any(|word| word == "rooms=0")
}
