use gatewayz_cache_core::{Cache, CacheStatus, Keyspace};
use gatewayz_testkit::{Fault, Op, Versioned};
use tokio::time::Instant;

use crate::support::{Answer, Bed, POLICY, USERS, acknowledged, got, millis, secs, settle, until, user};

fn status(answer: &Answer) -> CacheStatus {
    answer.as_ref().expect("an answer").status
}

#[tokio::test]
async fn a_node_that_is_not_attached_serves_its_entries_only_up_to_the_degraded_ttl() {
    let bed = Bed::new();
    let node = bed.node();
    assert_eq!(got(&node.read("ann").await), 0);
    node.tier.detach();
    assert!(!node.node.is_attached());
    bed.clock.advance(millis(4_999));
    let answer = node.read("ann").await;
    assert_eq!((status(&answer), got(&answer)), (CacheStatus::Degraded, 0));
    bed.clock.advance(millis(2));
    assert!(node.users.peek("ann").is_none());
    assert_eq!(status(&node.read("ann").await), CacheStatus::SharedHit);
    assert_eq!(bed.source.loads(), 1);
    node.tier.attach();
    assert_eq!(node.peek("ann"), None, "what it held may be old: it begins empty");
    assert_eq!(status(&node.read("ann").await), CacheStatus::SharedHit);
    assert_eq!(status(&node.read("ann").await), CacheStatus::LocalHit);
}

#[tokio::test]
async fn past_the_degraded_ttl_and_without_the_shared_tier_the_source_is_asked() {
    let bed = Bed::new();
    let node = bed.node();
    assert_eq!(got(&node.read("ann").await), 0);
    node.tier.detach();
    bed.cluster.fail(Fault::Unavailable);
    bed.source.write(&user("ann"));
    bed.clock.advance(secs(6));
    let answer = node.read("ann").await;
    assert_eq!((status(&answer), got(&answer)), (CacheStatus::Degraded, 1));
    assert_eq!(bed.source.loads(), 2);
    bed.clock.advance(millis(4_999));
    assert_eq!(status(&node.read("ann").await), CacheStatus::Degraded);
    assert_eq!(bed.source.loads(), 2, "kept for the degraded ttl");
    bed.clock.advance(secs(1));
    assert_eq!(got(&node.read("ann").await), 1);
    assert_eq!(bed.source.loads(), 3);
}

#[tokio::test]
async fn with_a_degraded_ttl_of_zero_a_detached_node_serves_nothing_from_memory() {
    let bed = Bed::new();
    let policy = POLICY.with_degraded_ttl(secs(0));
    let node = bed.node_of(Keyspace { policy, ..USERS });
    assert_eq!(got(&node.read("ann").await), 0);
    node.tier.detach();
    // An age of zero by a coarse clock is an age all the same.
    assert_eq!(node.peek("ann"), None);
    assert_eq!(status(&node.read("ann").await), CacheStatus::SharedHit);
}

#[tokio::test]
async fn a_stale_entry_is_no_exception() {
    let bed = Bed::new();
    let policy = POLICY.with_stale(secs(1_000));
    let node = bed.node_of(Keyspace { policy, ..USERS });
    assert_eq!(got(&node.read("ann").await), 0);
    bed.clock.advance(secs(150));
    node.tier.detach();
    bed.source.write(&user("ann"));
    assert_eq!(got(&node.read("ann").await), 1);
}

#[tokio::test]
async fn incoherent_keyspaces_are_served_whether_attached_or_not() {
    let bed = Bed::new();
    let node = bed.node_of(Keyspace {
        policy: POLICY.incoherent(),
        ..USERS
    });
    assert_eq!(got(&node.read("ann").await), 0);
    node.tier.detach();
    bed.clock.advance(secs(70));
    assert_eq!(status(&node.read("ann").await), CacheStatus::LocalHit);
    node.tier.attach();
    assert_eq!(node.peek("ann"), Some(0), "coming back clears coherent entries only");
}

