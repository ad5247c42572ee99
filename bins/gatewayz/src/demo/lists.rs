//! The lists of the made-up providers, each in the form and with the price units of the provider whose name it has.

use std::collections::BTreeMap;

use gatewayz_catalog::{Listing, Modality, Price, Slug, Token};
use gatewayz_providers::seed;
use serde_json::{Value, json};

/// The key that all of them want.
pub(super) const KEY: &str = "demo";
/// When all models came out.
const CREATED: u64 = 1_770_000_000;

/// How a made-up provider answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conduct {
    /// At once.
    Prompt,
    /// After two seconds.
    Slow,
    /// Every other list not at all.
    Flaky,
}

/// A made-up provider.
#[derive(Clone, Copy, Debug)]
pub(super) struct Simulated {
    /// The provider whose place it takes.
    pub(super) slug: &'static str,
    /// How it answers.
    pub(super) conduct: Conduct,
    row: fn(&Listing) -> Value,
    /// The whole list, made of rows.
    list: fn(Vec<Value>) -> Value,
}

const fn prompt(slug: &'static str, row: fn(&Listing) -> Value) -> Simulated {
    Simulated {
        slug,
        conduct: Conduct::Prompt,
        row,
        list: data,
    }
}

/// All of them.
pub(super) const SIMULATED: [Simulated; 10] = [
    prompt("openrouter", openrouter),
    prompt("openai", bare),
    prompt("anthropic", anthropic),
    prompt("groq", groq),
    prompt("cerebras", bare),
    prompt("fireworks", fireworks),
    prompt("mistral", mistral),
    Simulated {
        list: Value::Array,
        ..prompt("deepinfra", deepinfra)
    },
    Simulated {
        conduct: Conduct::Slow,
        list: Value::Array,
        ..prompt("together", together)
    },
    Simulated {
        conduct: Conduct::Flaky,
        ..prompt("novita", novita)
    },
];

/// The answers of all of them, by slug.
pub(super) fn all() -> Result<BTreeMap<&'static str, Value>, seed::SeedError> {
    let seed = seed::builtin()?;
    let mut lists = BTreeMap::new();
    for simulated in SIMULATED {
        let listings = listings(&seed, simulated.slug);
        let rows = listings.iter().map(simulated.row).collect();
        lists.insert(simulated.slug, (simulated.list)(rows));
    }
    Ok(lists)
}

/// What a provider serves: what the catalogue that comes with the gateway says; one has others' models for less, so that
/// there is something to compare.
pub(super) fn listings(seed: &BTreeMap<Slug, Vec<Listing>>, slug: &str) -> Vec<Listing> {
    let of = |slug: &str| {
        let lists = seed.iter().find(|(known, _)| known.as_str() == slug);
        lists.map(|(_, listings)| listings.clone()).unwrap_or_default()
    };
    let mut listings = of(slug);
    if slug == "deepinfra" {
        for mut other in ["together", "novita"].into_iter().flat_map(of) {
            for price in [&mut other.pricing.prompt, &mut other.pricing.completion] {
                *price = price.map(|price| Price::from_steps(price.steps() / 10 * 9));
            }
            if listings.iter().all(|listing| listing.id != other.id) {
                listings.push(other);
            }
        }
    }
    listings
}

fn data(rows: Vec<Value>) -> Value {
    json!({ "object": "list", "data": rows })
}

/// US dollars per token, as text.
fn openrouter(row: &Listing) -> Value {
    let price = |price: Option<Price<Token>>| price.map(|price| price.to_string());
    let words =
        |modalities: gatewayz_catalog::Modalities| -> Vec<&str> { modalities.iter().map(Modality::as_str).collect() };
    json!({
        "id": row.id, "name": row.name, "created": CREATED, "context_length": row.context_length,
        "architecture": { "input_modalities": words(row.input), "output_modalities": words(row.output) },
        "pricing": {
            "prompt": price(row.pricing.prompt), "completion": price(row.pricing.completion),
            "input_cache_read": price(row.pricing.input_cache_read),
        },
        "top_provider": { "max_completion_tokens": row.max_output },
        "supported_parameters": row.supported_parameters,
    })
}

/// US dollars per million tokens, as numbers.
fn together(row: &Listing) -> Value {
    json!({
        "id": row.id, "object": "model", "created": CREATED, "type": "chat", "display_name": row.name,
        "context_length": row.context_length,
        "pricing": { "input": number(row.pricing.prompt, 6), "output": number(row.pricing.completion, 6) },
    })
}

/// US cents per token, as numbers.
fn deepinfra(row: &Listing) -> Value {
    json!({
        "model_name": row.id, "type": "text-generation", "max_tokens": row.context_length,
        "pricing": {
            "type": "tokens", "cents_per_input_token": number(row.pricing.prompt, 2),
            "cents_per_output_token": number(row.pricing.completion, 2),
        },
    })
}

