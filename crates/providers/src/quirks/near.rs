//! NEAR AI Cloud: `{"amount": 850, "scale": 9, "currency": "USD"}` is 850 × 10⁻⁹ dollars per token.

use gatewayz_catalog::{Price, Pricing, Unit, scaled_price};

use crate::mapping::{Draft, Node, Reason, Zero, found, sane, settle};

pub(super) fn amounts(row: &Node<'_>, draft: &mut Draft<'_>) {
    let token = |key, draft: &mut Draft<'_>| amount(row.get(key), draft).and_then(|price| sane(price, draft));
    let mut pricing = Pricing {
        prompt: token("inputCostPerToken", draft),
        completion: token("outputCostPerToken", draft),
        input_cache_read: token("cacheReadCostPerToken", draft),
        image: amount(row.get("costPerImage"), draft).filter(|price| !price.is_free()),
        ..Pricing::default()
    };
    settle(&mut pricing, Zero::Free, draft);
    draft.listing.pricing = pricing;
}

fn amount<U: Unit>(node: Option<&Node<'_>>, draft: &mut Draft<'_>) -> Option<Price<U>> {
    let node = node.filter(|node| node.is_object())?;
    if let Some(currency) = node.get("currency").and_then(Node::text)
        && !currency.eq_ignore_ascii_case("usd")
    {
        draft.note(Reason::PriceCurrency);
        return None;
    }
    let amount = node.get("amount").and_then(Node::text)?;
    let Some(scale) = node
        .get("scale")
        .and_then(Node::text)
        .and_then(|scale| scale.parse::<i32>().ok())
    else {
        draft.note(Reason::PriceUnreadable);
        return None;
    };
    // Some say 10^-scale and some 10^scale with a negative scale: both mean a fraction, and no price of a token is
    // a multiple of ten dollars.
    found(scaled_price(amount, scale.saturating_abs()), true, draft)
}
