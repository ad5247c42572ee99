use gatewayz_cache_core::{CacheStatus, Keyspace, LocalMode};
use gatewayz_testkit::{Behaviour, Fault, Gate, Op};
use tokio::time::Instant;

use crate::support::{Answer, Bed, POLICY, USERS, got, millis, secs, until, user};

const FALLBACK: Keyspace = Keyspace {
    policy: POLICY.with_local(LocalMode::Fallback),
    ..USERS
};
const OFF: Keyspace = Keyspace {
    policy: POLICY.with_local(LocalMode::Off),
    ..USERS
};

fn status(answer: &Answer) -> CacheStatus {
    answer.as_ref().expect("an answer").status
}

#[tokio::test]
async fn as_fallback_memory_is_asked_after_the_shared_tier() {
    let bed = Bed::new();
    let (one, two) = (bed.node_of(FALLBACK), bed.node_of(FALLBACK));
    assert_eq!(status(&one.read("ann").await), CacheStatus::Fill);
    assert_eq!(status(&one.read("ann").await), CacheStatus::SharedHit);
    bed.cluster.fail(Fault::Unavailable);
    let answer = one.read("ann").await;
    assert_eq!((status(&answer), bed.source.loads()), (CacheStatus::LocalHit, 1));
    assert_eq!(
        status(&two.read("ann").await),
        CacheStatus::Degraded,
        "its memory is empty"
    );
    assert_eq!(bed.source.loads(), 2);
}

#[tokio::test(start_paused = true)]
async fn with_an_entry_at_hand_no_caller_waits_longer_than_the_soft_timeout() {
    for slow in [Fault::Never(secs(5)), Fault::Slow(secs(5))] {
        let bed = Bed::with_tokio();
        let node = bed.node_of(FALLBACK);
        assert_eq!(got(&node.read("ann").await), 0);
        bed.cluster.fail_op(Op::Get, slow);
        let begun = Instant::now();
        let readers: Vec<_> = (0..20).map(|_| node.spawn_read("ann")).collect();
        for reader in readers {
            let answer = reader.await.expect("no panic");
            assert_eq!((status(&answer), got(&answer)), (CacheStatus::LocalHit, 0));
        }
        assert!(begun.elapsed() <= millis(102), "{:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn without_an_entry_at_hand_callers_wait_for_the_flight() {
    let bed = Bed::with_tokio();
    let node = bed.node_of(FALLBACK);
    bed.cluster.fail_op(Op::Get, Fault::Slow(secs(5)));
    let begun = Instant::now();
    assert_eq!(got(&node.read("ann").await), 0);
    assert!(begun.elapsed() >= secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_flight_goes_on_after_the_soft_timeout_of_its_callers() {
    let bed = Bed::with_tokio();
    let policy = POLICY.with_local(LocalMode::Fallback).with_stale(secs(1_000));
    let node = bed.node_of(Keyspace { policy, ..USERS });
    assert_eq!(got(&node.read("ann").await), 0);
    bed.source.write(&user("ann"));
    bed.clock.advance(secs(150));
    let gate = bed.source.gate_then_read();
    let answer = node.read("ann").await;
    assert_eq!((status(&answer), got(&answer)), (CacheStatus::StaleHit, 0));
    gate.open();
    until(|| node.peek("ann") == Some(1)).await;
    assert_eq!(bed.stored_version("users:ann"), Some(1));
}

#[tokio::test]
async fn as_fallback_an_entry_at_hand_is_better_than_an_error() {
    let bed = Bed::new();
    let policy = POLICY.with_local(LocalMode::Fallback).with_stale(secs(1_000));
    let node = bed.node_of(Keyspace { policy, ..USERS });
    assert_eq!(got(&node.read("ann").await), 0);
    bed.source.set(Behaviour::Fail);
    bed.clock.advance(secs(150));
    assert_eq!(status(&node.read("ann").await), CacheStatus::StaleHit);
}

#[tokio::test]
async fn without_memory_every_lookup_goes_to_the_shared_tier() {
    let bed = Bed::new();
    let node = bed.node_of(OFF);
    assert_eq!(status(&node.read("ann").await), CacheStatus::Fill);
    for _ in 0..3 {
        assert_eq!(status(&node.read("ann").await), CacheStatus::SharedHit);
    }
    assert!(node.users.get("ann").await.is_some());
    let usage = node.users.stats().local;
    assert_eq!((node.peek("ann"), usage.entries, usage.sets), (None, 0, 0));
    assert_eq!(bed.cluster.calls(Op::Get), 5);
}

#[tokio::test]
async fn without_memory_callers_of_one_flight_still_share_its_load() {
    let bed = Bed::new();
    let nodes = [bed.node_of(OFF), bed.node_of(OFF)];
    let gate = bed.source.gate_then_read();
    let readers = nodes.iter().flat_map(|node| (0..50).map(|_| node.spawn_read("ann")));
    let readers: Vec<_> = readers.collect();
    gate.reached(1).await;
    until(|| nodes.iter().map(|node| node.users.stats().local.misses).sum::<u64>() == 100).await;
    gate.open();
    for reader in readers {
        assert_eq!(got(&reader.await.expect("no panic")), 0);
    }
    assert_eq!(bed.source.loads(), 1);
}

#[tokio::test]
async fn without_memory_and_shared_tier_the_source_is_asked_each_time() {
    let bed = Bed::new();
    let node = bed.node_of(OFF);
    bed.cluster.fail(Fault::Unavailable);
    for loads in 1..4 {
        assert_eq!(got(&node.read("ann").await), 0);
        assert_eq!(bed.source.loads(), loads);
    }
}

#[tokio::test]
async fn a_lookup_in_the_tiers_alone_never_asks_the_source() {
    let bed = Bed::new();
    let (one, two) = (bed.node(), bed.node());
    assert!(one.users.get("ann").await.is_none());
    assert_eq!(bed.source.loads(), 0);
    assert_eq!(got(&one.read("ann").await), 0);
    let found = two.users.get("ann").await.expect("the shared tier has it");
    assert_eq!(found.status, CacheStatus::SharedHit);
    let found = two.users.get("ann").await.expect("memory has it");
    assert_eq!(found.status, CacheStatus::LocalHit);
    bed.cluster.fail(Fault::Unavailable);
    assert!(two.users.get("bob").await.is_none());
    assert_eq!(bed.source.loads(), 1);
}

#[tokio::test]
async fn a_lookup_in_the_tiers_alone_that_an_invalidation_overtakes_is_not_kept() {
    let bed = Bed::new();
    let (one, two) = (bed.node(), bed.node());
    assert_eq!(got(&one.read("ann").await), 0);
    let gate = Gate::closed();
    two.tier.fail_op(Op::Get, Fault::GateAnswer(gate.clone()));
    let looking = tokio::spawn({
        let users = two.users.clone();
        async move { users.get("ann").await }
    });
    gate.reached(1).await;
    bed.source.write(&user("ann"));
    crate::support::acknowledged(one.users.invalidate(["ann"]).await);
    gate.open();
    assert!(looking.await.expect("no panic").is_some(), "it began before");
    assert_eq!(two.peek("ann"), None);
}
