use gatewayz_cache_core::{Cache, InvalidKeyspace, Invalidation, InvalidationGraph, Keyspace, Node, Policy, Target};
use gatewayz_testkit::{Op, Versioned};

use crate::support::{Bed, POLICY, USERS, about, acknowledged, got, millis, pass, secs, user};

fn build<K: gatewayz_cache_core::CacheKey>(node: &Node, keyspace: Keyspace) -> Result<(), InvalidKeyspace> {
    node.cache::<Versioned>(keyspace).build::<K>().map(drop)
}

const fn named(name: &'static str) -> Keyspace {
    Keyspace::new(name, POLICY)
}

#[test]
fn keyspaces_that_could_share_a_key_are_refused() {
    let node = Node::alone();
    assert_eq!(build::<String>(&node, named("models:provider")), Ok(()));
    let refused = [
        ("models:provider", "the same"),
        ("models:provider:x", "inside"),
        ("models", "around"),
    ];
    for (name, why) in refused {
        let error = build::<String>(&node, named(name));
        assert!(
            matches!(error, Err(InvalidKeyspace::Overlap { .. })),
            "{why}: {error:?}"
        );
    }
    assert!(
        build::<()>(&node, named("models:provider:x")).is_err(),
        "its only key is one of the others'"
    );
}

#[test]
fn keyspaces_that_share_no_key_are_taken() {
    let node = Node::alone();
    for name in ["models:provider", "models:provider2", "models:prov", "other"] {
        assert_eq!(build::<String>(&node, named(name)), Ok(()), "{name}");
    }
    assert_eq!(
        build::<()>(&node, named("models")),
        Ok(()),
        "the key `models` is nobody else's"
    );
    assert_eq!(
        build::<()>(&node, named("models:provider")),
        Ok(()),
        "nor is `models:provider`"
    );
    assert_eq!(node.keyspaces().len(), 6);
}

#[test]
fn a_keyspace_that_cannot_work_is_refused_when_it_is_made() {
    let node = Node::alone();
    for name in ["", ":a", "a:", "a b", "a{b}", "a*", "lease", "lease:a", "é"] {
        assert!(build::<String>(&node, named(name)).is_err(), "the name {name:?}");
    }
    let zero = std::time::Duration::ZERO;
    let policies = [
        ("ttl", Policy::new(zero)),
        ("negative", POLICY.with_negative(zero)),
        ("load_timeout", POLICY.with_timeouts(millis(1), zero)),
        ("max_loads", POLICY.with_max_loads(0)),
        ("fill_term", POLICY.with_fill_term(millis(1))),
        ("ttl", Policy::new(std::time::Duration::MAX)),
    ];
    for (what, policy) in policies {
        let error = build::<String>(&node, Keyspace::new("a", policy)).expect_err(what);
        assert!(error.to_string().contains(what), "{error}");
    }
}

#[test]
fn a_graph_that_leads_nowhere_is_refused() {
    let graph = InvalidationGraph::new().on("provider", &[Target::Subject("catalogue")]);
    let error = Node::builder()
        .graph(graph)
        .build()
        .map(drop)
        .expect_err("no such subject");
    assert_eq!((error.from, error.to), ("provider", "catalogue"));
}

const PROVIDER: Keyspace = named("models:provider");
const FULL: Keyspace = named("models:catalog:full");
const UNIQUE: Keyspace = named("models:unique");
const PAGES: Keyspace = named("pages");

#[tokio::test]
async fn a_providers_change_takes_its_models_the_catalogue_and_its_pages_and_nothing_else() {
    let bed = Bed::new();
    let graph = InvalidationGraph::new()
        .on(
            "provider",
            &[
                Target::SameKey(&PROVIDER),
                Target::Subject("catalogue"),
                Target::Under(&PAGES),
                Target::UnderPart(&PAGES, "all"),
            ],
        )
        .on("catalogue", &[Target::Whole(&FULL), Target::Whole(&UNIQUE)]);
    let node = Node::builder()
        .shared(bed.cluster.node())
        .time(&bed.clock)
        .graph(graph)
        .build()
        .expect("a valid graph");
    let provider: Cache<String, Versioned> = node.cache(PROVIDER).build().expect("a valid keyspace");
    let full: Cache<(), Versioned> = node.cache(FULL).build().expect("a valid keyspace");
    let unique: Cache<(), Versioned> = node.cache(UNIQUE).build().expect("a valid keyspace");
    let pages: Cache<(String, u64), Versioned> = node.cache(PAGES).build().expect("a valid keyspace");
    for id in ["groq", "groq2"] {
        provider.get_or_load(id, &bed.source).await.expect("an answer");
    }
    full.get_or_load(&(), &bed.source).await.expect("an answer");
    unique.get_or_load(&(), &bed.source).await.expect("an answer");
    for part in ["groq", "all", "groq2"] {
        pages
            .get_or_load(&(user(part), 1), &bed.source)
            .await
            .expect("an answer");
    }
    acknowledged(node.invalidate_subject("provider", "groq").await);
    assert_eq!(bed.cluster.names(), ["models:provider:groq2", "pages:groq2:1"]);
    assert!(provider.peek("groq").is_none() && full.peek(&()).is_none() && unique.peek(&()).is_none());
    assert!(pages.peek(&(user("groq"), 1)).is_none() && pages.peek(&(user("all"), 1)).is_none());
    assert!(provider.peek("groq2").is_some() && pages.peek(&(user("groq2"), 1)).is_some());
    assert_eq!(bed.cluster.calls(Op::Invalidate), 1);
}

