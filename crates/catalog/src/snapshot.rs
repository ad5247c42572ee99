//! The catalogue at one moment: immutable, published whole.
//!
//! Rows stand in their default order (providers by [`Priority`](crate::Priority) and name, then ids), so that the
//! list of one provider, and every page of the whole in that order, is one slice of one buffer of JSON.

mod build;
mod decode;
mod intern;
mod order;
mod write;

use std::{
    cmp::Ordering,
    fmt,
    ops::Range,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use self::order::Orders;
pub(crate) use self::{
    build::{REFERENCE, render},
    decode::SnapshotCodec,
};
use crate::{
    model::Model,
    provider::{Directory, Provider, Slug},
    query::SortBy,
    unique::UniqueIndex,
};

/// An immutable catalogue with indexes, and with each row's JSON made once.
pub struct Snapshot {
    directory: Arc<Directory>,
    epoch: Epoch,
    epoch_text: Box<str>,
    changed_at: u64,
    rows: Box<[Model]>,
    /// All rows' objects, joined by commas.
    json: Bytes,
    /// Where each row's object begins; one more than there are rows.
    offsets: Box<[u32]>,
    /// The rows of each provider that has any, in the order of the rows.
    providers: Box<[(Arc<Provider>, Range<u32>)]>,
    /// Rows by id, by canonical name, by developer.
    by_id: Box<[u32]>,
    by_canonical: Box<[u32]>,
    by_developer: Box<[u32]>,
    orders: Orders,
    unique: OnceLock<UniqueIndex>,
}

/// Which catalogue it is: a digest of all of its JSON, and of the names of its providers. The same models give the same
/// epoch on every node.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch([u8; 16]);

impl Epoch {
    /// The digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// 32 hexadecimal digits.
impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("epoch", &self.epoch)
            .field("changed_at", &self.changed_at)
            .field("rows", &self.rows.len())
            .finish_non_exhaustive()
    }
}

impl Snapshot {
    /// Puts rows that stand in their order, and their JSON, into a snapshot.
    fn assemble(directory: Arc<Directory>, rows: Vec<Model>, json: Bytes, offsets: Vec<u32>) -> Self {
        let mut providers: Vec<(Arc<Provider>, Range<u32>)> = Vec::new();
        for (row, at) in rows.iter().zip(0_u32..) {
            match providers.last_mut() {
                Some((provider, range)) if provider.slug == row.provider.slug => range.end = at + 1,
                _ => providers.push((Arc::clone(&row.provider), at..at + 1)),
            }
        }
        let digest = || {
            let mut digest = Sha256::new();
            digest.update(&json);
            for (provider, _) in &providers {
                // Models with their offers show it; the rows' JSON does not.
                digest.update(provider.name.as_bytes());
                digest.update([0]);
            }
            digest.finalize()
        };
        let (digest, [by_id, by_canonical, by_developer]) = beside(digest, || {
            [
                sorted(&rows, |a, b| a.id.cmp(&b.id)),
                sorted(&rows, |a, b| a.canonical.cmp(&b.canonical)),
                sorted(&rows, |a, b| a.developer.cmp(&b.developer)),
            ]
        });
        let mut epoch = [0; 16];
        epoch.copy_from_slice(&digest[..16]);
        Self {
            directory,
            epoch: Epoch(epoch),
            epoch_text: Epoch(epoch).to_string().into(),
            changed_at: rows.iter().map(|row| row.updated_at).max().unwrap_or(0),
            by_id,
            by_canonical,
            by_developer,
            orders: Orders::default(),
            unique: OnceLock::new(),
            rows: rows.into(),
            json,
            offsets: offsets.into(),
            providers: providers.into(),
        }
    }

