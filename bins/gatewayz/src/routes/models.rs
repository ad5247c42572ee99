//! The list of models: the hottest of all answers.

use std::{num::NonZeroU32, sync::Arc};

use futures_util::future::BoxFuture;
use gatewayz_cache_core::Lookup;
use gatewayz_catalog::{
    CatalogError, Encoding, Extras, Filter, Gateway, Page, PageKey, Query, Start, UniqueQuery, UniqueShape, Window,
};

use super::{cut::gateway_or_nobody, schemas};
use crate::{
    app::App,
    config::UnknownGateway,
    http::{
        Access, Call, Code, Deadline, Handler, Kind, Outcome, Param, Params, Payload, Problem, Route, Verb, form, page,
    },
    openapi::Answers,
    spelling,
};

/// Whose models are listed where nobody says whose.
pub(crate) const DEFAULT_GATEWAY: &str = "openrouter";
/// The greatest page.
pub(crate) const MAX_LIMIT: u64 = 10_000;
/// The greatest offset: more rows than there will ever be.
pub(crate) const MAX_OFFSET: u64 = 10_000_000;

pub(crate) static ROUTES: &[&Route] = &[&LIST, &LIST_ALL];

pub(crate) const LIMIT: Param = Param::query(
    "limit",
    Kind::Whole {
        least: 1,
        most: MAX_LIMIT,
    },
    "How many rows at most. More than 1000 is seldom useful.",
)
.default("100");

pub(crate) const OFFSET: Param = Param::query(
    "offset",
    Kind::Whole {
        least: 0,
        most: MAX_OFFSET,
    },
    "How many rows are left out before the first.",
)
.default("0");

const CURSOR: Param = Param::query(
    "cursor",
    Kind::Text(512),
    "The `next_cursor` of the page before: pages then neither overlap nor leave rows out while lists change. Takes the \
     place of `offset`.",
);
const PROVIDER: Param = Param::query(
    "provider",
    Kind::Text(120),
    "Models with this text in their id, or of this developer or provider exactly.",
);
pub(super) const IS_PRIVATE: Param = Param::query(
    "is_private",
    Kind::Flag,
    "Whether they run where nobody else can read along.",
);
pub(super) const HUGGINGFACE: Param = Param::query(
    "include_huggingface",
    Kind::Flag,
    "Echoed. Figures of Hugging Face are not in the catalogue.",
)
.default("false");
const UNIQUE: Param = Param::query(
    "unique_models",
    Kind::Flag,
    "One row per model, whoever serves it, with all offers. With `gateway=all` only.",
)
.default("false");

pub(super) const fn gateway(default: &'static str) -> Param {
    Param::query(
        "gateway",
        Kind::Gateway,
        "Whose models: a provider's name, or `all`. One provider's alone where it is absent!",
    )
    .default(default)
}

static LIST: Route = Route {
    name: "listModels",
    verb: Verb::Get,
    paths: &[
        "/v1/models",
        "/models",
        "/api/models",
        "/catalog/models",
        "/v1/catalog/models",
    ],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[
        gateway(DEFAULT_GATEWAY),
        PROVIDER,
        IS_PRIVATE,
        LIMIT,
        OFFSET,
        CURSOR,
        HUGGINGFACE,
        UNIQUE,
    ],
    payload: Payload::None,
    handler: Handler::AtHand {
        now: |app, call| list_at_hand(app, call, DEFAULT_GATEWAY),
        later: |app, call| list(app, call, DEFAULT_GATEWAY),
    },
    chapter: "Models",
    summary: "The models of a provider, or of all.",
    answers: Answers::kept(schemas::model_list).or(&[Code::ProviderNotFound, Code::Unavailable]),
};

