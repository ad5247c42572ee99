use std::collections::BTreeMap;

use gatewayz_cache_core::UnixMillis;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::{
    HealthStatus, Listing, Modalities, Modality, ModelHealth, Price, PricingSource, Priority, StoredModel,
    enrich::ManualPrices,
    fixture::{
        arbitrary::{filter, rows},
        directory, listing, provider, snapshot, stored,
    },
    query::{Query, Sort},
};

fn object(snapshot: &Snapshot, row: u32) -> Value {
    serde_json::from_slice(&snapshot.object(row)).unwrap()
}

fn one(provider: &str, listing: Listing) -> Value {
    object(&snapshot(vec![stored(1, provider, listing)]), 0)
}

/// All that queries look at.
fn seen(row: &Model) -> String {
    format!("{row:?}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_shared_form_gives_the_snapshot_back(rows in rows()) {
        let snapshot = snapshot(rows);
        let shared = snapshot.encode();
        let array: Vec<Value> = serde_json::from_slice(&shared).unwrap();
        prop_assert_eq!(array.len(), snapshot.len());
        let back = Snapshot::decode(directory(), &shared).unwrap();
        prop_assert_eq!(back.epoch(), snapshot.epoch());
        prop_assert_eq!(back.changed_at(), snapshot.changed_at());
        prop_assert_eq!(back.encode(), shared);
        for (a, b) in snapshot.rows().iter().zip(back.rows()) {
            prop_assert_eq!(seen(a), seen(b));
        }
        for row in 0..u32::try_from(snapshot.len()).unwrap() {
            prop_assert_eq!(snapshot.object(row), back.object(row));
        }
        prop_assert_eq!(back.unique_json(), snapshot.unique_json());
        prop_assert_eq!(back.stats(), snapshot.stats());
    }

    #[test]
    fn rubbish_is_no_snapshot(rows in rows(), cut in 0.0..1.0, bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        prop_assert!(Snapshot::decode(directory(), &bytes).is_err());
        let shared = snapshot(rows).encode();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss,
            reason = "a place in a small buffer")]
        let at = (shared.len() as f64 * cut) as usize;
        prop_assert!(Snapshot::decode(directory(), &shared[..at]).is_err());
    }

    #[test]
    fn rows_stand_by_provider_and_id_whatever_the_order_of_the_store(rows in rows(), seed in any::<u64>()) {
        let built = snapshot(rows.clone());
        let key = |row: &Model| {
            let provider = &row.provider;
            (provider.priority != Priority::Fast, provider.name.clone(), provider.slug.to_string(), row.id.to_string())
        };
        prop_assert!(built.rows().windows(2).all(|pair| key(&pair[0]) < key(&pair[1])));
        prop_assert_eq!(built.providers().iter().map(|(_, rows)| rows.len()).sum::<usize>(), built.len());

        // Rows that are listed twice are decided by the store; without them its order says nothing.
        let mut once = BTreeMap::new();
        for row in rows {
            once.entry((row.provider.to_string(), row.listing.id.to_string())).or_insert(row);
        }
        let mut rows: Vec<StoredModel> = once.into_values().collect();
        let straight = snapshot(rows.clone()).epoch();
        prop_assert_eq!(straight, built.epoch());
        if !rows.is_empty() {
            let turn = usize::try_from(seed % rows.len() as u64).unwrap();
            rows.rotate_left(turn);
        }
        rows.reverse();
        prop_assert_eq!(snapshot(rows).epoch(), straight);
    }

    #[test]
    fn look_ups_find_what_a_scan_finds(rows in rows()) {
        let snapshot = snapshot(rows);
        let all = snapshot.rows();
        let scan = |is: &dyn Fn(&Model) -> bool| -> Vec<u32> {
            (0..).zip(all).filter(|(_, row)| is(row)).map(|(at, _)| at).collect()
        };
        for (at, row) in (0..).zip(all) {
            prop_assert_eq!(snapshot.find(&row.provider.slug, &row.id), Some(at));
            prop_assert_eq!(snapshot.place(&row.provider.slug, &row.id), Some(at));
            prop_assert_eq!(snapshot.with_id(&row.id), scan(&|other| other.id == row.id));
            prop_assert_eq!(snapshot.with_canonical(&row.canonical), scan(&|other| other.canonical == row.canonical));
            if let Some(developer) = &row.developer {
                let same = scan(&|other| other.developer.as_deref() == Some(developer));
                prop_assert_eq!(snapshot.with_developer(developer), same);
            }
            let of_provider = scan(&|other| other.provider.slug == row.provider.slug);
            prop_assert_eq!(snapshot.provider_rows(row.provider.slug.as_str()).collect::<Vec<_>>(), of_provider);
        }
        let absent = ["", "no such", "zzz", "A"];
        for name in absent {
            prop_assert!(snapshot.with_id(name).is_empty() && snapshot.with_canonical(name).is_empty());
            prop_assert!(snapshot.with_developer(name).is_empty() && snapshot.provider_rows(name).is_empty());
            prop_assert_eq!(snapshot.find(&Slug::new("groq").unwrap(), name), None);
        }
    }

    #[test]
    fn adjacent_objects_are_a_list_of_json(rows in rows(), a in 0_u32..45, b in 0_u32..45) {
        let snapshot = snapshot(rows);
        let (a, b) = (a.min(b), a.max(b));
        let objects = snapshot.objects(a..b);
        let list: Vec<Value> = serde_json::from_slice(&[b"[", &objects[..], b"]"].concat()).unwrap();
        let expected = if b as usize <= snapshot.len() { (b - a) as usize } else { 0 };
        prop_assert_eq!(list.len(), expected);
    }

    #[test]
    fn each_row_has_the_documented_fields(rows in rows(), filter in filter()) {
        let snapshot = snapshot(rows);
        for row in snapshot.matching(&filter, Sort::default()) {
            assert_documented(&object(&snapshot, row));
        }
    }
}

