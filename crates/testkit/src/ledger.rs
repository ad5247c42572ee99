//! A recorder of metrics that tests can read.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use parking_lot::Mutex;

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

/// A recorder that remembers every metric by its name and labels: `name{key=value}`.
///
/// ```
/// use gatewayz_testkit::Ledger;
///
/// let ledger = Ledger::default();
/// let lookups = metrics::with_local_recorder(&ledger, || metrics::counter!("lookups", "outcome" => "hit"));
/// lookups.increment(2);
/// assert_eq!(ledger.value("lookups{outcome=hit}"), Some(2));
/// ```
#[derive(Default)]
pub struct Ledger(Mutex<BTreeMap<String, Arc<Cell>>>);

impl Ledger {
    fn cell(&self, key: &Key) -> Arc<Cell> {
        let labels: Vec<String> = key
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        let mut cells = self.0.lock();
        Arc::clone(cells.entry(name).or_default())
    }

    /// The last value of a counter or a gauge; `None` where nobody registered it.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<u64> {
        Some(self.0.lock().get(name)?.value.load(Ordering::Relaxed))
    }

    /// How often a histogram was recorded to; `None` where nobody registered it.
    #[must_use]
    pub fn records(&self, name: &str) -> Option<u64> {
        Some(self.0.lock().get(name)?.records.load(Ordering::Relaxed))
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.lock().keys()).finish()
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
