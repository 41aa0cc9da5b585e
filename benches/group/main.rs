//! Benchmarks of the group: the cost of joining and talking, natively and in a browser.
//!
//! `cargo bench -p benches --bench group`, and after `--`: `native`, `crowd`, `page` or `wasm` for these alone,
//! `--quick` for smaller rooms.

mod crowd;
mod member;
mod native;
mod page;
mod wasm;

use std::env;

/// Members per room.
const SIZES: [usize; 4] = [2, 10, 50, 200];
const FEW: [usize; 2] = [2, 10];

fn main() {
    let arguments = env::args().skip(1).collect::<Vec<_>>();
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("for figures: cargo bench -p benches --bench group");
        return;
    }
    let sizes = if arguments.iter().any(|argument| argument == "--quick") { &FEW[..] } else { &SIZES[..] };
    let named = arguments.iter().filter(|argument| !argument.starts_with("--")).collect::<Vec<_>>();
    let wanted = |name: &str| named.is_empty() || named.iter().any(|named| *named == name);

    if wanted("native") {
        native::run(sizes);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        if wanted("crowd") {
            crowd::run().await;
        }
        if wanted("page") {
            page::run(sizes).await;
        }
        if wanted("wasm") {
            wasm::run(sizes).await;
        }
    });
}

/// Returns the median and the maximum.
fn spread(mut all: Vec<f64>) -> (f64, f64) {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).map_or((f64::NAN, f64::NAN), |median| (*median, all[all.len() - 1]))
}

/// Prints whether a figure reaches its goal.
fn judge(what: &str, figure: f64, at_most: f64) {
    let word = if figure <= at_most { "met" } else { "missed" };
    println!("    {what}: {figure:.2} (goal ≤ {at_most}: {word})");
}
