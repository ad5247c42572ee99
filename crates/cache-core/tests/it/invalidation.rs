use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use gatewayz_cache_core::{
    Cache, CacheKey, CacheStatus, Invalidation, InvalidationGraph, Keyspace, Node, Propagation, Target,
};
use gatewayz_testkit::{Behaviour, Fault, Gate, Op, Versioned};

use crate::support::{
    Bed, POLICY, TestNode, USERS, Users, about, acknowledged, got, millis, settle, spawn_read, until, user,
};

/// Where a fill stands when its key is invalidated.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The shared tier has answered with a value, which has not arrived.
    Hit,
    /// The right to fill is granted, and has not arrived.
    Acquired,
    /// The source is asked, and has not read.
    Asked,
    /// The source has read the old version.
    Read,
    /// The old version is on its way to the shared tier.
    Filling,
    /// The old version is in the shared tier, and its filler does not know yet.
    Filled,
}

const STAGES: [Stage; 6] = [
    Stage::Hit,
    Stage::Acquired,
    Stage::Asked,
    Stage::Read,
    Stage::Filling,
    Stage::Filled,
];

/// How the key is named.
#[derive(Clone, Copy, Debug)]
enum Way {
    Key,
    Prefix,
    Keyspace,
    Graph,
}

const WAYS: [Way; 4] = [Way::Key, Way::Prefix, Way::Keyspace, Way::Graph];

fn graph() -> InvalidationGraph {
    InvalidationGraph::new().on("account", &[Target::SameKey(&USERS)])
}

fn node(bed: &Bed) -> (Node, Cache<String, Versioned>, gatewayz_testkit::FakeShared) {
    let tier = bed.cluster.node();
    let node = Node::builder()
        .shared(tier.clone())
        .time(&bed.clock)
        .graph(graph())
        .build()
        .expect("a valid graph");
    let users = node.cache(USERS).build().expect("a valid keyspace");
    (node, users, tier)
}

async fn invalidate(way: Way, node: &Node, users: &Cache<String, Versioned>) -> Propagation {
    match way {
        Way::Key => users.invalidate(["ann"]).await,
        Way::Prefix => node.invalidate(Invalidation::new().prefix("users:a")).await,
        Way::Keyspace => users.clear().await,
        Way::Graph => node.invalidate_subject("account", "ann").await,
    }
}

/// P1: whatever a fill was doing, an invalidation keeps its old value from all that read later.
async fn check_old_value_is_not_kept(stage: Stage, way: Way, by_other: bool) {
    let case = format!("{stage:?}, by {way:?}, other node: {by_other}");
    let bed = Bed::new();
    let (one, two) = (node(&bed), node(&bed));
    let gate = Gate::closed();
    let ops = &one.2;
    match stage {
        Stage::Hit => {
            let filled = two.1.get_or_load("ann", &bed.source).await;
            assert_eq!(got(&filled), 0, "{case}");
            ops.fail_op(Op::Get, Fault::GateAnswer(gate.clone()));
        }
        Stage::Acquired => ops.fail_op(Op::Acquire, Fault::GateAnswer(gate.clone())),
        Stage::Asked => bed.source.set(Behaviour::GateThenRead(gate.clone())),
        Stage::Read => bed.source.set(Behaviour::ReadThenGate(gate.clone())),
        Stage::Filling => ops.fail_op(Op::Fill, Fault::Gate(gate.clone())),
        Stage::Filled => ops.fail_op(Op::Fill, Fault::GateAnswer(gate.clone())),
    }
    let before = tokio::spawn({
        let (users, source) = (one.1.clone(), bed.source.clone());
        async move { users.get_or_load("ann", &source).await }
    });
    gate.reached(1).await;
    // Later calls are not stopped: the old one stands at the gate alone.
    bed.cluster.heal();
    bed.source.set(Behaviour::Answer);
    assert_eq!(bed.source.write(&user("ann")), 1);
    let acting = if by_other { &two } else { &one };
    acknowledged(invalidate(way, &acting.0, &acting.1).await);

    // While the old flight is still under way, new readers do not join it.
    for (_, users, _) in [&one, &two] {
        let peeked = users
            .peek("ann")
            .and_then(|found| found.value.map(|value| value.version));
        assert_ne!(peeked, Some(0), "{case}");
        assert_eq!(got(&users.get_or_load("ann", &bed.source).await), 1, "{case}");
    }
    gate.open();
    let old = before.await.expect("no panic");
    assert!(got(&old) <= 1, "{case}: those who waited get what there was");

    for (_, users, _) in [&one, &two] {
        assert_eq!(got(&users.get_or_load("ann", &bed.source).await), 1, "{case}");
    }
    assert_eq!(bed.stored_version("users:ann"), Some(1), "{case}");
}

