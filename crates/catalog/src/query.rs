//! What one may ask of the catalogue, and the rows that answer it.

mod applied;
mod cursor;
mod filter;

use std::cmp::Ordering;

pub use self::{
    applied::AppliedFilters,
    cursor::{Cursor, InvalidCursor},
    filter::{Filter, Gateway},
};
use crate::{model::Model, snapshot::Snapshot};

/// Which rows, in which order, and which part of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Query {
    /// Which rows.
    pub filter: Filter,
    /// In which order.
    pub sort: Sort,
    /// Which part of them.
    pub window: Window,
}

/// An order of rows. Rows that are equal in it stand in the default order, so that pages never overlap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sort {
    /// By what.
    pub by: SortBy,
    /// The greatest first.
    pub descending: bool,
}

/// What rows are ordered by. Rows of which it is not known come last, in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SortBy {
    /// Providers by priority and name, then ids. Where the filter has a text, rows whose id is that text come first,
    /// then those whose id begins with it.
    #[default]
    Default,
    /// The name for people.
    Name,
    /// The mean of the prices of a prompt token and of an answer token.
    Price,
    /// The greatest number of tokens in prompt and answer.
    Context,
    /// When the model came out.
    Created,
    /// How many providers serve the model.
    Popularity,
}

impl SortBy {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Default,
        Self::Name,
        Self::Price,
        Self::Context,
        Self::Created,
        Self::Popularity,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Name => "name",
            Self::Price => "price",
            Self::Context => "context",
            Self::Created => "created",
            Self::Popularity => "popularity",
        }
    }

    /// The order that a word means.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.as_str() == word)
    }

    /// Compares what is known of two rows; popularity is not known of a single row.
    pub(crate) fn compare(self, a: &Model, b: &Model) -> Ordering {
        match self {
            Self::Default | Self::Popularity => Ordering::Equal,
            Self::Name => a.name.cmp(&b.name),
            Self::Price => a.pricing.mean().cmp(&b.pricing.mean()),
            Self::Context => a.context_length.cmp(&b.context_length),
            Self::Created => a.created.cmp(&b.created),
        }
    }

    /// Whether it is known of a row.
    pub(crate) fn knows(self, row: &Model) -> bool {
        match self {
            Self::Default | Self::Name | Self::Popularity => true,
            Self::Price => row.pricing.mean().is_some(),
            Self::Context => row.context_length.is_some(),
            Self::Created => row.created.is_some(),
        }
    }
}

/// Which part of the rows that match.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Where it begins.
    pub start: Start,
    /// How many rows at most; `None`: all that follow.
    pub limit: Option<u32>,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            start: Start::Offset(0),
            limit: Some(100),
        }
    }
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Start {
    /// After so many rows. Pages of different epochs may overlap or leave rows out.
    Offset(u32),
    /// After a row. Pages of different epochs neither overlap nor leave out rows that stayed; only when that row is
    /// gone, and the order is not the default one, they may.
    After(Cursor),
}

/// The rows of one page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Their positions in the snapshot, in the order asked for.
    pub rows: Vec<u32>,
    /// How many rows match in all.
    pub total: u32,
    /// How many matching rows stand before the first.
    pub offset: u32,
}

impl Selection {
    /// Whether more rows follow.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.end() < self.total
    }

    /// How many matching rows stand before the next page.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.offset
            .saturating_add(u32::try_from(self.rows.len()).unwrap_or(u32::MAX))
    }
}

/// Below so many milliseconds an answer is soon.
pub const LOW_LATENCY_MS: u32 = 500;
/// Below so many milliseconds an answer is at once.
pub const ULTRA_LOW_LATENCY_MS: u32 = 100;

impl Snapshot {
    /// The rows that answer in less than so many milliseconds on average, the fastest first.
    #[must_use]
    pub fn faster_than(&self, milliseconds: u32) -> Vec<u32> {
        let time = |at: u32| self.rows()[at as usize].average_response_time_ms;
        let is_faster = |at: &u32| time(*at).is_some_and(|time| time < milliseconds);
        let mut rows: Vec<u32> = (0..).take(self.len()).filter(is_faster).collect();
        rows.sort_by_key(|&at| time(at));
        rows
    }

