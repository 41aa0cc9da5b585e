//! Who has something to do that nobody does yet.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// A list that anyone adds to, and that several tasks work off.
pub(crate) struct Dirty<T> {
    list: Mutex<VecDeque<T>>,
    added: Notify,
}

impl<T> Default for Dirty<T> {
    fn default() -> Self {
        Self { list: Mutex::default(), added: Notify::new() }
    }
}

impl<T> Dirty<T> {
    pub(crate) fn add(&self, one: T) {
        let mut list = self.lock();
        let wakes = list.is_empty();
        list.push_back(one);
        drop(list);
        if wakes {
            self.added.notify_one();
        }
    }

    /// Waits until there is something.
    pub(crate) async fn some(&self) {
        while self.lock().is_empty() {
            self.added.notified().await;
        }
    }

    /// Takes up to so many of all; another task is woken for the others.
    pub(crate) fn take(&self, most: impl FnOnce(usize) -> usize, taken: &mut Vec<T>) {
        let mut list = self.lock();
        let count = most(list.len()).min(list.len());
        taken.extend(list.drain(..count));
        let more = !list.is_empty();
        drop(list);
        if more {
            self.added.notify_one();
        }
    }

    /// Lets go of all.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
