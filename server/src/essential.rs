//! Tasks that the server cannot do without.

use std::{
    future::pending,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// A task that panics is restarted so many times in a row, so that a single event cannot take every room down with it.
const RESTARTS: u32 = 5;
/// A task that ran for so long before it panicked has its restarts anew.
const RAN_WELL: Duration = Duration::from_secs(60);

/// The tasks. They end when this is dropped.
#[derive(Default)]
pub(crate) struct Essential(JoinSet<&'static str>);

impl Essential {
    /// Runs a task. One that panics is begun again, a few times; one that returns has ended.
    pub(crate) fn keep<F>(&mut self, name: &'static str, begin: impl Fn() -> F + Send + 'static)
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
                tracing::error!(task = name, "essential task panicked, restarting");
            }
        });
    }

    /// Waits until one of them has ended, and returns its name.
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
    async fn a_task_that_returns_has_ended() {
        let mut essential = Essential::default();
        essential.keep("goes on", pending);
        essential.keep("returns", || async {});
        assert_eq!(essential.ended().await, "returns");
    }

    #[tokio::test]
    async fn a_panic_is_borne_a_few_times() {
        let mut essential = Essential::default();
        let (sender, mut begun) = mpsc::unbounded_channel();
        essential.keep("panics", move || {
            let sender = sender.clone();
            async move {
                sender.send(()).unwrap();
                panic!("as a test");
            }
        });
        assert_eq!(essential.ended().await, "panics");
        let mut count = 0;
        while begun.try_recv().is_ok() {
            count += 1;
        }
        assert_eq!(count, 1 + RESTARTS);
    }

    #[tokio::test]
    async fn tasks_end_with_their_owner() {
        let mut essential = Essential::default();
        let (sender, mut running) = mpsc::unbounded_channel::<()>();
        essential.keep("goes on", move || {
            let sender = sender.clone();
            async move {
                sender.closed().await;
            }
        });
        drop(essential);
        assert_eq!(running.recv().await, None);
    }
}
