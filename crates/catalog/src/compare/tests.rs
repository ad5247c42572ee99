use std::num::NonZeroU32;

use serde_json::json;

use super::*;
use crate::{
    ModelHealth, StoredModel,
    fixture::{listing, snapshot, stored},
};

fn row(key: i64, name: (&str, &str), price: Option<&str>, context: u32, health: (HealthStatus, u32)) -> StoredModel {
    let mut row = stored(key, name.0, listing(name.1, price, price));
    row.listing.context_length = NonZeroU32::new(context);
    row.health = ModelHealth {
        status: health.0,
        average_response_time_ms: Some(health.1).filter(|time| *time > 0),
        checked_at: None,
    };
    row
}

fn offers() -> Snapshot {
    use HealthStatus::{Degraded, Down, Healthy, Unknown};
    snapshot(vec![
        row(1, ("groq", "acme/m-1"), Some("1"), 8_000, (Healthy, 200)),
        row(2, ("together", "acme/m-1"), Some("0.5"), 32_000, (Down, 0)),
        row(3, ("novita", "acme/m-1"), Some("0.9"), 16_000, (Degraded, 90)),
        row(4, ("openrouter", "acme/m-1"), None, 0, (Unknown, 0)),
        row(5, ("novita", "acme/z-2"), Some("0.1"), 0, (Healthy, 100)),
    ])
}

fn order(snapshot: &Snapshot, criterion: Criterion) -> (Vec<String>, Option<String>) {
    let comparison = snapshot.compare("acme/m-1", criterion).unwrap();
    let slug = |at: u32| snapshot.rows()[at as usize].provider.slug.to_string();
    (
        comparison.offers.iter().map(|&at| slug(at)).collect(),
        comparison.recommended().map(slug),
    )
}

#[test]
fn each_criterion_has_its_order_and_what_is_unknown_comes_last() {
    let snapshot = offers();
    let (offers, best) = order(&snapshot, Criterion::Price);
    assert_eq!(offers, ["together", "novita", "groq", "openrouter"]);
    // What is down is shown, and not recommended.
    assert_eq!(best.as_deref(), Some("novita"));
    let (offers, best) = order(&snapshot, Criterion::Context);
    assert_eq!(offers, ["together", "novita", "groq", "openrouter"]);
    assert_eq!(best.as_deref(), Some("novita"));
    let (offers, best) = order(&snapshot, Criterion::Availability);
    assert_eq!(offers, ["groq", "openrouter", "novita", "together"]);
    assert_eq!(best.as_deref(), Some("groq"));
}

#[test]
fn nothing_is_recommended_where_nothing_is_known() {
    let snapshot = snapshot(vec![stored(1, "groq", listing("acme/m-1", None, None))]);
    for criterion in Criterion::ALL {
        assert_eq!(snapshot.compare("acme/m-1", criterion).unwrap().recommended(), None);
        assert_eq!(Criterion::from_word(criterion.as_str()), Some(criterion));
    }
    let json = serde_json::to_value(snapshot.compare("acme/m-1", Criterion::Price).unwrap()).unwrap();
    assert!(json["recommendation"].is_null());
    assert_eq!(json["providers"][0]["slug"], "groq");
}

#[test]
fn a_comparison_says_what_to_take_and_why() {
    let snapshot = offers();
    let json = serde_json::to_value(snapshot.compare("acme/m-1", Criterion::Price).unwrap()).unwrap();
    assert_eq!((&json["id"], &json["criteria"]), (&json!("m-1"), &json!("price")));
    assert_eq!(json["providers"].as_array().unwrap().len(), 4);
    assert_eq!(
        json["recommendation"],
        json!({
            "provider": "novita", "model_id": "acme/m-1",
            "reason": "lowest mean price of a token: 0.0000009 USD",
        })
    );
}

#[test]
fn a_model_is_found_by_its_name_by_an_id_and_by_a_provider_and_its_id() {
    let snapshot = offers();
    let canonical = snapshot.rows()[0].canonical.to_string();
    for name in [canonical.as_str(), "acme/m-1", "groq/acme/m-1", "ACME/M-1"] {
        assert_eq!(
            snapshot.named(name).map(UniqueModel::canonical),
            Some(canonical.as_str()),
            "{name}"
        );
    }
    for name in ["", "/", "groq", "groq/", "m-1-that-is-not"] {
        assert!(snapshot.named(name).is_none(), "{name}");
    }
    assert_eq!(
        snapshot.compare_row(0, Criterion::Price).unwrap().model.canonical(),
        canonical
    );
    assert!(snapshot.compare_row(99, Criterion::Price).is_none());
}

#[test]
fn a_batch_names_each_model_once_and_the_best_of_all() {
    let snapshot = offers();
    let names = ["acme/m-1", "no-such-1", "groq/acme/m-1", "acme/z-2", "no-such-1"];
    let batch = snapshot.compare_all(names, Criterion::Price);
    let json = serde_json::to_value(&batch).unwrap();
    assert_eq!(json["models"].as_array().unwrap().len(), 2);
    assert_eq!(json["not_found"], json!(["no-such-1"]));
    assert_eq!(json["recommendation"]["id"], "z-2");
    assert_eq!(json["recommendation"]["provider"], "novita");
    let none = serde_json::to_value(snapshot.compare_all([], Criterion::Price)).unwrap();
    assert_eq!(
        none,
        json!({"criteria": "price", "models": [], "not_found": [], "recommendation": null})
    );
}
