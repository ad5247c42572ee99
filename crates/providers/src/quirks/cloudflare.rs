//! Cloudflare Workers AI: `"properties": [{"property_id": "context_window", "value": "8192"}, {"property_id": "price",
//! "value": [{"unit": "per M input tokens", "price": 0.05, "currency": "USD"}, ..]}]`.

use std::num::NonZeroU32;

use gatewayz_catalog::{Modality, Pricing, Quote};

use crate::mapping::{Draft, Node, Reason, Zero, keep, settle, token_price};

pub(super) fn properties(row: &Node<'_>, draft: &mut Draft<'_>) {
    for property in row.get("properties").map(Node::items).unwrap_or_default() {
        let (Some(name), Some(value)) = (property.get("property_id").and_then(Node::text), property.get("value"))
        else {
            continue;
        };
        match name {
            "context_window" => {
                let tokens = value.count().and_then(|count| u32::try_from(count).ok());
                draft.listing.context_length = tokens.and_then(NonZeroU32::new).or(draft.listing.context_length);
            }
            "function_calling" => draft.listing.abilities.functions |= value.is_true(),
            "vision" if value.is_true() => draft.listing.input = draft.listing.input.with(Modality::Image),
            "planned_deprecation_date" => draft.listing.abilities.deprecated |= value.is_true(),
            "price" => prices(value, draft),
            _ => {}
        }
    }
}

fn prices(value: &Node<'_>, draft: &mut Draft<'_>) {
    // As a record of what was sent, `null` would read back as none at all: another row than the one that was written.
    if matches!(value, Node::Null) {
        return;
    }
    let mut raw = String::new();
    value.write(&mut raw);
    draft.listing.pricing_raw = keep(raw, draft);
    let mut pricing = Pricing::default();
    for entry in value.items() {
        if entry.get("currency").is_some_and(|currency| !currency.is_word("USD")) {
            draft.note(Reason::PriceCurrency);
            continue;
        }
        let (Some(unit), Some(price)) = (entry.get("unit").and_then(Node::text), entry.get("price")) else {
            continue;
        };
        let field = match unit {
            "per M input tokens" => &mut pricing.prompt,
            "per M output tokens" => &mut pricing.completion,
            "per M cached input tokens" => &mut pricing.input_cache_read,
            _ => {
                draft.note(Reason::PriceUnit);
                continue;
            }
        };
        *field = token_price(price, Quote::UsdPerMillion, draft);
    }
    // Each account has a free allowance, so that a zero would be no price.
    settle(&mut pricing, Zero::Unknown, draft);
    draft.listing.pricing = pricing;
}
