//! The tier.

use std::{fmt, sync::Arc, time::Duration};

use gatewayz_cache_core::{
    Acquired, FillLease, Filled, Intent, Invalidation, NodePort, Propagation, SharedError, SharedKey, SharedTier,
    Stored, Tick,
};
use parking_lot::Mutex;
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    config::{InvalidConfig, RedisConfig},
    inner::Inner,
    invalidate::Claim,
    link::Blueprint,
    server::ServerInfo,
    stats::TierStats,
    supervisor,
};

/// The shared tier on Redis or Valkey, 6.2 or newer: one server, Sentinel or Cluster.
///
/// Made by [`new`](Self::new), brought to life by [`start`](SharedTier::start), which a
/// [`Node`](gatewayz_cache_core::Node) calls. Clones are the same tier. Dropping the last one ends its tasks; call
/// [`shutdown`](Self::shutdown) before, so that the other nodes need not wait for this one's lease to run out.
///
/// # Consistency
///
/// See [`SharedTier`]; what the protocol does not cover is said in the documentation of the crate.
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
/// use gatewayz_cache_core::{Keyspace, Node, Policy, loader_fn};
/// use gatewayz_cache_redis::{RedisConfig, RedisTier};
///
/// const MODELS: Keyspace = Keyspace::new("models:provider", Policy::new(Duration::from_secs(1800)));
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let tier = RedisTier::new(RedisConfig::from_url("redis://localhost:6379/0")?)?;
/// let node = Node::builder().shared(tier.clone()).build()?;
/// let models = node.cache::<Vec<String>>(MODELS).build::<String>()?;
/// // .. serve ..
/// tier.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisTier {
    inner: Arc<Inner>,
    life: Arc<Life>,
}

/// Ends the supervisor when the last clone goes.
struct Life {
    stop: watch::Sender<bool>,
    supervisor: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Life {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl RedisTier {
    /// Creates a tier that does nothing yet: every call says that it is unavailable until it is started.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] names the field to change.
    pub fn new(config: RedisConfig) -> Result<Self, InvalidConfig> {
        let blueprint = Blueprint::new(&config)?;
        Ok(Self {
            inner: Arc::new(Inner::new(config, blueprint)),
            life: Arc::new(Life {
                stop: watch::Sender::new(false),
                supervisor: Mutex::new(None),
            }),
        })
    }

    /// What the tier has done, and how it stands.
    #[must_use]
    pub fn stats(&self) -> TierStats {
        use std::sync::atomic::Ordering::Relaxed;
        let mut stats = self.inner.view.lock().clone();
        stats.breaker_open = self.inner.breaker.is_open();
        stats.damaged = self.inner.meters.n_damaged.load(Relaxed);
        stats.errors = self.inner.meters.n_errors.load(Relaxed);
        stats
    }

    /// What the server says of itself. One `INFO`: for every few seconds, not for every request.
    ///
    /// # Errors
    ///
    /// [`SharedError`] when it does not answer within a command's time-out.
    pub async fn server_info(&self) -> Result<ServerInfo, SharedError> {
        self.inner.server_info().await
    }

    /// Gives the node's lease back and ends the tier's tasks, within a command's time-out. Calls from then on say that
    /// the tier is unavailable.
    ///
    /// # Cancel safety
    ///
    /// The tasks end also when the future is dropped.
    pub async fn shutdown(&self) {
        self.life.stop.send_replace(true);
        let supervisor = self.life.supervisor.lock().take();
        if let Some(supervisor) = supervisor {
            // It ends by itself; an error means that it has ended already.
            let _ended = supervisor.await;
        }
    }

    /// Lets this node's applier take no message for a while; renewals go on.
    #[cfg(feature = "test-util")]
    pub fn stall_applier(&self, by: Duration) {
        self.inner.faults.stall(by);
    }

    /// Holds this node's acknowledgements back from now on.
    #[cfg(feature = "test-util")]
    pub fn delay_acks(&self, by: Duration) {
        self.inner.faults.delay_acks(by);
    }
}

impl fmt::Debug for RedisTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisTier")
            .field("config", &self.inner.config)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl SharedTier for RedisTier {
    async fn get(&self, key: &SharedKey) -> Result<Option<Stored>, SharedError> {
        self.inner.get(key).await
    }

    async fn acquire(&self, key: &SharedKey, intent: Intent, term: Duration) -> Result<Acquired, SharedError> {
        self.inner.acquire(key, intent, term).await
    }

    async fn extend(&self, key: &SharedKey, lease: &FillLease, term: Duration) -> Result<bool, SharedError> {
        self.inner.extend(key, lease, term).await
    }

    async fn fill(&self, key: &SharedKey, lease: FillLease, value: Stored) -> Result<Filled, SharedError> {
        self.inner.fill(key, lease, value).await
    }

    async fn release(&self, key: &SharedKey, lease: FillLease) -> Result<(), SharedError> {
        self.inner.release(key, &lease).await
    }

    async fn discard(&self, key: &SharedKey) -> Result<(), SharedError> {
        self.inner.discard(key).await
    }

    async fn filled(&self, key: &SharedKey, longest: Duration) {
        self.inner.waiters.wait(&key.name, longest).await;
    }

    async fn invalidate(&self, invalidation: &Invalidation) -> Propagation {
        if !self.inner.config.enabled {
            return Propagation::Acknowledged;
        }
        self.inner.invalidate(invalidation, None).await.0
    }

    async fn claim(
        &self,
        key: &SharedKey,
        invalidation: &Invalidation,
        term: Duration,
    ) -> (Propagation, Option<FillLease>) {
        if !self.inner.config.enabled {
            return (Propagation::Acknowledged, None);
        }
        let claim = Claim { name: &key.name, term };
        self.inner.invalidate(invalidation, Some(claim)).await
    }

    /// # Panics
    ///
    /// Panics outside of a tokio runtime.
    fn start(&self, port: NodePort) {
        if !self.inner.config.enabled {
            // There is nobody else: what is in memory is all there is.
            port.attachment.prolong(Tick::NEVER);
            return;
        }
        let mut supervisor = self.life.supervisor.lock();
        if supervisor.is_some() {
            tracing::warn!("a redis tier serves one node: the second start is ignored");
            return;
        }
        *self.inner.port.lock() = Some(port.clone());
        let run = supervisor::run(Arc::clone(&self.inner), port, self.life.stop.subscribe());
        *supervisor = Some(tokio::spawn(run));
    }

    fn is_available(&self) -> bool {
        !self.inner.breaker.is_open()
    }
}
