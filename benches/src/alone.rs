//! A shared tier without anything behind it.

use std::{future::ready, time::Duration};

use gatewayz_cache_core::{
    Acquired, FillLease, Filled, Intent, Invalidation, NodePort, Propagation, SharedError, SharedKey, SharedTier,
    Stored, Tick,
};

/// A shared tier that holds nothing and keeps its node attached: a node on it takes the way of a coherent hit, with
/// a deadline to be checked, without a server that must run.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttachedTier;

const NOTHING_HERE: SharedError = SharedError::Unavailable(None);

impl SharedTier for AttachedTier {
    fn get(&self, _: &SharedKey) -> impl Future<Output = Result<Option<Stored>, SharedError>> + Send {
        ready(Err(NOTHING_HERE))
    }

    fn acquire(
        &self,
        _: &SharedKey,
        _: Intent,
        _: Duration,
    ) -> impl Future<Output = Result<Acquired, SharedError>> + Send {
        ready(Err(NOTHING_HERE))
    }

    fn extend(
        &self,
        _: &SharedKey,
        _: &FillLease,
        _: Duration,
    ) -> impl Future<Output = Result<bool, SharedError>> + Send {
        ready(Err(NOTHING_HERE))
    }

    fn fill(&self, _: &SharedKey, _: FillLease, _: Stored) -> impl Future<Output = Result<Filled, SharedError>> + Send {
        ready(Err(NOTHING_HERE))
    }

    fn release(&self, _: &SharedKey, _: FillLease) -> impl Future<Output = Result<(), SharedError>> + Send {
        ready(Err(NOTHING_HERE))
    }

    fn discard(&self, _: &SharedKey) -> impl Future<Output = Result<(), SharedError>> + Send {
        ready(Err(NOTHING_HERE))
    }

    fn filled(&self, _: &SharedKey, _: Duration) -> impl Future<Output = ()> + Send {
        ready(())
    }

    fn invalidate(&self, _: &Invalidation) -> impl Future<Output = Propagation> + Send {
        ready(Propagation::Acknowledged)
    }

    fn claim(
        &self,
        _: &SharedKey,
        _: &Invalidation,
        _: Duration,
    ) -> impl Future<Output = (Propagation, Option<FillLease>)> + Send {
        ready((Propagation::Acknowledged, None))
    }

    fn start(&self, port: NodePort) {
        port.attachment.prolong(Tick::NEVER);
    }

    fn is_available(&self) -> bool {
        true
    }
}