#[tokio::test]
async fn a_fill_that_began_before_an_invalidation_is_never_kept() {
    for stage in STAGES {
        for way in WAYS {
            for by_other in [false, true] {
                Box::pin(check_old_value_is_not_kept(stage, way, by_other)).await;
            }
        }
    }
}

#[tokio::test]
async fn a_fenced_fill_is_counted_and_given_to_those_who_waited_only() {
    let bed = Bed::new();
    let node = bed.node();
    let gate = bed.source.read_then_gate();
    let reader = node.spawn_read("ann");
    gate.reached(1).await;
    bed.source.write(&user("ann"));
    acknowledged(node.users.invalidate(["ann"]).await);
    gate.open();
    assert_eq!(got(&reader.await.expect("no panic")), 0);
    assert_eq!((node.users.stats().fenced, bed.cluster.fenced()), (1, 1));
    assert_eq!((node.peek("ann"), bed.cluster.names().len()), (None, 0));
}

#[tokio::test]
async fn readers_after_an_invalidation_share_a_new_flight_of_their_own() {
    let bed = Bed::new();
    let node = bed.node();
    let old_gate = bed.source.read_then_gate();
    let old = node.spawn_read("ann");
    old_gate.reached(1).await;
    bed.source.write(&user("ann"));
    acknowledged(node.users.invalidate(["ann"]).await);
    let new_gate = bed.source.read_then_gate();
    let new: Vec<_> = (0..20).map(|_| node.spawn_read("ann")).collect();
    new_gate.reached(1).await;
    until(|| node.users.stats().local.misses == 21).await;
    // The old flight lands first, and must not take the new one's seat with it.
    old_gate.open();
    assert_eq!(got(&old.await.expect("no panic")), 0);
    let late = node.spawn_read("ann");
    until(|| node.users.stats().local.misses == 22).await;
    new_gate.open();
    for reader in new.into_iter().chain([late]) {
        assert_eq!(got(&reader.await.expect("no panic")), 1);
    }
    assert_eq!(bed.source.loads(), 2);
}

#[tokio::test]
async fn a_flight_that_lands_late_does_not_end_the_one_that_took_its_place() {
    let bed = Bed::new();
    let users = bed.alone();
    let old_gate = bed.source.read_then_gate();
    let old = spawn_read(&users, &bed.source, "ann");
    old_gate.reached(1).await;
    bed.source.write(&user("ann"));
    acknowledged(users.invalidate(["ann"]).await);
    let new_gate = bed.source.read_then_gate();
    let new = spawn_read(&users, &bed.source, "ann");
    new_gate.reached(1).await;
    old_gate.open();
    assert_eq!(got(&old.await.expect("no panic")), 0);
    let late = spawn_read(&users, &bed.source, "ann");
    until(|| users.stats().local.misses == 3).await;
    settle().await;
    new_gate.open();
    for reader in [new, late] {
        assert_eq!(got(&reader.await.expect("no panic")), 1);
    }
    assert_eq!(bed.source.loads(), 2, "the last reader joined the new flight");
}

#[tokio::test]
async fn a_fill_whose_right_ran_out_is_kept_nowhere() {
    let bed = Bed::new();
    let node = bed.node();
    let gate = bed.source.read_then_gate();
    let reader = node.spawn_read("ann");
    gate.reached(1).await;
    bed.clock.advance(POLICY.fill_term);
    gate.open();
    assert_eq!(got(&reader.await.expect("no panic")), 0);
    assert_eq!(
        (node.peek("ann"), bed.cluster.names().len(), bed.cluster.fenced()),
        (None, 0, 1)
    );
}

