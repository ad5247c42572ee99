//! The read-through cache of one keyspace.
//!
//! Critical path: `peek`, `hit` and the first poll of `get_or_load`. They take one read lock of the local tier, read
//! one clock, compare three numbers and count; they allocate, await and format nothing.

mod build;
mod core;
mod local;

use std::{borrow::Borrow, fmt, hash::Hash, sync::Arc};

pub use self::build::CacheBuilder;
use self::core::Judged;
pub(crate) use self::{
    core::{Core, Landing, Lead, Outcome, Purpose, Shared, Turn, bump},
    local::LocalSide,
};
use crate::{
    fill::{self, Landed},
    invalidation::Invalidation,
    key::CacheKey,
    keyspace::{Keyspace, LocalMode},
    loader::{LoadError, Loader},
    lookup::{CacheStatus, Lookup},
    memory::MemoryTier,
    node::Node,
    stats::CacheStats,
    tier::{Intent, LocalTier, Propagation},
};

/// The read-through cache of one keyspace: memory in front, the node's shared tier behind, one load per miss.
///
/// Cheap to clone. Made by [`Node::cache`] or [`Node::local_cache`].
///
/// # Consistency
///
/// - A fill that began before an invalidation never makes its value visible to a read that begins after it returned.
/// - After [`invalidate`](Self::invalidate) returned [`Propagation::Acknowledged`], no node serves the old value.
/// - Nothing is served past ttl + stale; in coherent keyspaces nothing past the degraded ttl while the node cannot
///   prove that it hears every invalidation.
pub struct Cache<K, V, L = MemoryTier<K, V>> {
    core: Arc<Core<K, V, L>>,
    node: Node,
}

/// How often a reader takes its turn anew when a flight ends without an outcome, as a fenced `insert` does.
const TURNS: usize = 8;

/// Whether a refresh observes the least time since the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Not before the policy's `refresh_interval` is over.
    Interval,
    /// Now.
    Force,
}

/// What became of a refresh.
#[derive(Debug)]
#[non_exhaustive]
pub enum Refreshed<V> {
    /// The value is new.
    Done(Lookup<V>),
    /// Another refresh of the key was under way; this is its value.
    Coalesced(Lookup<V>),
    /// The last refresh of the key was too short a time ago.
    Skipped,
}

