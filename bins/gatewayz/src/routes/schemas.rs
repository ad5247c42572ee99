//! The forms of what the catalogue renders by itself.

use gatewayz_catalog::{
    DeveloperSummary, GatewayStatus, GatewayStatusSummary, HealthCounts, Modality, Percentiles, PriceCounts,
    ProviderSummary,
};
use serde_json::{Value, json};

use crate::openapi::{Book, Shape};

/// The list of models: rows, or models with their offers.
pub(super) fn model_list(book: &mut Book) -> Value {
    book.reference("ModelList", |book| {
        let rows = json!({ "type": "array", "items": { "anyOf": [model(book), unique_model(book)] } });
        let fields = [
            (
                "data",
                rows,
                "Rows; with `unique_models=true` models with their offers.",
                true,
            ),
            ("object", json!({ "const": "list" }), "", true),
            ("total", whole(), "How many match in all.", true),
            ("returned", whole(), "How many of them are in this answer.", true),
            ("offset", whole(), "How many of them stand before the first.", true),
            ("limit", or_null(whole()), "", true),
            ("has_more", flag(), "", true),
            ("next_offset", or_null(whole()), "", true),
            ("next_cursor", or_null(text()), "", true),
            ("include_huggingface", flag(), "", true),
            ("gateway", text(), "", true),
            ("note", or_null(text()), "", true),
        ];
        book.object("Models.", &[&fields[..], &stamp()].concat())
    })
}

/// A model at a provider.
pub(super) fn model(book: &mut Book) -> Value {
    book.reference("Model", |book| {
        let strings = json!({ "type": "array", "items": text() });
        // As the provider sends it.
        let raw = json!({});
        let fields = [
            ("id", text(), "The provider's own id.", true),
            (
                "slug",
                text(),
                "The provider, a slash and the id: unique in the catalogue.",
                true,
            ),
            (
                "canonical_slug",
                text(),
                "The one name of the model, whoever serves it.",
                true,
            ),
            ("name", text(), "The name for people.", true),
            ("object", json!({ "const": "model" }), "", true),
            (
                "created",
                or_null(json!({ "type": "integer" })),
                "When it came out, in seconds since 1970.",
                true,
            ),
            ("owned_by", text(), "Who made it; else who serves it.", true),
            ("developer", or_null(text()), "Who made it.", true),
            ("source_gateway", text(), "Who serves it.", true),
            ("provider_slug", text(), "Who made it; else who serves it.", true),
            ("description", or_null(text()), "", true),
            (
                "context_length",
                or_null(positive()),
                "The greatest number of tokens of prompt and answer.",
                true,
            ),
            (
                "max_output_tokens",
                or_null(positive()),
                "The greatest number of tokens of the answer.",
                true,
            ),
            ("modality", text(), "What goes in and what comes out.", true),
            ("architecture", architecture(book), "", true),
            (
                "pricing",
                or_null(pricing(book)),
                "What it costs; `null` where that is not known.",
                true,
            ),
            ("pricing_source", or_null(text()), "Who says so.", true),
            ("per_request_limits", raw.clone(), "", true),
            ("supported_parameters", strings.clone(), "", true),
            ("default_parameters", raw, "", true),
            ("supports_streaming", flag(), "", true),
            ("supports_function_calling", flag(), "", true),
            ("supports_vision", flag(), "", true),
            ("is_active", flag(), "", true),
            (
                "is_free",
                flag(),
                "Whether the provider says that it charges nothing.",
                true,
            ),
            (
                "is_private",
                flag(),
                "Whether it runs where nobody else can read along.",
                true,
            ),
            ("is_deprecated", flag(), "", true),
            ("health_status", health(), "", true),
            ("average_response_time_ms", or_null(whole()), "", true),
            ("provider_site_url", or_null(text()), "", true),
            ("model_logo_url", or_null(text()), "", true),
            ("hugging_face_id", or_null(text()), "", true),
            (
                "updated_at",
                whole(),
                "When it changed last, in seconds since 1970.",
                true,
            ),
            ("tags", strings, "", true),
        ];
        book.object("A model at a provider.", &fields)
    })
}