#[tokio::test]
async fn an_invalidation_returns_only_when_every_node_has_forgotten() {
    let bed = Bed::new();
    let (one, two) = (bed.node(), bed.node());
    for node in [&one, &two] {
        assert_eq!(got(&node.read("ann").await), 0);
    }
    bed.source.write(&user("ann"));
    bed.cluster.hold_messages();
    let telling = tokio::spawn({
        let users = one.users.clone();
        async move { users.invalidate(["ann"]).await }
    });
    until(|| bed.cluster.held_messages() == 2).await;
    settle().await;
    assert!(!telling.is_finished());
    assert_eq!((one.peek("ann"), two.peek("ann")), (None, Some(0)));
    bed.cluster.deliver();
    acknowledged(telling.await.expect("no panic"));
    assert_eq!((one.peek("ann"), two.peek("ann")), (None, None));
}

#[tokio::test]
async fn a_reader_that_read_the_old_value_back_during_the_invalidation_forgets_it() {
    let bed = Bed::new();
    let node = bed.node();
    assert_eq!(got(&node.read("ann").await), 0);
    let gate = Gate::closed();
    node.tier.fail_op(Op::Invalidate, Fault::Gate(gate.clone()));
    bed.source.write(&user("ann"));
    let telling = tokio::spawn({
        let users = node.users.clone();
        async move { users.invalidate(["ann"]).await }
    });
    gate.reached(1).await;
    // This node has forgotten, the shared tier has not been told: a reader in between may have the old value.
    assert_eq!(got(&node.read("ann").await), 0);
    gate.open();
    acknowledged(telling.await.expect("no panic"));
    assert_eq!(node.peek("ann"), None);
    assert_eq!(got(&node.read("ann").await), 1);
}

#[tokio::test(start_paused = true)]
async fn the_same_holds_when_the_invalidation_is_deferred() {
    let bed = Bed::with_tokio();
    let node = bed.node();
    assert_eq!(got(&node.read("ann").await), 0);
    node.tier.fail_op(Op::Invalidate, Fault::Never(millis(50)));
    bed.source.write(&user("ann"));
    let telling = tokio::spawn({
        let users = node.users.clone();
        async move { users.invalidate(["ann"]).await }
    });
    until(|| bed.cluster.calls(Op::Invalidate) == 1).await;
    assert_eq!(got(&node.read("ann").await), 0);
    assert_eq!(telling.await.expect("no panic"), Propagation::Deferred);
    assert_eq!(node.peek("ann"), None);
    assert_eq!(
        got(&node.read("ann").await),
        1,
        "from the source: the shared tier is not asked until it knows"
    );
}

#[tokio::test]
async fn a_deferred_invalidation_cleans_this_node_now_and_the_others_later() {
    let bed = Bed::new();
    let (one, two) = (bed.node(), bed.node());
    for node in [&one, &two] {
        assert_eq!(got(&node.read("ann").await), 0);
    }
    bed.source.write(&user("ann"));
    one.tier.fail(Fault::Unavailable);
    assert_eq!(one.users.invalidate(["ann"]).await, Propagation::Deferred);
    assert_eq!(got(&one.read("ann").await), 1);
    assert_eq!(two.peek("ann"), Some(0), "the others have not heard");
    bed.cluster.heal();
    assert_eq!(two.peek("ann"), None);
    assert_eq!(got(&two.read("ann").await), 1);
}

#[tokio::test]
async fn an_invalidation_goes_on_when_its_caller_leaves() {
    let bed = Bed::new();
    let (one, two) = (bed.node(), bed.node());
    for node in [&one, &two] {
        assert_eq!(got(&node.read("ann").await), 0);
    }
    let gate = Gate::closed();
    one.tier.fail_op(Op::Invalidate, Fault::Gate(gate.clone()));
    let telling = tokio::spawn({
        let users = one.users.clone();
        async move { users.invalidate(["ann"]).await }
    });
    gate.reached(1).await;
    telling.abort();
    assert!(telling.await.is_err());
    gate.open();
    until(|| two.peek("ann").is_none()).await;
    assert_eq!(bed.cluster.names().len(), 0);
}

