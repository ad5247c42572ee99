//! The recorded catalogues, counted and priced by hand.

use std::{collections::BTreeMap, fs::File};

use gatewayz_catalog::{Price, Pricing};
use gatewayz_providers::import::{self, Catalogue, Imported};
use gatewayz_testkit::require_shared_data;

use crate::import::{assert_accounts, directory, listing, per_million, reasons};

const MODELS_DEV: &str = "catalogs/models-dev.api.2026-01-09.json.gz";
const LITE_LLM: &str = "catalogs/litellm.2026-06-04.json.gz";
const OPEN_ROUTER: &str = "provider-models/openrouter.json";

/// `None`, with a note, where the recorded data is absent.
pub(crate) fn recorded(path: &str) -> Option<Imported> {
    match require_shared_data(path) {
        Ok(path) => {
            let imported = import::read_any(File::open(path).unwrap(), &directory()).unwrap();
            assert_accounts(&imported);
            Some(imported)
        }
        Err(absent) => {
            eprintln!("{absent}");
            None
        }
    }
}

/// Prompt and completion, in dollars per million tokens.
#[track_caller]
fn check(imported: &Imported, slug: &str, id: &str, prompt: &str, completion: &str) -> Pricing {
    let pricing = &listing(imported, slug, id).pricing;
    assert_eq!(
        (pricing.prompt, pricing.completion),
        (per_million(prompt), per_million(completion)),
        "{slug} {id}"
    );
    pricing.clone()
}

#[test]
fn models_dev_is_counted_to_the_row() {
    let Some(imported) = recorded(MODELS_DEV) else {
        return;
    };
    assert_eq!(imported.catalogue, Catalogue::ModelsDev);
    assert_eq!(imported.rows, 2023);
    assert_eq!(imported.lists.len(), 49);
    assert_eq!(imported.listings(), 1605);
    // 23 of 75 providers: hosts in China, coding plans, and those that nobody asked for.
    assert_eq!(imported.unknown_providers.len(), 23);
    assert_eq!(imported.unknown_providers.values().sum::<u64>(), 321);
    assert_eq!(imported.unknown_providers["alibaba-cn"], 61);
    assert_eq!(imported.unknown_providers["zai-coding-plan"], 7);
    // Three pairs of the catalogue's providers are one of ours: of `azure-cognitive-services` 90 of 90 are also under
    // `azure`, of `zhipuai` 7 of 8 under `zai`, of `google-vertex-anthropic` none of 9 under `google-vertex`.
    assert_eq!(imported.rows_left_out, 97);
    assert_eq!(imported.lists["azure-openai"].len(), 92);
    assert_eq!(imported.lists["zai"].len(), 8);
    assert_eq!(imported.lists["google-vertex"].len(), 19 + 9);
    assert_eq!(
        reasons(&imported),
        [
            ("price: its unit is not told", 15),
            ("price: zero that is not known to be free", 290),
            ("row: model is listed twice", 97),
        ]
    );
}

