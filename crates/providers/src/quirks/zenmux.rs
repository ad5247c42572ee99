//! ZenMux: `"prompt": [{"value": 1.25, "unit": "perMTokens", "currency": "USD", "conditions": {"prompt_tokens":
//! {"unit": "kTokens", "gte": 0, "lt": 200}}}, ..]`. One entry: the price; several: prices by size of the prompt.

use std::collections::BTreeMap;

use gatewayz_catalog::{Price, Pricing, Quote, Tier, Token, Unit};

use crate::mapping::{Draft, Node, Reason, Zero, price, settle, token_price};

/// More steps than any list has.
const MOST: usize = 8;

pub(super) fn amounts(row: &Node<'_>, draft: &mut Draft<'_>) {
    let Some(prices) = row.get("pricings") else {
        return;
    };
    let mut tiers: BTreeMap<u64, Tier> = BTreeMap::new();
    let mut tokens = |key, draft: &mut Draft<'_>, set: fn(&mut Tier, Price<Token>)| -> Option<Price<Token>> {
        let mut base = None;
        let entries = prices.get(key).map(Node::items).unwrap_or_default();
        for entry in entries.iter().take(MOST) {
            let Some(amount) = in_dollars(entry, "perMTokens", draft)
                .and_then(|value| token_price(value, Quote::UsdPerMillion, draft))
            else {
                continue;
            };
            match above(entry) {
                Some(0) => base = Some(amount),
                Some(above) => set(
                    tiers.entry(above).or_insert_with(|| Tier {
                        above,
                        ..Tier::default()
                    }),
                    amount,
                ),
                None if entries.len() == 1 => base = Some(amount),
                None => draft.note(Reason::PriceUnit),
            }
        }
        base
    };
    let mut pricing = Pricing {
        prompt: tokens("prompt", draft, |tier, price| tier.prompt = Some(price)),
        completion: tokens("completion", draft, |tier, price| tier.completion = Some(price)),
        input_cache_read: tokens("input_cache_read", draft, |tier, price| {
            tier.input_cache_read = Some(price)
        }),
        input_cache_write: tokens("input_cache_write", draft, |tier, price| {
            tier.input_cache_write = Some(price)
        }),
        internal_reasoning: tokens("internal_reasoning", draft, |_, _| {}),
        request: once(prices, "request", draft),
        image: once(prices, "image", draft),
        web_search: once(prices, "web_search", draft),
        ..Pricing::default()
    };
    pricing.tiers = tiers.into_values().collect();
    let (prompt, completion) = (pricing.prompt, pricing.completion);
    for tier in &mut pricing.tiers {
        tier.prompt = tier.prompt.or(prompt);
        tier.completion = tier.completion.or(completion);
    }
    settle(&mut pricing, Zero::Named, draft);
    draft.listing.pricing = pricing;
}

fn once<U: Unit>(prices: &Node<'_>, key: &str, draft: &mut Draft<'_>) -> Option<Price<U>> {
    match prices.get(key).map(Node::items).unwrap_or_default() {
        [entry] => price(in_dollars(entry, "perCount", draft)?, Quote::UsdPerUnit, draft),
        _ => None,
    }
}

/// The amount, where it is in dollars and of this unit.
fn in_dollars<'n, 'a>(entry: &'n Node<'a>, unit: &str, draft: &mut Draft<'_>) -> Option<&'n Node<'a>> {
    let says = |key, word| entry.get(key).is_none_or(|node: &Node<'_>| node.is_word(word));
    if !says("currency", "USD") {
        draft.note(Reason::PriceCurrency);
        return None;
    }
    if !says("unit", unit) {
        draft.note(Reason::PriceUnit);
        return None;
    }
    entry.get("value")
}

/// The number of prompt tokens over which the entry counts; 0 where it counts from the beginning, `None` where its
/// conditions say something else.
fn above(entry: &Node<'_>) -> Option<u64> {
    let Some(conditions) = entry.get("conditions").filter(|node| node.is_true()) else {
        return Some(0);
    };
    let tokens = conditions.get("prompt_tokens")?;
    let times = if tokens.get("unit").is_some_and(|unit| unit.is_word("kTokens")) {
        1000
    } else {
        1
    };
    let bound = |key| {
        tokens
            .get(key)
            .map(|node| node.count().unwrap_or(0).saturating_mul(times))
    };
    Some(match (bound("gte"), bound("gt")) {
        (Some(least), _) => least.saturating_sub(1),
        (None, Some(above)) => above,
        (None, None) => 0,
    })
}
