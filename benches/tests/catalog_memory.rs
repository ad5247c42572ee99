//! What a catalogue costs in memory. In a binary of its own, since its allocator counts.

use allocation_counter::measure;
use gatewayz_benches::models;
use gatewayz_catalog::{Snapshot, UniqueQuery, enrich::ManualPrices};

/// With its JSON, per model.
const BAR: i64 = 2_600;

#[test]
fn a_snapshot_stays_within_its_bytes_per_model() {
    let held = |with_unique: bool| {
        let snapshot = Snapshot::build(models::directory(), &ManualPrices::builtin(), models::stored());
        let models = i64::try_from(snapshot.len()).unwrap();
        let json = snapshot.objects(0..u32::try_from(models).unwrap()).len() / snapshot.len();
        if with_unique {
            // The index is made when it is first asked for.
            drop(snapshot.unique(&UniqueQuery::default()));
        }
        // Several threads build it; what this one frees is what it held.
        let freed = measure(|| drop(snapshot));
        (-freed.bytes_current / models, json)
    };
    let (per_model, json) = held(false);
    eprintln!("{per_model} bytes per model, {json} of them JSON");
    assert!(
        per_model > i64::try_from(json).unwrap() && per_model <= BAR,
        "{per_model} bytes per model"
    );
    let (with_index, _) = held(true);
    eprintln!("{with_index} bytes per model with the index of unique models");
    assert!((per_model..=BAR).contains(&with_index), "{with_index} bytes per model");
}
