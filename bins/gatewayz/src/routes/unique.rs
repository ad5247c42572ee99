//! Models, whoever serves them, with their offers.

use std::{num::NonZeroU32, sync::Arc};

use futures_util::future::BoxFuture;
use gatewayz_catalog::{PageKey, UniqueQuery, UniqueShape, UniqueSortBy};

use super::{
    models::{OFFSET, rendered},
    schemas,
};
use crate::{
    app::App,
    http::{Access, Call, Code, Deadline, Handler, Kind, Outcome, Param, Payload, Problem, Route, Verb, page},
    openapi::Answers,
};

pub(crate) static ROUTES: &[&Route] = &[&UNIQUE];

/// Up or down.
pub(super) const ORDERS: &[&str] = &["asc", "desc"];

static UNIQUE: Route = Route {
    name: "uniqueModels",
    verb: Verb::Get,
    paths: &["/v1/models/unique", "/models/unique"],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[
        Param::query(
            "limit",
            Kind::Whole {
                least: 1,
                most: UniqueQuery::MAX_LIMIT as u64,
            },
            "How many models at most.",
        )
        .default("100"),
        OFFSET,
        Param::query(
            "min_providers",
            Kind::Whole { least: 1, most: 10_000 },
            "Models that at least so many providers serve.",
        ),
        Param::query(
            "sort_by",
            Kind::Word(&["provider_count", "name", "cheapest_price"]),
            "By what they are ordered.",
        )
        .default("provider_count"),
        Param::query("order", Kind::Word(ORDERS), "Up or down.").default("desc"),
        Param::query(
            "include_inactive",
            Kind::Flag,
            "Echoed: models that nobody lists any more are not in the catalogue.",
        )
        .default("false"),
    ],
    payload: Payload::None,
    handler: Handler::AtHand {
        now: unique_at_hand,
        later: unique,
    },
    chapter: "Models",
    summary: "One entry per model, whoever serves it, with all offers.",
    answers: Answers::kept(schemas::unique_page).or(&[Code::Unavailable]),
};

fn query(call: &Call) -> Result<UniqueQuery, Problem> {
    let params = call.params()?;
    Ok(UniqueQuery {
        min_providers: params.number("min_providers").and_then(NonZeroU32::new),
        include_inactive: params.flag("include_inactive"),
        sort_by: params
            .text("sort_by")
            .and_then(UniqueSortBy::from_word)
            .unwrap_or_default(),
        descending: params.text("order") != Some("asc"),
        offset: params.number("offset").unwrap_or(0),
        limit: Some(params.number("limit").unwrap_or(100)),
        ..UniqueQuery::default()
    })
}

fn unique_at_hand(app: &Arc<App>, call: &Call) -> Option<Outcome> {
    let query = match query(call) {
        Ok(query) => query,
        Err(problem) => return Some(Err(problem)),
    };
    let hit = app
        .catalog
        .page_at_hand(&PageKey::unique(&query, UniqueShape::Models))?;
    page(call, &hit).map(Ok)
}

fn unique(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let found = app.catalog.unique_page(&query(&call)?, UniqueShape::Models).await;
        rendered(&call, found).await
    })
}
