//! The relay under load, beside the limit of what sockets allow and a plain relay of axum's, in one run.
//!
//! `cargo bench -p benches --bench relay`, and after `--`: `--quick` for a run of a minute that shows less, names of
//! workloads for these alone, `--only=NAME` for one of those that are compared, `--server=PATH` for a server that was
//! built before.

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

/// How much time a run takes.
#[derive(Clone, Copy)]
pub struct Effort {
    /// How often each is measured; the median counts.
    pub rounds: usize,
    /// Seconds of each measurement, and before it: long enough for rooms to keep as much for replay as they ever will.
    pub seconds: f64,
    pub warm_up: f64,
    /// Connections that are quiet.
    pub quiet: usize,
    /// Of how many rooms the largest load has.
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

    // It may have to be built, for which one core is little.
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
