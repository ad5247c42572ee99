//! Calls from web pages: the sites that are allowed by name, and this machine's own.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderName, HeaderValue, Method, Request, Response, header};
use tower::{Layer as _, Service};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::{
    app::App,
    http::{Answer, Body, RequestBody},
};

/// Answers to web pages say who may read them. Requests of anybody else pass untouched.
#[derive(Clone, Debug)]
pub(super) struct Cors<S> {
    app: &'static Arc<App>,
    inner: S,
}

impl<S> Cors<S> {
    pub(super) const fn new(app: &'static Arc<App>, inner: S) -> Self {
        Self { app, inner }
    }

    fn layer(&self) -> CorsLayer {
        let app = self.app;
        let allowed = move |origin: &HeaderValue, _: &http::request::Parts| {
            origin
                .to_str()
                .is_ok_and(|origin| is_allowed(origin, &app.config().server.cors_origins))
        };
        CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(allowed))
            .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE])
            .allow_headers([
                header::AUTHORIZATION,
                header::CONTENT_TYPE,
                header::IF_NONE_MATCH,
                HeaderName::from_static("x-request-id"),
            ])
            .expose_headers([
                header::ETAG,
                header::AGE,
                header::RETRY_AFTER,
                HeaderName::from_static("x-cache"),
                HeaderName::from_static("x-request-id"),
            ])
            .max_age(Duration::from_secs(600))
    }
}

fn is_allowed(origin: &str, sites: &[String]) -> bool {
    let local = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    let host = local.map(|rest| {
        rest.rsplit_once(':').map_or(rest, |(host, port)| {
            if port.bytes().all(|byte| byte.is_ascii_digit()) {
                host
            } else {
                rest
            }
        })
    });
    matches!(host, Some("localhost" | "127.0.0.1" | "[::1]")) || sites.iter().any(|site| site == origin)
}

impl<S> Service<Request<RequestBody>> for Cors<S>
where
    S: Service<Request<RequestBody>, Response = Response<Body>, Error = Infallible, Future = Answer>
        + Clone
        + Send
        + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Answer {
        if !request.headers().contains_key(header::ORIGIN) {
            return self.inner.call(request);
        }
        let answer = self.layer().layer(self.inner.clone()).call(request);
        Answer::later(async move {
            match answer.await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::is_allowed;

    #[test]
    fn sites_by_name_and_this_machine() {
        let sites = ["https://app.example".to_owned()];
        for origin in [
            "http://localhost",
            "http://localhost:3000",
            "https://127.0.0.1:8443",
            "https://app.example",
        ] {
            assert!(is_allowed(origin, &sites), "{origin}");
        }
        for origin in [
            "https://app.example.evil",
            "http://app.example",
            "http://localhost.evil",
            "http://localhost:3000.evil",
            "http://evil/localhost",
            "null",
            "",
        ] {
            assert!(!is_allowed(origin, &sites), "{origin}");
        }
    }
}