static LIST_ALL: Route = Route {
    name: "listAllModels",
    verb: Verb::Get,
    paths: &["/api/models/all"],
    params: &[
        gateway("all"),
        PROVIDER,
        IS_PRIVATE,
        LIMIT,
        OFFSET,
        CURSOR,
        HUGGINGFACE,
        UNIQUE,
    ],
    handler: Handler::AtHand {
        now: |app, call| list_at_hand(app, call, "all"),
        later: |app, call| list(app, call, "all"),
    },
    summary: "The models of all providers.",
    access: Access::Public,
    deadline: Deadline::Usual,
    payload: Payload::None,
    chapter: "Models",
    answers: Answers::kept(schemas::model_list).or(&[Code::ProviderNotFound, Code::Unavailable]),
};

/// What a list says besides its rows.
pub(crate) fn extras(include_huggingface: bool, is_all: bool) -> Extras {
    Extras {
        include_huggingface,
        note: (!is_all).then_some("One provider's models. Ask with gateway=all for those of all providers."),
    }
}

/// Whose models a name means.
///
/// `None`: nobody's, and the operator wants such a list to be empty.
pub(crate) fn gateway_named(app: &App, name: &str) -> Result<Option<Gateway>, Problem> {
    if name == "all" {
        return Ok(Some(Gateway::All));
    }
    match app.catalog.directory().resolve(name) {
        Some(provider) => Ok(Some(Gateway::Provider(provider.slug.clone()))),
        None if app.config().cache.unknown_gateway == UnknownGateway::Empty => Ok(None),
        None => Err(unknown_provider(app, name)),
    }
}

/// Nobody is called so.
pub(crate) fn unknown_provider(app: &App, name: &str) -> Problem {
    let shown: String = name.chars().take(80).collect();
    let known = app.catalog.directory().iter().map(|provider| provider.slug.as_str());
    let near = spelling::nearest(&shown, known);
    Problem::new(
        Code::ProviderNotFound,
        format!("there is no provider `{shown}`; `/v1/gateways` lists them"),
    )
    .suggest(near.into_iter().map(str::to_owned))
    .context(serde_json::json!({ "parameter": "gateway", "value": shown }))
}

/// Why the catalogue could not be read, for a caller.
pub(crate) fn unavailable(error: &CatalogError) -> Problem {
    tracing::warn!(%error, "the catalogue could not be read for a caller");
    Problem::new(
        Code::Unavailable,
        "the catalogue cannot be read at present; try again in a moment",
    )
}

/// What is asked for.
enum Asked {
    Rows(Query, Extras),
    Unique(UniqueQuery, UniqueShape),
}

impl Asked {
    /// The page that is asked for.
    fn key(&self) -> PageKey {
        match self {
            Self::Rows(query, extras) => PageKey::new(query, extras),
            Self::Unique(query, shape) => PageKey::unique(query, *shape),
        }
    }

    fn read(app: &App, call: &Call, default_gateway: &str) -> Result<Self, Problem> {
        let params = call.params()?;
        let gateway = gateway_or_nobody(app, params.text("gateway").unwrap_or(default_gateway))?;
        let extras = extras(params.flag("include_huggingface"), gateway == Gateway::All);
        let is_unique = params.flag("unique_models");
        let filter = Filter {
            gateway,
            provider: params
                .text("provider")
                .filter(|text| !text.is_empty())
                .map(str::to_owned),
            private: params.maybe_flag("is_private"),
            ..Filter::default()
        };
        let window = window(&params)?;
        if !is_unique {
            return Ok(Self::Rows(
                Query {
                    filter,
                    window,
                    ..Query::default()
                },
                extras,
            ));
        }
        let Start::Offset(offset) = window.start else {
            return Err(Problem::parameter("cursor", "", "left out with unique_models=true"));
        };
        let query = UniqueQuery {
            filter,
            offset,
            limit: window.limit,
            ..UniqueQuery::default()
        };
        Ok(Self::Unique(query, UniqueShape::Rows(extras)))
    }
}

