//! One node under test: a thread with its own runtime, tier, cache, readers and writers.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use gatewayz_cache_core::{Cache, CacheStatus, Jitter, Keyspace, Node, Policy, Propagation};
use gatewayz_cache_redis::{RedisConfig, RedisTier};
use gatewayz_testkit::eventually;
use tokio::{sync::mpsc, task::JoinSet, time::Instant};

use super::{
    CheckerError, Plan,
    record::{Read, Record},
    truth::Truth,
};

/// Short lives, so that expiry, refresh and stale service happen all the time; no trust without a lease.
pub(super) const KEYSPACE: Keyspace = Keyspace::new(
    "checker:value",
    Policy::new(Duration::from_millis(800))
        .with_stale(Duration::from_secs(5))
        .with_jitter(Jitter::NONE)
        .with_refresh_interval(Duration::from_millis(50))
        .with_degraded_ttl(Duration::ZERO)
        .with_timeouts(Duration::from_millis(100), Duration::from_secs(10))
        .with_fill_term(Duration::from_millis(300)),
);

/// What may be done to a node from outside.
#[derive(Clone, Debug)]
pub(super) enum Hand {
    /// A thread does to itself what it is told.
    Thread(mpsc::Sender<NodeFault>),
    /// A process is stopped and continued.
    Process(rustix::process::Pid),
}

/// A fault inside a node.
#[derive(Clone, Copy, Debug)]
pub(super) enum NodeFault {
    /// The whole node stands still.
    Freeze(Duration),
    /// Only the applier of invalidations stands still. A process stands still as a whole.
    StallApplier(Duration),
}

impl Hand {
    pub(super) fn process(pid: u32) -> io::Result<Self> {
        let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
        pid.map(Self::Process)
            .ok_or_else(|| io::Error::other("a node's process has no id"))
    }

    pub(super) async fn inject(&self, fault: NodeFault) -> io::Result<()> {
        match self {
            // A node that has stopped needs no fault.
            Self::Thread(faults) => drop(faults.send(fault).await),
            Self::Process(pid) => {
                let (NodeFault::Freeze(length) | NodeFault::StallApplier(length)) = fault;
                rustix::process::kill_process(*pid, rustix::process::Signal::STOP)?;
                tokio::time::sleep(length).await;
                rustix::process::kill_process(*pid, rustix::process::Signal::CONT)?;
            }
        }
        Ok(())
    }
}

/// The tier of a node under test.
pub(super) fn tier(url: &str, term: Duration) -> Result<RedisTier, CheckerError> {
    let refused = |error: &dyn std::fmt::Display| CheckerError::Node(error.to_string());
    let mut config = RedisConfig::from_url(url).map_err(|error| refused(&error))?;
    config.lease_term = term;
    RedisTier::new(config).map_err(|error| refused(&error))
}

/// A node under test.
#[derive(Debug)]
pub(super) struct NodeThread {
    thread: JoinHandle<Result<(), CheckerError>>,
    hand: Hand,
    stop: Arc<AtomicBool>,
    attached: Arc<AtomicBool>,
}

impl NodeThread {
    pub(super) fn start(
        index: usize,
        url: String,
        plan: &Plan,
        truth: Truth,
        record: Arc<Record>,
    ) -> Result<Self, CheckerError> {
        let (faults, injected) = mpsc::channel(4);
        let stop = Arc::new(AtomicBool::new(false));
        let attached = Arc::new(AtomicBool::new(false));
        let plan = plan.clone();
        let (stopped, is_attached) = (Arc::clone(&stop), Arc::clone(&attached));
        let thread = thread::Builder::new().name(format!("node-{index}")).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(live(index, &url, &plan, truth, record, injected, stopped, is_attached))
        })?;
        Ok(Self {
            thread,
            hand: Hand::Thread(faults),
            stop,
            attached,
        })
    }

    pub(super) fn hand(&self) -> Hand {
        self.hand.clone()
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    pub(super) fn join(self) -> Result<(), CheckerError> {
        self.thread
            .join()
            .unwrap_or_else(|_| Err(CheckerError::Io(io::Error::other("a node's thread panicked"))))
    }
}

