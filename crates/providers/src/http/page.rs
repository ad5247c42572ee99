//! Which page comes next.

use std::collections::BTreeMap;

use gatewayz_catalog::ListError;
use url::Url;

use crate::{rows::Envelope, spec::Paging};

/// A list has no more pages than this.
pub(crate) const MOST: u32 = 1000;

/// Walks through the pages of a list.
#[derive(Debug)]
pub(crate) struct Pages<'a> {
    paging: &'a Paging,
    /// How many were read.
    n_read: u32,
    /// The cursor that the next page begins at.
    cursor: Option<String>,
    /// All cursors so far.
    seen: std::collections::HashSet<String>,
    /// How many rows the first one had.
    rows_of_first: u64,
    /// What the last one looked like, where only that tells whether a provider knows of pages.
    last: Option<[u8; 32]>,
}

impl<'a> Pages<'a> {
    pub(crate) fn new(paging: &'a Paging) -> Self {
        Self {
            paging,
            n_read: 0,
            cursor: None,
            seen: std::collections::HashSet::new(),
            rows_of_first: 0,
            last: None,
        }
    }

    /// How many pages were read.
    pub(crate) const fn n_read(&self) -> u32 {
        self.n_read
    }

    /// Whether pages must be compared to know that they differ.
    pub(crate) const fn compares(&self) -> bool {
        matches!(self.paging, Paging::Number { .. })
    }

    /// The address of the next page.
    pub(crate) fn address(&self, base: &Url) -> Url {
        let mut url = base.clone();
        let (query, own) = match self.paging {
            Paging::None => return url,
            Paging::Cursor { query, parameter, .. } => {
                let own = self.cursor.as_ref().map(|cursor| (parameter, cursor.clone()));
                (query, own)
            }
            Paging::Number {
                query,
                parameter,
                first,
                ..
            } => (
                query,
                Some((parameter, (u64::from(*first) + u64::from(self.n_read)).to_string())),
            ),
        };
        append(
            &mut url,
            query,
            own.as_ref().map(|(name, value)| (name.as_str(), value.as_str())),
        );
        url
    }

    /// Takes note of a page; whether there is another one.
    pub(crate) fn read(&mut self, page: &Envelope, digest: Option<[u8; 32]>) -> Result<bool, ListError> {
        self.n_read += 1;
        if self.n_read == 1 {
            self.rows_of_first = page.rows();
        }
        let more = match self.paging {
            Paging::None => false,
            Paging::Cursor { next, more, .. } => self.follow(page, next, more.as_deref())?,
            Paging::Number { total, .. } => self.count(page, total.as_deref(), digest)?,
        };
        if more && self.n_read >= MOST {
            return Err(malformed(format!("it has more than {MOST} pages")));
        }
        Ok(more)
    }

    fn follow(&mut self, page: &Envelope, next: &str, more: Option<&str>) -> Result<bool, ListError> {
        if more.is_some_and(|more| page.flag(more) != Some(true)) {
            return Ok(false);
        }
        match page.text(next) {
            Some(cursor) => {
                if !self.seen.insert(cursor.clone()) {
                    // Some (Cohere) name a next page even where all rows are there, and it has none.
                    if page.rows() == 0 {
                        return Ok(false);
                    }
                    return Err(malformed(format!("page {} leads back to an earlier one", self.n_read)));
                }
                self.cursor = Some(cursor);
                Ok(true)
            }
            None if more.is_some() => Err(malformed(format!(
                "page {} does not say where the next one is",
                self.n_read
            ))),
            None => Ok(false),
        }
    }

    fn count(&mut self, page: &Envelope, total: Option<&str>, digest: Option<[u8; 32]>) -> Result<bool, ListError> {
        if let Some(total) = total.and_then(|total| page.number(total)) {
            return Ok(u64::from(self.n_read) < total);
        }
        if page.rows() == 0 || page.rows() < self.rows_of_first {
            return Ok(false);
        }
        if digest.is_some() && digest == self.last {
            return Err(malformed(format!("page {} is the one before it", self.n_read)));
        }
        self.last = digest;
        Ok(true)
    }
}

fn append(url: &mut Url, query: &BTreeMap<String, String>, own: Option<(&str, &str)>) {
    if query.is_empty() && own.is_none() {
        return;
    }
    let mut pairs = url.query_pairs_mut();
    pairs.extend_pairs(query);
    pairs.extend_pairs(own);
}

fn malformed(what: String) -> ListError {
    ListError::Malformed(what)
}
