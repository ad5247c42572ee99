//! Where a field of a row is, and what is asked of it: written in the registry as short texts.

use gatewayz_catalog::Quote;
use serde::{Deserialize, Deserializer, de::Error as _};
use thiserror::Error;

use super::json::Node;

/// Keys joined by `.`; a number is a position in an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    keys: Vec<Box<str>>,
}

/// A text of the registry is not well-formed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{text}` is not {expected}")]
pub struct InvalidText {
    text: String,
    expected: &'static str,
}

impl Path {
    pub(crate) fn keys(&self) -> impl DoubleEndedIterator<Item = &str> + Clone {
        self.keys.iter().map(|key| &**key)
    }

    /// The path of what this one lies in, empty for a field of the row itself.
    pub(crate) fn parent(&self) -> Self {
        let last = self.keys.len().saturating_sub(1);
        Self {
            keys: self.keys[..last].to_vec(),
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl TryFrom<&str> for Path {
    type Error = InvalidText;

    fn try_from(text: &str) -> Result<Self, InvalidText> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let keys: Vec<Box<str>> = text.split('.').map(Into::into).collect();
        if keys.iter().any(|key| key.is_empty() || !key.chars().all(plain)) {
            return Err(InvalidText {
                text: text.to_owned(),
                expected: "a path, keys of letters, digits, `_` and `-` joined by `.`",
            });
        }
        Ok(Self { keys })
    }
}

/// A path that may have a word behind an `@`.
fn split(text: &str) -> (&str, Option<&str>) {
    match text.split_once('@') {
        Some((path, word)) => (path.trim(), Some(word.trim())),
        None => (text.trim(), None),
    }
}

/// Where a price is: `pricing.prompt`, or with its own unit `cents_per_input_token @ cents-per-unit`.
#[derive(Clone, Debug, PartialEq)]
pub struct PriceField {
    pub(crate) path: Path,
    pub(crate) quote: Option<Quote>,
}

impl TryFrom<&str> for PriceField {
    type Error = InvalidText;

    fn try_from(text: &str) -> Result<Self, InvalidText> {
        let (path, quote) = split(text);
        let quote = quote.map(|word| {
            let word: serde::de::value::StrDeserializer<'_, serde::de::value::Error> =
                serde::de::IntoDeserializer::into_deserializer(word);
            Quote::deserialize(word).map_err(|_unknown| InvalidText {
                text: text.to_owned(),
                expected: "a price field; units are usd-per-unit, usd-per-thousand, usd-per-million, cents-per-unit and \
                           ten-thousandths-per-million",
            })
        });
        Ok(Self {
            path: Path::try_from(path)?,
            quote: quote.transpose()?,
        })
    }
}

/// Where the time is at which a model came out: `created @ epoch` or `created_at @ iso`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeField {
    pub(crate) path: Path,
    pub(crate) iso: bool,
}

impl TryFrom<&str> for TimeField {
    type Error = InvalidText;

    fn try_from(text: &str) -> Result<Self, InvalidText> {
        let (path, kind) = split(text);
        let iso = match kind {
            Some("epoch") => false,
            Some("iso") => true,
            _ => {
                return Err(InvalidText {
                    text: text.to_owned(),
                    expected: "a time; write `path @ epoch` or `path @ iso`",
                });
            }
        };
        Ok(Self {
            path: Path::try_from(path)?,
            iso,
        })
    }
}

/// Who made a model: `@first` or `@inner`, what stands before the first or the last `/` of the id; `=openai`, always
/// the same; or a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeveloperField {
    /// Before the first `/` of the id.
    First,
    /// Between the last two `/` of the id.
    Inner,
    /// Always this one.
    Always(String),
    /// What a field says.
    Field(Path),
}

impl TryFrom<&str> for DeveloperField {
    type Error = InvalidText;

    fn try_from(text: &str) -> Result<Self, InvalidText> {
        Ok(match text {
            "@first" => Self::First,
            "@inner" => Self::Inner,
            _ => match text.strip_prefix('=') {
                Some(always) => Self::Always(always.to_owned()),
                None => Self::Field(Path::try_from(text)?),
            },
        })
    }
}

/// A question to a row: `path` (is it there and not false), `path = a|b` (is it, or has it in its list, one of the
/// words), either with `!` before it for the contrary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    negated: bool,
    path: Path,
    words: Vec<String>,
}

impl Condition {
    pub(crate) fn holds(&self, row: &Node<'_>) -> bool {
        let found = row.at(&self.path);
        let yes = match self.words.as_slice() {
            [] => found.is_some_and(Node::is_true),
            words => found.is_some_and(|node| words.iter().any(|word| node.is_word(word))),
        };
        yes != self.negated
    }
}

impl TryFrom<&str> for Condition {
    type Error = InvalidText;

    fn try_from(text: &str) -> Result<Self, InvalidText> {
        let (negated, rest) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (path, words) = match rest.split_once('=') {
            Some((path, words)) => (path, words.split('|').map(|word| word.trim().to_owned()).collect()),
            None => (rest, Vec::new()),
        };
        if words.iter().any(String::is_empty) {
            return Err(InvalidText {
                text: text.to_owned(),
                expected: "a condition; write `path`, `path = a|b`, or either with `!` before it",
            });
        }
        Ok(Self {
            negated,
            path: Path::try_from(path.trim())?,
            words,
        })
    }
}

macro_rules! from_text {
    ($($name:ident),+) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
                Self::try_from(&*text).map_err(D::Error::custom)
            }
        }
    )+};
}
from_text!(Path, PriceField, TimeField, DeveloperField, Condition);
