//! The last step: the handler.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use http::Response;
use tower::Service;

use crate::{
    app::App,
    http::{Answer, Body, Call, Handler},
};

/// Calls the handler of a call's route.
#[derive(Clone, Debug)]
pub(super) struct Dispatch {
    app: &'static Arc<App>,
}

impl Dispatch {
    pub(super) const fn new(app: &'static Arc<App>) -> Self {
        Self { app }
    }
}

impl Service<Call> for Dispatch {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Answer {
        let later = match call.route.handler {
            Handler::Now(now) => {
                let outcome = now(self.app, &call);
                return Answer::now(outcome.unwrap_or_else(|problem| problem.into_response(&call.id)));
            }
            Handler::AtHand { now, later } => {
                if let Some(outcome) = now(self.app, &call) {
                    return Answer::now(outcome.unwrap_or_else(|problem| problem.into_response(&call.id)));
                }
                later
            }
            Handler::Later(later) => later,
        };
        let id = call.id.clone();
        let outcome = later(Arc::clone(self.app), call);
        Answer::later(async move { outcome.await.unwrap_or_else(|problem| problem.into_response(&id)) })
    }
}
