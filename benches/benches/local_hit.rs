//! A hit in memory, beside the bare map and beside `moka`.
//!
//! One key: everything is in the processor's first cache, so this counts instructions. Zipf: the slot, the value and
//! the counters come from further away, as they do in a service.
#![expect(
    clippy::expect_used,
    reason = "a bench that cannot be set up has no other way to say so"
)]

use std::{
    hint::black_box,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use gatewayz_benches::{AttachedTier, CpuTime, KEYS, Workload, on_threads};
use gatewayz_cache_core::{Cache, CacheStatus, Capacity, Keyspace, LoadError, Loaded, Node, Policy, loader_fn};

/// What a service might keep of a principal or a model.
#[derive(Clone, Debug)]
struct Value([u64; 8]);

const TTL: Duration = Duration::from_secs(24 * 3600);
const COHERENT: Keyspace = Keyspace::new("bench:coherent", Policy::new(TTL));
const INCOHERENT: Keyspace = Keyspace::new("bench:incoherent", Policy::new(TTL).incoherent());

/// Look-ups of one order, repeated as often as criterion asks.
const ORDER: usize = 1 << 16;
const THREADS: u32 = 2;

struct Subjects {
    raw: quick_cache::sync::Cache<String, Arc<Value>>,
    coherent: Cache<String, Value>,
    incoherent: Cache<String, Value>,
    moka: moka::sync::Cache<String, Arc<Value>>,
}

impl Subjects {
    /// Fills all of them, and makes sure that a hit is a hit.
    fn new(workload: &Workload) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("tokio starts");
        // Room for twice as many, so that nothing is evicted.
        let room = 2 * KEYS;
        let raw = quick_cache::sync::Cache::new(room);
        let moka = moka::sync::Cache::builder()
            .max_capacity(room as u64)
            .time_to_live(TTL)
            .build();
        let node = Node::builder().shared(AttachedTier).build().expect("no graph");
        let cache = |keyspace| {
            let capacity = Capacity::bytes(64 << 20).with_entries(room);
            let cache = node.local_cache(keyspace).capacity(capacity);
            cache.build::<String>().expect("keyspaces are valid and differ")
        };
        let (coherent, incoherent) = (cache(COHERENT), cache(INCOHERENT));
        for (number, key) in workload.keys().iter().enumerate() {
            let value = Value([number as u64; 8]);
            raw.insert(key.clone(), Arc::new(value.clone()));
            moka.insert(key.clone(), Arc::new(value.clone()));
            for cache in [&coherent, &incoherent] {
                let _acknowledged = runtime.block_on(cache.insert(key.as_str(), value.clone()));
            }
        }
        let subjects = Self {
            raw,
            coherent,
            incoherent,
            moka,
        };
        subjects.check(workload);
        subjects
    }

    fn check(&self, workload: &Workload) {
        for (number, key) in workload.keys().iter().enumerate() {
            let (key, expected) = (key.as_str(), number as u64);
            assert_eq!(self.raw.get(key).map(|value| value.0[7]), Some(expected));
            assert_eq!(self.moka.get(key).map(|value| value.0[7]), Some(expected));
            for lookup in [
                self.coherent.hit(key),
                self.incoherent.hit(key),
                self.coherent.peek(key),
            ] {
                let lookup = lookup.expect("it was put in");
                assert_eq!(lookup.status, CacheStatus::LocalHit);
                assert_eq!(lookup.value.map(|value| value.0[7]), Some(expected));
            }
        }
        assert_eq!(self.coherent.stats().local.hits, KEYS as u64);
    }

    /// The bare map first, then ours, then what else there is.
    fn bench(&self, group: &mut BenchmarkGroup<'_, WallTime>, threads: u32, orders: &[Vec<&str>]) {
        group.throughput(Throughput::Elements(1));
        let loader = loader_fn(|_key: String| async { Ok::<Loaded<Value>, LoadError>(Loaded::absent()) });
        measure(group, "quick_cache", threads, orders, |key| self.raw.get(key));
        measure(group, "coherent_hit", threads, orders, |key| self.coherent.hit(key));
        measure(group, "coherent_get_or_load", threads, orders, |key| {
            let found = pin!(self.coherent.get_or_load(key, &loader));
            match found.poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(found) => found.ok(),
                Poll::Pending => None,
            }
        });
        measure(group, "coherent_peek", threads, orders, |key| self.coherent.peek(key));
        measure(group, "incoherent_hit", threads, orders, |key| self.incoherent.hit(key));
        measure(group, "moka_ttl", threads, orders, |key| self.moka.get(key));
    }
}

/// Measures one kind of look-up. Whatever is looked up is dropped within the measured time.
fn measure<T>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    threads: u32,
    orders: &[Vec<&str>],
    look_up: impl Fn(&str) -> Option<T> + Sync,
) {
    let run = |order: &[&str], iters: u64| {
        let mut left = usize::try_from(iters).unwrap_or(usize::MAX);
        let time = CpuTime::start();
        while left > 0 {
            let part = &order[..left.min(order.len())];
            for key in part {
                black_box(look_up(black_box(key)));
            }
            left -= part.len();
        }
        time.elapsed()
    };
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|iters| match threads {
            1 => run(&orders[0], iters),
            _ => on_threads(threads, |number| run(&orders[number], iters)),
        });
    });
}

fn local_hit(criterion: &mut Criterion) {
    let workload = Workload::new();
    let subjects = Subjects::new(&workload);
    for threads in [1, THREADS] {
        let suffix = if threads == 1 { "" } else { "_2_threads" };
        let zipf: Vec<_> = (0..threads as usize)
            .map(|thread| workload.zipf(ORDER, thread))
            .collect();
        let one_key = vec![workload.one_key(ORDER); threads as usize];
        for (name, orders) in [("zipf", zipf), ("one_key", one_key)] {
            let mut group = criterion.benchmark_group(format!("local_hit/{name}{suffix}"));
            subjects.bench(&mut group, threads, &orders);
            group.finish();
        }
    }
}

criterion_group!(benches, local_hit);
criterion_main!(benches);