#[test]
fn prices_of_models_dev_are_per_million() {
    let Some(imported) = recorded(MODELS_DEV) else {
        return;
    };
    // "cost": {"input": 2.5, "output": 10, "cache_read": 1.25}
    let gpt_4o = check(&imported, "openai", "gpt-4o", "2.5", "10");
    assert_eq!(gpt_4o.prompt.unwrap().to_string(), "0.0000025");
    assert_eq!(gpt_4o.input_cache_read, per_million("1.25"));
    // "cost": {"input": 150, "output": 600}
    check(&imported, "openai", "o1-pro", "150", "600");
    // "cost": {"input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75}
    let sonnet = check(&imported, "anthropic", "claude-sonnet-4-5", "3", "15");
    assert_eq!(sonnet.input_cache_write, per_million("3.75"));
    // "cost": {"input": 0.3, "output": 2.5, "cache_read": 0.075, "input_audio": 1}
    let flash = check(&imported, "google-gemini", "gemini-2.5-flash", "0.3", "2.5");
    assert_eq!(flash.audio, per_million("1"));
    // "cost": {"input": 2, "output": 12, ..., "context_over_200k": {"input": 4, "output": 18, "cache_read": 0.4}}
    let pro = check(&imported, "google-gemini", "gemini-3-pro-preview", "2", "12");
    let tier = pro.tier(200_001).unwrap();
    assert_eq!(
        (tier.prompt, tier.completion, tier.input_cache_read),
        (per_million("4"), per_million("18"), per_million("0.4"))
    );
    assert!(pro.tier(200_000).is_none());
    // "cost": {"input": 0.5, "output": 3, ..., "context_over_200k": {"input": 0.5, "output": 3, "cache_read": 0.05}}
    assert!(
        check(&imported, "google-gemini", "gemini-3-flash-preview", "0.5", "3")
            .tiers
            .is_empty()
    );
    // "cost": {"input": 0.035, "output": 0.14, "cache_read": 0.00875}
    let nova = check(&imported, "bedrock", "amazon.nova-micro-v1:0", "0.035", "0.14");
    assert_eq!(nova.input_cache_read.unwrap().to_string(), "0.00000000875");
    // "cost": {"input": 0.15, "output": 0.6}
    check(&imported, "together", "openai/gpt-oss-120b", "0.15", "0.6");
    // "cost": {"input": 0.56, "output": 1.68}
    check(
        &imported,
        "fireworks",
        "accounts/fireworks/models/deepseek-v3p1",
        "0.56",
        "1.68",
    );
    // "cost": {"input": 0.28, "output": 0.42, "cache_read": 0.028}
    check(&imported, "deepseek", "deepseek-chat", "0.28", "0.42");
    // "cost": {"input": 3, "output": 15, "reasoning": 15, "cache_read": 0.75}
    assert_eq!(
        check(&imported, "xai", "grok-4", "3", "15").internal_reasoning,
        per_million("15")
    );
    // "cost": {"input": 0.6, "output": 2.2, "cache_read": 0.11, "cache_write": 0}
    assert_eq!(check(&imported, "zai", "glm-4.7", "0.6", "2.2").input_cache_write, None);
    // "cost": {"input": 0.02, "output": 0}, an embedding model
    check(&imported, "openai", "text-embedding-3-small", "0.02", "0");
    // "cost": {"input": 5.3e-05, "output": 0.00011}: dollars per step or per image, whoever knows
    assert!(
        listing(&imported, "cloudflare-workers-ai", "flux-1-schnell")
            .pricing
            .is_unknown()
    );
    // "cost": {"input": 0.003, "output": 0}: dollars per minute
    assert!(listing(&imported, "scaleway", "whisper-large-v3").pricing.is_unknown());
    // "cost": {"input": 0, "output": 0}: part of a subscription
    assert!(listing(&imported, "github-copilot", "gpt-4o").pricing.is_unknown());
}

#[test]
fn lite_llm_is_counted_to_the_row() {
    let Some(imported) = recorded(LITE_LLM) else {
        return;
    };
    assert_eq!(imported.catalogue, Catalogue::LiteLlm);
    // 2749 models and `sample_spec`; four keys are there more than once, in all five times too often.
    assert_eq!(imported.rows, 2749 + 1 + 5);
    assert_eq!(imported.lists.len(), 43);
    assert_eq!(imported.listings(), 1993);
    assert_eq!(imported.unknown_providers.len(), 44);
    assert_eq!(imported.unknown_providers.values().sum::<u64>(), 387);
    assert_eq!(imported.unknown_providers["oci"], 44);
    assert_eq!(imported.rows_left_out, 375);
    assert_eq!(
        reasons(&imported),
        [
            // W&B (13 rows) by 10⁵, Jais and four embedding models by 10³, eight image models by step, and 13 prices
            // of an image that are those of its tokens.
            ("price: out of range for its unit", 39),
            ("price: zero that is not known to be free", 119),
            ("row: documentation of the fields", 1),
            // Both `gemini-x` and `gemini/gemini-x`, both `azure/x` and `azure_ai/x`; and three equal keys of Bedrock.
            ("row: model is listed twice", 45),
            ("row: price class, not a model", 30),
            ("row: region, size or quality of another row", 295),
            ("row: service, not a model", 4),
        ]
    );
    let samples = |reason: &str| imported.skipped.reasons[reason].samples.join(" ");
    assert!(samples("row: service, not a model").contains("perplexity/search"));
    assert!(samples("row: region, size or quality of another row").contains("256-x-256/dall-e-2"));
}

