//! Values between Rust and columns, the same for both databases.

use gatewayz_cache_core::UnixMillis;
use gatewayz_catalog::{HealthStatus, Listing, Price, Pricing, Priority, Provider, StoreError};
use serde::{Deserialize, Serialize};

use crate::error::unreadable;

/// The last millisecond of the year 9999: the latest time that every tool can read.
const LAST: u64 = 253_402_300_799_999;

/// How many prices a row of `model_pricing` has.
pub(crate) const PRICES: usize = 9;

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            for half in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
            }
            text
        })
}

/// A count as a column has it.
pub(crate) fn count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A count that a column has.
pub(crate) fn counted<T: TryFrom<i64>>(column: &'static str, value: i64) -> Result<T, StoreError> {
    T::try_from(value).map_err(|_out_of_range| unreadable(column, value))
}

pub(crate) fn counted_if<T: TryFrom<i64>>(column: &'static str, value: Option<i64>) -> Result<Option<T>, StoreError> {
    value.map(|value| counted(column, value)).transpose()
}

/// A time as milliseconds that every tool can read.
pub(crate) fn millis(time: UnixMillis) -> u64 {
    time.0.min(LAST)
}

pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Refused(format!("a value has no JSON form: {error}")))
}

pub(crate) fn from_json<'a, T: Deserialize<'a>>(column: &'static str, text: &'a str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| unreadable(column, error))
}

/// What of a provider has no column of its own.
#[derive(Deserialize, Serialize)]
struct Metadata {
    aliases: Vec<String>,
    priority: Priority,
    #[serde(skip_serializing_if = "Option::is_none")]
    color: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_models: Option<u32>,
    #[serde(default)]
    flat_rate: bool,
}

/// The columns of a row of `providers`.
pub(crate) struct ProviderRow {
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) base_url: Option<String>,
    pub(crate) api_key_env: Option<String>,
    pub(crate) site_url: Option<String>,
    pub(crate) active: bool,
    pub(crate) metadata: String,
}

impl ProviderRow {
    pub(crate) fn new(provider: &Provider) -> Result<Self, StoreError> {
        // A field that is added has to find its column here.
        let Provider {
            slug,
            name,
            aliases,
            active,
            priority,
            site_url,
            base_url,
            api_key_env,
            color,
            icon,
            min_models,
            flat_rate,
        } = provider.clone();
        Ok(Self {
            slug: slug.as_str().to_owned(),
            name,
            base_url,
            api_key_env,
            site_url,
            active,
            metadata: json(&Metadata {
                aliases,
                priority,
                color,
                icon,
                min_models,
                flat_rate,
            })?,
        })
    }

    pub(crate) fn provider(self) -> Result<Provider, StoreError> {
        let metadata: Metadata = from_json("providers.metadata", &self.metadata)?;
        Ok(Provider {
            slug: slug(&self.slug)?,
            name: self.name,
            aliases: metadata.aliases,
            active: self.active,
            priority: metadata.priority,
            site_url: self.site_url,
            base_url: self.base_url,
            api_key_env: self.api_key_env,
            color: metadata.color,
            icon: metadata.icon,
            min_models: metadata.min_models,
            flat_rate: metadata.flat_rate,
        })
    }
}

pub(crate) fn slug(text: &str) -> Result<gatewayz_catalog::Slug, StoreError> {
    gatewayz_catalog::Slug::new(text).map_err(|wrong| unreadable("providers.slug", wrong))
}

/// The columns of `models` that repeat what people search for.
pub(crate) struct ListingRow {
    pub(crate) name: String,
    pub(crate) context_length: Option<i64>,
    pub(crate) modality: String,
    pub(crate) listing: String,
}

impl ListingRow {
    pub(crate) fn new(listing: &Listing) -> Result<Self, StoreError> {
        Ok(Self {
            // PostgreSQL has no NUL in texts.
            name: listing.name.replace('\0', "\u{fffd}"),
            context_length: listing.context_length.map(|tokens| i64::from(tokens.get())),
            modality: format!("{}->{}", listing.input, listing.output),
            listing: json(listing)?,
        })
    }
}

pub(crate) fn listing(text: &str) -> Result<Listing, StoreError> {
    from_json("models.listing", text)
}

pub(crate) fn health_status(word: &str) -> Result<HealthStatus, StoreError> {
    match word {
        "healthy" => Ok(HealthStatus::Healthy),
        "degraded" => Ok(HealthStatus::Degraded),
        "down" => Ok(HealthStatus::Down),
        "unknown" => Ok(HealthStatus::Unknown),
        other => Err(unreadable("models.health_status", other)),
    }
}

/// An operator's prices as columns: decimals, in the order of the table.
pub(crate) struct PricingRow {
    pub(crate) prices: [Option<String>; PRICES],
    pub(crate) tiers: Option<String>,
    pub(crate) kind: &'static str,
}

impl PricingRow {
    pub(crate) fn new(pricing: &Pricing) -> Result<Self, StoreError> {
        fn text<U>(price: Option<Price<U>>) -> Option<String> {
            price.map(|price| price.to_string())
        }
        // A price that is added has to find its column here.
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
        let kind = match pricing {
            pricing if pricing.is_unknown() => "missing",
            pricing if pricing.is_free() => "free",
            _ => "paid",
        };
        Ok(Self {
            prices: [
                text(*prompt),
                text(*completion),
                text(*input_cache_read),
                text(*input_cache_write),
                text(*internal_reasoning),
                text(*audio),
                text(*request),
                text(*image),
                text(*web_search),
            ],
            tiers: if tiers.is_empty() { None } else { Some(json(tiers)?) },
            kind,
        })
    }
}

/// Reads prices in the order of the table.
pub(crate) fn pricing(prices: [Option<String>; PRICES], tiers: Option<&str>) -> Result<Pricing, StoreError> {
    let [
        prompt,
        completion,
        input_cache_read,
        input_cache_write,
        internal_reasoning,
        audio,
        request,
        image,
        web_search,
    ] = prices;
    Ok(Pricing {
        prompt: price(prompt)?,
        completion: price(completion)?,
        input_cache_read: price(input_cache_read)?,
        input_cache_write: price(input_cache_write)?,
        internal_reasoning: price(internal_reasoning)?,
        audio: price(audio)?,
        request: price(request)?,
        image: price(image)?,
        web_search: price(web_search)?,
        tiers: match tiers {
            Some(tiers) => from_json("model_pricing.tiers", tiers)?,
            None => Vec::new(),
        },
    })
}

fn price<U>(text: Option<String>) -> Result<Option<Price<U>>, StoreError> {
    text.map(|text| text.parse().map_err(|wrong| unreadable("model_pricing.price", wrong)))
        .transpose()
}
