//! Models, whoever serves them: the rows of a snapshot, grouped by canonical name.
//!
//! A provider counts once per model. Where it has several rows of one (a `:free` twin, the same model of several
//! upstreams), the cheapest of them is its offer; the others are found among the rows.
//!
//! A model's `id` and its name are those of its first rows, not of its cheapest offer: they must not change whenever
//! a price does. An `id` is short, and therefore not always unique; `canonical_slug` is.

mod index;
mod json;
#[cfg(test)]
mod tests;

use std::{fmt, num::NonZeroU32};

use bytes::Bytes;

use self::index::Group;
pub(crate) use self::{
    index::{UniqueIndex, by_cost},
    json::{OfferJson, UniqueTail},
};
use crate::{
    model::Model,
    price::{Price, Token},
    query::Filter,
    snapshot::{Snapshot, render},
};

/// Which models, in which order, and which part of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UniqueQuery {
    /// Models with at least one offer that meets all of it. They are shown with all of their offers.
    pub filter: Filter,
    /// Models with at least so many providers.
    pub min_providers: Option<NonZeroU32>,
    /// Echoed to the caller. A snapshot has no inactive rows, so that it changes nothing else.
    pub include_inactive: bool,
    /// By what they are ordered. Models that are equal in it stand in the order of their canonical names.
    pub sort_by: UniqueSortBy,
    /// The greatest first.
    pub descending: bool,
    /// How many models are left out before the first.
    pub offset: u32,
    /// How many models at most; `None`: all that follow.
    pub limit: Option<u32>,
}

impl UniqueQuery {
    /// The greatest limit that callers may ask for.
    pub const MAX_LIMIT: u32 = 1000;

    /// All models, those of the most providers first.
    #[must_use]
    pub fn all() -> Self {
        Self {
            limit: None,
            ..Self::default()
        }
    }
}

/// The first hundred models, those of the most providers first.
impl Default for UniqueQuery {
    fn default() -> Self {
        Self {
            filter: Filter::default(),
            min_providers: None,
            include_inactive: false,
            sort_by: UniqueSortBy::ProviderCount,
            descending: true,
            offset: 0,
            limit: Some(100),
        }
    }
}

/// What models are ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UniqueSortBy {
    /// How many providers serve it.
    #[default]
    ProviderCount,
    /// The name for people.
    Name,
    /// The lowest price of a prompt token. Models of which none is known come last, in both directions.
    CheapestPrice,
}

impl UniqueSortBy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::ProviderCount, Self::Name, Self::CheapestPrice];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProviderCount => "provider_count",
            Self::Name => "name",
            Self::CheapestPrice => "cheapest_price",
        }
    }

    /// The order that a word means.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.as_str() == word)
    }
}

/// The models that answer a query. As JSON the documented answer of `/v1/models/unique`.
#[derive(Clone, Debug)]
pub struct UniquePage<'a> {
    /// What was asked for.
    pub query: UniqueQuery,
    /// The models of this page.
    pub models: Vec<UniqueModel<'a>>,
    /// How many models match in all.
    pub total: u32,
    /// How many matching models stand before the first.
    pub offset: u32,
}

impl UniquePage<'_> {
    /// How many matching models stand before the next page.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.offset
            .saturating_add(u32::try_from(self.models.len()).unwrap_or(u32::MAX))
    }

    /// Whether more models follow.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.end() < self.total
    }
}

/// One model with its offers. As JSON the documented item of `/v1/models/unique`; it is written from the rows' JSON.
#[derive(Clone, Copy)]
pub struct UniqueModel<'a> {
    snapshot: &'a Snapshot,
    group: &'a Group,
}