#[tokio::test]
async fn without_the_shared_tier_the_source_is_asked_once_per_node() {
    let bed = Bed::new();
    let nodes = [bed.node(), bed.node(), bed.node()];
    bed.cluster.fail(Fault::Unavailable);
    let gate = bed.source.gate_then_read();
    let readers = nodes.iter().flat_map(|node| (0..100).map(|_| node.spawn_read("ann")));
    let readers: Vec<_> = readers.collect();
    gate.reached(3).await;
    until(|| nodes.iter().map(|node| node.users.stats().local.misses).sum::<u64>() == 300).await;
    gate.open();
    for reader in readers {
        let answer = reader.await.expect("no panic");
        assert_eq!((status(&answer), got(&answer)), (CacheStatus::Degraded, 0));
    }
    assert_eq!(bed.source.loads(), 3);
    for node in &nodes {
        assert_eq!(status(&node.read("ann").await), CacheStatus::LocalHit, "kept in memory");
        assert!(!node.users.stats().redis_available);
    }
    assert_eq!(bed.source.loads(), 3);
}

#[tokio::test(start_paused = true)]
async fn no_failure_of_the_shared_tier_is_a_callers_failure() {
    let ops = [None, Some(Op::Get), Some(Op::Acquire), Some(Op::Fill), Some(Op::Extend)];
    let faults = [
        Fault::Unavailable,
        Fault::Backpressure,
        Fault::Refused,
        Fault::Never(millis(50)),
        Fault::Slow(millis(40)),
        Fault::Lost,
    ];
    for op in ops {
        for fault in &faults {
            let bed = Bed::with_tokio();
            let node = bed.node();
            match op {
                None => bed.cluster.fail(fault.clone()),
                Some(op) => bed.cluster.fail_op(op, fault.clone()),
            }
            let begun = Instant::now();
            let case = format!("{op:?} {fault:?}");
            assert_eq!(got(&node.read("ann").await), 0, "{case}");
            assert!(begun.elapsed() <= millis(150), "{case}: {:?}", begun.elapsed());
            assert_eq!(bed.source.loads(), 1, "{case}");
            assert_eq!(node.peek("ann"), Some(0), "{case}: kept in memory at least");
            let clean = matches!((op, fault), (Some(Op::Extend), _) | (_, Fault::Slow(_)));
            assert_eq!(node.users.stats().errors == 0, clean, "{case}: failures are counted");
        }
    }
}

#[tokio::test]
async fn a_loader_that_fails_without_the_shared_tier_is_an_error_of_the_loader() {
    let bed = Bed::new();
    let node = bed.node();
    bed.cluster.fail(Fault::Unavailable);
    bed.source.set(gatewayz_testkit::Behaviour::Fail);
    let answer = node.read("ann").await;
    assert_eq!(crate::support::failed_load(&answer), Some(1));
}

#[tokio::test]
async fn a_node_whose_shared_tier_is_not_there_at_the_start_works_and_attaches_later() {
    let bed = Bed::new();
    bed.cluster.fail(Fault::Unavailable);
    let node = bed.node();
    assert!(!node.node.is_attached());
    assert_eq!(status(&node.read("ann").await), CacheStatus::Degraded);
    assert_eq!(
        status(&node.read("ann").await),
        CacheStatus::Degraded,
        "from memory, for the degraded ttl"
    );
    assert_eq!(bed.source.loads(), 1);
    bed.cluster.heal();
    assert!(node.node.is_attached());
    assert_eq!(status(&node.read("ann").await), CacheStatus::Fill);
    assert_eq!(status(&node.read("ann").await), CacheStatus::LocalHit);
}

#[tokio::test]
async fn after_a_failover_coherent_values_of_the_former_server_are_loaded_anew() {
    let bed = Bed::new();
    let node = bed.node();
    let fixed: Cache<String, Versioned> = node
        .node
        .cache(Keyspace::new("fixed", POLICY.incoherent()))
        .build()
        .expect("a valid keyspace");
    assert_eq!(got(&node.read("ann").await), 0);
    assert_eq!(got(&fixed.get_or_load("ann", &bed.source).await), 0);
    bed.cluster.restart();
    assert_eq!(node.peek("ann"), None);
    assert_eq!(status(&node.read("ann").await), CacheStatus::Fill);
    assert_eq!(
        status(&fixed.get_or_load("ann", &bed.source).await),
        CacheStatus::LocalHit
    );
    assert_eq!(status(&node.read("ann").await), CacheStatus::LocalHit);
}

