//! Catalogues of our own making: what is odd in them, and what comes of it.

use std::io::{Read, Write as _};

use flate2::{Compression, write::GzEncoder};
use gatewayz_catalog::{Directory, Listing, Modalities, Price, Provider, Token};
use gatewayz_providers::import::{self, Catalogue, ImportError, Imported};

/// A directory of these slugs. `google` means Vertex, as people use it.
pub(crate) fn directory() -> Directory {
    let slugs = "ai21 aihubmix alibaba anthropic azure-openai baseten bedrock cerebras chutes cloudflare-ai-gateway \
        cloudflare-workers-ai cohere cortecs databricks deepinfra deepseek digitalocean fal featherless fireworks \
        friendli github-copilot github-models google-gemini google-vertex groq helicone heroku huggingface hyperbolic \
        inference-net io-net meta minimax mistral moonshot nano-gpt nebius novita nscale nvidia ollama ollama-cloud \
        openai openrouter ovhcloud perplexity poe requesty sambanova scaleway siliconflow snowflake synthetic together \
        venice vercel-ai-gateway wandb xai zai zenmux";
    let provider = |slug: &str| -> Provider {
        let aliases: &[&str] = if slug == "google-vertex" { &["google"] } else { &[] };
        serde_json::from_value(serde_json::json!({ "slug": slug, "name": slug, "aliases": aliases })).unwrap()
    };
    Directory::new(slugs.split_whitespace().map(provider)).unwrap()
}

/// Dollars per million tokens.
#[track_caller]
pub(crate) fn per_million(text: &str) -> Option<Price<Token>> {
    Some(gatewayz_catalog::Quote::UsdPerMillion.price(text).unwrap().unwrap())
}

#[track_caller]
pub(crate) fn listing<'i>(imported: &'i Imported, slug: &str, id: &str) -> &'i Listing {
    let found = imported
        .lists
        .get(slug)
        .and_then(|list| list.iter().find(|listing| listing.id.as_str() == id));
    found.unwrap_or_else(|| panic!("{slug} has no {id}"))
}

/// Reasons and how often each was counted.
pub(crate) fn reasons(imported: &Imported) -> Vec<(&str, u64)> {
    let reasons = imported.skipped.reasons.iter();
    reasons.map(|(reason, rows)| (reason.as_str(), rows.count)).collect()
}

#[track_caller]
fn read(catalogue: Catalogue, text: &str) -> Imported {
    let imported = import::read(catalogue, text, &directory()).unwrap();
    assert_accounts(&imported);
    assert_eq!(Catalogue::detect(text), Some(catalogue));
    imported
}

/// Every row is a listing, of an unknown provider, or left out.
#[track_caller]
pub(crate) fn assert_accounts(imported: &Imported) {
    let unknown: u64 = imported.unknown_providers.values().sum();
    assert_eq!(
        imported.rows,
        imported.listings() as u64 + unknown + imported.rows_left_out
    );
    let by_reason = reasons(imported)
        .into_iter()
        .filter(|(reason, _)| reason.starts_with("row: "));
    assert_eq!(by_reason.map(|(_, count)| count).sum::<u64>(), imported.rows_left_out);
    for listing in imported.lists.values().flatten() {
        assert_eq!(
            listing.imported_from.as_deref(),
            Some(imported.catalogue.as_str()),
            "{}",
            listing.id
        );
        let raw = listing.pricing_raw.is_some() || listing.pricing.is_unknown();
        assert!(raw, "the price of {} can be traced", listing.id);
    }
}

fn words(modalities: Modalities) -> String {
    modalities.to_string()
}

