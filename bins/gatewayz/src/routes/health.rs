//! Whether the gateway lives, and whether it is ready.

mod forms;
mod gateways;
mod judge;
mod optimizations;
mod picture;
mod system;

use std::sync::{Arc, atomic::Ordering};

use futures_util::future::BoxFuture;
use http::StatusCode;

pub(crate) use self::picture::{Gateway, LastPicture, picture};
use crate::{
    app::App,
    background::probe_database,
    http::{Access, Call, Deadline, Handler, Outcome, Payload, Route, Verb, json},
    openapi::{Answers, Shape as _, shape},
};

/// All routes of this room.
pub(crate) fn routes() -> Vec<&'static Route> {
    [ROUTES, gateways::ROUTES, system::ROUTES, optimizations::ROUTES].concat()
}

static ROUTES: &[&Route] = &[&HEALTH, &QUICK, &READY, &DATABASE];

const CHAPTER: &str = "Health";

/// What most routes of this room have in common. Its handler is never called.
const BASE: Route = Route {
    name: "",
    verb: Verb::Get,
    paths: &[],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[],
    payload: Payload::None,
    handler: Handler::Now(|_app, _call| json(&())),
    chapter: CHAPTER,
    summary: "",
    answers: Answers::text("text/plain"),
};

/// The same for those who have a key.
const KEYED: Route = Route {
    access: Access::Key,
    ..BASE
};

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

static DATABASE: Route = Route {
    name: "healthDatabase",
    paths: &["/health/database"],
    handler: Handler::Later(probe),
    summary: "Asks the database, for three seconds at most: 503 where it does not answer.",
    answers: Answers::or_503(DatabaseHealth::schema),
    ..BASE
};

shape! {
    /// How the database answers.
    struct DatabaseHealth {
        /// `healthy`, or `unhealthy` with status 503.
        status: &'static str,
        /// `connected`, `unavailable` or `not_initialized`.
        database: &'static str,
        /// How long it took.
        latency_ms: u64,
        /// The version of its schema.
        schema_version: Option<u32>,
        error: Option<&'static str>,
        timestamp: String,
    }

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

/// How the database is, by what it said last: the word for it, and what is wrong with it.
fn database(app: &App) -> (&'static str, Option<&'static str>) {
    let outcome = app.vitals.database().map(|probe| probe.outcome);
    database_word(outcome, app.jobs.is_prepared())
}

fn database_word(
    outcome: Option<Result<u32, &'static str>>,
    is_prepared: bool,
) -> (&'static str, Option<&'static str>) {
    match (outcome, is_prepared) {
        (Some(Err(why)), _) => ("unavailable", Some(why)),
        (Some(Ok(_)), true) => ("connected", None),
        // It was prepared a moment ago, and not asked since.
        (None, true) => ("connected", None),
        (_, false) => ("not_initialized", None),
    }
}

fn health(app: &Arc<App>, _call: &Call) -> Outcome {
    let (database, error) = database(app);
    json(&Health {
        status: "healthy",
        timestamp: app.node.time().wall().to_string(),
        database,
        mode: (database != "connected").then_some("degraded"),
        database_error: error.map(str::to_owned),
    })
}

fn probe(app: Arc<App>, _call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let probe = probe_database(&app).await;
        let (database, error) = database_word(Some(probe.outcome), app.jobs.is_prepared());
        let mut response = json(&DatabaseHealth {
            status: if error.is_none() { "healthy" } else { "unhealthy" },
            database,
            latency_ms: u64::try_from(probe.took.as_millis()).unwrap_or(u64::MAX),
            schema_version: probe.outcome.ok(),
            error,
            timestamp: probe.at.to_string(),
        })?;
        if error.is_some() {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        Ok(response)
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

#[cfg(test)]
mod tests {
    use super::database_word;

    #[test]
    fn the_database_is_what_it_said_last() {
        assert_eq!(database_word(None, false), ("not_initialized", None));
        assert_eq!(database_word(Some(Ok(3)), false), ("not_initialized", None));
        assert_eq!(database_word(Some(Ok(3)), true), ("connected", None));
        assert_eq!(database_word(None, true), ("connected", None));
        assert_eq!(database_word(Some(Err("no")), true), ("unavailable", Some("no")));
        assert_eq!(database_word(Some(Err("no")), false), ("unavailable", Some("no")));
    }
}
