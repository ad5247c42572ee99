//! A shared tier by value, whatever its type.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use super::{Acquired, FillLease, Filled, Intent, NodePort, Propagation, SharedError, SharedKey, SharedTier, Stored};
use crate::invalidation::Invalidation;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The object-safe mirror of [`SharedTier`].
trait Erased: Send + Sync {
    fn get<'a>(&'a self, key: &'a SharedKey) -> BoxFuture<'a, Result<Option<Stored>, SharedError>>;
    fn acquire<'a>(
        &'a self,
        key: &'a SharedKey,
        intent: Intent,
        term: Duration,
    ) -> BoxFuture<'a, Result<Acquired, SharedError>>;
    fn extend<'a>(
        &'a self,
        key: &'a SharedKey,
        lease: &'a FillLease,
        term: Duration,
    ) -> BoxFuture<'a, Result<bool, SharedError>>;
    fn fill<'a>(
        &'a self,
        key: &'a SharedKey,
        lease: FillLease,
        value: Stored,
    ) -> BoxFuture<'a, Result<Filled, SharedError>>;
    fn release<'a>(&'a self, key: &'a SharedKey, lease: FillLease) -> BoxFuture<'a, Result<(), SharedError>>;
    fn discard<'a>(&'a self, key: &'a SharedKey) -> BoxFuture<'a, Result<(), SharedError>>;
    fn filled<'a>(&'a self, key: &'a SharedKey, longest: Duration) -> BoxFuture<'a, ()>;
    fn invalidate<'a>(&'a self, invalidation: &'a Invalidation) -> BoxFuture<'a, Propagation>;
    fn claim<'a>(
        &'a self,
        key: &'a SharedKey,
        invalidation: &'a Invalidation,
        term: Duration,
    ) -> BoxFuture<'a, (Propagation, Option<FillLease>)>;
    fn start(&self, port: NodePort);
    fn is_available(&self) -> bool;
}

impl<T: SharedTier> Erased for T {
    fn get<'a>(&'a self, key: &'a SharedKey) -> BoxFuture<'a, Result<Option<Stored>, SharedError>> {
        Box::pin(SharedTier::get(self, key))
    }

    fn acquire<'a>(
        &'a self,
        key: &'a SharedKey,
        intent: Intent,
        term: Duration,
    ) -> BoxFuture<'a, Result<Acquired, SharedError>> {
        Box::pin(SharedTier::acquire(self, key, intent, term))
    }

    fn extend<'a>(
        &'a self,
        key: &'a SharedKey,
        lease: &'a FillLease,
        term: Duration,
    ) -> BoxFuture<'a, Result<bool, SharedError>> {
        Box::pin(SharedTier::extend(self, key, lease, term))
    }

    fn fill<'a>(
        &'a self,
        key: &'a SharedKey,
        lease: FillLease,
        value: Stored,
    ) -> BoxFuture<'a, Result<Filled, SharedError>> {
        Box::pin(SharedTier::fill(self, key, lease, value))
    }

    fn release<'a>(&'a self, key: &'a SharedKey, lease: FillLease) -> BoxFuture<'a, Result<(), SharedError>> {
        Box::pin(SharedTier::release(self, key, lease))
    }

    fn discard<'a>(&'a self, key: &'a SharedKey) -> BoxFuture<'a, Result<(), SharedError>> {
        Box::pin(SharedTier::discard(self, key))
    }

    fn filled<'a>(&'a self, key: &'a SharedKey, longest: Duration) -> BoxFuture<'a, ()> {
        Box::pin(SharedTier::filled(self, key, longest))
    }

    fn invalidate<'a>(&'a self, invalidation: &'a Invalidation) -> BoxFuture<'a, Propagation> {
        Box::pin(SharedTier::invalidate(self, invalidation))
    }

    fn claim<'a>(
        &'a self,
        key: &'a SharedKey,
        invalidation: &'a Invalidation,
        term: Duration,
    ) -> BoxFuture<'a, (Propagation, Option<FillLease>)> {
        Box::pin(SharedTier::claim(self, key, invalidation, term))
    }

    fn start(&self, port: NodePort) {
        SharedTier::start(self, port);
    }

    fn is_available(&self) -> bool {
        SharedTier::is_available(self)
    }
}

/// Any [`SharedTier`] behind one pointer. Costs one allocation a call, on paths that cross the network anyway.
#[derive(Clone)]
pub struct SharedHandle(Arc<dyn Erased>);

impl SharedHandle {
    /// Takes a tier.
    pub fn new(tier: impl SharedTier) -> Self {
        Self(Arc::new(tier))
    }
}

impl fmt::Debug for SharedHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedHandle")
            .field("available", &self.0.is_available())
            .finish()
    }
}

impl SharedTier for SharedHandle {
    async fn get(&self, key: &SharedKey) -> Result<Option<Stored>, SharedError> {
        self.0.get(key).await
    }

    async fn acquire(&self, key: &SharedKey, intent: Intent, term: Duration) -> Result<Acquired, SharedError> {
        self.0.acquire(key, intent, term).await
    }

    async fn extend(&self, key: &SharedKey, lease: &FillLease, term: Duration) -> Result<bool, SharedError> {
        self.0.extend(key, lease, term).await
    }

    async fn fill(&self, key: &SharedKey, lease: FillLease, value: Stored) -> Result<Filled, SharedError> {
        self.0.fill(key, lease, value).await
    }

    async fn release(&self, key: &SharedKey, lease: FillLease) -> Result<(), SharedError> {
        self.0.release(key, lease).await
    }

    async fn discard(&self, key: &SharedKey) -> Result<(), SharedError> {
        self.0.discard(key).await
    }

    async fn filled(&self, key: &SharedKey, longest: Duration) {
        self.0.filled(key, longest).await;
    }

    async fn invalidate(&self, invalidation: &Invalidation) -> Propagation {
        self.0.invalidate(invalidation).await
    }

    async fn claim(
        &self,
        key: &SharedKey,
        invalidation: &Invalidation,
        term: Duration,
    ) -> (Propagation, Option<FillLease>) {
        self.0.claim(key, invalidation, term).await
    }

    fn start(&self, port: NodePort) {
        self.0.start(port);
    }

    fn is_available(&self) -> bool {
        self.0.is_available()
    }
}
