//! A bound over what many hold, so that they cannot together take more memory than there is.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// What is taken at once: to count every frame would have all members wait for one counter.
const SLAB: usize = 4 * 1024;

/// Bytes that all may hold together.
#[derive(Debug)]
pub struct Total {
    bound: usize,
    used: AtomicUsize,
    shares: AtomicUsize,
}

impl Total {
    /// Of so many bytes.
    #[must_use]
    pub fn new(bound: usize) -> Arc<Self> {
        Arc::new(Self { bound, used: AtomicUsize::new(0), shares: AtomicUsize::new(0) })
    }

    /// How many bytes are taken.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// One more that may take something.
    pub(crate) fn share(total: &Arc<Self>) -> Share {
        total.shares.fetch_add(1, Ordering::Relaxed);
        Share { total: Arc::clone(total), held: 0 }
    }

    /// One half is for whoever comes first. The other is parted evenly, so that those who take much leave something
    /// to those who take little.
    fn take(&self, more: usize, held: usize) -> bool {
        let used = self.used.fetch_add(more, Ordering::Relaxed).saturating_add(more);
        let even = self.bound / 2 / self.shares.load(Ordering::Relaxed).max(1);
        let may = used <= self.bound && (used <= self.bound / 2 || held + more <= even.max(SLAB));
        if !may {
            self.used.fetch_sub(more, Ordering::Relaxed);
        }
        may
    }
}

/// What one of them holds; given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    total: Arc<Total>,
    held: usize,
}

impl Share {
    /// Sees that so many bytes are held; whether that may be.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        if bytes <= self.held {
            return true;
        }
        let more = bytes.next_multiple_of(SLAB) - self.held;
        let may = self.total.take(more, self.held);
        if may {
            self.held += more;
        }
        may
    }

    /// Gives back what goes beyond so many bytes.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        let less = self.held.saturating_sub(bytes.next_multiple_of(SLAB));
        if less > 0 {
            self.held -= less;
            self.total.used.fetch_sub(less, Ordering::Relaxed);
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.total.used.fetch_sub(self.held, Ordering::Relaxed);
        self.total.shares.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_half_for_the_first_the_other_for_all() {
        let total = Total::new(64 * SLAB);
        let mut shares = (0..8).map(|_| Total::share(&total)).collect::<Vec<_>>();
        let (greedy, modest) = shares.split_first_mut().unwrap();
        assert!(greedy.grow(32 * SLAB));
        assert!(!greedy.grow(33 * SLAB), "the first half is full, and this is more than an eighth of the other");
        assert!(modest.iter_mut().all(|share| share.grow(4 * SLAB)));
        assert!(!modest[0].grow(5 * SLAB));
        greedy.shrink(0);
        assert!(modest[0].grow(8 * SLAB - 1), "now it is the first that comes");
        assert_eq!(total.used(), (6 * 4 + 8) * SLAB);
        shares.clear();
        assert_eq!(total.used(), 0);
    }
}
