//! What a query asks for, in the words of a request.

use std::num::NonZeroU32;

use serde::{Serialize, Serializer};

use super::{Filter, Query};
use crate::{
    modality::Modalities,
    price::{Price, Token},
};

/// The filters that a query has, under the names of their parameters; those that it has not are left out. As JSON
/// `{"gateway", "q"?, "provider"?, …, "sort_by", "order"}`.
#[derive(Clone, Copy, Debug)]
pub struct AppliedFilters<'a>(pub &'a Query);

#[derive(Serialize)]
struct Json<'a> {
    gateway: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    q: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    developer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_private: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_free: Option<bool>,
    #[serde(skip_serializing_if = "has_none")]
    input_modalities: Modalities,
    #[serde(skip_serializing_if = "has_none")]
    output_modalities: Modalities,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_context: Option<NonZeroU32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_context: Option<NonZeroU32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_price: Option<Price<Token>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_price: Option<Price<Token>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    supported_parameters: &'a [String],
    sort_by: &'static str,
    order: &'static str,
}

impl Serialize for AppliedFilters<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Every field is named, so that a new one cannot be forgotten.
        let Filter {
            gateway,
            provider,
            developer,
            text,
            private,
            free,
            input,
            output,
            min_context,
            max_context,
            min_price,
            max_price,
            parameters,
        } = &self.0.filter;
        Json {
            gateway: gateway.as_str(),
            q: text.as_deref(),
            provider: provider.as_deref(),
            developer: developer.as_deref(),
            is_private: *private,
            is_free: *free,
            input_modalities: *input,
            output_modalities: *output,
            min_context: *min_context,
            max_context: *max_context,
            min_price: *min_price,
            max_price: *max_price,
            supported_parameters: parameters,
            sort_by: self.0.sort.by.as_str(),
            order: if self.0.sort.descending { "desc" } else { "asc" },
        }
        .serialize(serializer)
    }
}

fn has_none(modalities: &Modalities) -> bool {
    modalities.is_empty()
}
