//! Cursors: where a page ended, in words that outlive the snapshot.

use std::{cmp::Ordering, fmt, str::FromStr};

use thiserror::Error;

use super::{Query, SortBy};
use crate::{provider::Slug, snapshot::Snapshot};

/// The place after a row, for the order in which it was given out. Opaque to callers: letters, digits, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    provider: Slug,
    id: String,
    /// How many matching rows stood before: used when the row is gone, and with it what it was ordered by.
    offset: u32,
}

impl Cursor {
    /// The place after a row that has `offset` rows of the page's order before and including it.
    #[must_use]
    pub fn after(snapshot: &Snapshot, row: u32, offset: u32) -> Option<Self> {
        let row = snapshot.rows().get(row as usize)?;
        Some(Self {
            provider: row.provider.slug.clone(),
            id: row.id.as_ref().to_owned(),
            offset,
        })
    }

    /// All that it is made of.
    pub(crate) fn parts(&self, read: impl FnOnce(u32, &str, &str)) {
        read(self.offset, self.provider.as_str(), &self.id);
    }

    /// How many of the rows `row_at(0..total)`, which stand in the query's order, come before or are the cursor's row.
    pub(super) fn position(&self, snapshot: &Snapshot, query: &Query, row_at: impl Fn(u32) -> u32, total: u32) -> u32 {
        let Query { filter, sort, .. } = query;
        let before = |is_before: &dyn Fn(u32) -> bool| {
            let (mut low, mut high) = (0, total);
            while low < high {
                let middle = low.midpoint(high);
                if is_before(row_at(middle)) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            low
        };
        match snapshot.find(&self.provider, &self.id) {
            // It may no longer match; its place among those that do is known all the same.
            Some(row) => before(&|at| snapshot.compare_rows(filter, *sort, at, row) != Ordering::Greater),
            None if sort.by == SortBy::Default => match snapshot.place(&self.provider, &self.id) {
                Some(place) => {
                    let gone = (filter.remoteness(&self.id), place);
                    let stands = |at: u32| (filter.remoteness(&snapshot.rows()[at as usize].id), at);
                    before(&|at| (stands(at) < gone) != sort.descending)
                }
                None => self.offset.min(total),
            },
            None => self.offset.min(total),
        }
    }
}

/// Hexadecimal digits of `offset/provider/id`.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}/{}/{}", self.offset, self.provider, self.id);
        text.bytes().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        Self::read(text).ok_or(InvalidCursor)
    }
}

impl Cursor {
    fn read(text: &str) -> Option<Self> {
        if text.len() > 4096 || !text.len().is_multiple_of(2) || !text.is_ascii() {
            return None;
        }
        let bytes: Option<Vec<u8>> = (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
            .collect();
        let text = String::from_utf8(bytes?).ok()?;
        let mut parts = text.splitn(3, '/');
        Some(Self {
            offset: parts.next()?.parse().ok()?,
            provider: Slug::new(parts.next()?).ok()?,
            id: parts.next()?.to_owned(),
        })
    }
}

/// Why a text is no cursor.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the cursor is not one that this service gave out; start again without it")]
pub struct InvalidCursor;
