//! The program's log. A thread writes lines from a bounded queue to standard error. When standard error is full, closed
//! or not read, the log loses lines but blocks nothing.

use std::{
    collections::VecDeque,
    io::{self, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

/// Maximum bytes of queued lines. Further lines are dropped and counted.
const QUEUE_BYTES: usize = 256 * 1024;
/// How long the program waits at exit for unwritten lines.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);

/// A handle to the log. Clones share one queue.
#[derive(Clone)]
pub struct StderrLog(Arc<Queue>);

#[derive(Default)]
struct Queue {
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Default)]
struct Lines {
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    dropped: u64,
    /// True while the thread writes lines that it took from the queue.
    writing: bool,
}

impl StderrLog {
    /// Starts the thread that writes to standard error. If it cannot be started, there is no log.
    #[must_use]
    pub fn start() -> Self {
        Self::to(io::stderr())
    }

    fn to(log: impl Write + Send + 'static) -> Self {
        let queue = Arc::new(Queue::default());
        let to_write = Arc::clone(&queue);
        let _ = thread::Builder::new().name("log".into()).spawn(move || to_write.write_to(log));
        Self(queue)
    }

    /// Waits until every line is written, but no longer than a second.
    pub fn flush(&self) {
        let is_busy = |lines: &mut Lines| lines.writing || !lines.waiting.is_empty() || lines.dropped > 0;
        let lines = self.0.lock();
        let _ = self.0.changed.wait_timeout_while(lines, FLUSH_WITHIN, is_busy);
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &[u8]) {
        let mut lines = self.lock();
        if lines.bytes.saturating_add(line.len()) > QUEUE_BYTES {
            lines.dropped = lines.dropped.saturating_add(1);
        } else {
            lines.bytes += line.len();
            lines.waiting.push_back(line.to_vec());
        }
        drop(lines);
        self.changed.notify_all();
    }

    /// Writes lines forever. Ignores write errors, because there is nowhere to report them.
    fn write_to(&self, mut log: impl Write) {
        loop {
            let lines = self.lock();
            let is_idle = |lines: &mut Lines| lines.waiting.is_empty() && lines.dropped == 0;
            let mut lines = self.changed.wait_while(lines, is_idle).unwrap_or_else(PoisonError::into_inner);
            let waiting = mem::take(&mut lines.waiting);
            let dropped = mem::take(&mut lines.dropped);
            lines.bytes = 0;
            lines.writing = true;
            drop(lines);
            for line in waiting {
                let _ = log.write_all(&line);
            }
            if dropped > 0 {
                let _ = log.write_all(format!("log lines dropped count={dropped}\n").as_bytes());
            }
            let _ = log.flush();
            self.lock().writing = false;
            self.changed.notify_all();
        }
    }
}

impl Write for StderrLog {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for StderrLog {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A log whose writes succeed, block or fail as the test decides.
    struct Pipe {
        turns: Receiver<io::Result<()>>,
        written: Sender<Vec<u8>>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.turns.recv().unwrap_or(Ok(()))?;
            let _ = self.written.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn piped() -> (StderrLog, Sender<io::Result<()>>, Receiver<Vec<u8>>) {
        let ((turn, turns), (written, lines)) = (channel(), channel());
        (StderrLog::to(Pipe { turns, written }), turn, lines)
    }

    #[test]
    fn lines_are_written_in_order() {
        let (mut log, turn, lines) = piped();
        drop(turn);
        for line in ["one\n", "two\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        log.flush();
        assert_eq!(lines.try_iter().collect::<Vec<_>>(), [b"one\n", b"two\n"]);
    }

    #[test]
    fn failing_writes_lose_only_their_lines() {
        let (mut log, turn, lines) = piped();
        turn.send(Err(io::ErrorKind::BrokenPipe.into())).unwrap();
        turn.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        drop(turn);
        for line in ["one\n", "two\n", "three\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        log.flush();
        assert_eq!(lines.try_iter().collect::<Vec<_>>(), [b"three\n"]);
    }

    #[test]
    fn blocked_writes_block_no_caller_and_drop_lines() {
        let (mut log, turn, lines) = piped();
        let line = [b'x'; 1024];
        for _ in 0..1000 {
            log.write_all(&line).unwrap();
        }
        assert!(log.0.lock().bytes <= QUEUE_BYTES);
        log.flush();
        drop(turn);
        assert!(lines.iter().any(|line| line.starts_with(b"log lines dropped count=")));
    }
}
