//! Gathers what a catalogue's rows become.

use std::collections::{BTreeMap, btree_map::Entry};

use gatewayz_catalog::{Directory, InvalidModelId, Listing, ModelId, Skipped, Slug};

use super::{
    Catalogue, Imported, MAX_ROWS,
    names::{self, Known},
};
use crate::mapping::model_id;

/// Why a row is left out: the whole set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    NoObject,
    Blank,
    TooLong,
    ControlCharacter,
    Documentation,
    NoProvider,
    Variant,
    PriceClass,
    Service,
    OtherMode,
    Twice,
}

impl Reason {
    const fn as_str(self) -> &'static str {
        match self {
            Self::NoObject => "row: no object",
            Self::Blank => "row: id is blank or has spaces at its ends",
            Self::TooLong => "row: id is too long",
            Self::ControlCharacter => "row: id has a control character",
            Self::Documentation => "row: documentation of the fields",
            Self::NoProvider => "row: names no provider",
            Self::Variant => "row: region, size or quality of another row",
            Self::PriceClass => "row: price class, not a model",
            Self::Service => "row: service, not a model",
            Self::OtherMode => "row: unknown kind of model",
            Self::Twice => "row: model is listed twice",
        }
    }
}

/// What is left out of a row that is otherwise taken: the whole set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Oddity {
    OtherType,
    PriceUnreadable,
    PriceNegative,
    PriceZero,
    PriceRange,
    PriceUnit,
}

impl Oddity {
    const fn as_str(self) -> &'static str {
        match self {
            Self::OtherType => "field: of another type",
            Self::PriceUnreadable => "price: no decimal",
            Self::PriceNegative => "price: negative, decided per request",
            Self::PriceZero => "price: zero that is not known to be free",
            Self::PriceRange => "price: out of range for its unit",
            Self::PriceUnit => "price: its unit is not told",
        }
    }
}

/// How many names of unknown providers are told apart.
const MAX_UNKNOWN: usize = 1000;

/// The listings of one provider.
#[derive(Debug, Default)]
struct List {
    listings: Vec<Listing>,
    /// Where each is, and of which rank.
    places: BTreeMap<ModelId, (usize, u8)>,
}

/// What was read so far.
#[derive(Debug)]
pub(super) struct Collector<'d> {
    catalogue: Catalogue,
    directory: &'d Directory,
    lists: BTreeMap<Slug, List>,
    rows: u64,
    rows_left_out: u64,
    unknown_providers: BTreeMap<String, u64>,
    skipped: Skipped,
}

impl<'d> Collector<'d> {
    pub(super) fn new(catalogue: Catalogue, directory: &'d Directory) -> Self {
        Self {
            catalogue,
            directory,
            lists: BTreeMap::new(),
            rows: 0,
            rows_left_out: 0,
            unknown_providers: BTreeMap::new(),
            skipped: Skipped::default(),
        }
    }

    /// Counts a row. Refused where there are too many.
    pub(super) fn begin_row(&mut self) -> Result<(), String> {
        self.rows += 1;
        if self.is_over_full() {
            return Err("too many rows".to_owned());
        }
        Ok(())
    }

    pub(super) const fn is_over_full(&self) -> bool {
        self.rows > MAX_ROWS
    }

    /// Our provider of a name; where there is none, its row is counted.
    pub(super) fn provider(&mut self, name: &str) -> Option<Known<'d>> {
        let known = names::provider(self.catalogue, name, self.directory);
        if known.is_none() {
            let name: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
            let full = self.unknown_providers.len() >= MAX_UNKNOWN && !self.unknown_providers.contains_key(&name);
            let name = if full { "(others)".to_owned() } else { name };
            *self.unknown_providers.entry(name).or_default() += 1;
        }
        known
    }

    /// Leaves a row out.
    pub(super) fn leave_out(&mut self, reason: Reason, row: &str) {
        self.rows_left_out += 1;
        self.skipped.add(reason.as_str(), row);
    }

    /// The id of a row; where it cannot be one, the row is left out.
    pub(super) fn id(&mut self, text: &str) -> Option<ModelId> {
        let reason = match model_id(text) {
            Ok(id) => return Some(id),
            Err(InvalidModelId::TooLong) => Reason::TooLong,
            Err(InvalidModelId::ControlCharacter) => Reason::ControlCharacter,
            Err(_) => Reason::Blank,
        };
        self.leave_out(reason, text);
        None
    }

    /// Takes a listing and notes what was odd about its row.
    ///
    /// Of two of one id, that of the lower rank is taken, and of the same rank the later one, as in any JSON object.
    pub(super) fn take(&mut self, slug: &Slug, rank: u8, mut listing: Listing, oddities: &[Oddity]) {
        for oddity in oddities {
            self.skipped.add(oddity.as_str(), listing.id.as_str());
        }
        listing.imported_from = Some(self.catalogue.as_str().to_owned());
        let list = match self.lists.get_mut(slug) {
            Some(list) => list,
            None => self.lists.entry(slug.clone()).or_default(),
        };
        let at = list.listings.len();
        match list.places.entry(listing.id.clone()) {
            Entry::Vacant(vacant) => {
                vacant.insert((at, rank));
                list.listings.push(listing);
            }
            Entry::Occupied(mut taken) => {
                let id = listing.id.clone();
                let (at, best) = taken.get_mut();
                if rank <= *best
                    && let Some(place) = list.listings.get_mut(*at)
                {
                    *best = rank;
                    *place = listing;
                }
                self.leave_out(Reason::Twice, id.as_str());
            }
        }
    }

    pub(super) fn finish(self) -> Imported {
        let sorted = |mut list: List| {
            list.listings.sort_unstable_by(|one, other| one.id.cmp(&other.id));
            list.listings
        };
        Imported {
            catalogue: self.catalogue,
            lists: self
                .lists
                .into_iter()
                .map(|(slug, list)| (slug, sorted(list)))
                .collect(),
            rows: self.rows,
            unknown_providers: self.unknown_providers,
            rows_left_out: self.rows_left_out,
            skipped: self.skipped,
        }
    }
}
