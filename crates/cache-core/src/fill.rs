//! One fill, from the miss to the landing: shared tier, fill lease, source, and what may be kept of the result.

mod convert;
mod insert;
mod look;

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::time::{Instant, timeout};

use self::convert::{decode, encode};
pub(crate) use self::{insert::insert, look::look_shared};
use crate::{
    cache::{Core, Lead, Outcome, Shared, bump},
    clock::Tick,
    entry::{Lifetime, Origin, stored_age},
    flight::FlightId,
    key::CacheKey,
    keyspace::LocalMode,
    loader::{LoadError, Loaded, Loader},
    lookup::{CacheStatus, Lookup},
    tier::{Acquired, FillLease, Filled, Intent, LocalTier, SharedError, SharedHandle, SharedKey, SharedTier, Stored},
};

/// How soon a waiter asks again for another node's fill whose notice got lost; doubled up to the second.
const FIRST_POLL: Duration = Duration::from_millis(10);
const LAST_POLL: Duration = Duration::from_millis(100);

/// What a flight brought.
#[derive(Debug)]
pub(crate) struct Landed<V> {
    pub(crate) value: Option<Arc<V>>,
    pub(crate) born: Tick,
    pub(crate) status: CacheStatus,
}

impl<V> Clone for Landed<V> {
    fn clone(&self) -> Self {
        Self {
            value: self.value.clone(),
            ..*self
        }
    }
}

impl<V> Landed<V> {
    /// The status for a reader: whoever did not start the flight shares its load.
    pub(crate) fn status_for(&self, leads: bool) -> CacheStatus {
        match self.status {
            CacheStatus::Fill if !leads => CacheStatus::Coalesced,
            status => status,
        }
    }
}

impl<V> From<Lookup<V>> for Landed<V> {
    fn from(lookup: Lookup<V>) -> Self {
        let born = lookup.born();
        Self {
            status: lookup.status,
            value: lookup.value,
            born,
        }
    }
}

/// A fill under way. Holds the key's seat in the flight table until it is dropped.
pub(crate) struct Flight<K: CacheKey, V: Send + Sync + 'static, L: LocalTier<K, V>> {
    core: Arc<Core<K, V, L>>,
    key: K,
    id: FlightId,
    intent: Intent,
    started: Tick,
}

/// A value that the source gave, not yet kept anywhere.
struct Fresh<V> {
    value: Option<Arc<V>>,
    lifetime: Lifetime,
    born: Tick,
}

impl<V> Fresh<V> {
    fn landed(self, status: CacheStatus) -> Landed<V> {
        Landed {
            value: self.value,
            born: self.born,
            status,
        }
    }
}

