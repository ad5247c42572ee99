//! The models that Modelz trades.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::cut::count;
use crate::{
    app::App,
    http::{Access, Call, Code, Deadline, Handler, Kind, Outcome, Param, Payload, Problem, Route, Verb, json},
    openapi::{Answers, Shape as _, shape},
};

pub(crate) static ROUTES: &[&Route] = &[&MODELS, &IDS, &CHECK];

const CHAPTER: &str = "Modelz";
/// How long a caller waits for Modelz.
const LIMIT: Duration = Duration::from_secs(5);
/// Where the id of a token stands: under the first of these names that it has.
const IDS_OF: [&str; 6] = ["Token", "Qtoken", "token", "modelId", "model_id", "id"];

const GRADUATED: Param = Param::query(
    "is_graduated",
    Kind::Flag,
    "Those alone that are graduated, or that are not.",
);

static MODELS: Route = Route {
    name: "modelzModels",
    verb: Verb::Get,
    paths: &["/v1/modelz/models", "/modelz/models"],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[GRADUATED],
    payload: Payload::None,
    handler: Handler::Later(models),
    chapter: CHAPTER,
    summary: "The models that Modelz trades, as it describes them.",
    answers: Answers::json(ModelzModels::schema).or(&[Code::ProviderFailed]),
};

static IDS: Route = Route {
    name: "modelzIds",
    verb: Verb::Get,
    paths: &["/v1/modelz/ids", "/modelz/ids"],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[GRADUATED],
    payload: Payload::None,
    handler: Handler::Later(ids),
    chapter: CHAPTER,
    summary: "Their ids.",
    answers: Answers::json(ModelzIds::schema).or(&[Code::ProviderFailed]),
};

static CHECK: Route = Route {
    name: "modelzCheck",
    verb: Verb::Get,
    paths: &["/v1/modelz/check/{id}", "/modelz/check/{id}"],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[
        Param::path("id", Kind::Text(200), "The id of a model at Modelz."),
        GRADUATED,
    ],
    payload: Payload::None,
    handler: Handler::Later(check),
    chapter: CHAPTER,
    summary: "Whether Modelz trades a model.",
    answers: Answers::json(ModelzCheck::schema).or(&[Code::ProviderFailed]),
};

shape! {
    /// What Modelz trades.
    pub(super) struct ModelzModels {
        /// As Modelz describes them.
        models: Vec<Value>,
        total: u32,
        /// What was asked for.
        is_graduated: Option<bool>,
        timestamp: String,
    }

    /// The ids of what Modelz trades.
    pub(super) struct ModelzIds {
        ids: Vec<String>,
        total: u32,
        /// What was asked for.
        is_graduated: Option<bool>,
        timestamp: String,
    }

    /// Whether Modelz trades a model.
    pub(super) struct ModelzCheck {
        id: String,
        exists: bool,
        /// What was asked for.
        is_graduated: Option<bool>,
        /// As Modelz describes it.
        model: Option<Value>,
        timestamp: String,
    }
}

async fn tokens(app: &App, is_graduated: Option<bool>) -> Result<Vec<Value>, Problem> {
    let failed = |why: String| Problem::new(Code::ProviderFailed, "Modelz does not answer at present").detail(why);
    match tokio::time::timeout(LIMIT, app.modelz.tokens(is_graduated)).await {
        Ok(Ok(tokens)) => Ok(tokens),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_elapsed) => Err(failed(format!("no answer within {} seconds", LIMIT.as_secs()))),
    }
}

fn id_of(token: &Value) -> Option<String> {
    IDS_OF.into_iter().find_map(|name| match token.get(name)? {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    })
}

fn models(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let is_graduated = call.params()?.maybe_flag("is_graduated");
        let models = tokens(&app, is_graduated).await?;
        json(&ModelzModels {
            total: count(models.len()),
            models,
            is_graduated,
            timestamp: app.node.time().wall().to_string(),
        })
    })
}

fn ids(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let is_graduated = call.params()?.maybe_flag("is_graduated");
        let ids: Vec<String> = tokens(&app, is_graduated).await?.iter().filter_map(id_of).collect();
        json(&ModelzIds {
            total: count(ids.len()),
            ids,
            is_graduated,
            timestamp: app.node.time().wall().to_string(),
        })
    })
}

fn check(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let (is_graduated, id) = {
            let params = call.params()?;
            (params.maybe_flag("is_graduated"), params.always("id").to_owned())
        };
        let tokens = tokens(&app, is_graduated).await?;
        let model = tokens.into_iter().find(|token| id_of(token).as_deref() == Some(&id));
        json(&ModelzCheck {
            exists: model.is_some(),
            id,
            is_graduated,
            model,
            timestamp: app.node.time().wall().to_string(),
        })
    })
}
