//! From one row to its listings.

use gatewayz_catalog::{InvalidModelId, Listing, Modality, ModelId, Skipped};

use super::{Condition, Mapping, Node, Reason, fields, modality, offers, prices};

/// A listing that is being made, and the book of what had to be left out.
#[derive(Debug)]
pub(crate) struct Draft<'s> {
    pub(crate) listing: Listing,
    pub(crate) skipped: &'s mut Skipped,
}

impl Draft<'_> {
    /// Counts a field that was left out.
    pub(crate) fn note(&mut self, reason: Reason) {
        self.skipped.add(reason.as_str(), self.listing.id.as_str());
    }
}

/// Gives every listing of a row to `each`, or says why there is none and of which row.
pub(super) fn build(
    mapping: &Mapping,
    row: &Node<'_>,
    skipped: &mut Skipped,
    each: &mut impl FnMut(Listing, &mut Skipped),
) -> Result<(), (Reason, String)> {
    if !row.is_object() {
        return Err((Reason::RowNotObject, String::new()));
    }
    let own = row
        .first(&mapping.id)
        .and_then(Node::text)
        .ok_or((Reason::IdMissing, String::new()))?;
    let id = id(mapping, own).map_err(|_invalid| (Reason::IdInvalid, own.to_owned()))?;
    let any = |conditions: &[Condition]| conditions.iter().any(|condition| condition.holds(row));
    if any(&mapping.drop) {
        return Err((Reason::NotServed, id.to_string()));
    }
    let mut draft = Draft {
        listing: Listing::new(id),
        skipped,
    };
    modality::set(mapping, row, &mut draft);
    let listing = &mut draft.listing;
    if let Some(name) = fields::name(row.first(&mapping.name)) {
        listing.name = name;
    }
    listing.developer = fields::developer(mapping, row, listing.id.as_str());
    listing.created = fields::created(&mapping.created, row);
    listing.description = row
        .first(&mapping.description)
        .and_then(Node::text)
        .and_then(|text| fields::clean(text, Listing::MAX_DESCRIPTION, true));
    listing.context_length = tokens(&mapping.context, row);
    listing.max_output = tokens(&mapping.max_output, row);
    listing.tokenizer = fields::name(row.first(&mapping.tokenizer));
    listing.instruct_type = fields::name(row.first(&mapping.instruct_type));
    listing.supported_parameters = fields::words(row.first(&mapping.parameters));
    listing.default_parameters = fields::raw(row.first(&mapping.default_parameters));
    listing.per_request_limits = fields::raw(row.first(&mapping.per_request_limits));
    listing.tags = fields::words(row.first(&mapping.tags));
    listing.hugging_face_id = fields::name(row.first(&mapping.hugging_face_id));
    let answers = listing.output.contains(Modality::Text);
    listing.abilities.functions = any(&mapping.functions);
    listing.abilities.streaming = if mapping.streaming.is_empty() {
        answers
    } else {
        any(&mapping.streaming)
    };
    listing.abilities.private = any(&mapping.private);
    listing.abilities.deprecated = any(&mapping.deprecated);
    prices::set(&mapping.prices, row, &mut draft);
    if let Some(quirk) = mapping.quirk {
        quirk.apply(row, &mut draft);
    }
    let listing = &mut draft.listing;
    listing.abilities.vision = listing.input.contains(Modality::Image) && listing.output.contains(Modality::Text);
    let expanded = match &mapping.offers {
        Some(rules) => offers::expand(rules, row, &mut draft)?,
        None => Vec::new(),
    };
    let Draft { listing, skipped } = draft;
    each(listing, skipped);
    for listing in expanded {
        each(listing, skipped);
    }
    Ok(())
}

fn id(mapping: &Mapping, own: &str) -> Result<ModelId, InvalidModelId> {
    let stripped = mapping
        .strip
        .iter()
        .find_map(|prefix| own.strip_prefix(&**prefix))
        .unwrap_or(own);
    if mapping.prefix.is_empty() {
        return model_id(stripped);
    }
    model_id(&format!("{}{stripped}", mapping.prefix))
}

/// An id without characters that do not show, or that turn the writing around: two ids would look the same, or one like
/// another.
pub(crate) fn model_id(text: &str) -> Result<ModelId, InvalidModelId> {
    let deceives = |c| {
        matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
    };
    if text.chars().any(deceives) {
        return Err(InvalidModelId::ControlCharacter);
    }
    ModelId::new(text)
}

/// The first number of tokens that is known: zero and what does not fit are not.
pub(super) fn tokens(paths: &[super::Path], row: &Node<'_>) -> Option<std::num::NonZeroU32> {
    paths
        .iter()
        .filter_map(|path| row.at(path)?.count())
        .find_map(|count| std::num::NonZeroU32::new(u32::try_from(count).ok()?))
}
