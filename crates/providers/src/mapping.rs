//! What the rows of a provider's list mean: data first, and a named function where data is not enough.

use std::collections::BTreeMap;

use gatewayz_catalog::{Modality, Quote};
use serde::Deserialize;

mod build;
mod fields;
mod json;
mod list;
mod modality;
mod offers;
mod path;
mod prices;
mod reason;

pub use self::{
    list::ListReader,
    modality::KindWord,
    path::{Condition, DeveloperField, InvalidText, Path, PriceField, TimeField},
};

pub(crate) use self::{
    build::{Draft, model_id},
    json::Node,
    list::map_fixed,
    prices::{found, keep, price, sane, settle, token_price},
    reason::Reason,
};

use crate::quirks::Quirk;

/// What the rows of one list mean. Of several paths, the first that has a value counts.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mapping {
    /// The provider's id of the model.
    pub id: Vec<Path>,
    /// What is taken off the front of ids; the first that fits.
    pub strip: Vec<String>,
    /// What is put in front of ids.
    pub prefix: String,
    /// The name for people.
    pub name: Vec<Path>,
    /// Who made the model.
    pub developer: Vec<DeveloperField>,
    /// What the provider's words for developers mean; the empty text: that it cannot be told.
    pub developers: BTreeMap<String, String>,
    /// When it came out. Not named where the list has the time of the request, or one constant.
    pub created: Vec<TimeField>,
    /// What it is.
    pub description: Vec<Path>,
    /// The greatest number of tokens in prompt and answer.
    pub context: Vec<Path>,
    /// The greatest number of tokens in the answer.
    pub max_output: Vec<Path>,
    /// Lists of what goes in.
    pub input: Vec<Path>,
    /// Lists of what comes out.
    pub output: Vec<Path>,
    /// Both in one text: `text+image->text`.
    pub modality: Vec<Path>,
    /// What kind of model it is, in a word or a list of words.
    pub kind: Vec<Path>,
    /// What the provider's words for kinds mean, where they are not the usual ones.
    pub kinds: BTreeMap<String, KindWord>,
    /// What also goes in where a condition holds.
    pub input_if: BTreeMap<InputKind, Vec<Condition>>,
    /// The family of tokenizers.
    pub tokenizer: Vec<Path>,
    /// The prompt format.
    pub instruct_type: Vec<Path>,
    /// Lists of the parameters that it takes.
    pub parameters: Vec<Path>,
    /// Which values parameters have otherwise.
    pub default_parameters: Vec<Path>,
    /// Limits of each request.
    pub per_request_limits: Vec<Path>,
    /// Lists of free words.
    pub tags: Vec<Path>,
    /// The model's id on Hugging Face.
    pub hugging_face_id: Vec<Path>,
    /// Whether it calls functions: one of these holds.
    pub functions: Vec<Condition>,
    /// Whether answers can be streamed: one of these holds. Without any, everything that answers in text can.
    pub streaming: Vec<Condition>,
    /// Whether nobody else can read along: one of these holds.
    pub private: Vec<Condition>,
    /// Whether it will be taken away: one of these holds.
    pub deprecated: Vec<Condition>,
    /// Rows for which one of these holds are not served, and left out.
    pub drop: Vec<Condition>,
    /// What it costs.
    pub prices: PriceRules,
    /// Who serves it, where the provider passes requests on and each of them has its own price.
    pub offers: Option<OfferRules>,
    /// What only code can say.
    pub quirk: Option<Quirk>,
}

/// Something that can go into a model, as a key of a table.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(transparent)]
pub struct InputKind(pub Modality);

impl Default for Mapping {
    fn default() -> Self {
        // What so many lists have in common that a provider which adds it is understood at once.
        Self {
            id: paths(&["id"]),
            strip: Vec::new(),
            prefix: String::new(),
            name: paths(&["name", "display_name"]),
            developer: vec![DeveloperField::First],
            developers: BTreeMap::new(),
            created: Vec::new(),
            description: paths(&["description"]),
            context: paths(&[
                "context_length",
                "context_window",
                "max_model_len",
                "context_size",
                "max_context_length",
            ]),
            max_output: paths(&["max_completion_tokens", "max_output_length", "max_output_tokens"]),
            input: paths(&["architecture.input_modalities", "input_modalities"]),
            output: paths(&["architecture.output_modalities", "output_modalities"]),
            modality: paths(&["architecture.modality"]),
            kind: Vec::new(),
            kinds: BTreeMap::new(),
            input_if: BTreeMap::new(),
            tokenizer: paths(&["architecture.tokenizer"]),
            instruct_type: paths(&["architecture.instruct_type"]),
            parameters: paths(&["supported_parameters", "supported_sampling_parameters"]),
            default_parameters: paths(&["default_parameters"]),
            per_request_limits: paths(&["per_request_limits"]),
            tags: paths(&["tags"]),
            hugging_face_id: paths(&["hugging_face_id"]),
            functions: conditions(&[
                "supported_parameters = tools",
                "supported_features = tools",
                "supports_tools",
            ]),
            streaming: Vec::new(),
            private: Vec::new(),
            deprecated: Vec::new(),
            drop: Vec::new(),
            prices: PriceRules::default(),
            offers: None,
            quirk: None,
        }
    }
}

