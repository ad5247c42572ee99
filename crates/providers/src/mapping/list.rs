//! From the bytes of an answer to the list.

use std::{collections::HashMap, fmt, sync::Arc};

use gatewayz_catalog::{FetchedList, ListError, Listing, Skipped};

use super::{Mapping, Node, Reason, build};
use crate::{
    registry::AdapterParts,
    rows::{Cut, Envelope, RowLimits, RowReader},
};

/// Reads the list of one provider from its bytes, in pieces of any size and pages of any number. What it holds is bounded
/// by the listings.
pub struct ListReader {
    adapter: Arc<AdapterParts>,
    rows: RowReader,
    list: List,
    pages: u32,
}

impl ListReader {
    pub(crate) fn new(adapter: Arc<AdapterParts>) -> Self {
        let (path, max_bytes) = match &adapter.list {
            Some(list) => (&*list.rows, list.max_bytes),
            None => ("data", 0),
        };
        Self {
            rows: RowReader::new(path, RowLimits::of_bytes(max_bytes)),
            adapter,
            list: List::default(),
            pages: 0,
        }
    }

    /// Reads the next piece.
    ///
    /// # Errors
    ///
    /// [`ListError::TooLarge`] and [`ListError::Malformed`]: there is no list then.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), ListError> {
        let (mapping, list) = (&self.adapter.mapping, &mut self.list);
        self.rows.push(piece, |cut| list.row(mapping, cut))
    }

    /// Ends a page. The next piece begins the next one.
    ///
    /// # Errors
    ///
    /// [`ListError::Malformed`] where the page is not whole, or no list.
    pub fn finish_page(&mut self) -> Result<Envelope, ListError> {
        self.pages += 1;
        self.rows.finish_page()
    }

    /// The whole list, after the last page was finished.
    ///
    /// # Errors
    ///
    /// [`ListError::TooFew`] where nothing is in it, or less than half of what the provider is known to have;
    /// [`ListError::Malformed`] where more rows are unreadable than readable: the format changed.
    pub fn into_list(self) -> Result<FetchedList, ListError> {
        let rows = self.list.listings.len() as u64;
        if self.list.unreadable > rows {
            return Err(ListError::Malformed(format!(
                "{} rows cannot be read, {rows} can",
                self.list.unreadable
            )));
        }
        let least = self.adapter.least();
        if rows < least {
            return Err(ListError::TooFew { rows, least });
        }
        Ok(FetchedList {
            listings: self.list.listings,
            skipped: self.list.skipped,
            bytes: self.rows.bytes(),
            pages: self.pages,
        })
    }
}

impl fmt::Debug for ListReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListReader")
            .field("provider", &self.adapter.provider.slug)
            .field("pages", &self.pages)
            .field("listings", &self.list.listings.len())
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct List {
    listings: Vec<Listing>,
    by_id: HashMap<Arc<str>, usize, foldhash::fast::RandomState>,
    skipped: Skipped,
    unreadable: u64,
    seen: u64,
}

impl List {
    fn row(&mut self, mapping: &Mapping, cut: Cut<'_>) {
        self.seen += 1;
        match cut {
            Cut::TooLong => self.skip(Reason::RowTooLong, ""),
            Cut::TooDeep => self.skip(Reason::RowTooDeep, ""),
            Cut::Row(bytes) => {
                let node = std::str::from_utf8(bytes).ok().and_then(|text| Node::parse(text).ok());
                match node {
                    Some(node) => self.node(mapping, &node),
                    None => self.skip(Reason::RowUnreadable, ""),
                }
            }
        }
    }

    fn node(&mut self, mapping: &Mapping, node: &Node<'_>) {
        let Self {
            listings,
            by_id,
            skipped,
            ..
        } = self;
        let added = build::build(mapping, node, skipped, &mut |listing, skipped| {
            let next = listings.len();
            let at = *by_id.entry(listing.id.shared()).or_insert(next);
            if let Some(earlier) = listings.get_mut(at) {
                skipped.add(Reason::Duplicate.as_str(), listing.id.as_str());
                *earlier = listing;
            } else {
                listings.push(listing);
            }
        });
        if let Err((reason, row)) = added {
            self.skip(reason, &row);
        }
    }

    /// Counts a row that was left out, by what of its id is known, else by its position.
    fn skip(&mut self, reason: Reason, row: &str) {
        self.unreadable += u64::from(reason.is_unreadable_row());
        if row.is_empty() {
            self.skipped.add(reason.as_str(), &format!("row {}", self.seen));
        } else {
            self.skipped.add(reason.as_str(), row);
        }
    }
}

/// Rows that the registry itself has, as JSON texts.
pub(crate) fn map_fixed<'a>(mapping: &Mapping, rows: impl Iterator<Item = &'a str>) -> Vec<Listing> {
    let mut list = List::default();
    for row in rows {
        list.row(mapping, Cut::Row(row.as_bytes()));
    }
    list.listings
}
