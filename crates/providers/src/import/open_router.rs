//! The answer of `OpenRouter`'s `/models`: the provider's own list, saved to a file.

use std::num::NonZero;

use gatewayz_catalog::{Listing, Modalities, Modality, ModelId, Pricing, Quote};
use serde_json::value::RawValue;

use super::{
    collect::{Collector, Reason},
    draft::{self, Oddities, Zero},
    json::{self, Fields, Kind},
    names,
};

const QUOTE: Quote = Quote::UsdPerUnit;

/// Whether an element of a bare list is one of its rows.
pub(super) fn is_row(fields: &Fields<'_>) -> bool {
    fields.get("id").is_some_and(|id| json::kind(id) == Kind::Text)
        && fields
            .get("pricing")
            .is_some_and(|pricing| json::kind(pricing) == Kind::Object)
}

pub(super) fn read(text: &str, rows: &mut Collector<'_>) -> serde_json::Result<()> {
    if json::begins_with(text, b'[') {
        return json::elements(text, |model| row(model, rows));
    }
    json::entries(text, |key, value| {
        if key != "data" || json::kind(value) != Kind::Array {
            return Ok(());
        }
        json::elements(value.get(), |model| row(model, rows)).map_err(|error| error.to_string())
    })
}

fn row(model: &RawValue, rows: &mut Collector<'_>) -> Result<(), String> {
    rows.begin_row()?;
    let Some(known) = rows.provider("openrouter") else {
        return Ok(());
    };
    let Some(fields) = Fields::of(model) else {
        rows.leave_out(Reason::NoObject, &model.get().chars().take(40).collect::<String>());
        return Ok(());
    };
    let mut oddities = Oddities::default();
    let id = oddities.field(fields.text("id")).unwrap_or_default();
    if let Some(id) = rows.id(&id) {
        let listing = listing(id, &fields, &mut oddities);
        rows.take(&known.provider.slug, known.rank, listing, oddities.as_slice());
    }
    Ok(())
}

fn listing(id: ModelId, fields: &Fields<'_>, oddities: &mut Oddities) -> Listing {
    let mut listing = Listing::new(id);
    if let Some(name) = oddities
        .field(fields.text("name"))
        .and_then(|name| draft::clean_name(&name))
    {
        listing.name = name;
    }
    listing.developer = names::developer("openrouter", listing.id.as_str());
    listing.created = oddities
        .field(fields.count("created"))
        .filter(|&at| at > 0)
        .map(i64::from);
    listing.description = oddities
        .field(fields.text("description"))
        .and_then(|text| draft::clean_description(&text));
    listing.hugging_face_id = oddities
        .field(fields.text("hugging_face_id"))
        .filter(|id| !id.is_empty() && id.len() <= ModelId::MAX_LEN)
        .map(std::borrow::Cow::into_owned);
    listing.context_length = oddities.field(fields.count("context_length")).and_then(NonZero::new);
    let top = oddities.field(fields.inner("top_provider")).unwrap_or_default();
    listing.max_output = oddities
        .field(top.count("max_completion_tokens"))
        .and_then(NonZero::new);

    let architecture = oddities.field(fields.inner("architecture")).unwrap_or_default();
    let input = oddities.modalities(&architecture, "input_modalities");
    let output = oddities.modalities(&architecture, "output_modalities");
    listing.input = if input.is_empty() { Modalities::TEXT } else { input };
    listing.output = if output.is_empty() { Modalities::TEXT } else { output };
    let mut word = |name| {
        oddities
            .field(architecture.text(name))
            .and_then(|word| draft::clean_name(&word))
    };
    listing.tokenizer = word("tokenizer");
    listing.instruct_type = word("instruct_type");

    let parameters = oddities.field(fields.texts("supported_parameters")).unwrap_or_default();
    listing.supported_parameters = parameters.iter().filter_map(|name| draft::clean_name(name)).collect();
    listing.supported_parameters.sort_unstable();
    listing.supported_parameters.dedup();
    listing.default_parameters = object(fields, "default_parameters");
    listing.per_request_limits = object(fields, "per_request_limits");
    listing.abilities.functions = listing.supported_parameters.iter().any(|name| name == "tools");
    listing.abilities.streaming = listing.output.contains(Modality::Text);
    listing.abilities.vision = listing.input.contains(Modality::Image);

    if let Some(prices) = oddities.field(fields.inner("pricing")) {
        listing.pricing_raw = json::keep(prices.iter());
        let pricing = Pricing {
            prompt: oddities.price(QUOTE, &prices, "prompt"),
            completion: oddities.price(QUOTE, &prices, "completion"),
            input_cache_read: oddities.price(QUOTE, &prices, "input_cache_read"),
            input_cache_write: oddities.price(QUOTE, &prices, "input_cache_write"),
            // Zero says that reasoning has no price of its own, not that it is free.
            internal_reasoning: oddities
                .price(QUOTE, &prices, "internal_reasoning")
                .filter(|price| !price.is_free()),
            audio: oddities.price(QUOTE, &prices, "audio"),
            request: oddities.price(QUOTE, &prices, "request"),
            image: oddities.price(QUOTE, &prices, "image"),
            web_search: oddities.price(QUOTE, &prices, "web_search"),
            tiers: Vec::new(),
        };
        draft::set_pricing(&mut listing, pricing, Zero::Free, oddities);
    }
    listing
}

fn object(fields: &Fields<'_>, name: &str) -> Option<Box<RawValue>> {
    json::keep(Fields::of(fields.get(name)?)?.iter())
}