#[test]
fn prices_of_lite_llm_are_per_token() {
    let Some(imported) = recorded(LITE_LLM) else {
        return;
    };
    // input_cost_per_token 2.5e-06, output_cost_per_token 1e-05, cache_read_input_token_cost 1.25e-06
    let gpt_4o = check(&imported, "openai", "gpt-4o", "2.5", "10");
    assert_eq!(gpt_4o.input_cache_read, per_million("1.25"));
    // input_cost_per_token 0.00015, output_cost_per_token 0.0006
    check(&imported, "openai", "o1-pro", "150", "600");
    // ..._above_272k_tokens 5e-06, 2.25e-05, 5e-07; `_priority` is another service
    let gpt_5_4 = check(&imported, "openai", "gpt-5.4", "2.5", "15");
    assert_eq!(gpt_5_4.tiers.len(), 1);
    let tier = gpt_5_4.tier(272_001).unwrap();
    assert_eq!(
        (tier.prompt, tier.completion, tier.input_cache_read),
        (per_million("5"), per_million("22.5"), per_million("0.5"))
    );
    // input_cost_per_token 3e-06, cache_creation_input_token_cost 3.75e-06, ..._above_200k_tokens 6e-06
    let sonnet = check(&imported, "anthropic", "claude-sonnet-4-5", "3", "15");
    assert_eq!(
        (sonnet.input_cache_write, sonnet.tiers[0].prompt),
        (per_million("3.75"), per_million("6"))
    );
    // gemini/gemini-2.5-pro and gemini-2.5-pro are two providers
    check(&imported, "google-gemini", "gemini-2.5-pro", "1.25", "10");
    check(&imported, "google-vertex", "gemini-2.5-pro", "1.25", "10");
    // input_cost_per_token 3.5e-08, output_cost_per_token 1.4e-07
    check(&imported, "bedrock", "amazon.nova-micro-v1:0", "0.035", "0.14");
    // input_cost_per_token 5.9e-07, output_cost_per_token 7.9e-07
    check(&imported, "groq", "llama-3.3-70b-versatile", "0.59", "0.79");
    // tiered_pricing from 0: 5e-08 and 4e-07, from 256000.0: 2.5e-07 and 2e-06
    assert_eq!(
        check(&imported, "alibaba", "qwen-flash", "0.05", "0.4").tiers[0].above,
        256_000
    );
    // max_input_tokens 2000000.0
    assert_eq!(
        listing(&imported, "xai", "grok-4-fast-reasoning")
            .context_length
            .unwrap()
            .get(),
        2_000_000
    );
    // input_cost_per_token 2.9999900000000002e-06, output_cost_per_token 1.5000020000000002e-05
    check(
        &imported,
        "databricks",
        "databricks-claude-3-7-sonnet",
        "2.99999",
        "15.00002",
    );
    // input_cost_per_audio_token 4e-05
    assert_eq!(
        check(&imported, "openai", "gpt-4o-realtime-preview", "5", "20").audio,
        per_million("40")
    );
    // search_context_size_medium 0.01
    assert_eq!(
        check(&imported, "perplexity", "sonar-pro", "3", "15")
            .web_search
            .unwrap()
            .to_string(),
        "0.01"
    );
    // input_cost_per_token 2e-08, output_cost_per_token 0.0, an embedding model
    check(&imported, "openai", "text-embedding-3-small", "0.02", "0");
}

