//! What the benches share: programs under load on a core of their own, and many clients on one thread.

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

/// A number with its thousands set apart.
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