#[tokio::test]
async fn a_flush_leaves_no_old_value_in_any_node() {
    let bed = Bed::new();
    let nodes = [bed.node(), bed.node()];
    for node in &nodes {
        assert_eq!(got(&node.read("ann").await), 0);
    }
    bed.source.write(&user("ann"));
    bed.cluster.restart_empty();
    for node in &nodes {
        assert_eq!(got(&node.read("ann").await), 1);
    }
    assert_eq!(bed.source.loads(), 3 - 1);
}

#[tokio::test]
async fn a_fill_under_way_during_a_failover_is_kept_nowhere() {
    let bed = Bed::new();
    let node = bed.node();
    let gate = bed.source.read_then_gate();
    let reader = node.spawn_read("ann");
    gate.reached(1).await;
    bed.cluster.restart();
    gate.open();
    assert_eq!(got(&reader.await.expect("no panic")), 0);
    assert_eq!((node.peek("ann"), bed.cluster.names().len()), (None, 0));
}

#[tokio::test]
async fn detached_nodes_do_not_hold_an_invalidation_up_and_serve_nothing_old_for_long() {
    let bed = Bed::new();
    let (one, two) = (bed.node(), bed.node());
    for node in [&one, &two] {
        assert_eq!(got(&node.read("ann").await), 0);
    }
    two.tier.detach();
    bed.source.write(&user("ann"));
    acknowledged(one.users.invalidate(["ann"]).await);
    settle().await;
    // It heard nothing; what it may still serve is bounded by the degraded ttl.
    bed.clock.advance(millis(5_001));
    assert_eq!(got(&two.read("ann").await), 1);
}

#[tokio::test]
async fn the_words_for_where_a_value_came_from_are_the_documented_ones() {
    let words = [
        (CacheStatus::LocalHit, "local_hit"),
        (CacheStatus::SharedHit, "shared_hit"),
        (CacheStatus::StaleHit, "stale_hit"),
        (CacheStatus::Fill, "fill"),
        (CacheStatus::Coalesced, "coalesced"),
        (CacheStatus::Degraded, "degraded"),
    ];
    for (status, word) in words {
        assert_eq!(status.as_str(), word);
    }
}

#[tokio::test]
async fn a_detached_node_joins_no_flight_that_is_older_than_the_degraded_ttl() {
    let bed = Bed::new();
    let node = bed.node();
    let gate = bed.source.read_then_gate();
    let old = node.spawn_read("ann");
    gate.reached(1).await;
    node.tier.detach();
    bed.source.write(&user("ann"));
    bed.source.set(gatewayz_testkit::Behaviour::Answer);
    bed.clock.advance(secs(5));
    bed.cluster.fail(Fault::Unavailable);
    // It begins when the old one ends: one load of a key runs at a time.
    let newer = node.spawn_read("ann");
    settle().await;
    assert_eq!(bed.source.loads(), 1);
    gate.open();
    assert_eq!(got(&old.await.expect("no panic")), 0);
    assert_eq!(
        got(&newer.await.expect("no panic")),
        1,
        "what it would share may be older than allowed"
    );
    assert_eq!(
        node.peek("ann"),
        Some(1),
        "the older flight does not replace what the newer one kept"
    );
}

#[tokio::test]
async fn with_a_degraded_ttl_of_zero_a_detached_node_still_loads_once_for_those_who_ask_at_once() {
    let bed = Bed::new();
    let policy = POLICY.with_degraded_ttl(secs(0));
    let node = bed.node_of(Keyspace { policy, ..USERS });
    bed.cluster.fail(Fault::Unavailable);
    node.tier.detach();
    let gate = bed.source.gate_then_read();
    let readers: Vec<_> = (0..100).map(|_| node.spawn_read("ann")).collect();
    gate.reached(1).await;
    until(|| node.users.stats().local.misses == 100).await;
    settle().await;
    gate.open();
    for reader in readers {
        assert_eq!(got(&reader.await.expect("no panic")), 0);
    }
    assert_eq!(bed.source.loads(), 1);
}
