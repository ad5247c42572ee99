use gatewayz_cache_core::{Cache, Codec, CodecError, Keyspace, Propagation};
use gatewayz_testkit::{Behaviour, Fault, Gate, Op, Versioned};

use crate::support::{Bed, POLICY, TTL, TestNode, acknowledged, got, secs, settle, until, user};

fn ann(version: u64) -> Versioned {
    Versioned {
        key: user("ann"),
        version,
    }
}

/// Writes to the source, and puts what was written into the cache.
async fn write_through(bed: &Bed, node: &TestNode) -> (u64, Propagation) {
    let version = bed.source.write(&user("ann"));
    (version, node.users.insert("ann", ann(version)).await)
}

#[tokio::test]
async fn an_inserted_value_replaces_the_old_one_on_every_node() {
    let bed = Bed::new();
    let (one, two) = (bed.node(), bed.node());
    for node in [&one, &two] {
        assert_eq!(got(&node.read("ann").await), 0);
    }
    let (version, reached) = write_through(&bed, &one).await;
    acknowledged(reached);
    for node in [&one, &two] {
        assert_eq!(got(&node.read("ann").await), version);
    }
    assert_eq!(bed.source.loads(), 1, "what was inserted is not loaded");
    assert_eq!(bed.cluster.expires_in("users:ann"), Some(TTL));
    assert!(!bed.cluster.is_leased("users:ann"));
}

#[tokio::test]
async fn an_insert_that_an_invalidation_overtakes_is_kept_nowhere() {
    for (op, answered) in [(Op::Claim, true), (Op::Fill, false), (Op::Fill, true)] {
        let bed = Bed::new();
        let (one, two) = (bed.node(), bed.node());
        let gate = Gate::closed();
        let fault = if answered {
            Fault::GateAnswer(gate.clone())
        } else {
            Fault::Gate(gate.clone())
        };
        one.tier.fail_op(op, fault);
        let version = bed.source.write(&user("ann"));
        let inserting = tokio::spawn({
            let users = one.users.clone();
            async move { users.insert("ann", ann(version)).await }
        });
        gate.reached(1).await;
        let newer = bed.source.write(&user("ann"));
        acknowledged(two.users.invalidate(["ann"]).await);
        gate.open();
        acknowledged(inserting.await.expect("no panic"));
        for node in [&one, &two] {
            assert_eq!(node.peek("ann"), None, "{op:?}, answered: {answered}");
            assert_eq!(got(&node.read("ann").await), newer, "{op:?}, answered: {answered}");
        }
    }
}

#[tokio::test]
async fn a_reader_beside_an_insert_gets_the_new_value() {
    let bed = Bed::new();
    let (one, two) = (bed.node(), bed.node());
    let gate = Gate::closed();
    one.tier.fail_op(Op::Fill, Fault::Gate(gate.clone()));
    let version = bed.source.write(&user("ann"));
    let inserting = tokio::spawn({
        let users = one.users.clone();
        async move { users.insert("ann", ann(version)).await }
    });
    gate.reached(1).await;
    let readers = [one.spawn_read("ann"), two.spawn_read("ann")];
    until(|| one.users.stats().local.misses == 1 && two.users.stats().local.misses == 1).await;
    settle().await;
    gate.open();
    acknowledged(inserting.await.expect("no panic"));
    for reader in readers {
        assert_eq!(got(&reader.await.expect("no panic")), version);
    }
    assert_eq!(bed.source.loads(), 0);
}

#[tokio::test]
async fn a_reader_beside_an_insert_that_is_fenced_is_answered_all_the_same() {
    let bed = Bed::new();
    let one = bed.node();
    let gate = Gate::closed();
    one.tier.fail_op(Op::Fill, Fault::Gate(gate.clone()));
    let version = bed.source.write(&user("ann"));
    let inserting = tokio::spawn({
        let users = one.users.clone();
        async move { users.insert("ann", ann(version)).await }
    });
    gate.reached(1).await;
    let reader = one.spawn_read("ann");
    until(|| one.users.stats().local.misses == 1).await;
    settle().await;
    // The claim's term runs out before the value gets through.
    bed.clock.advance(POLICY.fill_term);
    bed.cluster.heal();
    gate.open();
    acknowledged(inserting.await.expect("no panic"));
    assert_eq!(got(&reader.await.expect("no panic")), version);
}