/// A page of models with their offers.
pub(super) fn unique_page(book: &mut Book) -> Value {
    book.reference("UniqueModels", |book| {
        let models = json!({ "type": "array", "items": unique_model(book) });
        let filters = [
            ("min_providers", or_null(positive()), "", true),
            ("include_inactive", flag(), "", true),
        ];
        let filters = book.object("", &filters);
        let sort = [
            ("by", words(&["provider_count", "name", "cheapest_price"]), "", true),
            ("order", words(&["asc", "desc"]), "", true),
        ];
        let sort = book.object("", &sort);
        let fields = [
            ("models", models, "", true),
            ("total", whole(), "How many match in all.", true),
            ("limit", or_null(whole()), "", true),
            ("offset", whole(), "", true),
            ("filters", filters, "", true),
            ("sort", sort, "", true),
        ];
        book.object("Models, whoever serves them.", &[&fields[..], &stamp()].concat())
    })
}

/// A page of search results.
pub(super) fn search_page(book: &mut Book) -> Value {
    book.reference("SearchResults", |book| {
        let data = json!({ "type": "array", "items": model(book) });
        let modalities = modalities();
        let filters = [
            ("gateway", text(), "", true),
            ("q", text(), "", false),
            ("provider", text(), "", false),
            ("developer", text(), "", false),
            ("is_private", flag(), "", false),
            ("is_free", flag(), "", false),
            ("input_modalities", modalities.clone(), "", false),
            ("output_modalities", modalities, "", false),
            ("min_context", positive(), "", false),
            ("max_context", positive(), "", false),
            ("min_price", price(), "", false),
            ("max_price", price(), "", false),
            (
                "supported_parameters",
                json!({ "type": "array", "items": text() }),
                "",
                false,
            ),
            ("sort_by", text(), "", true),
            ("order", words(&["asc", "desc"]), "", true),
        ];
        let filters = book.object("What was asked for.", &filters);
        let meta = [
            ("total", whole(), "How many match in all.", true),
            ("limit", or_null(whole()), "", true),
            ("offset", whole(), "", true),
            ("returned", whole(), "", true),
            ("has_more", flag(), "", true),
            ("filters_applied", filters, "", true),
        ];
        let meta = book.object("", &meta);
        let fields = [
            ("success", json!({ "const": true }), "", true),
            ("data", data, "", true),
            ("meta", meta, "", true),
        ];
        book.object("What was found.", &[&fields[..], &stamp()].concat())
    })
}

/// The offers of a model side by side.
pub(super) fn comparison(book: &mut Book) -> Value {
    book.reference("Comparison", |book| {
        let offers = json!({ "type": "array", "items": offer(book) });
        let recommendation = [
            ("provider", text(), "", true),
            ("model_id", text(), "The provider's id of it.", true),
            ("reason", text(), "For people.", true),
        ];
        let recommendation = or_null(book.object("", &recommendation));
        let fields = [
            ("id", text(), "", true),
            ("name", text(), "", true),
            ("canonical_slug", text(), "", true),
            ("criteria", criteria(), "", true),
            ("providers", offers, "One offer per provider, the best first.", true),
            (
                "recommendation",
                recommendation,
                "`null` where nothing is known by which to choose.",
                true,
            ),
        ];
        book.object("The offers of a model side by side.", &fields)
    })
}

/// Several models side by side.
pub(super) fn batch_comparison(book: &mut Book) -> Value {
    book.reference("BatchComparison", |book| {
        let models = json!({ "type": "array", "items": comparison(book) });
        let recommendation = [
            ("id", text(), "", true),
            ("canonical_slug", text(), "", true),
            ("provider", text(), "", true),
            ("model_id", text(), "", true),
            ("reason", text(), "", true),
        ];
        let recommendation = or_null(book.object("", &recommendation));
        let fields = [
            ("criteria", criteria(), "", true),
            (
                "models",
                models,
                "Each once, in the order in which they were named.",
                true,
            ),
            (
                "not_found",
                json!({ "type": "array", "items": text() }),
                "Names of which no model is known.",
                true,
            ),
            (
                "recommendation",
                recommendation,
                "The best of the models' recommended offers.",
                true,
            ),
        ];
        book.object("Several models side by side.", &fields)
    })
}

