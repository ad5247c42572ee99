//! A panic ends one request, not its connection, and is told to nobody but the log.

use std::{
    any::Any,
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll},
};

use futures_util::FutureExt as _;
use http::Response;
use tower::Service;

use crate::http::{Answer, Body, Call, Code, Problem, RequestId};

/// Catches panics of what is inside.
#[derive(Clone, Debug)]
pub(super) struct Isolate<S> {
    inner: S,
}

impl<S> Isolate<S> {
    pub(super) const fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S> Service<Call> for Isolate<S>
where
    S: Service<Call, Response = Response<Body>, Error = Infallible, Future = Answer>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, call: Call) -> Answer {
        let (id, name) = (call.id.clone(), call.route.name);
        // What a panic may leave half done is behind locks that do not poison; it is as if the caller had gone away.
        let answer = match catch_unwind(AssertUnwindSafe(|| self.inner.call(call))) {
            Ok(answer) => answer,
            Err(panic) => return Answer::now(sorry(&*panic, name, &id)),
        };
        match answer {
            Answer::Now(_) => answer,
            Answer::Later(later) => Answer::later(async move {
                match AssertUnwindSafe(later).catch_unwind().await {
                    Ok(response) => response,
                    Err(panic) => sorry(&*panic, name, &id),
                }
            }),
        }
    }
}

fn sorry(panic: &(dyn Any + Send), route: &'static str, id: &RequestId) -> Response<Body> {
    let reason = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!(route, request_id = %id, reason, "a handler panicked");
    metrics::counter!("http_panics").increment(1);
    Problem::new(
        Code::Internal,
        "the gateway failed to answer; this is a bug, please report the request id",
    )
    .into_response(id)
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::sorry;
    use crate::http::RequestId;

    #[test]
    fn the_reason_of_a_panic_is_told_to_nobody() {
        let id = RequestId::random();
        let response = sorry(&"index out of bounds: secret", "route", &id);
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = format!("{:?}", response.into_body());
        assert!(!body.contains("secret"));
    }
}
