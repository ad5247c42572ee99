//! One model, and the models of one developer.

use gatewayz_catalog::{Gateway, Snapshot, name};
use serde_json::{Value, json};

use super::{
    cut::{self, Made, ModelObject, changed_at, count, written},
    models::{HUGGINGFACE, OFFSET, gateway, gateway_named},
};
use crate::{
    app::App,
    http::{Access, Call, Code, Deadline, Handler, Kind, Param, Params, Payload, Problem, Route, Verb},
    openapi::{Answers, Book, Shape as _, shape},
    spelling::distance,
};

pub(crate) static ROUTES: &[&Route] = &[&DETAIL, &DEVELOPER, &SINGLE];

/// The part of a path that names a provider.
pub(super) const PROVIDER: Param = Param::path(
    "provider",
    Kind::Text(80),
    "A provider, by any of its names; or the first part of the id, or of the canonical name.",
);
/// The part of a path that names a model.
pub(super) const MODEL: Param = Param::path("model", Kind::Text(512), "The id; slashes may stand in it as they are.");
const LIMIT: Param = Param::query(
    "limit",
    Kind::Whole { least: 1, most: 1000 },
    "How many models at most.",
)
.default("100");

static SINGLE: Route = Route {
    name: "model",
    verb: Verb::Get,
    paths: &["/v1/models/{provider}/{*model}", "/models/{provider}/{*model}"],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[PROVIDER, MODEL, gateway("all"), HUGGINGFACE],
    payload: Payload::None,
    handler: Handler::AtHand {
        now: |app, call| cut::at_hand(app, call, single_at_hand),
        later: |app, call| cut::later(app, call, single),
    },
    chapter: "Models",
    summary: "One model: a provider's, by its id; or the first provider's that has this id or canonical name.",
    answers: Answers::kept(SingleModel::schema).or(PROBLEMS),
};

static DEVELOPER: Route = Route {
    name: "modelsOfDeveloper",
    verb: Verb::Get,
    paths: &["/v1/models/{developer}", "/models/{developer}"],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[
        Param::path(
            "developer",
            Kind::Text(512),
            "Who made the models; or the id of one model, with slashes as `%2F`.",
        ),
        LIMIT,
        OFFSET,
        gateway("all"),
        HUGGINGFACE,
    ],
    payload: Payload::None,
    handler: Handler::Later(|app, call| cut::later(app, call, developer)),
    chapter: "Models",
    summary: "The models of a developer. Where there is no such developer, the one model with this id.",
    answers: Answers::kept(either).or(PROBLEMS),
};

static DETAIL: Route = Route {
    name: "modelDetail",
    verb: Verb::Get,
    paths: &["/api/models/detail", "/v1/models/detail", "/models/detail"],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[
        Param::query("modelId", Kind::Text(600), "The id, or a provider, a slash and the id."),
        Param::query(
            "developer",
            Kind::Text(80),
            "The first part of the id; with `modelName`.",
        ),
        Param::query("modelName", Kind::Text(512), "The rest of the id; with `developer`."),
        gateway("all"),
        HUGGINGFACE,
    ],
    payload: Payload::None,
    handler: Handler::Later(|app, call| cut::later(app, call, detail)),
    chapter: "Models",
    summary: "One model, named in the query.",
    answers: Answers::kept(SingleModel::schema).or(PROBLEMS),
};

const PROBLEMS: &[Code] = &[Code::ModelNotFound, Code::ProviderNotFound, Code::Unavailable];

shape! {
    /// One model. The first four fields are what clients of the OpenAI API read.
    pub(super) struct SingleModel {
        /// The provider's id of it.
        id: String,
        object: &'static str,
        /// When it came out, in seconds since 1970.
        created: Option<i64>,
        /// Who made it; else who serves it.
        owned_by: String,
        data: ModelObject,
        /// What was asked for before the first slash; else who serves it.
        provider: String,
        /// What was asked for behind the first slash; else the id.
        model: String,
        /// Whose offer it is.
        gateway: String,
        include_huggingface: bool,
        /// When the catalogue changed last.
        timestamp: String,
    }

    /// The models of one developer.
    pub(super) struct DeveloperModels {
        developer: String,
        models: Vec<ModelObject>,
        /// How many there are.
        total: u32,
        /// How many of them are in this answer.
        count: u32,
        offset: u32,
        limit: u32,
        gateway: String,
        /// When the catalogue changed last.
        timestamp: String,
    }
}

