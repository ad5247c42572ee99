//! Orders of the rows, made when they are first asked for.

use std::{cmp::Ordering, collections::HashMap, sync::OnceLock};

use super::sorted;
use crate::{model::Model, provider::Slug, query::SortBy};

#[derive(Debug, Default)]
pub(super) struct Orders {
    orders: [OnceLock<Box<[u32]>>; SortBy::ALL.len()],
}

impl Orders {
    pub(super) fn get(&self, by: SortBy, rows: &[Model]) -> &[u32] {
        self.orders[by as usize].get_or_init(|| match by {
            SortBy::Default => sorted(rows, |_, _| Ordering::Equal),
            SortBy::Popularity => {
                // A provider counts once, however many rows of a model it has; its rows stand together.
                let mut providers = HashMap::<&str, (u32, &Slug), foldhash::fast::RandomState>::default();
                for row in rows {
                    let slug = &row.provider.slug;
                    let (count, last) = providers.entry(&row.canonical).or_insert((1, slug));
                    if *last != slug {
                        (*count, *last) = (*count + 1, slug);
                    }
                }
                let count = |row: &Model| providers.get(&*row.canonical).map(|(count, _)| *count);
                sorted(rows, |a, b| count(a).cmp(&count(b)))
            }
            _ => sorted(rows, |a, b| by.compare(a, b)),
        })
    }
}
