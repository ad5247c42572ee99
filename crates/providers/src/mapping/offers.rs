//! Models that several others serve, each at its own price.

use gatewayz_catalog::{Listing, Pricing};

use super::{
    Draft, Node, OfferRules, Reason,
    build::{model_id, tokens},
    prices,
};

/// The listings of those who serve a model. The draft keeps what all of them agree on.
pub(super) fn expand(
    rules: &OfferRules,
    row: &Node<'_>,
    draft: &mut Draft<'_>,
) -> Result<Vec<Listing>, (Reason, String)> {
    let all = row.at(&rules.at).map(Node::items).unwrap_or_default();
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let base = draft.listing.clone();
    let mut listings: Vec<Listing> = Vec::new();
    let mut kept = 0_usize;
    for offer in all {
        if !rules.keep.iter().all(|condition| condition.holds(offer)) {
            continue;
        }
        kept += 1;
        let Some(name) = offer.first(&rules.name).and_then(Node::text) else {
            draft.note(Reason::IdMissing);
            continue;
        };
        let id = rules.form.replace("{id}", base.id.as_str()).replace("{offer}", name);
        let Ok(id) = model_id(&id) else {
            draft.note(Reason::IdInvalid);
            continue;
        };
        let mut of_offer = Draft {
            listing: Listing {
                id,
                name: super::fields::clean(&format!("{} ({name})", base.name), 256, false)
                    .unwrap_or_else(|| base.name.clone()),
                ..base.clone()
            },
            skipped: draft.skipped,
        };
        let listing = &mut of_offer.listing;
        listing.context_length = tokens(&rules.context, offer).or(listing.context_length);
        listing.max_output = tokens(&rules.max_output, offer).or(listing.max_output);
        listing.abilities.functions |= rules.functions.iter().any(|condition| condition.holds(offer));
        listing.pricing = Pricing::default();
        listing.pricing_raw = None;
        prices::set(&rules.prices, offer, &mut of_offer);
        listings.push(of_offer.listing);
    }
    if kept == 0 {
        return Err((Reason::NotServed, base.id.to_string()));
    }
    agree(&listings, draft);
    Ok(listings)
}

fn agree(offers: &[Listing], draft: &mut Draft<'_>) {
    let Some((first, others)) = offers.split_first() else {
        return;
    };
    let listing = &mut draft.listing;
    // Whoever answers, this much is safe.
    listing.context_length = offers
        .iter()
        .filter_map(|offer| offer.context_length)
        .min()
        .or(listing.context_length);
    listing.max_output = offers
        .iter()
        .filter_map(|offer| offer.max_output)
        .min()
        .or(listing.max_output);
    listing.abilities.functions |= offers.iter().any(|offer| offer.abilities.functions);
    if others.iter().all(|offer| offer.pricing == first.pricing) {
        if !first.pricing.is_unknown() {
            listing.pricing = first.pricing.clone();
            listing.pricing_raw.clone_from(&first.pricing_raw);
        }
    } else {
        listing.pricing = Pricing::default();
        if listing.pricing_raw.is_none() {
            // It is not for want of prices that there is none: that keeps others from being put in their place.
            let sent: Vec<&str> = offers
                .iter()
                .filter_map(|offer| Some(offer.pricing_raw.as_ref()?.get()))
                .collect();
            draft.listing.pricing_raw = prices::keep(format!("[{}]", sent.join(",")), draft);
        }
        draft.note(Reason::PriceDisagreed);
    }
}
