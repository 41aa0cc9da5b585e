//! Benchmarks the relay under load, next to the limit of what sockets allow and a plain axum relay, in one run.
//!
//! `cargo bench -p benches --bench relay`, and after `--`: `--quick` for a less precise run of one minute, names of
//! workloads to run only these, `--only=NAME` for only one relay, `--server=PATH` for a server that is built already.

mod figures;
mod limit;
mod loads;
mod peer;
mod plain;
mod quiet;
mod rooms;
mod slow;

use std::env;

use kit::process::{Core, pin};
use loads::Load;

/// The extent of a run.
#[derive(Clone, Copy)]
pub struct Effort {
    /// Rounds per measurement, of which the median counts.
    pub rounds: usize,
    /// Seconds of each measurement, and of the warm-up before it, which fills the rooms' replay buffers.
    pub seconds: f64,
    pub warm_up: f64,
    /// Quiet connections.
    pub quiet: usize,
    /// Rooms in the largest load.
    pub rooms: &'static [usize],
}

const THOROUGH: Effort = Effort { rounds: 3, seconds: 3.0, warm_up: 6.0, quiet: 15_000, rooms: &[10, 1_000, 100_000] };
const QUICK: Effort = Effort { rounds: 1, seconds: 0.7, warm_up: 0.2, quiet: 3_000, rooms: &[10, 1_000, 20_000] };

fn main() {
    peer::be();
    let arguments = env::args().skip(1).collect::<Vec<_>>();
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("for figures: cargo bench -p benches --bench relay");
        return;
    }
    let effort = if arguments.iter().any(|argument| argument == "--quick") { QUICK } else { THOROUGH };
    let named = arguments.iter().filter(|argument| !argument.starts_with("--")).collect::<Vec<_>>();
    let wanted = |name: &str| named.is_empty() || named.iter().any(|named| named.eq_ignore_ascii_case(name));

    // Builds the server before this thread is bound to one core.
    peer::program();
    pin(Core::Generator);
    for load in Load::ALL.iter().filter(|load| wanted(load.name)) {
        load.run(effort);
    }
    if wanted("W4") {
        quiet::run(effort);
    }
    if wanted("slow") {
        slow::run(effort);
    }
    if wanted("rooms") {
        rooms::run(effort);
    }
}
