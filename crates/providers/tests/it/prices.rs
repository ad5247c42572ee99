//! Prices checked by hand against the fields that they come from, for every unit that a provider has.

use gatewayz_catalog::{FetchedList, Listing, Modality};
use gatewayz_providers::Registry;
use gatewayz_testkit::{require_shared_data, shared_data};

use crate::recorded::{pages, read};

/// The registry without least numbers of models: the answers in here are short.
pub(crate) fn registry() -> Registry {
    let builtin = Registry::builtin().unwrap();
    let slugs = builtin
        .iter()
        .map(|adapter| format!("[{}]\nmin_models = 0\n", adapter.slug()));
    builtin.with_overrides(&slugs.collect::<String>()).unwrap()
}

/// An answer of our own making, in the form that a provider documents.
pub(crate) fn fixture(slug: &str) -> FetchedList {
    read(&registry(), slug, &[fixture_bytes(slug)], 1 << 16)
}

pub(crate) fn fixture_bytes(slug: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/fixtures/{slug}.json", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn listing<'l>(list: &'l FetchedList, id: &str) -> &'l Listing {
    list.listings
        .iter()
        .find(|listing| listing.id.as_str() == id)
        .unwrap_or_else(|| panic!("no {id}"))
}

/// Per token of prompt and answer; `-` where it is not known.
fn prices(listing: &Listing) -> (String, String) {
    let text =
        |price: Option<gatewayz_catalog::Price<_>>| price.map_or_else(|| "-".to_owned(), |price| price.to_string());
    (text(listing.pricing.prompt), text(listing.pricing.completion))
}

#[track_caller]
fn check(list: &FetchedList, id: &str, prompt: &str, completion: &str) {
    assert_eq!(
        prices(listing(list, id)),
        (prompt.to_owned(), completion.to_owned()),
        "{id}"
    );
}

fn reason(list: &FetchedList, reason: &str) -> u64 {
    list.skipped.reasons.get(reason).map_or(0, |rows| rows.count)
}

/// A recorded list; `None` where the data are not on this machine.
fn recorded(file: &str, slug: &str) -> Option<FetchedList> {
    if let Err(error) = require_shared_data("provider-models/index.json") {
        eprintln!("{error}");
        return None;
    }
    assert!(shared_data(format!("provider-models/{file}")).is_some(), "{file}");
    Some(read(&registry(), slug, &pages(file), 1 << 16))
}

#[test]
fn texts_per_token() {
    let Some(list) = recorded("openrouter.json", "openrouter") else {
        return;
    };
    // "prompt": "0.0000002", "completion": "0.0000006"
    check(&list, "allenai/olmo-3.1-32b-instruct", "0.0000002", "0.0000006");
    // "0.0000005", "0.0000015"
    check(&list, "openai/gpt-3.5-turbo", "0.0000005", "0.0000015");
    // "0.00015", "0.0006": the dearest
    check(&list, "openai/o1-pro", "0.00015", "0.0006");
    // "-1": decided per request, not a number
    check(&list, "openrouter/auto", "-", "-");
    check(&list, "openrouter/bodybuilder", "-", "-");
    // "0", with `:free` in the id
    check(&list, "google/gemma-3n-e4b-it:free", "0", "0");
    // "image": "0.008256" per image, "input_cache_write": "0.000002375"
    let gemini = &listing(&list, "google/gemini-3-pro-preview").pricing;
    assert_eq!(gemini.image.unwrap().to_string(), "0.008256");
    assert_eq!(gemini.input_cache_write.unwrap().to_string(), "0.000002375");
    // "internal_reasoning": "0" says that reasoning has no price of its own, not that it is free
    assert_eq!(gemini.internal_reasoning, None);
    // "request": "0.018" per call
    let sonar = &listing(&list, "perplexity/sonar-pro-search").pricing;
    assert_eq!(sonar.request.unwrap().to_string(), "0.018");
    // "web_search": "0.01" per search
    let research = &listing(&list, "openai/o3-deep-research").pricing;
    assert_eq!(research.web_search.unwrap().to_string(), "0.01");

    let Some(list) = recorded("groq.2026-07-19.json", "groq") else {
        return;
    };
    // "prompt": "0.00000059", "completion": "0.00000079", "input_cache_read": "0.000000295"
    check(&list, "llama-3.3-70b-versatile", "0.00000059", "0.00000079");
    assert_eq!(
        listing(&list, "llama-3.3-70b-versatile")
            .pricing
            .input_cache_read
            .unwrap()
            .to_string(),
        "0.000000295"
    );
    // "prompt": "0.000022" on a model that speaks: per character
    check(&list, "canopylabs/orpheus-v1-english", "-", "-");
    // no `pricing` at all
    check(&list, "groq/compound", "-", "-");

    let Some(list) = recorded("sambanova.json", "sambanova") else {
        return;
    };
    // "prompt": "0.00000500", "completion": "0.00000700"
    check(&list, "DeepSeek-R1-0528", "0.000005", "0.000007");
    // "prompt": "0.00000000" beside "duration_per_hour": "0.100": not free
    check(&list, "Whisper-Large-v3", "-", "-");

    let Some(list) = recorded("vercel-ai-gateway.json", "vercel-ai-gateway") else {
        return;
    };
    // "input": "0.00000008", "output": "0.00000024"
    check(&list, "alibaba/qwen-3-14b", "0.00000008", "0.00000024");
}

