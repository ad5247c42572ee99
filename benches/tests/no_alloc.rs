//! A hit allocates nothing. In a binary of its own, since its allocator counts.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use allocation_counter::{AllocationInfo, measure};
use gatewayz_benches::AttachedTier;
use gatewayz_cache_core::{CacheStatus, Keyspace, LoadError, Loaded, Lookup, Node, Policy, loader_fn};

const POLICY: Policy = Policy::new(Duration::from_secs(3600)).with_negative(Duration::from_secs(3600));
const COHERENT: Keyspace = Keyspace::new("test:coherent", POLICY);
const INCOHERENT: Keyspace = Keyspace::new("test:incoherent", POLICY.incoherent());
const KEY: &str = "models:catalog:provider-07/model-0000007";

#[tokio::test]
async fn a_hit_allocates_nothing() {
    let node = Node::builder().shared(AttachedTier).build().unwrap();
    for keyspace in [COHERENT, INCOHERENT] {
        let cache = node.local_cache::<u64>(keyspace).build::<String>().unwrap();
        let loader =
            loader_fn(|key: String| async move { Ok::<_, LoadError>(Loaded::from((key == KEY).then_some(7))) });
        for (key, expected) in [(KEY, Some(7)), ("absent", None)] {
            cache.get_or_load(key, &loader).await.unwrap();
            // A thread's first hit claims its counters.
            cache.hit(key).unwrap();
            let check = |name, look_up: &dyn Fn() -> Option<Lookup<u64>>| check(name, expected, look_up);
            check("peek", &|| cache.peek(key));
            check("hit", &|| cache.hit(key));
            check("get", &|| first_poll(cache.get(key)).flatten());
            check("get_or_load", &|| first_poll(cache.get_or_load(key, &loader))?.ok());
        }
    }
}

#[test]
fn the_allocator_does_count() {
    assert_eq!(measure(|| drop(std::hint::black_box(Box::new(7)))).count_total, 1);
}

#[track_caller]
fn check(name: &str, expected: Option<u64>, look_up: &dyn Fn() -> Option<Lookup<u64>>) {
    let mut found = None;
    let counted = measure(|| found = look_up());
    let found = found.map(|lookup| (lookup.status, lookup.value.as_deref().copied()));
    assert_eq!(found, Some((CacheStatus::LocalHit, expected)), "{name}");
    assert_eq!(counted, AllocationInfo::default(), "{name}");
}

fn first_poll<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}
