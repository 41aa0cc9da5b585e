//! The dirty list: entries that wait for a delivery task.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// A queue that any task adds to, and that several tasks drain.
pub(crate) struct DirtyList<T> {
    list: Mutex<VecDeque<T>>,
    added: Notify,
}

impl<T> Default for DirtyList<T> {
    fn default() -> Self {
        Self { list: Mutex::default(), added: Notify::new() }
    }
}

impl<T> DirtyList<T> {
    pub(crate) fn add(&self, one: T) {
        let mut list = self.lock();
        let wakes = list.is_empty();
        list.push_back(one);
        drop(list);
        if wakes {
            self.added.notify_one();
        }
    }

    /// Waits until the list is not empty, and moves the oldest entries to `taken`: `most` of the number of all. Wakes
    /// another task if some are left.
    pub(crate) async fn take(&self, most: impl Fn(usize) -> usize, taken: &mut Vec<T>) {
        while !self.take_now(&most, taken) {
            self.added.notified().await;
        }
    }

    fn take_now(&self, most: impl Fn(usize) -> usize, taken: &mut Vec<T>) -> bool {
        let mut list = self.lock();
        let all = list.len();
        taken.extend(list.drain(..most(all).min(all)));
        let more = !list.is_empty();
        drop(list);
        if more {
            self.added.notify_one();
        }
        all > 0
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn several_tasks_share_the_list() {
        let dirty = Arc::<DirtyList<u8>>::default();
        let workers = [0, 1].map(|_| {
            let dirty = Arc::clone(&dirty);
            tokio::spawn(async move {
                let mut taken = Vec::new();
                dirty.take(|_| 1, &mut taken).await;
                taken
            })
        });
        tokio::task::yield_now().await;
        dirty.add(1);
        dirty.add(2);
        let [first, second] = workers;
        let mut all = [first.await.unwrap(), second.await.unwrap()].concat();
        all.sort_unstable();
        assert_eq!(all, [1, 2]);
        assert!(!dirty.take_now(|_| 1, &mut all));
        (3..9).for_each(|one| dirty.add(one));
        assert!(dirty.take_now(|all| all / 2, &mut all));
        assert_eq!(all, [1, 2, 3, 4, 5], "oldest first");
    }
}
