//! Keyspaces: the name, schema version and policy of one family of keys.

use std::time::Duration;

use thiserror::Error;

use crate::key::CacheKey;

/// One family of keys that share a name, a value schema and a policy. Declared as a `const`.
///
/// ```
/// use std::time::Duration;
/// use gatewayz_cache_core::{Keyspace, Policy};
///
/// const PROVIDER_MODELS: Keyspace = Keyspace::new(
///     "models:provider",
///     Policy::new(Duration::from_secs(1800)).with_stale(Duration::from_secs(3600)),
/// );
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Keyspace {
    /// The documented name, without a trailing colon: `models:provider`.
    pub name: &'static str,
    /// The version of the value's schema. A value of another version is a miss.
    pub schema: u32,
    /// How long its values live, and what is done when they are missing.
    pub policy: Policy,
    /// Whether its values are shown to nobody, administrators included: see [`Node::inspect`](crate::Node::inspect).
    pub secret: bool,
}

impl Keyspace {
    /// Creates a keyspace of schema version 1.
    #[must_use]
    pub const fn new(name: &'static str, policy: Policy) -> Self {
        Self {
            name,
            schema: 1,
            policy,
            secret: false,
        }
    }

    /// The same keyspace with values that are shown to nobody.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// The same keyspace with another schema version.
    #[must_use]
    pub const fn with_schema(mut self, schema: u32) -> Self {
        self.schema = schema;
        self
    }

    /// The name of a key in the shared tier.
    #[must_use]
    pub fn shared_name<K: CacheKey>(&self, key: &K) -> String {
        let mut name = String::with_capacity(self.name.len() + 1 + key.heap_size());
        name.push_str(self.name);
        if K::VARIABLE {
            name.push(':');
            key.encode(&mut name);
        }
        name
    }

    /// The key that a name in the shared tier stands for, if it is one of this keyspace.
    #[must_use]
    pub fn key<K: CacheKey>(&self, shared_name: &str) -> Option<K> {
        let rest = shared_name.strip_prefix(self.name)?;
        match (K::VARIABLE, rest.strip_prefix(':')) {
            (true, Some(part)) => K::decode(part),
            (false, None) => K::decode(rest),
            _ => None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), InvalidKeyspace> {
        let name = self.name;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'-' | b'.');
        if name.is_empty() || !name.bytes().all(plain) || name.starts_with(':') || name.ends_with(':') {
            return Err(InvalidKeyspace::Name { name });
        }
        if name == "lease" || name.starts_with("lease:") {
            return Err(InvalidKeyspace::ReservedName { name });
        }
        self.policy
            .check()
            .map_err(|reason| InvalidKeyspace::Policy { name, reason })
    }
}

/// Why a keyspace cannot be registered.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidKeyspace {
    /// The name is empty, or has other characters than letters, digits, `:`, `_`, `-` and `.`.
    #[error("keyspace name `{name}` is not made of letters, digits and inner `:`, `_`, `-`, `.`; rename the keyspace")]
    Name {
        /// The name as declared.
        name: &'static str,
    },
    /// The name is one that the protocol uses itself.
    #[error("keyspace name `{name}` is reserved for fill leases; rename the keyspace")]
    ReservedName {
        /// The name as declared.
        name: &'static str,
    },
    /// Another keyspace has the same keys, or some of them.
    #[error("keyspace `{name}` claims keys of `{other}`; give them one keyspace with an enum key, or another name")]
    Overlap {
        /// The name as declared.
        name: &'static str,
        /// The keyspace that is registered already.
        other: &'static str,
    },
    /// The policy contradicts itself.
    #[error("keyspace `{name}`: {reason}")]
    Policy {
        /// The name as declared.
        name: &'static str,
        /// What to change.
        reason: &'static str,
    },
}

/// Which tier is asked first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LocalMode {
    /// Coherent memory first, then the shared tier.
    #[default]
    Front,
    /// The shared tier first; memory when it is slow or gone.
    Fallback,
    /// The shared tier only.
    Off,
}

/// The greatest part of a lifetime that chance may take away, in percent. Jitter only shortens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jitter(u8);

impl Jitter {
    /// No jitter: every entry lives exactly as long as its ttl says.
    pub const NONE: Self = Self(0);

    /// Creates a jitter of `percent`, at most 50.
    #[must_use]
    pub const fn percent(percent: u8) -> Option<Self> {
        if percent <= 50 { Some(Self(percent)) } else { None }
    }

    /// The lifetime that is left of `ttl` for one draw of chance.
    #[must_use]
    pub fn shorten(self, ttl: Duration, chance: u32) -> Duration {
        let ttl_nanos = u64::try_from(ttl.as_nanos()).unwrap_or(u64::MAX);
        let most = u128::from(ttl_nanos) * u128::from(self.0) / 100;
        let cut = most * u128::from(chance) / u128::from(u32::MAX);
        ttl.saturating_sub(Duration::from_nanos(u64::try_from(cut).unwrap_or(u64::MAX)))
    }
}

