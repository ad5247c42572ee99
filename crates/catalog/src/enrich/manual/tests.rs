use std::{collections::HashSet, io::Read as _, path::Path};

use serde_json::Value;

use super::*;

const TABLE: &str = r#"
[some]
checked_with = ["a catalogue"]

[some.models]
"claude-sonnet-4-0" = { prompt_usd_per_1m = "3", completion_usd_per_1m = "15", cache_read_usd_per_1m = "0.3" }
"claude-sonnet-4-20250514" = { prompt_usd_per_1m = "4" }
"grok-3" = { usd_per_request = "0.01" }
"gpt-5.4" = { prompt_usd_per_1m = "2.5", tiers = [{ above_tokens = 272000, prompt_usd_per_1m = "5" }] }
"qwen3-32b-fast" = { prompt_usd_per_1m = "9" }
"#;

fn get(table: &ManualPrices, id: &str) -> Option<String> {
    let mut canonical = String::new();
    name::canonical("some", id, None, &mut canonical);
    table.get("some", id, &canonical).map(|(label, _)| label.to_owned())
}

#[test]
fn an_entry_holds_for_its_id_and_for_others_of_the_same_model() {
    let table = ManualPrices::parse(TABLE).unwrap();
    assert_eq!(get(&table, "claude-sonnet-4-0").unwrap(), "some/claude-sonnet-4-0");
    assert_eq!(
        get(&table, "claude-sonnet-4-20250514").unwrap(),
        "some/claude-sonnet-4-20250514"
    );
    assert_eq!(
        get(&table, "anthropic/claude-sonnet-4").unwrap(),
        "some/claude-sonnet-4-0"
    );
    assert_eq!(get(&table, "gpt-5.4-2026-03-05").unwrap(), "some/gpt-5.4");
    assert_eq!(get(&table, "grok-4"), None);
    assert_eq!(get(&table, "qwen3-32b-fast").unwrap(), "some/qwen3-32b-fast");
    assert_eq!(
        get(&table, "qwen3-32b"),
        None,
        "the fast offer says nothing about the plain one"
    );
    assert_eq!(
        get(&table, "anthropic/claude-sonnet-4-fast"),
        None,
        "nor the plain one about the fast one"
    );
    let (_, pricing) = table.get("some", "gpt-5.4", "").unwrap();
    assert_eq!(pricing.tier(300_000).unwrap().prompt.unwrap().to_string(), "0.000005");
}

#[test]
fn an_overlay_replaces_only_what_it_has() {
    let over = "[some.models]\n\"grok-3\" = { prompt_usd_per_1m = \"1\" }\n[other.models]\n\"x\" = { prompt_usd_per_1m = \"2\" }";
    let table = ManualPrices::parse(TABLE).unwrap();
    let both = table.clone().overlay(&ManualPrices::parse(over).unwrap());
    assert_eq!((table.len(), both.len()), (5, 6));
    assert_eq!(
        both.get("some", "grok-3", "").unwrap().1.prompt.unwrap().to_string(),
        "0.000001"
    );
    assert_eq!(
        both.get("some", "claude-sonnet-4-0", ""),
        table.get("some", "claude-sonnet-4-0", "")
    );
    assert!(both.get("other", "x", "").is_some());
    assert_eq!(
        table.get("some", "grok-3", "").unwrap().1.prompt,
        None,
        "the table itself stays"
    );
}