/// The fields of section 2.10, and those that OpenAI's clients read.
fn assert_documented(row: &Value) {
    let fields = [
        ("id", "string"),
        ("slug", "string"),
        ("canonical_slug", "string"),
        ("name", "string"),
        ("object", "string"),
        ("owned_by", "string"),
        ("developer", "string?"),
        ("source_gateway", "string"),
        ("provider_slug", "string"),
        ("created", "int?"),
        ("description", "string?"),
        ("context_length", "int?"),
        ("max_output_tokens", "int?"),
        ("modality", "string"),
        ("architecture", "object"),
        ("pricing", "object?"),
        ("pricing_source", "string?"),
        ("per_request_limits", "object?"),
        ("supported_parameters", "array"),
        ("default_parameters", "object?"),
        ("supports_streaming", "bool"),
        ("supports_function_calling", "bool"),
        ("supports_vision", "bool"),
        ("is_active", "bool"),
        ("is_free", "bool"),
        ("is_private", "bool"),
        ("is_deprecated", "bool"),
        ("health_status", "string"),
        ("average_response_time_ms", "int?"),
        ("provider_site_url", "string?"),
        ("model_logo_url", "string?"),
        ("hugging_face_id", "string?"),
        ("updated_at", "int"),
        ("tags", "array"),
    ];
    assert_types(row, &fields);
    let of_architecture = [
        ("modality", "string"),
        ("input_modalities", "array"),
        ("output_modalities", "array"),
        ("tokenizer", "string?"),
        ("instruct_type", "string?"),
    ];
    assert_types(&row["architecture"], &of_architecture);
    if let Some(pricing) = row["pricing"].as_object() {
        for name in [
            "prompt",
            "completion",
            "request",
            "image",
            "web_search",
            "internal_reasoning",
        ] {
            assert!(pricing.contains_key(name), "{name} is missing");
        }
        for (name, price) in pricing.iter().filter(|(name, _)| *name != "tiers") {
            let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            assert!(
                price.is_null() || price.as_str().is_some_and(plain),
                "{name} is {price}"
            );
        }
    }
    for name in row.as_object().unwrap().keys() {
        assert!(
            !name.starts_with("raw_") && name != "pricing_raw",
            "{name} is the provider's own record"
        );
    }
}

