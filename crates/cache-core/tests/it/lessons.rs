//! What others paid for (`lessons.md`), each row that applies to a read-through cache by its number.

use gatewayz_cache_core::{Capacity, Keyspace, LoadError, Node};
use gatewayz_testkit::{Behaviour, Fault, Versioned};
use tokio::time::Instant;

use crate::support::{
    Bed, POLICY, USERS, acknowledged, failed_load, got, millis, secs, settle, spawn_read, until, user,
};

#[tokio::test]
async fn litellm_1775_a_deleted_key_stops_working_on_every_node() {
    let bed = Bed::new();
    let nodes = [bed.node(), bed.node(), bed.node()];
    for node in &nodes {
        assert_eq!(got(&node.read("sk-1").await), 0);
    }
    bed.source.remove(&user("sk-1"));
    acknowledged(nodes[0].users.invalidate(["sk-1"]).await);
    for node in &nodes {
        assert!(node.read("sk-1").await.expect("an answer").value.is_none());
    }
}

#[tokio::test]
async fn litellm_rs_959_revocation_does_not_trust_a_cache_that_hears_nothing() {
    let bed = Bed::new();
    let node = bed.node();
    assert_eq!(got(&node.read("sk-1").await), 0);
    node.tier.detach();
    bed.cluster.restart_empty();
    bed.source.remove(&user("sk-1"));
    bed.clock.advance(POLICY.degraded_ttl + millis(1));
    assert!(node.read("sk-1").await.expect("an answer").value.is_none());
}

#[tokio::test]
async fn litellm_18474_absent_and_could_not_find_out_are_different() {
    let bed = Bed::new();
    let users = bed.alone();
    bed.source.set(Behaviour::Absent);
    assert!(
        users
            .get_or_load("sk-1", &bed.source)
            .await
            .expect("a proof")
            .value
            .is_none()
    );
    bed.source.set(Behaviour::Fail);
    let answer = users.get_or_load("sk-1", &bed.source).await;
    assert_eq!(failed_load(&answer), Some(2));
    assert!(answer.expect_err("an error").is_transient());
}

#[tokio::test]
async fn litellm_docs_46_a_flood_of_one_bad_key_asks_the_source_once() {
    let bed = Bed::new();
    let policy = POLICY.with_negative(secs(10));
    let users = bed.alone_of(Keyspace { policy, ..USERS });
    bed.source.remove(&user("sk-bad"));
    for _ in 0..1_000 {
        let answer = users.get_or_load("sk-bad", &bed.source).await;
        assert!(answer.expect("a proof").value.is_none());
    }
    assert_eq!(bed.source.loads(), 1);
}

#[tokio::test]
async fn litellm_20030_a_hundred_concurrent_misses_do_not_reach_the_source() {
    let bed = Bed::new();
    let users = bed.alone();
    let gate = bed.source.gate_then_read();
    let readers: Vec<_> = (0..100).map(|_| spawn_read(&users, &bed.source, "spend")).collect();
    until(|| users.stats().local.misses == 100).await;
    gate.open();
    for reader in readers {
        assert_eq!(got(&reader.await.expect("no panic")), 0);
    }
    assert_eq!(bed.source.max_running(), 1);
}

