//! The prices of a row.

use gatewayz_catalog::{InvalidPrice, Modality, Price, Pricing, Quote, Tier, Token, Unit};
use serde_json::value::RawValue;

use super::{
    Draft, Node, Path, PriceField, PriceRules, Reason, TierRules, Zero, build::tokens, fields, json::write_text,
};

/// A token for more than half a cent is none: ten times the dearest model there is. It is a price per million, per image
/// or per character that stands in the wrong field.
const DEAREST_TOKEN: Price<Token> = Price::from_steps(5_000_000_000_000);

/// Sets the prices, and what they were read from.
pub(super) fn set(rules: &PriceRules, row: &Node<'_>, draft: &mut Draft<'_>) {
    let raw = raw(rules, row);
    if raw.is_empty() {
        return;
    }
    draft.listing.pricing_raw = keep(raw, draft);
    draft.listing.pricing = read(rules, row, draft);
}

/// The price fields as they were sent, as a JSON text.
pub(crate) fn keep(raw: String, draft: &mut Draft<'_>) -> Option<Box<RawValue>> {
    let kept = fields::raw_text(raw);
    if kept.is_none() {
        draft.note(Reason::PriceRawDropped);
    }
    kept
}

/// The prices that a row, or one of its parts, has.
pub(super) fn read(rules: &PriceRules, row: &Node<'_>, draft: &mut Draft<'_>) -> Pricing {
    if let Some(currency) = rules.currency.as_ref().and_then(|path| row.at(path))
        && !is_dollar(currency)
    {
        draft.note(Reason::PriceCurrency);
        return Pricing::default();
    }
    let mut amounts = Amounts {
        row,
        quote: rules.quote,
        draft,
        absurd: false,
    };
    let mut pricing = Pricing {
        prompt: amounts.token(&rules.prompt),
        completion: amounts.token(&rules.completion),
        input_cache_read: amounts.token(&rules.input_cache_read),
        input_cache_write: amounts.token(&rules.input_cache_write),
        internal_reasoning: amounts.token(&rules.internal_reasoning),
        audio: amounts.token(&rules.audio),
        request: amounts.other(&rules.request),
        image: amounts.other(&rules.image),
        web_search: amounts.other(&rules.web_search),
        tiers: rules
            .tier
            .as_ref()
            .and_then(|tier| amounts.tier(tier))
            .into_iter()
            .collect(),
    };
    // A wrong unit in one field is wrong in its neighbours too, even where their numbers look right.
    if amounts.absurd || rules.unpriced.iter().any(|condition| condition.holds(row)) {
        not_per_token(&mut pricing, draft);
    }
    settle(&mut pricing, rules.zero, draft);
    if pricing.prompt.is_some_and(Price::is_free)
        && pricing.completion.is_some_and(Price::is_free)
        && costs_otherwise(rules, row)
    {
        (pricing.prompt, pricing.completion) = (None, None);
        draft.note(Reason::PriceUnit);
    }
    pricing
}

/// What every way of reading prices ends with: zeros that mean nothing, and prices of tokens where there are none.
pub(crate) fn settle(pricing: &mut Pricing, zero: Zero, draft: &mut Draft<'_>) {
    let output = draft.listing.output;
    let by_token = [Modality::Text, Modality::Embedding, Modality::Score];
    if !by_token.into_iter().any(|modality| output.contains(modality)) {
        not_per_token(pricing, draft);
        // A picture for nothing is one whose price stands elsewhere.
        pricing.image = pricing.image.filter(|price| !price.is_free());
    }
    // A picture is no cheaper than a single token: this is the price of the tokens that it is counted as.
    let of_tokens = |image: u64| {
        pricing
            .prompt
            .is_some_and(|prompt| (1..=prompt.steps()).contains(&image))
    };
    if pricing.image.is_some_and(|image| of_tokens(image.steps())) {
        pricing.image = None;
        draft.note(Reason::PriceUnit);
    }
    let free = match zero {
        Zero::Free => true,
        Zero::Unknown => false,
        Zero::Named => draft.listing.id.as_str().to_ascii_lowercase().ends_with("free"),
    };
    if !free {
        let before = pricing.prompt.is_some() || pricing.completion.is_some();
        let zeros = [pricing.prompt, pricing.completion]
            .into_iter()
            .flatten()
            .any(Price::is_free);
        pricing.prompt = pricing.prompt.filter(|price| !price.is_free());
        pricing.completion = pricing.completion.filter(|price| !price.is_free());
        pricing.request = pricing.request.filter(|price| !price.is_free());
        pricing.image = pricing.image.filter(|price| !price.is_free());
        pricing.web_search = pricing.web_search.filter(|price| !price.is_free());
        if before && zeros {
            draft.note(Reason::PriceZero);
        }
    }
    // Where the prompt costs something, a zero here says that there is no price of its own, not that it is a gift.
    if !pricing.prompt.is_some_and(Price::is_free) {
        for price in [
            &mut pricing.input_cache_read,
            &mut pricing.input_cache_write,
            &mut pricing.internal_reasoning,
            &mut pricing.audio,
        ] {
            *price = price.filter(|price| !price.is_free());
        }
    }
}