/// Ten-thousandths of a US dollar per million tokens, as whole numbers.
fn novita(row: &Listing) -> Value {
    json!({
        "id": row.id, "title": row.id, "display_name": row.name, "created": CREATED, "status": 1, "model_type": "chat",
        "context_size": row.context_length, "max_output_tokens": row.max_output,
        "features": if row.abilities.functions { vec!["function-calling"] } else { Vec::new() },
        "input_token_price_per_m": number(row.pricing.prompt, 10),
        "output_token_price_per_m": number(row.pricing.completion, 10),
    })
}

/// No prices.
fn groq(row: &Listing) -> Value {
    json!({
        "id": row.id, "object": "model", "created": CREATED, "owned_by": row.developer, "active": true,
        "context_window": row.context_length, "max_completion_tokens": row.max_output,
    })
}

/// No prices, and not much else.
fn bare(row: &Listing) -> Value {
    json!({ "id": row.id, "object": "model", "created": CREATED, "owned_by": "system" })
}

fn fireworks(row: &Listing) -> Value {
    json!({
        "id": row.id, "object": "model", "created": CREATED, "owned_by": "fireworks", "kind": "HF_BASE_MODEL",
        "context_length": row.context_length, "supports_chat": true, "supports_tools": row.abilities.functions,
        "supports_image_input": row.abilities.vision,
    })
}

fn mistral(row: &Listing) -> Value {
    json!({
        "id": row.id, "object": "model", "created": CREATED, "owned_by": "mistralai", "name": row.name,
        "max_context_length": row.context_length,
        "capabilities": {
            "completion_chat": row.abilities.streaming, "function_calling": row.abilities.functions,
            "vision": row.abilities.vision,
        },
    })
}

fn anthropic(row: &Listing) -> Value {
    json!({
        "type": "model", "id": row.id, "display_name": row.name, "created_at": "2026-02-02T00:00:00Z",
        "max_input_tokens": row.context_length, "max_tokens": row.max_output,
    })
}

/// A price per token, times so many powers of ten, as a number.
fn number(price: Option<Price<Token>>, places: usize) -> Option<Value> {
    const SCALE: usize = 15;
    let digits = format!("{:016}", price?.steps());
    let (whole, fraction) = digits.split_at(digits.len() - (SCALE - places));
    let fraction = fraction.trim_end_matches('0');
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let text = if fraction.is_empty() {
        whole.to_owned()
    } else {
        format!("{whole}.{fraction}")
    };
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use gatewayz_catalog::{Quote, Slug};
    use gatewayz_providers::{Registry, seed};

    use super::{SIMULATED, all, listings, number};

    #[test]
    fn prices_are_written_in_other_units_exactly() {
        let price = Quote::UsdPerMillion.price("0.59").expect("a price");
        for (places, text) in [(0, "5.9e-7"), (2, "0.000059"), (6, "0.59"), (10, "5900")] {
            let written = number(price, places).expect("a number").to_string();
            let same = written.parse::<f64>().ok() == text.parse::<f64>().ok();
            assert!(same, "{places}: {written}");
        }
    }

    #[test]
    fn the_adapters_read_every_list_with_the_prices_that_it_was_made_of() {
        let (registry, seed) = (Registry::builtin().unwrap(), seed::builtin().unwrap());
        let answers = all().unwrap();
        for simulated in SIMULATED {
            let adapter = registry
                .with_overrides(&format!("[{}]\nmin_models = 1", simulated.slug))
                .unwrap()
                .adapter(&Slug::new(simulated.slug).unwrap())
                .cloned()
                .unwrap();
            let mut reader = adapter.reader();
            reader.push(answers[simulated.slug].to_string().as_bytes()).unwrap();
            reader.finish_page().unwrap();
            let list = reader.into_list().unwrap();
            assert_eq!(list.skipped.count(), 0, "{}: {:?}", simulated.slug, list.skipped);
            let wanted = listings(&seed, simulated.slug);
            assert_eq!(list.listings.len(), wanted.len(), "{}", simulated.slug);
            for wanted in wanted {
                let read = list.listings.iter().find(|read| read.id == wanted.id).unwrap();
                if !read.pricing.is_unknown() {
                    assert_eq!(
                        read.pricing.prompt, wanted.pricing.prompt,
                        "{} {}",
                        simulated.slug, wanted.id
                    );
                    assert_eq!(read.pricing.completion, wanted.pricing.completion, "{}", wanted.id);
                }
            }
            let priced = list.listings.iter().filter(|read| !read.pricing.is_unknown()).count();
            let has_prices = ["openrouter", "together", "deepinfra", "novita"].contains(&simulated.slug);
            assert_eq!(
                priced,
                if has_prices { list.listings.len() } else { 0 },
                "{}",
                simulated.slug
            );
        }
    }
}
