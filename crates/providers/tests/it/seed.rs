//! The catalogue that is compiled in.

use std::collections::{BTreeMap, BTreeSet};

use gatewayz_catalog::{Modality, Price, Pricing, Token};
use gatewayz_providers::{Registry, import::Imported, seed};

use crate::{import::per_million, import_recorded::recorded};

#[test]
fn it_has_well_known_models_of_known_providers() {
    let lists = seed::builtin().unwrap();
    let directory = Registry::builtin().unwrap().directory().clone();
    assert!((15..=25).contains(&lists.len()));
    let count: usize = lists.values().map(Vec::len).sum();
    assert!((60..=120).contains(&count), "{count}");
    for (slug, list) in &lists {
        assert_eq!(directory.resolve(slug.as_str()).unwrap().slug, *slug);
        let ids: BTreeSet<_> = list.iter().map(|listing| &listing.id).collect();
        assert_eq!(ids.len(), list.len(), "{slug} lists a model twice");
        for listing in list {
            assert_eq!(listing.imported_from.as_deref(), Some("seed"));
            assert!(!listing.name.is_empty() && listing.developer.is_some() && listing.context_length.is_some());
            assert!(listing.max_output <= listing.context_length, "{}", listing.id);
        }
    }
}

#[test]
fn its_prices_are_plausible() {
    for listing in seed::builtin().unwrap().values().flatten() {
        let Pricing { prompt, completion, .. } = listing.pricing;
        let id = &listing.id;
        assert!(
            prompt >= per_million("0.01") && prompt <= per_million("50"),
            "{id}: {prompt:?}"
        );
        assert!(completion <= per_million("300"), "{id}: {completion:?}");
        if listing.output.contains(Modality::Text) {
            assert!(completion >= prompt, "{id}: {prompt:?} and {completion:?}");
        } else {
            assert_eq!(completion, per_million("0"), "{id}");
        }
        if let Some(cached) = listing.pricing.input_cache_read {
            assert!(Some(cached) < prompt, "{id}");
        }
        for tier in &listing.pricing.tiers {
            assert!(
                tier.prompt > prompt && tier.completion > completion && tier.above >= 100_000,
                "{id}"
            );
            assert!(
                listing
                    .context_length
                    .is_some_and(|most| u64::from(most.get()) > tier.above),
                "{id}"
            );
        }
    }
}

#[test]
fn its_prices_are_those_of_recorded_catalogues() {
    let (Some(models_dev), Some(lite_llm), Some(genai)) = (
        recorded("catalogs/models-dev.api.2026-01-09.json.gz"),
        recorded("catalogs/litellm.2026-06-04.json.gz"),
        genai_prices(),
    ) else {
        return;
    };
    let mut counts = [0; 3];
    let mut nowhere = Vec::new();
    for (slug, list) in &seed::builtin().unwrap() {
        for listing in list {
            let of = |imported: &Imported| {
                let mut rows = imported.lists.get(slug.as_str())?.iter();
                let row = rows.find(|row| row.id == listing.id && row.pricing.prompt.is_some())?;
                Some((row.pricing.prompt, row.pricing.completion))
            };
            // The later catalogue counts, where it knows the model.
            let others = [
                of(&lite_llm),
                of(&models_dev),
                genai.get(&format!("{slug} {}", listing.id)).copied(),
            ];
            let Some(at) = others.iter().position(Option::is_some) else {
                nowhere.push(format!("{slug} {}", listing.id));
                continue;
            };
            counts[at] += 1;
            let (prompt, completion) = others[at].unwrap();
            assert_eq!(listing.pricing.prompt, prompt, "{slug} {}", listing.id);
            if listing.output.contains(Modality::Text) {
                assert_eq!(listing.pricing.completion, completion, "{slug} {}", listing.id);
            }
        }
    }
    assert_eq!(counts, [91, 1, 9]);
    // The price of this one is in catwalk's catalogue.
    assert_eq!(nowhere, ["zai glm-5.1"]);
}

type Prices = (Option<Price<Token>>, Option<Price<Token>>);

/// The plain prices of genai-prices, in dollars per million tokens, by slug and id.
fn genai_prices() -> Option<BTreeMap<String, Prices>> {
    let path = gatewayz_testkit::shared_data("catalogs/genai-prices.2026-08-21.json.gz")?;
    let text = gatewayz_providers::import::unpack(std::fs::File::open(path).unwrap()).unwrap();
    let providers: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let mut all = BTreeMap::new();
    for provider in &providers {
        let slug = match provider["id"].as_str().unwrap() {
            "moonshotai" => "moonshot",
            id => id,
        };
        for model in provider["models"].as_array().unwrap() {
            let (input, output) = (&model["prices"]["input_mtok"], &model["prices"]["output_mtok"]);
            if input.is_number() && output.is_number() {
                let key = format!("{slug} {}", model["id"].as_str().unwrap());
                all.insert(key, (per_million(&input.to_string()), per_million(&output.to_string())));
            }
        }
    }
    Some(all)
}