#[test]
fn numbers_per_token() {
    let Some(list) = recorded("cloudflare-ai-gateway.json", "cloudflare-ai-gateway") else {
        return;
    };
    // "cost_in": 5e-07, "cost_out": 3e-06
    check(
        &list,
        "google-ai-studio/gemini-3-flash-preview",
        "0.0000005",
        "0.000003",
    );
    // "cost_in": 3e-06, "cost_out": 1.5e-05
    check(&list, "openrouter/anthropic/claude-sonnet-4", "0.000003", "0.000015");
    // "cost_in": 0.56, "cost_out": 6.67: per million, in the field per token
    check(&list, "workers-ai/llama-2-7b-chat-fp16", "-", "-");
    // "cost_in": 1e-07, "cost_out": 0: what zero means is not known
    check(&list, "azure-openai/text-embedding-ada-002", "0.0000001", "-");
    // 0 and 0, with `:free` in the id
    check(&list, "openrouter/kwaipilot/kat-coder-pro:free", "0", "0");
    // 0 and 0 without
    check(&list, "openrouter/openrouter/sherlock-dash-alpha", "-", "-");
}

#[test]
fn numbers_per_million() {
    let Some(list) = recorded("together.json", "together") else {
        return;
    };
    // "input": 0.2, "output": 0.2
    check(&list, "mistralai/Mistral-7B-Instruct-v0.3", "0.0000002", "0.0000002");
    // "input": 0.18000000000000002: noise of a binary float
    check(
        &list,
        "meta-llama/Llama-Guard-3-11B-Vision-Turbo",
        "0.00000018",
        "0.00000018",
    );
    // "input": 0, "output": 0 on an image model, which costs by the megapixel
    check(&list, "black-forest-labs/FLUX.1-pro", "-", "-");
    // "input": 65: per million characters
    check(&list, "cartesia/sonic", "-", "-");
    // 0 and 0, with `Free` in the id, and without
    check(&list, "meta-llama/Llama-3.3-70B-Instruct-Turbo-Free", "0", "0");
    check(&list, "togethercomputer/MoA-1", "-", "-");

    let Some(list) = recorded("deepinfra.2026-04-17.json", "deepinfra") else {
        return;
    };
    // "input_tokens": 0.26, "output_tokens": 2.5999999999999996
    check(&list, "Qwen/Qwen3.5-27B", "0.00000026", "0.0000026");
    // "metadata": null
    check(&list, "Bria/fibo", "-", "-");

    let Some(list) = recorded("aihubmix.json", "aihubmix") else {
        return;
    };
    // "input": 0, "output": 0, with `free` in the id
    check(&list, "gpt-4.1-mini-free", "0", "0");
    // a video model with "input": 2
    check(&list, "kling-v3-omni", "-", "-");
    // "input": 2, "output": 2
    check(&list, "auto", "0.000002", "0.000002");

    let Some(list) = recorded("chutes.json", "chutes") else {
        return;
    };
    // "price": {"usd": 0.27216, "tao": ..}: one price for both
    check(&list, "deepseek-ai/DeepSeek-R1", "0.00000027216", "0.00000027216");
    // "usd": 0
    check(&list, "Qwen/Qwen3-8B", "0", "0");
}