/// Where the prices of a row are. A price whose unit is not known is not named here, and so unknown.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PriceRules {
    /// The unit of all prices of tokens that name none of their own.
    pub quote: Quote,
    /// Where the currency is. Another one than US dollars: no price is known.
    pub currency: Option<Path>,
    /// What a price of zero means.
    pub zero: Zero,
    /// Rows of which a condition holds are not paid by the token, whatever stands in their price fields.
    pub unpriced: Vec<Condition>,
    /// Per token of the prompt.
    pub prompt: Vec<PriceField>,
    /// Per token of the answer.
    pub completion: Vec<PriceField>,
    /// Per prompt token read from the cache.
    pub input_cache_read: Vec<PriceField>,
    /// Per prompt token written to the cache.
    pub input_cache_write: Vec<PriceField>,
    /// Per token of reasoning.
    pub internal_reasoning: Vec<PriceField>,
    /// Per token of sound.
    pub audio: Vec<PriceField>,
    /// Per call, in dollars unless it says otherwise.
    pub request: Vec<PriceField>,
    /// Per image, in dollars unless it says otherwise.
    pub image: Vec<PriceField>,
    /// Per web search, in dollars unless it says otherwise.
    pub web_search: Vec<PriceField>,
    /// Prices of longer prompts.
    pub tier: Option<TierRules>,
    /// The fields to keep as they were sent, where they are not those that are read.
    pub raw: Vec<Path>,
}

impl Default for PriceRules {
    fn default() -> Self {
        Self {
            quote: Quote::UsdPerUnit,
            currency: None,
            zero: Zero::default(),
            unpriced: Vec::new(),
            prompt: Vec::new(),
            completion: Vec::new(),
            input_cache_read: Vec::new(),
            input_cache_write: Vec::new(),
            internal_reasoning: Vec::new(),
            audio: Vec::new(),
            request: Vec::new(),
            image: Vec::new(),
            web_search: Vec::new(),
            tier: None,
            raw: Vec::new(),
        }
    }
}

/// What a price of zero means.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Zero {
    /// That the price is not known.
    #[default]
    Unknown,
    /// That it is free.
    Free,
    /// That it is free where the id ends with `free`, and otherwise not known.
    Named,
}

/// The prices of prompts over one threshold.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierRules {
    /// Where the threshold is, in tokens.
    pub above: Path,
    /// Per token of the prompt.
    #[serde(default)]
    pub prompt: Vec<PriceField>,
    /// Per token of the answer.
    #[serde(default)]
    pub completion: Vec<PriceField>,
    /// Per prompt token read from the cache.
    #[serde(default)]
    pub input_cache_read: Vec<PriceField>,
    /// Per prompt token written to the cache.
    #[serde(default)]
    pub input_cache_write: Vec<PriceField>,
}

/// Who serves a model. The row itself keeps a price only where all of them agree; each becomes a row of its own, so that
/// who names one pays that one's price.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferRules {
    /// Where the list of them is.
    pub at: Path,
    /// Where the name of each is.
    pub name: Vec<Path>,
    /// The id of its row: `{id}:{offer}`.
    pub form: String,
    /// Offers for which all of these hold count.
    #[serde(default)]
    pub keep: Vec<Condition>,
    /// The greatest number of tokens in prompt and answer.
    #[serde(default)]
    pub context: Vec<Path>,
    /// The greatest number of tokens in the answer.
    #[serde(default)]
    pub max_output: Vec<Path>,
    /// Whether it calls functions: one of these holds.
    #[serde(default)]
    pub functions: Vec<Condition>,
    /// What it costs.
    #[serde(default)]
    pub prices: PriceRules,
}

fn paths(texts: &[&str]) -> Vec<Path> {
    texts.iter().filter_map(|text| Path::try_from(*text).ok()).collect()
}

fn conditions(texts: &[&str]) -> Vec<Condition> {
    texts
        .iter()
        .filter_map(|text| Condition::try_from(*text).ok())
        .collect()
}