#[test]
fn a_row_of_models_dev_is_read_whole() {
    let imported = read(
        Catalogue::ModelsDev,
        r#"{"google": {"id": "google", "models": {"gemini-x": {
            "id": "gemini-x", "name": " Gemini\n X ", "tool_call": true, "temperature": true, "reasoning": true,
            "structured_output": true, "release_date": "2025-03-20", "status": "deprecated",
            "modalities": {"input": ["text", "image", "pdf"], "output": ["text"]},
            "limit": {"context": 1048576, "output": 65536},
            "cost": {"input": 1.25, "output": 10, "cache_read": 0.31, "cache_write": 0, "reasoning": 12.5,
                     "input_audio": 2, "context_over_200k": {"input": 2.5, "output": 15}}}}}}"#,
    );
    assert!(
        !imported.lists.contains_key("google-vertex"),
        "the catalogue's google is not the alias"
    );
    let gemini = listing(&imported, "google-gemini", "gemini-x");
    assert_eq!(gemini.name, "Gemini X");
    assert_eq!(gemini.developer.as_deref(), Some("google"));
    assert_eq!(gemini.created, Some(1_742_428_800));
    assert_eq!(gemini.context_length.unwrap().get(), 1_048_576);
    assert_eq!(gemini.max_output.unwrap().get(), 65_536);
    assert_eq!(
        (words(gemini.input).as_str(), words(gemini.output).as_str()),
        ("text+image+file", "text")
    );
    let abilities = gemini.abilities;
    assert!(
        abilities.functions && abilities.vision && abilities.deprecated && abilities.streaming && !abilities.private
    );
    assert_eq!(
        gemini.supported_parameters,
        [
            "reasoning",
            "response_format",
            "structured_outputs",
            "temperature",
            "tool_choice",
            "tools"
        ]
    );
    let pricing = &gemini.pricing;
    assert_eq!(pricing.prompt, per_million("1.25"));
    assert_eq!(pricing.completion, per_million("10"));
    assert_eq!(pricing.input_cache_read, per_million("0.31"));
    assert_eq!(pricing.input_cache_write, None, "a zero of a catalogue is not free");
    assert_eq!(pricing.internal_reasoning, per_million("12.5"));
    assert_eq!(pricing.audio, per_million("2"));
    assert_eq!(pricing.tiers.len(), 1);
    assert_eq!(
        (pricing.tiers[0].above, pricing.tiers[0].prompt),
        (200_000, per_million("2.5"))
    );
    assert_eq!(
        gemini.pricing_raw.as_ref().unwrap().get(),
        r#"{"input":1.25,"output":10,"cache_read":0.31,"cache_write":0,"reasoning":12.5,"input_audio":2,"context_over_200k":{"input":2.5,"output":15}}"#
    );
    assert_eq!(reasons(&imported), [("price: zero that is not known to be free", 1)]);
}

#[test]
fn tiers_of_models_dev_come_in_a_list_too() {
    let imported = read(
        Catalogue::ModelsDev,
        r#"{"xai": {"models": {"grok-x": {"cost": {"input": 1, "output": 2, "tiers": [
            {"tier": {"size": 256000}, "input": 3, "output": 4}, {"tier": {"size": 128000}, "input": 2, "output": 3},
            {"tier": {"size": 64000}, "input": 1, "output": 2}, {"input": 9}, 7]}}}}}"#,
    );
    let pricing = &listing(&imported, "xai", "grok-x").pricing;
    let tiers: Vec<_> = pricing.tiers.iter().map(|tier| (tier.above, tier.prompt)).collect();
    assert_eq!(tiers, [(128_000, per_million("2")), (256_000, per_million("3"))]);
}

#[test]
fn only_between_texts_the_one_price_field_is_surely_of_tokens() {
    let row = |input: &str, output: &str| {
        format!(
            r#"{{"modalities": {{"input": ["{input}"], "output": ["{output}"]}}, "cost": {{"input": 0.5, "output": 2}}}}"#
        )
    };
    let text = format!(
        r#"{{"cloudflare-workers-ai": {{"models": {{"chat": {}, "whisper": {}, "flux": {}, "bge-m3": {}, "rerank-1": {}}}}}}}"#,
        row("text", "text"),
        row("audio", "text"),
        row("text", "image"),
        row("text", "text"),
        row("text", "text"),
    );
    let imported = read(Catalogue::ModelsDev, &text);
    let price = |id| listing(&imported, "cloudflare-workers-ai", id).pricing.prompt;
    assert_eq!(price("chat"), per_million("0.5"));
    assert_eq!(price("whisper"), None);
    assert_eq!(price("flux"), None);
    assert_eq!(price("bge-m3"), per_million("0.5"));
    let output = |id| words(listing(&imported, "cloudflare-workers-ai", id).output);
    assert_eq!(
        (output("bge-m3").as_str(), output("rerank-1").as_str()),
        ("embedding", "score")
    );
    assert_eq!(reasons(&imported), [("price: its unit is not told", 2)]);
}

