//! A node's local side that only remembers what it was told.

use gatewayz_cache_core::{Invalidation, InvalidationSink};
use parking_lot::Mutex;

/// An [`InvalidationSink`] that remembers what it was told.
#[derive(Debug, Default)]
pub struct RecordingSink {
    applied: Mutex<Vec<Invalidation>>,
    clears: Mutex<u64>,
}

impl RecordingSink {
    /// Creates one that has heard nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What was applied, in order.
    #[must_use]
    pub fn applied(&self) -> Vec<Invalidation> {
        self.applied.lock().clone()
    }

    /// Whether something that was applied, or a clear, names this.
    #[must_use]
    pub fn has_forgotten(&self, name: &str) -> bool {
        *self.clears.lock() > 0 || self.applied.lock().iter().any(|invalidation| invalidation.covers(name))
    }

    /// How often everything was to be cleared.
    #[must_use]
    pub fn clears(&self) -> u64 {
        *self.clears.lock()
    }

    /// Forgets what it was told.
    pub fn reset(&self) {
        self.applied.lock().clear();
        *self.clears.lock() = 0;
    }
}

impl InvalidationSink for RecordingSink {
    fn apply(&self, invalidation: &Invalidation) {
        self.applied.lock().push(invalidation.clone());
    }

    fn clear_coherent(&self) {
        *self.clears.lock() += 1;
    }

    fn holds(&self, name: &str) -> bool {
        name.starts_with("contract:")
    }

    fn prefixes(&self) -> Vec<String> {
        vec!["contract".to_owned()]
    }
}
