//! One load for a cold key, however many tasks on however many nodes miss it at once.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use gatewayz_cache_core::{Cache, Keyspace, Loaded, Node, Policy, loader_fn};
use gatewayz_cache_redis::{RedisConfig, RedisTier};
use gatewayz_testkit::{RedisCluster, RedisServer, eventually};
use tokio::{sync::Semaphore, task::JoinSet};

const NODES: usize = 8;
const TASKS: usize = 200;
const SOON: Duration = Duration::from_secs(20);

const KEYSPACE: Keyspace = Keyspace::new(
    "cold:value",
    Policy::new(Duration::from_secs(60))
        .with_timeouts(Duration::from_millis(100), SOON)
        .with_fill_term(Duration::from_millis(500)),
);

/// A source whose answers wait for a gate, and that counts.
#[derive(Clone)]
struct Source {
    loads: Arc<AtomicU64>,
    gate: Arc<Semaphore>,
}

impl Source {
    fn closed() -> Self {
        Self {
            loads: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
        }
    }

    fn open(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    fn loads(&self) -> u64 {
        self.loads.load(Ordering::SeqCst)
    }
}

struct Member {
    tier: RedisTier,
    node: Node,
    cache: Cache<String, u64>,
}

/// A node on the current runtime.
fn member(url: &str) -> Member {
    let mut config = RedisConfig::from_url(url).unwrap();
    // Nine nodes and two thousand tasks share two cores with the server: slow is not gone.
    config.command_timeout = Duration::from_secs(5);
    let tier = RedisTier::new(config).unwrap();
    let node = Node::builder().shared(tier.clone()).build().unwrap();
    let cache = node.cache(KEYSPACE).build().unwrap();
    Member { tier, node, cache }
}

async fn members(url: &str, n: usize) -> Vec<Member> {
    let members: Vec<_> = (0..n).map(|_| member(url)).collect();
    eventually(SOON, || async {
        members.iter().all(|member| member.node.is_attached())
    })
    .await
    .unwrap();
    members
}

/// Starts `TASKS` readers on each node, and says when all of them have begun.
async fn readers(members: &[Member], source: &Source) -> JoinSet<u64> {
    let begun = Arc::new(AtomicU64::new(0));
    let mut readers = JoinSet::new();
    for member in members {
        for _ in 0..TASKS {
            let (cache, source, begun) = (member.cache.clone(), source.clone(), Arc::clone(&begun));
            readers.spawn(async move {
                begun.fetch_add(1, Ordering::SeqCst);
                let loader = loader_fn(move |_key: String| {
                    let source = source.clone();
                    async move {
                        let load = source.loads.fetch_add(1, Ordering::SeqCst) + 1;
                        drop(source.gate.acquire().await);
                        Ok::<_, std::convert::Infallible>(Loaded::found(load))
                    }
                });
                *cache.get_or_load("key", &loader).await.unwrap().value.unwrap()
            });
        }
    }
    let all = (members.len() * TASKS) as u64;
    eventually(SOON, || async { begun.load(Ordering::SeqCst) == all })
        .await
        .unwrap();
    readers
}

async fn answers(mut readers: JoinSet<u64>) -> Vec<u64> {
    let mut answers = Vec::new();
    while let Some(answer) = readers.join_next().await {
        answers.push(answer.unwrap());
    }
    answers.sort_unstable();
    answers.dedup();
    answers
}

async fn one_load(url: &str) {
    let members = members(url, NODES).await;
    let source = Source::closed();
    let readers = readers(&members, &source).await;
    eventually(SOON, || async { source.loads() == 1 }).await.unwrap();
    source.open();
    assert_eq!(answers(readers).await, [1]);
    assert_eq!(source.loads(), 1);
    for member in members {
        member.tier.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_nodes_of_two_hundred_tasks_load_once() {
    let server = RedisServer::start().await.unwrap();
    one_load(&server.url()).await;
    assert_eq!(server.keys_without_expiry().await.unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_load_once_in_cluster() {
    let cluster = RedisCluster::start(3).await.unwrap();
    one_load(&cluster.url()).await;
    for node in cluster.primaries() {
        assert_eq!(node.keys_without_expiry().await.unwrap(), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_dies_in_the_middle_costs_one_load_more() {
    let server = RedisServer::start().await.unwrap();
    let url = server.url();
    let source = Source::closed();

    // The first node lives on a runtime of its own, and dies with it while it loads.
    let doomed = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let loads = Arc::clone(&source.loads);
    doomed.spawn(async move {
        let member = members(&url, 1).await.remove(0);
        let loader = loader_fn(move |_key: String| {
            let loads = Arc::clone(&loads);
            async move {
                loads.fetch_add(1, Ordering::SeqCst);
                std::future::pending::<Result<Loaded<u64>, std::convert::Infallible>>().await
            }
        });
        // Never comes back.
        drop(member.cache.get_or_load("key", &loader).await);
    });
    eventually(SOON, || async { source.loads() == 1 }).await.unwrap();

    let members = members(&server.url(), NODES - 1).await;
    let readers = readers(&members, &source).await;
    // All of them wait for the leader, whose lease is prolonged as long as it lives.
    doomed.shutdown_background();
    source.open();
    assert_eq!(answers(readers).await, [2]);
    assert_eq!(source.loads(), 2);
    for member in members {
        member.tier.shutdown().await;
    }
}
