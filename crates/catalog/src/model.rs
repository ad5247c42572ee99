//! One row of the catalogue: a model at a provider, as queries see it and as callers read it.

use std::{borrow::Cow, num::NonZeroU32, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    listing::Abilities,
    modality::Modalities,
    price::{Price, Token},
    pricing::{Pricing, PricingSource, Tier},
    provider::Provider,
    source::HealthStatus,
};

/// A model at a provider: what queries look at. Everything else that callers read is in the row's JSON.
#[derive(Clone, Debug)]
pub struct Model {
    /// Who serves it.
    pub provider: Arc<Provider>,
    /// The provider's own id.
    pub id: Arc<str>,
    /// The name for people.
    pub name: Arc<str>,
    /// The one name of the model, whoever serves it.
    pub canonical: Arc<str>,
    /// Who made it, where that is known.
    pub developer: Option<Arc<str>>,
    /// When it came out, seconds since 1970.
    pub created: Option<i64>,
    /// The greatest number of tokens in prompt and answer together.
    pub context_length: Option<NonZeroU32>,
    /// The greatest number of tokens in the answer.
    pub max_output: Option<NonZeroU32>,
    /// What goes in.
    pub input: Modalities,
    /// What comes out.
    pub output: Modalities,
    /// What it can do.
    pub abilities: Abilities,
    /// Which parameters of a request it takes, sorted.
    pub parameters: Arc<[Arc<str>]>,
    /// What it costs; unknown prices are absent.
    pub pricing: Arc<Pricing>,
    /// Who says so; `None` where nothing is known.
    pub pricing_source: Option<PricingSource>,
    /// How well it answers.
    pub health: HealthStatus,
    /// The mean time of an answer in milliseconds.
    pub average_response_time_ms: Option<u32>,
    /// When the row changed last, seconds since 1970.
    pub updated_at: u64,
}

impl Model {
    /// Whether the provider says that it charges nothing.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.pricing.is_free() || (self.provider.slug.as_str() == "openrouter" && self.id.ends_with(":free"))
    }

    /// The price of a prompt token.
    #[must_use]
    pub fn prompt_price(&self) -> Option<Price<Token>> {
        self.pricing.prompt
    }

    /// Whether it takes a parameter.
    #[must_use]
    pub fn takes(&self, parameter: &str) -> bool {
        self.parameters
            .binary_search_by(|known| known.as_ref().cmp(parameter))
            .is_ok()
    }

    /// `text+image->text`
    #[must_use]
    pub fn modality(&self) -> String {
        format!("{}->{}", self.input, self.output)
    }
}

/// The JSON object of a row, the shape that callers know. Written once per snapshot; read back from the shared tier.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct ModelJson<'a> {
    #[serde(borrow)]
    pub(crate) id: Cow<'a, str>,
    /// The provider's slug, a slash and the id: unique in the catalogue.
    #[serde(borrow)]
    pub(crate) slug: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) canonical_slug: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) name: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) object: Cow<'a, str>,
    pub(crate) created: Option<i64>,
    #[serde(borrow)]
    pub(crate) owned_by: Cow<'a, str>,
    /// Who made it; `null` where that is not known, and `owned_by` and `provider_slug` name the provider instead.
    #[serde(borrow, default)]
    pub(crate) developer: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) source_gateway: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) provider_slug: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) description: Option<Cow<'a, str>>,
    pub(crate) context_length: Option<NonZeroU32>,
    pub(crate) max_output_tokens: Option<NonZeroU32>,
    #[serde(borrow)]
    pub(crate) modality: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) architecture: ArchitectureJson<'a>,
    pub(crate) pricing: Option<PricingJson>,
    pub(crate) pricing_source: Option<PricingSource>,
    #[serde(borrow)]
    pub(crate) per_request_limits: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) supported_parameters: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) default_parameters: Option<&'a RawValue>,
    pub(crate) supports_streaming: bool,
    pub(crate) supports_function_calling: bool,
    pub(crate) supports_vision: bool,
    pub(crate) is_active: bool,
    pub(crate) is_free: bool,
    pub(crate) is_private: bool,
    pub(crate) is_deprecated: bool,
    pub(crate) health_status: HealthStatus,
    pub(crate) average_response_time_ms: Option<u32>,
    #[serde(borrow)]
    pub(crate) provider_site_url: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) model_logo_url: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) hugging_face_id: Option<Cow<'a, str>>,
    pub(crate) updated_at: u64,
    #[serde(borrow)]
    pub(crate) tags: Vec<Cow<'a, str>>,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct ArchitectureJson<'a> {
    #[serde(borrow)]
    pub(crate) modality: Cow<'a, str>,
    pub(crate) input_modalities: Modalities,
    pub(crate) output_modalities: Modalities,
    #[serde(borrow)]
    pub(crate) tokenizer: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) instruct_type: Option<Cow<'a, str>>,
}

/// Prices as callers read them: the documented fields are always there, `null` where a price is not known.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct PricingJson {
    prompt: Option<Price<Token>>,
    completion: Option<Price<Token>>,
    request: Option<Price<crate::price::Request>>,
    image: Option<Price<crate::price::Image>>,
    web_search: Option<Price<crate::price::Search>>,
    internal_reasoning: Option<Price<Token>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input_cache_read: Option<Price<Token>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input_cache_write: Option<Price<Token>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    audio: Option<Price<Token>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tiers: Vec<Tier>,
}

impl PricingJson {
    /// `None` where no price is known.
    pub(crate) fn of(pricing: &Pricing) -> Option<Self> {
        if pricing.is_unknown() {
            return None;
        }
        Some(Self {
            prompt: pricing.prompt,
            completion: pricing.completion,
            request: pricing.request,
            image: pricing.image,
            web_search: pricing.web_search,
            internal_reasoning: pricing.internal_reasoning,
            input_cache_read: pricing.input_cache_read,
            input_cache_write: pricing.input_cache_write,
            audio: pricing.audio,
            tiers: pricing.tiers.clone(),
        })
    }
}

impl From<PricingJson> for Pricing {
    fn from(json: PricingJson) -> Self {
        Self {
            prompt: json.prompt,
            completion: json.completion,
            input_cache_read: json.input_cache_read,
            input_cache_write: json.input_cache_write,
            internal_reasoning: json.internal_reasoning,
            audio: json.audio,
            request: json.request,
            image: json.image,
            web_search: json.web_search,
            tiers: json.tiers,
        }
    }
}
