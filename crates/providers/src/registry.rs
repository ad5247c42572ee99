//! All providers: who they are, where their lists are, and what the lists mean.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use gatewayz_catalog::{AmbiguousName, Directory, Provider, Slug};
use thiserror::Error;

mod adapter;
mod check;
mod entry;
mod overrides;

pub use self::adapter::Adapter;
pub(crate) use self::adapter::AdapterParts;

use self::entry::Entry;

/// The providers that the gateway knows.
#[derive(Clone, Debug)]
pub struct Registry {
    adapters: BTreeMap<Slug, Adapter>,
    directory: Directory,
    /// The text's tables, which overrides change.
    tables: Arc<toml::Table>,
}

impl Registry {
    /// The registry that comes with the gateway. It is read once.
    ///
    /// # Errors
    ///
    /// None in a build whose tests passed: they read it.
    pub fn builtin() -> Result<Self, InvalidRegistry> {
        static BUILTIN: LazyLock<Result<Registry, InvalidRegistry>> =
            LazyLock::new(|| Registry::from_toml(include_str!("../data/providers.toml")));
        BUILTIN.clone()
    }

    /// Reads a registry: one table per provider, named by its slug.
    ///
    /// # Errors
    ///
    /// [`InvalidRegistry`] names the provider, the field and, where it can, the line.
    pub fn from_toml(text: &str) -> Result<Self, InvalidRegistry> {
        let tables = overrides::parse(text)?;
        Self::new(tables, text)
    }

    /// This registry with some fields of some providers changed, and with further providers.
    ///
    /// Tables are merged, all other values replaced; `auth`, `paging`, `offers` and `tier` are replaced whole. A table
    /// with a new slug adds a provider where it has a `name`.
    ///
    /// # Errors
    ///
    /// [`InvalidRegistry`] names the provider, the field and, where it can, the line of `text`.
    pub fn with_overrides(&self, text: &str) -> Result<Self, InvalidRegistry> {
        let changes = overrides::parse(text)?;
        let tables = overrides::merge(&self.tables, changes, text)?;
        Self::new(tables, text)
    }

    /// All providers and their names.
    #[must_use]
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// How the list of a provider is read; `None` for one that is not known. Aliases are resolved by the directory.
    #[must_use]
    pub fn adapter(&self, slug: &Slug) -> Option<&Adapter> {
        self.adapters.get(slug)
    }

    /// The adapter of a slug or an alias, in any case.
    #[must_use]
    pub fn resolve(&self, name: &str) -> Option<&Adapter> {
        self.adapters.get(&self.directory.resolve(name)?.slug)
    }

    /// All adapters, by slug.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Adapter> {
        self.adapters.values()
    }

    fn new(tables: toml::Table, text: &str) -> Result<Self, InvalidRegistry> {
        let mut adapters = BTreeMap::new();
        for (slug, table) in &tables {
            let slug = Slug::new(slug).map_err(|_invalid| InvalidRegistry::Slug {
                slug: slug.clone(),
                line: overrides::line_of(text, slug, None),
            })?;
            let entry: Entry = table
                .clone()
                .try_into()
                .map_err(|error: toml::de::Error| InvalidRegistry::Field {
                    line: overrides::line_of(text, slug.as_str(), Some(error.message())),
                    provider: slug.clone(),
                    message: error.message().to_owned(),
                })?;
            let adapter = entry.adapter(slug.clone()).map_err(|message| InvalidRegistry::Field {
                line: overrides::line_of(text, slug.as_str(), Some(&message)),
                provider: slug.clone(),
                message,
            })?;
            adapters.insert(slug, adapter);
        }
        let providers: Vec<Provider> = adapters
            .values()
            .map(|adapter: &Adapter| adapter.provider().clone())
            .collect();
        Ok(Self {
            directory: Directory::new(providers)?,
            adapters,
            tables: Arc::new(tables),
        })
    }
}

/// Why a registry, or a change of it, cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRegistry {
    /// It is no TOML, or not one table per provider.
    #[error("{}not a table of providers: {message}", at_line(*.line))]
    Syntax {
        /// The line, from 1.
        line: Option<usize>,
        /// What is wrong.
        message: String,
    },
    /// A slug is not spelled like one.
    #[error("{}`{slug}` is no slug: 1 to 64 lower-case letters, digits and inner `-`", at_line(*.line))]
    Slug {
        /// The line, from 1.
        line: Option<usize>,
        /// The slug.
        slug: String,
    },
    /// A change names a provider that there is not, and is not enough for a new one.
    #[error("{}there is no provider `{slug}`{}; a new one needs a `name`", at_line(*.line), suggestion(.nearest.as_ref()))]
    UnknownProvider {
        /// The line, from 1.
        line: Option<usize>,
        /// The slug.
        slug: String,
        /// The slug that is spelled most like it.
        nearest: Option<String>,
    },
    /// A field is not known, or its value is wrong.
    #[error("{}`{provider}`: {message}", at_line(*.line))]
    Field {
        /// The line, from 1, where the field stands in the text.
        line: Option<usize>,
        /// The provider.
        provider: Slug,
        /// What is wrong, with the name of the field.
        message: String,
    },
    /// Two providers claim one name.
    #[error(transparent)]
    Names(#[from] AmbiguousName),
}

fn at_line(line: Option<usize>) -> String {
    line.map(|line| format!("line {line}: ")).unwrap_or_default()
}

fn suggestion(slug: Option<&String>) -> String {
    slug.map(|slug| format!(" (did you mean `{slug}`?)"))
        .unwrap_or_default()
}
