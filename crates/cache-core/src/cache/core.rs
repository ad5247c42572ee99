//! What a cache and its flights share: the tiers, the flights, the counts, and the judgment of an entry.
//!
//! Critical path: `look`.

use std::{
    borrow::Borrow,
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use foldhash::fast::RandomState;
use tokio::sync::{Semaphore, watch};

use crate::{
    clock::{Tick, Time},
    codec::Codec,
    counters::Counters,
    entry::{Entry, Freshness, Lifetime, Origin},
    fill::Landed,
    flight::{FlightId, FlightTable, Joined},
    key::CacheKey,
    keyspace::{Keyspace, LocalMode},
    loader::LoadError,
    lookup::{CacheStatus, Lookup},
    metrics::CacheMetrics,
    tier::{Attachment, LocalTier, SharedHandle, SharedKey},
    warmer::Warmer,
};

/// What a cache and its flights share.
pub(crate) struct Core<K, V, L> {
    pub(crate) keyspace: Keyspace,
    pub(crate) local: L,
    pub(crate) flights: FlightTable<K, Landing<V>, RandomState>,
    pub(crate) attachment: Arc<Attachment>,
    pub(crate) time: Time,
    pub(crate) shared: Option<Shared<V>>,
    pub(crate) weigh: Option<Weigh<V>>,
    pub(crate) loads: Semaphore,
    pub(crate) warmer: Warmer<K>,
    pub(crate) tally: Tally,
    pub(crate) metrics: CacheMetrics,
    pub(super) hits: Counters<4>,
    pub(super) max_entries: u64,
}

/// The shared tier, and how values get there.
pub(crate) struct Shared<V> {
    pub(crate) tier: SharedHandle,
    pub(crate) codec: Arc<dyn Codec<V>>,
    /// The length of the value encoded or decoded last.
    pub(crate) last_len: AtomicUsize,
}

/// Says what a value weighs, in bytes.
pub(crate) type Weigh<V> = Arc<dyn Fn(&V) -> usize + Send + Sync>;

/// Where a flight lands, and how far it is.
pub(crate) struct Landing<V> {
    pub(super) outcome: Outcomes<V>,
    started: Tick,
    /// Whether it has begun to ask: what it brings may be older than a reader that comes later.
    begun: Arc<AtomicBool>,
    purpose: Purpose,
}

impl<V> Landing<V> {
    /// To be called before the flight asks anything.
    pub(crate) fn begin(&self) {
        self.begun.store(true, Ordering::SeqCst);
    }
}

impl<V> Clone for Landing<V> {
    fn clone(&self) -> Self {
        Self {
            outcome: self.outcome.clone(),
            begun: Arc::clone(&self.begun),
            ..*self
        }
    }
}

pub(crate) type Outcomes<V> = watch::Receiver<Option<Outcome<V>>>;

/// What a flight is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It ends with a value or an error.
    Load,
    /// It looks whether the shared tier has a value, and has nothing for readers who would load.
    Look,
}

/// A flight to be led.
pub(crate) struct Lead<V> {
    pub(crate) id: FlightId,
    pub(crate) landing: Landing<V>,
    /// The other end of the landing.
    pub(crate) runway: watch::Sender<Option<Outcome<V>>>,
    /// The end of the load that must come first.
    pub(crate) before: Option<Outcomes<V>>,
}

/// What a reader has to do.
pub(crate) enum Turn<V> {
    Lead(Lead<V>),
    Wait(Landing<V>),
}

/// What a flight brings its waiters.
pub(crate) type Outcome<V> = Result<Landed<V>, LoadError>;

/// Counts off the critical path.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) misses: AtomicU64,
    pub(crate) local_misses: AtomicU64,
    pub(crate) shared_hits: AtomicU64,
    pub(crate) coalesced: AtomicU64,
    pub(crate) loads: AtomicU64,
    pub(crate) sets: AtomicU64,
    pub(crate) local_sets: AtomicU64,
    pub(crate) errors: AtomicU64,
    pub(crate) fenced: AtomicU64,
    pub(crate) undecodable: AtomicU64,
    pub(crate) invalidations: AtomicU64,
    pub(crate) expirations: AtomicU64,
}

