//! One row on its way to a listing.

use gatewayz_catalog::{Listing, Modalities, Modality, Price, Pricing, Quote, Tier, Token};

use super::{
    collect::Oddity,
    json::{Fields, OtherType},
};

/// The greatest length of a name in characters.
const MAX_NAME: usize = 200;

/// A token costs between 0.002 and 1000 dollars per million: whatever is outside has another unit. In steps of 10⁻¹⁵.
const TOKEN: (u64, u64) = (2_000_000, 1_000_000_000_000);
/// A token that only goes in, to become a vector or a score, costs at most 10 dollars per million.
const TOKEN_IN: (u64, u64) = (2_000_000, 10_000_000_000);
/// An image costs between 0.00002 and 100 dollars: whatever is below is the price of one of its tokens.
const IMAGE: (u64, u64) = (20_000_000_000, 100_000_000_000_000_000);
/// A call or a search costs at most 10 dollars.
const CALL: (u64, u64) = (1_000_000_000, 10_000_000_000_000_000);

/// What was odd about a row.
#[derive(Debug, Default)]
pub(super) struct Oddities(Vec<Oddity>);

impl Oddities {
    /// Notes it, once per row.
    pub(super) fn note(&mut self, oddity: Oddity) {
        if !self.0.contains(&oddity) {
            self.0.push(oddity);
        }
    }

    pub(super) fn as_slice(&self) -> &[Oddity] {
        &self.0
    }

    /// The field, or nothing where it is of another type.
    pub(super) fn field<T: Default>(&mut self, read: Result<T, OtherType>) -> T {
        read.unwrap_or_else(|OtherType| {
            self.note(Oddity::OtherType);
            T::default()
        })
    }

    /// A price, or nothing where it is none.
    pub(super) fn price<U>(&mut self, quote: Quote, fields: &Fields<'_>, name: &str) -> Option<Price<U>> {
        let written = self.field(fields.decimal(name))?;
        match quote.price(&written) {
            Ok(Some(price)) => Some(price),
            Ok(None) => {
                if !written.trim().is_empty() {
                    self.note(Oddity::PriceNegative);
                }
                None
            }
            Err(_) => {
                self.note(Oddity::PriceUnreadable);
                None
            }
        }
    }

    /// The modalities of a list of words; words that nobody knows are no modality.
    pub(super) fn modalities(&mut self, fields: &Fields<'_>, name: &str) -> Modalities {
        let words = self.field(fields.texts(name)).unwrap_or_default();
        words.iter().filter_map(|word| Modality::from_word(word)).collect()
    }
}

/// Who says that a price is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zero {
    /// The provider itself: it is free.
    Free,
    /// A catalogue: it may be a subscription, a price per second, or nobody looked.
    Unknown,
}

/// Takes prices into a listing: what cannot be the price of its unit is left out.
pub(super) fn set_pricing(listing: &mut Listing, mut pricing: Pricing, zero: Zero, oddities: &mut Oddities) {
    if zero == Zero::Unknown {
        drop_zeros(listing, &mut pricing, oddities);
    }
    let only_in = !listing.output.contains(Modality::Text) && is_measured(listing.output);
    let range = if only_in { TOKEN_IN } else { TOKEN };
    if token_prices(&mut pricing).any(|price| is_outside(price, range)) {
        // One price of the row has another unit: so have the others.
        token_prices(&mut pricing).for_each(|price| *price = None);
        oddities.note(Oddity::PriceRange);
    }
    let mut check = |is_outside: bool| {
        if is_outside {
            oddities.note(Oddity::PriceRange);
        }
        is_outside
    };
    if check(is_outside(&pricing.image, IMAGE)) {
        pricing.image = None;
    }
    if check(is_outside(&pricing.request, CALL)) {
        pricing.request = None;
    }
    if check(is_outside(&pricing.web_search, CALL)) {
        pricing.web_search = None;
    }
    let base = as_tier(&pricing, 0);
    pricing.tiers.retain(|tier| {
        Tier {
            above: 0,
            ..tier.clone()
        } != base
            && *tier != empty_tier(tier.above)
    });
    pricing.tiers.sort_by_key(|tier| tier.above);
    pricing.tiers.dedup_by_key(|tier| tier.above);
    listing.pricing = pricing;
}

