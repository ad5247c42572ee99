//! The table of prices that providers publish, but not in their lists of models.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, LazyLock},
};

use foldhash::fast::RandomState;
use serde::{Deserialize, Deserializer, de};
use thiserror::Error;

use super::is_plain_offer;
use crate::{
    name,
    price::{Image, Price, Quote, Request, Token},
    pricing::{Pricing, Tier},
    provider::Slug,
};

/// The table that ships with the gateway.
const BUILTIN: &str = include_str!("../../data/manual_pricing.toml");

/// Prices by provider and model. Cheap to clone.
///
/// An entry holds for the model of its id, and for every other id of the same provider with the same canonical name
/// that has no entry of its own.
#[derive(Clone, Debug, Default)]
pub struct ManualPrices {
    providers: Arc<HashMap<Box<str>, Entries, RandomState>>,
}

#[derive(Clone, Debug, Default)]
struct Entries {
    by_id: HashMap<Box<str>, Entry, RandomState>,
    /// The id whose entry holds for a canonical name.
    by_canonical: HashMap<Box<str>, Box<str>, RandomState>,
}

#[derive(Clone, Debug)]
struct Entry {
    /// `openai/gpt-4o`
    label: Box<str>,
    pricing: Pricing,
}

impl ManualPrices {
    /// The table that ships with the gateway.
    #[must_use]
    pub fn builtin() -> Self {
        // It is a part of the program; that it can be read is tested. No price is better than a program that stops.
        static TABLE: LazyLock<ManualPrices> = LazyLock::new(|| ManualPrices::parse(BUILTIN).unwrap_or_default());
        TABLE.clone()
    }