impl<K, V, L> Cache<K, V, L>
where
    K: CacheKey,
    V: Send + Sync + 'static,
    L: LocalTier<K, V>,
{
    /// The keyspace as declared.
    #[must_use]
    pub fn keyspace(&self) -> &Keyspace {
        &self.core.keyspace
    }

    /// The entry in memory that may be served now. Loads nothing, awaits nothing, counts nothing.
    #[expect(clippy::inline_always, reason = "measured: see `Core::glance`")]
    #[inline(always)]
    pub fn peek<Q>(&self, key: &Q) -> Option<Lookup<V>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        match self.core.glance::<false, Q>(key) {
            Ok(lookup) => Some(lookup),
            Err(unclear) => self.core.judge::<false>(unclear).served(),
        }
    }

    /// The entry in memory that may be served now, counted as a hit. Loads nothing, awaits nothing; a miss is not
    /// counted, since the caller will ask again by [`get_or_load`](Self::get_or_load).
    #[expect(clippy::inline_always, reason = "measured: see `Core::glance`")]
    #[inline(always)]
    pub fn hit<Q>(&self, key: &Q) -> Option<Lookup<V>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        match self.core.glance::<true, Q>(key) {
            Ok(lookup) => Some(lookup),
            Err(unclear) => self.core.judge::<true>(unclear).served(),
        }
    }

    /// The value that a tier has, memory first; `None` if none has it or the shared one does not answer.
    /// Never asks the source.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels nothing that others wait for.
    pub async fn get<Q>(&self, key: &Q) -> Option<Lookup<V>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned + Sync + ?Sized,
        Q::Owned: Into<K>,
    {
        if self.core.keyspace.policy.local == LocalMode::Front {
            match self.core.glance::<true, Q>(key) {
                Ok(lookup) => return Some(lookup),
                Err(unclear) => match self.core.judge::<true>(unclear) {
                    Judged::Hit(lookup) | Judged::Due(lookup) => return Some(lookup),
                    Judged::Expired => bump(&self.core.tally.expirations),
                    Judged::Miss => {}
                },
            }
            bump(&self.core.tally.local_misses);
        }
        let key: K = key.to_owned().into();
        Box::pin(fill::look_shared(&self.core, &key)).await
    }

    /// The value of a key: from memory, else from the shared tier, else from the source through `loader`.
    ///
    /// However many callers miss a key at once, the source is asked once, in all nodes together while the shared tier
    /// answers. A hit in the last fifth of the ttl, or past it, starts a refresh in the background.
    ///
    /// # Errors
    ///
    /// [`LoadError`] when no tier has a value that may be served and the loader could not find one out. Every caller
    /// that waited for the same load gets the same error; nothing is remembered of it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels nothing: the load goes on for those who wait for it, and for the cache.
    #[inline]
    pub async fn get_or_load<Q, Src>(&self, key: &Q, loader: &Src) -> Result<Lookup<V>, LoadError>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned + Sync + ?Sized,
        Q::Owned: Into<K>,
        Src: Loader<K, V> + Clone,
    {
        if self.core.keyspace.policy.local == LocalMode::Front {
            match self.core.glance::<true, Q>(key) {
                Ok(lookup) => return Ok(lookup),
                Err(unclear) => match self.core.judge::<true>(unclear) {
                    Judged::Hit(lookup) => return Ok(lookup),
                    Judged::Due(lookup) => {
                        self.refresh_in_background(key, loader);
                        return Ok(lookup);
                    }
                    Judged::Expired => bump(&self.core.tally.expirations),
                    Judged::Miss => {}
                },
            }
        }
        Box::pin(self.miss(key.to_owned().into(), loader)).await
    }

    async fn miss<Src>(&self, key: K, loader: &Src) -> Result<Lookup<V>, LoadError>
    where
        Src: Loader<K, V> + Clone,
    {
        let core = &self.core;
        bump(&core.tally.local_misses);
        for _turn in 0..TURNS {
            let (landing, leads) = self.join(&key, loader, Intent::Fill);
            match self.wait(&key, landing).await {
                Waited::Landed(Ok(landed)) => return Ok(self.report(landed, leads)),
                Waited::Landed(Err(error)) => {
                    // Better an entry that may be served than an error.
                    return self.hit(&key).ok_or_else(|| {
                        bump(&core.tally.misses);
                        error
                    });
                }
                Waited::AtHand(lookup) => return Ok(lookup),
                Waited::GaveWay => {}
            }
        }
        bump(&core.tally.misses);
        Err(LoadError::Abandoned)
    }

    /// Waits for a flight; with an entry at hand that may be served, no longer than the soft time-out.
    async fn wait(&self, key: &K, mut landing: Landing<V>) -> Waited<V> {
        let core = &self.core;
        if core.servable(key).is_some() {
            match tokio::time::timeout(core.keyspace.policy.soft_timeout, landed(&mut landing)).await {
                Ok(waited) => return waited,
                Err(_elapsed) => {
                    if let Some(lookup) = core.servable(key) {
                        core.count(lookup.status);
                        return Waited::AtHand(lookup);
                    }
                }
            }
        }
        landed(&mut landing).await
    }

    /// Counts what a flight brought this reader.
    fn report(&self, landed: Landed<V>, leads: bool) -> Lookup<V> {
        let core = &self.core;
        match landed.status {
            CacheStatus::SharedHit => bump(&core.tally.shared_hits),
            CacheStatus::LocalHit | CacheStatus::StaleHit => core.count(landed.status),
            _ => bump(&core.tally.misses),
        }
        let status = landed.status_for(leads);
        if status == CacheStatus::Coalesced {
            bump(&core.tally.coalesced);
        }
        Lookup::new(landed.value, status, landed.born, core.time.now())
    }

    /// Joins the key's flight, or starts one in a task of its own. Says whether it was started.
    fn join<Src>(&self, key: &K, loader: &Src, intent: Intent) -> (Landing<V>, bool)
    where
        Src: Loader<K, V> + Clone,
    {
        match self.core.join(key, Purpose::Load) {
            Turn::Lead(lead) => {
                let landing = lead.landing.clone();
                let flight = fill::Flight::new(Arc::clone(&self.core), key.clone(), lead.id, intent);
                // Bounded by the policy's load_timeout; outlives the caller on purpose.
                drop(tokio::spawn(flight.fly(loader.clone(), lead)));
                (landing, true)
            }
            Turn::Wait(landing) => (landing, false),
        }
    }

    #[cold]
    fn refresh_in_background<Q, Src>(&self, key: &Q, loader: &Src)
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned + ?Sized,
        Q::Owned: Into<K>,
        Src: Loader<K, V> + Clone,
    {
        let now = self.core.time.now();
        if self.core.warmer.is_too_soon(key, now) {
            bump(&self.core.warmer.skipped);
            return;
        }
        let key: K = key.to_owned().into();
        match self.join(&key, loader, Intent::Refresh) {
            (_, true) => self.core.warmer.note(key, now),
            (_, false) => bump(&self.core.warmer.coalesced),
        }
    }

    /// Loads a key anew although a value is there, and waits for it. Concurrent refreshes of a key coalesce, and one
    /// that comes sooner than the policy's `refresh_interval` after the last is skipped unless forced.
    ///
    /// # Errors
    ///
    /// [`LoadError`] when the loader could not find the value out; the old one stays.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not cancel the refresh.
    pub async fn refresh<Q, Src>(&self, key: &Q, loader: &Src, pace: Pace) -> Result<Refreshed<V>, LoadError>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned + Sync + ?Sized,
        Q::Owned: Into<K>,
        Src: Loader<K, V> + Clone,
    {
        let core = &self.core;
        let now = core.time.now();
        if pace == Pace::Interval && core.warmer.is_too_soon(key, now) {
            bump(&core.warmer.skipped);
            return Ok(Refreshed::Skipped);
        }
        let key: K = key.to_owned().into();
        for _turn in 0..TURNS {
            let (mut landing, leads) = self.join(&key, loader, Intent::Refresh);
            if leads {
                core.warmer.note(key.clone(), now);
            } else {
                bump(&core.warmer.coalesced);
            }
            let Waited::Landed(outcome) = landed(&mut landing).await else {
                continue;
            };
            let landed = outcome?;
            let status = if leads { landed.status } else { CacheStatus::Coalesced };
            let lookup = Lookup::new(landed.value, status, landed.born, core.time.now());
            return Ok(if leads {
                Refreshed::Done(lookup)
            } else {
                Refreshed::Coalesced(lookup)
            });
        }
        Err(LoadError::Abandoned)
    }

    /// Replaces a key's value by one that the caller has just written to the source.
    ///
    /// All nodes forget the old value first; then the new one is stored, unless the key was invalidated meanwhile.
    /// Callers that may overtake each other between their write and this call should [`invalidate`](Self::invalidate)
    /// instead: the later call wins here, not the later write.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not cancel the invalidation; the new value may then not be stored.
    pub async fn insert<Q>(&self, key: &Q, value: V) -> Propagation
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned + Sync + ?Sized,
        Q::Owned: Into<K>,
    {
        let key: K = key.to_owned().into();
        bump(&self.core.tally.sets);
        Box::pin(fill::insert(&self.core, &self.node, key, Arc::new(value))).await
    }

    /// Forgets keys in every tier of every node, with all that the node's graph says of them.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not cancel the invalidation.
    pub async fn invalidate<'a, Q>(&self, keys: impl IntoIterator<Item = &'a Q>) -> Propagation
    where
        K: Borrow<Q>,
        Q: ToOwned + ?Sized + 'a,
        Q::Owned: Into<K>,
    {
        let mut all = Invalidation::new();
        for key in keys {
            all = all.key(&self.core.keyspace, &key.to_owned().into());
        }
        self.node.invalidate(all).await
    }

    /// Forgets every key of this keyspace in every tier of every node.
    pub async fn clear(&self) -> Propagation {
        self.node
            .invalidate(Invalidation::new().keyspace(&self.core.keyspace))
            .await
    }

    /// What the cache has done and holds.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        local::stats(&self.core)
    }
}

/// How the wait for a flight ended.
enum Waited<V> {
    /// The flight brought this.
    Landed(Outcome<V>),
    /// It takes too long; this may be served meanwhile.
    AtHand(Lookup<V>),
    /// The flight ended without an outcome.
    GaveWay,
}

/// Waits for the end of a flight.
async fn landed<V: Send + Sync>(landing: &mut Landing<V>) -> Waited<V> {
    match landing.outcome.wait_for(Option::is_some).await {
        Ok(outcome) => outcome.clone().map_or(Waited::GaveWay, Waited::Landed),
        Err(_gone) => Waited::GaveWay,
    }
}

impl<K, V, L> Clone for Cache<K, V, L> {
    fn clone(&self) -> Self {
        Self {
            core: Arc::clone(&self.core),
            node: self.node.clone(),
        }
    }
}

impl<K, V, L> fmt::Debug for Cache<K, V, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("keyspace", &self.core.keyspace.name)
            .finish_non_exhaustive()
    }
}