/// Drops the prices of tokens, of rows whose catalogue has one field for whatever a model is charged by.
pub(super) fn drop_token_prices(pricing: &mut Pricing, oddities: &mut Oddities) {
    let priced = token_prices(pricing).any(|price| price.is_some_and(|price| !price.is_free()));
    if priced {
        oddities.note(Oddity::PriceUnit);
    }
    token_prices(pricing).for_each(|price| *price = None);
}

fn drop_zeros(listing: &Listing, pricing: &mut Pricing, oddities: &mut Oddities) {
    let is_zero = |price: Option<Price<Token>>| price.is_some_and(Price::is_free);
    let id = listing.id.as_str().to_ascii_lowercase();
    let says_free = id.ends_with(":free") || id.ends_with("-free");
    if says_free && is_zero(pricing.prompt) && is_zero(pricing.completion) {
        return;
    }
    // Of a vector or a score no token is charged: there the zero says what everybody knows.
    let nothing_out = is_measured(listing.output) && !is_zero(pricing.prompt) && is_zero(pricing.completion);
    let completion = pricing.completion;
    let mut dropped = false;
    for price in token_prices(pricing).filter(|price| is_zero(**price)) {
        *price = None;
        dropped = true;
    }
    if nothing_out {
        pricing.completion = completion;
        dropped = false;
    }
    if pricing.image.is_some_and(Price::is_free) {
        pricing.image = None;
        dropped = true;
    }
    if pricing.request.is_some_and(Price::is_free) {
        pricing.request = None;
        dropped = true;
    }
    if pricing.web_search.is_some_and(Price::is_free) {
        pricing.web_search = None;
        dropped = true;
    }
    if dropped {
        oddities.note(Oddity::PriceZero);
    }
}

fn is_measured(output: Modalities) -> bool {
    output.contains(Modality::Embedding) || output.contains(Modality::Score)
}

fn is_outside<U>(price: &Option<Price<U>>, (least, greatest): (u64, u64)) -> bool {
    price.is_some_and(|price| !price.is_free() && !(least..=greatest).contains(&price.steps()))
}

fn token_prices(pricing: &mut Pricing) -> impl Iterator<Item = &mut Option<Price<Token>>> {
    let tiers = pricing.tiers.iter_mut().flat_map(|tier| {
        [
            &mut tier.prompt,
            &mut tier.completion,
            &mut tier.input_cache_read,
            &mut tier.input_cache_write,
        ]
    });
    [
        &mut pricing.prompt,
        &mut pricing.completion,
        &mut pricing.input_cache_read,
        &mut pricing.input_cache_write,
        &mut pricing.internal_reasoning,
        &mut pricing.audio,
    ]
    .into_iter()
    .chain(tiers)
}

fn as_tier(pricing: &Pricing, above: u64) -> Tier {
    Tier {
        above,
        prompt: pricing.prompt,
        completion: pricing.completion,
        input_cache_read: pricing.input_cache_read,
        input_cache_write: pricing.input_cache_write,
    }
}

const fn empty_tier(above: u64) -> Tier {
    Tier {
        above,
        prompt: None,
        completion: None,
        input_cache_read: None,
        input_cache_write: None,
    }
}

/// A name for people on one line; `None` where nothing is left.
pub(super) fn clean_name(text: &str) -> Option<String> {
    let mut name = String::new();
    for word in text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
    {
        if !name.is_empty() {
            name.push(' ');
        }
        name.push_str(word);
        if name.len() > 4 * MAX_NAME {
            break;
        }
    }
    let end = name.char_indices().nth(MAX_NAME).map_or(name.len(), |(at, _)| at);
    name.truncate(end);
    (!name.is_empty()).then_some(name)
}

/// A description of at most [`Listing::MAX_DESCRIPTION`] bytes without control characters other than new lines.
pub(super) fn clean_description(text: &str) -> Option<String> {
    let mut out = String::new();
    for character in text.trim().chars() {
        if out.len() + character.len_utf8() > Listing::MAX_DESCRIPTION {
            break;
        }
        if character == '\n' || !character.is_control() {
            out.push(character);
        }
    }
    (!out.is_empty()).then_some(out)
}
