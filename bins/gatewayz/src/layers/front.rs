//! The first step: a request becomes a call of a route, and is counted when it is answered.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use tower::Service;

use crate::{
    app::App,
    http::{Access, Answer, Body, Call, Caller, Code, Peer, Problem, RequestBody, RequestId, Route},
    telemetry::RouteMetrics,
};

const OVERHEAD: HeaderName = HeaderName::from_static("x-gatewayz-overhead-us");
/// The route whose 503 is what it is asked for, every other second by every balancer, and nothing to warn of.
const READY: &str = "ready";

/// Names requests, finds their routes, and counts them.
#[derive(Clone, Debug)]
pub(super) struct Front<S> {
    app: &'static Arc<App>,
    inner: S,
}

impl<S> Front<S> {
    pub(super) const fn new(app: &'static Arc<App>, inner: S) -> Self {
        Self { app, inner }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "answers take microseconds, which the coarse clock does not tell apart"
)]
fn precisely_now() -> Instant {
    Instant::now()
}

/// What is checked before a request is looked at any closer.
fn guard(head: &http::request::Parts) -> Result<(), Problem> {
    let malformed = |message| Err(Problem::new(Code::MalformedRequest, message));
    if head.version <= Version::HTTP_11 {
        // Routes are matched by path alone: a target with a host of its own could mean another one to a proxy.
        if head.uri.authority().is_some() {
            return malformed("the target of the request must be a path");
        }
        let mut hosts = head.headers.get_all(header::HOST).iter();
        let host = hosts.next();
        if hosts.next().is_some() {
            return malformed("there is more than one `Host`");
        }
        let is_plain = |host: &HeaderValue| {
            let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(byte);
            host.len() <= 255 && host.as_bytes().iter().all(allowed)
        };
        match host {
            Some(host) if !is_plain(host) => return malformed("`Host` is not the name of a host"),
            None if head.version == Version::HTTP_11 => return malformed("there is no `Host`"),
            _ => {}
        }
    }
    Ok(())
}

/// Why a body cannot be taken, as far as the head says.
fn guard_body(app: &App, head: &http::request::Parts, body: &RequestBody) -> Result<(), Problem> {
    if body.is_empty() {
        return Ok(());
    }
    let is_chunked = |coding: &HeaderValue| coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
    if !head.headers.get_all(header::TRANSFER_ENCODING).iter().all(is_chunked) {
        // Of `gzip, chunked`, the chunks alone are taken apart: what is in them would be read as what it is not.
        return Err(Problem::new(
            Code::MalformedRequest,
            "bodies of requests are taken with no `Transfer-Encoding` but `chunked`",
        ));
    }
    let most = app.config().server.max_body_bytes;
    if body.least_len() > most as u64 {
        return Err(Problem::new(
            Code::PayloadTooLarge,
            format!("the body of a request may have at most {most} bytes"),
        ));
    }
    match head.headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => Err(Problem::new(
            Code::UnsupportedMediaType,
            "bodies of requests are taken without `Content-Encoding`",
        )),
        _ => Ok(()),
    }
}

/// What is known when a request is to be answered.
struct Asked {
    started: Instant,
    metrics: &'static RouteMetrics,
    route: &'static str,
    id: RequestId,
    is_head: bool,
    shows_overhead: bool,
    #[cfg(feature = "traces")]
    traced: Option<(crate::telemetry::Traces, crate::telemetry::Context, &'static str)>,
}

impl Asked {
    fn finish(self, mut response: Response<Body>) -> Response<Body> {
        let took = precisely_now().duration_since(self.started);
        let status = response.status();
        self.metrics.count(status, took);
        self.id.echo(response.headers_mut());
        #[cfg(feature = "traces")]
        if let Some((traces, context, method)) = &self.traced {
            traces.record(crate::telemetry::Span {
                context: *context,
                method,
                route: self.metrics.endpoint(),
                status,
                request_id: self.id.to_string(),
                took,
            });
        }
        if self.shows_overhead {
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            response.headers_mut().insert(OVERHEAD, HeaderValue::from(micros));
        }
        if self.is_head {
            strip(&mut response);
        }
        if tracing::enabled!(tracing::Level::DEBUG) || (status.is_server_error() && self.route != READY) {
            self.tell(status, took);
        }
        response
    }

