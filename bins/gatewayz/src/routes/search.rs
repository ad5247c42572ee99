//! Looking for models.

use std::{num::NonZeroU32, sync::Arc};

use futures_util::future::BoxFuture;
use gatewayz_catalog::{Filter, PageKey, Query, Sort, SortBy, Start, Window};

use super::{
    cut::gateway_or_nobody,
    models::{IS_PRIVATE, OFFSET, gateway, rendered},
    schemas,
    unique::ORDERS,
};
use crate::{
    app::App,
    http::{Access, Call, Code, Deadline, Handler, Kind, Outcome, Param, Params, Payload, Problem, Route, Verb, page},
    openapi::Answers,
};

pub(crate) static ROUTES: &[&Route] = &[&SEARCH];

static SEARCH: Route = Route {
    name: "searchModels",
    verb: Verb::Get,
    paths: &["/v1/models/search", "/models/search"],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[
        Param::query(
            "q",
            Kind::Text(200),
            "Words that are all in the id or the name, in any case.",
        ),
        Param::query(
            "modality",
            Kind::Modality,
            "What goes in, `->`, and what comes out: `text+image->text`. `image`: takes images. `->image`: makes them.",
        ),
        IS_PRIVATE,
        tokens("min_context", 0, "A context of at least so many tokens."),
        tokens("max_context", 1, "A context of at most so many tokens."),
        Param::query(
            "min_price",
            Kind::Price,
            "A mean price of a prompt token and an answer token of at least this.",
        ),
        Param::query("max_price", Kind::Price, "The same of at most this."),
        gateway("all"),
        Param::query(
            "sort_by",
            Kind::Word(&["price", "context", "popularity", "name"]),
            "By what they are ordered. Where it is absent: what is spelled like `q` first. Popular is what many providers \
             serve. What is not known comes last.",
        ),
        Param::query(
            "order",
            Kind::Word(ORDERS),
            "Up or down. Where it is absent: up by price and by name, down by context and by popularity.",
        ),
        Param::query("limit", Kind::Whole { least: 1, most: 100 }, "How many models at most.").default("20"),
        OFFSET,
    ],
    payload: Payload::None,
    handler: Handler::AtHand {
        now: search_at_hand,
        later: search,
    },
    chapter: "Models",
    summary: "Models that meet all of what is asked for.",
    answers: Answers::kept(schemas::search_page).or(&[Code::ProviderNotFound, Code::Unavailable]),
};

const fn tokens(name: &'static str, least: u64, about: &'static str) -> Param {
    Param::query(
        name,
        Kind::Whole {
            least,
            most: u32::MAX as u64,
        },
        about,
    )
}

fn query(app: &App, call: &Call) -> Result<Query, Problem> {
    let params = call.params()?;
    let gateway = gateway_or_nobody(app, params.text("gateway").unwrap_or("all"))?;
    let (input, output) = params.modality("modality");
    let tokens = |name| params.number(name).and_then(NonZeroU32::new);
    let filter = Filter {
        gateway,
        text: params
            .text("q")
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(str::to_owned),
        private: params.maybe_flag("is_private"),
        input,
        output,
        min_context: tokens("min_context"),
        max_context: tokens("max_context"),
        min_price: params.price("min_price"),
        max_price: params.price("max_price"),
        ..Filter::default()
    };
    in_order(
        &params,
        "min_context",
        filter.min_context,
        "max_context",
        filter.max_context,
    )?;
    in_order(&params, "min_price", filter.min_price, "max_price", filter.max_price)?;
    let by = params.text("sort_by").and_then(SortBy::from_word).unwrap_or_default();
    let descending = match params.text("order") {
        Some(order) => order == "desc",
        None => matches!(by, SortBy::Context | SortBy::Popularity),
    };
    Ok(Query {
        filter,
        sort: Sort { by, descending },
        window: Window {
            start: Start::Offset(params.number("offset").unwrap_or(0)),
            limit: Some(params.number("limit").unwrap_or(20)),
        },
    })
}

/// Refuses a range that ends before it begins: nothing is in it.
fn in_order<T: Ord>(
    params: &Params<'_>,
    least: &'static str,
    from: Option<T>,
    most: &'static str,
    to: Option<T>,
) -> Result<(), Problem> {
    if !matches!((from, to), (Some(from), Some(to)) if from > to) {
        return Ok(());
    }
    Err(Problem::new(
        Code::InvalidParameter,
        format!("the parameter `{least}` must not be greater than `{most}`"),
    )
    .context(serde_json::json!({
        "parameter": least,
        "parameters": { least: params.always(least), most: params.always(most) },
    })))
}

fn search_at_hand(app: &Arc<App>, call: &Call) -> Option<Outcome> {
    let query = match query(app, call) {
        Ok(query) => query,
        Err(problem) => return Some(Err(problem)),
    };
    let hit = app.catalog.page_at_hand(&PageKey::search(&query))?;
    page(call, &hit).map(Ok)
}

fn search(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let found = app.catalog.search_page(&query(&app, &call)?).await;
        rendered(&call, found).await
    })
}
