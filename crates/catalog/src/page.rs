//! Pages: the answers to queries as callers receive them, made once.

mod compress;
mod key;
mod views;

use std::{fmt, sync::OnceLock};

use bytes::Bytes;
use gatewayz_cache_core::{Codec, CodecError};
use serde::Serialize;
use thiserror::Error;

pub use self::{compress::Encoding, key::PageKey, views::UniqueShape};
use crate::{
    iso::Iso,
    query::{Cursor, Query},
    snapshot::{Epoch, Snapshot, render},
};

/// From this size on, a page shares the bytes of its snapshot instead of copying them, if it has at least half of them:
/// a slice keeps all of them in memory for as long as the page is cached.
const SHARED_ROWS: usize = 1 << 20;
/// From this size on, a page is kept in memory only.
const LARGEST_SHARED_PAGE: usize = 4 << 20;

/// One rendered answer, with a strong entity tag, and compressed forms that are made on the first call.
///
/// Equal queries of equal epochs give equal bytes on every node.
pub struct Page {
    head: Bytes,
    rows: Bytes,
    tail: Bytes,
    etag: Box<str>,
    gzip: OnceLock<Bytes>,
    zstd: OnceLock<Bytes>,
}

impl Page {
    const DATA: &[u8] = b"{\"data\":[";
    const MODELS: &[u8] = b"{\"models\":[";

    /// Renders the page of a query. The time that a page says to be of is that of the catalogue's last change.
    #[must_use]
    pub fn render(snapshot: &Snapshot, query: &Query, extras: &Extras) -> Self {
        let selection = snapshot.select(query);
        let epoch = snapshot.epoch();
        let key = PageKey::new(query, extras).at(epoch);
        let end = selection.end();
        let has_more = selection.has_more();
        let next_cursor = selection
            .rows
            .last()
            .filter(|_| has_more)
            .and_then(|&row| Cursor::after(snapshot, row, end));
        let name = key.to_string();
        let tail = Tail {
            object: "list",
            total: selection.total,
            returned: selection.rows.len(),
            offset: selection.offset,
            limit: query.window.limit,
            has_more,
            next_offset: has_more.then_some(end),
            next_cursor: next_cursor.map(|cursor| cursor.to_string()),
            include_huggingface: extras.include_huggingface,
            gateway: query.filter.gateway.as_str(),
            note: extras.note,
            timestamp: Iso(snapshot.changed_at()),
            stamp: Stamp::new(snapshot, &name),
        };
        let mut fields = Vec::with_capacity(512);
        render(&tail, &mut fields);
        let mut page = Self::of_rows(snapshot, &selection.rows, &fields);
        page.etag = etag(epoch, &key);
        page
    }

    fn of_rows(snapshot: &Snapshot, rows: &[u32], fields: &[u8]) -> Self {
        // The fields are an object of their own: its brace becomes the comma behind the rows.
        let fields = fields.get(1..).unwrap_or_default();
        let adjacent = match (rows.first(), rows.last()) {
            (Some(&first), Some(&last))
                if last
                    .checked_sub(first)
                    .is_some_and(|span| span as usize == rows.len() - 1) =>
            {
                Some(first..last + 1)
            }
            _ => None,
        };
        let in_order = adjacent
            .filter(|_| rows.is_sorted())
            .map(|range| snapshot.objects(range));
        let is_shared = |rows: &&Bytes| rows.len() >= SHARED_ROWS && rows.len() >= snapshot.json_len() / 2;
        if let Some(rows) = in_order.as_ref().filter(is_shared) {
            let tail = [b"],", fields].concat();
            return Self::new(Bytes::from_static(Self::DATA), rows.clone(), Bytes::from(tail));
        }
        let size = match &in_order {
            Some(rows) => rows.len(),
            None => rows.iter().map(|&row| snapshot.object_bytes(row).len() + 1).sum(),
        };
        let mut body = Vec::with_capacity(Self::DATA.len() + size + 2 + fields.len());
        body.extend_from_slice(Self::DATA);
        match in_order {
            Some(rows) => body.extend_from_slice(&rows),
            None => {
                for (at, &row) in rows.iter().enumerate() {
                    if at > 0 {
                        body.push(b',');
                    }
                    body.extend_from_slice(snapshot.object_bytes(row));
                }
            }
        }
        body.extend_from_slice(b"],");
        body.extend_from_slice(fields);
        Self::new(Bytes::from(body.into_boxed_slice()), Bytes::new(), Bytes::new())
    }

    fn new(head: Bytes, rows: Bytes, tail: Bytes) -> Self {
        Self {
            head,
            rows,
            tail,
            etag: "".into(),
            gzip: OnceLock::new(),
            zstd: OnceLock::new(),
        }
    }

    /// The strong entity tag, with its quotes. Compressed forms have their own: see [`Page::etag_of`].
    #[must_use]
    pub fn etag(&self) -> &str {
        &self.etag
    }

