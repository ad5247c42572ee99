//! What the nodes know of how providers fare: who is left alone, for how long, and why.
//!
//! All of it is shared between the nodes under the names that the earlier system used, and kept per node while the
//! shared tier is gone; nothing here fails or waits then. Google's tokens are not here: they stay in one process (see
//! [`Tokens`](crate::Tokens)).

mod breaker;
mod breakers;
mod errors;
mod modelz;
mod quota;
mod replicated;
mod text;

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use foldhash::fast::RandomState;
use gatewayz_cache_core::{InvalidKeyspace, Node, Propagation, Time, UnixMillis};
use gatewayz_catalog::{ListError, Slug};
use parking_lot::Mutex;

pub use self::{
    breaker::{BreakerPolicy, BreakerState, Permit},
    breakers::{BreakerView, Breakers},
    modelz::{ModelzError, ModelzStatus, ModelzTokens},
};
use self::{
    errors::{ERRORS, ErrorState},
    quota::Quota,
    replicated::Replicated,
};

/// What is known of how a provider fares, for operators.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ProviderState {
    /// Whether it is left alone at present.
    pub in_error_state: bool,
    /// What the last failure was, since it last succeeded.
    pub error: Option<String>,
    /// How many failures in a row there were.
    pub failure_count: u32,
    /// When it is asked again.
    pub retry_at: Option<UnixMillis>,
    /// Its circuit breaker.
    pub breaker: BreakerView,
    /// When this node got its list last.
    pub last_success: Option<UnixMillis>,
    /// How many usable rows that list had.
    pub last_good_rows: Option<u64>,
}

/// How all providers fare. Cheap to clone.
///
/// A list that fails is left alone for 300, 900, 1800 and then 3600 seconds, or for as long as the provider says if
/// that is longer; where its quota is used up, for 900. Five failures in a row, or half of ten calls within a minute,
/// open its circuit breaker, whoever made them.
#[derive(Clone)]
pub struct ProviderStates(Arc<Inner>);

struct Inner {
    time: Time,
    errors: Replicated<Slug, ErrorState>,
    quota: Quota,
    breakers: Breakers,
    good: Mutex<HashMap<Slug, (UnixMillis, u64), RandomState>>,
}

impl ProviderStates {
    /// Registers the states' keyspaces with a node; `time` should be the node's.
    ///
    /// # Errors
    ///
    /// [`InvalidKeyspace`] when the node has them already.
    pub fn new(node: &Node, time: Time) -> Result<Self, InvalidKeyspace> {
        Self::with_breaker(node, time, BreakerPolicy::default())
    }

    /// The same with breakers of another policy.
    ///
    /// # Errors
    ///
    /// [`InvalidKeyspace`] when the node has them already.
    pub fn with_breaker(node: &Node, time: Time, policy: BreakerPolicy) -> Result<Self, InvalidKeyspace> {
        Ok(Self(Arc::new(Inner {
            errors: Replicated::new(node.cache(ERRORS).build()?, time.clone()),
            quota: Quota::new(node, &time)?,
            breakers: Breakers::new(node, time.clone(), policy)?,
            good: Mutex::default(),
            time,
        })))
    }

    /// The circuit breakers, for calls of other kinds.
    #[must_use]
    pub fn breakers(&self) -> &Breakers {
        &self.0.breakers
    }

    /// Asks whether a list may be asked for. In the normal case nothing leaves memory.
    ///
    /// # Errors
    ///
    /// [`ListError::BackedOff`] says for how long it may not, and why.
    pub async fn admit(&self, provider: &Slug) -> Result<Permit, ListError> {
        let inner = &*self.0;
        if let Some((state, age)) = inner.errors.read(provider).await
            && let Some(left) = state.left(age)
        {
            return Err(ListError::BackedOff {
                reason: state.error.unwrap_or_default(),
                retry_after: left,
            });
        }
        if Quota::concerns(provider)
            && let Some(left) = inner.quota.left().await
        {
            return Err(backed_off("the quota is used up", left));
        }
        let admitted = inner.breakers.admit(provider).await;
        admitted.map_err(|left| backed_off("its circuit breaker is open", left))
    }

