//! The checker with a process for every node: nothing is shared but Redis and the source.
//!
//! The source and the promises live in a second Redis that no fault touches. A node is frozen by `SIGSTOP`, so that
//! every thread of it stands still wherever it is.

use std::{io, path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use fred::{
    clients::Client,
    interfaces::{ClientLike, KeysInterface, LuaInterface},
    types::{Builder, config::Config},
};
use gatewayz_cache_core::{Cache, Loaded, Loader, Node, Propagation};
use gatewayz_testkit::{FaultProxy, RedisServer, eventually};
use serde::{Deserialize, Serialize};
use tokio::{io::AsyncReadExt, process::Command, task::JoinSet, time::Instant};

use super::{
    CheckerError, Plan, Report,
    faults::Injector,
    node::{Hand, KEYSPACE, tier},
};

/// What one process has counted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ChildReport {
    violations: u64,
    read_errors: u64,
    reads: u64,
    local_hits: u64,
    deferred: u64,
    loads: u64,
    attached: bool,
    ack_micros: Vec<u64>,
}

/// What a process is told.
#[derive(Clone, Debug)]
pub struct Child {
    /// The Redis under test, through this node's proxy.
    pub url: String,
    /// The Redis that holds source and promises.
    pub truth: String,
    /// How long the process works.
    pub length: Duration,
}