fn unique_model(book: &mut Book) -> Value {
    book.reference("UniqueModel", |book| {
        let offers = json!({ "type": "array", "items": offer(book) });
        let fields = [
            ("id", text(), "Short, and therefore not always unique.", true),
            ("name", text(), "", true),
            ("canonical_slug", text(), "The one name of the model.", true),
            ("provider_count", whole(), "", true),
            ("providers", offers, "One offer per provider, the cheapest first.", true),
            ("cheapest_provider", or_null(text()), "", true),
            ("fastest_provider", or_null(text()), "", true),
            ("cheapest_prompt_price", json!({ "type": ["number", "null"] }), "", true),
            ("fastest_response_time", or_null(whole()), "", true),
        ];
        book.object("A model, whoever serves it.", &fields)
    })
}

fn offer(book: &mut Book) -> Value {
    book.reference("Offer", |book| {
        let fields = [
            ("slug", text(), "The provider.", true),
            ("name", text(), "The provider's name for people.", true),
            ("model_id", text(), "The provider's id of the model.", true),
            ("pricing", or_null(pricing(book)), "", true),
            ("context_length", or_null(positive()), "", true),
            ("health_status", health(), "", true),
            ("average_response_time_ms", or_null(whole()), "", true),
            ("modality", text(), "", true),
            ("supports_streaming", flag(), "", true),
            ("supports_function_calling", flag(), "", true),
            ("supports_vision", flag(), "", true),
            ("description", or_null(text()), "", true),
            ("architecture", or_null(architecture(book)), "", true),
            ("model_name", text(), "", true),
        ];
        book.object("A model at a provider, among the offers of the same model.", &fields)
    })
}

fn architecture(book: &mut Book) -> Value {
    book.reference("Architecture", |book| {
        let fields = [
            ("modality", text(), "", true),
            ("input_modalities", modalities(), "", true),
            ("output_modalities", modalities(), "", true),
            ("tokenizer", or_null(text()), "", true),
            ("instruct_type", or_null(text()), "", true),
        ];
        book.object("", &fields)
    })
}

fn pricing(book: &mut Book) -> Value {
    book.reference("Pricing", |book| {
        let known = || or_null(price());
        let tier = [
            ("above", whole(), "For prompts of more tokens than this.", true),
            ("prompt", price(), "", false),
            ("completion", price(), "", false),
            ("input_cache_read", price(), "", false),
            ("input_cache_write", price(), "", false),
        ];
        let tier = book.object("Prices of longer prompts.", &tier);
        let fields = [
            ("prompt", known(), "", true),
            ("completion", known(), "", true),
            ("request", known(), "Per call.", true),
            ("image", known(), "Per image.", true),
            ("web_search", known(), "Per search.", true),
            ("internal_reasoning", known(), "", true),
            ("input_cache_read", price(), "", false),
            ("input_cache_write", price(), "", false),
            ("audio", price(), "", false),
            ("tiers", json!({ "type": "array", "items": tier, "minItems": 1 }), "", false),
        ];
        let about = "US dollars per token, where nothing else is said: plain decimals, exact. `null` is not known, which \
                     is not free.";
        book.object(about, &fields)
    })
}

/// What an answer says of itself.
fn stamp() -> [(&'static str, Value, &'static str, bool); 5] {
    [
        ("timestamp", text(), "When the catalogue changed last.", true),
        ("_cached_at", text(), "The same.", true),
        ("_cache_ttl", whole(), "For how many seconds it is kept.", true),
        ("_cache_key", text(), "Under which name it is kept.", true),
        ("epoch", text(), "Which catalogue it is of.", true),
    ]
}