#[tokio::test]
async fn other_keys_keep_their_values() {
    let bed = Bed::new();
    let (one, two) = (bed.node(), bed.node());
    for key in ["ann", "anna", "bob"] {
        for node in [&one, &two] {
            assert_eq!(got(&node.read(key).await), 0);
        }
    }
    acknowledged(one.users.invalidate(["ann"]).await);
    acknowledged(one.node.invalidate(Invalidation::new().prefix("users:bo")).await);
    for node in [&one, &two] {
        assert_eq!(
            (node.peek("ann"), node.peek("anna"), node.peek("bob")),
            (None, Some(0), None)
        );
    }
    assert_eq!(bed.cluster.names(), ["users:anna"]);
}

#[tokio::test]
async fn many_keys_are_one_call_and_no_keys_are_none() {
    let bed = Bed::new();
    let node = bed.node();
    let keys: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
    acknowledged(node.users.invalidate(keys.iter().map(String::as_str)).await);
    assert_eq!(bed.cluster.calls(Op::Invalidate), 1);
    acknowledged(node.users.invalidate(std::iter::empty::<&str>()).await);
    assert_eq!(bed.cluster.calls(Op::Invalidate), 1);
    assert_eq!(
        node.users.stats().invalidations,
        2_000,
        "by this node itself, and when the message comes"
    );
}

#[tokio::test]
async fn a_local_cache_is_invalidated_from_another_node() {
    let bed = Bed::new();
    let local = |node: &TestNode| -> Cache<String, Versioned> {
        let keyspace = Keyspace::new("views", POLICY);
        node.node.local_cache(keyspace).build().expect("a valid keyspace")
    };
    let (one, two) = (bed.node(), bed.node());
    let (one_views, two_views) = (local(&one), local(&two));
    assert_eq!(got(&two_views.get_or_load("ann", &bed.source).await), 0);
    bed.source.write(&user("ann"));
    acknowledged(one_views.invalidate(["ann"]).await);
    assert_eq!(got(&two_views.get_or_load("ann", &bed.source).await), 1);
    assert_eq!(bed.cluster.names().len(), 0, "its values are not shared");
}

const PAGES: Keyspace = Keyspace::new("pages", POLICY);
const STATS: Keyspace = Keyspace::new("stats", POLICY);
const MIRROR: Keyspace = Keyspace::new("mirror", POLICY);

/// A key of `pages` is changed; returns whether the statistics, which depend on all pages, were forgotten.
async fn forgets_statistics<K: CacheKey>(key: K) -> bool {
    let bed = Bed::new();
    let graph = InvalidationGraph::new().on(PAGES.name, &[Target::Whole(&STATS)]);
    let node = Node::builder().graph(graph).build().expect("a valid graph");
    let pages: Cache<K, Versioned> = node.cache(PAGES).build().expect("a valid keyspace");
    let stats: Cache<(), Versioned> = node.cache(STATS).build().expect("a valid keyspace");
    stats.get_or_load(&(), &bed.source).await.expect("an answer");
    acknowledged(pages.invalidate([&key]).await);
    stats.peek(&()).is_none()
}

#[tokio::test]
async fn the_consequences_of_a_key_hold_whatever_is_in_it() {
    assert!(forgets_statistics(user("a:b %é")).await, "text");
    assert!(forgets_statistics(7_u64).await, "a number");
    assert!(forgets_statistics([7_u8; 32]).await, "a digest");
    assert!(forgets_statistics((user("ab"), 1_u64)).await, "a pair");
}

#[tokio::test]
async fn the_consequences_of_a_pair_hold_with_a_colon_in_its_first_part() {
    assert!(forgets_statistics((user("a:b"), 1_u64)).await);
}

#[tokio::test]
async fn the_consequences_of_a_key_of_bytes_hold_for_bytes_that_are_no_text() {
    assert!(forgets_statistics(vec![0xff_u8, 0x00]).await);
}

