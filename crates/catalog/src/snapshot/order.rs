//! Orders of the rows, made when they are first asked for.

use std::{cmp::Ordering, sync::OnceLock};

use super::sorted;
use crate::{model::Model, query::SortBy};

#[derive(Debug, Default)]
pub(super) struct Orders {
    orders: [OnceLock<Box<[u32]>>; SortBy::ALL.len()],
}

impl Orders {
    pub(super) fn get(&self, by: SortBy, rows: &[Model]) -> &[u32] {
        self.orders[by as usize].get_or_init(|| match by {
            SortBy::Default => sorted(rows, |_, _| Ordering::Equal),
            SortBy::Popularity => {
                let mut providers = std::collections::HashMap::<&str, u32, foldhash::fast::RandomState>::default();
                for row in rows {
                    *providers.entry(&row.canonical).or_default() += 1;
                }
                sorted(rows, |a, b| providers.get(&*a.canonical).cmp(&providers.get(&*b.canonical)))
            }
            _ => sorted(rows, |a, b| by.compare(a, b)),
        })
    }
}
