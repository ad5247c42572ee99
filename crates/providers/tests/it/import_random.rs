//! Whatever the bytes are: an answer, and the accounts are right.

use std::fmt::Write as _;

use gatewayz_providers::import::{self, Catalogue};
use proptest::prelude::*;

use crate::import::{assert_accounts, directory};

const ALL: [Catalogue; 3] = [Catalogue::ModelsDev, Catalogue::LiteLlm, Catalogue::OpenRouter];

/// Values as they might be where they should not.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("\"openai\"".to_owned()),
        Just("[]".to_owned()),
        Just("[\"text\", \"image\"]".to_owned()),
        Just("[0, 128000.0]".to_owned()),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?",
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    leaf.prop_recursive(4, 40, 8, |inner| {
        prop_oneof![
            prop::collection::vec((key(), inner.clone()), 0..8).prop_map(|fields| object(&fields)),
            prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
        ]
    })
}

/// Names that mean something in one of the catalogues.
fn key() -> impl Strategy<Value = String> {
    let known = "data models id name cost input output cache_read context_over_200k tiers tier size limit context \
        modalities family status release_date litellm_provider mode input_cost_per_token output_cost_per_token \
        input_cost_per_token_above_128k_tokens input_cost_per_token_above_99999999999k_tokens tiered_pricing range \
        search_context_cost_per_query search_context_size_medium output_cost_per_image max_input_tokens sample_spec \
        supported_modalities pricing prompt completion image architecture input_modalities top_provider openai google \
        supported_parameters default_parameters azure/x azure_ai/x gemini/g-embed";
    let known: Vec<_> = known.split_whitespace().map(str::to_owned).collect();
    prop_oneof![4 => prop::sample::select(known), 1 => any::<String>()]
}

fn object(fields: &[(String, String)]) -> String {
    let mut out = String::from("{");
    for (at, (key, value)) in fields.iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        write!(out, "{comma}{}:{value}", serde_json::to_string(key).unwrap()).unwrap();
    }
    out + "}"
}

fn check(text: &str) {
    let directory = directory();
    for catalogue in ALL {
        if let Ok(imported) = import::read(catalogue, text, &directory) {
            assert_accounts(&imported);
            for list in imported.lists.values() {
                assert!(list.windows(2).all(|pair| pair[0].id < pair[1].id), "sorted, each once");
                for listing in list {
                    let json = serde_json::to_string(listing).unwrap();
                    let back: gatewayz_catalog::Listing = serde_json::from_str(&json).unwrap();
                    assert_eq!(back.digest(), listing.digest(), "a listing survives its stored form");
                    let least = gatewayz_catalog::Price::from_steps(2_000_000);
                    let priced = listing.pricing.prompt.filter(|price| !price.is_free());
                    assert!(priced.is_none_or(|price| price >= least));
                }
            }
        }
    }
    std::hint::black_box(Catalogue::detect(text));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_value_is_answered(value in value()) {
        check(&value);
    }

    #[test]
    fn any_row_in_its_place_is_answered(
        rows in prop::collection::vec((key(), prop::collection::vec((key(), value()), 0..12)), 0..6),
    ) {
        let rows: Vec<_> = rows.into_iter().map(|(key, fields)| (key, object(&fields))).collect();
        let all = object(&rows);
        check(&all);
        check(&format!("{{\"openai\": {{\"models\": {all}}}}}"));
        let with_id: Vec<_> = rows.iter().map(|(_, row)| row.as_str()).collect();
        check(&format!("{{\"data\": [{}]}}", with_id.join(",")));
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200), packed: bool) {
        let mut file = if packed { vec![0x1f, 0x8b, 8] } else { Vec::new() };
        file.extend(bytes);
        drop(import::read_any(file.as_slice(), &directory()));
    }
}
