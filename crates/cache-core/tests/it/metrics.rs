use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use ::metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    with_local_recorder,
};

use crate::support::{Bed, got, spawn_read, until};

/// One metric's last value.
#[derive(Default)]
struct Cell {
    value: AtomicU64,
    records: AtomicU64,
}

impl CounterFn for Cell {
    fn increment(&self, value: u64) {
        self.value.fetch_add(value, Ordering::Relaxed);
    }
    fn absolute(&self, value: u64) {
        self.value.fetch_max(value, Ordering::Relaxed);
    }
}

impl GaugeFn for Cell {
    fn increment(&self, _value: f64) {}
    fn decrement(&self, _value: f64) {}
    fn set(&self, value: f64) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small counts")]
        self.value.store(value as u64, Ordering::Relaxed);
    }
}

impl HistogramFn for Cell {
    fn record(&self, _value: f64) {
        self.records.fetch_add(1, Ordering::Relaxed);
    }
}

/// A recorder that remembers every metric by its name and labels, as `name{key="value"}`.
#[derive(Default)]
struct Ledger(Mutex<BTreeMap<String, Arc<Cell>>>);

impl Ledger {
    fn cell(&self, key: &Key) -> Arc<Cell> {
        let labels: Vec<String> = key
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        let mut cells = self.0.lock().expect("no panic");
        Arc::clone(cells.entry(name).or_default())
    }

    #[track_caller]
    fn value(&self, name: &str) -> u64 {
        let cells = self.0.lock().expect("no panic");
        let cell = cells
            .get(name)
            .unwrap_or_else(|| panic!("no {name} in {:?}", cells.keys()));
        cell.value.load(Ordering::Relaxed)
    }
}

impl Recorder for Ledger {
    fn describe_counter(&self, _key: KeyName, _unit: Option<Unit>, _description: SharedString) {}
    fn describe_gauge(&self, _key: KeyName, _unit: Option<Unit>, _description: SharedString) {}
    fn describe_histogram(&self, _key: KeyName, _unit: Option<Unit>, _description: SharedString) {}
    fn register_counter(&self, key: &Key, _metadata: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key))
    }
    fn register_gauge(&self, key: &Key, _metadata: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key))
    }
    fn register_histogram(&self, key: &Key, _metadata: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.cell(key))
    }
}

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
        0,
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
        assert_eq!(ledger.value(name), value, "{name}");
    }
    assert!(ledger.value("cache_size_bytes{cache_name=users}") > 0);
    let cells = ledger.0.lock().expect("no panic");
    assert_eq!(
        cells["cache_fill_duration{cache=users}"]
            .records
            .load(Ordering::Relaxed),
        1
    );
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
        assert_eq!(ledger.value("cache_hits{cache_name=users}"), reads - 1);
        assert_eq!(ledger.value("cache_misses{cache_name=users}"), 1);
    }
}