/// Runs the plan with a process for every node. `program` is the soak itself.
///
/// # Errors
///
/// [`CheckerError`] when a server, proxy or process could not be started or gave no report.
pub async fn run(plan: &Plan, program: PathBuf) -> Result<Report, CheckerError> {
    let server = Arc::new(RedisServer::start().await?);
    let truth = RedisServer::start().await?;
    let begun = Instant::now();
    let (mut proxies, mut children, mut hands) = (Vec::new(), Vec::new(), Vec::new());
    // Long enough for the nodes to come back after the last fault, before they report.
    let child_length = plan.length + Duration::from_secs(6);
    for _ in 0..plan.nodes {
        let proxy = Arc::new(FaultProxy::start(server.addr()).await?);
        let child = Command::new(&program)
            .arg("--child")
            .arg(server.url_at(proxy.addr()))
            .arg(truth.url())
            .args(["--seconds", &child_length.as_secs().to_string()])
            .args(["--keys", &plan.keys.to_string(), "--readers", &plan.readers.to_string()])
            .args([
                "--writers",
                &plan.writers.to_string(),
                "--term-ms",
                &plan.term.as_millis().to_string(),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(pid) = child.id() {
            hands.push(Hand::process(pid)?);
        }
        children.push(child);
        proxies.push(proxy);
    }
    let mut injector = Injector::new(plan.faults, Arc::clone(&server), proxies, hands);
    injector.run_until(begun + plan.length).await?;
    injector.heal().await?;

    let mut sum = ChildReport::default();
    let mut attached = 0;
    for mut child in children {
        let mut text = String::new();
        if let Some(mut stdout) = child.stdout.take() {
            tokio::time::timeout(child_length, stdout.read_to_string(&mut text))
                .await
                .map_err(io::Error::other)??;
        }
        let report: ChildReport = serde_json::from_str(&text)
            .map_err(|error| CheckerError::Node(format!("a node gave no report: {error}")))?;
        sum.violations += report.violations;
        sum.read_errors += report.read_errors;
        sum.reads += report.reads;
        sum.local_hits += report.local_hits;
        sum.deferred += report.deferred;
        sum.loads += report.loads;
        sum.ack_micros.extend(report.ack_micros);
        attached += usize::from(report.attached);
    }
    sum.ack_micros.sort_unstable();
    let at = |percent: usize| {
        let index = (sum.ack_micros.len() * percent / 100).min(sum.ack_micros.len().saturating_sub(1));
        sum.ack_micros
            .get(index)
            .map_or(0.0, |micros| Duration::from_micros(*micros).as_secs_f64() * 1_000.0)
    };
    Ok(Report {
        violations: sum.violations,
        own_violations: 0,
        read_errors: sum.read_errors,
        reads: sum.reads,
        local_hits: sum.local_hits,
        invalidations: sum.ack_micros.len() as u64,
        deferred: sum.deferred,
        ack_p50_ms: at(50),
        ack_p99_ms: at(99),
        ack_max_ms: at(100),
        loads: sum.loads,
        naive_violations: 0,
        naive_reads: 0,
        faults: injector.counts(),
        keys_without_expiry: server.keys_without_expiry().await?,
        attached,
        nodes: plan.nodes,
        stories: Vec::new(),
        seconds: begun.elapsed().as_secs_f64(),
    })
}

/// Source and promises in a Redis of their own.
#[derive(Clone)]
struct RemoteTruth {
    client: Client,
}

/// Sets a number only if it is greater than what is there.
const RAISE: &str = "if tonumber(ARGV[1]) > tonumber(redis.call('GET', KEYS[1]) or '0') then
  redis.call('SET', KEYS[1], ARGV[1]) end return 1";

impl RemoteTruth {
    async fn connect(url: &str) -> Result<Self, CheckerError> {
        let config = Config::from_url(url).map_err(io::Error::other)?;
        let client = Builder::from_config(config).build().map_err(io::Error::other)?;
        client.init().await.map_err(io::Error::other)?;
        Ok(Self { client })
    }

    async fn number(&self, name: &str, key: u32) -> Result<u64, CheckerError> {
        let value: Option<u64> = self
            .client
            .get(format!("{name}:{key}"))
            .await
            .map_err(io::Error::other)?;
        Ok(value.unwrap_or(0))
    }

    async fn write(&self, key: u32) -> Result<u64, CheckerError> {
        Ok(self
            .client
            .incr(format!("version:{key}"))
            .await
            .map_err(io::Error::other)?)
    }

    async fn acknowledge(&self, key: u32, version: u64) -> Result<(), CheckerError> {
        let raised: i64 = self
            .client
            .eval(RAISE, format!("acknowledged:{key}"), version)
            .await
            .map_err(io::Error::other)?;
        debug_assert_eq!(raised, 1);
        Ok(())
    }
}

impl Loader<u32, u64> for RemoteTruth {
    type Error = CheckerError;

    async fn load(&self, key: &u32) -> Result<Loaded<u64>, CheckerError> {
        let version = self.number("version", *key).await?;
        tokio::time::sleep(Duration::from_millis(rand::random_range(0..3))).await;
        Ok(Loaded::found(version))
    }
}

/// One node in a process of its own.
///
/// # Errors
///
/// [`CheckerError`] when the node could not be made or the truth could not be asked.
pub async fn child(plan: &Plan, child: &Child) -> Result<ChildReport, CheckerError> {
    let truth = RemoteTruth::connect(&child.truth).await?;
    let tier = tier(&child.url, plan.term)?;
    let refused = |error: &dyn std::fmt::Display| CheckerError::Node(error.to_string());
    let node = Node::builder()
        .shared(tier.clone())
        .build()
        .map_err(|error| refused(&error))?;
    let cache: Cache<u32, u64> = node.cache(KEYSPACE).build().map_err(|error| refused(&error))?;
    let end = Instant::now() + child.length;
    let keys = u32::try_from(plan.keys).unwrap_or(u32::MAX);

    let mut tasks = JoinSet::new();
    for _ in 0..plan.readers {
        tasks.spawn(read(keys, cache.clone(), truth.clone(), end));
    }
    for _ in 0..plan.writers {
        tasks.spawn(write(keys, cache.clone(), truth.clone(), end));
    }
    let mut sum = ChildReport::default();
    while let Some(ended) = tasks.join_next().await {
        let report = ended.map_err(io::Error::other)??;
        sum.violations += report.violations;
        sum.read_errors += report.read_errors;
        sum.reads += report.reads;
        sum.local_hits += report.local_hits;
        sum.deferred += report.deferred;
        sum.ack_micros.extend(report.ack_micros);
    }
    sum.loads = cache.stats().loads;
    if eventually(Duration::from_secs(3), || async { node.is_attached() })
        .await
        .is_ok()
    {
        sum.attached = true;
    }
    tier.shutdown().await;
    Ok(sum)
}

async fn read(
    keys: u32,
    cache: Cache<u32, u64>,
    truth: RemoteTruth,
    end: Instant,
) -> Result<ChildReport, CheckerError> {
    let mut counts = ChildReport::default();
    while Instant::now() < end {
        let key = rand::random_range(0..keys);
        let noted = truth.number("acknowledged", key).await?;
        match cache.get_or_load(&key, &truth).await {
            Ok(lookup) => {
                counts.reads += 1;
                counts.local_hits += u64::from(lookup.status.as_str() == "local_hit");
                counts.violations += u64::from(lookup.value.as_deref().copied().unwrap_or(0) < noted);
            }
            Err(_) => counts.read_errors += 1,
        }
    }
    Ok(counts)
}

async fn write(
    keys: u32,
    cache: Cache<u32, u64>,
    truth: RemoteTruth,
    end: Instant,
) -> Result<ChildReport, CheckerError> {
    let mut counts = ChildReport::default();
    while Instant::now() < end {
        let key = rand::random_range(0..keys);
        let version = truth.write(key).await?;
        let begun = Instant::now();
        match cache.invalidate([&key]).await {
            Propagation::Acknowledged => {
                counts
                    .ack_micros
                    .push(u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX));
                truth.acknowledge(key, version).await?;
            }
            Propagation::Deferred => counts.deferred += 1,
        }
        tokio::time::sleep(Duration::from_millis(rand::random_range(1..30))).await;
    }
    Ok(counts)
}
