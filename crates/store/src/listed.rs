//! A list compared with the rows that are there.

use std::collections::HashMap;

use gatewayz_catalog::{Changes, Listing, ModelId};

/// What identifies one row of a list: its id, the digest of all of it, and its place in the list.
#[derive(Debug)]
pub(crate) struct Fingerprint {
    pub(crate) id: ModelId,
    pub(crate) digest: [u8; 16],
    pub(crate) at: usize,
}

/// Between this many rows the runtime may do something else: at 5 µs a row, less than a millisecond.
pub(crate) const BREATH: usize = 128;

/// The rows of a list in its order, without those that come again later.
pub(crate) async fn fingerprints(listed: &[Listing]) -> Vec<Fingerprint> {
    let last: HashMap<&ModelId, usize, foldhash::fast::RandomState> =
        listed.iter().enumerate().map(|(at, row)| (&row.id, at)).collect();
    let mut prints = Vec::with_capacity(last.len());
    for (at, listing) in listed.iter().enumerate() {
        if last.get(&listing.id) == Some(&at) {
            prints.push(Fingerprint {
                id: listing.id.clone(),
                digest: listing.digest().0,
                at,
            });
        }
        if at % BREATH == BREATH - 1 {
            tokio::task::yield_now().await;
        }
    }
    prints
}

/// The rows of a provider that are there, by id.
pub(crate) type KnownRows = HashMap<Box<str>, Known, foldhash::fast::RandomState>;

/// A row that is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) key: i64,
    /// `None`: not one of this program's digests, so nothing is equal to it.
    pub(crate) digest: Option<[u8; 16]>,
    pub(crate) active: bool,
}

/// What a list changes.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    /// Which fingerprints are new or changed, by their index and rising.
    pub(crate) write: Vec<usize>,
    /// The keys of rows that are no longer listed, rising.
    pub(crate) remove: Vec<i64>,
    pub(crate) changes: Changes,
}

/// Compares. A row that was no longer listed and is listed again counts as changed, even if it is the same.
pub(crate) fn difference(prints: &[Fingerprint], mut known: KnownRows) -> Difference {
    let mut difference = Difference::default();
    for (at, print) in prints.iter().enumerate() {
        match known.remove(print.id.as_str()) {
            Some(row) if row.active && row.digest == Some(print.digest) => {
                difference.changes.unchanged += 1;
                continue;
            }
            Some(_) => difference.changes.changed += 1,
            None => difference.changes.added += 1,
        }
        difference.write.push(at);
    }
    difference.remove = known.values().filter(|row| row.active).map(|row| row.key).collect();
    difference.remove.sort_unstable();
    difference.changes.removed = difference.remove.len() as u64;
    difference
}
