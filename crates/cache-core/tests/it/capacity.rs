use std::{sync::Arc, time::Duration};

use gatewayz_cache_core::{Cache, Capacity, Keyspace, Loaded, LocalTier, MemoryTier, Node, Policy, loader_fn};
use gatewayz_testkit::contract;

use crate::support::{Bed, POLICY, acknowledged};

#[test]
fn the_local_tier_keeps_the_contract() {
    contract::local_tier(|| MemoryTier::new(Capacity::bytes(64 << 10)));
    contract::local_tier(|| MemoryTier::new(Capacity::bytes(16 << 20)));
    contract::local_tier(|| MemoryTier::new(Capacity::bytes(1 << 20).with_entries(64).with_largest(512 << 10)));
}

const BLOBS: Keyspace = Keyspace::new("blobs", Policy::new(Duration::from_secs(100)));

type Blobs = Cache<u64, Vec<u8>>;

fn blobs(bytes: u64) -> Blobs {
    let capacity = Capacity::bytes(bytes);
    Node::alone()
        .local_cache(BLOBS)
        .capacity(capacity)
        .weigh(Vec::len)
        .build()
        .expect("a valid keyspace")
}

async fn load(blobs: &Blobs, key: u64, len: usize) -> usize {
    let loader = loader_fn(move |_| async move { Ok::<_, std::convert::Infallible>(Loaded::found(vec![0; len])) });
    let found = blobs.get_or_load(&key, &loader).await.expect("an answer");
    found.value.expect("a value").len()
}

#[tokio::test]
async fn an_overweight_value_is_served_and_not_kept() {
    let blobs = blobs(64 << 10);
    assert_eq!(load(&blobs, 1, 1 << 20).await, 1 << 20);
    assert!(blobs.peek(&1).is_none());
    assert_eq!(load(&blobs, 1, 100).await, 100);
    assert!(blobs.peek(&1).is_some());
}

#[tokio::test]
async fn memory_is_bounded_by_weight_whatever_is_loaded() {
    let blobs = blobs(256 << 10);
    for key in 0..2_000 {
        load(&blobs, key, 1_000).await;
        let usage = blobs.stats().local;
        assert!(usage.weight_bytes <= usage.capacity_bytes, "{usage:?}");
    }
    let usage = blobs.stats().local;
    assert_eq!(usage.capacity_bytes, 256 << 10);
    assert!(usage.entries > 100 && usage.entries < 263, "{usage:?}");
    assert_eq!(usage.evictions + usage.entries, 2_000, "{usage:?}");
}

#[tokio::test]
async fn what_is_still_in_use_survives_its_eviction() {
    let blobs = blobs(64 << 10);
    let loader = loader_fn(|_| async { Ok::<_, std::convert::Infallible>(Loaded::found(vec![7; 1_000])) });
    let held = blobs
        .get_or_load(&0, &loader)
        .await
        .expect("an answer")
        .value
        .expect("a value");
    for key in 1..1_000 {
        load(&blobs, key, 1_000).await;
    }
    acknowledged(blobs.clear().await);
    assert!(blobs.peek(&0).is_none());
    assert_eq!((held.len(), Arc::strong_count(&held)), (1_000, 1));
}

#[tokio::test]
async fn values_weigh_what_their_encoded_form_does_in_both_directions() {
    let bed = Bed::new();
    let (one, two) = (bed.node(), bed.node());
    let strings = |node: &crate::support::TestNode| -> Cache<u64, String> {
        node.node
            .cache(Keyspace::new("strings", POLICY))
            .build()
            .expect("a valid keyspace")
    };
    let (filler, reader) = (strings(&one), strings(&two));
    let loader = loader_fn(|_| async { Ok::<_, std::convert::Infallible>(Loaded::found("x".repeat(5_000))) });
    filler.get_or_load(&1, &loader).await.expect("an answer");
    reader.get_or_load(&1, &loader).await.expect("an answer");
    let weights = [filler, reader].map(|cache| cache.stats().local.weight_bytes);
    assert!(weights[0] > 5_000 && weights[0] < 5_500, "{weights:?}");
    assert_eq!(weights[0], weights[1]);
}

#[tokio::test]
async fn a_cache_on_a_tier_of_the_callers_own_works() {
    let tier = MemoryTier::<u64, u64>::new(Capacity::default());
    assert_eq!(tier.usage().entries, 0);
    let cache = Node::alone()
        .local_cache(Keyspace::new("numbers", POLICY))
        .build_on::<u64, _>(tier)
        .expect("a valid keyspace");
    let loader = loader_fn(|key: u64| async move { Ok::<_, std::convert::Infallible>(Loaded::found(key * 2)) });
    for _ in 0..2 {
        let found = cache.get_or_load(&21, &loader).await.expect("an answer");
        assert_eq!(found.value.as_deref(), Some(&42));
    }
    assert_eq!(cache.stats().loads, 1);
}