    #[cold]
    fn tell(&self, status: StatusCode, took: std::time::Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let (status, route, id) = (status.as_u16(), self.route, &self.id);
        if status >= 500 && self.route != READY {
            tracing::warn!(route, status, micros, request_id = %id, "request failed");
        } else {
            tracing::debug!(route, status, micros, request_id = %id, "request");
        }
    }
}

/// Takes the body off an answer, and leaves its length.
fn strip(response: &mut Response<Body>) {
    let len = response.body().len();
    let has_body = !matches!(response.status(), StatusCode::NOT_MODIFIED | StatusCode::NO_CONTENT);
    if let Some(len) = len.filter(|_| has_body) {
        response
            .headers_mut()
            .entry(header::CONTENT_LENGTH)
            .or_insert_with(|| HeaderValue::from(len));
    }
    *response.body_mut() = Body::empty();
}

impl<S> Front<S> {
    /// Whether a route is served where a request came in.
    fn is_served(&self, route: &Route, peer: &Peer) -> bool {
        let is_admin = matches!(route.access, Access::Admin | Access::CacheAdmin | Access::Local);
        !is_admin || peer.admin_listener || self.app.config().admin.listen.is_none()
    }
}

impl<S> Service<Request<RequestBody>> for Front<S>
where
    S: Service<Call, Response = Response<Body>, Error = Infallible, Future = Answer>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Answer {
        let started = precisely_now();
        let (head, body) = request.into_parts();
        let id = RequestId::of(&head.headers);
        let peer = body.peer;
        let mut asked = Asked {
            started,
            metrics: &self.app.http.unmatched,
            route: "unmatched",
            id: id.clone(),
            is_head: head.method == Method::HEAD,
            shows_overhead: self.app.config().server.overhead_header,
            #[cfg(feature = "traces")]
            traced: self.app.traces.as_ref().and_then(|traces| {
                let context = traces.choose(&head.headers)?;
                Some((traces.clone(), context, verb(&head.method)))
            }),
        };
        let router = &self.app.router;
        let found = match guard(&head) {
            Err(problem) => Err(problem),
            Ok(()) => match router.find(&head.method, head.uri.path()) {
                Ok(found) if !self.is_served(found.route, &peer) => {
                    Err(crate::http::NotFound::Path.problem(router, head.uri.path()))
                }
                Ok(found) => Ok(found),
                Err(crate::http::NotFound::Method(allow)) if head.method == Method::OPTIONS => {
                    return Answer::now(asked.finish(options(allow)));
                }
                Err(missing) => Err(missing.problem(router, head.uri.path())),
            },
        };
        let found = match found {
            Ok(found) => found,
            Err(problem) => return Answer::now(asked.finish(problem.into_response(&id))),
        };
        let route = found.route;
        let segments: Vec<(&'static str, String)> = found
            .segments
            .into_iter()
            .map(|(name, value)| (name, value.into_owned()))
            .collect();
        asked.route = route.name;
        asked.metrics = self.app.http.of(route);
        if let Err(problem) = guard_body(self.app, &head, &body) {
            return Answer::now(asked.finish(problem.into_response(&id)));
        }
        let server = &self.app.config().server;
        let call = Call {
            route,
            segments,
            head,
            body,
            body_timeout: server.body_timeout,
            body_limit: server.max_body_bytes,
            id,
            peer,
            caller: Caller::Anonymous,
        };
        self.inner.call(call).map(move |response| asked.finish(response))
    }
}

/// The word for a method: a closed set, for what is sent elsewhere.
#[cfg(feature = "traces")]
fn verb(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}

/// What a path is served with.
fn options(allow: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers: &mut HeaderMap = response.headers_mut();
    if let Ok(allow) = HeaderValue::from_str(allow) {
        headers.insert(header::ALLOW, allow);
    }
    response
}