fn either(book: &mut Book) -> Value {
    json!({ "anyOf": [DeveloperModels::schema(book), SingleModel::schema(book)] })
}

/// A model as a caller names it: in one text, of which a part may name a provider.
#[derive(Clone, Copy)]
pub(super) struct Named<'a> {
    provider: &'a str,
    model: &'a str,
}

impl<'a> Named<'a> {
    /// That of a path.
    pub(super) fn of_path(params: &'a Params<'_>) -> Self {
        Self {
            provider: params.always("provider"),
            model: params.always("model"),
        }
    }

    /// That of one text; without a slash it names no provider.
    fn of_text(text: &'a str) -> Self {
        let (provider, model) = text.split_once('/').unwrap_or(("", text));
        Self { provider, model }
    }

    fn whole(self) -> String {
        match self.provider {
            "" => self.model.to_owned(),
            provider => format!("{provider}/{}", self.model),
        }
    }

    /// The row that it means: that of the provider's model; else the first of this id; else the first of the model of
    /// this name.
    pub(super) fn row(self, snapshot: &Snapshot, gateway: &Gateway) -> Option<u32> {
        let is_of = |row: &u32| match gateway {
            Gateway::All => true,
            Gateway::Provider(slug) => snapshot.rows()[*row as usize].provider.slug == *slug,
        };
        if let Some(provider) = snapshot.directory().resolve(self.provider)
            && let Some(row) = snapshot.find(&provider.slug, self.model).filter(is_of)
        {
            return Some(row);
        }
        let whole = self.whole();
        let first = |rows: &[u32]| rows.iter().copied().find(is_of);
        first(snapshot.with_id(&whole))
            .or_else(|| first(snapshot.with_canonical(&whole)))
            .or_else(|| {
                let mut canonical = String::new();
                name::canonical("", &whole, None, &mut canonical);
                first(snapshot.with_canonical(&canonical))
            })
    }

    /// There is none, with what may have been meant.
    pub(super) fn missing(self, snapshot: &Snapshot) -> Problem {
        let shown: String = self.whole().chars().take(120).collect();
        Problem::new(
            Code::ModelNotFound,
            format!("there is no model `{shown}`; `/v1/models/search?q=` looks for parts of names"),
        )
        .suggest(near(snapshot, &shown))
        .context(json!({ "model": shown }))
    }
}

