//! Simulates many rooms, each with its clients and its network, in one process: real client cores, the real room, and a
//! simulated clock. A seed determines a world. A failure prints its events and can be repeated from its seed:
//!
//! ```text
//! SIMULATION_SEED=17 cargo test -p tests --test simulation
//! SIMULATION_SECONDS=600 cargo test -p tests --test simulation
//! ```

#[path = "simulation/checks.rs"]
mod checks;
#[path = "simulation/client.rs"]
mod client;
#[path = "simulation/hostile_member.rs"]
mod hostile_member;
#[path = "simulation/hostile_server.rs"]
mod hostile_server;
#[path = "simulation/plan.rs"]
mod plan;
#[path = "simulation/random.rs"]
mod random;
#[path = "simulation/readers.rs"]
mod readers;
#[path = "simulation/scan.rs"]
mod scan;
#[path = "simulation/server.rs"]
mod server;
#[path = "simulation/settled.rs"]
mod settled;
#[path = "simulation/world.rs"]
mod world;

use std::{
    env,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use checks::Stats;

/// Worlds in a normal run.
const SEEDS: u64 = 2_000;

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

#[test]
fn invariants_hold_in_every_world() {
    if let Some(seed) = number("SIMULATION_SEED") {
        let (outcome, trace) = plan::play(seed, true);
        trace.iter().for_each(|line| println!("{line}"));
        println!("{:?}", plan::Plan::new(seed));
        println!("{:?}", outcome.unwrap_or_else(|why| panic!("seed {seed}: {why}")));
        return;
    }
    let seconds = number("SIMULATION_SECONDS").map(Duration::from_secs);
    let first = match seconds {
        Some(_) => SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() << 24,
        None => number("SIMULATION_FIRST").unwrap_or(0),
    };
    let count = number("SIMULATION_COUNT").unwrap_or(SEEDS);
    let start = Instant::now();
    let goes_on = |seed: u64| match seconds {
        Some(seconds) => start.elapsed() < seconds,
        None => seed < first + count,
    };
    let (next, failed) = (AtomicU64::new(first), AtomicBool::new(false));
    let failures = Mutex::new(Vec::new());
    let all = Mutex::new((0_u64, Stats::default()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if !goes_on(seed) || failed.load(Ordering::Relaxed) {
                        return;
                    }
                    match plan::play(seed, false).0 {
                        Ok(stats) => {
                            let mut all = all.lock().unwrap();
                            all.0 += 1;
                            all.1.add(&stats);
                        }
                        Err(why) => {
                            failed.store(number("SIMULATION_ALL").is_none(), Ordering::Relaxed);
                            failures.lock().unwrap().push((seed, why));
                        }
                    }
                }
            });
        }
    });
    let (played, stats) = all.into_inner().unwrap();
    println!("{played} worlds in {:?}: {stats:?}", start.elapsed());
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    for (seed, why) in &failures {
        println!("seed {seed}: {why}");
    }
    if let Some((seed, why)) = failures.first() {
        plan::play(*seed, true).1.iter().for_each(|line| println!("{line}"));
        panic!("{} failed; the first: SIMULATION_SEED={seed}: {why}", failures.len());
    }
}
