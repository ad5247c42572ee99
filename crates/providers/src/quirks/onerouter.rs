//! Infron AI (once OneRouter): `sale_*` counts where it is not zero, else `retail_*`; texts such as `$0.25` per million.

use gatewayz_catalog::{Price, Pricing, Quote, Token};

use crate::mapping::{Draft, Node, Zero, settle, token_price};

pub(super) fn sale(row: &Node<'_>, draft: &mut Draft<'_>) {
    let mut either = |sale, retail| -> Option<Price<Token>> {
        [sale, retail]
            .into_iter()
            .filter_map(|key| {
                token_price(
                    row.get(key).filter(|node| node.text().is_some())?,
                    Quote::UsdPerMillion,
                    draft,
                )
            })
            .find(|price| !price.is_free())
    };
    let mut pricing = Pricing {
        prompt: either("sale_input_cost", "retail_input_cost"),
        completion: either("sale_output_cost", "retail_output_cost"),
        ..Pricing::default()
    };
    settle(&mut pricing, Zero::Unknown, draft);
    draft.listing.pricing = pricing;
}