#[tokio::test(start_paused = true)]
async fn litellm_redis_circuit_breaker_a_slow_store_costs_a_time_out_and_not_the_request() {
    let bed = Bed::with_tokio();
    let node = bed.node();
    bed.cluster.fail(Fault::Never(millis(50)));
    let begun = Instant::now();
    assert_eq!(got(&node.read("ann").await), 0);
    assert!(begun.elapsed() <= millis(60), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn litellm_1853_a_cache_that_cannot_work_is_refused_at_the_start() {
    let broken = Keyspace::new("broken keyspace", POLICY);
    assert!(Node::alone().cache::<Versioned>(broken).build::<String>().is_err());
}

#[tokio::test]
async fn litellm_810_a_key_may_be_as_long_as_a_prompt() {
    let bed = Bed::new();
    let (one, two) = (bed.node(), bed.node());
    let long = "prompt ".repeat(20_000);
    assert_eq!(got(&one.read(&long).await), 0);
    assert_eq!(got(&two.read(&long).await), 0);
    assert_eq!(bed.source.loads(), 1);
}

#[tokio::test]
async fn litellm_5401_hits_are_visible() {
    let bed = Bed::new();
    let users = bed.alone();
    for _ in 0..3 {
        assert_eq!(got(&users.get_or_load("ann", &bed.source).await), 0);
    }
    assert_eq!(users.stats().hits, 2);
}

#[tokio::test]
async fn litellm_6404_memory_stays_bounded_under_keys_that_never_come_again() {
    let bed = Bed::new();
    let node = Node::builder().time(&bed.clock).build().expect("no graph");
    let users = node
        .cache::<Versioned>(USERS)
        .capacity(Capacity::bytes(256 << 10))
        .build::<String>()
        .expect("a valid keyspace");
    for number in 0..5_000 {
        users
            .get_or_load(&number.to_string(), &bed.source)
            .await
            .expect("an answer");
    }
    let usage = users.stats().local;
    assert!(usage.weight_bytes <= 256 << 10 && usage.evictions > 3_000, "{usage:?}");
}

#[tokio::test]
async fn litellm_model_cost_map_a_malformed_source_does_not_replace_what_is_known() {
    let bed = Bed::new();
    let policy = POLICY.with_stale(secs(1_000));
    let users = bed.alone_of(Keyspace { policy, ..USERS });
    bed.source.write(&user("prices"));
    assert_eq!(got(&users.get_or_load("prices", &bed.source).await), 1);
    bed.source.set(Behaviour::Fail);
    for _ in 0..10 {
        bed.clock.advance(secs(100));
        assert_eq!(got(&users.get_or_load("prices", &bed.source).await), 1);
        settle().await;
    }
    assert!(
        users.stats().warmer.errors >= 9,
        "and it is not silent: {:?}",
        users.stats().warmer
    );
}

#[tokio::test]
async fn bifrost_3424_a_ttl_that_is_not_positive_is_refused() {
    let broken = Keyspace::new("broken", gatewayz_cache_core::Policy::new(std::time::Duration::ZERO));
    assert!(Node::alone().cache::<Versioned>(broken).build::<String>().is_err());
}

#[tokio::test]
async fn bifrost_721_a_panic_in_a_load_is_an_error_of_that_load() {
    let bed = Bed::new();
    let users = bed.alone();
    bed.source.set(Behaviour::Panic);
    assert!(matches!(
        users.get_or_load("ann", &bed.source).await,
        Err(LoadError::Panicked)
    ));
    bed.source.set(Behaviour::Answer);
    assert_eq!(got(&users.get_or_load("ann", &bed.source).await), 0);
}

#[tokio::test]
async fn portkey_199_the_cache_can_be_cleared() {
    let bed = Bed::new();
    let (one, two) = (bed.node(), bed.node());
    for key in ["ann", "bob"] {
        for node in [&one, &two] {
            assert_eq!(got(&node.read(key).await), 0);
        }
    }
    acknowledged(one.users.clear().await);
    for key in ["ann", "bob"] {
        assert_eq!((one.peek(key), two.peek(key)), (None, None));
    }
    assert_eq!(bed.cluster.names().len(), 0);
}

#[tokio::test]
async fn tensorzero_2988_a_hit_does_not_make_a_value_younger() {
    let bed = Bed::new();
    let nodes = [bed.node(), bed.node()];
    for step in 0..10 {
        for node in &nodes {
            let answer = node.read("ann").await.expect("an answer");
            assert_eq!(answer.age(), secs(7 * step));
        }
        bed.clock.advance(secs(7));
    }
    assert_eq!(bed.cluster.expires_in("users:ann"), Some(secs(30)));
}

#[tokio::test]
async fn tensorzero_6431_errors_are_not_stored() {
    let bed = Bed::new();
    let (one, two) = (bed.node(), bed.node());
    bed.source.set(Behaviour::Fail);
    assert!(one.read("ann").await.is_err());
    bed.source.set(Behaviour::Answer);
    for node in [&one, &two] {
        assert_eq!(got(&node.read("ann").await), 0);
    }
}

#[tokio::test]
async fn helicone_295_a_store_that_is_unreachable_at_the_start_is_no_error() {
    let bed = Bed::new();
    bed.cluster.fail(Fault::Unavailable);
    let node = bed.node();
    assert_eq!(got(&node.read("ann").await), 0);
    assert!(!node.node.is_attached());
}

#[tokio::test]
async fn cve_2026_35030_keys_are_compared_whole() {
    let bed = Bed::new();
    let (one, two) = (bed.node(), bed.node());
    let (mine, other) = ("same-first-20-characters-mine", "same-first-20-characters-other");
    for (node, key) in [(&one, mine), (&two, other), (&one, other), (&two, mine)] {
        let found = node.read(key).await.expect("an answer").value.expect("a value");
        assert_eq!(found.key, key);
    }
}
