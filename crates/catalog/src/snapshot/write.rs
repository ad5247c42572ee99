//! The JSON objects of rows, written field by field.
//!
//! Measured: through serde's derive, the 12,543 objects of a catalogue cost half of the time in which a snapshot is
//! built. Most of it goes into escaping the names of fields and words that are known to need no escape.

use std::{collections::HashMap, num::NonZeroU32, sync::Arc};

use super::build::render;
use crate::{modality::Modalities, model::Model, price::Price, pricing::Pricing, source::StoredModel};

/// Writes objects; what many rows have in common is rendered once.
#[derive(Debug, Default)]
pub(super) struct ObjectWriter {
    modalities: HashMap<(Modalities, Modalities), Vec<u8>, foldhash::fast::RandomState>,
    /// By the address of the set, which the rows share.
    parameters: HashMap<usize, Vec<u8>, foldhash::fast::RandomState>,
}

impl ObjectWriter {
    /// Appends the object of a row: the fields of [`ModelJson`](crate::model::ModelJson), in their order.
    pub(super) fn write(&mut self, model: &Model, row: &StoredModel, out: &mut Vec<u8>) {
        let listing = &row.listing;
        let provider = &model.provider;
        let owner = model.developer.as_deref().unwrap_or(provider.slug.as_str());
        out.extend_from_slice(b"{\"id\":");
        text(&model.id, out);
        out.extend_from_slice(b",\"slug\":\"");
        escaped(provider.slug.as_str(), out);
        out.push(b'/');
        escaped(&model.id, out);
        out.extend_from_slice(b"\",\"canonical_slug\":");
        text(&model.canonical, out);
        out.extend_from_slice(b",\"name\":");
        text(&model.name, out);
        out.extend_from_slice(b",\"object\":\"model\",\"created\":");
        number(model.created, out);
        out.extend_from_slice(b",\"owned_by\":");
        text(owner, out);
        out.extend_from_slice(b",\"developer\":");
        optional(model.developer.as_deref(), out);
        out.extend_from_slice(b",\"source_gateway\":");
        text(provider.slug.as_str(), out);
        out.extend_from_slice(b",\"provider_slug\":");
        text(owner, out);
        out.extend_from_slice(b",\"description\":");
        optional(listing.description.as_deref(), out);
        out.extend_from_slice(b",\"context_length\":");
        number(model.context_length.map(NonZeroU32::get), out);
        out.extend_from_slice(b",\"max_output_tokens\":");
        number(model.max_output.map(NonZeroU32::get), out);
        self.modalities(model, out);
        out.extend_from_slice(b",\"tokenizer\":");
        optional(listing.tokenizer.as_deref(), out);
        out.extend_from_slice(b",\"instruct_type\":");
        optional(listing.instruct_type.as_deref(), out);
        out.extend_from_slice(b"},\"pricing\":");
        pricing(&model.pricing, out);
        out.extend_from_slice(b",\"pricing_source\":");
        match &model.pricing_source {
            Some(source) => render(source, out),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"per_request_limits\":");
        raw(listing.per_request_limits.as_deref(), out);
        out.extend_from_slice(b",\"supported_parameters\":");
        self.parameters(&model.parameters, out);
        out.extend_from_slice(b",\"default_parameters\":");
        raw(listing.default_parameters.as_deref(), out);
        for (field, is) in [
            (&b",\"supports_streaming\":"[..], model.abilities.streaming),
            (b",\"supports_function_calling\":", model.abilities.functions),
            (b",\"supports_vision\":", model.abilities.vision),
            (b",\"is_active\":", true),
            (b",\"is_free\":", model.is_free()),
            (b",\"is_private\":", model.abilities.private),
            (b",\"is_deprecated\":", model.abilities.deprecated),
        ] {
            out.extend_from_slice(field);
            out.extend_from_slice(if is { b"true" } else { b"false" });
        }
        out.extend_from_slice(b",\"health_status\":");
        text(model.health.as_str(), out);
        out.extend_from_slice(b",\"average_response_time_ms\":");
        number(model.average_response_time_ms, out);
        out.extend_from_slice(b",\"provider_site_url\":");
        optional(provider.site_url.as_deref(), out);
        out.extend_from_slice(b",\"model_logo_url\":null,\"hugging_face_id\":");
        optional(listing.hugging_face_id.as_deref(), out);
        out.extend_from_slice(b",\"updated_at\":");
        number(Some(model.updated_at), out);
        out.extend_from_slice(b",\"tags\":");
        texts(listing.tags.iter().map(String::as_str), out);
        out.push(b'}');
    }