#[test]
fn a_row_of_lite_llm_tells_units_by_the_names_of_its_fields() {
    let imported = read(
        Catalogue::LiteLlm,
        r#"{
        "sample_spec": {"litellm_provider": "one of them", "input_cost_per_token": 0.0},
        "xai/grok-x": {"litellm_provider": "xai", "mode": "chat", "max_input_tokens": 2000000.0, "max_output_tokens": 9,
            "max_tokens": 7, "input_cost_per_token": 2e-07, "output_cost_per_token": 5E-7, "supports_vision": true,
            "input_cost_per_token_above_128k_tokens": 4e-07, "output_cost_per_token_above_128k_tokens": 1e-06,
            "input_cost_per_token_above_200k_tokens_priority": 1, "input_cost_per_token_batches": 1e-07,
            "search_context_cost_per_query": {"search_context_size_low": 0.01, "search_context_size_medium": 0.02},
            "supports_function_calling": true, "deprecation_date": "2030-01-01", "supports_native_streaming": false},
        "whisper-x": {"litellm_provider": "openai", "mode": "audio_transcription", "input_cost_per_second": 0.0001},
        "tts-x": {"litellm_provider": "openai", "mode": "audio_speech", "input_cost_per_character": 1.5e-05},
        "dall-e-x": {"litellm_provider": "openai", "mode": "image_generation", "input_cost_per_image": 0.04,
            "input_cost_per_pixel": 1.9e-08},
        "fal_ai/fal-ai/flux": {"litellm_provider": "fal_ai", "mode": "image_generation", "output_cost_per_image": 0.003},
        "rerank-x": {"litellm_provider": "cohere", "mode": "rerank", "input_cost_per_query": 0.002,
            "input_cost_per_token": 0.0, "output_cost_per_token": 0.0},
        "embed-x": {"litellm_provider": "cohere", "mode": "embedding", "input_cost_per_token": 1.2e-07,
            "output_cost_per_token": 0.0, "supports_embedding_image_input": true},
        "dashscope/qwen-x": {"litellm_provider": "dashscope", "mode": "chat", "tiered_pricing": [
            {"range": [0, 256000.0], "input_cost_per_token": 5e-08, "output_cost_per_token": 4e-07},
            {"range": [256000.0, 1000000.0], "input_cost_per_token": 2.5e-07, "output_cost_per_token": 2e-06}]}
        }"#,
    );
    let grok = listing(&imported, "xai", "grok-x");
    assert_eq!(grok.developer.as_deref(), Some("x-ai"));
    assert_eq!(grok.context_length.unwrap().get(), 2_000_000);
    assert_eq!(grok.max_output.unwrap().get(), 9);
    assert_eq!(
        (grok.pricing.prompt, grok.pricing.completion),
        (per_million("0.2"), per_million("0.5"))
    );
    assert_eq!(grok.pricing.web_search.unwrap().to_string(), "0.02");
    assert_eq!(grok.pricing.tiers.len(), 1);
    assert_eq!(grok.pricing.tiers[0].above, 128_000);
    assert_eq!(grok.pricing.tiers[0].completion, per_million("1"));
    let abilities = grok.abilities;
    assert!(abilities.functions && abilities.vision && abilities.deprecated && !abilities.streaming);

    let openai = |id| listing(&imported, "openai", id);
    assert!(openai("whisper-x").pricing.is_unknown() && openai("tts-x").pricing.is_unknown());
    assert!(openai("whisper-x").pricing_raw.is_some());
    assert_eq!(words(openai("whisper-x").input), "audio");
    assert_eq!(words(openai("tts-x").output), "audio");
    assert_eq!(openai("dall-e-x").pricing.image.unwrap().to_string(), "0.04");
    assert_eq!(openai("dall-e-x").pricing.prompt, None);
    assert_eq!(
        listing(&imported, "fal", "fal-ai/flux")
            .pricing
            .image
            .unwrap()
            .to_string(),
        "0.003"
    );

    let rerank = listing(&imported, "cohere", "rerank-x");
    assert_eq!(rerank.pricing.request.unwrap().to_string(), "0.002");
    assert_eq!(rerank.pricing.prompt, None);
    assert_eq!(words(rerank.output), "score");
    let embed = listing(&imported, "cohere", "embed-x");
    assert_eq!(
        (embed.pricing.prompt, embed.pricing.completion),
        (per_million("0.12"), Some(Price::FREE))
    );
    assert_eq!(
        (words(embed.input).as_str(), words(embed.output).as_str()),
        ("text+image", "embedding")
    );

    let qwen = &listing(&imported, "alibaba", "qwen-x").pricing;
    assert_eq!(
        (qwen.prompt, qwen.completion),
        (per_million("0.05"), per_million("0.4"))
    );
    assert_eq!(
        (qwen.tiers[0].above, qwen.tiers[0].prompt),
        (256_000, per_million("0.25"))
    );
    assert_eq!(
        reasons(&imported),
        [
            ("price: zero that is not known to be free", 1),
            ("row: documentation of the fields", 1)
        ]
    );
}

