//! What the local tier holds: a value, or the proof that there is none, with its ages.

use std::{sync::Arc, time::Duration};

use crate::{
    clock::{Tick, UnixMillis},
    keyspace::Policy,
    tier::Stored,
};

/// How long one value lives. Taken from the policy, unless the loader said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// How long it is fresh.
    pub ttl: Duration,
    /// How long it may be served after that while a refresh runs.
    pub stale: Duration,
}

/// Where an entry comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// How long ago the source gave the value.
    pub age: Duration,
    /// How long it lives, counted from then.
    pub lifetime: Lifetime,
    /// What the value weighs, in bytes.
    pub weight: u32,
}

/// One value of the local tier. Cloning is one reference count.
///
/// Ages count from when the source answered, in every tier: an entry promoted from the shared tier is as old as it
/// was there.
pub struct Entry<V> {
    value: Option<Arc<V>>,
    born: Tick,
    /// Until here a hit needs no further thought: fresh, and no refresh is due.
    quiet_until: Tick,
    fresh_until: Tick,
    expires: Tick,
    weight: u32,
}

impl<V> Entry<V> {
    /// Creates an entry at `now`.
    ///
    /// `chance` is the draw of the jitter, which shortens freshness but never moves the end of the entry.
    #[must_use]
    pub fn new(value: Option<Arc<V>>, origin: Origin, policy: &Policy, now: Tick, chance: u32) -> Self {
        let Origin { age, lifetime, weight } = origin;
        let ttl = policy.jitter.shorten(lifetime.ttl, chance);
        let left = |whole: Duration| now.after(whole.saturating_sub(age));
        let quiet = if policy.refresh_ahead { ttl - ttl / 5 } else { ttl };
        Self {
            value,
            born: now.before(age),
            quiet_until: left(quiet),
            fresh_until: left(ttl),
            expires: left(lifetime.ttl.saturating_add(lifetime.stale)),
            weight,
        }
    }

    /// What the value weighs, in bytes.
    #[must_use]
    pub const fn weight(&self) -> u32 {
        self.weight
    }

    /// The value; `None` where the source has none.
    #[must_use]
    pub const fn value(&self) -> Option<&Arc<V>> {
        self.value.as_ref()
    }

    /// The value; `None` where the source has none.
    #[must_use]
    pub fn into_value(self) -> Option<Arc<V>> {
        self.value
    }

    /// When the source gave the value.
    #[inline]
    #[must_use]
    pub const fn born(&self) -> Tick {
        self.born
    }

    /// The time since the source gave the value.
    #[must_use]
    pub const fn age(&self, now: Tick) -> Duration {
        now.since(self.born)
    }

    /// Whether the value is fresh and no refresh is due.
    #[inline]
    #[must_use]
    pub fn is_quiet(&self, now: Tick) -> bool {
        now < self.quiet_until
    }

    /// The value's state at `now`.
    #[must_use]
    pub fn freshness(&self, now: Tick) -> Freshness {
        if now >= self.expires {
            Freshness::Expired
        } else if now >= self.fresh_until {
            Freshness::Stale
        } else if now >= self.quiet_until {
            Freshness::Aging
        } else {
            Freshness::Fresh
        }
    }
}

/// The state of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Younger than four fifths of its ttl, or its keyspace refreshes no sooner than at the end.
    Fresh,
    /// Fresh, in the last fifth of its ttl: a refresh is due.
    Aging,
    /// Past its ttl, inside the stale window: a refresh is due.
    Stale,
    /// Past both: never served.
    Expired,
}

impl<V> Clone for Entry<V> {
    #[inline]
    fn clone(&self) -> Self {
        Self {
            value: self.value.clone(),
            born: self.born,
            quiet_until: self.quiet_until,
            fresh_until: self.fresh_until,
            expires: self.expires,
            weight: self.weight,
        }
    }
}

impl<V> std::fmt::Debug for Entry<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The value stays out: it may be a secret.
        f.debug_struct("Entry")
            .field("found", &self.value.is_some())
            .field("born", &self.born)
            .field("fresh_until", &self.fresh_until)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// The age of a stored value by this machine's wall clock.
///
/// A source time in the future, from a machine whose clock runs ahead, counts as now.
#[must_use]
pub fn stored_age(stored: &Stored, wall: UnixMillis) -> Duration {
    wall.since(stored.source_time)
}

#[cfg(test)]
mod tests;