impl<K, V, L> Flight<K, V, L>
where
    K: CacheKey,
    V: Send + Sync + 'static,
    L: LocalTier<K, V>,
{
    pub(crate) fn new(core: Arc<Core<K, V, L>>, key: K, id: FlightId, intent: Intent) -> Self {
        let started = core.time.now();
        Self {
            core,
            key,
            id,
            intent,
            started,
        }
    }

    /// Fills the key and lands. Bounded by the time-outs of the tier and of the policy.
    pub(crate) async fn fly<Src: Loader<K, V>>(self, loader: Src, lead: Lead<V>) {
        let core = Arc::clone(&self.core);
        let refresh = self.intent == Intent::Refresh;
        if refresh {
            bump(&core.warmer.in_flight);
        }
        if let Some(mut before) = lead.before {
            // One load of a key at a time. It may end in any way, or be given up.
            drop(timeout(core.keyspace.policy.load_timeout, before.wait_for(Option::is_some)).await);
        }
        lead.landing.begin();
        let outcome = AssertUnwindSafe(self.fill(&loader))
            .catch_unwind()
            .await
            .unwrap_or(Err(LoadError::Panicked));
        if refresh {
            core.warmer.in_flight.fetch_sub(1, Ordering::Relaxed);
            bump(if outcome.is_ok() {
                &core.warmer.refreshes
            } else {
                &core.warmer.errors
            });
        }
        // Off the table first: whoever comes after an error starts anew.
        drop(self);
        lead.runway.send_replace(Some(outcome));
    }

    async fn fill<Src: Loader<K, V>>(&self, loader: &Src) -> Outcome<V> {
        let core = &self.core;
        // The entry may have come between the reader's look and our registration.
        if self.intent == Intent::Fill
            && core.keyspace.policy.local == LocalMode::Front
            && let Some(lookup) = core.servable(&self.key)
        {
            return Ok(lookup.into());
        }
        match &core.shared {
            None => self.load_alone(loader, CacheStatus::Fill).await,
            Some(shared) => match self.fill_shared(shared, loader).await {
                Ok(outcome) => outcome,
                Err(error) => self.without_shared(&error, loader).await,
            },
        }
    }

    /// The way by the shared tier. An error of that tier means: go on without it.
    async fn fill_shared<Src: Loader<K, V>>(
        &self,
        shared: &Shared<V>,
        loader: &Src,
    ) -> Result<Outcome<V>, SharedError> {
        let policy = &self.core.keyspace.policy;
        let name = self.core.shared_key(&self.key);
        if let Some(landed) = self.look(shared, &name).await? {
            return Ok(Ok(landed));
        }
        let give_up = Instant::now() + policy.load_timeout;
        let mut poll = FIRST_POLL;
        loop {
            match shared.tier.acquire(&name, self.intent, policy.fill_term).await? {
                Acquired::Value(stored) => match self.promote(shared, &name, stored).await? {
                    Some(landed) => return Ok(Ok(landed)),
                    None if Instant::now() >= give_up => break,
                    None => {}
                },
                Acquired::Lead(lease) => return Ok(self.lead(shared, &name, lease, loader).await),
                Acquired::Busy(left) => {
                    let budget = give_up.saturating_duration_since(Instant::now());
                    if budget.is_zero() {
                        break;
                    }
                    shared
                        .tier
                        .filled(&name, left.min(poll).min(budget).max(Duration::from_millis(1)))
                        .await;
                    poll = (poll * 2).min(LAST_POLL);
                    if self.intent == Intent::Refresh
                        && let Some(landed) = self.look(shared, &name).await?
                    {
                        return Ok(Ok(landed));
                    }
                }
            }
        }
        // Another node has been at it for longer than we wait. Ask the source for those who wait, keep nothing.
        if let Some(lookup) = self.core.servable(&self.key) {
            return Ok(Ok(lookup.into()));
        }
        Ok(self.load(loader).await.map(|fresh| fresh.landed(CacheStatus::Degraded)))
    }

    /// Asks the shared tier for a value; for a refresh, one that is younger than ours.
    async fn look(&self, shared: &Shared<V>, name: &SharedKey) -> Result<Option<Landed<V>>, SharedError> {
        let Some(stored) = shared.tier.get(name).await? else {
            return Ok(None);
        };
        if self.intent == Intent::Refresh {
            let now = self.core.time.now();
            let age = stored_age(&stored, self.core.time.wall());
            let ours = self.core.local.get(&self.key).map(|entry| entry.age(now));
            // What is as old as our own entry, give or take the clocks, is no refresh; nor is what is about to go.
            // Without an entry of ours, only what came after we began.
            let since = now.since(self.started);
            let younger = ours.map_or(age < since, |ours| age + Duration::from_millis(100) < ours);
            if !younger || age >= stored.ttl - stored.ttl / 5 {
                return Ok(None);
            }
        }
        self.promote(shared, name, stored).await
    }

    /// Takes a value of the shared tier into memory, as old as it is there. One that does not decode is deleted.
    async fn promote(
        &self,
        shared: &Shared<V>,
        name: &SharedKey,
        stored: Stored,
    ) -> Result<Option<Landed<V>>, SharedError> {
        let core = &self.core;
        match decode(shared, &stored).await {
            Ok(value) => {
                let now = core.time.now();
                // A value expires in the shared tier when its ttl ends: what is there is no older, whatever a
                // machine whose clock runs ahead makes of its source time.
                let age = stored_age(&stored, core.time.wall()).min(stored.ttl);
                let lifetime = Lifetime {
                    ttl: stored.ttl,
                    stale: stored.stale,
                };
                let weight = self.weight(value.as_deref(), stored.payload.as_ref());
                core.commit(&self.key, self.id, value.clone(), Origin { age, lifetime, weight });
                Ok(Some(Landed {
                    value,
                    born: now.before(age),
                    status: CacheStatus::SharedHit,
                }))
            }
            Err(_undecodable) => {
                bump(&core.tally.undecodable);
                bump(&core.tally.errors);
                shared.tier.discard(name).await?;
                Ok(None)
            }
        }
    }

    /// Loads under a fill lease, and stores the result while the lease holds.
    async fn lead<Src: Loader<K, V>>(
        &self,
        shared: &Shared<V>,
        name: &SharedKey,
        lease: FillLease,
        loader: &Src,
    ) -> Outcome<V> {
        let core = &self.core;
        let loaded = {
            let load = self.load(loader);
            tokio::pin!(load);
            let hold = self.hold(shared, name, &lease);
            tokio::select! {
                biased;
                loaded = &mut load => loaded,
                () = hold => load.await,
            }
        };
        let fresh = match loaded {
            Ok(fresh) => fresh,
            Err(error) => {
                self.release(&shared.tier, name, lease).await;
                return Err(error);
            }
        };
        let encoded = match encode(shared, fresh.value.as_ref()).await {
            Ok(encoded) => encoded,
            Err(_unencodable) => {
                bump(&core.tally.errors);
                self.release(&shared.tier, name, lease).await;
                self.keep(&fresh, None);
                return Ok(fresh.landed(CacheStatus::Fill));
            }
        };
        if fresh.lifetime.ttl.is_zero() {
            self.release(&shared.tier, name, lease).await;
            return Ok(fresh.landed(CacheStatus::Fill));
        }
        let now = core.time.now();
        let stored = Stored {
            payload: encoded.clone(),
            source_time: core.time.wall().before(now.since(fresh.born)),
            ttl: fresh.lifetime.ttl,
            stale: fresh.lifetime.stale,
        };
        match shared.tier.fill(name, lease, stored).await {
            Ok(Filled::Stored) => {
                bump(&core.tally.sets);
                self.keep(&fresh, encoded.as_ref());
            }
            Ok(Filled::Fenced) => bump(&core.tally.fenced),
            Err(_unknown) => {
                bump(&core.tally.errors);
                self.keep(&fresh, encoded.as_ref());
            }
        }
        Ok(fresh.landed(CacheStatus::Fill))
    }

    /// Prolongs the fill lease for as long as it is polled; ends when the lease is void.
    async fn hold(&self, shared: &Shared<V>, name: &SharedKey, lease: &FillLease) {
        let term = self.core.keyspace.policy.fill_term;
        loop {
            tokio::time::sleep(term / 3).await;
            // An unknown outcome is tried again; the lease runs out by itself if it stays so.
            if let Ok(false) = shared.tier.extend(name, lease, term).await {
                return;
            }
        }
    }

    async fn release(&self, tier: &SharedHandle, name: &SharedKey, lease: FillLease) {
        if tier.release(name, lease).await.is_err() {
            // It runs out by its term.
            bump(&self.core.tally.errors);
        }
    }

    /// The way without the shared tier: memory where the keyspace asks it second, else the source.
    async fn without_shared<Src: Loader<K, V>>(&self, _error: &SharedError, loader: &Src) -> Outcome<V> {
        let core = &self.core;
        bump(&core.tally.errors);
        if self.intent == Intent::Fill
            && core.keyspace.policy.local == LocalMode::Fallback
            && let Some(lookup) = core.servable(&self.key)
        {
            return Ok(lookup.into());
        }
        self.load_alone(loader, CacheStatus::Degraded).await
    }

    /// Loads for this node only.
    async fn load_alone<Src: Loader<K, V>>(&self, loader: &Src, status: CacheStatus) -> Outcome<V> {
        let fresh = self.load(loader).await?;
        let encoded = match (&self.core.shared, &self.core.weigh) {
            // The encoded length is the weight where nothing else says it, also while the shared tier is away.
            (Some(shared), None) => encode(shared, fresh.value.as_ref()).await.unwrap_or_default(),
            _ => None,
        };
        if self.keep(&fresh, encoded.as_ref()) && self.core.shared.is_none() {
            bump(&self.core.tally.sets);
        }
        Ok(fresh.landed(status))
    }

    fn keep(&self, fresh: &Fresh<V>, encoded: Option<&Bytes>) -> bool {
        let age = self.core.time.now().since(fresh.born);
        let weight = self.weight(fresh.value.as_deref(), encoded);
        let origin = Origin {
            age,
            lifetime: fresh.lifetime,
            weight,
        };
        self.core.commit(&self.key, self.id, fresh.value.clone(), origin)
    }

    fn weight(&self, value: Option<&V>, encoded: Option<&Bytes>) -> u32 {
        let weight = match (value, &self.core.weigh, encoded) {
            (None, ..) => 0,
            (Some(value), Some(weigh), _) => weigh(value),
            (Some(_), None, Some(encoded)) => encoded.len(),
            (Some(_), None, None) => size_of::<V>(),
        };
        u32::try_from(weight).unwrap_or(u32::MAX)
    }

    /// Asks the source once, under the policy's bounds on time and on loads at once.
    async fn load<Src: Loader<K, V>>(&self, loader: &Src) -> Result<Fresh<V>, LoadError> {
        let core = &self.core;
        let limit = core.keyspace.policy.load_timeout;
        let begun = Instant::now();
        let load = async {
            // Never closed, so never an error.
            let _permit = core.loads.acquire().await;
            bump(&core.tally.loads);
            AssertUnwindSafe(async { loader.load(&self.key).await })
                .catch_unwind()
                .await
        };
        let loaded = match timeout(limit, load).await {
            Ok(Ok(Ok(loaded))) => Ok(loaded),
            Ok(Ok(Err(error))) => Err(LoadError::Failed(Arc::new(error))),
            Ok(Err(_panic)) => Err(LoadError::Panicked),
            Err(_elapsed) => Err(LoadError::TimedOut(limit)),
        };
        core.metrics.fill_duration.record(begun.elapsed());
        match loaded {
            Ok(Loaded { value, ttl }) => {
                let lifetime = core.lifetime(value.is_some(), ttl);
                Ok(Fresh {
                    value: value.map(Arc::new),
                    lifetime,
                    born: core.time.now(),
                })
            }
            Err(error) => {
                bump(&core.tally.errors);
                Err(error)
            }
        }
    }
}

impl<K: CacheKey, V: Send + Sync + 'static, L: LocalTier<K, V>> Drop for Flight<K, V, L> {
    fn drop(&mut self) {
        self.core.flights.land(&self.key, self.id);
    }
}