    /// Reads a table: one TOML table per provider, named by its slug, with its `models` by id.
    ///
    /// Prices are text, so that they are exact, and each key says its unit:
    ///
    /// ```toml
    /// [openai.models]
    /// "gpt-4o" = { prompt_usd_per_1m = "2.5", completion_usd_per_1m = "10" }
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidPrices`] says what is wrong and where.
    pub fn parse(toml: &str) -> Result<Self, InvalidPrices> {
        let table: BTreeMap<String, ProviderToml> = toml::from_str(toml).map_err(|error| {
            let line = error
                .span()
                .map(|span| toml.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
            InvalidPrices {
                line,
                message: error.message().to_owned(),
            }
        })?;
        let mut providers: HashMap<Box<str>, Entries, RandomState> = HashMap::default();
        for (slug, provider) in table {
            if Slug::new(&slug).is_err() {
                return Err(InvalidPrices {
                    line: None,
                    message: format!("`{slug}` is no slug of a provider"),
                });
            }
            let entries = providers.entry(slug.as_str().into()).or_default();
            // The shortest id first: the one without a date holds for the canonical name.
            let mut models: Vec<_> = provider.models.into_iter().collect();
            models.sort_by(|(a, _), (b, _)| (a.len(), a).cmp(&(b.len(), b)));
            for (id, model) in models {
                entries.insert(&slug, &id, model.pricing());
            }
        }
        Ok(Self {
            providers: Arc::new(providers),
        })
    }

    /// The table with the entries of `other` over its own; entries that `other` does not have stay.
    #[must_use]
    pub fn overlay(mut self, other: &Self) -> Self {
        let providers = Arc::make_mut(&mut self.providers);
        for (slug, over) in &*other.providers {
            let entries = providers.entry(slug.clone()).or_default();
            entries
                .by_id
                .extend(over.by_id.iter().map(|(id, entry)| (id.clone(), entry.clone())));
            entries
                .by_canonical
                .extend(over.by_canonical.iter().map(|(name, id)| (name.clone(), id.clone())));
        }
        self
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.providers.values().map(|entries| entries.by_id.len()).sum()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All entries: provider, id, prices. In no order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &Pricing)> {
        self.providers.iter().flat_map(|(provider, entries)| {
            entries
                .by_id
                .iter()
                .map(|(id, entry)| (&**provider, &**id, &entry.pricing))
        })
    }

    /// The entry of a model, and what it is called.
    pub(super) fn get(&self, provider: &str, id: &str, canonical: &str) -> Option<(&str, &Pricing)> {
        let entries = self.providers.get(provider)?;
        let entry = entries.by_id.get(id).or_else(|| {
            let of_same = entries.by_canonical.get(canonical)?;
            is_plain_offer(id, canonical).then(|| entries.by_id.get(of_same))?
        })?;
        Some((&entry.label, &entry.pricing))
    }
}

impl Entries {
    fn insert(&mut self, slug: &str, id: &str, pricing: Pricing) {
        let mut canonical = String::new();
        name::canonical(slug, id, None, &mut canonical);
        if is_plain_offer(id, &canonical) {
            self.by_canonical.entry(canonical.into()).or_insert_with(|| id.into());
        }
        let label = format!("{slug}/{id}").into();
        self.by_id.insert(id.into(), Entry { label, pricing });
    }
}

/// Why a table of prices cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{}{message}", line.map(|line| format!("line {line}: ")).unwrap_or_default())]
pub struct InvalidPrices {
    /// The line of the mistake, from 1, where it has one.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProviderToml {
    /// Which public catalogues its rows were checked with; for readers.
    #[serde(default, rename = "checked_with")]
    _checked_with: Vec<String>,
    models: BTreeMap<String, ModelToml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelToml {
    #[serde(default)]
    prompt_usd_per_1m: Option<PerMillion>,
    #[serde(default)]
    completion_usd_per_1m: Option<PerMillion>,
    #[serde(default)]
    cache_read_usd_per_1m: Option<PerMillion>,
    #[serde(default)]
    cache_write_usd_per_1m: Option<PerMillion>,
    #[serde(default)]
    usd_per_request: Option<Price<Request>>,
    #[serde(default)]
    usd_per_image: Option<Price<Image>>,
    #[serde(default)]
    tiers: Vec<TierToml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TierToml {
    above_tokens: u64,
    #[serde(default)]
    prompt_usd_per_1m: Option<PerMillion>,
    #[serde(default)]
    completion_usd_per_1m: Option<PerMillion>,
    #[serde(default)]
    cache_read_usd_per_1m: Option<PerMillion>,
    #[serde(default)]
    cache_write_usd_per_1m: Option<PerMillion>,
}

/// A price of tokens, written per million.
#[derive(Clone, Copy)]
struct PerMillion(Price<Token>);

impl<'de> Deserialize<'de> for PerMillion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match Quote::UsdPerMillion.price(&text) {
            Ok(Some(price)) => Ok(Self(price)),
            Ok(None) => Err(de::Error::custom(
                "a price is neither empty nor negative; leave out what is not known",
            )),
            Err(error) => Err(de::Error::custom(error)),
        }
    }
}

impl ModelToml {
    fn pricing(self) -> Pricing {
        let token = |price: Option<PerMillion>| price.map(|PerMillion(price)| price);
        let mut tiers: Vec<_> = self
            .tiers
            .into_iter()
            .map(|tier| Tier {
                above: tier.above_tokens,
                prompt: token(tier.prompt_usd_per_1m),
                completion: token(tier.completion_usd_per_1m),
                input_cache_read: token(tier.cache_read_usd_per_1m),
                input_cache_write: token(tier.cache_write_usd_per_1m),
            })
            .collect();
        tiers.sort_by_key(|tier| tier.above);
        Pricing {
            prompt: token(self.prompt_usd_per_1m),
            completion: token(self.completion_usd_per_1m),
            input_cache_read: token(self.cache_read_usd_per_1m),
            input_cache_write: token(self.cache_write_usd_per_1m),
            request: self.usd_per_request,
            image: self.usd_per_image,
            tiers,
            ..Pricing::default()
        }
    }
}

#[cfg(test)]
mod tests;