impl<'a> UniqueModel<'a> {
    fn row(self, at: u32) -> &'a Model {
        &self.snapshot.rows()[at as usize]
    }

    /// The one name that all of its offers share.
    #[must_use]
    pub fn canonical(self) -> &'a str {
        &self.row(self.group.first).canonical
    }

    /// The last segment of the id of its first row.
    #[must_use]
    pub fn id(self) -> &'a str {
        let id: &str = &self.row(self.group.first).id;
        id.rsplit('/').find(|segment| !segment.is_empty()).unwrap_or(id)
    }

    /// The name for people: that of its first row with a name that is not just its id.
    #[must_use]
    pub fn name(self) -> &'a str {
        &self.row(self.group.named).name
    }

    /// One row per provider, the cheapest first: by the mean price of a token, then those of which only the price of
    /// a prompt token is known by that, then the others. Equal ones stand in the order of providers.
    #[must_use]
    pub fn offers(self) -> &'a [u32] {
        self.snapshot.unique_index().offers(self.group)
    }

    /// How many providers serve it.
    #[must_use]
    pub fn provider_count(self) -> u32 {
        self.group.provider_count()
    }

    /// The offer with the lowest price of a prompt token; `None` where no such price is known.
    ///
    /// It need not be the first of the offers: an offer with cheap prompts may have dear answers.
    #[must_use]
    pub fn cheapest(self) -> Option<u32> {
        self.group.cheapest
    }

    /// The offer that answers soonest; `None` where nothing is known.
    #[must_use]
    pub fn fastest(self) -> Option<u32> {
        self.group.fastest
    }

    /// The lowest price of a prompt token.
    #[must_use]
    pub fn cheapest_prompt_price(self) -> Option<Price<Token>> {
        self.row(self.cheapest()?).pricing.prompt
    }

    /// The lowest mean time of an answer in milliseconds.
    #[must_use]
    pub fn fastest_response_time(self) -> Option<u32> {
        self.row(self.fastest()?).average_response_time_ms
    }
}

impl fmt::Debug for UniqueModel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UniqueModel")
            .field("canonical", &self.canonical())
            .field("provider_count", &self.provider_count())
            .finish_non_exhaustive()
    }
}

impl Snapshot {
    /// How many models there are, whoever serves them.
    #[must_use]
    pub fn unique_count(&self) -> usize {
        self.unique_index().groups().len()
    }

    /// All models, by canonical name.
    pub fn unique_models(&self) -> impl ExactSizeIterator<Item = UniqueModel<'_>> {
        self.unique_index().groups().iter().map(|group| self.model_of(group))
    }

    /// The model with a canonical name.
    #[must_use]
    pub fn unique_model(&self, canonical: &str) -> Option<UniqueModel<'_>> {
        let groups = self.unique_index().groups();
        let name = |group: &Group| &*self.rows()[group.first as usize].canonical;
        let at = groups.binary_search_by(|group| name(group).cmp(canonical)).ok()?;
        Some(self.model_of(&groups[at]))
    }

    /// The models that answer a query.
    #[must_use]
    pub fn unique(&self, query: &UniqueQuery) -> UniquePage<'_> {
        let least = query.min_providers.map_or(0, NonZeroU32::get);
        let wants_all = query.filter == Filter::default();
        let matches = |model: &UniqueModel<'_>| {
            let met_by = |row: &u32| query.filter.matches(&self.rows()[*row as usize]);
            model.provider_count() >= least && (wants_all || model.offers().iter().any(met_by))
        };
        let index = self.unique_index();
        let order = index.order(self, query.sort_by, query.descending);
        let mut total = 0;
        let mut models = Vec::new();
        for model in order
            .iter()
            .map(|&at| self.model_of(&index.groups()[at as usize]))
            .filter(matches)
        {
            let is_within = query
                .limit
                .is_none_or(|limit| total < query.offset.saturating_add(limit));
            if total >= query.offset && is_within {
                models.push(model);
            }
            total += 1;
        }
        UniquePage {
            query: query.clone(),
            models,
            total,
            offset: query.offset.min(total),
        }
    }

    /// All models as one JSON array, those of the most providers first: the documented value of `models:unique`.
    /// Written anew by each call.
    #[must_use]
    pub fn unique_json(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.len() * 700 + 2);
        render(&self.unique(&UniqueQuery::all()).models, &mut out);
        Bytes::from(out)
    }

    fn model_of<'a>(&'a self, group: &'a Group) -> UniqueModel<'a> {
        UniqueModel { snapshot: self, group }
    }
}
