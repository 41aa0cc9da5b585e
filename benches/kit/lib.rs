//! Shared by the benchmarks: programs under load on their own core, and many clients on one thread.

pub mod door;
pub mod fleet;
pub mod histogram;
pub mod line;
pub mod process;
pub mod ws;

pub use door::Door;
pub use fleet::Fleet;
pub use histogram::Histogram;
pub use process::{Process, Usage};

/// Formats a number with separated thousands.
#[must_use]
pub fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
