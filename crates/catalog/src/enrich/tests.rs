use super::*;
use crate::{
    listing::ModelId,
    modality::Modality,
    name,
    price::{Quote, Request, Token},
};

fn slug(text: &str) -> Slug {
    Slug::new(text).unwrap()
}

fn listing(id: &str) -> Listing {
    Listing::new(ModelId::new(id).unwrap())
}

fn per_token(text: &str) -> Option<Price<Token>> {
    Some(text.parse().unwrap())
}

fn pricing(prompt: &str, completion: &str) -> Pricing {
    Pricing {
        prompt: per_token(prompt),
        completion: per_token(completion),
        ..Pricing::default()
    }
}

fn canonical(provider: &str, id: &str) -> String {
    let mut out = String::new();
    name::canonical(provider, id, None, &mut out);
    out
}

/// Prices after rows of OpenRouter, without a table.
fn after(rows: &[(&str, Pricing)]) -> Prices {
    let rows: Vec<_> = rows
        .iter()
        .map(|(id, pricing)| (*id, canonical("openrouter", id), pricing))
        .collect();
    let rows = rows
        .iter()
        .map(|(id, canonical, pricing)| Reference { id, canonical, pricing });
    Prices::new(
        ManualPrices::default(),
        &slug("openrouter"),
        rows,
        [slug("featherless")],
    )
}

fn resolve(prices: &Prices, provider: &str, listing: &Listing) -> (Pricing, Option<String>) {
    let canonical = canonical(provider, listing.id.as_str());
    let (pricing, source) = prices.resolve(&slug(provider), listing, &canonical, None);
    (pricing, source.map(|source| source.to_string()))
}

fn manual(toml: &str) -> Prices {
    Prices::new(ManualPrices::parse(toml).unwrap(), &slug("openrouter"), [], [])
}

#[test]
fn sources_are_believed_in_their_order() {
    let own = pricing("0.000001", "0.000002");
    let set = pricing("0.000003", "0.000004");
    let table = "[some.models]\nllama-guard = { prompt_usd_per_1m = \"5\", completion_usd_per_1m = \"6\" }";
    let reference = pricing("0.000007", "0.000008");
    let row = Reference {
        id: "meta-llama/llama-guard",
        canonical: "meta/llama-guard",
        pricing: &reference,
    };
    let mut prices = Prices::new(ManualPrices::parse(table).unwrap(), &slug("openrouter"), [row], []);
    let ask = |prices: &Prices, listing: &Listing, operator: Option<&Pricing>| {
        let (pricing, source) = prices.resolve(&slug("some"), listing, "meta/llama-guard", operator);
        (
            pricing.prompt.map(|price| price.to_string()).unwrap_or_default(),
            source.map(|source| source.to_string()),
        )
    };
    let said = |prompt: &str, source: &str| (prompt.to_owned(), Some(source.to_owned()));

    let mut listing = listing("llama-guard");
    listing.pricing = own;
    assert_eq!(ask(&prices, &listing, Some(&set)), said("0.000001", "provider"));
    listing.imported_from = Some("models.dev".to_owned());
    assert_eq!(ask(&prices, &listing, Some(&set)), said("0.000003", "operator"));
    assert_eq!(ask(&prices, &listing, None), said("0.000001", "import:models.dev"));
    assert_eq!(
        ask(&prices, &listing, Some(&Pricing::default())),
        said("0.000001", "import:models.dev")
    );
    listing.pricing = Pricing::default();
    assert_eq!(
        ask(&prices, &listing, None),
        said("0.000005", "manual:some/llama-guard")
    );
    prices.manual = ManualPrices::default();
    assert_eq!(
        ask(&prices, &listing, None),
        said("0.000007", "cross-reference:openrouter/meta-llama/llama-guard")
    );
    listing.output = Modalities::TEXT.with(Modality::Image);
    assert_eq!(ask(&prices, &listing, None), (String::new(), None));
}

