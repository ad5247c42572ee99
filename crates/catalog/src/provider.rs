//! Providers: who serves models, under which slug and which other names.

use std::{borrow::Borrow, collections::HashMap, fmt, sync::Arc};

use gatewayz_cache_core::CacheKey;
use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

/// The one name of a provider in keys, tables and answers: lower-case letters, digits and inner `-`, at most 64 bytes.
///
/// `all` is none: it means all providers together. Other names that people use are resolved by [`Directory::resolve`] before anything is looked up.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Slug(Arc<str>);

impl Slug {
    /// Creates a slug.
    ///
    /// # Errors
    ///
    /// [`InvalidSlug`] when the text is not spelled like one.
    pub fn new(text: &str) -> Result<Self, InvalidSlug> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if text.is_empty()
            || text == "all"
            || text.len() > 64
            || !text.bytes().all(plain)
            || text.starts_with('-')
            || text.ends_with('-')
        {
            return Err(InvalidSlug);
        }
        Ok(Self(text.into()))
    }

    /// A slug that this crate itself names.
    pub(crate) fn known(text: &'static str) -> Self {
        debug_assert!(Self::new(text).is_ok(), "{text} is spelled like a slug");
        Self(text.into())
    }

    /// The slug as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for Slug {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Slug {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

impl CacheKey for Slug {
    fn encode(&self, out: &mut String) {
        out.push_str(&self.0);
    }

    fn decode(part: &str) -> Option<Self> {
        Self::new(part).ok()
    }

    fn heap_size(&self) -> usize {
        self.0.len()
    }
}

/// Why a text is no slug.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a provider slug is 1 to 64 lower-case letters, digits and inner `-`, and not `all`")]
pub struct InvalidSlug;

/// How soon a provider's list is worth waiting for.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Asked first.
    Fast,
    /// Asked after those.
    #[default]
    Slow,
}

/// What is known of a provider, apart from how to talk to it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// The one name.
    pub slug: Slug,
    /// The name for people.
    pub name: String,
    /// Other names that mean this provider.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Whether its list is asked for.
    #[serde(default = "yes")]
    pub active: bool,
    /// How soon its list is worth waiting for.
    #[serde(default)]
    pub priority: Priority,
    /// Its home page.
    #[serde(default)]
    pub site_url: Option<String>,
    /// The base URL of its chat API.
    #[serde(default)]
    pub base_url: Option<String>,
    /// The name of the environment variable with its key. Never the key.
    #[serde(default)]
    pub api_key_env: Option<String>,
    /// The colour that front ends show it in.
    #[serde(default)]
    pub color: Option<String>,
    /// The icon that front ends show.
    #[serde(default)]
    pub icon: Option<String>,
    /// The least number of models that a healthy list has.
    #[serde(default)]
    pub min_models: Option<u32>,
    /// Whether it is paid otherwise than by token (a subscription, the own machine), so that what others charge for
    /// the same model says nothing about it.
    #[serde(default)]
    pub flat_rate: bool,
}

impl Provider {
    /// A provider of which only the names are known: active, slow, paid by token.
    #[must_use]
    pub fn new(slug: Slug, name: impl Into<String>) -> Self {
        Self {
            slug,
            name: name.into(),
            aliases: Vec::new(),
            active: true,
            priority: Priority::default(),
            site_url: None,
            base_url: None,
            api_key_env: None,
            color: None,
            icon: None,
            min_models: None,
            flat_rate: false,
        }
    }
}

const fn yes() -> bool {
    true
}

/// All providers, found by slug and by alias.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    providers: Vec<Arc<Provider>>,
    by_name: HashMap<Box<str>, usize, foldhash::fast::RandomState>,
}

impl Directory {
    /// Creates a directory.
    ///
    /// # Errors
    ///
    /// [`AmbiguousName`] when two providers claim one name.
    pub fn new(providers: impl IntoIterator<Item = Provider>) -> Result<Self, AmbiguousName> {
        let mut directory = Self::default();
        for provider in providers {
            let at = directory.providers.len();
            let names = [provider.slug.as_str()]
                .into_iter()
                .chain(provider.aliases.iter().map(String::as_str));
            for name in names {
                let name = name.to_ascii_lowercase();
                if directory
                    .by_name
                    .insert(name.as_str().into(), at)
                    .is_some_and(|other| other != at)
                {
                    return Err(AmbiguousName { name });
                }
            }
            directory.providers.push(Arc::new(provider));
        }
        Ok(directory)
    }

    /// The provider of a slug or an alias, in any case.
    #[must_use]
    pub fn resolve(&self, name: &str) -> Option<&Arc<Provider>> {
        let at = match self.by_name.get(name) {
            Some(at) => at,
            None => self.by_name.get(name.trim().to_ascii_lowercase().as_str())?,
        };
        self.providers.get(*at)
    }

    /// All providers, in the order of their declaration.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Provider>> {
        self.providers.iter()
    }
}

/// Why a directory cannot be made.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("two providers are called `{name}`; rename one of them or drop its alias")]
pub struct AmbiguousName {
    /// The name that both claim.
    pub name: String,
}
