use std::collections::BTreeSet;

use gatewayz_testkit::{Behaviour, Fault};
use serde_json::Value;

use crate::support::{Bed, POLICY, USERS, acknowledged, got, secs, user};

fn names(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect()
}

#[tokio::test]
async fn the_fields_have_the_documented_names() {
    let bed = Bed::new();
    let node = bed.node();
    let stats = serde_json::to_value(node.users.stats()).expect("it serialises");
    let documented = [
        "hits",
        "misses",
        "sets",
        "errors",
        "invalidations",
        "hit_rate_percent",
        "total_requests",
        "redis_available",
    ];
    let more = [
        "loads",
        "coalesced",
        "shared_hits",
        "degraded_hits",
        "fenced",
        "undecodable",
        "local",
        "warmer",
    ];
    assert_eq!(names(&stats), documented.into_iter().chain(more).collect());
    let documented = [
        "entries",
        "max_entries",
        "hits",
        "stale_hits",
        "misses",
        "sets",
        "evictions",
        "expirations",
        "hit_rate",
        "total_requests",
    ];
    let more = ["weight_bytes", "capacity_bytes"];
    assert_eq!(names(&stats["local"]), documented.into_iter().chain(more).collect());
    let documented = ["refreshes", "coalesced", "errors", "skipped", "in_flight"];
    assert_eq!(names(&stats["warmer"]), documented.into_iter().collect());
    let debouncer = serde_json::to_value(node.node.debouncer_stats()).expect("it serialises");
    let documented = [
        "scheduled",
        "executed",
        "coalesced",
        "pending_count",
        "efficiency_percent",
    ];
    assert_eq!(names(&debouncer), documented.into_iter().collect());
}

#[tokio::test]
async fn every_lookup_is_a_hit_or_a_miss() {
    let bed = Bed::new();
    let (one, two) = (bed.node(), bed.node());
    for _ in 0..4 {
        assert_eq!(got(&one.read("ann").await), 0);
    }
    for _ in 0..2 {
        assert_eq!(got(&two.read("ann").await), 0);
    }
    let stats = one.users.stats();
    assert_eq!(
        (stats.hits, stats.misses, stats.total_requests, stats.hit_rate_percent),
        (3, 1, 4, 75.0)
    );
    assert_eq!((stats.loads, stats.sets, stats.errors), (1, 1, 0));
    assert_eq!(
        (
            stats.local.hits,
            stats.local.misses,
            stats.local.sets,
            stats.local.hit_rate
        ),
        (3, 1, 1, 75.0)
    );
    assert!(stats.redis_available);
    let stats = two.users.stats();
    assert_eq!((stats.hits, stats.misses, stats.shared_hits), (2, 0, 1));
    assert_eq!((stats.local.hits, stats.local.misses, stats.local.entries), (1, 1, 1));
    assert_eq!((stats.loads, stats.sets, stats.local.sets), (0, 0, 1));
}

#[tokio::test]
async fn a_cache_that_was_never_asked_has_a_rate_of_zero() {
    let stats = Bed::new().alone().stats();
    assert_eq!(
        (stats.hit_rate_percent, stats.local.hit_rate, stats.total_requests),
        (0.0, 0.0, 0)
    );
    assert!(!stats.redis_available, "it has none");
}

#[tokio::test]
async fn peeking_counts_nothing() {
    let bed = Bed::new();
    let users = bed.alone();
    users.get_or_load("ann", &bed.source).await.expect("an answer");
    let before = users.stats();
    assert!(users.peek("ann").is_some());
    assert!(users.peek("bob").is_none());
    bed.clock.advance(secs(100));
    assert!(users.peek("ann").is_none());
    assert_eq!(users.stats(), before);
}

#[tokio::test]
async fn failures_of_the_loader_are_counted() {
    let bed = Bed::new();
    let node = bed.node();
    bed.source.set(Behaviour::Fail);
    for _ in 0..3 {
        assert!(node.read("ann").await.is_err());
    }
    let stats = node.users.stats();
    assert_eq!((stats.errors, stats.misses, stats.loads, stats.sets), (3, 3, 3, 0));
}

#[tokio::test]
async fn an_answer_without_proof_is_counted_as_degraded() {
    let bed = Bed::new();
    let node = bed.node();
    assert_eq!(got(&node.read("ann").await), 0);
    node.tier.detach();
    assert_eq!(got(&node.read("ann").await), 0);
    let stats = node.users.stats();
    assert_eq!((stats.degraded_hits, stats.hits, stats.local.hits), (1, 1, 0));
    bed.cluster.fail(Fault::Unavailable);
    assert!(!node.users.stats().redis_available);
}

#[tokio::test]
async fn an_expired_entry_is_counted_once_per_lookup() {
    let bed = Bed::new();
    let users = bed.alone();
    users.get_or_load("ann", &bed.source).await.expect("an answer");
    bed.clock.advance(secs(100));
    users.get_or_load("ann", &bed.source).await.expect("an answer");
    assert_eq!(users.stats().local.expirations, 1);
}

#[tokio::test]
async fn a_lookup_in_the_tiers_alone_is_counted_too() {
    let bed = Bed::new();
    let fallback = gatewayz_cache_core::Keyspace {
        policy: POLICY.with_local(gatewayz_cache_core::LocalMode::Fallback),
        ..USERS
    };
    let node = bed.node_of(fallback);
    assert!(node.users.get("ann").await.is_none());
    assert_eq!(got(&node.read("ann").await), 0);
    assert!(node.users.get("ann").await.is_some());
    bed.cluster.fail(Fault::Unavailable);
    assert!(node.users.get("ann").await.is_some(), "from memory");
    let stats = node.users.stats();
    assert_eq!((stats.hits, stats.misses, stats.total_requests), (2, 2, 4));
}

#[tokio::test]
async fn a_node_gives_the_counts_of_all_its_caches() {
    let bed = Bed::new();
    let node = bed.node();
    assert_eq!(got(&node.read("ann").await), 0);
    bed.source.write(&user("ann"));
    acknowledged(node.users.clear().await);
    let stats = node.node.stats();
    assert_eq!(stats.len(), 1);
    assert_eq!((stats[0].0, stats[0].1.loads), ("users", 1));
    assert!(stats[0].1.invalidations > 0);
}
