//! Look-ups that memory cannot answer, on a private Redis over loopback: most of their time is the way there and back.
#![expect(
    clippy::expect_used,
    reason = "a bench that cannot be set up has no other way to say so"
)]

use std::{
    convert::Infallible,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use criterion::{Criterion, criterion_group, criterion_main};
use gatewayz_benches::{Cluster, WallTime};
use gatewayz_cache_core::{Cache, CacheStatus, Keyspace, Loaded, LocalMode, Policy, loader_fn};
use tokio::{runtime::Runtime, task::JoinSet};

const POLICY: Policy = Policy::new(Duration::from_secs(600));
/// Never in memory, so that every look-up goes to Redis.
const SHARED_ONLY: Keyspace = Keyspace::new("bench:shared", POLICY.with_local(LocalMode::Off));
const BOTH: Keyspace = Keyspace::new("bench:both", POLICY);

/// How many readers want a cold key at once.
const READERS: usize = 64;

fn shared_get(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("tokio starts");
    let cluster = runtime
        .block_on(Cluster::start(1))
        .expect("redis-server can be started");
    let node = &cluster.nodes()[0];
    let value = "x".repeat(1024);
    let source = loader_fn(move |_key: u64| {
        let value = value.clone();
        async move { Ok::<_, Infallible>(Loaded::found(value)) }
    });
    let shared_only: Cache<u64, String> = node.cache(SHARED_ONLY).build().expect("the keyspace is valid");
    let both: Cache<u64, String> = node.cache(BOTH).build().expect("the keyspace is valid");
    // Every fill needs a key that nobody has asked for.
    let next = AtomicU64::new(0);
    let cold = || next.fetch_add(1, Ordering::Relaxed);

    let mut group = criterion.benchmark_group("shared_get");
    group.bench_function("shared_hit", |bencher| {
        bencher.to_async(&runtime).iter_custom(async |iters| {
            shared_only.get_or_load(&0, &source).await.expect("the source answers");
            let time = WallTime::start();
            for _ in 0..iters {
                let lookup = shared_only.get_or_load(&0, &source).await;
                assert_eq!(lookup.map(|lookup| lookup.status).ok(), Some(CacheStatus::SharedHit));
            }
            time.elapsed()
        });
    });
    group.bench_function("fill", |bencher| {
        bencher.to_async(&runtime).iter_custom(async |iters| {
            let time = WallTime::start();
            for _ in 0..iters {
                let lookup = both.get_or_load(&cold(), &source).await;
                assert_eq!(lookup.map(|lookup| lookup.status).ok(), Some(CacheStatus::Fill));
            }
            time.elapsed()
        });
    });
    group.bench_function(format!("coalesced_{READERS}"), |bencher| {
        bencher.to_async(&runtime).iter_custom(async |iters| {
            let loads = both.stats().loads;
            let time = WallTime::start();
            for _ in 0..iters {
                let key = cold();
                let mut readers = JoinSet::new();
                for _ in 0..READERS {
                    let (cache, source) = (both.clone(), source.clone());
                    readers.spawn(async move { cache.get_or_load(&key, &source).await.is_ok() });
                }
                assert!(readers.join_all().await.into_iter().all(|answered| answered));
            }
            let taken = time.elapsed();
            assert_eq!(both.stats().loads - loads, iters, "one load for all readers of a key");
            taken
        });
    });
    group.finish();
    runtime.block_on(cluster.stop());
}

criterion_group!(benches, shared_get);
criterion_main!(benches);