#[test]
fn cross_reference_does_not_divide_again() {
    let prices = after(&[("openai/gpt-4o", pricing("0.0000025", "0.00001"))]);
    let (pricing, source) = resolve(&prices, "anannas", &listing("openai/gpt-4o"));
    assert_eq!(pricing.prompt.unwrap().to_string(), "0.0000025");
    assert_eq!(pricing.completion.unwrap().to_string(), "0.00001");
    assert_eq!(source.unwrap(), "cross-reference:openrouter/openai/gpt-4o");
}

#[test]
fn operator_price_is_per_token_and_not_scaled() {
    let prices = after(&[]);
    let set = pricing("0.0000025", "0.00001");
    let (pricing, _) = prices.resolve(&slug("some"), &listing("gpt-4o"), "openai/gpt-4o", Some(&set));
    assert_eq!(pricing, set);
}

#[test]
fn manual_price_is_per_million() {
    let prices = manual("[openai.models]\ngpt-4o = { prompt_usd_per_1m = \"2.5\", completion_usd_per_1m = \"10\" }");
    let (pricing, source) = resolve(&prices, "openai", &listing("gpt-4o"));
    assert_eq!(pricing.prompt.unwrap().to_string(), "0.0000025");
    assert_eq!(pricing.completion.unwrap().to_string(), "0.00001");
    assert_eq!(source.unwrap(), "manual:openai/gpt-4o");
}

#[test]
fn own_price_per_token_is_not_read_as_per_million() {
    // sybil, canopywave, near, vercel and deepinfra name prices per token: what an adapter read stays what it is.
    let prices = after(&[("deepseek/deepseek-v3.1", pricing("0.0000005", "0.000001"))]);
    for provider in ["sybil", "canopywave", "near", "vercel-ai-gateway", "deepinfra"] {
        let mut listing = listing("deepseek-ai/DeepSeek-V3.1");
        listing.pricing.prompt = Quote::UsdPerUnit.price("0.00000027").unwrap();
        listing.pricing.completion = Quote::UsdPerUnit.price("0.000001").unwrap();
        let (pricing, source) = resolve(&prices, provider, &listing);
        assert_eq!(
            (pricing, source.as_deref()),
            (listing.pricing.clone(), Some("provider"))
        );
    }
}

#[test]
fn vertex_price_per_million_of_the_table_is_not_per_thousand() {
    let prices = Prices::new(ManualPrices::builtin(), &slug("openrouter"), [], []);
    let (pricing, _) = resolve(
        &prices,
        "google-vertex",
        &listing("publishers/google/models/gemini-2.5-pro"),
    );
    assert_eq!(pricing.prompt.unwrap().to_string(), "0.00000125");
}

#[test]
fn known_prices_are_never_overwritten() {
    let prices = after(&[("qwen/qwen3-32b", pricing("0.0000001", "0.0000003"))]);
    let owns = [
        pricing("0.000002", "0.000003"),
        // Said to be free.
        pricing("0", "0"),
        // Only one of the two is known: the other one is not taken from elsewhere.
        Pricing {
            prompt: per_token("0.000002"),
            ..Pricing::default()
        },
        Pricing {
            request: Some("0.01".parse().unwrap()),
            ..Pricing::default()
        },
    ];
    for own in owns {
        let mut listing = listing("Qwen/Qwen3-32B");
        listing.pricing = own;
        let (pricing, source) = resolve(&prices, "some", &listing);
        assert_eq!(
            (pricing, source.as_deref()),
            (listing.pricing.clone(), Some("provider"))
        );
    }
}

#[test]
fn zeros_of_other_units_do_not_make_a_price() {
    let prices = after(&[("qwen/qwen3-32b", pricing("0.0000001", "0.0000003"))]);
    let mut row = listing("Qwen/Qwen3-32B");
    row.pricing.request = Some(Price::<Request>::FREE);
    let (pricing, source) = resolve(&prices, "some", &row);
    assert!(pricing.prompt.is_some() && pricing.request.is_none());
    assert!(source.unwrap().starts_with("cross-reference"));
    // Nobody knows more: what the provider said stays, without being called a price.
    let (kept, source) = resolve(&after(&[]), "some", &row);
    assert_eq!((kept, source), (row.pricing.clone(), None));
}

