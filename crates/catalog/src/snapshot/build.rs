//! From the rows of the store to a snapshot.

use std::{cmp::Reverse, collections::HashMap, sync::Arc};

use bytes::Bytes;

use super::{Snapshot, beside, intern::Interner, write::ObjectWriter};
use crate::{
    enrich::{ManualPrices, Prices, Reference},
    model::Model,
    name,
    provider::{Directory, Priority, Provider, Slug},
    source::StoredModel,
};

/// The provider whose prices stand in where nobody else knows one.
pub(crate) const REFERENCE: &str = "openrouter";

impl Snapshot {
    /// Makes a snapshot of the rows of the store. Rows that are no longer listed, and rows of providers that are
    /// unknown or not active, are left out.
    #[must_use]
    pub fn build(directory: Arc<Directory>, manual: &ManualPrices, stored: Vec<StoredModel>) -> Self {
        let ranks = Ranks::new(&directory);
        let mut names = Interner::default();
        let mut canonical = String::new();
        let mut drafts: Vec<Draft<'_>> = stored
            .iter()
            .filter(|row| row.removed_at.is_none())
            .filter_map(|row| Draft::new(&ranks, row, &mut names, &mut canonical))
            .collect();
        drafts.sort_by(|a, b| (a.rank, &a.row.listing.id).cmp(&(b.rank, &b.row.listing.id)));
        drafts.dedup_by(|b, a| (a.rank, &a.row.listing.id) == (b.rank, &b.row.listing.id));

        let of_reference = |draft: &&Draft<'_>| draft.provider.slug.as_str() == REFERENCE;
        let flat_rate = directory.iter().filter(|provider| provider.flat_rate);
        let prices = Prices::new(
            manual.clone(),
            &Slug::known(REFERENCE),
            drafts.iter().filter(of_reference).map(Draft::reference),
            flat_rate.map(|provider| provider.slug.clone()),
        );
        // Most of the time goes into the objects: a second thread makes half of them.
        let (left, right) = drafts.split_at(drafts.len() / 2);
        let (right, left) = beside(|| Half::new(right, &prices), || Half::new(left, &prices));
        let Half { json, offsets, rows } = left.and(right);
        Self::assemble(directory, rows, Bytes::from(json.into_boxed_slice()), offsets)
    }
}

/// The active providers, each with its place among them.
struct Ranks<'a> {
    directory: &'a Directory,
    by_slug: HashMap<&'a str, (u32, &'a Arc<Provider>), foldhash::fast::RandomState>,
}

impl<'a> Ranks<'a> {
    fn new(directory: &'a Directory) -> Self {
        let mut active: Vec<&Arc<Provider>> = directory.iter().filter(|provider| provider.active).collect();
        active.sort_by(|a, b| rank(a).cmp(&rank(b)));
        let ranked = active.into_iter().zip(0..);
        Self {
            directory,
            by_slug: ranked
                .map(|(provider, at)| (provider.slug.as_str(), (at, provider)))
                .collect(),
        }
    }

    /// That of a slug, or of another name of the provider under which rows are stored.
    fn of(&self, slug: &Slug) -> Option<(u32, &'a Arc<Provider>)> {
        let by_alias = || self.by_slug.get(self.directory.resolve(slug.as_str())?.slug.as_str());
        self.by_slug.get(slug.as_str()).or_else(by_alias).copied()
    }
}

/// The order of providers: fast ones first, then by name.
pub(super) fn rank(provider: &Provider) -> (Reverse<bool>, &str, &str) {
    (
        Reverse(provider.priority == Priority::Fast),
        &provider.name,
        provider.slug.as_str(),
    )
}

/// 4 GiB of JSON is two orders of magnitude more than all lists together.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The models of some rows with their JSON, a comma behind each object.
struct Half {
    json: Vec<u8>,
    /// Where each object begins, and where the last ends.
    offsets: Vec<u32>,
    rows: Vec<Model>,
}

impl Half {
    fn new(drafts: &[Draft<'_>], prices: &Prices) -> Self {
        let mut half = Self {
            json: Vec::with_capacity(drafts.len() * 1300),
            offsets: Vec::with_capacity(drafts.len() + 1),
            rows: Vec::with_capacity(drafts.len()),
        };
        let (mut names, mut objects) = (Interner::default(), ObjectWriter::default());
        for draft in drafts {
            let model = draft.finish(prices, &mut names);
            half.offsets.push(offset(half.json.len()));
            objects.write(&model, draft.row, &mut half.json);
            half.json.push(b',');
            half.rows.push(model);
        }
        half.offsets.push(offset(half.json.len()));
        half
    }

    fn and(mut self, mut other: Self) -> Self {
        let shift = offset(self.json.len());
        // The end of this half is the beginning of the other.
        self.offsets.pop();
        self.offsets
            .extend(other.offsets.iter().map(|at| at.saturating_add(shift)));
        self.json.append(&mut other.json);
        self.rows.append(&mut other.rows);
        self
    }
}

struct Draft<'a> {
    rank: u32,
    provider: &'a Arc<Provider>,
    canonical: Arc<str>,
    row: &'a StoredModel,
}

impl<'a> Draft<'a> {
    fn new(ranks: &Ranks<'a>, row: &'a StoredModel, names: &mut Interner, canonical: &mut String) -> Option<Self> {
        let (rank, provider) = ranks.of(&row.provider)?;
        let listing = &row.listing;
        canonical.clear();
        let developer = listing.developer.as_deref();
        name::canonical(provider.slug.as_str(), listing.id.as_str(), developer, canonical);
        Some(Self {
            rank,
            provider,
            canonical: names.text(canonical),
            row,
        })
    }

    fn reference(&self) -> Reference<'_> {
        Reference {
            id: self.row.listing.id.as_str(),
            canonical: &self.canonical,
            pricing: &self.row.listing.pricing,
        }
    }

    fn finish(&self, prices: &Prices, names: &mut Interner) -> Model {
        let listing = &self.row.listing;
        let operator = self.row.operator_pricing.as_ref();
        let (pricing, pricing_source) = prices.resolve(&self.provider.slug, listing, &self.canonical, operator);
        Model {
            id: listing.id.shared(),
            name: name::display(&listing.name, listing.id.as_str()).into(),
            canonical: Arc::clone(&self.canonical),
            developer: listing.developer.as_deref().map(|developer| names.text(developer)),
            created: listing.created,
            context_length: listing.context_length,
            max_output: listing.max_output,
            input: listing.input,
            output: listing.output,
            abilities: listing.abilities,
            parameters: names.listed_parameters(&listing.supported_parameters),
            pricing: names.pricing(pricing),
            pricing_source,
            health: self.row.health.status,
            average_response_time_ms: self.row.health.average_response_time_ms,
            updated_at: self.row.updated_at.0 / 1000,
            provider: Arc::clone(self.provider),
        }
    }
}

/// Appends the JSON of something whose fields all have a JSON form.
pub(crate) fn render(value: &(impl serde::Serialize + ?Sized), out: &mut Vec<u8>) {
    let start = out.len();
    // Writing to memory cannot fail; were a value ever without a JSON form, `null` keeps the page well-formed.
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}
