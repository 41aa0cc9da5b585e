//! Background tasks without which the server cannot run.

use std::{
    future::pending,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// How often in a row a panicking task is restarted, so that a single event cannot end every room.
const RESTARTS: u32 = 5;
/// A task that ran this long before it panicked gets all its restarts back.
const RAN_WELL: Duration = Duration::from_secs(60);

/// The tasks. Dropping this aborts them.
#[derive(Default)]
pub(crate) struct BackgroundTasks(JoinSet<&'static str>);

impl BackgroundTasks {
    /// Runs a task and restarts it when it panics, up to [`RESTARTS`] times in a row. A task that returns has ended.
    pub(crate) fn run<F>(&mut self, name: &'static str, begin: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.0.spawn(async move {
            let mut restarts = 0;
            loop {
                let began = Instant::now();
                let ended = AbortOnDropHandle::new(tokio::spawn(begin())).await;
                if began.elapsed() >= RAN_WELL {
                    restarts = 0;
                }
                if !ended.is_err_and(|error| error.is_panic()) || restarts == RESTARTS {
                    return name;
                }
                restarts += 1;
                tracing::error!(task = name, "background task panicked; restarting");
            }
        });
    }

    /// Waits until a task has ended, and returns its name.
    pub(crate) async fn ended(&mut self) -> &'static str {
        match self.0.join_next().await {
            Some(ended) => ended.unwrap_or("unknown"),
            None => pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn returning_task_has_ended() {
        let mut tasks = BackgroundTasks::default();
        tasks.run("never ends", pending);
        tasks.run("returns", || async {});
        assert_eq!(tasks.ended().await, "returns");
    }

    #[tokio::test]
    async fn panicking_task_is_restarted_a_few_times() {
        let mut tasks = BackgroundTasks::default();
        let (sender, mut begun) = mpsc::unbounded_channel();
        tasks.run("panics", move || {
            let sender = sender.clone();
            async move {
                sender.send(()).unwrap();
                panic!("as a test");
            }
        });
        assert_eq!(tasks.ended().await, "panics");
        let mut count = 0;
        while begun.try_recv().is_ok() {
            count += 1;
        }
        assert_eq!(count, 1 + RESTARTS);
    }

    #[tokio::test]
    async fn dropping_the_owner_aborts_its_tasks() {
        let mut tasks = BackgroundTasks::default();
        let (sender, mut running) = mpsc::unbounded_channel::<()>();
        tasks.run("never ends", move || {
            let sender = sender.clone();
            async move {
                sender.closed().await;
            }
        });
        drop(tasks);
        assert_eq!(running.recv().await, None);
    }
}
