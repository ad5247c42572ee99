//! Figures of a part of the catalogue: of a provider, of a developer, of all.

use std::collections::{BTreeMap, HashSet};

use gatewayz_catalog::{HealthCounts, Model, Percentiles, Price, PriceCounts, Slug, Snapshot, Token};

use super::cut::count;
use crate::openapi::shape;

shape! {
    /// Figures of some rows of the catalogue: a row is a model at a provider.
    pub(super) struct Figures {
        total_models: u32,
        /// How many models they are, whoever serves them.
        unique_models: u32,
        /// How many developers made them.
        total_developers: u32,
        /// Rows by provider.
        gateways: BTreeMap<Slug, u32>,
        /// Rows by what goes in and comes out.
        modalities: BTreeMap<String, u32>,
        pub(super) prices: PriceCounts,
        pub(super) health: HealthCounts,
        /// How long contexts are, of the rows that say so.
        context_length: Option<Percentiles>,
        /// The lowest mean price of a token, of the rows that are not free.
        min_price: Option<String>,
        /// The highest mean price of a token.
        max_price: Option<String>,
        /// The mean time of an answer, of the models of which it is known.
        pub(super) average_response_time_ms: Option<u32>,
    }
}

impl Figures {
    /// Those of some rows. Looks at each once.
    pub(super) fn of(snapshot: &Snapshot, rows: impl Iterator<Item = u32>) -> Self {
        let rows: Vec<&Model> = rows.filter_map(|row| snapshot.rows().get(row as usize)).collect();
        let mut prices = PriceCounts::default();
        let mut health = HealthCounts::default();
        let mut gateways: BTreeMap<&Slug, u32> = BTreeMap::new();
        let mut modalities = BTreeMap::new();
        let mut models: HashSet<&str, foldhash::fast::RandomState> = HashSet::default();
        let mut developers: HashSet<&str, foldhash::fast::RandomState> = HashSet::default();
        let mut means: Vec<Price<Token>> = Vec::new();
        for row in &rows {
            *gateways.entry(&row.provider.slug).or_default() += 1;
            *modalities.entry((row.input, row.output)).or_default() += 1;
            models.insert(&row.canonical);
            developers.extend(row.developer.as_deref());
            prices.count(row);
            health.count(row);
            means.extend(row.pricing.mean().filter(|_| !row.is_free()));
        }
        let contexts = rows.iter().filter_map(|row| Some(row.context_length?.get())).collect();
        Self {
            total_models: count(rows.len()),
            unique_models: count(models.len()),
            total_developers: count(developers.len()),
            gateways: gateways.into_iter().map(|(slug, rows)| (slug.clone(), rows)).collect(),
            modalities: modalities
                .into_iter()
                .map(|((input, output), rows)| (format!("{input}->{output}"), rows))
                .collect(),
            prices,
            health,
            context_length: Percentiles::of(contexts),
            min_price: means.iter().min().map(ToString::to_string),
            max_price: means.iter().max().map(ToString::to_string),
            average_response_time_ms: mean(rows.iter().filter_map(|row| row.average_response_time_ms)),
        }
    }
}

/// The mean of some times; `None` of none.
pub(super) fn mean(times: impl Iterator<Item = u32>) -> Option<u32> {
    let (sum, count) = times.fold((0_u64, 0_u64), |(sum, count), time| (sum + u64::from(time), count + 1));
    u32::try_from(sum.checked_div(count)?).ok()
}
