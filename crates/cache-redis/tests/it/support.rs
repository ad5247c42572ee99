//! A node without a cache: a tier and a sink that writes down what it is told.

use std::{
    collections::HashSet,
    error::Error,
    fmt,
    future::Future,
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use gatewayz_cache_core::{
    Acquired, Attachment, Clock, FillLease, Filled, Intent, Invalidation, InvalidationSink, KernelClock, NodePort,
    SharedKey, SharedTier, Stored, Time,
};
use gatewayz_cache_redis::{RedisConfig, RedisTier, TierStats};
use gatewayz_testkit::{RedisServer, Reply, eventually};
use std::sync::Mutex;

pub(crate) type Outcome = Result<(), Box<dyn Error>>;

/// As long as a healthy machine may take for anything.
pub(crate) const SOON: Duration = Duration::from_secs(5);
pub(crate) const TERM: Duration = Duration::from_secs(10);

/// Holds names, and forgets what it is told to.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    held: Mutex<HashSet<String>>,
    applied: AtomicU64,
    prefixes: Vec<String>,
}

impl Sink {
    pub(crate) fn hold(&self, name: &str) {
        self.held.lock().unwrap().insert(name.to_owned());
    }

    pub(crate) fn applied(&self) -> u64 {
        self.applied.load(Ordering::SeqCst)
    }
}

impl InvalidationSink for Sink {
    fn apply(&self, invalidation: &Invalidation) {
        self.applied.fetch_add(1, Ordering::SeqCst);
        self.held.lock().unwrap().retain(|name| !invalidation.covers(name));
    }

    fn clear_coherent(&self) {
        self.held.lock().unwrap().clear();
    }

    fn holds(&self, name: &str) -> bool {
        self.held.lock().unwrap().contains(name)
    }

    fn prefixes(&self) -> Vec<String> {
        self.prefixes.clone()
    }
}

pub(crate) struct Peer {
    pub(crate) tier: RedisTier,
    pub(crate) sink: Arc<Sink>,
    attachment: Arc<Attachment>,
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl Peer {
    /// Starts a node that need not be attached yet.
    pub(crate) fn start(config: RedisConfig) -> Self {
        let tier = RedisTier::new(config).unwrap();
        let sink = Arc::new(Sink {
            prefixes: vec!["models:provider".to_owned(), "models:stats".to_owned()],
            ..Sink::default()
        });
        let attachment = Arc::new(Attachment::detached());
        tier.start(NodePort {
            sink: Arc::clone(&sink) as Arc<dyn InvalidationSink>,
            attachment: Arc::clone(&attachment),
            time: Time::Kernel,
        });
        Self { tier, sink, attachment }
    }

    /// Starts a node and waits until it is attached.
    pub(crate) async fn attached(config: RedisConfig) -> Self {
        let peer = Self::start(config);
        peer.await_attached().await;
        peer
    }

    pub(crate) async fn of(server: &RedisServer) -> Self {
        Self::attached(config(&server.url())).await
    }

    pub(crate) fn is_attached(&self) -> bool {
        self.attachment.holds(KernelClock.now())
    }

    pub(crate) async fn await_attached(&self) {
        self.until("attached", SOON, || self.is_attached()).await;
    }

    pub(crate) fn stats(&self) -> TierStats {
        self.tier.stats()
    }

    #[track_caller]
    pub(crate) fn until(
        &self,
        what: &str,
        limit: Duration,
        condition: impl Fn() -> bool + Send + Sync,
    ) -> impl Future<Output = Duration> {
        let caller = std::panic::Location::caller();
        async move {
            match eventually(limit, || std::future::ready(condition())).await {
                Ok(took) => took,
                Err(error) => panic!("{caller}: not {what}: {error}: {:?}", self.stats()),
            }
        }
    }

    /// Takes the right to fill a key that nobody else is filling.
    pub(crate) async fn lead(&self, key: &SharedKey) -> FillLease {
        match self.tier.acquire(key, Intent::Fill, TERM).await {
            Ok(Acquired::Lead(lease)) => lease,
            other => panic!("no lease: {other:?}"),
        }
    }

    /// Fills a key.
    pub(crate) async fn fill(&self, key: &SharedKey, payload: &str) {
        let lease = self.lead(key).await;
        let filled = self.tier.fill(key, lease, stored(payload)).await;
        assert!(matches!(filled, Ok(Filled::Stored)), "{filled:?}");
    }

    pub(crate) async fn get(&self, key: &SharedKey) -> Option<String> {
        let stored = self.tier.get(key).await.unwrap()?;
        Some(String::from_utf8(stored.payload?.to_vec()).unwrap())
    }
}

pub(crate) fn config(url: &str) -> RedisConfig {
    RedisConfig::from_url(url).unwrap()
}

pub(crate) fn key(name: &str) -> SharedKey {
    SharedKey {
        name: name.to_owned(),
        schema: 1,
        coherent: true,
        ttl: Duration::from_secs(60),
        stale: Duration::ZERO,
    }
}

pub(crate) fn loose(name: &str) -> SharedKey {
    SharedKey {
        coherent: false,
        ..key(name)
    }
}

pub(crate) fn stored(payload: &str) -> Stored {
    Stored {
        payload: Some(Bytes::copy_from_slice(payload.as_bytes())),
        source_time: KernelClock.wall(),
        ttl: Duration::from_secs(900),
        stale: Duration::from_secs(60),
    }
}

pub(crate) fn names(names: &[&str]) -> Invalidation {
    names.iter().fold(Invalidation::new(), |all, name| all.name(*name))
}

/// Runs a command that must not be refused.
#[track_caller]
pub(crate) fn redis<'a>(server: &'a RedisServer, args: &'a [&'a str]) -> impl Future<Output = Reply> + 'a {
    let caller = std::panic::Location::caller();
    async move {
        match server.command(args).await {
            Ok(Reply::Error(error)) => panic!("{caller}: {args:?}: {error}"),
            Ok(reply) => reply,
            Err(error) => panic!("{caller}: {args:?}: {error}"),
        }
    }
}

/// Nothing on the server lives for ever.
#[track_caller]
pub(crate) fn assert_all_expire(server: &RedisServer) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let endless = server.keys_without_expiry().await.unwrap();
        assert!(endless.is_empty(), "{caller}: keys without expiry: {endless:?}");
    }
}

/// Waits until so many clients have the server push them what is written.
pub(crate) async fn tracks(server: &RedisServer, n_clients: usize) {
    let armed = || async {
        let clients = redis(server, &["CLIENT", "LIST"]).await;
        let clients = clients.as_text().unwrap_or_default().to_string();
        let flags = clients
            .lines()
            .filter_map(|line| line.split("flags=").nth(1)?.split(' ').next());
        flags.filter(|flags| flags.contains('t') && flags.contains('B')).count() == n_clients
    };
    eventually(SOON, armed).await.unwrap();
}
