//! The offers of models side by side.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use gatewayz_catalog::{Criterion, Gateway, Snapshot};
use serde::Deserialize;
use serde_json::{Value, json as value};

use super::{
    cut::{self, Made, present, written},
    schemas,
    single::{MODEL, Named, PROVIDER},
};
use crate::{
    app::App,
    http::{Access, Call, Code, Deadline, Handler, Kind, Outcome, Param, Payload, Problem, Route, Verb, json},
    openapi::{Answers, Book},
};

pub(crate) static ROUTES: &[&Route] = &[&COMPARE, &BATCH];

/// How many models are compared at once.
const MOST: usize = 50;
/// How long an id may be.
const LONGEST: usize = 600;
/// The greatest body.
const BODY: usize = 64 * 1024;

const CRITERIA: Param = Param::query(
    "criteria",
    Kind::Word(&["price", "context", "availability"]),
    "What makes an offer better.",
)
.default("price");

static COMPARE: Route = Route {
    name: "compareOffers",
    verb: Verb::Get,
    paths: &[
        "/v1/models/{provider}/{*model}/compare",
        "/models/{provider}/{*model}/compare",
    ],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[PROVIDER, MODEL, CRITERIA],
    payload: Payload::None,
    handler: Handler::Later(|app, call| cut::later(app, call, compare)),
    chapter: "Models",
    summary: "All offers of a model, the best first, and which of them to take.",
    answers: Answers::kept(schemas::comparison).or(&[Code::ModelNotFound, Code::Unavailable]),
};

static BATCH: Route = Route {
    name: "compareModels",
    verb: Verb::Post,
    paths: &["/v1/models/batch-compare", "/models/batch-compare"],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[
        Param::query(
            "model_ids",
            Kind::List {
                most: MOST,
                each: LONGEST,
            },
            "The models: ids, or canonical names. They may stand in the body instead.",
        ),
        CRITERIA,
    ],
    payload: Payload::Json(asked_schema),
    handler: Handler::Later(batch),
    chapter: "Models",
    summary: "Several models side by side: the offers of each, and the best of all.",
    answers: Answers::json(schemas::batch_comparison).or(&[Code::Unavailable]),
};

/// What may stand in the body instead of the query.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    model_ids: Option<Vec<String>>,
    #[serde(default)]
    criteria: Option<String>,
}

fn asked_schema(book: &mut Book) -> Value {
    book.reference("ModelsToCompare", |_book| {
        value!({
            "type": "object",
            "description": "What is compared: here, or in the query.",
            "additionalProperties": false,
            "properties": {
                "model_ids": {
                    "type": ["array", "null"],
                    "items": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": LONGEST,
                        "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$",
                    },
                    "minItems": 1,
                    "maxItems": MOST,
                },
                "criteria": { "type": ["string", "null"], "enum": ["price", "context", "availability", null] },
            },
        })
    })
}

fn compare(_app: &App, call: &Call, snapshot: &Snapshot) -> Made {
    let params = call.params()?;
    let criterion = params.text("criteria").and_then(Criterion::from_word);
    let named = Named::of_path(&params);
    let row = named.row(snapshot, &Gateway::All);
    match row.and_then(|row| snapshot.compare_row(row, criterion.unwrap_or_default())) {
        Some(comparison) => written(&comparison),
        None => Err(named.missing(snapshot)),
    }
}

fn batch(app: Arc<App>, mut call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        call.params()?;
        let body: Asked = call.json(BODY).await?.unwrap_or_default();
        let params = call.params()?;
        let mut ids: Vec<&str> = params.list("model_ids").collect();
        if ids.is_empty() {
            ids = body.model_ids.iter().flatten().map(|id| id.trim()).collect();
        } else if body.model_ids.is_some() {
            return Err(Problem::parameter(
                "model_ids",
                "",
                "in the query or in the body, not in both",
            ));
        }
        let is_wrong = |id: &&str| id.is_empty() || id.chars().count() > LONGEST || id.chars().any(char::is_control);
        if let Some(wrong) = ids.iter().find(|id| is_wrong(id)) {
            let expected = format!("a list of ids of 1 to {LONGEST} characters");
            return Err(Problem::parameter("model_ids", wrong, expected));
        }
        if ids.is_empty() || ids.len() > MOST {
            let given = ids.len().to_string();
            return Err(Problem::parameter(
                "model_ids",
                &given,
                format!("a list of 1 to {MOST} ids"),
            ));
        }
        let word = body.criteria.as_deref().or(params.text("criteria"));
        let criterion = match word {
            None => Criterion::default(),
            Some(word) => Criterion::from_word(word)
                .ok_or_else(|| Problem::parameter("criteria", word, "one of price, context, availability"))?,
        };
        let lookup = cut::snapshot(&app).await?;
        json(&present(&lookup)?.compare_all(ids, criterion))
    })
}
