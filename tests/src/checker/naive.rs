//! What is usually built: memory and Redis with a ttl, `DEL` on a write, and a message that the others drop theirs.
//!
//! It is here to be wrong: under the load of the checker it must return stale values, or the checker sees nothing.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use fred::{
    clients::{Client, SubscriberClient},
    interfaces::{ClientLike, EventInterface, KeysInterface, PubsubInterface},
    types::{
        Builder, Expiration,
        config::{Config, ReconnectPolicy},
    },
};
use tokio::{task::JoinSet, time::Instant};

use super::{
    CheckerError, Plan,
    record::{Read, Record},
    truth::Truth,
};

/// As the fresh time of the real cache.
const TTL: Duration = Duration::from_millis(800);
const CHANNEL: &str = "naive:invalidated";

/// Entries in memory, with the time at which they expire.
type Memory = Arc<Mutex<HashMap<u32, (u64, Instant)>>>;

/// A node of the naive cache.
#[derive(Debug)]
pub(super) struct NaiveNode {
    thread: JoinHandle<Result<(), CheckerError>>,
    stop: Arc<AtomicBool>,
}

impl NaiveNode {
    pub(super) fn start(
        index: usize,
        url: String,
        plan: &Plan,
        truth: Truth,
        record: Arc<Record>,
    ) -> Result<Self, CheckerError> {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, plan) = (Arc::clone(&stop), plan.clone());
        // The real cache's loads are counted, not these.
        let truth = truth.uncounted();
        let thread = thread::Builder::new().name(format!("naive-{index}")).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(live(index, &url, &plan, truth, record, stopped))
        })?;
        Ok(Self { thread, stop })
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    pub(super) fn join(self) -> Result<(), CheckerError> {
        self.thread
            .join()
            .unwrap_or_else(|_| Err(CheckerError::Io(io::Error::other("a naive thread panicked"))))
    }
}

/// A naive cache: two tiers, and a way to tell the others.
#[derive(Clone)]
struct Naive {
    memory: Memory,
    client: Client,
    truth: Truth,
}

impl Naive {
    fn memory(&self) -> std::sync::MutexGuard<'_, HashMap<u32, (u64, Instant)>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(&self, key: u32) -> (u64, bool) {
        let now = Instant::now();
        if let Some((version, _)) = self.memory().get(&key).filter(|(_, expires)| now < *expires) {
            return (*version, true);
        }
        let name = format!("naive:value:{key}");
        let version = match self.client.get::<Option<u64>, _>(&name).await {
            Ok(Some(version)) => version,
            _ => {
                let version = self.truth.read(key).await;
                let expiry = Expiration::PX(i64::try_from(TTL.as_millis()).unwrap_or(i64::MAX));
                let stored = self
                    .client
                    .set::<(), _, _>(&name, version, Some(expiry), None, false)
                    .await;
                // A failing cache fails no read.
                drop(stored);
                version
            }
        };
        self.memory().insert(key, (version, Instant::now() + TTL));
        (version, false)
    }

    /// Whether Redis has taken it, which is what such caches call done.
    async fn invalidate(&self, key: u32) -> bool {
        self.memory().remove(&key);
        let deleted = self.client.del::<(), _>(format!("naive:value:{key}")).await;
        let told = self.client.publish::<(), _, _>(CHANNEL, key).await;
        deleted.is_ok() && told.is_ok()
    }
}

fn build(url: &str) -> Result<Builder, CheckerError> {
    let config = Config::from_url(url).map_err(io::Error::other)?;
    let mut builder = Builder::from_config(config);
    builder.with_performance_config(|config| config.default_command_timeout = Duration::from_millis(250));
    builder.with_connection_config(|config| config.max_command_attempts = 1);
    builder.set_policy(ReconnectPolicy::new_constant(0, 100));
    Ok(builder)
}

async fn live(
    index: usize,
    url: &str,
    plan: &Plan,
    truth: Truth,
    record: Arc<Record>,
    stop: Arc<AtomicBool>,
) -> Result<(), CheckerError> {
    let builder = build(url)?;
    let client = builder.build().map_err(io::Error::other)?;
    let subscriber: SubscriberClient = builder.build_subscriber_client().map_err(io::Error::other)?;
    let connections = [client.connect(), subscriber.connect()];
    let resubscriber = subscriber.manage_subscriptions();
    let naive = Naive {
        memory: Memory::default(),
        client,
        truth,
    };

    let mut messages = subscriber.message_rx();
    subscriber.subscribe::<_>(CHANNEL).await.map_err(io::Error::other)?;
    let memory = Arc::clone(&naive.memory);
    let listener = tokio::spawn(async move {
        while let Ok(message) = messages.recv().await {
            if let Ok(key) = message.value.convert::<u32>() {
                memory.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
            }
        }
    });

    let mut tasks = JoinSet::new();
    for _ in 0..plan.readers {
        tasks.spawn(read(
            index,
            plan.keys,
            naive.clone(),
            Arc::clone(&record),
            Arc::clone(&stop),
        ));
    }
    for _ in 0..plan.writers {
        tasks.spawn(write(
            index,
            plan.keys,
            naive.clone(),
            Arc::clone(&record),
            Arc::clone(&stop),
        ));
    }
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(io::Error::other)?;
    }
    listener.abort();
    resubscriber.abort();
    for connection in connections {
        connection.abort();
    }
    Ok(())
}

async fn read(index: usize, keys: usize, naive: Naive, record: Arc<Record>, stop: Arc<AtomicBool>) {
    let keys = u32::try_from(keys).unwrap_or(u32::MAX);
    for turn in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let key = rand::random_range(0..keys);
        let noted = record.note(index, key);
        let (version, local) = naive.read(key).await;
        let read = Read {
            node: index,
            key,
            local,
            status: "naive",
        };
        record.compare(noted, version, &read);
        if turn % 16 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

async fn write(index: usize, keys: usize, naive: Naive, record: Arc<Record>, stop: Arc<AtomicBool>) {
    let keys = u32::try_from(keys).unwrap_or(u32::MAX);
    while !stop.load(Ordering::Relaxed) {
        let key = rand::random_range(0..keys);
        let version = naive.truth.write(key);
        let begun = Instant::now();
        if naive.invalidate(key).await {
            record.returned(index, key, version);
            record.acknowledge(key, version, begun.elapsed());
        } else {
            record.defer();
        }
        tokio::time::sleep(Duration::from_millis(rand::random_range(1..30))).await;
    }
}
