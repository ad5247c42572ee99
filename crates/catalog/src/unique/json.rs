//! Models with their offers as callers read them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct as _};
use serde_json::value::RawValue;

use super::{UniqueModel, UniquePage};
use crate::{
    model::Model,
    price::{Price, Token},
    snapshot::Snapshot,
    source::HealthStatus,
};

/// What an offer shows as the row's JSON has it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Fragment<'a> {
    #[serde(borrow)]
    description: Option<&'a RawValue>,
    #[serde(borrow)]
    architecture: Option<&'a RawValue>,
    #[serde(borrow)]
    pricing: Option<&'a RawValue>,
}

/// A model at one provider, among the offers of the same model.
#[derive(Debug, Serialize)]
pub(crate) struct OfferJson<'a> {
    slug: &'a str,
    name: &'a str,
    model_id: &'a str,
    pricing: Option<&'a RawValue>,
    context_length: Option<std::num::NonZeroU32>,
    health_status: HealthStatus,
    average_response_time_ms: Option<u32>,
    modality: Cow<'a, str>,
    supports_streaming: bool,
    supports_function_calling: bool,
    supports_vision: bool,
    description: Option<&'a RawValue>,
    architecture: Option<&'a RawValue>,
    model_name: &'a str,
}

impl<'a> OfferJson<'a> {
    /// The offer that a row is.
    pub(crate) fn of(snapshot: &'a Snapshot, at: u32) -> Self {
        let row: &Model = &snapshot.rows()[at as usize];
        // The fragment was written or read by this crate; were it ever not JSON, the offer would show less of it.
        let fragment: Fragment<'a> = serde_json::from_slice(snapshot.object_bytes(at)).unwrap_or_default();
        Self {
            slug: row.provider.slug.as_str(),
            name: &row.provider.name,
            model_id: &row.id,
            pricing: fragment.pricing,
            context_length: row.context_length,
            health_status: row.health,
            average_response_time_ms: row.average_response_time_ms,
            modality: Cow::Owned(row.modality()),
            supports_streaming: row.abilities.streaming,
            supports_function_calling: row.abilities.functions,
            supports_vision: row.abilities.vision,
            description: fragment.description,
            architecture: fragment.architecture,
            model_name: &row.name,
        }
    }
}

impl Serialize for UniqueModel<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let slug = |row: Option<u32>| row.map(|row| self.row(row).provider.slug.as_str());
        let offers: Vec<OfferJson<'_>> = self
            .offers()
            .iter()
            .map(|&at| OfferJson::of(self.snapshot, at))
            .collect();
        let mut object = serializer.serialize_struct("UniqueModel", 9)?;
        object.serialize_field("id", self.id())?;
        object.serialize_field("name", self.name())?;
        object.serialize_field("canonical_slug", self.canonical())?;
        object.serialize_field("provider_count", &self.provider_count())?;
        object.serialize_field("providers", &offers)?;
        object.serialize_field("cheapest_provider", &slug(self.cheapest()))?;
        object.serialize_field("fastest_provider", &slug(self.fastest()))?;
        object.serialize_field("cheapest_prompt_price", &self.cheapest_prompt_price().and_then(number))?;
        object.serialize_field("fastest_response_time", &self.fastest_response_time())?;
        object.end()
    }
}

/// A price as a JSON number with all of its digits: `0.00000059`, never a binary float.
fn number(price: Price<Token>) -> Option<Box<RawValue>> {
    RawValue::from_string(price.to_string()).ok()
}

/// The answer of `/v1/models/unique` besides its models.
#[derive(Debug, Serialize)]
pub(crate) struct UniqueTail {
    total: u32,
    limit: Option<u32>,
    offset: u32,
    filters: Filters,
    sort: Sort,
}

#[derive(Debug, Serialize)]
struct Filters {
    min_providers: Option<std::num::NonZeroU32>,
    include_inactive: bool,
}

#[derive(Debug, Serialize)]
struct Sort {
    by: &'static str,
    order: &'static str,
}

impl UniqueTail {
    pub(crate) fn of(page: &UniquePage<'_>) -> Self {
        Self {
            total: page.total,
            limit: page.query.limit,
            offset: page.offset,
            filters: Filters {
                min_providers: page.query.min_providers,
                include_inactive: page.query.include_inactive,
            },
            sort: Sort {
                by: page.query.sort_by.as_str(),
                order: if page.query.descending { "desc" } else { "asc" },
            },
        }
    }
}

impl Serialize for UniquePage<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Whole<'a> {
            models: &'a [UniqueModel<'a>],
            #[serde(flatten)]
            tail: UniqueTail,
        }
        let tail = UniqueTail::of(self);
        Whole {
            models: &self.models,
            tail,
        }
        .serialize(serializer)
    }
}