fn assert_types(object: &Value, fields: &[(&str, &str)]) {
    for (name, kind) in fields {
        let value = object.get(*name).unwrap_or_else(|| panic!("{name} is missing"));
        let is = match kind.trim_end_matches('?') {
            "string" => value.is_string(),
            "int" => value.is_i64() || value.is_u64(),
            "bool" => value.is_boolean(),
            "array" => value.is_array(),
            _ => value.is_object(),
        };
        assert!(
            is || (kind.ends_with('?') && value.is_null()),
            "{name} is {value}, not {kind}"
        );
    }
    assert_eq!(object.as_object().unwrap().len(), fields.len(), "{object}");
}

/// Another gateway put the display name where the id belongs.
#[test]
fn a_row_is_named_by_its_own_id() {
    let mut shown = listing("openai/gpt-4o", None, None);
    shown.name = "GPT-4o".to_owned();
    let row = one("groq", shown);
    assert_eq!(
        (&row["id"], &row["slug"], &row["name"]),
        (&"openai/gpt-4o".into(), &"groq/openai/gpt-4o".into(), &"GPT-4o".into())
    );
}

/// Price maps of other gateways went stale, and what was missing then read as zero.
#[test]
fn a_missing_price_is_null_and_never_free() {
    let row = one("groq", listing("m", None, None));
    assert!(row["pricing"].is_null() && row["pricing_source"].is_null());
    assert_eq!(row["is_free"], false);
    let row = one("groq", listing("m", Some("1"), None));
    assert!(row["pricing"]["completion"].is_null() && row["pricing"]["request"].is_null());
    assert_eq!(row["is_free"], false);
}

#[test]
fn free_is_what_the_provider_says_costs_nothing() {
    let free = |provider: &str, id: &str, prompt, completion| {
        one(provider, listing(id, prompt, completion))["is_free"] == true
    };
    assert!(free("groq", "m", Some("0"), Some("0")));
    assert!(!free("groq", "m", Some("0"), Some("0.1")));
    assert!(!free("groq", "m", Some("0"), None));
    assert!(!free("groq", "m", None, None));
    // The suffix means something at OpenRouter alone.
    assert!(free("openrouter", "m:free", Some("1"), Some("1")));
    assert!(!free("groq", "m:free", Some("1"), Some("1")));
    assert!(!free("openrouter", "m:freedom", Some("1"), Some("1")));
}

/// Floats and exponents in price strings were read wrongly by callers.
#[test]
fn prices_are_plain_decimals_of_dollars_per_token() {
    let row = one("groq", listing("m", Some("0.075"), Some("1e-9")));
    assert_eq!(row["pricing"]["prompt"], "0.000000075");
    assert_eq!(row["pricing"]["completion"], "0.000000000000001");
    assert_eq!(row["pricing_source"], "provider");
}

/// 12 of 17 entries of a provider were models that it had long retired.
#[test]
fn retired_models_leave_the_catalogue() {
    let mut retired = stored(1, "groq", listing("old", Some("1"), Some("1")));
    retired.removed_at = Some(UnixMillis(1));
    let snapshot = snapshot(vec![retired, stored(2, "groq", listing("new", None, None))]);
    assert_eq!(snapshot.len(), 1);
    assert!(snapshot.with_id("old").is_empty());
    assert_eq!(snapshot.select(&Query::default()).total, 1);
}

#[test]
fn rows_of_providers_that_are_unknown_or_off_are_left_out() {
    let mut off = provider("off", Priority::Fast);
    off.active = false;
    let directory = Arc::new(Directory::new([off, provider("groq", Priority::Fast)]).unwrap());
    let rows = vec![
        stored(1, "off", listing("a", None, None)),
        stored(2, "unheard-of", listing("a", None, None)),
        stored(3, "groq", listing("a", None, None)),
    ];
    let snapshot = Snapshot::build(directory, &ManualPrices::default(), rows);
    assert_eq!(
        snapshot
            .rows()
            .iter()
            .map(|row| row.provider.slug.as_str())
            .collect::<Vec<_>>(),
        ["groq"]
    );
}