#[tokio::test]
async fn a_reader_beside_an_insert_whose_caller_leaves_is_answered_all_the_same() {
    let bed = Bed::new();
    let one = bed.node();
    let gate = Gate::closed();
    one.tier.fail_op(Op::Fill, Fault::Gate(gate.clone()));
    let version = bed.source.write(&user("ann"));
    let inserting = tokio::spawn({
        let users = one.users.clone();
        async move { users.insert("ann", ann(version)).await }
    });
    gate.reached(1).await;
    let reader = one.spawn_read("ann");
    until(|| one.users.stats().local.misses == 1).await;
    settle().await;
    inserting.abort();
    bed.cluster.heal();
    bed.clock.advance(POLICY.fill_term);
    gate.open();
    assert_eq!(got(&reader.await.expect("no panic")), version);
}

#[tokio::test]
async fn without_the_shared_tier_an_insert_is_deferred_and_kept_in_this_node() {
    let bed = Bed::new();
    let (one, two) = (bed.node(), bed.node());
    for node in [&one, &two] {
        assert_eq!(got(&node.read("ann").await), 0);
    }
    one.tier.fail(Fault::Unavailable);
    let (version, reached) = write_through(&bed, &one).await;
    assert_eq!(reached, Propagation::Deferred);
    assert_eq!((one.peek("ann"), two.peek("ann")), (Some(version), Some(0)));
    bed.cluster.heal();
    assert_eq!(got(&two.read("ann").await), version);
    assert_eq!(got(&one.read("ann").await), version);
}

#[tokio::test]
async fn an_insert_whose_fill_got_lost_is_kept_in_this_node() {
    for fault in [Fault::Lost, Fault::Refused, Fault::Unavailable] {
        let bed = Bed::new();
        let one = bed.node();
        one.tier.fail_op(Op::Fill, fault);
        let (version, reached) = write_through(&bed, &one).await;
        acknowledged(reached);
        assert_eq!(one.peek("ann"), Some(version));
    }
}

#[tokio::test]
async fn an_insert_beside_a_load_of_the_old_value_wins() {
    let bed = Bed::new();
    let node = bed.node();
    let gate = bed.source.read_then_gate();
    let reader = node.spawn_read("ann");
    gate.reached(1).await;
    let (version, reached) = write_through(&bed, &node).await;
    acknowledged(reached);
    gate.open();
    assert_eq!(got(&reader.await.expect("no panic")), 0, "it waited since before");
    assert_eq!(
        (node.peek("ann"), bed.stored_version("users:ann")),
        (Some(version), Some(version))
    );
}

#[tokio::test]
async fn in_a_node_that_is_alone_an_insert_is_kept_and_expires() {
    let bed = Bed::new();
    let users = bed.alone();
    acknowledged(users.insert("ann", ann(7)).await);
    assert_eq!(got(&users.get_or_load("ann", &bed.source).await), 7);
    bed.clock.advance(TTL);
    assert_eq!(got(&users.get_or_load("ann", &bed.source).await), 0);
    assert_eq!(users.stats().sets, 2);
}

struct Unencodable;

impl Codec<Versioned> for Unencodable {
    fn encode(&self, _value: &Versioned) -> Result<bytes::Bytes, CodecError> {
        Err(std::sync::Arc::new(std::fmt::Error))
    }

    fn decode(&self, _bytes: &[u8]) -> Result<Versioned, CodecError> {
        Err(std::sync::Arc::new(std::fmt::Error))
    }
}

#[tokio::test]
async fn an_inserted_value_that_cannot_be_encoded_is_kept_in_memory_and_holds_nobody_up() {
    let bed = Bed::new();
    let node = bed.node();
    let odd: Cache<String, Versioned> = node
        .node
        .cache(Keyspace::new("odd", POLICY))
        .codec(Unencodable)
        .build()
        .expect("a valid keyspace");
    acknowledged(odd.insert("ann", ann(1)).await);
    assert!(odd.peek("ann").is_some());
    assert!(!bed.cluster.is_leased("odd:ann"), "its right to fill is given back");
}

#[tokio::test]
async fn an_insert_makes_a_failing_source_unneeded() {
    let bed = Bed::new();
    let (one, two) = (bed.node(), bed.node());
    bed.source.set(Behaviour::Fail);
    acknowledged(one.users.insert("ann", ann(3)).await);
    bed.clock.advance(secs(1));
    assert_eq!(got(&two.read("ann").await), 3);
}