    fn modalities(&mut self, model: &Model, out: &mut Vec<u8>) {
        let key = (model.input, model.output);
        let rendered = self.modalities.entry(key).or_insert_with(|| {
            let mut out = Vec::new();
            let modality = model.modality();
            out.extend_from_slice(b",\"modality\":");
            text(&modality, &mut out);
            out.extend_from_slice(b",\"architecture\":{\"modality\":");
            text(&modality, &mut out);
            out.extend_from_slice(b",\"input_modalities\":");
            render(&model.input, &mut out);
            out.extend_from_slice(b",\"output_modalities\":");
            render(&model.output, &mut out);
            out
        });
        out.extend_from_slice(rendered);
    }

    fn parameters(&mut self, names: &Arc<[Arc<str>]>, out: &mut Vec<u8>) {
        let rendered = self.parameters.entry(names.as_ptr().addr()).or_insert_with(|| {
            let mut out = Vec::new();
            texts(names.iter().map(|name| &**name), &mut out);
            out
        });
        out.extend_from_slice(rendered);
    }
}

fn pricing(pricing: &Pricing, out: &mut Vec<u8>) {
    if pricing.is_unknown() {
        out.extend_from_slice(b"null");
        return;
    }
    // Every field is named, so that a new one cannot be forgotten.
    let Pricing {
        prompt,
        completion,
        input_cache_read,
        input_cache_write,
        internal_reasoning,
        audio,
        request,
        image,
        web_search,
        tiers,
    } = pricing;
    out.extend_from_slice(b"{\"prompt\":");
    price(*prompt, out);
    out.extend_from_slice(b",\"completion\":");
    price(*completion, out);
    out.extend_from_slice(b",\"request\":");
    price(*request, out);
    out.extend_from_slice(b",\"image\":");
    price(*image, out);
    out.extend_from_slice(b",\"web_search\":");
    price(*web_search, out);
    out.extend_from_slice(b",\"internal_reasoning\":");
    price(*internal_reasoning, out);
    for (field, known) in [
        (&b",\"input_cache_read\":"[..], *input_cache_read),
        (b",\"input_cache_write\":", *input_cache_write),
        (b",\"audio\":", *audio),
    ] {
        if known.is_some() {
            out.extend_from_slice(field);
            price(known, out);
        }
    }
    if !tiers.is_empty() {
        out.extend_from_slice(b",\"tiers\":");
        render(tiers, out);
    }
    out.push(b'}');
}

fn price<U>(price: Option<Price<U>>, out: &mut Vec<u8>) {
    match price {
        Some(price) => {
            out.push(b'"');
            out.extend_from_slice(price.digits(&mut [0; 24]));
            out.push(b'"');
        }
        None => out.extend_from_slice(b"null"),
    }
}

fn number(number: Option<impl serde::Serialize>, out: &mut Vec<u8>) {
    match number {
        Some(number) => render(&number, out),
        None => out.extend_from_slice(b"null"),
    }
}

fn raw(value: Option<&serde_json::value::RawValue>, out: &mut Vec<u8>) {
    out.extend_from_slice(value.map_or("null", |value| value.get()).as_bytes());
}

fn texts<'a>(all: impl Iterator<Item = &'a str>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, one) in all.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        text(one, out);
    }
    out.push(b']');
}

fn optional(value: Option<&str>, out: &mut Vec<u8>) {
    match value {
        Some(value) => text(value, out),
        None => out.extend_from_slice(b"null"),
    }
}

fn text(value: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    escaped(value, out);
    out.push(b'"');
}

/// Appends text as it stands between quotes. Text that needs an escape is rare, and serde's affair.
fn escaped(value: &str, out: &mut Vec<u8>) {
    let plain = |byte: &u8| *byte >= b' ' && !matches!(byte, b'"' | b'\\');
    // Over all bytes, without leaving at the first: that is done many at a time.
    if value.as_bytes().iter().fold(true, |all, byte| all & plain(byte)) {
        out.extend_from_slice(value.as_bytes());
        return;
    }
    let start = out.len();
    render(value, out);
    // Without its quotes.
    out.truncate(out.len().saturating_sub(1));
    out.remove(start);
}

#[cfg(test)]
mod tests;