#[test]
fn keys_of_lite_llm_become_the_provider_s_own_ids() {
    let row = |key: &str, provider: &str| {
        format!(r#""{key}": {{"litellm_provider": "{provider}", "mode": "chat", "input_cost_per_token": 1e-06}}"#)
    };
    let text = format!(
        "{{{}}}",
        [
            row("together_ai/zai-org/GLM-5", "together_ai"),
            row("fireworks_ai/accounts/fireworks/models/glm-5", "fireworks_ai"),
            row("vertex_ai/claude-x@2025", "vertex_ai-anthropic_models"),
            row("gemini-y", "vertex_ai-language-models"),
            row("gemini/gemini-y", "gemini"),
            row("bedrock/us-east-1/anthropic.claude-x", "bedrock"),
            row("us.anthropic.claude-x", "bedrock_converse"),
            row("azure/eu/gpt-x", "azure"),
            row("azure_ai/gpt-x", "azure_ai"),
            row("azure/gpt-x", "azure"),
            row("hd/1024-x-1024/dall-e-3", "openai"),
            row("ft:gpt-x", "openai"),
            row("together-ai-4.1b-8b", "together_ai"),
            row("openrouter/anthropic/claude-x", "openrouter"),
            row("deepseek/deepseek-x", "deepseek"),
            row("deepseek-x", "deepseek"),
            row("replicate/meta/llama", "replicate"),
            row("vllm/x", "weird\\u0000one"),
        ]
        .join(",")
    );
    let imported = read(Catalogue::LiteLlm, &text);
    for (slug, id, developer) in [
        ("together", "zai-org/GLM-5", "z-ai"),
        ("fireworks", "accounts/fireworks/models/glm-5", "z-ai"),
        ("google-vertex", "claude-x@2025", "anthropic"),
        ("google-vertex", "gemini-y", "google"),
        ("google-gemini", "gemini-y", "google"),
        ("bedrock", "us.anthropic.claude-x", "anthropic"),
        ("azure-openai", "gpt-x", "openai"),
        ("openrouter", "anthropic/claude-x", "anthropic"),
        ("deepseek", "deepseek-x", "deepseek"),
    ] {
        assert_eq!(
            listing(&imported, slug, id).developer.as_deref(),
            Some(developer),
            "{slug} {id}"
        );
    }
    assert_eq!(imported.listings(), 9);
    assert_eq!(
        reasons(&imported),
        [
            ("row: model is listed twice", 2),
            ("row: price class, not a model", 2),
            ("row: region, size or quality of another row", 3),
        ]
    );
    let unknown: Vec<_> = imported
        .unknown_providers
        .iter()
        .map(|(name, rows)| (name.as_str(), *rows))
        .collect();
    assert_eq!(unknown, [("replicate", 1), ("weirdone", 1)]);
}

#[test]
fn the_better_row_of_a_model_wins_wherever_it_stands() {
    let row = |key: &str, provider: &str, price: &str| {
        format!(r#""{key}": {{"litellm_provider": "{provider}", "mode": "chat", "input_cost_per_token": {price}}}"#)
    };
    let rows = [
        row("azure/x", "azure", "1e-06"),
        row("azure_ai/x", "azure_ai", "2e-06"),
        row("x", "azure", "3e-06"),
    ];
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
        let text = format!("{{{}}}", order.map(|at: usize| rows[at].clone()).join(","));
        let imported = read(Catalogue::LiteLlm, &text);
        assert_eq!(
            listing(&imported, "azure-openai", "x").pricing.prompt,
            per_million("1"),
            "{order:?}"
        );
    }
    // The same key again: the last one, as in any JSON object.
    let text = format!(
        "{{{},{}}}",
        row("azure/x", "azure", "1e-06"),
        row("azure/x", "azure", "4e-06")
    );
    assert_eq!(
        listing(&read(Catalogue::LiteLlm, &text), "azure-openai", "x")
            .pricing
            .prompt,
        per_million("4")
    );
}

#[test]
fn a_row_of_open_router_is_the_provider_s_word() {
    let row = |id: &str, pricing: &str| {
        format!(
            r#"{{"id": "{id}", "name": "N", "created": 1767728554, "description": "D", "context_length": 65536,
            "hugging_face_id": "allenai/x", "architecture": {{"input_modalities": ["text", "image"],
            "output_modalities": ["text"], "tokenizer": "Other", "instruct_type": null}}, "pricing": {pricing},
            "top_provider": {{"max_completion_tokens": null}}, "per_request_limits": null,
            "supported_parameters": ["tools", "seed", "seed"], "default_parameters": {{"top_p": 0.95}}}}"#
        )
    };
    let text = format!(
        r#"{{"data": [{}, {}, {}]}}"#,
        row(
            "allenai/x",
            r#"{"prompt": "0.0000002", "completion": "0.0000006", "request": "0", "image": "0.001238",
                "web_search": "0.01", "internal_reasoning": "0", "input_cache_read": "0.00000003"}"#
        ),
        row("allenai/x:free", r#"{"prompt": "0", "completion": "0"}"#),
        row("openrouter/auto", r#"{"prompt": "-1", "completion": "-1"}"#),
    );
    let imported = read(Catalogue::OpenRouter, &text);
    let x = listing(&imported, "openrouter", "allenai/x");
    assert_eq!(x.developer.as_deref(), Some("allenai"));
    assert_eq!((x.created, x.description.as_deref()), (Some(1_767_728_554), Some("D")));
    assert_eq!(x.hugging_face_id.as_deref(), Some("allenai/x"));
    assert_eq!(
        (x.tokenizer.as_deref(), x.instruct_type.as_deref()),
        (Some("Other"), None)
    );
    assert_eq!(x.supported_parameters, ["seed", "tools"]);
    assert_eq!(x.default_parameters.as_ref().unwrap().get(), r#"{"top_p":0.95}"#);
    assert!(x.abilities.functions && x.abilities.vision);
    assert_eq!(
        (x.pricing.prompt, x.pricing.completion),
        (per_million("0.2"), per_million("0.6"))
    );
    assert_eq!(x.pricing.image.unwrap().to_string(), "0.001238");
    assert_eq!(x.pricing.request, Some(Price::FREE));
    assert_eq!(x.pricing.internal_reasoning, None, "zero is no price of its own");
    assert!(listing(&imported, "openrouter", "allenai/x:free").pricing.is_free());
    assert!(listing(&imported, "openrouter", "openrouter/auto").pricing.is_unknown());
    assert_eq!(reasons(&imported), [("price: negative, decided per request", 1)]);

    // A bare list is taken as well.
    let bare = text.strip_prefix("{\"data\": ").unwrap().strip_suffix('}').unwrap();
    assert_eq!(read(Catalogue::OpenRouter, bare).listings(), 3);
}

#[test]
fn a_zero_is_free_only_where_the_model_says_so() {
    let row = |provider: &str, input: &str, output: &str| {
        format!(
            r#"{{"litellm_provider": "{provider}", "mode": "chat", "input_cost_per_token": {input},
            "output_cost_per_token": {output}}}"#
        )
    };
    let text = format!(
        r#"{{"openrouter/a/b:free": {}, "together_ai/a/B-Free": {}, "ollama/c": {}, "azure_ai/model_router": {}}}"#,
        row("openrouter", "0", "0.0"),
        row("together_ai", "0e0", "-0"),
        row("ollama", "0", "0"),
        row("azure_ai", "1.4e-07", "0"),
    );
    let imported = read(Catalogue::LiteLlm, &text);
    assert!(listing(&imported, "openrouter", "a/b:free").pricing.is_free());
    assert!(listing(&imported, "together", "a/B-Free").pricing.is_free());
    assert!(listing(&imported, "ollama", "c").pricing.is_unknown());
    let router = &listing(&imported, "azure-openai", "model_router").pricing;
    assert_eq!((router.prompt, router.completion), (per_million("0.14"), None));
}