#[test]
fn ten_thousandths_per_million() {
    let Some(list) = recorded("novita.json", "novita") else {
        return;
    };
    // "input_token_price_per_m": 2800, "output_token_price_per_m": 11400: 0.28 and 1.14 dollars per million
    check(&list, "deepseek/deepseek-v3-0324", "0.00000028", "0.00000114");
    check(&list, "meta-llama/llama-3.3-70b-instruct", "0.00000013", "0.00000039");
    check(&list, "qwen/qwen2.5-7b-instruct", "0", "0");
}

/// Each of those who serve a model has its own price; the model has one where they agree.
#[test]
fn offers_keep_their_own_price() {
    let Some(list) = recorded("huggingface.json", "huggingface") else {
        return;
    };
    // novita: 0.3 and 1.2 per million, alone
    check(&list, "MiniMaxAI/MiniMax-M2.1", "0.0000003", "0.0000012");
    check(&list, "MiniMaxAI/MiniMax-M2.1:novita", "0.0000003", "0.0000012");
    // fireworks 0.15/0.6, cerebras 0.25/0.69, groq 0.15/0.75, ..
    check(&list, "openai/gpt-oss-120b", "-", "-");
    // That it has none is not for want of prices: others' do not take their place.
    let sent = listing(&list, "openai/gpt-oss-120b").pricing_raw.as_ref().unwrap();
    assert!(sent.get().contains(r#"{"input":0.15,"output":0.6}"#), "{sent}");
    check(&list, "openai/gpt-oss-120b:groq", "0.00000015", "0.00000075");
    check(&list, "openai/gpt-oss-120b:cerebras", "0.00000025", "0.00000069");
    // no price at scaleway
    check(&list, "openai/gpt-oss-120b:scaleway", "-", "-");
    // hyperbolic is "staging"
    assert!(
        list.listings
            .iter()
            .all(|listing| listing.id.as_str() != "meta-llama/Llama-3.1-8B-Instruct:hyperbolic")
    );
    // the least context of all
    assert_eq!(
        listing(&list, "meta-llama/Llama-3.1-8B-Instruct")
            .context_length
            .unwrap()
            .get(),
        16384
    );
}

#[test]
fn other_currencies_are_unknown() {
    let Some(list) = recorded("siliconflow.2025-03-21.json", "siliconflow") else {
        return;
    };
    // "price": "16", "currency": "¥"
    check(&list, "deepseek-ai/DeepSeek-R1", "-", "-");
    let raw = listing(&list, "deepseek-ai/DeepSeek-R1").pricing_raw.as_ref().unwrap();
    assert_eq!(raw.get(), r#"{"price":"16","currency":"¥","priceUnit":"/ M Tokens"}"#);
    assert!(list.listings.iter().all(|listing| listing.pricing.is_unknown()));
}

#[test]
fn amounts_with_a_scale() {
    let list = fixture("near");
    // 850 and 3300, scale 9
    check(&list, "zai-org/GLM-5.1-FP8", "0.00000085", "0.0000033");
    assert!(listing(&list, "zai-org/GLM-5.1-FP8").abilities.private);
    // 150 and 550, scale -9: means the same
    check(&list, "openai/gpt-oss-120b", "0.00000015", "0.00000055");
    // "currency": "EUR"
    check(&list, "euro/priced", "-", "-");
    // no scale; a dollar for a token
    check(&list, "no/scale", "-", "-");
    assert_eq!(
        (reason(&list, "price-currency"), reason(&list, "price-unreadable")),
        (2, 1)
    );
    assert_eq!(reason(&list, "price-absurd"), 1);
}

#[test]
fn nested_endpoints() {
    let list = fixture("helicone");
    // openai and azure: 0.15 and 0.6 per million, "cacheRead": 0.075
    check(&list, "gpt-4o-mini", "0.00000015", "0.0000006");
    assert_eq!(
        listing(&list, "gpt-4o-mini/azure")
            .pricing
            .input_cache_read
            .unwrap()
            .to_string(),
        "0.000000075"
    );
    // 0.8 and 0.88
    check(&list, "claude-3.5-haiku", "-", "-");
    check(&list, "claude-3.5-haiku/bedrock", "0.00000088", "0.0000044");
    check(&list, "solo", "0.00000005", "0.00000008");
    assert_eq!(list.listings.len(), 3 + 5);

    let list = fixture("llmgateway");
    check(&list, "gpt-4o", "0.0000025", "0.00001");
    // the model says 0.13 and 0.4, its providers do not agree
    check(&list, "llama-3.3-70b", "-", "-");
    check(&list, "b/llama-3.3-70b", "0.0000009", "0.0000009");
}

#[test]
fn sales_and_dollar_signs() {
    let list = fixture("onerouter");
    // "sale_input_cost": "$2.25", "sale_output_cost": "$9.00"
    check(&list, "gpt-4o", "0.00000225", "0.000009");
    assert_eq!(listing(&list, "gpt-4o").context_length.unwrap().get(), 128_000);
    assert_eq!(listing(&list, "gpt-4o").max_output.unwrap().get(), 16_384);
    // sale 0: "retail_input_cost": "0.25", "retail_output_cost": "$1.1"
    check(&list, "deepseek-v3", "0.00000025", "0.0000011");
    check(&list, "all-zero", "-", "-");
    assert_eq!(listing(&list, "all-zero").context_length, None);

    let list = fixture("synthetic");
    // "prompt": "$0.00000055"
    check(&list, "hf:zai-org/GLM-4.7", "0.00000055", "0.00000219");
}

#[test]
fn cents() {
    let list = fixture("deepinfra");
    // "cents_per_input_token": 3e-06: 0.03 dollars per million
    check(
        &list,
        "meta-llama/Meta-Llama-3.1-8B-Instruct",
        "0.00000003",
        "0.00000005",
    );
    // "cents_per_image_unit": 0.05
    let flux = listing(&list, "black-forest-labs/FLUX-1-schnell");
    assert_eq!(flux.pricing.image.unwrap().to_string(), "0.0005");
    assert!(flux.output.contains(Modality::Image));
    assert!(listing(&list, "old/one").abilities.deprecated);
}

#[test]
fn tiers() {
    let list = fixture("vercel-ai-gateway");
    let gemini = &listing(&list, "google/gemini-2.5-pro").pricing;
    check(&list, "google/gemini-2.5-pro", "0.00000125", "0.00001");
    // "cost": "0.0000025", "min": 200001
    let [tier] = &gemini.tiers[..] else {
        panic!("{:?}", gemini.tiers)
    };
    assert_eq!(tier.above, 200_000);
    assert_eq!(tier.prompt.unwrap().to_string(), "0.0000025");
    assert_eq!(tier.completion.unwrap().to_string(), "0.000015");
    // only the prompt has tiers: the answer stays at its one price
    let stepped = &listing(&list, "stepped/input-only").pricing;
    check(&list, "stepped/input-only", "0.000001", "0.000005");
    assert_eq!(stepped.tiers[0].above, 31_999);
    assert_eq!(stepped.tiers[0].completion.unwrap().to_string(), "0.000005");
    check(&list, "openai/text-embedding-3-small", "0.00000002", "0");
    assert_eq!(
        listing(&list, "google/imagen-4.0-generate-001")
            .pricing
            .image
            .unwrap()
            .to_string(),
        "0.04"
    );
    check(&list, "some/speech", "-", "-");

    let list = fixture("xai");
    // 30000 and 150000: 3 and 15 dollars per million; cached 7500
    check(&list, "grok-4-0709", "0.000003", "0.000015");
    assert_eq!(
        listing(&list, "grok-4-0709")
            .pricing
            .input_cache_read
            .unwrap()
            .to_string(),
        "0.00000075"
    );
    let tier = &listing(&list, "grok-4-fast-reasoning").pricing.tiers[0];
    assert_eq!(
        (tier.above, tier.prompt.unwrap().to_string()),
        (128_000, "0.0000004".to_owned())
    );

    let list = fixture("venice");
    // "usd": 0.7 and 2.8 per million, beside diem and vcu
    check(&list, "llama-3.3-70b", "0.0000007", "0.0000028");
    let tier = &listing(&list, "big-context").pricing.tiers[0];
    assert_eq!(
        (tier.above, tier.completion.unwrap().to_string()),
        (200_000, "0.0000225".to_owned())
    );
    check(&list, "only-diem", "-", "-");
    assert_eq!(listing(&list, "painter").pricing.image.unwrap().to_string(), "0.01");
    assert_eq!(reason(&list, "not-served"), 1);

    let list = fixture("zenmux");
    // "value": 1.25 up to 200 kTokens, 2.5 from there
    check(&list, "google/gemini-2.5-pro", "0.00000125", "0.00001");
    let gemini = &listing(&list, "google/gemini-2.5-pro").pricing;
    assert_eq!(
        (gemini.tiers[0].above, gemini.tiers[0].prompt.unwrap().to_string()),
        (199_999, "0.0000025".to_owned())
    );
    assert_eq!(gemini.web_search.unwrap().to_string(), "0.035");
    check(&list, "openai/gpt-5", "0.00000125", "0.00001");
    check(&list, "z-ai/glm-4.6v-flash-free", "0", "0");
    check(&list, "by/second", "-", "-");
    check(&list, "without/prices", "-", "-");
}

#[test]
fn lists_of_properties() {
    let list = fixture("cloudflare-workers-ai");
    // "per M input tokens": 0.152, "per M output tokens": 0.287
    let llama = "@cf/meta/llama-3.1-8b-instruct-fp8";
    check(&list, llama, "0.000000152", "0.000000287");
    assert_eq!(listing(&list, llama).context_length.unwrap().get(), 32_000);
    assert_eq!(listing(&list, llama).developer.as_deref(), Some("meta"));
    assert!(listing(&list, llama).abilities.functions);
    check(&list, "@cf/baai/bge-m3", "0.000000012", "-");
    assert!(listing(&list, "@cf/baai/bge-m3").output.contains(Modality::Embedding));
    // "per step", "per audio minute"
    check(&list, "@cf/black-forest-labs/flux-1-schnell", "-", "-");
    check(&list, "@cf/openai/whisper", "-", "-");
    assert_eq!(reason(&list, "price-unit"), 3);
    assert!(listing(&list, "@hf/google/gemma-7b-it").abilities.deprecated);
}

#[test]
fn other_fields() {
    // "input_price": 1e-07, "cached_price": 2.5e-08, "caching_price": 0
    let list = fixture("requesty");
    check(&list, "openai/gpt-4.1-nano", "0.0000001", "0.0000004");
    let nano = &listing(&list, "openai/gpt-4.1-nano").pricing;
    assert_eq!(nano.input_cache_read.unwrap().to_string(), "0.000000025");
    assert_eq!(nano.input_cache_write, None);
    check(&list, "zero/model", "-", "-");
    // "input_per_million": 0.26
    check(&fixture("avian"), "deepseek/deepseek-v3.2", "0.00000026", "0.00000038");
    // {"input": {"usd": 0.27, "tao": ..}}
    let list = fixture("chutes");
    check(&list, "deepseek-ai/DeepSeek-V3.2-TEE", "0.00000027", "0.0000004");
    assert!(listing(&list, "deepseek-ai/DeepSeek-V3.2-TEE").abilities.private);
    // "input_token_price": 1e-07
    check(
        &fixture("io-net"),
        "meta-llama/Llama-3.3-70B-Instruct",
        "0.0000001",
        "0.00000032",
    );
    check(
        &fixture("nebius"),
        "meta-llama/Llama-3.3-70B-Instruct-fast",
        "0.00000025",
        "0.00000075",
    );
    // a number and a text
    check(
        &fixture("baseten"),
        "moonshotai/Kimi-K2-Instruct-0905",
        "0.0000006",
        "0.0000025",
    );
    // 0.3 dollars per token is a price per million in the wrong field
    let list = fixture("sybil");
    check(&list, "sybil/one", "0.0000003", "0.0000012");
    check(&list, "sybil/two", "-", "-");
    let list = fixture("modelz");
    assert_eq!(list.listings.len(), 1);
    assert!(
        listing(&fixture("heroku"), "cohere-embed-multilingual")
            .output
            .contains(Modality::Embedding)
    );
}

/// What prices were read from is kept as it was sent.
#[test]
fn raw_prices_are_kept() {
    let raw = |slug: &str, id: &str| {
        listing(&fixture(slug), id)
            .pricing_raw
            .as_ref()
            .unwrap()
            .get()
            .to_owned()
    };
    assert_eq!(raw("requesty", "zero/model"), r#"{"input_price":0,"output_price":0}"#);
    assert_eq!(
        raw("baseten", "moonshotai/Kimi-K2-Instruct-0905"),
        r#"{"prompt":6e-07,"completion":"0.0000025"}"#
    );
    assert_eq!(
        raw("xai", "grok-4-0709"),
        r#"{"prompt_text_token_price":30000,"completion_text_token_price":150000,"cached_prompt_text_token_price":7500}"#
    );
    assert_eq!(raw("helicone", "solo/groq"), r#"{"prompt":0.05,"completion":0.08}"#);
}

/// `image` is a price per picture in some rows, and per token of a picture in others.
#[test]
fn a_picture_costs_more_than_a_token() {
    let row = |id: &str, image: &str| {
        format!(r#"{{"id":"{id}","pricing":{{"prompt":"0.00001","completion":"0.00001","image":"{image}"}}}}"#)
    };
    let rows = [row("counted", "0.00001"), row("priced", "0.0036"), row("free", "0")].join(",");
    let registry = registry();
    let mut reader = registry.resolve("openrouter").unwrap().reader();
    reader.push(format!(r#"{{"data":[{rows}]}}"#).as_bytes()).unwrap();
    reader.finish_page().unwrap();
    let list = reader.into_list().unwrap();
    let image = |id: &str| listing(&list, id).pricing.image.map(|price| price.to_string());
    assert_eq!(image("counted"), None);
    assert_eq!(image("priced").as_deref(), Some("0.0036"));
    assert_eq!(image("free").as_deref(), Some("0"));
    check(&list, "counted", "0.00001", "0.00001");
    assert_eq!(list.skipped.reasons["price-unit"].count, 1);
}

/// Where an amount stands beside zeros for tokens, a number that cannot be read does not make the row free.
#[test]
fn what_costs_something_else_is_not_free() {
    let registry = registry();
    let free = |beside: &str| {
        let row = format!(r#"{{"id":"x","pricing":{{"prompt":"0","completion":"0","other":{beside}}}}}"#);
        let mut reader = registry.resolve("sambanova").unwrap().reader();
        reader.push(format!(r#"{{"data":[{row}]}}"#).as_bytes()).unwrap();
        reader.finish_page().unwrap();
        reader.into_list().unwrap().listings[0].pricing.is_free()
    };
    for charged in ["0.1", "\"0.1\"", "-1", "\"-1\"", "1e18", "1e400", "NaN", "\"99999999\""] {
        assert!(!free(charged), "{charged}");
    }
    for none in ["0", "\"0.000\"", "null", "\"USD\"", "\"\"", "true"] {
        assert!(free(none), "{none}");
    }
}

/// A record of `null` would be none when it is read back, so that the row would seem to change with each fetch.
#[test]
fn a_listing_is_read_back_as_it_was_written() {
    let registry = registry();
    let row = r#"{"id":"1","name":"@cf/x/y","properties":[{"property_id":"price","value":null}]}"#;
    let mut reader = registry.resolve("cloudflare-workers-ai").unwrap().reader();
    reader.push(format!(r#"{{"result":[{row}]}}"#).as_bytes()).unwrap();
    reader.finish_page().unwrap();
    let list = reader.into_list().unwrap();
    let listing = &list.listings[0];
    let back: Listing = serde_json::from_str(&serde_json::to_string(listing).unwrap()).unwrap();
    assert_eq!(back.digest(), listing.digest());
}
