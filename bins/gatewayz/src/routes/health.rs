//! Whether the gateway lives, and whether it is ready.

use std::sync::{Arc, atomic::Ordering};

use http::StatusCode;

use crate::{
    app::App,
    http::{Access, Call, Deadline, Handler, Outcome, Payload, Route, Verb, json},
    openapi::{Answers, Shape as _, shape},
};

pub(crate) static ROUTES: &[&Route] = &[&HEALTH, &QUICK, &READY];

const CHAPTER: &str = "Health";

static HEALTH: Route = Route {
    name: "health",
    verb: Verb::Get,
    paths: &["/health"],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[],
    payload: Payload::None,
    handler: Handler::Now(health),
    chapter: CHAPTER,
    summary: "Whether the gateway lives: always 200 while it does.",
    answers: Answers::json(Health::schema),
};

static QUICK: Route = Route {
    name: "healthQuick",
    verb: Verb::Get,
    paths: &["/health/quick", "/health/live"],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[],
    payload: Payload::None,
    handler: Handler::Now(quick),
    chapter: CHAPTER,
    summary: "The same, with nothing looked at.",
    answers: Answers::json(Quick::schema),
};

static READY: Route = Route {
    name: "ready",
    verb: Verb::Get,
    paths: &["/health/ready"],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[],
    payload: Payload::None,
    handler: Handler::Now(ready),
    chapter: CHAPTER,
    summary: "Whether the gateway is ready for callers: the catalogue was read, or could not be in time. 503 until then, \
              and while it ends.",
    answers: Answers::or_503(Ready::schema),
};

shape! {
    /// Whether the gateway lives.
    struct Health {
        status: &'static str,
        timestamp: String,
        /// `connected`, `unavailable` or `not_initialized`.
        database: &'static str,
        /// `degraded` while the database cannot be used.
        #[serde(skip_serializing_if = "Option::is_none")]
        mode: Option<&'static str>,
        /// Why it cannot.
        #[serde(skip_serializing_if = "Option::is_none")]
        database_error: Option<String>,
    }

    /// That the gateway lives.
    struct Quick {
        status: &'static str,
        timestamp: String,
    }

    /// Whether the gateway is ready.
    struct Ready {
        ready: bool,
        /// `ready`, `starting` or `draining`.
        status: &'static str,
        timestamp: String,
    }
}

fn health(app: &Arc<App>, _call: &Call) -> Outcome {
    let prepared = app.jobs.is_prepared();
    json(&Health {
        status: "healthy",
        timestamp: app.node.time().wall().to_string(),
        database: if prepared { "connected" } else { "not_initialized" },
        mode: (!prepared).then_some("degraded"),
        database_error: None,
    })
}

fn quick(app: &Arc<App>, _call: &Call) -> Outcome {
    json(&Quick {
        status: "healthy",
        timestamp: app.node.time().wall().to_string(),
    })
}

fn ready(app: &Arc<App>, _call: &Call) -> Outcome {
    let draining = app.draining.load(Ordering::Relaxed);
    let ready = app.jobs.is_ready() && !draining;
    let mut response = json(&Ready {
        ready,
        status: match (draining, ready) {
            (true, _) => "draining",
            (false, true) => "ready",
            (false, false) => "starting",
        },
        timestamp: app.node.time().wall().to_string(),
    })?;
    if !ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    Ok(response)
}
