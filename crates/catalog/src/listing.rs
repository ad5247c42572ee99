//! One row of a provider's list, in the form in which it is stored.

use std::{fmt, num::NonZeroU32, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::{modality::Modalities, pricing::Pricing};

/// A provider's own id of a model: 1 to 512 bytes without control characters and without spaces at its ends.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct ModelId(Arc<str>);

impl ModelId {
    /// The greatest length in bytes.
    pub const MAX_LEN: usize = 512;

    /// Creates an id.
    ///
    /// # Errors
    ///
    /// [`InvalidModelId`] says what is wrong with the text.
    pub fn new(text: &str) -> Result<Self, InvalidModelId> {
        if text.is_empty() || text.trim() != text {
            return Err(InvalidModelId::Blank);
        }
        if text.len() > Self::MAX_LEN {
            return Err(InvalidModelId::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidModelId::ControlCharacter);
        }
        Ok(Self(text.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id, shared.
    #[must_use]
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl<'de> Deserialize<'de> for ModelId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

/// Why a text is no model id.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidModelId {
    /// It is empty, or has spaces at its ends.
    #[error("the model id is empty or has spaces at its ends")]
    Blank,
    /// It has more than [`ModelId::MAX_LEN`] bytes.
    #[error("the model id is longer than 512 bytes")]
    TooLong,
    /// It has a control character.
    #[error("the model id has a control character")]
    ControlCharacter,
}

/// What a provider lists of one model. The same list gives the same listings: nothing in here is the time of a fetch.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Listing {
    /// The provider's own id.
    pub id: ModelId,
    /// The name for people; the id where the provider gives none.
    pub name: String,
    /// The slug of who made the model: `meta-llama`. `None` where it cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub developer: Option<String>,
    /// When the model came out, seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<i64>,
    /// What it is, at most [`Listing::MAX_DESCRIPTION`] bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The greatest number of tokens in prompt and answer together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_length: Option<NonZeroU32>,
    /// The greatest number of tokens in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output: Option<NonZeroU32>,
    /// What goes in.
    pub input: Modalities,
    /// What comes out.
    pub output: Modalities,
    /// The family of tokenizers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<String>,
    /// The prompt format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instruct_type: Option<String>,
    /// What the provider says it costs; unknown prices are absent.
    #[serde(default, skip_serializing_if = "Pricing::is_unknown")]
    pub pricing: Pricing,
    /// The provider's price fields as it sent them, so that every price can be traced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pricing_raw: Option<Box<RawValue>>,
    /// The public catalogue that the row was imported from: `models.dev`. `None`: the provider's own list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported_from: Option<String>,
    /// Which parameters of a request the model takes, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supported_parameters: Vec<String>,
    /// Which values parameters have when the request has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_parameters: Option<Box<RawValue>>,
    /// Limits of each request, as the provider sent them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_request_limits: Option<Box<RawValue>>,
    /// Free words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The model's id on Hugging Face.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hugging_face_id: Option<String>,
    /// What it can do.
    pub abilities: Abilities,
}

impl Listing {
    /// The greatest length of a description in bytes.
    pub const MAX_DESCRIPTION: usize = 4096;

    /// A listing of which only the id is known: text in, text out, no price.
    #[must_use]
    pub fn new(id: ModelId) -> Self {
        Self {
            name: id.as_str().to_owned(),
            id,
            developer: None,
            created: None,
            description: None,
            context_length: None,
            max_output: None,
            input: Modalities::TEXT,
            output: Modalities::TEXT,
            tokenizer: None,
            instruct_type: None,
            pricing: Pricing::default(),
            pricing_raw: None,
            imported_from: None,
            supported_parameters: Vec::new(),
            default_parameters: None,
            per_request_limits: None,
            tags: Vec::new(),
            hugging_face_id: None,
            abilities: Abilities::default(),
        }
    }

    /// A digest of all of it: two listings with the same digest are the same.
    #[must_use]
    pub fn digest(&self) -> ListingDigest {
        let mut digest = Sha256::new();
        // Writing to a digest cannot fail, and every field has a JSON form.
        if serde_json::to_writer(&mut digest, self).is_err() {
            digest.update(self.id.as_str());
        }
        let mut out = [0; 16];
        out.copy_from_slice(&digest.finalize()[..16]);
        ListingDigest(out)
    }
}

/// What a model can do beyond plain answers.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct Abilities {
    /// Answers can be streamed.
    pub streaming: bool,
    /// It calls functions.
    pub functions: bool,
    /// It sees images.
    pub vision: bool,
    /// It runs where nobody else can read along (TEE).
    pub private: bool,
    /// The provider means to take it away.
    pub deprecated: bool,
}

/// 128 bits of SHA-256 over a listing's JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListingDigest(pub [u8; 16]);