#[tokio::test]
async fn the_consequences_of_every_key_hold_when_a_keyspace_is_cleared() {
    let bed = Bed::new();
    let graph = InvalidationGraph::new().on(USERS.name, &[Target::SameKey(&MIRROR), Target::Under(&PAGES)]);
    let node = Node::builder().graph(graph).build().expect("a valid graph");
    let users: Cache<String, Versioned> = node.cache(USERS).build().expect("a valid keyspace");
    let mirror: Cache<String, Versioned> = node.cache(MIRROR).build().expect("a valid keyspace");
    let pages: Cache<(String, u64), Versioned> = node.cache(PAGES).build().expect("a valid keyspace");
    let page = (user("ann"), 1);
    mirror.get_or_load("ann", &bed.source).await.expect("an answer");
    pages.get_or_load(&page, &bed.source).await.expect("an answer");
    acknowledged(users.clear().await);
    assert!(mirror.peek("ann").is_none(), "all users changed, hence their mirrors");
    assert!(pages.peek(&page).is_none(), "all users changed, hence their pages");
}

#[tokio::test]
async fn the_graph_reaches_the_other_nodes() {
    let bed = Bed::new();
    let (one, two) = (node(&bed), node(&bed));
    assert_eq!(got(&two.1.get_or_load("ann", &bed.source).await), 0);
    bed.source.write(&user("ann"));
    acknowledged(one.0.invalidate_subject("account", "ann").await);
    let answer = two.1.get_or_load("ann", &bed.source).await;
    assert_eq!(got(&answer), 1);
    assert_eq!(answer.expect("an answer").status, CacheStatus::Fill);
}

/// Inserts `ann` at its first version, and stops between the moment when every node has forgotten the former value and
/// the moment when the new one is kept. There the source changes again and its writer, who is faster, invalidates.
async fn check_insert_is_overtaken(cache: &Users, bed: &Bed, reached: Propagation, meanwhile: impl FnOnce()) {
    let version = bed.source.write(&user("ann"));
    let old = Versioned {
        key: user("ann"),
        version,
    };
    let mut insert = pin!(cache.insert("ann", old));
    let first = insert.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(first, Poll::Pending));
    settle().await;
    let newer = bed.source.write(&user("ann"));
    assert_eq!(cache.invalidate(["ann"]).await, reached);
    meanwhile();
    assert_eq!(insert.await, reached);
    let read = cache.get_or_load("ann", &bed.source).await;
    assert_eq!(got(&read), newer, "what was there before the invalidation is not kept");
}

#[tokio::test]
async fn an_invalidation_that_overtakes_an_insert_into_a_local_cache_wins() {
    let bed = Bed::new();
    let views = Keyspace::new("views", POLICY);
    let views = bed.node().node.local_cache(views).build().expect("a valid keyspace");
    check_insert_is_overtaken(&views, &bed, Propagation::Acknowledged, || {}).await;
}

#[tokio::test]
async fn an_invalidation_that_overtakes_an_insert_without_the_shared_tier_wins() {
    let bed = Bed::new();
    let node = bed.node();
    bed.cluster.fail(Fault::Unavailable);
    check_insert_is_overtaken(&node.users, &bed, Propagation::Deferred, || {}).await;
}

#[tokio::test]
async fn an_invalidation_that_overtakes_an_insert_whose_fill_is_lost_wins() {
    let bed = Bed::new();
    let node = bed.node();
    let lose_fills = || bed.cluster.fail_op(Op::Fill, Fault::Unavailable);
    check_insert_is_overtaken(&node.users, &bed, Propagation::Acknowledged, lose_fills).await;
}

#[tokio::test]
async fn an_invalidation_that_overtakes_an_insert_wins() {
    let bed = Bed::new();
    let node = bed.node();
    check_insert_is_overtaken(&node.users, &bed, Propagation::Acknowledged, || {}).await;
}

#[tokio::test]
async fn two_caches_of_one_node_do_not_touch_each_other() {
    let bed = Bed::new();
    let node = bed.node();
    let other: Cache<String, Versioned> = node
        .node
        .cache(Keyspace::new("users2", POLICY))
        .build()
        .expect("a valid keyspace");
    assert_eq!(got(&node.read("ann").await), 0);
    assert_eq!(got(&other.get_or_load("ann", &bed.source).await), 0);
    acknowledged(node.users.clear().await);
    assert!(other.peek("ann").is_some());
    assert_eq!(bed.cluster.names(), ["users2:ann"]);
    acknowledged(node.node.invalidate(about("ann")).await);
    assert!(other.peek("ann").is_some());
}