#[test]
fn mistakes_have_a_line() {
    let cases = [
        (
            "[some.models]\n\"x\" = { prompt_usd_per_1k = \"1\" }",
            Some(2),
            "prompt_usd_per_1k",
        ),
        ("[some.models]\n\"x\" = { prompt_usd_per_1m = 1.5 }", Some(2), "string"),
        (
            "[some.models]\n\n\"x\" = { prompt_usd_per_1m = \"-1\" }",
            Some(3),
            "negative",
        ),
        (
            "[some.models]\n\"x\" = { prompt_usd_per_1m = \"1e30\" }",
            Some(2),
            "unit",
        ),
        ("[Some.models]\n", None, "slug"),
        ("[some\n", Some(1), ""),
    ];
    for (toml, line, message) in cases {
        let error = ManualPrices::parse(toml).unwrap_err();
        assert_eq!(error.line, line, "{error}");
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[test]
fn every_built_in_price_is_plausible() {
    let table = ManualPrices::parse(BUILTIN).unwrap();
    assert_eq!(table.len(), ManualPrices::builtin().len());
    assert!(table.len() > 200);
    let million = |price: Price<Token>| price.to_f64() * 1e6;
    for (provider, id, pricing) in table.iter() {
        let highest = if id == "o1-pro" { 600.0 } else { 200.0 };
        let prompt = million(pricing.prompt.unwrap());
        assert!((0.01..=highest).contains(&prompt), "{provider}/{id}");
        if let Some(completion) = pricing.completion.map(million) {
            assert!(
                (0.01..=highest).contains(&completion) && completion >= prompt,
                "{provider}/{id}"
            );
        }
        if let Some(read) = pricing.input_cache_read.map(million) {
            assert!(read > 0.0 && read < prompt, "{provider}/{id}");
        }
        if let Some(write) = pricing.input_cache_write.map(million) {
            assert!(write > prompt / 2.0 && write < 2.0 * prompt, "{provider}/{id}");
        }
        for tier in &pricing.tiers {
            assert!(tier.above >= 100_000 && tier.prompt > pricing.prompt, "{provider}/{id}");
        }
    }
}

/// Prices of prompt and answer by provider and id, as four catalogues have them, each in its own unit.
fn recorded(litellm: &Path) -> HashSet<(String, String, String, String)> {
    let folder = litellm.parent().unwrap();
    let json = |path: &Path| -> Value {
        let mut bytes = std::fs::read(path).unwrap();
        if path.extension().is_some_and(|end| end == "gz") {
            let packed = std::mem::take(&mut bytes);
            flate2::read::GzDecoder::new(&*packed).read_to_end(&mut bytes).unwrap();
        }
        serde_json::from_slice(&bytes).unwrap()
    };
    let mut prices = HashSet::new();
    let mut add = |provider: &str, id: &str, quote: Quote, prompt: &Value, completion: &Value| {
        let read = |value: &Value| -> Option<Price<Token>> { quote.price(&value.to_string()).ok().flatten() };
        let Some(prompt) = read(prompt) else { return };
        let completion = read(completion)
            .filter(|price| !price.is_free())
            .map(|price| price.to_string());
        let id = id.rsplit('/').next().unwrap().to_ascii_lowercase();
        prices.insert((
            provider.to_owned(),
            id,
            prompt.to_string(),
            completion.unwrap_or_default(),
        ));
    };
    for (id, model) in json(litellm).as_object().unwrap() {
        let provider = model["litellm_provider"].as_str().unwrap_or_default();
        let (prompt, completion) = (&model["input_cost_per_token"], &model["output_cost_per_token"]);
        add(provider, id, Quote::UsdPerUnit, prompt, completion);
    }
    for (provider, list) in json(&folder.join("models-dev.api.2026-01-09.json.gz"))
        .as_object()
        .unwrap()
    {
        for (id, model) in list["models"].as_object().unwrap() {
            add(
                provider,
                id,
                Quote::UsdPerMillion,
                &model["cost"]["input"],
                &model["cost"]["output"],
            );
        }
    }
    for file in std::fs::read_dir(folder.join("portkey-pricing")).unwrap() {
        let file = file.unwrap().path();
        let provider = file.file_stem().unwrap().to_str().unwrap();
        for (id, model) in json(&file).as_object().unwrap() {
            let prices = &model["pricing_config"]["pay_as_you_go"];
            let (prompt, completion) = (&prices["request_token"]["price"], &prices["response_token"]["price"]);
            add(provider, id, Quote::CentsPerUnit, prompt, completion);
        }
    }
    for file in std::fs::read_dir(folder.join("catwalk")).unwrap() {
        let list = json(&file.unwrap().path());
        for model in list["models"].as_array().unwrap() {
            let (prompt, completion) = (&model["cost_per_1m_in"], &model["cost_per_1m_out"]);
            let (provider, id) = (list["id"].as_str().unwrap(), model["id"].as_str().unwrap());
            add(provider, id, Quote::UsdPerMillion, prompt, completion);
        }
    }
    prices
}

/// What a provider is called in the catalogues, where it has another name there.
const OTHER_NAMES: &[(&str, &[&str])] = &[
    ("alibaba", &["dashscope"]),
    ("cohere", &["cohere_chat"]),
    ("fireworks", &["fireworks_ai", "fireworks-ai"]),
    ("google-gemini", &["google", "gemini"]),
    ("google-vertex", &["vertex_ai-language-models", "vertexai"]),
    ("mistral", &["mistral-ai"]),
    ("moonshot", &["moonshotai"]),
    ("perplexity", &["perplexity-ai"]),
    ("zai", &["z-ai"]),
];

#[test]
fn built_in_prices_agree_with_a_recorded_catalogue() {
    let Some(litellm) = gatewayz_testkit::shared_data("catalogs/litellm.2026-06-04.json.gz") else {
        return;
    };
    let recorded = recorded(&litellm);
    let table = ManualPrices::builtin();
    let mut missing: Vec<_> = table
        .iter()
        .filter(|(provider, id, pricing)| {
            let others = OTHER_NAMES
                .iter()
                .find(|(slug, _)| slug == provider)
                .map_or(&[][..], |(_, names)| names);
            let id = id.rsplit('/').next().unwrap().to_ascii_lowercase();
            let prompt = pricing.prompt.unwrap().to_string();
            let completion = pricing.completion.map(|price| price.to_string()).unwrap_or_default();
            !others
                .iter()
                .chain([provider])
                .any(|name| recorded.contains(&((*name).to_owned(), id.clone(), prompt.clone(), completion.clone())))
        })
        .map(|(provider, id, _)| format!("{provider}/{id}"))
        .collect();
    missing.sort_unstable();
    // These came out after the catalogues that are read here; the table has them from newer ones.
    let late = [
        "anthropic/claude-fable-5",
        "cohere/command-a-plus-05-2026",
        "mistral/mistral-small-2603",
        "xai/grok-build-0.1",
    ];
    assert_eq!(missing, late);
}

/// Models with open weights are sold elsewhere for an eighth of what their makers and the fast providers take.
#[test]
fn models_that_are_cheaper_elsewhere_have_a_price_of_their_own() {
    let table = ManualPrices::builtin();
    for (provider, id, prompt, completion) in [
        ("mistral", "devstral-2512", "0.0000004", "0.000002"),
        ("groq", "deepseek-r1-distill-llama-70b", "0.00000075", "0.00000099"),
        ("groq", "gemma2-9b-it", "0.0000002", "0.0000002"),
    ] {
        let (_, pricing) = table.get(provider, id, "").unwrap();
        let texts = [pricing.prompt, pricing.completion].map(|price| price.unwrap().to_string());
        assert_eq!(texts, [prompt, completion], "{provider}/{id}");
    }
}