/// Which part of the rows.
pub(crate) fn window(params: &Params<'_>) -> Result<Window, Problem> {
    let limit = params.number("limit").unwrap_or(100);
    let start = match params.text("cursor").filter(|text| !text.is_empty()) {
        None => Start::Offset(params.number("offset").unwrap_or(0)),
        Some(cursor) => {
            let wrong = || Problem::parameter("cursor", cursor, "the `next_cursor` of an earlier page");
            Start::After(cursor.parse().map_err(|_invalid| wrong())?)
        }
    };
    Ok(Window {
        start,
        limit: NonZeroU32::new(limit).map(NonZeroU32::get),
    })
}

fn list_at_hand(app: &Arc<App>, call: &Call, default_gateway: &'static str) -> Option<Outcome> {
    let query = call.head.uri.query().unwrap_or_default();
    let hit = match keys::remembered(default_gateway, query, |key| app.catalog.page_at_hand(key)) {
        Some(hit) => hit?,
        None => {
            let key = match Asked::read(app, call, default_gateway) {
                Ok(asked) => asked.key(),
                Err(problem) => return Some(Err(problem)),
            };
            let hit = app.catalog.page_at_hand(&key);
            // Whether a name that nobody has is an error may change while the process lives.
            if app.config().cache.unknown_gateway == UnknownGateway::Error {
                keys::remember(default_gateway, query, key);
            }
            hit?
        }
    };
    page(call, &hit).map(Ok)
}

/// Which page a query means, by its text: reading it takes as long as everything else that a hit does.
///
/// Nothing that is remembered here can become untrue: a text means the same page for as long as the process lives, and
/// whether that page may be served is asked each time.
mod keys {
    use std::{cell::RefCell, collections::HashMap};

    use gatewayz_catalog::PageKey;

    /// Longer queries are read each time.
    const LONGEST: usize = 256;
    /// With more of them, it begins anew.
    const MOST: usize = 512;

    type Keys = HashMap<Box<str>, PageKey, foldhash::fast::RandomState>;

    thread_local! {
        static KEYS: RefCell<[Keys; 2]> = RefCell::default();
    }

    fn of(default_gateway: &str) -> usize {
        usize::from(default_gateway == super::DEFAULT_GATEWAY)
    }

    /// Looks at the page of a text, if that is remembered.
    pub(super) fn remembered<T>(default_gateway: &str, text: &str, look: impl FnOnce(&PageKey) -> T) -> Option<T> {
        KEYS.with_borrow(|keys| keys[of(default_gateway)].get(text).map(look))
    }

    /// Remembers the page of a text.
    pub(super) fn remember(default_gateway: &str, text: &str, key: PageKey) {
        if text.len() > LONGEST {
            return;
        }
        KEYS.with_borrow_mut(|keys| {
            let keys = &mut keys[of(default_gateway)];
            if keys.len() >= MOST {
                keys.clear();
            }
            keys.insert(text.into(), key);
        });
    }
}

fn list(app: Arc<App>, call: Call, default_gateway: &'static str) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let found = match Asked::read(&app, &call, default_gateway)? {
            Asked::Rows(query, extras) => app.catalog.page(&query, &extras).await,
            Asked::Unique(query, shape) => app.catalog.unique_page(&query, shape).await,
        };
        rendered(&call, found).await
    })
}

/// The answer of a page that was looked up: in the form that the caller wants, which is made where it must be.
pub(crate) async fn rendered(call: &Call, found: Result<Lookup<Page>, CatalogError>) -> Outcome {
    let lookup = found.map_err(|error| unavailable(&error))?;
    if let Some(response) = page(call, &lookup) {
        return Ok(response);
    }
    let missing = || Problem::new(Code::Internal, "the page cannot be rendered");
    let held = lookup.value.clone().ok_or_else(missing)?;
    let encoding: Encoding = form(held.len(), &call.head.headers);
    #[expect(
        clippy::disallowed_methods,
        reason = "compresses for a millisecond per 100 KB, once per page and form; the route's deadline is over it"
    )]
    let made = tokio::task::spawn_blocking(move || drop(held.compressed(encoding))).await;
    made.map_err(|_ended| missing())?;
    page(call, &lookup).ok_or_else(missing)
}