pub(crate) fn bump(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

pub(super) const LOCAL: usize = 0;
pub(super) const STALE: usize = 1;
pub(super) const DEGRADED: usize = 2;

/// What the local tier can say to a reader.
pub(crate) enum Judged<V> {
    /// Serve it.
    Hit(Lookup<V>),
    /// Serve it, and see to a refresh.
    Due(Lookup<V>),
    /// Nothing that may be served.
    Miss,
    /// Nothing but an entry past its end.
    Expired,
}

impl<V> Judged<V> {
    pub(super) fn served(self) -> Option<Lookup<V>> {
        match self {
            Self::Hit(lookup) | Self::Due(lookup) => Some(lookup),
            Self::Miss | Self::Expired => None,
        }
    }
}

/// What a glance does not settle: no entry, or one that is not plainly fresh and attached.
pub(super) struct Unclear<V> {
    entry: Option<Entry<V>>,
    now: Tick,
}

impl<K, V, L> Core<K, V, L>
where
    K: CacheKey,
    V: Send + Sync + 'static,
    L: LocalTier<K, V>,
{
    /// Critical path: the entry of a key if it needs no thought, else what there is to judge. Counted where `COUNT`
    /// says so.
    ///
    /// Always inlined, and never joined with what `judge` returns in memory: so the answer stays in registers.
    #[expect(clippy::inline_always, reason = "measured: a quarter of a hit")]
    #[inline(always)]
    pub(super) fn glance<const COUNT: bool, Q>(&self, key: &Q) -> Result<Lookup<V>, Unclear<V>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let now = self.time.now();
        match self.local.get(key) {
            Some(entry) if entry.is_quiet(now) && self.attachment.holds(now) => {
                if COUNT {
                    self.hits.count(LOCAL);
                }
                let born = entry.born();
                Ok(Lookup::new(entry.into_value(), CacheStatus::LocalHit, born, now))
            }
            entry => Err(Unclear { entry, now }),
        }
    }

    /// What a glance did not settle; counted where it may be served and `COUNT` says so.
    #[cold]
    #[inline(never)]
    pub(super) fn judge<const COUNT: bool>(&self, Unclear { entry, now }: Unclear<V>) -> Judged<V> {
        let Some(entry) = entry else { return Judged::Miss };
        let policy = &self.keyspace.policy;
        let attached = self.attachment.holds(now);
        let born = entry.born();
        // Strictly less: a degraded ttl of zero serves nothing, also within one tick of a coarse clock.
        let servable = attached || entry.age(now) < policy.degraded_ttl;
        let (status, due) = match entry.freshness(now) {
            Freshness::Expired => return Judged::Expired,
            _ if !servable => return Judged::Miss,
            Freshness::Fresh => (CacheStatus::LocalHit, false),
            Freshness::Aging => (CacheStatus::LocalHit, true),
            Freshness::Stale => (CacheStatus::StaleHit, true),
        };
        let status = if attached { status } else { CacheStatus::Degraded };
        let lookup = Lookup::new(entry.into_value(), status, born, now);
        if COUNT {
            self.count(status);
        }
        if due { Judged::Due(lookup) } else { Judged::Hit(lookup) }
    }

    #[inline]
    pub(crate) fn count(&self, status: CacheStatus) {
        match status {
            CacheStatus::LocalHit => self.hits.count(LOCAL),
            CacheStatus::StaleHit => self.hits.count(STALE),
            _ => self.hits.count(DEGRADED),
        }
    }

    /// The entry that may be served now, if any, without counting.
    pub(crate) fn servable<Q>(&self, key: &Q) -> Option<Lookup<V>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        if self.keyspace.policy.local == LocalMode::Off {
            return None;
        }
        match self.glance::<false, Q>(key) {
            Ok(lookup) => Some(lookup),
            Err(unclear) => self.judge::<false>(unclear).served(),
        }
    }

    /// Keeps a value in memory, if the flight may still commit. The jitter is drawn here.
    pub(crate) fn commit(&self, key: &K, id: FlightId, value: Option<Arc<V>>, origin: Origin) -> bool {
        if self.keyspace.policy.local == LocalMode::Off || origin.lifetime.ttl.is_zero() {
            return false;
        }
        let entry = Entry::new(value, origin, &self.keyspace.policy, self.time.now(), rand::random());
        let kept = self.flights.commit(key, id, || self.local.insert(key.clone(), entry));
        if kept {
            bump(&self.tally.local_sets);
        }
        kept
    }

    /// Joins the key's flight, or registers one.
    ///
    /// To join is to be served what the flight began to read before. While the node is not attached, only a flight is
    /// joined that has not begun yet, or did so within the degraded ttl; instead of any other the reader leads a new
    /// one, which begins when the other ends, and which those who come until then share.
    pub(crate) fn join(&self, key: &K, purpose: Purpose) -> Turn<V> {
        let now = self.time.now();
        let mut before = None;
        let may_share = |landing: &Landing<V>| {
            if landing.purpose == Purpose::Look && purpose == Purpose::Load {
                return false;
            }
            let current = self.attachment.holds(now)
                || !landing.begun.load(Ordering::SeqCst)
                || now < landing.started.after(self.keyspace.policy.degraded_ttl);
            if !current {
                before = Some(landing.outcome.clone());
            }
            current
        };
        let (runway, outcome) = watch::channel(None);
        let landing = || Landing {
            outcome,
            started: now,
            begun: Arc::default(),
            purpose,
        };
        match self.flights.join(key, may_share, landing) {
            Joined::Leader(id, landing) => Turn::Lead(Lead {
                id,
                landing,
                runway,
                before,
            }),
            Joined::Waiter(landing) => Turn::Wait(landing),
        }
    }

    /// Registers a flight, in place of the key's if it has one.
    pub(crate) fn lead(&self, key: &K) -> Lead<V> {
        let (runway, outcome) = watch::channel(None);
        let started = self.time.now();
        let landing = || Landing {
            outcome,
            started,
            begun: Arc::default(),
            purpose: Purpose::Load,
        };
        let (id, landing) = self.flights.lead(key, landing);
        Lead {
            id,
            landing,
            runway,
            before: None,
        }
    }

    /// How long a value lives by the policy, or by what its loader said.
    pub(crate) fn lifetime(&self, found: bool, own: Option<Duration>) -> Lifetime {
        let policy = &self.keyspace.policy;
        match (found, policy.negative) {
            (true, _) => Lifetime {
                ttl: own.unwrap_or(policy.ttl),
                stale: policy.stale,
            },
            (false, Some(negative)) => Lifetime {
                ttl: own.unwrap_or(negative),
                stale: Duration::ZERO,
            },
            (false, None) => Lifetime {
                ttl: Duration::ZERO,
                stale: Duration::ZERO,
            },
        }
    }

    pub(crate) fn shared_key(&self, key: &K) -> SharedKey {
        SharedKey {
            name: self.keyspace.shared_name(key),
            schema: self.keyspace.schema,
            coherent: self.keyspace.policy.coherent,
            ttl: self.keyspace.policy.ttl,
            stale: self.keyspace.policy.stale,
        }
    }
}
