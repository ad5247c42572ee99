//! Spares callers a server that does not answer.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Opens after some failures in a row. Who is refused asks the source at once instead of waiting for a time-out.
///
/// Only the supervisor closes it, with a probe: a caller that got through by luck says little.
#[derive(Debug)]
pub(crate) struct Breaker {
    threshold: u32,
    failures: AtomicU32,
    open: AtomicBool,
}

impl Breaker {
    /// Starts open: nothing is known of the server yet.
    pub(crate) const fn open(threshold: u32) -> Self {
        Self {
            threshold,
            failures: AtomicU32::new(0),
            open: AtomicBool::new(true),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    pub(crate) fn succeeded(&self) {
        // Most calls succeed: look before writing, so that the line stays shared.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// Counts a failure.
    pub(crate) fn failed(&self) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if failures >= self.threshold {
            self.open.store(true, Ordering::Release);
        }
    }

    /// Opens it at once.
    pub(crate) fn trip(&self) {
        self.open.store(true, Ordering::Release);
    }

    pub(crate) fn close(&self) {
        self.failures.store(0, Ordering::Relaxed);
        self.open.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row() {
        let breaker = Breaker::open(2);
        assert!(breaker.is_open());
        breaker.close();
        breaker.failed();
        breaker.succeeded();
        breaker.failed();
        assert!(!breaker.is_open());
        breaker.failed();
        assert!(breaker.is_open());
        breaker.succeeded();
        assert!(breaker.is_open(), "only the supervisor closes it");
    }
}
