use proptest::prelude::*;

use super::*;
use crate::fixture::{arbitrary::rows, listing, snapshot, stored};

#[test]
fn figures_are_those_of_the_rows() {
    let mut context = listing("acme/m-1", Some("1"), Some("1"));
    context.context_length = std::num::NonZeroU32::new(8000);
    let snapshot = snapshot(vec![
        stored(1, "groq", context),
        stored(2, "together", listing("acme/m-1", Some("0"), Some("0"))),
        stored(3, "together", listing("acme/n-1", None, None)),
    ]);
    let stats = snapshot.stats();
    assert_eq!(
        (stats.total_models, stats.total_providers, stats.unique_models),
        (3, 2, 2)
    );
    assert_eq!(stats.multi_provider_models, 1);
    assert_eq!(
        stats.prices,
        PriceCounts {
            free: 1,
            paid: 1,
            unknown: 1
        }
    );
    assert_eq!(stats.health.unknown, 3);
    assert_eq!(stats.context_length.unwrap().p50, 8000);
    let json = serde_json::to_value(&stats).unwrap();
    assert_eq!(json["providers"], serde_json::json!({"groq": 1, "together": 2}));
    assert_eq!(json["modalities"], serde_json::json!({"text->text": 3}));
    assert_eq!(
        json["pricing_sources"],
        serde_json::json!({"provider": 2, "unknown": 1})
    );
    assert_eq!(
        (&json["epoch"], &json["timestamp"]),
        (&snapshot.epoch().to_string().into(), &"2026-02-09T12:00:00Z".into())
    );
}

proptest! {
    #[test]
    fn the_parts_add_up_and_survive_the_shared_tier(rows in rows()) {
        let snapshot = snapshot(rows);
        let stats = snapshot.stats();
        let total = stats.total_models;
        prop_assert_eq!(total as usize, snapshot.len());
        prop_assert_eq!(stats.providers.values().sum::<u32>(), total);
        prop_assert_eq!(stats.modalities.values().sum::<u32>(), total);
        prop_assert_eq!(stats.pricing_sources.values().sum::<u32>(), total);
        prop_assert_eq!(stats.prices.free + stats.prices.paid + stats.prices.unknown, total);
        let health = stats.health;
        prop_assert_eq!(health.healthy + health.degraded + health.down + health.unknown, total);
        let back: Stats = serde_json::from_slice(&serde_json::to_vec(&stats).unwrap()).unwrap();
        prop_assert_eq!(back, stats);
    }

    #[test]
    fn a_percentile_is_a_value_that_so_many_are_not_above(values in proptest::collection::vec(0_u32..50, 1..200)) {
        let of = Percentiles::of(values.clone()).unwrap();
        for (percent, value) in [(25, of.p25), (50, of.p50), (75, of.p75), (90, of.p90), (99, of.p99)] {
            prop_assert!(values.contains(&value));
            let not_above = values.iter().filter(|other| **other <= value).count();
            let below = values.iter().filter(|other| **other < value).count();
            prop_assert!(not_above * 100 >= values.len() * percent && below * 100 < values.len() * percent);
        }
        prop_assert_eq!((of.min, of.max), (*values.iter().min().unwrap(), *values.iter().max().unwrap()));
        prop_assert_eq!(of.count as usize, values.len());
    }
}