#[test]
fn a_price_with_another_unit_is_no_price() {
    let check = |price: &str, expect: Option<&str>, reason: Option<&str>| {
        let text = format!(
            r#"{{"a": {{"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": {price},
            "cache_read_input_token_cost": 1e-07}}}}"#
        );
        let imported = read(Catalogue::LiteLlm, &text);
        let pricing = &listing(&imported, "openai", "a").pricing;
        assert_eq!(pricing.prompt, expect.and_then(per_million), "{price}");
        let noted = reasons(&imported);
        assert_eq!(noted.first().map(|(reason, _)| *reason), reason, "{price}");
        if reason == Some("price: out of range for its unit") {
            assert_eq!(pricing.input_cache_read, None, "its neighbours have the same unit");
        }
    };
    check("1.5e-4", Some("150"), None);
    check("\"0.0000025\"", Some("2.5"), None);
    check("4e-9", Some("0.004"), None);
    // W&B's prices per million, entered as prices per hundred thousand.
    check("0.135", None, Some("price: out of range for its unit"));
    check("1.3e-10", None, Some("price: out of range for its unit"));
    check("-1", None, Some("price: negative, decided per request"));
    check("1e99", None, Some("price: no decimal"));
    check("1e999999999999", None, Some("price: no decimal"));
    check("\"NaN\"", None, Some("price: no decimal"));
    check("\"inf\"", None, Some("price: no decimal"));
    check("\"0x10\"", None, Some("price: no decimal"));
    check("true", None, Some("field: of another type"));
    check("[1e-06]", None, Some("field: of another type"));
    check("{\"usd\": 1}", None, Some("field: of another type"));
    check("\"\\ud800\"", None, Some("field: of another type"));
    check("null", None, None);
    check("\"\"", None, None);
}

