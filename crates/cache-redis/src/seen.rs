//! What is remembered of the values that passed by: whether they were large, and when they expire.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
};

use gatewayz_cache_core::UnixMillis;
use parking_lot::Mutex;

/// From this size on a value takes the connection for large ones.
pub(crate) const LARGE: usize = 256 << 10;

/// More names than this are not remembered: some 2 MiB.
const MOST: usize = 1 << 16;
/// Clocks of two machines, give or take.
const SLACK_MS: u64 = 1_000;

/// A memory that may forget.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// By the digest of the name: a mistaken one costs a hint.
    values: Mutex<HashMap<u64, Value>>,
    hasher: RandomState,
}

#[derive(Clone, Copy, Debug)]
struct Value {
    expires: UnixMillis,
    is_large: bool,
}

impl Seen {
    /// Remembers a value.
    pub(crate) fn note(&self, name: &str, size: usize, expires: UnixMillis, now: UnixMillis) {
        let value = Value {
            expires,
            is_large: size > LARGE,
        };
        let mut values = self.values.lock();
        values.insert(self.hasher.hash_one(name), value);
        if values.len() > MOST {
            values.retain(|_, value| value.expires > now);
            if values.len() > MOST / 2 {
                values.clear();
            }
        }
    }

    /// Whether the value was large the last time.
    pub(crate) fn is_large(&self, name: &str) -> bool {
        self.value(name).is_some_and(|value| value.is_large)
    }

    /// Whether the value, if it is gone, was removed before its time.
    pub(crate) fn is_early(&self, name: &str, now: UnixMillis) -> bool {
        self.value(name)
            .is_some_and(|value| now.0.saturating_add(SLACK_MS) < value.expires.0)
    }

    fn value(&self, name: &str) -> Option<Value> {
        self.values.lock().get(&self.hasher.hash_one(name)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_and_expiry_are_remembered() {
        let seen = Seen::default();
        assert!(!seen.is_large("a") && !seen.is_early("a", UnixMillis(0)));
        seen.note("a", LARGE + 1, UnixMillis(10_000), UnixMillis(0));
        assert!(seen.is_large("a") && !seen.is_large("b"));
        assert!(seen.is_early("a", UnixMillis(8_000)));
        assert!(!seen.is_early("a", UnixMillis(9_500)), "it may just have expired");
        seen.note("a", 1, UnixMillis(10_000), UnixMillis(0));
        assert!(!seen.is_large("a"));
    }

    #[test]
    fn the_memory_has_a_bound() {
        let seen = Seen::default();
        for i in 0..3 * MOST {
            seen.note(&i.to_string(), 1, UnixMillis(1), UnixMillis(2));
        }
        assert!(seen.values.lock().len() <= MOST);
    }
}
