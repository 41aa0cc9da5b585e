//! The figures measured for a relay, and their output.

use std::time::{Duration, Instant};

use kit::{Fleet, Process, grouped, process::own_usage};

/// The figures of a relay under one load.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Messages received per second.
    pub rate: f64,
    /// Microseconds of the server's processor time per message.
    pub cpu: f64,
    /// Latency in microseconds: the median, the 99th and the 99.9th percentile.
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    /// The share of the time that server and generator were busy. The one that was idle waited for the other.
    pub server: f64,
    pub generator: f64,
    /// The share of the time that one of them waited for its core, which other processes used.
    pub waited: f64,
}

/// Above this share, other processes on the machine distort the figures.
const DISTURBED: f64 = 0.05;

impl Figures {
    /// Measures while `load` runs.
    pub fn of(fleet: &mut Fleet, process: &Process, load: impl FnOnce(&mut Fleet)) -> Self {
        let (used, own, began) = (process.usage(), own_usage(), Instant::now());
        fleet.count();
        load(fleet);
        let tally = fleet.counted();
        let seconds = began.elapsed().as_secs_f64();
        let (used_then, own_then) = (process.usage(), own_usage());
        let waited = (used_then.waited - used.waited).max(own_then.waited - own.waited);
        let (used, own) = (used_then.cpu - used.cpu, own_then.cpu - own.cpu);
        let deliveries = tally.deliveries as f64;
        Self {
            rate: deliveries / seconds,
            cpu: used * 1e6 / deliveries,
            p50: tally.latencies.micros(0.5),
            p99: tally.latencies.micros(0.99),
            p999: tally.latencies.micros(0.999),
            server: used / seconds,
            generator: own / seconds,
            waited: waited / seconds,
        }
    }

    /// Returns the median of each figure, so that one disturbed round does not count.
    pub fn median(rounds: &[Self]) -> Self {
        let median = |figure: fn(&Self) -> f64| {
            let mut all = rounds.iter().map(figure).collect::<Vec<_>>();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        Self {
            rate: median(|figures| figures.rate),
            cpu: median(|figures| figures.cpu),
            p50: median(|figures| figures.p50),
            p99: median(|figures| figures.p99),
            p999: median(|figures| figures.p999),
            server: median(|figures| figures.server),
            generator: median(|figures| figures.generator),
            waited: median(|figures| figures.waited),
        }
    }

    /// Returns the table's heading.
    pub fn head() {
        println!(
            "  {:<22} {:>13} {:>9} {:>9} {:>9} {:>9}  {:>6} {:>9}",
            "", "deliveries/s", "CPU µs", "p50 µs", "p99 µs", "p99.9 µs", "server", "generator"
        );
    }

    /// Returns a row of the table.
    pub fn show(&self, name: &str) {
        println!(
            "  {name:<22} {:>13} {:>9.2} {:>9} {:>9} {:>9}  {:>5.0}% {:>8.0}%",
            grouped(self.rate),
            self.cpu,
            grouped(self.p50),
            grouped(self.p99),
            grouped(self.p999),
            self.server * 100.0,
            self.generator * 100.0
        );
        if self.waited > DISTURBED {
            println!("    others had its core, or the generator's, for {:.0}% of the time", self.waited * 100.0);
        }
    }
}

/// The goal of a figure.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
}

impl Goal {
    /// Prints whether the figure reaches the goal.
    pub fn judge(self, what: &str, figure: f64) {
        let (sign, bound, met) = match self {
            Self::AtMost(bound) => ('≤', bound, figure <= bound),
            Self::AtLeast(bound) => ('≥', bound, figure >= bound),
        };
        let word = if met { "met" } else { "missed" };
        let written = |number: f64| if bound >= 100.0 { grouped(number) } else { format!("{number:.2}") };
        println!("    {what}: {} (goal {sign} {}: {word})", written(figure), written(bound));
    }
}

/// Runs the fleet for this many seconds.
pub fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}