#[test]
fn other_prices_of_lite_llm_are_not_those_of_tokens() {
    let Some(imported) = recorded(LITE_LLM) else {
        return;
    };
    // input_cost_per_query 0.002, input_cost_per_token 0.0
    let rerank = &listing(&imported, "cohere", "rerank-v3.5").pricing;
    assert_eq!(
        (rerank.request.unwrap().to_string().as_str(), rerank.prompt),
        ("0.002", None)
    );
    for (slug, id, image) in [
        ("fal", "fal-ai/flux/schnell", "0.003"),                  // output_cost_per_image
        ("openai", "dall-e-3", "0.04"),                           // input_cost_per_image
        ("google-vertex", "imagen-4.0-generate-001", "0.04"),     // output_cost_per_image
        ("google-gemini", "gemini-3-pro-image-preview", "0.134"), // output_cost_per_image, not the 0.0011 that go in
    ] {
        assert_eq!(
            listing(&imported, slug, id).pricing.image.unwrap().to_string(),
            image,
            "{id}"
        );
    }
    for (slug, id) in [
        ("openai", "whisper-1"),                       // input_cost_per_second 0.0001
        ("openai", "tts-1"),                           // input_cost_per_character 1.5e-05
        ("wandb", "zai-org/GLM-4.5"), // input_cost_per_token 0.055, which would be 55000 dollars per million
        ("azure-openai", "jais-30b-chat"), // input_cost_per_token 0.0032
        ("ollama", "codegemma"),      // zeros: it runs on one's own machine
        ("google-gemini", "veo-3.1-generate-preview"), // output_cost_per_second
    ] {
        let listing = listing(&imported, slug, id);
        assert!(listing.pricing.is_unknown(), "{id}: {:?}", listing.pricing);
        assert!(listing.pricing_raw.is_some());
    }
    // No token costs more than that of o1-pro, and none of a model that only embeds more than a dollar per million.
    for listing in imported.lists.values().flatten() {
        let most = [listing.pricing.prompt, listing.pricing.completion]
            .into_iter()
            .flatten()
            .max();
        assert!(most <= per_million("600"), "{}", listing.id);
    }
}

#[test]
fn open_router_is_counted_to_the_row_and_priced_per_token() {
    let Some(imported) = recorded(OPEN_ROUTER) else {
        return;
    };
    assert_eq!(imported.catalogue, Catalogue::OpenRouter);
    assert_eq!(
        (imported.rows, imported.listings(), imported.rows_left_out),
        (348, 348, 0)
    );
    assert_eq!(
        imported
            .lists
            .keys()
            .map(gatewayz_catalog::Slug::as_str)
            .collect::<Vec<_>>(),
        ["openrouter"]
    );
    assert_eq!(
        reasons(&imported),
        [
            // openrouter/auto and openrouter/bodybuilder: "-1"
            ("price: negative, decided per request", 2),
            // openai/gpt-5-image and -mini: "image" is the price of an image's token
            ("price: out of range for its unit", 2),
        ]
    );
    let list = &imported.lists["openrouter"];
    assert_eq!(list.iter().filter(|listing| listing.pricing.is_free()).count(), 32);
    assert_eq!(list.iter().filter(|listing| listing.pricing.is_unknown()).count(), 2);
    assert_eq!(list.iter().filter(|listing| listing.abilities.vision).count(), 126);

    let check = |id: &str, prompt: &str, completion: &str| check(&imported, "openrouter", id, prompt, completion);
    // "prompt": "0.0000025", "completion": "0.00001", "image": "0.003613", "input_cache_read": "0.00000125"
    let gpt_4o = check("openai/gpt-4o", "2.5", "10");
    assert_eq!(gpt_4o.image.unwrap().to_string(), "0.003613");
    assert_eq!(gpt_4o.input_cache_read, per_million("1.25"));
    // "prompt": "0.000003", "completion": "0.000015", "input_cache_write": "0.00000375"
    assert_eq!(
        check("anthropic/claude-sonnet-4.5", "3", "15").input_cache_write,
        per_million("3.75")
    );
    // "prompt": "0.00000125", "completion": "0.00001"
    check("google/gemini-2.5-pro", "1.25", "10");
    // "audio": "0.000001", "input_cache_write": "0.0000003833"
    let flash = check("google/gemini-2.5-flash", "0.3", "2.5");
    assert_eq!(
        (flash.audio, flash.input_cache_write),
        (per_million("1"), per_million("0.3833"))
    );
    // "request": "0.005"
    assert_eq!(
        check("perplexity/sonar", "1", "1").request.unwrap().to_string(),
        "0.005"
    );
    // "web_search": "0.005", "internal_reasoning": "0.000003"
    let research = check("perplexity/sonar-deep-research", "2", "8");
    assert_eq!(research.web_search.unwrap().to_string(), "0.005");
    assert_eq!(research.internal_reasoning, per_million("3"));
    // "prompt": "0.00015", "completion": "0.0006"
    check("openai/o1-pro", "150", "600");
    // "prompt": "0.00000015", "completion": "0.00000075"
    check("deepseek/deepseek-chat-v3.1", "0.15", "0.75");
    // "prompt": "0.00000006", "completion": "0.00000024", "image": "0.00009"
    assert_eq!(
        check("amazon/nova-lite-v1", "0.06", "0.24").image.unwrap().to_string(),
        "0.00009"
    );
    // "prompt": "0", "completion": "0"
    assert_eq!(check("z-ai/glm-4.5-air:free", "0", "0").request, Some(Price::FREE));
    // "prompt": "0.000002", "completion": "0.000012", "image": "0.067"
    check("google/gemini-3-pro-image-preview", "2", "12");
}