#[tokio::test(start_paused = true)]
async fn repeated_invalidations_are_carried_out_once_after_a_second() {
    let bed = Bed::with_tokio();
    let node = bed.node();
    assert_eq!(got(&node.read("ann").await), 0);
    for _ in 0..10 {
        node.node.invalidate_soon(about("ann"));
        pass(millis(50)).await;
    }
    node.node.invalidate_soon(about("bob"));
    let stats = node.node.debouncer_stats();
    assert_eq!(
        (stats.scheduled, stats.executed, stats.coalesced, stats.pending_count),
        (11, 0, 9, 2)
    );
    assert_eq!(node.peek("ann"), Some(0), "not yet");
    pass(millis(499)).await;
    assert_eq!(node.peek("ann"), Some(0), "the first one starts the second");
    pass(millis(2)).await;
    assert_eq!(node.peek("ann"), None);
    assert_eq!((bed.cluster.calls(Op::Invalidate), bed.cluster.names().len()), (1, 0));
    let stats = node.node.debouncer_stats();
    assert_eq!(
        (stats.scheduled, stats.executed, stats.coalesced, stats.pending_count),
        (11, 2, 9, 0)
    );
    assert_eq!(stats.efficiency_percent, 81.82);
}

#[tokio::test(start_paused = true)]
async fn a_flush_carries_out_what_is_pending_at_once_and_only_once() {
    let bed = Bed::with_tokio();
    let node = bed.node();
    assert_eq!(got(&node.read("ann").await), 0);
    node.node.invalidate_soon(about("ann"));
    acknowledged(node.node.flush().await);
    assert_eq!(node.peek("ann"), None);
    pass(secs(5)).await;
    assert_eq!(bed.cluster.calls(Op::Invalidate), 1);
    acknowledged(node.node.flush().await);
    assert_eq!(bed.cluster.calls(Op::Invalidate), 1);
    assert_eq!(node.node.debouncer_stats().executed, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_for_after_a_flush_waits_its_own_second() {
    let bed = Bed::with_tokio();
    let node = bed.node();
    node.node.invalidate_soon(about("ann"));
    pass(millis(900)).await;
    acknowledged(node.node.flush().await);
    node.node.invalidate_soon(about("bob"));
    pass(millis(500)).await;
    assert_eq!(
        node.node.debouncer_stats().pending_count,
        1,
        "collected for its own second"
    );
    pass(millis(501)).await;
    assert_eq!(node.node.debouncer_stats().pending_count, 0);
}

#[tokio::test(start_paused = true)]
async fn a_flush_waits_for_what_is_being_carried_out() {
    let bed = Bed::with_tokio();
    let node = bed.node();
    bed.cluster.hold_messages();
    node.node.invalidate_soon(about("ann"));
    pass(millis(1_001)).await;
    assert_eq!(bed.cluster.held_messages(), 1, "under way");
    let flushing = tokio::spawn({
        let node = node.node.clone();
        async move { node.flush().await }
    });
    crate::support::settle().await;
    assert!(
        !flushing.is_finished(),
        "before a shutdown nothing may be under way when it returns"
    );
    bed.cluster.deliver();
    acknowledged(flushing.await.expect("no panic"));
}

#[tokio::test(start_paused = true)]
async fn a_debounced_invalidation_has_the_consequences_of_the_graph() {
    let bed = Bed::with_tokio();
    let graph = InvalidationGraph::new().on(PROVIDER.name, &[Target::Whole(&FULL)]);
    let node = Node::builder()
        .graph(graph)
        .time(&bed.clock)
        .build()
        .expect("a valid graph");
    let full: Cache<(), Versioned> = node.cache(FULL).build().expect("a valid keyspace");
    full.get_or_load(&(), &bed.source).await.expect("an answer");
    node.invalidate_soon(Invalidation::new().key(&PROVIDER, &user("groq")));
    pass(millis(1_001)).await;
    assert!(full.peek(&()).is_none());
}

#[tokio::test]
async fn keys_of_a_keyspace_are_named_as_documented() {
    assert_eq!(PROVIDER.shared_name(&user("openrouter")), "models:provider:openrouter");
    assert_eq!(FULL.shared_name(&()), "models:catalog:full");
    assert_eq!(USERS.shared_name(&7_u64), "users:7");
}
