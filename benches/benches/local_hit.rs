//! A hit in memory, beside the bare map and beside `moka`.
//!
//! One key: everything is in the processor's first cache, so this counts instructions. Zipf: the slot, the value and
//! the counters come from further away, as they do in a service.
#![expect(
    clippy::expect_used,
    reason = "a bench that cannot be set up has no other way to say so"
)]

use std::{
    cell::LazyCell,
    hint::black_box,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use criterion::{Criterion, criterion_group, criterion_main};
use gatewayz_benches::{AttachedTier, KEYS, Turns, Workload, report};
use gatewayz_cache_core::{Cache, CacheStatus, Capacity, Keyspace, LoadError, Loaded, Lookup, Node, Policy, loader_fn};

/// What a service might keep of a principal or a model.
#[derive(Clone, Copy, Debug)]
struct Value([u64; 8]);

const TTL: Duration = Duration::from_secs(24 * 3600);
const POLICY: Policy = Policy::new(TTL);

/// Look-ups of one batch: a few milliseconds for one thread, some more for several, which must meet.
const ORDER: usize = 1 << 16;
const ROUNDS: usize = 100;
const PLACES: usize = 5;

/// A cache for each contestant: of two that share one, the second would find it in the processor's caches.
struct Subjects {
    quick_cache: quick_cache::sync::Cache<String, Arc<Value>>,
    hit: Cache<String, Value>,
    get_or_load: Cache<String, Value>,
    peek: Cache<String, Value>,
    incoherent: Cache<String, Value>,
    moka: moka::sync::Cache<String, Arc<Value>>,
}

impl Subjects {
    /// Fills all of them, and makes sure that a hit is a hit.
    fn new(workload: &Workload) -> Self {
        // Room for twice as many, so that nothing is evicted.
        let room = 2 * KEYS;
        let node = Node::builder().shared(AttachedTier).build().expect("no graph");
        let cache = |name, policy| {
            let cache = node.local_cache(Keyspace::new(name, policy));
            let capacity = Capacity::bytes(64 << 20).with_entries(room);
            let cache = cache.capacity(capacity).build::<String>();
            cache.expect("keyspaces are valid and differ")
        };
        let subjects = Self {
            quick_cache: quick_cache::sync::Cache::new(room),
            hit: cache("bench:hit", POLICY),
            get_or_load: cache("bench:get_or_load", POLICY),
            peek: cache("bench:peek", POLICY),
            incoherent: cache("bench:incoherent", POLICY.incoherent()),
            moka: moka::sync::Cache::builder()
                .max_capacity(room as u64)
                .time_to_live(TTL)
                .build(),
        };
        subjects.fill(workload.keys());
        subjects.check(workload.keys());
        subjects
    }

    fn ours(&self) -> [&Cache<String, Value>; 4] {
        [&self.hit, &self.get_or_load, &self.peek, &self.incoherent]
    }

    /// One after the other, so that the entries of each lie together.
    fn fill(&self, keys: &[String]) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.expect("tokio starts");
        let values = || keys.iter().zip(0..).map(|(key, number)| (key, Value([number; 8])));
        for (key, value) in values() {
            self.quick_cache.insert(key.clone(), Arc::new(value));
        }
        for (key, value) in values() {
            self.moka.insert(key.clone(), Arc::new(value));
        }
        for cache in self.ours() {
            for (key, value) in values() {
                let source = loader_fn(move |_key: String| async move { Ok::<_, LoadError>(Loaded::found(value)) });
                let lookup = runtime.block_on(cache.get_or_load(key, &source));
                assert_eq!(lookup.map(|lookup| lookup.status).ok(), Some(CacheStatus::Fill));
            }
        }
    }

    fn check(&self, keys: &[String]) {
        for (key, number) in keys.iter().zip(0_u64..) {
            assert_eq!(self.quick_cache.get(key).map(|value| value.0[7]), Some(number));
            assert_eq!(self.moka.get(key).map(|value| value.0[7]), Some(number));
            for cache in self.ours() {
                let lookup = cache.hit(key).expect("it was put in");
                assert_eq!(lookup.status, CacheStatus::LocalHit);
                assert_eq!(lookup.value.map(|value| value.0[7]), Some(number));
            }
        }
        for cache in self.ours() {
            assert_eq!(cache.stats().local.hits, KEYS as u64);
        }
    }

    /// In the order of [`CONTESTANTS`]. All take the value out of the answer, ours with its status as well.
    fn turns<'a>(&'a self, orders: &'a [Vec<&'a str>]) -> Turns<'a> {
        let loader = loader_fn(|_key: String| async { Ok::<Loaded<Value>, LoadError>(Loaded::absent()) });
        Turns::new(orders)
            .contestant(|key| self.quick_cache.get(key))
            .contestant(|key| value(self.hit.hit(key)))
            .contestant(move |key| {
                let found = pin!(self.get_or_load.get_or_load(key, &loader));
                match found.poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(found) => value(found.ok()),
                    Poll::Pending => None,
                }
            })
            .contestant(|key| value(self.peek.peek(key)))
            .contestant(|key| value(self.incoherent.hit(key)))
            .contestant(|key| self.moka.get(key))
    }
}

const CONTESTANTS: [&str; 6] = [
    "quick_cache",
    "coherent_hit",
    "coherent_get_or_load",
    "coherent_peek",
    "incoherent_hit",
    "moka_ttl",
];

#[inline]
fn value(lookup: Option<Lookup<Value>>) -> Option<Arc<Value>> {
    let lookup = lookup?;
    black_box(lookup.status);
    lookup.value
}

fn local_hit(criterion: &mut Criterion) {
    let workload = Workload::new();
    for threads in [1, 2] {
        let suffix = if threads == 1 { "" } else { "_2_threads" };
        let zipf: Vec<_> = (0..threads)
            .map(|thread| workload.zipf(ORDER * threads, thread))
            .collect();
        let one_key = vec![workload.one_key(ORDER * threads); threads];
        for (name, orders) in [("zipf", zipf), ("one_key", one_key)] {
            // Not before criterion asks: it may have been told to leave this group out.
            let rounds = LazyCell::new(|| rounds(&workload, &orders));
            let mut group = criterion.benchmark_group(format!("local_hit/{name}{suffix}"));
            for (at, name) in CONTESTANTS.iter().enumerate() {
                report(&mut group, name, ROUNDS, || &rounds[at]);
            }
            group.finish();
        }
    }
}

/// The rounds of all contestants, in several places of the memory: what lies beside what makes a fifth of the time.
fn rounds(workload: &Workload, orders: &[Vec<&str>]) -> [Vec<f64>; CONTESTANTS.len()] {
    let mut all = CONTESTANTS.map(|_| Vec::new());
    for _ in 0..PLACES {
        let subjects = Subjects::new(workload);
        let rounds = subjects.turns(orders).run(ROUNDS / PLACES / orders.len());
        for (all, more) in all.iter_mut().zip(rounds) {
            all.extend(more);
        }
    }
    all
}

criterion_group!(benches, local_hit);
criterion_main!(benches);
