//! A look into the shared tier by a reader that never asks the source.

use std::sync::Arc;

use super::{Flight, Landed, convert::decode};
use crate::{
    cache::{Core, Purpose, Shared, Turn, bump},
    entry::stored_age,
    key::CacheKey,
    lookup::{CacheStatus, Lookup},
    tier::{Intent, LocalTier, SharedTier},
};

/// Looks for a value in the shared tier without ever asking the source, and takes it into memory.
pub(crate) async fn look_shared<K, V, L>(core: &Arc<Core<K, V, L>>, key: &K) -> Option<Lookup<V>>
where
    K: CacheKey,
    V: Send + Sync + 'static,
    L: LocalTier<K, V>,
{
    let found = match &core.shared {
        Some(shared) => {
            // Registered before asking, so that an invalidation in between keeps the value out of memory.
            match core.join(key, Purpose::Look) {
                Turn::Lead(lead) => {
                    lead.landing.begin();
                    let flight = Flight::new(Arc::clone(core), key.clone(), lead.id, Intent::Fill);
                    flight.look(shared, &core.shared_key(key)).await.ok().flatten()
                }
                // A fill is under way: look past it, keep nothing.
                Turn::Wait(_) => peek_shared(core, shared, key).await,
            }
        }
        None => None,
    };
    if let Some(landed) = found {
        bump(&core.tally.shared_hits);
        return Some(Lookup::new(landed.value, landed.status, landed.born, core.time.now()));
    }
    // Memory last, for keyspaces that ask it last.
    let lookup = core.servable(key);
    match &lookup {
        Some(lookup) => core.count(lookup.status),
        None => bump(&core.tally.misses),
    }
    lookup
}

/// Reads the shared tier for one reader, keeping nothing.
async fn peek_shared<K, V, L>(core: &Core<K, V, L>, shared: &Shared<V>, key: &K) -> Option<Landed<V>>
where
    K: CacheKey,
    V: Send + Sync + 'static,
    L: LocalTier<K, V>,
{
    let stored = shared.tier.get(&core.shared_key(key)).await.ok().flatten()?;
    let value = decode(shared, &stored).await.ok()?;
    let born = core.time.now().before(stored_age(&stored, core.time.wall()));
    Some(Landed {
        value,
        born,
        status: CacheStatus::SharedHit,
    })
}