    /// The rows that answer a query. Looks at each row of the gateway once; a query without filters looks at none.
    #[must_use]
    pub fn select(&self, query: &Query) -> Selection {
        let Query { filter, sort, window } = query;
        if filter.is_plain() && sort.by == SortBy::Default && !sort.descending {
            // The whole, or one provider's list, in the order in which the rows stand.
            let range = match &filter.gateway {
                Gateway::All => 0..u32::try_from(self.len()).unwrap_or(u32::MAX),
                Gateway::Provider(slug) => self.provider_rows(slug.as_str()),
            };
            let total = range.end - range.start;
            let offset = match &window.start {
                Start::Offset(offset) => (*offset).min(total),
                Start::After(cursor) => cursor.position(self, query, |at| range.start + at, total),
            };
            let end = window
                .limit
                .map_or(total, |limit| offset.saturating_add(limit).min(total));
            return Selection {
                rows: (range.start + offset..range.start + end).collect(),
                total,
                offset,
            };
        }
        let matching = self.matching(filter, *sort);
        let total = u32::try_from(matching.len()).unwrap_or(u32::MAX);
        let offset = match &window.start {
            Start::Offset(offset) => (*offset).min(total),
            Start::After(cursor) => cursor.position(self, query, |at| matching[at as usize], total),
        };
        let end = window
            .limit
            .map_or(total, |limit| offset.saturating_add(limit).min(total));
        Selection {
            rows: matching[offset as usize..end as usize].to_vec(),
            total,
            offset,
        }
    }

    /// All rows that match, in order.
    pub(crate) fn matching(&self, filter: &Filter, sort: Sort) -> Vec<u32> {
        let rows = self.rows();
        let matches = |at: &u32| filter.matches(&rows[*at as usize]);
        if sort.by == SortBy::Default {
            let mut matching: Vec<u32> = match &filter.gateway {
                Gateway::All => (0..u32::try_from(rows.len()).unwrap_or(u32::MAX))
                    .filter(matches)
                    .collect(),
                Gateway::Provider(slug) => self.provider_rows(slug.as_str()).filter(matches).collect(),
            };
            if filter.text.is_some() {
                matching.sort_by_cached_key(|&at| filter.remoteness(&rows[at as usize].id));
            }
            if sort.descending {
                matching.reverse();
            }
            return matching;
        }
        let ordered = self.ordered(sort.by);
        // Rows of which it is not known are the least of all, hence at the front.
        let unknown = ordered.partition_point(|&at| !sort.by.knows(&rows[at as usize]));
        let (unknown, known) = ordered.split_at(unknown);
        let mut matching: Vec<u32> = Vec::new();
        if sort.descending {
            // Runs of equal rows keep their order.
            let equal = |a: &u32, b: &u32| self.same_rank(sort.by, *a, *b);
            let runs: Vec<&[u32]> = known.chunk_by(equal).collect();
            matching.extend(runs.into_iter().rev().flatten().copied().filter(matches));
        } else {
            matching.extend(known.iter().copied().filter(matches));
        }
        matching.extend(unknown.iter().copied().filter(matches));
        matching
    }

    fn same_rank(&self, by: SortBy, a: u32, b: u32) -> bool {
        let rows = self.rows();
        let (a, b) = (&rows[a as usize], &rows[b as usize]);
        match by {
            SortBy::Popularity => self.provider_count(&a.canonical) == self.provider_count(&b.canonical),
            _ => by.compare(a, b) == Ordering::Equal,
        }
    }

    /// How two rows stand in a query's order: as [`matching`](Self::matching) puts them.
    pub(crate) fn compare_rows(&self, filter: &Filter, sort: Sort, a: u32, b: u32) -> Ordering {
        let rows = self.rows();
        let (left, right) = (&rows[a as usize], &rows[b as usize]);
        let turn = |order: Ordering| if sort.descending { order.reverse() } else { order };
        match sort.by {
            SortBy::Default => turn((filter.remoteness(&left.id), a).cmp(&(filter.remoteness(&right.id), b))),
            SortBy::Popularity => {
                let providers = |row: &Model| self.provider_count(&row.canonical);
                turn(providers(left).cmp(&providers(right))).then(a.cmp(&b))
            }
            by => (by.knows(right).cmp(&by.knows(left)))
                .then_with(|| turn(by.compare(left, right)))
                .then(a.cmp(&b)),
        }
    }
}

#[cfg(test)]
mod tests;