fn not_per_token(pricing: &mut Pricing, draft: &mut Draft<'_>) {
    let others = Pricing {
        request: pricing.request,
        image: pricing.image,
        web_search: pricing.web_search,
        ..Pricing::default()
    };
    let before = std::mem::replace(pricing, others);
    if *pricing != before {
        draft.note(Reason::PriceUnit);
    }
}

fn is_dollar(currency: &Node<'_>) -> bool {
    currency.text().is_some_and(|text| {
        ["usd", "$", "us$"]
            .iter()
            .any(|dollar| text.eq_ignore_ascii_case(dollar))
    })
}

/// Whether an amount stands beside the prices of tokens that nobody reads: an hour of sound, a step of a picture.
fn costs_otherwise(rules: &PriceRules, row: &Node<'_>) -> bool {
    let read: Vec<&Path> = all(rules).map(|field| &field.path).collect();
    let Some(parent) = rules
        .prompt
        .iter()
        .map(|field| field.path.parent())
        .find(|path| row.at(path).is_some())
    else {
        return false;
    };
    if parent.is_empty() {
        return false;
    }
    let Some(Node::Object(_, fields)) = row.at(&parent) else {
        return false;
    };
    fields.iter().any(|(key, value)| {
        let is_read = read.iter().any(|path| path.keys().next_back() == Some(key));
        !is_read && is_charge(value)
    })
}

/// Whether a value is, or could be, an amount that is charged. Words are none; a number is unless it says zero.
fn is_charge(value: &Node<'_>) -> bool {
    let Some(text) = value.text() else { return false };
    match Quote::UsdPerUnit.price::<Token>(text) {
        Ok(price) => price != Some(Price::FREE),
        Err(InvalidPrice::Absurd) => true,
        Err(_) => matches!(value, Node::Number(_)),
    }
}

fn all(rules: &PriceRules) -> impl Iterator<Item = &PriceField> {
    [
        &rules.prompt,
        &rules.completion,
        &rules.input_cache_read,
        &rules.input_cache_write,
        &rules.internal_reasoning,
        &rules.audio,
        &rules.request,
        &rules.image,
        &rules.web_search,
    ]
    .into_iter()
    .flatten()
}

/// The price fields that are there: their parent where they have one in common, else an object of them all.
pub(super) fn raw(rules: &PriceRules, row: &Node<'_>) -> String {
    let mut present: Vec<Path> = if rules.raw.is_empty() {
        let fields = all(rules).map(|field| &field.path);
        fields.filter(|path| row.at(path).is_some()).cloned().collect()
    } else {
        rules
            .raw
            .iter()
            .filter(|path| row.at(path).is_some())
            .cloned()
            .collect()
    };
    present.dedup();
    let mut out = String::new();
    let Some(parent) = present.first().map(Path::parent) else {
        return out;
    };
    if !parent.is_empty() && present.iter().all(|path| path.parent() == parent) {
        if let Some(node) = row.at(&parent) {
            node.write(&mut out);
        }
        return out;
    }
    let mut written: Vec<&Path> = Vec::new();
    for path in &present {
        let (Some(key), Some(node)) = (path.keys().next_back(), row.at(path)) else {
            continue;
        };
        if written.contains(&path) {
            continue;
        }
        out.push(if written.is_empty() { '{' } else { ',' });
        let whole: Vec<_> = path.keys().collect();
        let is_alone = present
            .iter()
            .all(|other| other == path || other.keys().next_back() != Some(key));
        write_text(if is_alone { key } else { "" }, &mut out);
        if !is_alone {
            out.truncate(out.len() - 2);
            write_text(&whole.join("."), &mut out);
        }
        out.push(':');
        node.write(&mut out);
        written.push(path);
    }
    out.push('}');
    out
}

