//! Spares callers a server that does not answer.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use gatewayz_cache_core::{Clock, KernelClock, Tick};

/// Opens after some failures in a row. Who is refused asks the source at once instead of waiting for a time-out.
///
/// Only the supervisor closes it, with a probe: a caller that got through by luck says little.
#[derive(Debug)]
pub(crate) struct Breaker {
    threshold: u32,
    failures: AtomicU32,
    open: AtomicBool,
    /// When it opened last, in nanoseconds of the kernel's clock.
    opened: AtomicU64,
}

impl Breaker {
    /// Starts open: nothing is known of the server yet.
    pub(crate) fn open(threshold: u32) -> Self {
        Self {
            threshold,
            failures: AtomicU32::new(0),
            open: AtomicBool::new(true),
            opened: AtomicU64::new(KernelClock.now().as_nanos()),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// How long it has been open, if it is: a short while may end before the caller has to give up.
    pub(crate) fn open_for(&self) -> Duration {
        KernelClock
            .now()
            .since(Tick::from_nanos(self.opened.load(Ordering::Acquire)))
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
            self.trip();
        }
    }

    /// Opens it at once.
    pub(crate) fn trip(&self) {
        if !self.open.swap(true, Ordering::AcqRel) {
            self.opened.store(KernelClock.now().as_nanos(), Ordering::Release);
        }
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
