//! A histogram of durations, from which quantiles are read.

/// Bits kept of each number. Values are exact to 0.4 %.
const DIGITS: u32 = 8;
const ROW: usize = 1 << DIGITS;

/// Counts of nanoseconds in buckets of exponential width.
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; ROW * 64], total: 0 }
    }
}

impl Histogram {
    /// Adds a duration.
    pub fn add(&mut self, nanos: u64) {
        let shift = (u64::BITS - nanos.leading_zeros()).saturating_sub(DIGITS);
        self.counts[shift as usize * ROW + (nanos >> shift) as usize] += 1;
        self.total += 1;
    }

    /// Adds all counts of another histogram.
    pub fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
        self.total += other.total;
    }

    /// Returns this quantile in microseconds.
    #[must_use]
    pub fn micros(&self, share: f64) -> f64 {
        let rank = (self.total as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += count;
            if *count > 0 && seen >= rank {
                let (shift, digits) = (at / ROW, at % ROW);
                return (digits as f64 + 0.5) * 2f64.powi(shift as i32) / 1000.0;
            }
        }
        0.0
    }
}