#[test]
fn rows_that_are_none_are_left_out_and_counted() {
    let long = "x".repeat(10_000);
    let good = r#"{"litellm_provider": "openai", "mode": "chat"}"#;
    let text = format!(
        r#"{{"a": {good}, "": {good}, " b ": {good}, "c\u0000d": {good}, "{long}": {good}, "e": 7, "f": [{good}],
        "g": {{}}, "h": {{"litellm_provider": "openai", "mode": "telepathy"}},
        "i": {{"litellm_provider": "openai", "mode": "search"}}, "a": {good}, "j": {{"litellm_provider": 5}},
        "k": {{"litellm_provider": "openai", "mode": "chat", "max_input_tokens": -1, "max_output_tokens": 99999999999,
            "supports_vision": "yes", "supported_modalities": "text"}}}}"#
    );
    let imported = read(Catalogue::LiteLlm, &text);
    assert_eq!(imported.rows, 13);
    assert_eq!(imported.listings(), 2);
    assert_eq!(
        reasons(&imported),
        [
            ("field: of another type", 1),
            ("row: id has a control character", 1),
            ("row: id is blank or has spaces at its ends", 2),
            ("row: id is too long", 1),
            ("row: model is listed twice", 1),
            ("row: names no provider", 2),
            ("row: no object", 2),
            ("row: service, not a model", 1),
            ("row: unknown kind of model", 1),
        ]
    );
    for sample in imported.skipped.reasons.values().flat_map(|rows| &rows.samples) {
        assert!(sample.chars().count() <= 80 && !sample.chars().any(char::is_control));
    }
    let k = listing(&imported, "openai", "k");
    assert_eq!(
        (k.context_length, k.max_output, words(k.input).as_str()),
        (None, None, "text")
    );
}

