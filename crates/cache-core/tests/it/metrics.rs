use ::metrics::with_local_recorder;
use gatewayz_testkit::Ledger;

use crate::support::{Bed, got, spawn_read, until};

#[tokio::test]
async fn what_a_cache_did_is_in_the_metrics_once_published() {
    let ledger = Ledger::default();
    let bed = Bed::new();
    let (one, two) = with_local_recorder(&ledger, || (bed.node(), bed.alone()));
    let gate = bed.source.gate_then_read();
    let readers: Vec<_> = (0..3).map(|_| spawn_read(&one.users, &bed.source, "ann")).collect();
    until(|| one.users.stats().local.misses == 3).await;
    gate.open();
    for reader in readers {
        assert_eq!(got(&reader.await.expect("no panic")), 0);
    }
    for _ in 0..4 {
        assert_eq!(got(&one.read("ann").await), 0);
    }
    assert_eq!(
        ledger.value("cache_hits{cache_name=users}"),
        Some(0),
        "not before they are asked for"
    );
    one.node.publish_metrics();
    for (name, value) in [
        ("cache_hits{cache_name=users}", 4),
        ("cache_misses{cache_name=users}", 3),
        ("cache_lookups{cache=users,outcome=local_hit}", 4),
        ("cache_lookups{cache=users,outcome=fill}", 1),
        ("cache_lookups{cache=users,outcome=coalesced}", 2),
        ("cache_lookups{cache=users,outcome=shared_hit}", 0),
        ("cache_errors{cache=users}", 0),
        ("cache_entries{cache=users}", 1),
    ] {
        assert_eq!(ledger.value(name), Some(value), "{name}");
    }
    assert!(ledger.value("cache_size_bytes{cache_name=users}") > Some(0));
    assert_eq!(ledger.records("cache_fill_duration{cache=users}"), Some(1));
    drop(two);
}

#[tokio::test]
async fn published_counts_never_go_back() {
    let ledger = Ledger::default();
    let bed = Bed::new();
    let node = with_local_recorder(&ledger, || bed.node());
    for reads in 1..4 {
        assert_eq!(got(&node.read("ann").await), 0);
        node.node.publish_metrics();
        node.node.publish_metrics();
        assert_eq!(ledger.value("cache_hits{cache_name=users}"), Some(reads - 1));
        assert_eq!(ledger.value("cache_misses{cache_name=users}"), Some(1));
    }
}
