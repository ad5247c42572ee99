//! One provider: its facts, its list, and what the list means.

use std::sync::Arc;

use gatewayz_catalog::{FetchedList, Listing, Provider, Skipped, Slug};

use crate::{
    mapping::{ListReader, Mapping},
    spec::ListSpec,
};

/// How the list of one provider is fetched and read. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Adapter(pub(super) Arc<AdapterParts>);

#[derive(Debug)]
pub(crate) struct AdapterParts {
    pub(crate) provider: Provider,
    pub(crate) list: Option<ListSpec>,
    pub(crate) mapping: Mapping,
    pub(crate) fixed: Vec<Listing>,
    pub(crate) verified: String,
    pub(crate) unverified: String,
}

impl AdapterParts {
    /// How many usable rows a list must have: half of what the provider is known to have, and one in any case. A list
    /// that is shorter would take away models that are most likely still there.
    pub(crate) fn least(&self) -> u64 {
        u64::from(self.provider.min_models.unwrap_or(0).div_ceil(2).max(1))
    }
}

impl Adapter {
    /// The provider's slug.
    #[must_use]
    pub fn slug(&self) -> &Slug {
        &self.0.provider.slug
    }

    /// Who the provider is.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.0.provider
    }

    /// How its list is fetched; `None` where it has none.
    #[must_use]
    pub fn list(&self) -> Option<&ListSpec> {
        self.0.list.as_ref()
    }

    /// What the rows of its list mean.
    #[must_use]
    pub fn mapping(&self) -> &Mapping {
        &self.0.mapping
    }

    /// A reader for one whole list.
    #[must_use]
    pub fn reader(&self) -> ListReader {
        ListReader::new(Arc::clone(&self.0))
    }

    /// The rows that the registry itself has for a provider without a list; `None` where it has none.
    #[must_use]
    pub fn fixed(&self) -> Option<FetchedList> {
        if self.0.fixed.is_empty() {
            return None;
        }
        Some(FetchedList {
            listings: self.0.fixed.clone(),
            skipped: Skipped::default(),
            bytes: 0,
            pages: 0,
        })
    }

    /// What of the mapping recorded answers prove.
    #[must_use]
    pub fn verified(&self) -> &str {
        &self.0.verified
    }

    /// What of it nobody has seen.
    #[must_use]
    pub fn unverified(&self) -> &str {
        &self.0.unverified
    }
}
