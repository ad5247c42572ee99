//! Pages of other shapes: models with their offers, and search results.

use bytes::Bytes;
use serde::Serialize;

use super::{Extras, Page, PageKey, Stamp, Tail, etag};
use crate::{
    iso::Iso,
    query::{AppliedFilters, Query},
    snapshot::{Snapshot, render},
    unique::{UniqueQuery, UniqueTail},
};

/// The shape of a page of models with their offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UniqueShape {
    /// That of `/v1/models/unique`: `{"models", "total", "limit", "offset", "filters", "sort", …}`.
    Models,
    /// That of `/v1/models` with `unique_models=true`: `{"data", "total", "returned", …}`, the models instead of rows.
    Rows(Extras),
}

impl Page {
    /// Renders models with their offers. Its key is [`PageKey::unique`].
    #[must_use]
    pub fn render_unique(snapshot: &Snapshot, query: &UniqueQuery, shape: UniqueShape) -> Self {
        let page = snapshot.unique(query);
        let key = PageKey::unique(query, shape).at(snapshot.epoch());
        let name = key.to_string();
        let stamp = Stamp::new(snapshot, &name);
        let mut body = Vec::with_capacity(
            1024 + page
                .models
                .iter()
                .map(|model| model.offers().len() * 800)
                .sum::<usize>(),
        );
        body.extend_from_slice(match shape {
            UniqueShape::Models => Self::MODELS,
            UniqueShape::Rows(_) => Self::DATA,
        });
        for (at, model) in page.models.iter().enumerate() {
            if at > 0 {
                body.push(b',');
            }
            render(model, &mut body);
        }
        body.push(b']');
        let fields = body.len();
        match shape {
            UniqueShape::Models => {
                #[derive(Serialize)]
                struct Whole<'a> {
                    #[serde(flatten)]
                    tail: UniqueTail,
                    timestamp: Iso,
                    #[serde(flatten)]
                    stamp: Stamp<'a>,
                }
                let whole = Whole {
                    tail: UniqueTail::of(&page),
                    timestamp: Iso(snapshot.changed_at()),
                    stamp,
                };
                render(&whole, &mut body);
            }
            UniqueShape::Rows(extras) => {
                let tail = Tail {
                    object: "list",
                    total: page.total,
                    returned: page.models.len(),
                    offset: page.offset,
                    limit: query.limit,
                    has_more: page.has_more(),
                    next_offset: page.has_more().then(|| page.end()),
                    next_cursor: None,
                    include_huggingface: extras.include_huggingface,
                    gateway: query.filter.gateway.as_str(),
                    note: extras.note,
                    timestamp: Iso(snapshot.changed_at()),
                    stamp,
                };
                render(&tail, &mut body);
            }
        }
        // The fields are an object of their own: its brace becomes the comma behind the models.
        if let Some(brace) = body.get_mut(fields) {
            *brace = b',';
        }
        let mut page = Self::new(Bytes::from(body.into_boxed_slice()), Bytes::new(), Bytes::new());
        page.etag = etag(snapshot.epoch(), &key);
        page
    }

    /// Renders the answer of `/v1/models/search`. Its key is [`PageKey::search`].
    #[must_use]
    pub fn render_search(snapshot: &Snapshot, query: &Query) -> Self {
        #[derive(Serialize)]
        struct Meta<'a> {
            total: u32,
            limit: Option<u32>,
            offset: u32,
            returned: usize,
            has_more: bool,
            filters_applied: AppliedFilters<'a>,
        }
        #[derive(Serialize)]
        struct Whole<'a> {
            success: bool,
            meta: Meta<'a>,
            timestamp: Iso,
            #[serde(flatten)]
            stamp: Stamp<'a>,
        }
        let selection = snapshot.select(query);
        let key = PageKey::search(query).at(snapshot.epoch());
        let name = key.to_string();
        let whole = Whole {
            success: true,
            meta: Meta {
                total: selection.total,
                limit: query.window.limit,
                offset: selection.offset,
                returned: selection.rows.len(),
                has_more: selection.has_more(),
                filters_applied: AppliedFilters(query),
            },
            timestamp: Iso(snapshot.changed_at()),
            stamp: Stamp::new(snapshot, &name),
        };
        let mut fields = Vec::with_capacity(512);
        render(&whole, &mut fields);
        let mut page = Self::of_rows(snapshot, &selection.rows, &fields);
        page.etag = etag(snapshot.epoch(), &key);
        page
    }
}