#[test]
fn catalogues_agree_on_what_a_model_costs() {
    let (Some(models_dev), Some(lite_llm), Some(open_router)) =
        (recorded(MODELS_DEV), recorded(LITE_LLM), recorded(OPEN_ROUTER))
    else {
        return;
    };
    let same = |one: &Imported, other: &Imported, slug: &str, id: &str| {
        let (one, other) = (&listing(one, slug, id).pricing, &listing(other, slug, id).pricing);
        assert!(one.prompt.is_some(), "{slug} {id}");
        assert_eq!(
            (one.prompt, one.completion),
            (other.prompt, other.completion),
            "{slug} {id}"
        );
    };
    for (slug, id) in [
        ("openai", "gpt-4o"),
        ("openai", "gpt-5"),
        ("openai", "gpt-4.1-nano"),
        ("openai", "text-embedding-3-large"),
        ("anthropic", "claude-opus-4-5"),
        ("anthropic", "claude-haiku-4-5"),
        ("google-gemini", "gemini-2.5-flash"),
        ("google-gemini", "gemini-embedding-001"),
        ("groq", "llama-3.3-70b-versatile"),
        ("mistral", "mistral-large-2512"),
        ("xai", "grok-4"),
        ("bedrock", "anthropic.claude-opus-4-5-20251101-v1:0"),
        ("together", "zai-org/GLM-4.6"),
        ("fireworks", "accounts/fireworks/models/glm-4p6"),
        ("zai", "glm-4.5-air"),
        ("moonshot", "kimi-k2-thinking"),
        ("perplexity", "sonar"),
        ("cohere", "command-a-03-2025"),
        ("azure-openai", "gpt-4.1-mini"),
        ("vercel-ai-gateway", "xai/grok-3-mini"),
        ("deepseek", "deepseek-chat"),
    ] {
        same(&models_dev, &lite_llm, slug, id);
    }
    for id in ["openai/gpt-4o", "anthropic/claude-sonnet-4.5", "google/gemini-2.5-pro"] {
        same(&lite_llm, &open_router, "openrouter", id);
    }

    // Over all models of both, most prices are equal to the last digit: no provider is off by its unit.
    let mut ratios = BTreeMap::new();
    for (slug, list) in &models_dev.lists {
        for one in list {
            let others = lite_llm.lists.get(slug.as_str()).map_or(&[][..], Vec::as_slice);
            let Some(other) = others.iter().find(|other| other.id == one.id) else {
                continue;
            };
            let (Some(one), Some(other)) = (one.pricing.prompt, other.pricing.prompt) else {
                continue;
            };
            let (equal, all) = ratios.entry(slug.as_str()).or_insert((0, 0));
            *equal += u32::from(one == other);
            *all += 1;
            let ratio = one.to_f64() / other.to_f64();
            assert!((0.05..20.0).contains(&ratio), "{slug}: {one} and {other}");
        }
    }
    let (equal, all) = ratios
        .values()
        .fold((0, 0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
    assert!(equal * 10 > all * 8 && all > 250, "{equal} of {all}: {ratios:?}");
}