/// Reads amounts of one row.
pub(crate) struct Amounts<'a, 'r, 'd, 's> {
    row: &'a Node<'r>,
    quote: Quote,
    draft: &'d mut Draft<'s>,
    /// Whether a price of tokens was absurd.
    absurd: bool,
}

impl<'a, 'r> Amounts<'a, 'r, '_, '_> {
    fn token(&mut self, fields: &[PriceField]) -> Option<Price<Token>> {
        let (node, quote) = self.first(fields)?;
        let price = price(node, quote.unwrap_or(self.quote), self.draft)?;
        let sane = sane(price, self.draft);
        self.absurd |= sane.is_none();
        sane
    }

    /// Everything but tokens is in dollars unless it says otherwise.
    fn other<U: Unit>(&mut self, fields: &[PriceField]) -> Option<Price<U>> {
        let (node, quote) = self.first(fields)?;
        price(node, quote.unwrap_or(Quote::UsdPerUnit), self.draft)
    }

    fn first(&self, fields: &[PriceField]) -> Option<(&'a Node<'r>, Option<Quote>)> {
        let row = self.row;
        fields
            .iter()
            .find_map(|field| Some((row.at(&field.path)?, field.quote)))
    }

    fn tier(&mut self, rules: &TierRules) -> Option<Tier> {
        let above = tokens(std::slice::from_ref(&rules.above), self.row)?;
        let tier = Tier {
            above: u64::from(above.get()),
            prompt: self.token(&rules.prompt),
            completion: self.token(&rules.completion),
            input_cache_read: self.token(&rules.input_cache_read),
            input_cache_write: self.token(&rules.input_cache_write),
        };
        let charged = |price: Option<Price<Token>>| price.is_some_and(|price| !price.is_free());
        (charged(tier.prompt) || charged(tier.completion)).then_some(tier)
    }
}

/// The price of a token that a node names.
pub(crate) fn token_price(node: &Node<'_>, quote: Quote, draft: &mut Draft<'_>) -> Option<Price<Token>> {
    sane(price(node, quote, draft)?, draft)
}

/// A price of a token that can be one.
pub(crate) fn sane(price: Price<Token>, draft: &mut Draft<'_>) -> Option<Price<Token>> {
    if price > DEAREST_TOKEN {
        draft.note(Reason::PriceAbsurd);
        return None;
    }
    Some(price)
}

pub(crate) fn price<U: Unit>(node: &Node<'_>, quote: Quote, draft: &mut Draft<'_>) -> Option<Price<U>> {
    let text = match node {
        Node::Number(text) => text,
        Node::Text(text) => text.trim(),
        _ => {
            draft.note(Reason::PriceUnreadable);
            return None;
        }
    };
    found(quote.price(text), !text.is_empty(), draft)
}

/// Counts what is no price.
pub(crate) fn found<U>(
    price: Result<Option<Price<U>>, InvalidPrice>,
    was_sent: bool,
    draft: &mut Draft<'_>,
) -> Option<Price<U>> {
    match price {
        Ok(Some(price)) => return Some(price),
        Ok(None) if was_sent => draft.note(Reason::PricePerRequest),
        Ok(None) => {}
        Err(InvalidPrice::Absurd) => draft.note(Reason::PriceAbsurd),
        Err(_) => draft.note(Reason::PriceUnreadable),
    }
    None
}
