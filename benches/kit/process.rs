//! A program under load: a process that has a core to itself, and what it uses.

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

/// How long a program may take to say where it listens.
const START_WITHIN: Duration = Duration::from_secs(20);

/// A running program; killed when dropped.
pub struct Process {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// The last line that it logged.
    pub logged: Arc<Mutex<String>>,
}

/// What a process has used up to now.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Seconds of processor time, its own and the system's for it.
    pub cpu: f64,
    /// Seconds that it could have gone on, had its core not been someone else's.
    pub waited: f64,
}

impl Process {
    /// Starts a program that says where it listens, on its standard error.
    pub fn start(program: &Path, arguments: &[String]) -> Self {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("CLOAKROOM_STATE", "none")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        // A child stays on the core of the thread that starts it.
        let mut child = on_core(Core::Server, || command.spawn()).unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (tell, told) = mpsc::channel();
        let logged = Arc::<Mutex<String>>::default();
        let last = Arc::clone(&logged);
        thread::spawn(move || {
            // Read to the end, or the program would stop at a full pipe.
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
        Self { child, address: address.expect("the program says where it listens"), logged }
    }

    /// What it has used.
    #[must_use]
    pub fn usage(&self) -> Usage {
        usage(self.child.id())
    }

    /// Bytes of memory that it has in use.
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

/// What this process has used.
#[must_use]
pub fn own_usage() -> Usage {
    usage(std::process::id())
}

fn usage(pid: u32) -> Usage {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name before the last bracket may hold anything; then come state, …, utime and stime as 12th and 13th.
    let fields = stat.rsplit_once(") ").unwrap().1.split(' ').collect::<Vec<_>>();
    let ticks = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Usage { cpu: ticks as f64 / clock_ticks_per_second() as f64, waited: waited(pid) }
}

/// Of each thread the second of three numbers: nanoseconds that it was ready to run and did not.
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

/// Which core.
#[derive(Clone, Copy)]
pub enum Core {
    /// The programs under load, one at a time.
    Server,
    /// What loads them.
    Generator,
}

/// Moves this thread to a core. Without a second one both share the only one there is, which is said.
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

/// The cores that this process was given, before any was chosen.
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