    /// Which catalogue it is.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(crate) fn epoch_text(&self) -> &str {
        &self.epoch_text
    }

    /// When any of its rows changed last, seconds since 1970. The same on every node, as the epoch is.
    #[must_use]
    pub const fn changed_at(&self) -> u64 {
        self.changed_at
    }

    /// All providers that are known, whether they have rows or not.
    #[must_use]
    pub const fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// All rows in their default order.
    #[must_use]
    pub const fn rows(&self) -> &[Model] {
        &self.rows
    }

    /// How many rows there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many bytes of JSON it has.
    pub(crate) const fn json_len(&self) -> usize {
        self.json.len()
    }

    /// The JSON object of a row.
    #[must_use]
    pub fn object(&self, row: u32) -> Bytes {
        self.objects(row..row.saturating_add(1))
    }

    /// The same, borrowed.
    pub(crate) fn object_bytes(&self, row: u32) -> &[u8] {
        let row = row as usize;
        match (self.offsets.get(row), self.offsets.get(row + 1)) {
            (Some(&start), Some(&end)) if start < end => &self.json[start as usize..end as usize - 1],
            _ => &[],
        }
    }

    /// The JSON objects of adjacent rows, joined by commas. Nothing is copied. Empty where the range is not one of
    /// rows.
    #[must_use]
    pub fn objects(&self, rows: Range<u32>) -> Bytes {
        match (
            self.offsets.get(rows.start as usize),
            self.offsets.get(rows.end as usize),
        ) {
            // The comma between the last of them and the next is left out.
            (Some(&start), Some(&end)) if start < end => self.json.slice(start as usize..end as usize - 1),
            _ => Bytes::new(),
        }
    }

    /// The providers that have rows, with their rows, in the order of the rows.
    #[must_use]
    pub const fn providers(&self) -> &[(Arc<Provider>, Range<u32>)] {
        &self.providers
    }

    /// The rows of a provider.
    #[must_use]
    pub fn provider_rows(&self, slug: &str) -> Range<u32> {
        self.providers
            .iter()
            .find(|(provider, _)| provider.slug.as_str() == slug)
            .map_or(0..0, |(_, range)| range.clone())
    }

    /// The row of a provider's model.
    #[must_use]
    pub fn find(&self, provider: &Slug, id: &str) -> Option<u32> {
        let range = self.provider_rows(provider.as_str());
        let rows = self.rows.get(range.start as usize..range.end as usize)?;
        let at = rows.binary_search_by(|row| row.id.as_ref().cmp(id)).ok()?;
        Some(range.start + u32::try_from(at).ok()?)
    }

    /// How many rows stand before where the row of a provider's model is or would be; `None` where nobody knows the
    /// provider, and with it its place.
    pub(crate) fn place(&self, provider: &Slug, id: &str) -> Option<u32> {
        let known = self.directory.resolve(provider.as_str())?;
        let place = self
            .rows
            .partition_point(|row| (build::rank(&row.provider), &*row.id) < (build::rank(known), id));
        u32::try_from(place).ok()
    }

    /// The rows with an id, of all providers.
    #[must_use]
    pub fn with_id(&self, id: &str) -> &[u32] {
        self.equal(&self.by_id, |row| row.id.as_ref().cmp(id))
    }

    /// The rows of one model, of all providers.
    #[must_use]
    pub fn with_canonical(&self, name: &str) -> &[u32] {
        self.equal(&self.by_canonical, |row| row.canonical.as_ref().cmp(name))
    }

    /// How many providers serve a model.
    pub(crate) fn provider_count(&self, canonical: &str) -> usize {
        let slug = |at: u32| &self.rows[at as usize].provider.slug;
        // They stand by provider.
        self.with_canonical(canonical)
            .chunk_by(|&a, &b| slug(a) == slug(b))
            .count()
    }

    /// The rows of one developer's models.
    #[must_use]
    pub fn with_developer(&self, developer: &str) -> &[u32] {
        self.equal(&self.by_developer, |row| row.developer.as_deref().cmp(&Some(developer)))
    }

    /// All rows grouped by canonical name, in the order of the names.
    pub fn groups(&self) -> impl Iterator<Item = &[u32]> {
        self.by_canonical
            .chunk_by(|&a, &b| self.rows[a as usize].canonical == self.rows[b as usize].canonical)
    }

    /// All rows in an order, the least first; rows that are equal in it stand in their default order. Made on the
    /// first call.
    pub(crate) fn ordered(&self, by: SortBy) -> &[u32] {
        self.orders.get(by, &self.rows)
    }

    fn equal<'a>(&self, index: &'a [u32], compare: impl Fn(&Model) -> Ordering) -> &'a [u32] {
        let order = |at: u32| compare(&self.rows[at as usize]);
        let start = index.partition_point(|&at| order(at) == Ordering::Less);
        let end = start + index[start..].partition_point(|&at| order(at) == Ordering::Equal);
        &index[start..end]
    }

    /// Which rows are offers of which model. Made by the first call.
    pub(crate) fn unique_index(&self) -> &UniqueIndex {
        self.unique
            .get_or_init(|| UniqueIndex::new(&self.rows, &self.by_canonical))
    }

    /// About how many bytes it holds.
    #[must_use]
    pub fn weight(&self) -> usize {
        let strings: usize = self.rows.iter().map(|row| row.id.len() + row.name.len() + 64).sum();
        let unique = self.unique.get().map_or(0, UniqueIndex::weight);
        self.json.len() + strings + unique + self.rows.len() * (size_of::<Model>() + 5 * size_of::<u32>())
    }
}

/// Does two things at once, or one after the other where the system has no thread to spare.
fn beside<T: Send, U>(work: impl Fn() -> T + Sync, meanwhile: impl FnOnce() -> U) -> (T, U) {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, &work);
        let meanwhile = meanwhile();
        let done = thread.ok().and_then(|thread| thread.join().ok());
        (done.unwrap_or_else(&work), meanwhile)
    })
}

/// The positions of the rows in an order; equal ones stay in the order of the rows.
fn sorted(rows: &[Model], compare: impl Fn(&Model, &Model) -> Ordering) -> Box<[u32]> {
    let mut index: Vec<u32> = (0_u32..).take(rows.len()).collect();
    index.sort_by(|&a, &b| compare(&rows[a as usize], &rows[b as usize]));
    index.into()
}

#[cfg(test)]
mod tests;