impl Shape for ProviderSummary {
    fn schema(book: &mut Book) -> Value {
        book.reference("Gateway", |book| {
            let strings = json!({ "type": "array", "items": text() });
            let fields = [
                ("id", text(), "", true),
                ("slug", text(), "", true),
                ("name", text(), "The name for people.", true),
                ("color", or_null(text()), "", true),
                ("priority", priority(), "", true),
                ("site_url", or_null(text()), "", true),
                ("logo_url", or_null(text()), "", true),
                ("icon", text(), "", false),
                ("aliases", strings.clone(), "Other names that mean it.", true),
                ("model_count", whole(), "", true),
                ("source_gateway", text(), "", true),
                ("source_gateways", strings, "", true),
                ("moderated_by_openrouter", flag(), "", true),
            ];
            book.object("A provider.", &fields)
        })
    }
}

impl Shape for DeveloperSummary {
    fn schema(book: &mut Book) -> Value {
        book.reference("Developer", |book| {
            let fields = [
                ("slug", text(), "", true),
                ("site_url", or_null(text()), "", true),
                ("logo_url", or_null(text()), "", true),
                ("moderated_by_openrouter", flag(), "", true),
                (
                    "source_gateway",
                    or_null(text()),
                    "The first provider that serves its models.",
                    true,
                ),
                ("source_gateways", json!({ "type": "array", "items": text() }), "", true),
                ("model_count", whole(), "", true),
            ];
            book.object("Who makes models.", &fields)
        })
    }
}

impl Shape for GatewayStatus {
    fn schema(book: &mut Book) -> Value {
        book.reference("GatewayStatus", |book| {
            let fields = [
                ("id", text(), "", true),
                ("name", text(), "The name for people.", true),
                ("model_count", whole(), "", true),
                (
                    "in_error_state",
                    flag(),
                    "Whether it is left alone at present, since it failed.",
                    true,
                ),
                ("error_message", or_null(text()), "", true),
                ("priority", priority(), "", true),
            ];
            book.object("How a provider is doing.", &fields)
        })
    }
}

impl Shape for GatewayStatusSummary {
    fn schema(book: &mut Book) -> Value {
        counts(
            book,
            "GatewayStatusSummary",
            &[
                "total_gateways",
                "total_models",
                "gateways_with_errors",
                "gateways_with_zero_models",
            ],
        )
    }
}

impl Shape for PriceCounts {
    fn schema(book: &mut Book) -> Value {
        counts(book, "PriceCounts", &["free", "paid", "unknown"])
    }
}

impl Shape for HealthCounts {
    fn schema(book: &mut Book) -> Value {
        counts(book, "HealthCounts", &["healthy", "degraded", "down", "unknown"])
    }
}

impl Shape for Percentiles {
    fn schema(book: &mut Book) -> Value {
        let names = ["count", "min", "p25", "p50", "p75", "p90", "p99", "max"];
        counts(book, "Percentiles", &names)
    }
}

fn counts(book: &mut Book, name: &str, fields: &[&str]) -> Value {
    book.reference(name, |book| {
        let fields: Vec<(&str, Value, &str, bool)> = fields.iter().map(|field| (*field, whole(), "", true)).collect();
        book.object("", &fields)
    })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn flag() -> Value {
    json!({ "type": "boolean" })
}

fn whole() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn positive() -> Value {
    json!({ "type": "integer", "minimum": 1 })
}

/// A plain decimal.
fn price() -> Value {
    json!({ "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?$" })
}

fn words(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}

fn priority() -> Value {
    words(&["fast", "slow"])
}

fn criteria() -> Value {
    words(&["price", "context", "availability"])
}

fn health() -> Value {
    words(&["healthy", "degraded", "down", "unknown"])
}

fn modalities() -> Value {
    json!({ "type": "array", "items": words(&Modality::ALL.map(Modality::as_str)) })
}

fn or_null(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}