/// How many nodes are attached, given some seconds to get there.
pub(super) async fn all_attached(nodes: &[NodeThread]) -> usize {
    let count = || nodes.iter().filter(|node| node.attached.load(Ordering::SeqCst)).count();
    // The count after the wait tells which way it ended.
    drop(eventually(Duration::from_secs(5), || async { count() == nodes.len() }).await);
    count()
}

#[expect(
    clippy::too_many_arguments,
    reason = "called once, by the thread that owns all of it"
)]
async fn live(
    index: usize,
    url: &str,
    plan: &Plan,
    truth: Truth,
    record: Arc<Record>,
    mut injected: mpsc::Receiver<NodeFault>,
    stop: Arc<AtomicBool>,
    attached: Arc<AtomicBool>,
) -> Result<(), CheckerError> {
    let refused = |error: &dyn std::fmt::Display| CheckerError::Node(error.to_string());
    let tier = tier(url, plan.term)?;
    let node = Node::builder()
        .shared(tier.clone())
        .build()
        .map_err(|error| refused(&error))?;
    let cache: Cache<u32, u64> = node.cache(KEYSPACE).build().map_err(|error| refused(&error))?;

    // Nobody is acknowledged before there is a cluster; the counts begin with it.
    drop(eventually(Duration::from_secs(5), || async { node.is_attached() }).await);
    attached.store(node.is_attached(), Ordering::SeqCst);
    let mut tasks = JoinSet::new();
    for _ in 0..plan.readers {
        tasks.spawn(read(
            index,
            plan.keys,
            cache.clone(),
            truth.clone(),
            Arc::clone(&record),
            Arc::clone(&stop),
        ));
    }
    for _ in 0..plan.writers {
        tasks.spawn(write(
            index,
            plan.keys,
            cache.clone(),
            truth.clone(),
            Arc::clone(&record),
            Arc::clone(&stop),
        ));
    }
    while !stop.load(Ordering::SeqCst) {
        attached.store(node.is_attached(), Ordering::SeqCst);
        match tokio::time::timeout(Duration::from_millis(20), injected.recv()).await {
            Ok(Some(NodeFault::Freeze(length))) => freeze(length),
            Ok(Some(NodeFault::StallApplier(length))) => tier.stall_applier(length),
            Ok(None) | Err(_) => {}
        }
    }
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(io::Error::other)?;
    }
    tier.shutdown().await;
    Ok(())
}

/// Stops everything that runs on this thread.
fn freeze(length: Duration) {
    #[expect(clippy::disallowed_methods, reason = "standing still is the fault that is injected")]
    thread::sleep(length);
}

async fn read(
    index: usize,
    keys: usize,
    cache: Cache<u32, u64>,
    truth: Truth,
    record: Arc<Record>,
    stop: Arc<AtomicBool>,
) {
    let keys = u32::try_from(keys).unwrap_or(u32::MAX);
    for turn in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let key = rand::random_range(0..keys);
        let noted = record.note(index, key);
        match cache.get_or_load(&key, &truth).await {
            Ok(lookup) => {
                let local = matches!(lookup.status, CacheStatus::LocalHit | CacheStatus::StaleHit);
                let read = Read {
                    node: index,
                    key,
                    local,
                    status: lookup.status.as_str(),
                };
                record.compare(noted, lookup.value.as_deref().copied().unwrap_or(0), &read);
            }
            Err(_) => record.read_failed(),
        }
        // The other tasks of this thread want to live, too; and two cores serve all nodes.
        if turn % 16 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

async fn write(
    index: usize,
    keys: usize,
    cache: Cache<u32, u64>,
    truth: Truth,
    record: Arc<Record>,
    stop: Arc<AtomicBool>,
) {
    let keys = u32::try_from(keys).unwrap_or(u32::MAX);
    while !stop.load(Ordering::Relaxed) {
        let key = rand::random_range(0..keys);
        let version = truth.write(key);
        let begun = Instant::now();
        let reached = cache.invalidate([&key]).await;
        record.returned(index, key, version);
        match reached {
            Propagation::Acknowledged => record.acknowledge(key, version, begun.elapsed()),
            Propagation::Deferred => record.defer(),
        }
        tokio::time::sleep(Duration::from_millis(rand::random_range(1..30))).await;
    }
}
