//! A value that a caller has written to the source, put in the place of the old one.

use std::sync::Arc;

use super::{Flight, Fresh, convert::encode};
use crate::{
    cache::{Core, bump},
    invalidation::Invalidation,
    key::CacheKey,
    lookup::CacheStatus,
    node::Node,
    tier::{Filled, Intent, LocalTier, Propagation, SharedTier, Stored},
};

/// Counts, while it lives, how often a key is forgotten in this node.
struct Watch<'a, K: CacheKey, V: Send + Sync + 'static, L: LocalTier<K, V>> {
    core: &'a Core<K, V, L>,
    key: &'a K,
    before: u64,
}

impl<'a, K: CacheKey, V: Send + Sync + 'static, L: LocalTier<K, V>> Watch<'a, K, V, L> {
    fn new(core: &'a Core<K, V, L>, key: &'a K) -> Self {
        Self {
            core,
            key,
            before: core.flights.watch(key),
        }
    }

    fn count(&self) -> u64 {
        self.core.flights.forgotten(self.key) - self.before
    }
}

impl<K: CacheKey, V: Send + Sync + 'static, L: LocalTier<K, V>> Drop for Watch<'_, K, V, L> {
    fn drop(&mut self) {
        self.core.flights.unwatch(self.key);
    }
}

/// Replaces a value: all nodes forget the old one, then the new one is stored unless the key was invalidated since.
pub(crate) async fn insert<K, V, L>(core: &Arc<Core<K, V, L>>, node: &Node, key: K, value: Arc<V>) -> Propagation
where
    K: CacheKey,
    V: Send + Sync + 'static,
    L: LocalTier<K, V>,
{
    let name = core.shared_key(&key);
    let born = core.time.now();
    let fresh = Fresh {
        value: Some(value),
        lifetime: core.lifetime(true, None),
        born,
    };
    let invalidation = Invalidation::new().key(&core.keyspace, &key);

    let watch = Watch::new(core, &key);
    let (propagation, lease) = node.claim(&name, invalidation, core.keyspace.policy.fill_term).await;
    let lead = core.lead(&key);
    lead.landing.begin();
    let flight = Flight::new(Arc::clone(core), key.clone(), lead.id, Intent::Refresh);
    // Our own claim makes this node forget the key once before it is told and once when it is. Whatever is more was
    // another's invalidation, in the time in which we had no seat that it could have taken.
    let own = if node.shared().is_some() { 2 } else { 1 };
    let overtaken = watch.count() != own;

    let encoded = match &core.shared {
        Some(shared) => encode(shared, fresh.value.as_ref())
            .await
            .unwrap_or_else(|_unencodable| {
                bump(&core.tally.errors);
                None
            }),
        None => None,
    };
    let filled = match (node.shared(), lease, encoded.clone()) {
        (Some(tier), Some(lease), Some(payload)) => {
            let stored = Stored {
                payload: Some(payload),
                source_time: core.time.wall().before(core.time.now().since(born)),
                ttl: fresh.lifetime.ttl,
                stale: fresh.lifetime.stale,
            };
            tier.fill(&name, lease, stored).await.ok()
        }
        (Some(tier), Some(lease), None) => {
            flight.release(tier, &name, lease).await;
            None
        }
        _ => None,
    };
    let keep = match filled {
        Some(Filled::Stored) => true,
        Some(Filled::Fenced) => false,
        // Nothing in the shared tier vouches for it: it is kept in this node's memory if nobody came in between.
        None => !overtaken,
    };
    if keep {
        flight.keep(&fresh, encoded.as_ref());
    } else {
        bump(&core.tally.fenced);
    }
    drop(flight);
    // Readers that joined meanwhile hear of a value that was kept; otherwise the flight gives way to theirs.
    if keep {
        lead.runway.send_replace(Some(Ok(fresh.landed(CacheStatus::Fill))));
    }
    propagation
}
