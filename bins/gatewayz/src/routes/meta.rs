//! What the gateway is: its name, its description, its metrics.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{HeaderValue, Response, header};

use crate::{
    app::App,
    http::{Access, Body, Call, Code, Deadline, Handler, Outcome, Payload, Problem, Route, Verb, json},
    openapi::{self, Answers, Book, Shape, shape},
};

pub(crate) static ROUTES: &[&Route] = &[&ROOT, &DESCRIPTION, &SITE, &METRICS];

const CHAPTER: &str = "About";

static ROOT: Route = Route {
    name: "about",
    verb: Verb::Get,
    paths: &["/"],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[],
    payload: Payload::None,
    handler: Handler::Now(about),
    chapter: CHAPTER,
    summary: "Name, version, and where to go on.",
    answers: Answers::json(About::schema),
};

static DESCRIPTION: Route = Route {
    name: "description",
    verb: Verb::Get,
    paths: &["/openapi.json"],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[],
    payload: Payload::None,
    handler: Handler::Now(description),
    chapter: CHAPTER,
    summary: "This API, as OpenAPI 3.1.",
    answers: Answers::json(anything),
};

static SITE: Route = Route {
    name: "site",
    verb: Verb::Get,
    paths: &["/docs"],
    access: Access::Public,
    deadline: Deadline::Usual,
    params: &[],
    payload: Payload::None,
    handler: Handler::Now(site),
    chapter: CHAPTER,
    summary: "This API, for people.",
    answers: Answers::text("text/html"),
};

static METRICS: Route = Route {
    name: "metrics",
    verb: Verb::Get,
    paths: &["/metrics"],
    access: Access::Local,
    deadline: Deadline::Usual,
    params: &[],
    payload: Payload::None,
    handler: Handler::Now(metrics),
    chapter: CHAPTER,
    summary: "Metrics, in the text format of Prometheus.",
    answers: Answers::text("text/plain").or(&[Code::NotFound]),
};

shape! {
    /// What this is.
    struct About {
        name: &'static str,
        version: &'static str,
        status: &'static str,
        /// Paths to go on with.
        links: Links,
    }

    /// Where to go on.
    struct Links {
        models: &'static str,
        gateways: &'static str,
        health: &'static str,
        openapi: &'static str,
        docs: &'static str,
    }
}

fn anything(_book: &mut Book) -> serde_json::Value {
    serde_json::json!({ "type": "object" })
}

fn about(_app: &Arc<App>, _call: &Call) -> Outcome {
    json(&About {
        name: "Gatewayz",
        version: env!("CARGO_PKG_VERSION"),
        status: "running",
        links: Links {
            models: "/v1/models?gateway=all",
            gateways: "/v1/gateways",
            health: "/health",
            openapi: "/openapi.json",
            docs: "/docs",
        },
    })
}

fn description(app: &Arc<App>, _call: &Call) -> Outcome {
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    let text = TEXT.get_or_init(|| openapi::document(app.router.routes()).to_string().into());
    Ok(text_of(text.clone(), "application/json"))
}

fn site(app: &Arc<App>, _call: &Call) -> Outcome {
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    let text = TEXT.get_or_init(|| openapi::page(app.router.routes()).into());
    let mut response = text_of(text.clone(), "text/html; charset=utf-8");
    let policy = "default-src 'none'; style-src 'unsafe-inline'";
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    Ok(response)
}

fn metrics(app: &Arc<App>, _call: &Call) -> Outcome {
    if !app.config().metrics {
        return Err(Problem::new(
            Code::NotFound,
            "metrics are switched off: `metrics.enabled`",
        ));
    }
    crate::background::publish(app);
    Ok(text_of(
        app.recorder.render().into(),
        "text/plain; version=0.0.4; charset=utf-8",
    ))
}

fn text_of(text: Bytes, media: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}