#[test]
fn a_free_row_is_no_reference() {
    let prices = after(&[
        ("qwen/qwen3-32b:free", pricing("0.0000001", "0.0000003")),
        ("meta-llama/llama-3.3-70b-instruct", pricing("0", "0")),
        (
            "google/gemma-3-27b-it",
            Pricing {
                prompt: per_token("0.1"),
                ..Pricing::default()
            },
        ),
    ]);
    for id in ["qwen3-32b", "llama-3.3-70b-instruct", "gemma-3-27b-it"] {
        assert_eq!(
            resolve(&prices, "some", &listing(id)),
            (Pricing::default(), None),
            "{id}"
        );
    }
}

#[test]
fn an_offer_at_another_price_is_not_priced_after_the_plain_one() {
    let prices = after(&[
        ("meta-llama/llama-3.1-8b-instruct", pricing("0.0000001", "0.0000003")),
        ("x-ai/grok-4-fast", pricing("0.0000002", "0.0000005")),
    ]);
    for id in [
        "meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo",
        "meta-llama/llama-3.1-8b-instruct:free",
    ] {
        assert_eq!(resolve(&prices, "some", &listing(id)).1, None, "{id}");
    }
    // Here the word is a part of the model's name.
    assert!(resolve(&prices, "some", &listing("grok-4-fast")).1.is_some());
}

#[test]
fn subscriptions_and_the_reference_itself_get_no_price_of_others() {
    let prices = after(&[("qwen/qwen3-32b", pricing("0.0000001", "0.0000003"))]);
    for provider in ["featherless", "openrouter"] {
        assert_eq!(
            resolve(&prices, provider, &listing("qwen/qwen3-32b")),
            (Pricing::default(), None)
        );
    }
}

#[test]
fn the_reference_does_not_depend_on_the_order_of_rows() {
    let plain = ("anthropic/claude-sonnet-4", pricing("0.000003", "0.000015"));
    let dated = ("anthropic/claude-sonnet-4-20250514", pricing("0.000004", "0.000016"));
    let (one, other) = (after(&[plain.clone(), dated.clone()]), after(&[dated, plain]));
    let row = listing("claude-sonnet-4-0");
    assert_eq!(resolve(&one, "some", &row), resolve(&other, "some", &row));
    assert_eq!(
        resolve(&one, "some", &row).1.unwrap(),
        "cross-reference:openrouter/anthropic/claude-sonnet-4"
    );
}

#[test]
fn only_prices_of_tokens_are_taken_over() {
    let mut reference = pricing("0.000001", "0.000002");
    reference.request = Some("0.01".parse().unwrap());
    reference.input_cache_read = per_token("0.0000001");
    let prices = after(&[("qwen/qwen3-32b", reference)]);
    assert_eq!(
        resolve(&prices, "some", &listing("qwen3-32b")).0,
        pricing("0.000001", "0.000002")
    );
}

#[test]
fn a_price_that_the_list_names_but_nobody_can_use_is_not_replaced_by_that_of_others() {
    let prices = after(&[("qwen/qwen3-32b", pricing("0.0000001", "0.0000003"))]);
    let mut row = listing("Qwen/Qwen3-32B");
    assert!(resolve(&prices, "some", &row).1.is_some());
    // Yuan per million.
    row.pricing_raw = Some(serde_json::value::to_raw_value(&serde_json::json!({"price": "1.26"})).unwrap());
    assert_eq!(resolve(&prices, "some", &row), (Pricing::default(), None));
    // Who has a price for this very row still counts.
    let prices = manual("[some.models]\n\"Qwen/Qwen3-32B\" = { prompt_usd_per_1m = \"2.5\" }");
    assert_eq!(resolve(&prices, "some", &row).1.unwrap(), "manual:some/Qwen/Qwen3-32B");
}