#[test]
fn what_is_kept_of_a_row_is_bounded() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let text = format!(
        r#"{{"data": [{{"id": "a/b", "name": "{}", "description": "{}", "pricing": {{"prompt": "0.000001", "deep": {deep}}},
        "default_parameters": {{"x": {deep}}}, "architecture": {deep}}}]}}"#,
        "n\\u0000".repeat(5000),
        "ü".repeat(5000),
    );
    let imported = import::read(Catalogue::OpenRouter, &text, &directory()).unwrap();
    let listing = listing(&imported, "openrouter", "a/b");
    assert_eq!(listing.name.chars().count(), 200);
    assert_eq!(listing.description.as_ref().unwrap().len(), Listing::MAX_DESCRIPTION);
    assert_eq!(listing.pricing.prompt, per_million("1"));
    assert!(listing.pricing_raw.is_none() && listing.default_parameters.is_none());
}

#[test]
fn a_file_that_is_cut_off_gives_nothing() {
    let whole =
        r#"{"openai": {"id": "openai", "models": {"a": {"cost": {"input": 1}}, "b": {}}}, "xai": {"models": {}}}"#;
    assert_eq!(read(Catalogue::ModelsDev, whole).listings(), 2);
    for end in 0..whole.len() {
        let cut = import::read(Catalogue::ModelsDev, &whole[..end], &directory());
        assert!(matches!(cut, Err(ImportError::Malformed { .. })), "{end}");
    }
    let trailing = format!("{whole} x");
    let result = import::read(Catalogue::ModelsDev, &trailing, &directory());
    assert!(matches!(result, Err(ImportError::Malformed { .. })));
}

#[test]
fn another_catalogue_is_told() {
    let open_router = r#"{"data": [{"id": "a", "pricing": {}}]}"#;
    let result = import::read(Catalogue::ModelsDev, open_router, &directory());
    assert!(matches!(result, Err(ImportError::NoRows { .. })));
    for nothing in [
        "",
        "{}",
        "[]",
        "[1]",
        "7",
        "null",
        "\"text\"",
        r#"{"a": {"b": 1}}"#,
        "[{\"id\": 1}]",
    ] {
        assert_eq!(Catalogue::detect(nothing), None, "{nothing}");
        let result = import::read_any(nothing.as_bytes(), &directory());
        assert!(matches!(result, Err(ImportError::Unrecognised)), "{nothing}");
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_file_may_be_packed() {
    let text = "\u{feff}{\"openai\": {\"models\": {\"a\": {}}}}";
    for bytes in [text.as_bytes().to_vec(), gzip(text.as_bytes())] {
        let imported = import::read_any(bytes.as_slice(), &directory()).unwrap();
        assert_eq!((imported.catalogue, imported.listings()), (Catalogue::ModelsDev, 1));
    }
    let packed = gzip(text.as_bytes());
    for end in 2..packed.len() {
        let result = import::unpack(&packed[..end]);
        assert!(matches!(result, Err(ImportError::Unreadable(_))), "{end}");
    }
    assert!(matches!(import::unpack(&b"\xff\xfe{}"[..]), Err(ImportError::NotText)));
}

#[test]
fn a_file_may_not_be_endless() {
    assert!(matches!(
        import::unpack(std::io::repeat(b' ')),
        Err(ImportError::TooLarge)
    ));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    std::io::copy(&mut std::io::repeat(b' ').take(import::MAX_BYTES + 1), &mut encoder).unwrap();
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 1 << 20);
    assert!(matches!(import::unpack(bomb.as_slice()), Err(ImportError::TooLarge)));

    let rows = "{},".repeat(usize::try_from(import::MAX_ROWS).unwrap() + 1);
    let text = format!("{{\"data\": [{}]}}", rows.trim_end_matches(','));
    let result = import::read(Catalogue::OpenRouter, &text, &directory());
    assert!(matches!(result, Err(ImportError::TooManyRows)));
}