    /// Takes note of a list that came, with so many usable rows.
    pub async fn succeeded(&self, provider: &Slug, permit: Permit, rows: u64) {
        let inner = &*self.0;
        let now = inner.time.wall();
        inner.good.lock().insert(provider.clone(), (now, rows));
        let _told_later_where_deferred = inner.recover(provider, now).await;
        inner.breakers.record(provider, permit, true).await;
    }

    /// Takes note of a list that did not come. Errors that are not the provider's change nothing.
    pub async fn failed(&self, provider: &Slug, permit: Permit, error: &ListError) {
        let inner = &*self.0;
        if !counts(error) {
            inner.breakers.give_back(provider, permit).await;
            return;
        }
        let before = inner.errors.read(provider).await;
        let now = inner.time.wall();
        let after = ErrorState::after(before.as_ref().map(|(state, _age)| state), error, now);
        tracing::warn!(
            provider = provider.as_str(),
            error = error.as_str(),
            failure_count = after.failure_count,
            back_off_secs = after.backoff,
            "provider left alone"
        );
        let _told_later_where_deferred = inner.errors.write([(provider.clone(), Some(after))]).await;
        if Quota::concerns(provider) && matches!(error, ListError::Quota(_)) {
            inner.quota.used_up(now).await;
        }
        if trips(error) {
            inner.breakers.record(provider, permit, false).await;
        } else {
            inner.breakers.give_back(provider, permit).await;
        }
    }

    /// How a provider fares.
    pub async fn state(&self, provider: &Slug) -> ProviderState {
        let inner = &*self.0;
        let now = inner.time.wall();
        let errors = inner.errors.read(provider).await;
        let mut left = errors.as_ref().and_then(|(state, age)| state.left(*age));
        if Quota::concerns(provider) {
            left = left.max(inner.quota.left().await);
        }
        let state = errors.map(|(state, _age)| state).unwrap_or_default();
        let good = inner.good.lock().get(provider).copied();
        ProviderState {
            in_error_state: left.is_some(),
            error: state.error,
            failure_count: state.failure_count,
            retry_at: left.map(|left| later(now, left)),
            breaker: inner.breakers.view(provider).await,
            last_success: good.map(|(at, _rows)| at),
            last_good_rows: good.map(|(_at, rows)| rows),
        }
    }

    /// Forgets the failures of a provider: it is asked again at once. Says whether every node knows.
    pub async fn reset(&self, provider: &Slug) -> Propagation {
        let inner = &*self.0;
        let recovered = inner.recover(provider, inner.time.wall()).await;
        recovered.and(inner.breakers.reset(provider).await)
    }
}

impl Inner {
    async fn recover(&self, provider: &Slug, now: UnixMillis) -> Propagation {
        let mut told = Propagation::Acknowledged;
        let state = self.errors.read(provider).await;
        if state.is_some_and(|(state, _age)| state.error.is_some()) {
            let recovered = (provider.clone(), Some(ErrorState::recovered(now)));
            told = self.errors.write([recovered]).await;
        }
        if Quota::concerns(provider) {
            told = told.and(self.quota.clear().await);
        }
        told
    }
}

impl fmt::Debug for ProviderStates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderStates").finish_non_exhaustive()
    }
}

fn backed_off(reason: &str, left: Duration) -> ListError {
    ListError::BackedOff {
        reason: reason.to_owned(),
        retry_after: left,
    }
}

fn later(now: UnixMillis, by: Duration) -> UnixMillis {
    UnixMillis(now.0.saturating_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
}

/// Whether an error says something of the provider.
const fn counts(error: &ListError) -> bool {
    !matches!(
        error,
        ListError::NoList(_) | ListError::NotConfigured { .. } | ListError::BackedOff { .. }
    )
}

/// Whether an error says that the provider does not work, rather than that it does not want us.
const fn trips(error: &ListError) -> bool {
    match error {
        ListError::Status { status, .. } => *status >= 500 || *status == 429,
        ListError::Connect(_) | ListError::TimedOut(_) | ListError::Malformed(_) | ListError::TooLarge { .. } => true,
        _ => false,
    }
}
