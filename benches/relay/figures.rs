//! What is measured of a relay, and how it is told.

use std::time::{Duration, Instant};

use kit::{Fleet, Process, grouped, process::own_usage};

/// What a load showed of a relay.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Messages that arrived at someone, in a second.
    pub rate: f64,
    /// Microseconds of the server's processor time for each.
    pub cpu: f64,
    /// Microseconds that they were on their way: half of them, all but 1 %, all but 0.1 %.
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    /// Which share of the time server and generator were at work. Who was not at work waited for the other.
    pub server: f64,
    pub generator: f64,
    /// Which share of the time one of them had to wait for its core, which others used.
    pub waited: f64,
}

/// Above this share, others on this machine decide what is measured.
const DISTURBED: f64 = 0.05;

impl Figures {
    /// Measures while this goes on.
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

    /// Of each figure the median: one round that something else disturbed does not count.
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

    /// The line above others like this one.
    pub fn head() {
        println!(
            "  {:<22} {:>13} {:>9} {:>9} {:>9} {:>9}  {:>6} {:>9}",
            "", "deliveries/s", "CPU µs", "p50 µs", "p99 µs", "p99.9 µs", "server", "generator"
        );
    }

    /// As a line of a table.
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

/// What a figure ought to be.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

impl Goal {
    /// Says whether this figure is what it ought to be.
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

/// Goes on for so many seconds.
pub fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}
