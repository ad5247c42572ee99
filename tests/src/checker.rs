//! The checker: real nodes, a real Redis, a versioned source, and every fault that can be injected.
//!
//! Writers raise a key's version at the source and invalidate it. Readers note the last acknowledged version of a key,
//! read the key through their node, and compare: a version below the noted one is a *violation*. The same load runs
//! through a *naive* cache (memory and Redis with a ttl, `DEL`, and a message to the other nodes), which shows that the
//! load finds stale reads where there are any.
//!
//! Every node has a runtime of one thread to itself, so that freezing the thread freezes the node: its applier, its
//! renewals and its readers.

mod faults;
mod naive;
mod node;
pub mod processes;
mod record;
mod truth;

use std::{sync::Arc, time::Duration};

use gatewayz_testkit::{FaultProxy, RedisServer};
use serde::Serialize;

pub use self::record::Figures;
use self::{faults::Injector, naive::NaiveNode, node::NodeThread, record::Record, truth::Truth};

/// What a run of the checker does.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many nodes.
    pub nodes: usize,
    /// How many readers in each node.
    pub readers: usize,
    /// How many writers in each node.
    pub writers: usize,
    /// How many keys.
    pub keys: usize,
    /// The term of the node leases.
    pub term: Duration,
    /// How long it runs, with faults.
    pub length: Duration,
    /// Which faults are injected.
    pub faults: Faults,
}

/// Which faults are injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Faults {
    /// All of them, in an order drawn from the seed.
    All {
        /// The seed.
        seed: u64,
    },
    /// None.
    None,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            nodes: 4,
            readers: 3,
            writers: 3,
            keys: 48,
            term: Duration::from_millis(400),
            length: Duration::from_secs(60),
            faults: Faults::All { seed: 1 },
        }
    }
}

/// What a run has found. Its JSON form is the last line of `cargo xtask soak`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Reads that returned less than was acknowledged before they began. Must be 0.
    pub violations: u64,
    /// Reads on the invalidating node itself that returned less than it had invalidated, acknowledged or not. Must be 0.
    pub own_violations: u64,
    /// Reads that returned an error. Must be 0: the source never fails here.
    pub read_errors: u64,
    /// Reads compared.
    pub reads: u64,
    /// Of these, answered from memory.
    pub local_hits: u64,
    /// Invalidations that were acknowledged.
    pub invalidations: u64,
    /// Invalidations that were deferred.
    pub deferred: u64,
    /// Time to the acknowledgement, half of them, in milliseconds.
    pub ack_p50_ms: f64,
    /// Time to the acknowledgement, all but a hundredth.
    pub ack_p99_ms: f64,
    /// The longest time to an acknowledgement.
    pub ack_max_ms: f64,
    /// Times that the source was asked.
    pub loads: u64,
    /// Stale reads of the naive cache under the same load.
    pub naive_violations: u64,
    /// Reads of the naive cache.
    pub naive_reads: u64,
    /// Faults injected, by kind.
    pub faults: std::collections::BTreeMap<&'static str, u64>,
    /// Keys in Redis without an expiry when all was over. Must be empty.
    pub keys_without_expiry: Vec<String>,
    /// Nodes that were attached again when all was over. Must be all.
    pub attached: usize,
    /// The number of nodes.
    pub nodes: usize,
    /// The first violations, in words.
    pub stories: Vec<String>,
    /// How long it ran, in seconds.
    pub seconds: f64,
}

impl Report {
    /// Whether nothing was found that must not be.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violations == 0
            && self.own_violations == 0
            && self.read_errors == 0
            && self.keys_without_expiry.is_empty()
            && self.attached == self.nodes
    }
}

/// Why a run could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckerError {
    /// A server or a proxy failed.
    #[error("the checker's server failed")]
    Server(#[from] gatewayz_testkit::ServerError),
    /// A proxy or a thread could not be started.
    #[error("the checker could not start a proxy or a thread")]
    Io(#[from] std::io::Error),
    /// A node could not be made.
    #[error("a node could not be made: {0}")]
    Node(String),
}

/// Runs the plan.
///
/// # Errors
///
/// [`CheckerError`] when a server, proxy or node could not be started. Violations are no errors: they are in the report.
pub async fn run(plan: &Plan) -> Result<Report, CheckerError> {
    let server = Arc::new(RedisServer::start().await?);
    let record = Arc::new(Record::new(plan.keys, plan.nodes));
    let naive_record = Arc::new(Record::new(plan.keys, plan.nodes));
    let truth = Truth::new(plan.keys);

    let mut proxies = Vec::new();
    let mut nodes = Vec::new();
    let mut naive_nodes = Vec::new();
    for index in 0..plan.nodes {
        let proxy = Arc::new(FaultProxy::start(server.addr()).await?);
        let url = server.url_at(proxy.addr());
        nodes.push(NodeThread::start(
            index,
            url.clone(),
            plan,
            truth.clone(),
            Arc::clone(&record),
        )?);
        naive_nodes.push(NaiveNode::start(
            index,
            url,
            plan,
            truth.clone(),
            Arc::clone(&naive_record),
        )?);
        proxies.push(proxy);
    }

    // Faults and figures begin with a whole cluster.
    nodes::all_attached(&nodes).await;
    let begun = tokio::time::Instant::now();
    let mut injector = Injector::new(
        plan.faults,
        Arc::clone(&server),
        proxies,
        nodes.iter().map(NodeThread::hand).collect(),
    );
    injector.run_until(begun + plan.length).await?;
    injector.heal().await?;
    // Everything is healthy again: the nodes must come back by themselves.
    let attached = nodes::all_attached(&nodes).await;
    let seconds = begun.elapsed().as_secs_f64();
    for node in &nodes {
        node.stop();
    }
    for node in &naive_nodes {
        node.stop();
    }
    for node in nodes {
        node.join()?;
    }
    for node in naive_nodes {
        node.join()?;
    }
    let keys_without_expiry = server.keys_without_expiry().await?;
    let figures = record.figures();
    let naive = naive_record.figures();
    Ok(Report {
        violations: figures.violations,
        own_violations: figures.own_violations,
        read_errors: figures.read_errors,
        reads: figures.reads,
        local_hits: figures.local_hits,
        invalidations: figures.acknowledged,
        deferred: figures.deferred,
        ack_p50_ms: figures.ack_p50_ms,
        ack_p99_ms: figures.ack_p99_ms,
        ack_max_ms: figures.ack_max_ms,
        loads: truth.loads(),
        naive_violations: naive.violations,
        naive_reads: naive.reads,
        faults: injector.counts(),
        keys_without_expiry,
        attached,
        nodes: plan.nodes,
        stories: record.stories(),
        seconds,
    })
}

use self::node as nodes;
