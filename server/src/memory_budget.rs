//! The memory budget: a limit on the bytes that all connections hold together.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Shares grow in steps of this size, so that connections do not contend for the counter on every frame.
const SLAB: usize = 4 * 1024;

/// A memory budget that is divided into shares.
#[derive(Debug)]
pub struct MemoryBudget {
    limit: usize,
    used: AtomicUsize,
    shares: AtomicUsize,
}

impl MemoryBudget {
    /// Creates a budget of `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0), shares: AtomicUsize::new(0) })
    }

    /// Returns the bytes in use.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Creates an empty share.
    pub(crate) fn share(budget: &Arc<Self>) -> BudgetShare {
        budget.shares.fetch_add(1, Ordering::Relaxed);
        BudgetShare { budget: Arc::clone(budget), held: 0 }
    }

    /// Takes `more` bytes for a share that holds `held`, and returns whether that succeeded. The first half of the
    /// budget goes to any share that asks. The second half is divided equally, so that large shares leave room for
    /// small ones.
    fn take(&self, more: usize, held: usize) -> bool {
        let used = self.used.fetch_add(more, Ordering::Relaxed).saturating_add(more);
        let equal_part = self.limit / 2 / self.shares.load(Ordering::Relaxed).max(1);
        let fits = used <= self.limit && (used <= self.limit / 2 || held + more <= equal_part.max(SLAB));
        if !fits {
            self.used.fetch_sub(more, Ordering::Relaxed);
        }
        fits
    }
}

/// One connection's share of the budget. Dropping it returns its bytes.
#[derive(Debug)]
pub(crate) struct BudgetShare {
    budget: Arc<MemoryBudget>,
    held: usize,
}

impl BudgetShare {
    /// Grows the share to at least `bytes`. Returns false if the budget does not allow that.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        if bytes <= self.held {
            return true;
        }
        let more = bytes.next_multiple_of(SLAB) - self.held;
        let fits = self.budget.take(more, self.held);
        if fits {
            self.held += more;
        }
        fits
    }

    /// Returns the bytes beyond `bytes` to the budget.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        let less = self.held.saturating_sub(bytes.next_multiple_of(SLAB));
        if less > 0 {
            self.held -= less;
            self.budget.used.fetch_sub(less, Ordering::Relaxed);
        }
    }
}

impl Drop for BudgetShare {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.held, Ordering::Relaxed);
        self.budget.shares.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_half_is_divided_equally() {
        let budget = MemoryBudget::new(64 * SLAB);
        let mut shares = (0..8).map(|_| MemoryBudget::share(&budget)).collect::<Vec<_>>();
        let (greedy, modest) = shares.split_first_mut().unwrap();
        assert!(greedy.grow(32 * SLAB));
        assert!(!greedy.grow(33 * SLAB), "the first half is full, and this is more than an eighth of the other");
        assert!(modest.iter_mut().all(|share| share.grow(4 * SLAB)));
        assert!(!modest[0].grow(5 * SLAB));
        greedy.shrink(0);
        assert!(modest[0].grow(8 * SLAB - 1), "less than half is in use again");
        assert_eq!(budget.used(), (6 * 4 + 8) * SLAB);
        shares.clear();
        assert_eq!(budget.used(), 0);
    }
}
