//! Which rows are offers of which model: positions only, made when they are first asked for.

use std::{cmp::Ordering, ops::Range, sync::OnceLock};

use super::UniqueSortBy;
use crate::{model::Model, snapshot::Snapshot};

/// One model.
#[derive(Debug)]
pub(crate) struct Group {
    offers: Range<u32>,
    /// Its first row in the order of the rows.
    pub(super) first: u32,
    /// Its first row with a name that is not just its id; else its first row.
    pub(super) named: u32,
    pub(super) cheapest: Option<u32>,
    pub(super) fastest: Option<u32>,
}

impl Group {
    pub(super) fn provider_count(&self) -> u32 {
        self.offers.end - self.offers.start
    }
}

/// All models by canonical name, and their offers.
#[derive(Debug)]
pub(crate) struct UniqueIndex {
    groups: Box<[Group]>,
    offers: Box<[u32]>,
    /// Ascending and descending, by [`UniqueSortBy`].
    orders: [[OnceLock<Box<[u32]>>; 2]; UniqueSortBy::ALL.len()],
}

impl UniqueIndex {
    /// Groups rows that stand by canonical name, and within a name in the order of the rows.
    pub(crate) fn new(rows: &[Model], by_canonical: &[u32]) -> Self {
        let row = |at: u32| &rows[at as usize];
        let mut offers: Vec<u32> = Vec::new();
        let mut groups = Vec::new();
        for of_model in by_canonical.chunk_by(|&a, &b| row(a).canonical == row(b).canonical) {
            let Some(&first) = of_model.first() else { continue };
            let start = offers.len();
            for of_provider in of_model.chunk_by(|&a, &b| row(a).provider.slug == row(b).provider.slug) {
                offers.extend(
                    of_provider
                        .iter()
                        .copied()
                        .min_by(|&a, &b| by_cost(row(a), row(b)).then(a.cmp(&b))),
                );
            }
            offers[start..].sort_unstable_by(|&a, &b| by_cost(row(a), row(b)).then(a.cmp(&b)));
            let of_group = &offers[start..];
            let prompt = |at: u32| Some((row(at).pricing.prompt?, at));
            let time = |at: u32| Some((row(at).average_response_time_ms?, at));
            groups.push(Group {
                first,
                named: of_model
                    .iter()
                    .copied()
                    .find(|&at| row(at).name != row(at).id)
                    .unwrap_or(first),
                // Of equal ones the first in the order of the offers.
                cheapest: of_group
                    .iter()
                    .filter_map(|&at| prompt(at))
                    .min_by_key(|&(price, _)| price)
                    .map(|(_, at)| at),
                fastest: of_group
                    .iter()
                    .filter_map(|&at| time(at))
                    .min_by_key(|&(time, _)| time)
                    .map(|(_, at)| at),
                offers: position(start)..position(offers.len()),
            });
        }
        Self {
            groups: groups.into(),
            offers: offers.into(),
            orders: Default::default(),
        }
    }

    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    pub(super) fn offers(&self, group: &Group) -> &[u32] {
        &self.offers[group.offers.start as usize..group.offers.end as usize]
    }

    /// The positions of the groups in an order.
    pub(super) fn order(&self, snapshot: &Snapshot, by: UniqueSortBy, descending: bool) -> &[u32] {
        self.orders[by as usize][usize::from(descending)].get_or_init(|| {
            let turn = |order: Ordering| if descending { order.reverse() } else { order };
            let model = |at: u32| snapshot.model_of(&self.groups[at as usize]);
            let mut order: Vec<u32> = (0..position(self.groups.len())).collect();
            // Groups stand by canonical name, and equal ones stay so.
            match by {
                UniqueSortBy::ProviderCount => {
                    order.sort_by(|&a, &b| turn(model(a).provider_count().cmp(&model(b).provider_count())))
                }
                UniqueSortBy::Name => order.sort_by(|&a, &b| turn(model(a).name().cmp(model(b).name()))),
                UniqueSortBy::CheapestPrice => order.sort_by(|&a, &b| {
                    let (a, b) = (model(a).cheapest_prompt_price(), model(b).cheapest_prompt_price());
                    a.is_none().cmp(&b.is_none()).then_with(|| turn(a.cmp(&b)))
                }),
            }
            order.into()
        })
    }

    /// About how many bytes it holds.
    pub(crate) fn weight(&self) -> usize {
        let orders = self
            .orders
            .iter()
            .flatten()
            .filter(|order| order.get().is_some())
            .count();
        self.groups.len() * (size_of::<Group>() + orders * size_of::<u32>()) + self.offers.len() * size_of::<u32>()
    }
}

/// Cheaper rows first: by the mean price of a token; then those of which only a prompt token's price is known, by it;
/// then the others.
pub(crate) fn by_cost(a: &Model, b: &Model) -> Ordering {
    let cost = |row: &Model| {
        let (mean, prompt) = (row.pricing.mean(), row.pricing.prompt);
        (mean.is_none(), mean, prompt.is_none(), prompt)
    };
    cost(a).cmp(&cost(b))
}

fn position(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
