//! All prices of one model at one provider, and where they come from.

use serde::{Deserialize, Serialize};

use crate::price::{Image, Price, Request, Search, Token};

/// What one model costs at one provider. A price that is not known is `None`, which is never the same as free.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Hash, Serialize)]
#[serde(default)]
pub struct Pricing {
    /// Per token of the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Price<Token>>,
    /// Per token of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion: Option<Price<Token>>,
    /// Per prompt token that the provider finds in its cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_cache_read: Option<Price<Token>>,
    /// Per prompt token that the provider writes to its cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_cache_write: Option<Price<Token>>,
    /// Per token of reasoning that is not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub internal_reasoning: Option<Price<Token>>,
    /// Per token of sound in the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<Price<Token>>,
    /// Per call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Price<Request>>,
    /// Per image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<Price<Image>>,
    /// Per web search.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_search: Option<Price<Search>>,
    /// Prices of longer prompts, by rising threshold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<Tier>,
}

impl Pricing {
    /// Whether no price at all is known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the provider says that neither prompt nor answer is charged, and names no price of a call or an image.
    #[must_use]
    pub fn is_free(&self) -> bool {
        let free = |price: Option<Price<Token>>| price.is_some_and(Price::is_free);
        free(self.prompt)
            && free(self.completion)
            && self.request.is_none_or(Price::is_free)
            && self.image.is_none_or(Price::is_free)
    }

    /// The mean of the prices of a prompt token and of an answer token; `None` unless both are known.
    #[must_use]
    pub fn mean(&self) -> Option<Price<Token>> {
        let (prompt, completion) = (self.prompt?.steps(), self.completion?.steps());
        Some(Price::from_steps(prompt.midpoint(completion)))
    }

    /// The prices of a prompt of so many tokens.
    #[must_use]
    pub fn tier(&self, prompt_tokens: u64) -> Option<&Tier> {
        self.tiers.iter().rev().find(|tier| prompt_tokens > tier.above)
    }
}

/// The prices of prompts over a number of tokens; the whole request is charged by them.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Hash, Serialize)]
pub struct Tier {
    /// Prompts of more tokens than this.
    pub above: u64,
    /// Per token of the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Price<Token>>,
    /// Per token of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion: Option<Price<Token>>,
    /// Per prompt token that the provider finds in its cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_cache_read: Option<Price<Token>>,
    /// Per prompt token that the provider writes to its cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_cache_write: Option<Price<Token>>,
}

/// Who says what a model costs, in the order in which they are believed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PricingSource {
    /// The provider's own list.
    Provider,
    /// An operator, in the store.
    Operator,
    /// A public catalogue that was imported; which one.
    Import(Box<str>),
    /// The table of prices that ships with the gateway; its entry.
    Manual(Box<str>),
    /// Another provider's price of the same model: that provider's id of it.
    CrossReference(Box<str>),
}

impl PricingSource {
    /// The kind of source, a closed set: for labels and statistics.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Operator => "operator",
            Self::Import(_) => "import",
            Self::Manual(_) => "manual",
            Self::CrossReference(_) => "cross-reference",
        }
    }

    /// Reads what `Display` wrote.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let (kind, detail) = text.split_once(':').unwrap_or((text, ""));
        match kind {
            "provider" => Some(Self::Provider),
            "operator" => Some(Self::Operator),
            "import" => Some(Self::Import(detail.into())),
            "manual" => Some(Self::Manual(detail.into())),
            "cross-reference" => Some(Self::CrossReference(detail.into())),
            _ => None,
        }
    }
}

/// `manual:openai/gpt-4o`
impl std::fmt::Display for PricingSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())?;
        match self {
            Self::Provider | Self::Operator => Ok(()),
            Self::Import(detail) | Self::Manual(detail) | Self::CrossReference(detail) => write!(f, ":{detail}"),
        }
    }
}

impl Serialize for PricingSource {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PricingSource {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        Self::from_text(&text).ok_or_else(|| serde::de::Error::custom("unknown source of prices"))
    }
}
