//! Prices of models whose provider names none.
//!
//! The sources are asked in the order in which they are believed: the provider's own list, an operator, an imported
//! catalogue, the table that ships with the gateway, and another provider's price of the same model. The first that
//! says anything decides alone: prices of two sources are never mixed, so that one cannot be read in the unit or the
//! terms of another.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use crate::{
    listing::Listing,
    modality::Modalities,
    price::Price,
    pricing::{Pricing, PricingSource},
    provider::Slug,
};

mod manual;

pub use self::manual::{InvalidPrices, ManualPrices};

/// A row whose price may stand for that of the same model at another provider.
#[derive(Clone, Copy, Debug)]
pub struct Reference<'a> {
    /// The provider's id of the model.
    pub id: &'a str,
    /// The model's canonical name.
    pub canonical: &'a str,
    /// The provider's own price.
    pub pricing: &'a Pricing,
}

/// Where prices come from when a provider names none.
#[derive(Clone, Debug)]
pub struct Prices {
    manual: ManualPrices,
    reference: Slug,
    by_canonical: HashMap<Box<str>, Referenced, RandomState>,
    never_after_others: HashSet<Slug, RandomState>,
}

#[derive(Clone, Debug)]
struct Referenced {
    id: Box<str>,
    pricing: Pricing,
}

impl Prices {
    /// The prices of a table and of the rows of one provider, `reference`, that others are priced after.
    ///
    /// Providers in `never_after_others` sell in another way (subscriptions, own machines): no other provider's price
    /// says anything about theirs.
    ///
    /// Where several rows are of one model, the one with the shortest id counts, in whatever order they come.
    pub fn new<'a>(
        manual: ManualPrices,
        reference: &Slug,
        rows: impl IntoIterator<Item = Reference<'a>>,
        never_after_others: impl IntoIterator<Item = Slug>,
    ) -> Self {
        let mut by_canonical: HashMap<Box<str>, Referenced, RandomState> = HashMap::default();
        for row in rows {
            let Some(pricing) = transferable(&row) else { continue };
            let better = |known: &Referenced| (row.id.len(), row.id) < (known.id.len(), &*known.id);
            if by_canonical.get(row.canonical).is_none_or(better) {
                let id = row.id.into();
                by_canonical.insert(row.canonical.into(), Referenced { id, pricing });
            }
        }
        Self {
            manual,
            reference: reference.clone(),
            by_canonical,
            never_after_others: never_after_others.into_iter().collect(),
        }
    }

    /// What a listed model costs and who says so; unknown prices and `None` where nobody does.
    ///
    /// `operator` are the prices that an operator set for this row. The same arguments give the same answer.
    #[must_use]
    pub fn resolve(
        &self,
        provider: &Slug,
        listing: &Listing,
        canonical: &str,
        operator: Option<&Pricing>,
    ) -> (Pricing, Option<PricingSource>) {
        let listed = Some(&listing.pricing).filter(|pricing| says_something(pricing));
        let imported = listing.imported_from.as_deref();
        if let (Some(pricing), None) = (listed, imported) {
            return (pricing.clone(), Some(PricingSource::Provider));
        }
        if let Some(pricing) = operator.filter(|pricing| !pricing.is_unknown()) {
            return (pricing.clone(), Some(PricingSource::Operator));
        }
        if let (Some(pricing), Some(catalogue)) = (listed, imported) {
            return (pricing.clone(), Some(PricingSource::Import(catalogue.into())));
        }
        let id = listing.id.as_str();
        if let Some((label, pricing)) = self.manual.get(provider.as_str(), id, canonical) {
            return (pricing.clone(), Some(PricingSource::Manual(label.into())));
        }
        if let Some(referenced) = self.after_another(provider, listing, canonical) {
            let source = format!("{}/{}", self.reference, referenced.id);
            return (
                referenced.pricing.clone(),
                Some(PricingSource::CrossReference(source.into())),
            );
        }
        // What is left says nothing but zeros of what is not charged by the token; that is worth keeping.
        (listing.pricing.clone(), None)
    }

    /// Where the provider's list did name a price, but one that cannot be used (in another currency, a zero that may mean
    /// anything, one per upstream), what another provider takes for the model is no answer to what this one takes.
    fn after_another(&self, provider: &Slug, listing: &Listing, canonical: &str) -> Option<&Referenced> {
        if *provider == self.reference
            || self.never_after_others.contains(provider)
            || listing.output != Modalities::TEXT
            || listing.pricing_raw.is_some()
            || !is_plain_offer(listing.id.as_str(), canonical)
        {
            return None;
        }
        self.by_canonical.get(canonical)
    }
}

/// Whether prices say what the model costs. Zeros for images or requests beside unknown prices of tokens do not.
fn says_something(pricing: &Pricing) -> bool {
    let charged = |steps: Option<u64>| steps.is_some_and(|steps| steps > 0);
    pricing.prompt.is_some()
        || pricing.completion.is_some()
        || !pricing.tiers.is_empty()
        || [
            pricing.input_cache_read,
            pricing.input_cache_write,
            pricing.internal_reasoning,
            pricing.audio,
        ]
        .into_iter()
        .any(|price| charged(price.map(Price::steps)))
        || charged(pricing.request.map(Price::steps))
        || charged(pricing.image.map(Price::steps))
        || charged(pricing.web_search.map(Price::steps))
}

/// The part of a row's prices that another provider's may be expected to be like: those of tokens, where both are
/// known and not given away.
fn transferable(row: &Reference<'_>) -> Option<Pricing> {
    let (prompt, completion) = (row.pricing.prompt?, row.pricing.completion?);
    if (prompt.is_free() && completion.is_free()) || !is_plain_offer(row.id, row.canonical) {
        return None;
    }
    Some(Pricing {
        prompt: Some(prompt),
        completion: Some(completion),
        ..Pricing::default()
    })
}

/// Words in an id that name an offer of the model at another price.
const PRICED_APART: &[&str] = &[
    "batch",
    "extended",
    "fast",
    "flex",
    "free",
    "highspeed",
    "lightning",
    "lite",
    "nitro",
    "online",
    "priority",
    "reference",
    "tput",
    "turbo",
];

/// Whether an id names the plain offer of a model. `…-turbo` and `…:free` may be the same model, but not the same price.
fn is_plain_offer(id: &str, canonical: &str) -> bool {
    let words = |text| str::split(text, |c: char| !c.is_ascii_alphanumeric());
    let apart = |word: &str| PRICED_APART.iter().any(|known| known.eq_ignore_ascii_case(word));
    words(id)
        .filter(|word| apart(word))
        .all(|word| words(canonical).any(|part| part.eq_ignore_ascii_case(word)))
}

#[cfg(test)]
mod tests;
