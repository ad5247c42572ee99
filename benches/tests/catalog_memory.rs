//! What a catalogue costs in memory. In a binary of its own, since its allocator counts.

use allocation_counter::measure;
use gatewayz_benches::models;
use gatewayz_catalog::{Snapshot, UniqueQuery, enrich::ManualPrices};

/// With its JSON, per model.
const BAR: i64 = 2_600;

#[test]
fn a_snapshot_stays_within_its_bytes_per_model() {
    let directory = models::directory();
    let manual = ManualPrices::builtin();
    let rows = models::stored();
    let models = i64::try_from(rows.len()).unwrap();
    // The rows of the store are freed with the build: they count for nothing in what is left.
    let input = measure(|| drop(models::stored())).bytes_total;
    let mut snapshot = None;
    let built = measure(|| snapshot = Some(Snapshot::build(directory, &manual, models::stored())));
    let per_model = built.bytes_current / models;
    let snapshot = snapshot.unwrap();
    let json = snapshot.objects(0..u32::try_from(models).unwrap()).len() / snapshot.len();
    eprintln!("{per_model} bytes per model, {json} of them JSON");
    assert!(
        input > 0 && (500..=BAR).contains(&per_model),
        "{per_model} bytes per model"
    );

    // The index of unique models is made when it is first asked for, and is small.
    let index = measure(|| drop(snapshot.unique(&UniqueQuery::default())));
    let with_index = (built.bytes_current + index.bytes_current) / models;
    eprintln!("{with_index} bytes per model with the index of unique models");
    assert!(with_index <= BAR, "{with_index} bytes per model");
}