/// Rows that were stored under another name of their provider are the same rows.
#[test]
fn an_alias_is_the_provider() {
    let mut huggingface = provider("huggingface", Priority::Slow);
    huggingface.aliases = vec!["hug".to_owned()];
    let directory = Arc::new(Directory::new([huggingface]).unwrap());
    let rows = vec![
        stored(1, "hug", listing("a", None, None)),
        stored(2, "huggingface", listing("a", None, None)),
        stored(3, "hug", listing("b", None, None)),
    ];
    let snapshot = Snapshot::build(directory, &ManualPrices::default(), rows);
    assert_eq!(snapshot.len(), 2);
    assert!((0..2).all(|row| object(&snapshot, row)["source_gateway"] == "huggingface"));
}

#[test]
fn a_developer_with_the_name_of_its_provider_stays_one_in_the_shared_tier() {
    let mut own = listing("compound", None, None);
    own.developer = Some("groq".to_owned());
    let snapshot = snapshot(vec![
        stored(1, "groq", own),
        stored(2, "groq", listing("other", None, None)),
    ]);
    let back = Snapshot::decode(directory(), &snapshot.encode()).unwrap();
    assert_eq!(back.with_developer("groq"), [0]);
    assert_eq!(object(&back, 1)["owned_by"], "groq");
}

#[test]
fn the_epoch_covers_the_names_of_providers() {
    let epoch = |name: &str| {
        let mut groq = provider("groq", Priority::Fast);
        groq.name = name.to_owned();
        let directory = Arc::new(Directory::new([groq]).unwrap());
        Snapshot::build(
            directory,
            &ManualPrices::default(),
            vec![stored(1, "groq", listing("a", None, None))],
        )
        .epoch()
    };
    assert_ne!(epoch("Groq"), epoch("GroqCloud"));
}

#[test]
fn an_empty_catalogue_is_a_catalogue() {
    let snapshot = snapshot(Vec::new());
    assert!(snapshot.is_empty() && snapshot.object(0).is_empty() && snapshot.object(u32::MAX).is_empty());
    assert_eq!(&snapshot.encode()[..], b"[]");
    assert_eq!(&snapshot.unique_json()[..], b"[]");
    assert_eq!(Snapshot::decode(directory(), b"[]").unwrap().epoch(), snapshot.epoch());
    assert_eq!(snapshot.stats().context_length, None);
}

#[test]
fn all_that_a_row_knows_survives_the_shared_tier() {
    let mut full = listing("a/b:c", Some("1"), Some("2"));
    full.pricing.input_cache_read = Some(Price::from_steps(7));
    full.pricing.tiers = vec![crate::Tier {
        above: 200_000,
        prompt: Some(Price::from_steps(9)),
        ..crate::Tier::default()
    }];
    full.input = Modalities::TEXT.with(Modality::Video);
    full.imported_from = Some("models.dev".to_owned());
    full.per_request_limits = Some(serde_json::from_str("{\"a\": [1, 2.50]}").unwrap());
    full.default_parameters = Some(serde_json::from_str("{\"temperature\": 0.70}").unwrap());
    let mut row = stored(1, "groq", full);
    row.health = ModelHealth {
        status: HealthStatus::Degraded,
        average_response_time_ms: Some(12),
        checked_at: None,
    };
    let snapshot = snapshot(vec![row]);
    let back = Snapshot::decode(directory(), &snapshot.encode()).unwrap();
    let row = &back.rows()[0];
    assert_eq!(row.pricing.tier(200_001).unwrap().prompt, Some(Price::from_steps(9)));
    assert_eq!(row.pricing.input_cache_read, Some(Price::from_steps(7)));
    assert_eq!(row.pricing_source, Some(PricingSource::Import("models.dev".into())));
    assert_eq!(
        (row.health, row.average_response_time_ms),
        (HealthStatus::Degraded, Some(12))
    );
    assert_eq!(row.modality(), "text+video->text");
    let text = String::from_utf8(back.object(0).to_vec()).unwrap();
    assert!(
        text.contains("2.50") && text.contains("0.70"),
        "numbers keep their digits: {text}"
    );
}
