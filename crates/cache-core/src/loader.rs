//! How a missing value is found out, and what can go wrong with that.

use std::{error::Error, future::Future, sync::Arc, time::Duration};

use thiserror::Error;

/// What a loader found out: a value, or the proof that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded<V> {
    pub(crate) value: Option<V>,
    pub(crate) ttl: Option<Duration>,
}

impl<V> Loaded<V> {
    /// A value.
    #[must_use]
    pub const fn found(value: V) -> Self {
        Self {
            value: Some(value),
            ttl: None,
        }
    }

    /// The proof that the source has no value for the key. Remembered only where the policy says for how long.
    #[must_use]
    pub const fn absent() -> Self {
        Self { value: None, ttl: None }
    }

    /// The same with a ttl of its own instead of the policy's. Zero: served to those who wait, kept nowhere.
    #[must_use]
    pub const fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }
}

impl<V> From<Option<V>> for Loaded<V> {
    fn from(value: Option<V>) -> Self {
        Self { value, ttl: None }
    }
}

/// The code that asks the source.
///
/// A loader runs in a task of its own, under the policy's `load_timeout`; the caller that needed it first may be gone
/// by then. It must read a source that has every write whose invalidation was asked for: a primary, not a replica.
pub trait Loader<K, V>: Send + Sync + 'static {
    /// Why the source could not say.
    type Error: Error + Send + Sync + 'static;

    /// Asks the source.
    ///
    /// # Errors
    ///
    /// The loader's own, when it could not find out. A proven absence is no error but [`Loaded::absent`].
    fn load(&self, key: &K) -> impl Future<Output = Result<Loaded<V>, Self::Error>> + Send;
}

impl<K, V, L: Loader<K, V>> Loader<K, V> for Arc<L>
where
    K: Sync,
{
    type Error = L::Error;

    fn load(&self, key: &K) -> impl Future<Output = Result<Loaded<V>, Self::Error>> + Send {
        L::load(self, key)
    }
}

/// A loader made of a closure over the key.
#[derive(Clone, Debug)]
pub struct LoaderFn<F>(F);

/// Makes a loader of a closure that takes the key by value.
pub const fn loader_fn<F>(load: F) -> LoaderFn<F> {
    LoaderFn(load)
}

impl<K, V, E, F, Fut> Loader<K, V> for LoaderFn<F>
where
    K: Clone + Send + Sync + 'static,
    E: Error + Send + Sync + 'static,
    F: Fn(K) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Loaded<V>, E>> + Send,
{
    type Error = E;

    fn load(&self, key: &K) -> impl Future<Output = Result<Loaded<V>, E>> + Send {
        (self.0)(key.clone())
    }
}

/// Why a fill ended without a value. Every waiter of the flight gets the same.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The loader said so; [`LoadError::loader`] gives its error back typed.
    #[error("the source could not be asked")]
    Failed(#[source] Arc<dyn Error + Send + Sync>),
    /// The loader did not end within the policy's `load_timeout`.
    #[error("the source did not answer within {0:?}")]
    TimedOut(Duration),
    /// The loader panicked.
    #[error("the loader panicked")]
    Panicked,
    /// The runtime that ran the load is shutting down.
    #[error("the load was given up because its runtime is shutting down")]
    Abandoned,
}

impl LoadError {
    /// Whether the same call may succeed later. Only the loader's own error may say otherwise.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        !matches!(self, Self::Panicked)
    }

    /// The loader's own error, if it was of this type.
    #[must_use]
    pub fn loader<E: Error + 'static>(&self) -> Option<&E> {
        match self {
            Self::Failed(error) => error.downcast_ref(),
            _ => None,
        }
    }
}
