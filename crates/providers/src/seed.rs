//! A small catalogue that is compiled in, so that a first start without a network has something to show.
//!
//! It ages: whatever a provider, an operator or an import says counts more.

use std::{collections::BTreeMap, num::NonZeroU32};

use gatewayz_catalog::{
    Abilities, InvalidModelId, InvalidPrice, Listing, Modalities, Modality, ModelId, Price, Pricing, Quote, Slug, Tier,
    Token,
};
use serde::Deserialize;
use thiserror::Error;

const SEED: &str = include_str!("../data/seed.toml");

/// The word that these listings carry in `imported_from`.
pub const NAME: &str = "seed";

/// Why the compiled-in catalogue cannot be read. Only an edit of it can cause that, and a test finds it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SeedError {
    /// It is not of the right form.
    #[error("the seed catalogue cannot be read: {0}")]
    Malformed(#[from] toml::de::Error),
    /// An id is none.
    #[error("the seed catalogue has the id `{id}`: {reason}")]
    Id {
        /// The id.
        id: String,
        /// What is wrong with it.
        #[source]
        reason: InvalidModelId,
    },
    /// A price is none.
    #[error("the seed catalogue has no right price of `{id}`: {reason}")]
    Price {
        /// The model.
        id: String,
        /// What is wrong with it.
        #[source]
        reason: InvalidPrice,
    },
    /// A modality is none.
    #[error("the seed catalogue has no modality `{word}` of `{id}`")]
    Modality {
        /// The model.
        id: String,
        /// The word.
        word: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seed {
    /// The day of the facts. Shown to readers of the file only.
    #[serde(rename = "as_of")]
    _as_of: String,
    providers: BTreeMap<Slug, Vec<Row>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    name: String,
    developer: String,
    context: NonZeroU32,
    max_output: Option<NonZeroU32>,
    #[serde(default = "text")]
    input: String,
    #[serde(default = "text")]
    output: String,
    #[serde(default)]
    functions: bool,
    #[serde(default)]
    reasoning: bool,
    prompt_usd_per_1m: Option<String>,
    completion_usd_per_1m: Option<String>,
    cache_read_usd_per_1m: Option<String>,
    cache_write_usd_per_1m: Option<String>,
    long: Option<Long>,
}

/// The prices of long prompts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Long {
    above: u64,
    prompt_usd_per_1m: String,
    completion_usd_per_1m: String,
    cache_read_usd_per_1m: Option<String>,
}

fn text() -> String {
    "text".to_owned()
}

/// The listings of the catalogue by provider, in the order of the file.
///
/// # Errors
///
/// [`SeedError`] when the compiled-in file is damaged.
pub fn builtin() -> Result<BTreeMap<Slug, Vec<Listing>>, SeedError> {
    let seed: Seed = toml::from_str(SEED)?;
    let mut lists = BTreeMap::new();
    for (slug, rows) in seed.providers {
        let list: Result<Vec<_>, _> = rows.into_iter().map(listing).collect();
        lists.insert(slug, list?);
    }
    Ok(lists)
}

fn listing(row: Row) -> Result<Listing, SeedError> {
    let id = match ModelId::new(&row.id) {
        Ok(id) => id,
        Err(reason) => return Err(SeedError::Id { id: row.id, reason }),
    };
    let price = |text: Option<&str>| -> Result<Option<Price<Token>>, SeedError> {
        let Some(text) = text else {
            return Ok(None);
        };
        Quote::UsdPerMillion.price(text).map_err(|reason| SeedError::Price {
            id: row.id.clone(),
            reason,
        })
    };
    let modalities = |words: &str| -> Result<Modalities, SeedError> {
        let known = |word: &str| {
            Modality::from_word(word).ok_or_else(|| SeedError::Modality {
                id: row.id.clone(),
                word: word.to_owned(),
            })
        };
        words.split('+').map(known).collect()
    };
    let tiers = match &row.long {
        None => Vec::new(),
        Some(long) => vec![Tier {
            above: long.above,
            prompt: price(Some(&long.prompt_usd_per_1m))?,
            completion: price(Some(&long.completion_usd_per_1m))?,
            input_cache_read: price(long.cache_read_usd_per_1m.as_deref())?,
            input_cache_write: None,
        }],
    };
    let (input, output) = (modalities(&row.input)?, modalities(&row.output)?);
    let mut supported_parameters = Vec::new();
    if row.reasoning {
        supported_parameters.push("reasoning".to_owned());
    }
    if row.functions {
        supported_parameters.extend(["tool_choice".to_owned(), "tools".to_owned()]);
    }
    Ok(Listing {
        pricing: Pricing {
            prompt: price(row.prompt_usd_per_1m.as_deref())?,
            completion: price(row.completion_usd_per_1m.as_deref())?,
            input_cache_read: price(row.cache_read_usd_per_1m.as_deref())?,
            input_cache_write: price(row.cache_write_usd_per_1m.as_deref())?,
            tiers,
            ..Pricing::default()
        },
        name: row.name,
        developer: Some(row.developer),
        context_length: Some(row.context),
        max_output: row.max_output,
        abilities: Abilities {
            streaming: output.contains(Modality::Text),
            functions: row.functions,
            vision: input.contains(Modality::Image),
            ..Abilities::default()
        },
        input,
        output,
        supported_parameters,
        imported_from: Some(NAME.to_owned()),
        ..Listing::new(id)
    })
}