/// The canonical names that are spelled most like one that nobody has. Few are looked at closely: those whose last part
/// begins alike and is about as long.
fn near(snapshot: &Snapshot, asked: &str) -> Vec<String> {
    const CLOSELY: usize = 300;
    let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let asked: String = last(asked).chars().take(64).collect();
    if asked.len() < 2 {
        return Vec::new();
    }
    let mut closely = 0;
    let mut near: Vec<(usize, &str)> = Vec::new();
    for group in snapshot.groups() {
        let Some(row) = group.first().and_then(|&row| snapshot.rows().get(row as usize)) else {
            continue;
        };
        let (_, name) = name::parts(&row.canonical);
        let apart = name.len().abs_diff(asked.len());
        if name.starts_with(&asked) {
            near.push((apart.min(3), &row.canonical));
        } else if apart <= 3 && name.as_bytes().first() == asked.as_bytes().first() && closely < CLOSELY {
            closely += 1;
            let far = distance(&asked, name);
            if far <= 2.max(asked.len() / 4) {
                near.push((far, &row.canonical));
            }
        }
    }
    near.sort_unstable();
    near.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

/// Whose models are looked at.
fn whose(app: &App, params: &Params<'_>) -> Result<Gateway, Problem> {
    cut::gateway_or_nobody(app, params.text("gateway").unwrap_or("all"))
}

/// The answer of a row.
fn answer(snapshot: &Snapshot, row: u32, named: Named<'_>, params: &Params<'_>) -> Made {
    let model = &snapshot.rows()[row as usize];
    let slug = model.provider.slug.as_str();
    written(&SingleModel {
        id: model.id.to_string(),
        object: "model",
        created: model.created,
        owned_by: model.developer.as_deref().unwrap_or(slug).to_owned(),
        data: ModelObject::of(snapshot, row)?,
        provider: match named.provider {
            "" => slug.to_owned(),
            provider => provider.to_owned(),
        },
        model: named.model.to_owned(),
        gateway: slug.to_owned(),
        include_huggingface: params.flag("include_huggingface"),
        timestamp: changed_at(snapshot),
    })
}

fn single_at_hand(app: &App, call: &Call, snapshot: &Snapshot) -> Option<Made> {
    let params = match call.params() {
        Ok(params) => params,
        Err(problem) => return Some(Err(problem)),
    };
    let gateway = gateway_named(app, params.text("gateway").unwrap_or("all")).ok()??;
    let named = Named::of_path(&params);
    let row = named.row(snapshot, &gateway)?;
    Some(answer(snapshot, row, named, &params))
}

fn single(app: &App, call: &Call, snapshot: &Snapshot) -> Made {
    let params = call.params()?;
    let gateway = whose(app, &params)?;
    let named = Named::of_path(&params);
    match named.row(snapshot, &gateway) {
        Some(row) => answer(snapshot, row, named, &params),
        None => Err(named.missing(snapshot)),
    }
}

fn detail(app: &App, call: &Call, snapshot: &Snapshot) -> Made {
    let params = call.params()?;
    let gateway = whose(app, &params)?;
    let given = |name| params.text(name).filter(|text| !text.is_empty());
    let named = match (given("modelId"), given("developer"), given("modelName")) {
        (Some(id), None, None) => Named::of_text(id),
        (None, Some(provider), Some(model)) => Named { provider, model },
        _ => {
            return Err(Problem::new(
                Code::InvalidParameter,
                "name the model with the parameter `modelId`, or with `developer` and `modelName` together",
            )
            .context(json!({ "parameter": "modelId", "parameters": ["modelId", "developer", "modelName"] })));
        }
    };
    match named.row(snapshot, &gateway) {
        Some(row) => answer(snapshot, row, named, &params),
        None => Err(named.missing(snapshot)),
    }
}

fn developer(app: &App, call: &Call, snapshot: &Snapshot) -> Made {
    let params = call.params()?;
    let gateway = whose(app, &params)?;
    let asked = params.always("developer");
    let (limit, offset) = (
        params.number("limit").unwrap_or(100),
        params.number("offset").unwrap_or(0),
    );
    let mut rows = snapshot.with_developer(asked);
    if rows.is_empty() {
        rows = snapshot.with_developer(&asked.to_ascii_lowercase());
    }
    if rows.is_empty() {
        let named = Named::of_text(asked);
        return match named.row(snapshot, &gateway) {
            Some(row) => answer(snapshot, row, named, &params),
            None => {
                let problem = named.missing(snapshot);
                Err(match snapshot.directory().resolve(asked) {
                    Some(provider) => problem.suggest([format!("/v1/models?gateway={}", provider.slug)]),
                    None => problem,
                })
            }
        };
    }
    let developer = snapshot.rows()[rows[0] as usize].developer.as_deref();
    let is_of = |row: &u32| match &gateway {
        Gateway::All => true,
        Gateway::Provider(slug) => snapshot.rows()[*row as usize].provider.slug == *slug,
    };
    let rows: Vec<u32> = rows.iter().copied().filter(is_of).collect();
    let shown = rows.iter().copied().skip(offset as usize).take(limit as usize);
    let models = ModelObject::all(snapshot, shown)?;
    written(&DeveloperModels {
        developer: developer.unwrap_or(asked).to_owned(),
        total: count(rows.len()),
        count: count(models.len()),
        models,
        offset,
        limit,
        gateway: gateway.as_str().to_owned(),
        timestamp: changed_at(snapshot),
    })
}