/// How the values of a keyspace live, and what is done when they are missing.
///
/// All durations are upper bounds: jitter shortens lifetimes, nothing lengthens them.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Policy {
    /// How long a value is fresh, counted from when the source answered.
    pub ttl: Duration,
    /// How long after that a value may still be served from memory while a refresh runs.
    pub stale: Duration,
    /// How long a proven absence is remembered; `None`: not at all.
    pub negative: Option<Duration>,
    /// By how much chance shortens lifetimes in memory, so that entries written together do not expire together.
    pub jitter: Jitter,
    /// Whether a hit in the last fifth of the ttl starts a background refresh.
    pub refresh_ahead: bool,
    /// The least time between two background refreshes of a key; half the ttl where that is less.
    pub refresh_interval: Duration,
    /// The greatest age at which an entry is served while this node cannot prove that it is coherent.
    pub degraded_ttl: Duration,
    /// How long a caller waits for a fill while an entry it could be served instead is at hand.
    pub soft_timeout: Duration,
    /// How long one call of the loader may take; also how long a node waits for another node's fill.
    pub load_timeout: Duration,
    /// The term of a fill lease, extended while its load runs: how long a dead filler holds others up.
    pub fill_term: Duration,
    /// How many loads of this keyspace may run at once in this node.
    pub max_loads: u32,
    /// Which tier is asked first.
    pub local: LocalMode,
    /// Whether entries in memory are served only while this node is known to hear every invalidation.
    pub coherent: bool,
}

impl Policy {
    /// Creates the default policy for values that are fresh for `ttl`: coherent memory first, 10 % jitter,
    /// no stale window, no negative entries.
    #[must_use]
    pub const fn new(ttl: Duration) -> Self {
        Self {
            ttl,
            stale: Duration::ZERO,
            negative: None,
            jitter: Jitter(10),
            refresh_ahead: true,
            refresh_interval: Duration::from_secs(30),
            degraded_ttl: Duration::from_secs(5),
            soft_timeout: Duration::from_millis(100),
            load_timeout: Duration::from_secs(10),
            fill_term: Duration::from_secs(2),
            max_loads: 64,
            local: LocalMode::Front,
            coherent: true,
        }
    }

    /// The same policy with a stale window.
    #[must_use]
    pub const fn with_stale(mut self, stale: Duration) -> Self {
        self.stale = stale;
        self
    }

    /// The same policy, remembering proven absence for `ttl`.
    #[must_use]
    pub const fn with_negative(mut self, ttl: Duration) -> Self {
        self.negative = Some(ttl);
        self
    }

    /// The same policy with another jitter.
    #[must_use]
    pub const fn with_jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }

    /// The same policy without refreshes before the ttl ends.
    #[must_use]
    pub const fn without_refresh_ahead(mut self) -> Self {
        self.refresh_ahead = false;
        self
    }

    /// The same policy with another least time between two refreshes of a key.
    #[must_use]
    pub const fn with_refresh_interval(mut self, interval: Duration) -> Self {
        self.refresh_interval = interval;
        self
    }

    /// The same policy with another greatest age without proof of coherence.
    #[must_use]
    pub const fn with_degraded_ttl(mut self, ttl: Duration) -> Self {
        self.degraded_ttl = ttl;
        self
    }

    /// The same policy with other bounds on waiting: with an entry at hand, and in all.
    #[must_use]
    pub const fn with_timeouts(mut self, soft: Duration, load: Duration) -> Self {
        self.soft_timeout = soft;
        self.load_timeout = load;
        self
    }

    /// The same policy with another term of the fill lease.
    #[must_use]
    pub const fn with_fill_term(mut self, term: Duration) -> Self {
        self.fill_term = term;
        self
    }

    /// The same policy with another bound on loads at once.
    #[must_use]
    pub const fn with_max_loads(mut self, loads: u32) -> Self {
        self.max_loads = loads;
        self
    }

    /// The same policy with another order of the tiers.
    #[must_use]
    pub const fn with_local(mut self, local: LocalMode) -> Self {
        self.local = local;
        self
    }

    /// The same policy without proof of coherence: entries are served for their ttl also on a node that hears no
    /// invalidations. For values that never change under their key.
    #[must_use]
    pub const fn incoherent(mut self) -> Self {
        self.coherent = false;
        self
    }

    fn check(&self) -> Result<(), &'static str> {
        const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);
        let bounded = |duration: Duration| !duration.is_zero() && duration <= LONGEST;
        if !bounded(self.ttl) {
            return Err("`ttl` must be over zero and at most a year");
        }
        if self.stale > LONGEST {
            return Err("`stale` must be at most a year");
        }
        if self.negative.is_some_and(|ttl| !bounded(ttl)) {
            return Err("`negative` must be over zero and at most a year, or `None`");
        }
        if !bounded(self.load_timeout) {
            return Err("`load_timeout` must be over zero: a load without an end holds its waiters for ever");
        }
        if self.fill_term < Duration::from_millis(50) {
            return Err("`fill_term` must be at least 50 ms, or a healthy load loses its lease");
        }
        if self.max_loads == 0 {
            return Err("`max_loads` must be at least 1, or nothing is ever loaded");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
