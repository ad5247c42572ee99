//! The time from asking for an invalidation until it is acknowledged: four nodes on one Redis, all of which hold the
//! value, with nothing else to do.
//!
//! A mean says little here, so the percentiles are benchmarks of their own: each sample of `p50` and `p99` is that
//! percentile of a block of invalidations, and what criterion reports is the median over the blocks.
#![expect(
    clippy::expect_used,
    reason = "a bench that cannot be set up has no other way to say so"
)]

use std::{cell::LazyCell, convert::Infallible, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use gatewayz_benches::{Cluster, WallTime, report};
use gatewayz_cache_core::{Cache, Keyspace, Loaded, Policy, Propagation, loader_fn};
use tokio::runtime::Runtime;

const NODES: usize = 4;
const BLOCKS: usize = 10;
/// Enough for a percentile of 99 that is not the worst of all.
const BLOCK: usize = 300;
const USERS: Keyspace = Keyspace::new("bench:user", Policy::new(Duration::from_secs(600)));

/// What a block of invalidations took, in nanoseconds, in rising order.
type Block = Vec<f64>;

async fn blocks() -> Vec<Block> {
    let cluster = Cluster::start(NODES).await.expect("redis-server can be started");
    let caches = cluster.nodes().iter().map(|node| node.cache(USERS).build());
    let caches: Vec<Cache<u64, u64>> = caches.collect::<Result<_, _>>().expect("the keyspace is valid");
    let mut blocks = Vec::with_capacity(BLOCKS);
    // The first one is thrown away: connections and scripts are new.
    for _ in 0..=BLOCKS {
        let mut block = Vec::with_capacity(BLOCK);
        for turn in 0..BLOCK {
            let caller = &caches[turn % NODES];
            block.push(invalidate(caller, &caches, turn as u64).await);
        }
        block.sort_by(f64::total_cmp);
        blocks.push(block);
    }
    cluster.stop().await;
    blocks.split_off(1)
}

/// Has all nodes hold a key, then times the invalidation by one of them.
async fn invalidate(caller: &Cache<u64, u64>, all: &[Cache<u64, u64>], key: u64) -> f64 {
    let source = loader_fn(|key: u64| async move { Ok::<_, Infallible>(Loaded::found(key)) });
    for cache in all {
        cache
            .get_or_load(&key, &source)
            .await
            .expect("the source always answers");
        assert!(cache.peek(&key).is_some());
    }
    let time = WallTime::start();
    let reached = caller.invalidate([&key]).await;
    let taken = time.elapsed();
    assert_eq!(reached, Propagation::Acknowledged);
    assert!(all.iter().all(|cache| cache.peek(&key).is_none()));
    taken.as_secs_f64() * 1e9
}

fn percentile(block: &Block, percent: usize) -> f64 {
    block[(block.len() * percent / 100).min(block.len() - 1)]
}

fn invalidation(criterion: &mut Criterion) {
    let blocks = LazyCell::new(|| Runtime::new().expect("tokio starts").block_on(blocks()));
    let mut group = criterion.benchmark_group(format!("invalidation/{NODES}_nodes"));
    for (name, percent) in [("p50", 50), ("p99", 99)] {
        report(&mut group, name, BLOCKS, || {
            blocks
                .iter()
                .map(|block| percentile(block, percent))
                .collect::<Vec<_>>()
        });
    }
    group.finish();
}

criterion_group!(benches, invalidation);
criterion_main!(benches);
