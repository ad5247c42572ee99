use std::num::NonZeroU32;

use proptest::prelude::*;
use serde_json::value::RawValue;

use crate::{
    HealthStatus, Modalities, Modality, PricingSource, Quote, StoredModel, Tier,
    fixture::{listing, snapshot, stored},
    model::ModelJson,
};

/// What the derive writes of what it reads of an object is the object: both have the same fields in the same order.
fn is_as_derived(row: StoredModel) {
    let snapshot = snapshot(vec![row]);
    let written = snapshot.object(0);
    let read: ModelJson<'_> = serde_json::from_slice(&written).unwrap();
    assert_eq!(
        std::str::from_utf8(&written).unwrap(),
        serde_json::to_string(&read).unwrap()
    );
}

#[test]
fn a_row_of_which_little_is_known() {
    is_as_derived(stored(1, "groq", listing("llama", None, None)));
}

#[test]
fn a_row_with_everything() {
    let mut listing = listing("meta/llama:free", Some("0.15"), Some("2.6"));
    let raw = |text: &str| Some(RawValue::from_string(text.to_owned()).unwrap());
    let price = || Quote::UsdPerMillion.price("1.25").unwrap();
    listing.developer = Some("meta".to_owned());
    listing.created = Some(-1);
    listing.description = Some("a \"quoted\"\n\u{1}text \\\\ with ümlauts 😀".to_owned());
    listing.context_length = NonZeroU32::new(131_072);
    listing.max_output = NonZeroU32::new(u32::MAX);
    listing.input = Modality::ALL.into_iter().collect();
    listing.output = Modalities::TEXT.with(Modality::Embedding);
    listing.tokenizer = Some("Llama3".to_owned());
    listing.instruct_type = Some("chatml".to_owned());
    listing.pricing.input_cache_read = price();
    listing.pricing.input_cache_write = price();
    listing.pricing.internal_reasoning = price();
    listing.pricing.audio = price();
    listing.pricing.request = Quote::UsdPerUnit.price("0.01").unwrap();
    listing.pricing.image = Quote::UsdPerUnit.price("9999").unwrap();
    listing.pricing.web_search = Quote::UsdPerUnit.price("0").unwrap();
    listing.pricing.tiers = vec![Tier {
        above: 200_000,
        prompt: price(),
        ..Tier::default()
    }];
    listing.supported_parameters = vec!["temperature".to_owned(), "tools".to_owned()];
    listing.default_parameters = raw("{\"temperature\":0.7}");
    listing.per_request_limits = raw("[1,2]");
    listing.tags = vec!["a\"b".to_owned(), "c".to_owned()];
    listing.hugging_face_id = Some("meta-llama/Llama".to_owned());
    listing.abilities.functions = true;
    listing.abilities.deprecated = true;
    listing.imported_from = Some("models.dev".to_owned());
    let mut row = stored(1, "groq", listing);
    row.health.status = HealthStatus::Degraded;
    row.health.average_response_time_ms = Some(210);
    let snapshot = snapshot(vec![row.clone()]);
    assert_eq!(
        snapshot.rows()[0].pricing_source,
        Some(PricingSource::Import("models.dev".into()))
    );
    is_as_derived(row);
}

proptest! {
    #[test]
    fn a_row_of_any_texts(
        id in "[!-~é]{1,20}",
        name in r"\PC{0,20}",
        description in proptest::option::of(any::<String>()),
        tags in proptest::collection::vec(any::<String>(), 0..3),
    ) {
        let mut listing = listing(&id, Some("1"), None);
        listing.name = name;
        listing.description = description;
        listing.tags = tags;
        is_as_derived(stored(1, "groq", listing));
    }
}
