use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    Gateway, ModelHealth, Slug, StoredModel,
    fixture::{
        arbitrary::{filter, rows},
        listing, snapshot, stored,
    },
};

fn timed(mut row: StoredModel, milliseconds: u32) -> StoredModel {
    row.health = ModelHealth {
        average_response_time_ms: Some(milliseconds),
        ..ModelHealth::default()
    };
    row
}

/// One model of three providers, none of them one that others are priced after, and another of one.
fn llamas() -> Snapshot {
    let of_groq = listing("acme/llama-9-70b", Some("0.6"), Some("0.8"));
    let of_novita = listing("acme/llama-9-70b", Some("0.59"), Some("0.79"));
    snapshot(vec![
        timed(stored(1, "groq", of_groq), 900),
        stored(2, "groq", listing("acme/llama-9-70b:free", Some("0"), Some("0"))),
        timed(stored(3, "novita", of_novita), 210),
        stored(4, "together", listing("acme/llama-9-70b", None, None)),
        stored(5, "novita", listing("acme/other-1", None, None)),
    ])
}

fn json_of(page: &UniquePage<'_>) -> Value {
    serde_json::to_value(page).unwrap()
}

fn ids<'a>(page: &UniquePage<'a>) -> Vec<&'a str> {
    page.models.iter().map(|model| model.id()).collect()
}

