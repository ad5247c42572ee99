//! Vercel AI Gateway: `input_tiers: [{"cost": "0.00000125", "min": 0, "max": 200001}, {"cost": "0.0000025", "min": 200001}]`,
//! for each price on its own.

use std::collections::BTreeMap;

use gatewayz_catalog::{Price, Quote, Tier, Token};

use crate::mapping::{Draft, Node, Zero, settle, token_price};

/// More steps than any list has.
const MOST: usize = 8;

type Steps = BTreeMap<u64, Price<Token>>;

pub(super) fn tiers(row: &Node<'_>, draft: &mut Draft<'_>) {
    let Some(prices) = row.get("pricing") else {
        return;
    };
    let mut steps = |key| steps(prices.get(key), draft);
    let (mut prompt, mut completion) = (steps("input_tiers"), steps("output_tiers"));
    let (mut read, mut write) = (steps("input_cache_read_tiers"), steps("input_cache_write_tiers"));
    let pricing = &mut draft.listing.pricing;
    // The first step is the price of every prompt up to the second.
    pricing.prompt = prompt.remove(&0).or(pricing.prompt);
    pricing.completion = completion.remove(&0).or(pricing.completion);
    pricing.input_cache_read = read.remove(&0).or(pricing.input_cache_read);
    pricing.input_cache_write = write.remove(&0).or(pricing.input_cache_write);
    let mut from: Vec<u64> = [&prompt, &completion, &read, &write]
        .into_iter()
        .flat_map(|steps| steps.keys().copied())
        .collect();
    from.sort_unstable();
    from.dedup();
    // A price that has no step of its own stays what it was one step before.
    let at =
        |steps: &Steps, min: u64, otherwise| steps.range(..=min).next_back().map(|(_, price)| *price).or(otherwise);
    pricing.tiers = from
        .into_iter()
        .take(MOST)
        .map(|min| Tier {
            above: min - 1,
            prompt: at(&prompt, min, pricing.prompt),
            completion: at(&completion, min, pricing.completion),
            input_cache_read: at(&read, min, pricing.input_cache_read),
            input_cache_write: at(&write, min, pricing.input_cache_write),
        })
        .collect();
    let mut pricing = std::mem::take(pricing);
    settle(&mut pricing, Zero::Free, draft);
    draft.listing.pricing = pricing;
}

/// The prices by the least number of tokens that they are for.
fn steps(node: Option<&Node<'_>>, draft: &mut Draft<'_>) -> Steps {
    let mut steps = Steps::new();
    for step in node.map(Node::items).unwrap_or_default().iter().take(MOST) {
        let min = step.get("min").and_then(Node::count).unwrap_or(0);
        if let Some(price) = step
            .get("cost")
            .and_then(|cost| token_price(cost, Quote::UsdPerUnit, draft))
        {
            steps.insert(min, price);
        }
    }
    steps
}
