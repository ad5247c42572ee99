//! What the writers have been promised, and what the readers got.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// The promises and the counts of one kind of cache.
#[derive(Debug)]
pub(super) struct Record {
    /// By key: the greatest version whose invalidation was acknowledged.
    acknowledged: Vec<AtomicU64>,
    /// By node and key: the greatest version whose invalidation returned there, acknowledged or not.
    own: Vec<Vec<AtomicU64>>,
    violations: AtomicU64,
    own_violations: AtomicU64,
    read_errors: AtomicU64,
    reads: AtomicU64,
    local_hits: AtomicU64,
    deferred: AtomicU64,
    latencies: Mutex<Vec<Duration>>,
    /// The first violations, in words.
    stories: Mutex<Vec<String>>,
    begun: Instant,
}

/// How many violations are told in words.
const STORIES: usize = 20;

/// One read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read {
    pub(super) node: usize,
    pub(super) key: u32,
    /// Whether memory answered.
    pub(super) local: bool,
    /// How it was answered.
    pub(super) status: &'static str,
}

/// What was promised for a key when a read began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noted {
    acknowledged: u64,
    own: u64,
}

/// The counts of one kind of cache.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Reads below an acknowledged version.
    pub violations: u64,
    /// Reads below a version that the reader's own node had invalidated.
    pub own_violations: u64,
    /// Reads that ended in an error.
    pub read_errors: u64,
    /// All reads.
    pub reads: u64,
    /// Reads answered from memory.
    pub local_hits: u64,
    /// Acknowledged invalidations.
    pub acknowledged: u64,
    /// Deferred invalidations.
    pub deferred: u64,
    /// Median of the time to an acknowledgement, in milliseconds.
    pub ack_p50_ms: f64,
    /// All but a hundredth.
    pub ack_p99_ms: f64,
    /// The longest.
    pub ack_max_ms: f64,
}

impl Record {
    pub(super) fn new(keys: usize, nodes: usize) -> Self {
        let zeros = || (0..keys).map(|_| AtomicU64::new(0)).collect::<Vec<_>>();
        Self {
            acknowledged: zeros(),
            own: (0..nodes).map(|_| zeros()).collect(),
            violations: AtomicU64::new(0),
            own_violations: AtomicU64::new(0),
            read_errors: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            local_hits: AtomicU64::new(0),
            deferred: AtomicU64::new(0),
            latencies: Mutex::new(Vec::new()),
            stories: Mutex::new(Vec::new()),
            begun: Instant::now(),
        }
    }

    /// To be called before a read begins.
    pub(super) fn note(&self, node: usize, key: u32) -> Noted {
        Noted {
            acknowledged: self.acknowledged[key as usize].load(Ordering::SeqCst),
            own: self.own[node][key as usize].load(Ordering::SeqCst),
        }
    }

    /// Compares what a read returned with what was promised before it began.
    pub(super) fn compare(&self, noted: Noted, got: u64, read: &Read) {
        self.reads.fetch_add(1, Ordering::Relaxed);
        if read.local {
            self.local_hits.fetch_add(1, Ordering::Relaxed);
        }
        if got < noted.acknowledged {
            self.violations.fetch_add(1, Ordering::Relaxed);
        }
        if got < noted.own {
            self.own_violations.fetch_add(1, Ordering::Relaxed);
        }
        if got < noted.acknowledged.max(noted.own) {
            let mut stories = self.stories.lock().unwrap_or_else(PoisonError::into_inner);
            if stories.len() < STORIES {
                let after = self.begun.elapsed();
                let Read { node, key, status, .. } = read;
                let Noted { acknowledged, own } = noted;
                stories.push(format!(
                    "after {after:?}: node {node} read key {key} as {got} ({status}); {acknowledged} was acknowledged, \
                     {own} returned on this node"
                ));
            }
        }
    }

    pub(super) fn stories(&self) -> Vec<String> {
        self.stories.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn read_failed(&self) {
        self.read_errors.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that the invalidation of a version has returned on a node.
    pub(super) fn returned(&self, node: usize, key: u32, version: u64) {
        self.own[node][key as usize].fetch_max(version, Ordering::SeqCst);
    }

    /// Notes that the invalidation of a version was acknowledged after this time.
    pub(super) fn acknowledge(&self, key: u32, version: u64, after: Duration) {
        self.acknowledged[key as usize].fetch_max(version, Ordering::SeqCst);
        self.latencies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(after);
    }

    pub(super) fn defer(&self) {
        self.deferred.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn figures(&self) -> Figures {
        let mut latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner).clone();
        latencies.sort_unstable();
        let at = |percent: usize| {
            let index = (latencies.len() * percent / 100).min(latencies.len().saturating_sub(1));
            latencies
                .get(index)
                .map_or(0.0, |latency| latency.as_secs_f64() * 1_000.0)
        };
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Figures {
            violations: of(&self.violations),
            own_violations: of(&self.own_violations),
            read_errors: of(&self.read_errors),
            reads: of(&self.reads),
            local_hits: of(&self.local_hits),
            acknowledged: latencies.len() as u64,
            deferred: of(&self.deferred),
            ack_p50_ms: at(50),
            ack_p99_ms: at(99),
            ack_max_ms: at(100),
        }
    }
}
