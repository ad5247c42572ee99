//! The answer of a cache.

use std::{sync::Arc, time::Duration};

use crate::clock::Tick;

/// How a lookup was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
// A whole word, though a byte would do: the seven bytes of padding that a `Lookup` then had were moved along with it in
// overlapping pieces, which a processor cannot forward from its stores; a hit took half as long again.
#[repr(u64)]
pub enum CacheStatus {
    /// From memory, fresh.
    LocalHit,
    /// From the shared tier.
    SharedHit,
    /// From memory, past its ttl and inside its stale window.
    StaleHit,
    /// From the source, asked by this caller.
    Fill,
    /// From the fill that another caller had started.
    Coalesced,
    /// From memory without proof that it is coherent, or from the source past a shared tier that does not answer.
    Degraded,
}

impl CacheStatus {
    /// The word for a header, a label or a log line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LocalHit => "local_hit",
            Self::SharedHit => "shared_hit",
            Self::StaleHit => "stale_hit",
            Self::Fill => "fill",
            Self::Coalesced => "coalesced",
            Self::Degraded => "degraded",
        }
    }
}

/// The answer to a lookup: a value, or the proof that there is none.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lookup<V> {
    /// The value; `None` where the source has none.
    pub value: Option<Arc<V>>,
    /// How it was answered.
    pub status: CacheStatus,
    born: Tick,
    now: Tick,
}

impl<V> Lookup<V> {
    #[inline]
    pub(crate) const fn new(value: Option<Arc<V>>, status: CacheStatus, born: Tick, now: Tick) -> Self {
        Self {
            value,
            status,
            born,
            now,
        }
    }

    pub(crate) const fn born(&self) -> Tick {
        self.born
    }

    /// The same answer, made of another one: no younger than that, and no better proved.
    #[must_use]
    pub fn made_of<U>(mut self, source: &Lookup<U>) -> Self {
        if source.born < self.born {
            self.born = source.born;
        }
        if matches!(source.status, CacheStatus::StaleHit | CacheStatus::Degraded) {
            self.status = source.status;
        }
        self
    }

    /// The time since the source gave the answer.
    #[must_use]
    pub const fn age(&self) -> Duration {
        self.now.since(self.born)
    }
}

impl<V> Clone for Lookup<V> {
    fn clone(&self) -> Self {
        Self {
            value: self.value.clone(),
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::{CacheStatus, Lookup};
    use crate::clock::Tick;

    #[test]
    fn an_answer_is_as_old_and_as_doubtful_as_what_it_is_made_of() {
        let at = |seconds| Tick::PAST.after(Duration::from_secs(seconds));
        let lookup = |born, status| Lookup::new(Some(Arc::new(())), status, at(born), at(10));
        let page = lookup(8, CacheStatus::LocalHit);
        let made = page.clone().made_of(&lookup(3, CacheStatus::StaleHit));
        assert_eq!(
            (made.age(), made.status),
            (Duration::from_secs(7), CacheStatus::StaleHit)
        );
        let made = page.made_of(&lookup(9, CacheStatus::Fill));
        assert_eq!(
            (made.age(), made.status),
            (Duration::from_secs(2), CacheStatus::LocalHit)
        );
    }
}