#[test]
fn offers_stand_from_cheap_to_dear_with_unknown_prices_last_and_one_per_provider() {
    let snapshot = llamas();
    let page = snapshot.unique(&UniqueQuery::default());
    assert_eq!(ids(&page), ["llama-9-70b", "other-1"]);
    let model = &json_of(&page)["models"][0];
    let offers: Vec<_> = model["providers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|offer| &offer["slug"])
        .collect();
    assert_eq!(offers, ["groq", "novita", "together"]);
    assert_eq!(model["provider_count"], 3);
    // Of two rows of one provider the cheaper one counts.
    assert_eq!(model["providers"][0]["model_id"], "acme/llama-9-70b:free");
    assert_eq!(model["providers"][2]["pricing"], Value::Null);
    assert_eq!(
        (&model["cheapest_provider"], &model["fastest_provider"]),
        (&json!("groq"), &json!("novita"))
    );
    // The twin that counts has never been timed.
    assert_eq!(model["fastest_response_time"], 210);
}

#[test]
fn a_model_is_documented_json() {
    let mut row = timed(
        stored(1, "groq", listing("acme/llama-9-70b", Some("0.59"), Some("0.79"))),
        210,
    );
    row.listing.description = Some("\"quoted\"".to_owned());
    row.listing.name = "Llama 9 70B".to_owned();
    let snapshot = snapshot(vec![row]);
    let page = snapshot.unique(&UniqueQuery::default());
    assert_eq!(
        json_of(&page),
        json!({
            "models": [{
                "id": "llama-9-70b", "name": "Llama 9 70B", "canonical_slug": snapshot.rows()[0].canonical.as_ref(),
                "provider_count": 1,
                "providers": [{
                    "slug": "groq", "name": "groq", "model_id": "acme/llama-9-70b",
                    "pricing": {
                        "prompt": "0.00000059", "completion": "0.00000079", "request": null, "image": null,
                        "web_search": null, "internal_reasoning": null,
                    },
                    "context_length": null, "health_status": "unknown", "average_response_time_ms": 210,
                    "modality": "text->text", "supports_streaming": false, "supports_function_calling": false,
                    "supports_vision": false, "description": "\"quoted\"",
                    "architecture": {
                        "modality": "text->text", "input_modalities": ["text"], "output_modalities": ["text"],
                        "tokenizer": null, "instruct_type": null,
                    },
                    "model_name": "Llama 9 70B",
                }],
                "cheapest_provider": "groq", "fastest_provider": "groq",
                "cheapest_prompt_price": 5.9e-7, "fastest_response_time": 210,
            }],
            "total": 1, "limit": 100, "offset": 0,
            "filters": {"min_providers": null, "include_inactive": false},
            "sort": {"by": "provider_count", "order": "desc"},
        })
    );
    // The number has the digits of the price, not those of a binary float.
    let text = serde_json::to_string(&page).unwrap();
    assert!(text.contains("\"cheapest_prompt_price\":0.00000059,"), "{text}");
    assert_eq!(text.matches("\"models\"").count(), 1);
}

#[test]
fn the_cheapest_prompt_need_not_be_the_cheapest_offer() {
    let snapshot = snapshot(vec![
        stored(1, "groq", listing("acme/m-1", Some("1"), Some("1"))),
        stored(2, "together", listing("acme/m-1", Some("0.5"), Some("9"))),
    ]);
    let page = snapshot.unique(&UniqueQuery::default());
    let model = page.models[0];
    assert_eq!(model.offers(), [0, 1]);
    assert_eq!((model.cheapest(), model.fastest()), (Some(1), None));
    assert_eq!(model.cheapest_prompt_price().unwrap().to_string(), "0.0000005");
}

#[test]
fn nothing_that_is_unknown_is_cheapest_or_fastest() {
    let snapshot = snapshot(vec![stored(1, "groq", listing("acme/m-1", None, Some("1")))]);
    let model = &json_of(&snapshot.unique(&UniqueQuery::default()))["models"][0];
    for name in [
        "cheapest_provider",
        "fastest_provider",
        "cheapest_prompt_price",
        "fastest_response_time",
    ] {
        assert!(model[name].is_null(), "{name}");
    }
}

#[test]
fn unknown_prices_come_last_in_both_directions() {
    let snapshot = snapshot(vec![
        stored(1, "groq", listing("acme/a-1", Some("2"), Some("2"))),
        stored(2, "groq", listing("acme/b-1", None, None)),
        stored(3, "groq", listing("acme/c-1", Some("1"), Some("1"))),
    ]);
    let order = |descending| {
        let query = UniqueQuery {
            sort_by: UniqueSortBy::CheapestPrice,
            descending,
            ..UniqueQuery::default()
        };
        ids(&snapshot.unique(&query)).join(" ")
    };
    assert_eq!(order(false), "c-1 a-1 b-1");
    assert_eq!(order(true), "a-1 c-1 b-1");
}

/// The id and the name of a model are the same whatever its offers cost today.
#[test]
fn the_id_does_not_change_with_a_price() {
    let with_price = |price| {
        let mut named = listing("Acme/M-1", Some(price), Some(price));
        named.name = "M 1".to_owned();
        snapshot(vec![
            stored(1, "groq", listing("acme/m-1", Some("1"), Some("1"))),
            stored(2, "together", named),
        ])
    };
    for price in ["0.1", "9"] {
        let snapshot = with_price(price);
        let page = snapshot.unique(&UniqueQuery::default());
        assert_eq!((page.models[0].id(), page.models[0].name()), ("m-1", "M 1"));
    }
}

#[test]
fn an_id_that_ends_with_a_slash_has_a_last_segment() {
    let snapshot = snapshot(vec![
        stored(1, "groq", listing("acme/m-1/", None, None)),
        stored(2, "groq", listing("/", None, None)),
    ]);
    let all = UniqueQuery::all();
    let page = snapshot.unique(&all);
    let ids: BTreeSet<_> = ids(&page).into_iter().collect();
    assert_eq!(ids, BTreeSet::from(["/", "m-1"]));
}

#[test]
fn a_filter_asks_for_one_offer_and_shows_them_all() {
    let snapshot = llamas();
    let mut query = UniqueQuery::default();
    query.filter.gateway = Gateway::Provider(Slug::new("groq").unwrap());
    let page = snapshot.unique(&query);
    assert_eq!((ids(&page), page.models[0].provider_count()), (vec!["llama-9-70b"], 3));
    query.min_providers = NonZeroU32::new(5);
    assert_eq!(snapshot.unique(&query).total, 0);
}

#[test]
fn words_are_read_as_they_are_written() {
    for by in UniqueSortBy::ALL {
        assert_eq!(UniqueSortBy::from_word(by.as_str()), Some(by));
    }
    assert_eq!(UniqueSortBy::from_word("price"), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn each_model_stands_once_with_each_of_its_providers_once(rows in rows()) {
        let snapshot = snapshot(rows);
        let mut expected: BTreeMap<&str, BTreeSet<&Slug>> = BTreeMap::new();
        for row in snapshot.rows() {
            expected.entry(&row.canonical).or_default().insert(&row.provider.slug);
        }
        let mut seen = BTreeMap::new();
        for model in snapshot.unique_models() {
            let row = |at: &u32| &snapshot.rows()[*at as usize];
            let slugs: BTreeSet<_> = model.offers().iter().map(|at| &row(at).provider.slug).collect();
            prop_assert_eq!(slugs.len(), model.offers().len());
            prop_assert!(model.offers().iter().all(|at| *row(at).canonical == *model.canonical()));
            let stands = |pair: &[u32]| by_cost(row(&pair[0]), row(&pair[1])).then(pair[0].cmp(&pair[1])).is_lt();
            prop_assert!(model.offers().windows(2).all(stands));
            for at in snapshot.with_canonical(model.canonical()) {
                let offer = model.offers().iter().find(|offer| row(offer).provider.slug == row(at).provider.slug);
                prop_assert!(by_cost(row(offer.unwrap()), row(at)).is_le(), "the cheapest of the provider's rows");
            }
            let prompts = model.offers().iter().filter_map(|at| row(at).pricing.prompt);
            prop_assert_eq!(model.cheapest_prompt_price(), prompts.min());
            let times = model.offers().iter().filter_map(|at| row(at).average_response_time_ms);
            prop_assert_eq!(model.fastest_response_time(), times.min());
            prop_assert_eq!(snapshot.unique_model(model.canonical()).unwrap().offers(), model.offers());
            prop_assert!(seen.insert(model.canonical(), slugs).is_none());
        }
        prop_assert_eq!(seen, expected);
        prop_assert!(snapshot.unique_model("no such").is_none());
    }

    #[test]
    fn pages_of_models_visit_each_once_in_order(
        rows in rows(),
        filter in filter(),
        least in 0_u32..4,
        by in 0_usize..3,
        descending in any::<bool>(),
        limit in 1_u32..6,
    ) {
        let snapshot = snapshot(rows);
        let sort_by = UniqueSortBy::ALL[by];
        let query = UniqueQuery {
            filter: filter.clone(),
            min_providers: NonZeroU32::new(least),
            sort_by,
            descending,
            limit: None,
            ..UniqueQuery::default()
        };
        let mut models: Vec<UniqueModel<'_>> = snapshot.unique_models().filter(|model| {
            let meets = |at: &u32| filter.matches(&snapshot.rows()[*at as usize]);
            model.provider_count() >= least && model.offers().iter().any(meets)
        }).collect();
        let turn = |order: std::cmp::Ordering| if descending { order.reverse() } else { order };
        models.sort_by(|a, b| match sort_by {
            UniqueSortBy::ProviderCount => turn(a.provider_count().cmp(&b.provider_count())),
            UniqueSortBy::Name => turn(a.name().cmp(b.name())),
            UniqueSortBy::CheapestPrice => match (a.cheapest_prompt_price(), b.cheapest_prompt_price()) {
                (Some(a), Some(b)) => turn(a.cmp(&b)),
                (a, b) => a.is_none().cmp(&b.is_none()),
            },
        }.then(a.canonical().cmp(b.canonical())));
        let expected: Vec<_> = models.iter().map(|model| model.canonical()).collect();

        let mut seen = Vec::new();
        let mut part = UniqueQuery { limit: Some(limit), ..query };
        loop {
            let page = snapshot.unique(&part);
            prop_assert_eq!(page.offset as usize, seen.len());
            prop_assert_eq!(page.total as usize, expected.len());
            seen.extend(page.models.iter().map(|model| model.canonical()));
            part.offset = page.end();
            if !page.has_more() {
                break;
            }
        }
        prop_assert_eq!(seen, expected);
        part.offset = u32::MAX;
        prop_assert!(snapshot.unique(&part).models.is_empty());
    }

    #[test]
    fn the_whole_array_is_all_pages(rows in rows()) {
        let snapshot = snapshot(rows);
        let whole: Value = serde_json::from_slice(&snapshot.unique_json()).unwrap();
        prop_assert_eq!(whole.as_array().unwrap().len(), snapshot.unique_count());
        prop_assert_eq!(&whole, &json_of(&snapshot.unique(&UniqueQuery::all()))["models"]);
    }
}
