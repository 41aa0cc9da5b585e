//! A program under load: a process on its own core, and its resource use.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use rustix::{
    param::clock_ticks_per_second,
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};

/// Maximum time until a program logs its listening address.
const START_WITHIN: Duration = Duration::from_secs(20);

/// A running program; killed when dropped.
pub struct Process {
    child: Child,
    /// Its listening address.
    pub address: SocketAddr,
    /// The last line that it logged.
    pub logged: Arc<Mutex<String>>,
}

/// The resource use of a process so far.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Seconds of processor time, in user and kernel mode.
    pub cpu: f64,
    /// Seconds that it was ready to run, but waited for its core.
    pub waited: f64,
}

impl Process {
    /// Starts a program that logs its listening address to standard error.
    pub fn start(program: &Path, arguments: &[String]) -> Self {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("CLOAKROOM_STATE", "none")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        // A child inherits the core of the thread that starts it.
        let mut child = on_core(Core::Server, || command.spawn()).unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (tell, told) = mpsc::channel();
        let logged = Arc::<Mutex<String>>::default();
        let last = Arc::clone(&logged);
        thread::spawn(move || {
            // Reads to the end, because a full pipe would block the program.
            for line in lines.map_while(Result::ok) {
                if let Some(address) = address_in(&line) {
                    let _ = tell.send(address);
                } else if [" WARN ", " ERROR ", "panicked"].iter().any(|bad| line.contains(bad)) {
                    eprintln!("{line}");
                }
                *last.lock().unwrap() = line;
            }
        });
        let address = told.recv_timeout(START_WITHIN);
        Self { child, address: address.expect("the program logs its address"), logged }
    }

    /// Returns its resource use.
    #[must_use]
    pub fn usage(&self) -> Usage {
        usage(self.child.id())
    }

    /// Returns its resident memory in bytes.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the resource use of this process.
#[must_use]
pub fn own_usage() -> Usage {
    usage(std::process::id())
}

fn usage(pid: u32) -> Usage {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name before the last bracket may contain anything. Of the fields after it, utime and stime are 12th and 13th.
    let fields = stat.rsplit_once(") ").unwrap().1.split(' ').collect::<Vec<_>>();
    let ticks = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Usage { cpu: ticks as f64 / clock_ticks_per_second() as f64, waited: waited(pid) }
}

/// Sums the second number of each thread's schedstat: nanoseconds that it was ready but did not run.
fn waited(pid: u32) -> f64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let nanos = threads.filter_map(|thread| {
        let numbers = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        numbers.split(' ').nth(1)?.parse::<u64>().ok()
    });
    nanos.sum::<u64>() as f64 / 1e9
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let rest = line.split("listening on ").nth(1)?;
    rest.split([' ', ',']).next()?.trim_end_matches(':').parse().ok()
}

/// The cores of a benchmark.
#[derive(Clone, Copy)]
pub enum Core {
    /// The programs under load, one at a time.
    Server,
    /// The load generator.
    Generator,
}

/// Moves this thread to a core. On a machine with one core both share it, which is printed.
pub fn pin(core: Core) {
    let cores = allowed();
    if cores.len() < 2 {
        eprintln!("there is one core only: what loads the server takes time from it");
    }
    move_to(cores[if matches!(core, Core::Server) { 0 } else { 1.min(cores.len() - 1) }]);
}

fn on_core<T>(core: Core, work: impl FnOnce() -> T) -> T {
    let before = sched_getaffinity(None).unwrap();
    pin(core);
    let done = work();
    sched_setaffinity(None, &before).unwrap();
    done
}

/// Returns the cores that this process was started with.
fn allowed() -> Vec<usize> {
    static ALLOWED: std::sync::OnceLock<Vec<usize>> = std::sync::OnceLock::new();
    ALLOWED
        .get_or_init(|| {
            let set = sched_getaffinity(None).unwrap();
            (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect()
        })
        .clone()
}

fn move_to(core: usize) {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).unwrap();
}
