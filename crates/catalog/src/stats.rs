//! Figures of the whole catalogue: the documented value of `models:stats`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{iso::Iso, model::Model, provider::Slug, snapshot::Snapshot, source::HealthStatus};

/// Figures of one snapshot. Equal snapshots have equal figures on every node.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// How many rows there are.
    pub total_models: u32,
    /// How many providers have rows.
    pub total_providers: u32,
    /// How many models there are, whoever serves them.
    pub unique_models: u32,
    /// How many of those have more than one provider.
    pub multi_provider_models: u32,
    /// Rows by provider.
    pub providers: BTreeMap<Slug, u32>,
    /// Rows by what goes in and comes out: `text+image->text`.
    pub modalities: BTreeMap<String, u32>,
    /// Rows by what is known of their price.
    pub prices: PriceCounts,
    /// Rows by who names their price; those without one count as `unknown`.
    pub pricing_sources: BTreeMap<String, u32>,
    /// Rows by how well they answer.
    pub health: HealthCounts,
    /// How long contexts are, of the rows that say so.
    pub context_length: Option<Percentiles>,
    /// Which catalogue it is.
    pub epoch: String,
    /// When any row changed last.
    pub timestamp: String,
}

/// Rows by what is known of their price.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct PriceCounts {
    /// The provider charges nothing.
    pub free: u32,
    /// Some price is known, and it is not free.
    pub paid: u32,
    /// No price is known, which is not the same as free.
    pub unknown: u32,
}

/// Rows by how well they answer.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct HealthCounts {
    /// They answer.
    pub healthy: u32,
    /// They answer slowly, or not always.
    pub degraded: u32,
    /// They do not answer.
    pub down: u32,
    /// Nobody asked yet.
    pub unknown: u32,
}

/// Where the values of a set lie: each is one of them, the least that is not below so many of a hundred.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Percentiles {
    /// How many values there are.
    pub count: u32,
    /// The least.
    pub min: u32,
    /// A quarter is not above it.
    pub p25: u32,
    /// Half of them is not above it.
    pub p50: u32,
    /// Three quarters are not above it.
    pub p75: u32,
    /// 90 of 100 are not above it.
    pub p90: u32,
    /// 99 of 100 are not above it.
    pub p99: u32,
    /// The greatest.
    pub max: u32,
}

impl Percentiles {
    /// `None` of no value.
    #[must_use]
    pub fn of(mut values: Vec<u32>) -> Option<Self> {
        values.sort_unstable();
        let (min, max) = (*values.first()?, *values.last()?);
        let at = |percent: usize| {
            let rank = (values.len() * percent).div_ceil(100);
            values.get(rank.saturating_sub(1)).copied().unwrap_or(max)
        };
        Some(Self {
            count: count(values.len()),
            min,
            p25: at(25),
            p50: at(50),
            p75: at(75),
            p90: at(90),
            p99: at(99),
            max,
        })
    }
}

impl PriceCounts {
    /// Counts a row.
    pub fn count(&mut self, row: &Model) {
        *(if row.is_free() {
            &mut self.free
        } else if row.pricing.is_unknown() {
            &mut self.unknown
        } else {
            &mut self.paid
        }) += 1;
    }
}

impl HealthCounts {
    /// Counts a row.
    pub fn count(&mut self, row: &Model) {
        *(match row.health {
            HealthStatus::Healthy => &mut self.healthy,
            HealthStatus::Degraded => &mut self.degraded,
            HealthStatus::Down => &mut self.down,
            HealthStatus::Unknown => &mut self.unknown,
        }) += 1;
    }
}

impl Snapshot {
    /// Figures of the whole. Looks at each row once.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut modalities = BTreeMap::new();
        let mut pricing_sources = BTreeMap::new();
        let mut prices = PriceCounts::default();
        let mut health = HealthCounts::default();
        for row in self.rows() {
            *modalities.entry((row.input, row.output)).or_default() += 1;
            let source = row.pricing_source.as_ref().map_or("unknown", |source| source.as_str());
            *pricing_sources.entry(source).or_default() += 1;
            prices.count(row);
            health.count(row);
        }
        let models = self.unique_models();
        Stats {
            total_models: count(self.len()),
            total_providers: count(self.providers().len()),
            unique_models: count(self.unique_count()),
            multi_provider_models: count(models.filter(|model| model.provider_count() > 1).count()),
            providers: self
                .providers()
                .iter()
                .map(|(provider, rows)| (provider.slug.clone(), rows.end - rows.start))
                .collect(),
            modalities: modalities
                .into_iter()
                .map(|((input, output), rows)| (format!("{input}->{output}"), rows))
                .collect(),
            prices,
            pricing_sources: pricing_sources
                .into_iter()
                .map(|(source, rows)| (source.to_owned(), rows))
                .collect(),
            health,
            context_length: Percentiles::of(
                self.rows()
                    .iter()
                    .filter_map(|row| Some(row.context_length?.get()))
                    .collect(),
            ),
            epoch: self.epoch().to_string(),
            timestamp: Iso(self.changed_at()).to_string(),
        }
    }
}

fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
