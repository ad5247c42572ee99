//! P1 and P2 under threads: no read that begins after an acknowledged invalidation returns an older version.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use gatewayz_cache_core::{Cache, Capacity, Keyspace, Node, Pace, Propagation};
use gatewayz_testkit::{CountingSource, FakeCluster, FakeShared, ManualClock, Versioned};

use crate::support::{POLICY, secs};

const KEYS: usize = 3;
const NODES: usize = 3;
const WRITES: u64 = 400;

const ITEMS: Keyspace = Keyspace::new(
    "items",
    POLICY.with_degraded_ttl(secs(0)).with_refresh_interval(secs(0)),
);

type Items = Cache<u64, Versioned>;

/// Who checks: the version of each key whose invalidation was acknowledged.
#[derive(Default)]
struct Watch {
    acknowledged: [AtomicU64; KEYS],
    reads: AtomicU64,
    over: AtomicBool,
}

fn node(cluster: &FakeCluster, clock: &ManualClock) -> (Items, FakeShared) {
    let tier = cluster.node();
    let node = Node::builder()
        .shared(tier.clone())
        .time(clock)
        .build()
        .expect("no graph");
    // Room for some of the keys only now and then: eviction is part of the game.
    let items = node
        .cache(ITEMS)
        .capacity(Capacity::bytes(4 << 10))
        .build()
        .expect("a valid keyspace");
    (items, tier)
}

/// One writer per key: versions rise, and each is told before the next is written.
async fn write(items: Items, source: CountingSource, watch: Arc<Watch>, key: u64) {
    for turn in 0..WRITES {
        let version = source.write(&key);
        let reached = match turn % 4 {
            0 => {
                let value = Versioned {
                    key: key.to_string(),
                    version,
                };
                items.insert(&key, value).await
            }
            1 => items.clear().await,
            _ => items.invalidate([&key]).await,
        };
        if reached == Propagation::Acknowledged {
            let at = usize::try_from(key).expect("few keys");
            watch.acknowledged[at].fetch_max(version, Ordering::SeqCst);
        }
        tokio::task::yield_now().await;
    }
}

async fn read(items: Items, source: CountingSource, watch: Arc<Watch>, way: usize) {
    let mut key = 0;
    while !watch.over.load(Ordering::SeqCst) {
        key = (key + 1) % KEYS;
        let name = key as u64;
        let floor = watch.acknowledged[key].load(Ordering::SeqCst);
        let found = match way {
            0 => items.get(&name).await,
            1 => items.peek(&name),
            2 => {
                // Refreshes only stir; what they bring is judged by the other readers.
                drop(items.refresh(&name, &source, Pace::Force).await);
                None
            }
            _ => Some(items.get_or_load(&name, &source).await.expect("the source answers")),
        };
        if let Some(value) = found.and_then(|found| found.value) {
            assert_eq!(value.key, name.to_string(), "another key's value");
            assert!(
                value.version >= floor,
                "way {way}: read {} after {floor} was acknowledged",
                value.version
            );
            watch.reads.fetch_add(1, Ordering::SeqCst);
        }
        tokio::task::yield_now().await;
    }
}

/// Fails over, flushes, detaches and attaches while others work.
async fn disturb(cluster: FakeCluster, tiers: Vec<FakeShared>, watch: Arc<Watch>) {
    for turn in 0.. {
        if watch.over.load(Ordering::SeqCst) {
            return;
        }
        let tier = &tiers[turn % NODES];
        match turn % 5 {
            0 => cluster.restart(),
            1 => cluster.restart_empty(),
            2 => tier.detach(),
            3 => tier.attach(),
            _ => tiers.iter().for_each(FakeShared::attach),
        }
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }
}

async fn check(disturbed: bool) {
    // Runs, and in nanoseconds: by the kernel's coarse clock what is 4 ms old may still have an age of zero.
    let clock = ManualClock::with_tokio();
    let cluster = FakeCluster::on(&clock);
    let source = CountingSource::new();
    let watch = Arc::new(Watch::default());
    let (items, tiers): (Vec<_>, Vec<_>) = (0..NODES).map(|_| node(&cluster, &clock)).unzip();
    let mut others = Vec::new();
    for items in &items {
        for way in 0..6 {
            others.push(tokio::spawn(read(items.clone(), source.clone(), watch.clone(), way)));
        }
    }
    if disturbed {
        others.push(tokio::spawn(disturb(cluster.clone(), tiers, watch.clone())));
    }
    let writers: Vec<_> = (0..KEYS)
        .map(|key| {
            let items = items[key % NODES].clone();
            tokio::spawn(write(items, source.clone(), watch.clone(), key as u64))
        })
        .collect();
    for writer in writers {
        writer.await.expect("a writer does not panic");
    }
    watch.over.store(true, Ordering::SeqCst);
    for other in others {
        other.await.expect("no read is too old");
    }
    assert!(
        watch.reads.load(Ordering::SeqCst) > 1_000,
        "enough was read to say something"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_read_is_older_than_what_was_acknowledged_before_it() {
    check(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_read_is_older_while_servers_fail_over_and_nodes_come_and_go() {
    check(true).await;
}