    /// The parts of the body, to be written one after the other. Cheap: nothing is copied.
    pub fn parts(&self) -> impl Iterator<Item = Bytes> {
        [&self.head, &self.rows, &self.tail]
            .into_iter()
            .filter(|part| !part.is_empty())
            .cloned()
    }

    /// How many bytes the body has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.head.len() + self.rows.len() + self.tail.len()
    }

    /// Whether the body is empty; it never is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how many bytes it holds, compressed forms included.
    #[must_use]
    pub fn weight(&self) -> usize {
        // Rows that stand apart are the snapshot's own, and counted there. Long ones shrink to less than a tenth, twice.
        let packed = if self.rows.is_empty() {
            self.len() / 2
        } else {
            self.len() / 5
        };
        self.head.len() + self.tail.len() + packed
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page")
            .field("len", &self.len())
            .field("etag", &self.etag)
            .finish_non_exhaustive()
    }
}

/// What an answer says besides its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Extras {
    /// Echoed to the caller.
    pub include_huggingface: bool,
    /// Words for people.
    pub note: Option<&'static str>,
}

#[derive(Serialize)]
struct Tail<'a> {
    object: &'static str,
    total: u32,
    returned: usize,
    offset: u32,
    limit: Option<u32>,
    has_more: bool,
    next_offset: Option<u32>,
    next_cursor: Option<String>,
    include_huggingface: bool,
    gateway: &'a str,
    note: Option<&'static str>,
    timestamp: Iso,
    #[serde(flatten)]
    stamp: Stamp<'a>,
}

/// What a page says of itself: the last of its fields.
#[derive(Serialize)]
struct Stamp<'a> {
    #[serde(rename = "_cached_at")]
    cached_at: Iso,
    #[serde(rename = "_cache_ttl")]
    cache_ttl: u64,
    #[serde(rename = "_cache_key")]
    cache_key: &'a str,
    /// Last, where the shared form is read from.
    epoch: &'a str,
}

impl<'a> Stamp<'a> {
    fn new(snapshot: &'a Snapshot, cache_key: &'a str) -> Self {
        Self {
            cached_at: Iso(snapshot.changed_at()),
            cache_ttl: crate::keyspaces::PAGES.policy.ttl.as_secs(),
            cache_key,
            epoch: snapshot.epoch_text(),
        }
    }
}

fn etag(epoch: impl fmt::Display, key: &PageKey) -> Box<str> {
    format!("\"{epoch}-{}\"", key.short()).into()
}

/// Pages in the shared tier: the answer itself.
#[derive(Debug)]
pub(crate) struct PageCodec;

/// Why bytes are no page, or a page has no bytes.
#[derive(Debug, Error)]
pub(crate) enum PageCodecError {
    #[error("the page has {0} bytes, too many for the shared tier")]
    TooLarge(usize),
    #[error("not a page")]
    Malformed,
}

impl Codec<Page> for PageCodec {
    fn encode(&self, page: &Page) -> Result<Bytes, CodecError> {
        if page.len() > LARGEST_SHARED_PAGE {
            return Err(std::sync::Arc::new(PageCodecError::TooLarge(page.len())));
        }
        if page.rows.is_empty() && page.tail.is_empty() {
            return Ok(page.head.clone());
        }
        Ok(page
            .parts()
            .fold(Vec::with_capacity(page.len()), |mut body, part| {
                body.extend_from_slice(&part);
                body
            })
            .into())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Page, CodecError> {
        let malformed = || -> CodecError { std::sync::Arc::new(PageCodecError::Malformed) };
        let (key, epoch) = ending(bytes).ok_or_else(malformed)?;
        let mut page = Page::new(Bytes::copy_from_slice(bytes), Bytes::new(), Bytes::new());
        page.etag = etag(epoch, &key);
        Ok(page)
    }
}

/// The key and the epoch that a rendered page ends with.
fn ending(bytes: &[u8]) -> Option<(PageKey, &str)> {
    const CACHE_KEY: &str = "\"_cache_key\":\"catalog:v2:";
    // What was cut off in front still has its ending.
    if !bytes.starts_with(Page::DATA) && !bytes.starts_with(Page::MODELS) {
        return None;
    }
    let start = bytes.len().saturating_sub(256);
    // Rows may be of any language: the slice begins at a character only by luck.
    let tail = (start..bytes.len().min(start + 4)).find_map(|at| std::str::from_utf8(&bytes[at..]).ok())?;
    let (_, rest) = tail.rsplit_once(CACHE_KEY)?;
    let (key, rest) = rest.split_once('"')?;
    let epoch = rest.strip_prefix(",\"epoch\":\"")?.strip_suffix("\"}")?;
    let hex = epoch.len() == 2 * size_of::<Epoch>() && epoch.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some((gatewayz_cache_core::CacheKey::decode(key)?, epoch)).filter(|_| hex)
}

#[cfg(test)]
mod tests;
