//! Which rows a query wants.

use std::num::NonZeroU32;

use crate::{
    modality::Modalities,
    model::Model,
    price::{Price, Token},
    provider::Slug,
};

/// Whose rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Gateway {
    /// Those of all providers: `all`.
    #[default]
    All,
    /// Those of one.
    Provider(Slug),
}

impl Gateway {
    /// The name in keys and answers.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::All => "all",
            Self::Provider(slug) => slug.as_str(),
        }
    }
}

/// Which rows: those that meet all of it. The default is all rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// Whose.
    pub gateway: Gateway,
    /// Ids with this text in them, in any case, or of this developer or provider exactly.
    pub provider: Option<String>,
    /// Of this developer.
    pub developer: Option<String>,
    /// All of these words are in the id, the name or the canonical name, in any case.
    pub text: Option<String>,
    /// Whether it runs where nobody else can read along.
    pub private: Option<bool>,
    /// Whether the provider charges nothing.
    pub free: Option<bool>,
    /// All of these go in.
    pub input: Modalities,
    /// All of these come out.
    pub output: Modalities,
    /// A context of at least so many tokens.
    pub min_context: Option<NonZeroU32>,
    /// A context of at most so many tokens.
    pub max_context: Option<NonZeroU32>,
    /// A mean price of a token of at least this.
    pub min_price: Option<Price<Token>>,
    /// A mean price of a token of at most this.
    pub max_price: Option<Price<Token>>,
    /// It takes all of these parameters. Sorted, for equal filters to be equal.
    pub parameters: Vec<String>,
}

impl Filter {
    /// Whether it asks for nothing but a gateway.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let plain = Self {
            gateway: self.gateway.clone(),
            ..Self::default()
        };
        *self == plain
    }

    /// How far an id is from the text that is looked for: 0 where it is the text, 1 where it begins with it, each with
    /// or without what stands before the last slash; 2 otherwise. 0 where no text is looked for.
    pub(crate) fn remoteness(&self, id: &str) -> u8 {
        let Some(text) = self.text.as_deref().map(str::trim) else {
            return 0;
        };
        let name = id.rsplit('/').next().unwrap_or(id);
        let begins = |whole: &str| {
            let beginning = whole.as_bytes().get(..text.len());
            beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(text.as_bytes()))
        };
        if id.eq_ignore_ascii_case(text) || name.eq_ignore_ascii_case(text) {
            0
        } else if begins(id) || begins(name) {
            1
        } else {
            2
        }
    }

    /// Whether a row meets all of it.
    #[must_use]
    pub fn matches(&self, row: &Model) -> bool {
        let within = |is: Option<bool>| is.unwrap_or(false);
        let gateway = match &self.gateway {
            Gateway::All => true,
            Gateway::Provider(slug) => row.provider.slug == *slug,
        };
        gateway
            && self.private.is_none_or(|private| row.abilities.private == private)
            && self.free.is_none_or(|free| row.is_free() == free)
            && row.input.contains_all(self.input)
            && row.output.contains_all(self.output)
            && self
                .min_context
                .is_none_or(|least| within(row.context_length.map(|context| context >= least)))
            && self
                .max_context
                .is_none_or(|most| within(row.context_length.map(|context| context <= most)))
            && self
                .min_price
                .is_none_or(|least| within(row.pricing.mean().map(|mean| mean >= least)))
            && self
                .max_price
                .is_none_or(|most| within(row.pricing.mean().map(|mean| mean <= most)))
            && self
                .developer
                .as_deref()
                .is_none_or(|developer| row.developer.as_deref() == Some(developer))
            && self.parameters.iter().all(|parameter| row.takes(parameter))
            && self
                .provider
                .as_deref()
                .is_none_or(|provider| of_provider(row, provider))
            && self.text.as_deref().is_none_or(|text| has_words(row, text))
    }
}

fn of_provider(row: &Model, provider: &str) -> bool {
    row.provider.slug.as_str() == provider || row.developer.as_deref() == Some(provider) || contains(&row.id, provider)
}

fn has_words(row: &Model, text: &str) -> bool {
    text.split_whitespace()
        .all(|word| contains(&row.id, word) || contains(&row.name, word) || contains(&row.canonical, word))
}

/// Whether a text has another one in it, whatever the case of ASCII letters.
fn contains(text: &str, part: &str) -> bool {
    let (text, part) = (text.as_bytes(), part.as_bytes());
    let (Some(first), Some(last)) = (part.first(), part.last()) else {
        return true;
    };
    // Words of model ids begin alike more often than they end alike.
    text.windows(part.len()).any(|at| {
        at.last().is_some_and(|byte| byte.eq_ignore_ascii_case(last))
            && at.first().is_some_and(|byte| byte.eq_ignore_ascii_case(first))
            && at.eq_ignore_ascii_case(part)
    })
}
