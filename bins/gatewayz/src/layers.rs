//! What every call passes through on its way to its handler, one layer each.
//!
//! From the outside in: [`Front`] (name, match, count), [`Isolate`] (panics), [`Authenticate`] (who is it, may they),
//! [`Admit`] (how many at once, how long), [`Dispatch`] (the handler). Limits of callers will stand between the last two.

mod admit;
mod authenticate;
mod cors;
mod dispatch;
mod front;
mod isolate;

use std::{convert::Infallible, sync::Arc};

use http::Request;
use tower::{Service, ServiceBuilder};

use self::{admit::Admit, authenticate::Authenticate, cors::Cors, dispatch::Dispatch, front::Front, isolate::Isolate};
pub(crate) use self::{admit::Gate, authenticate::AdminKeys};
use crate::{
    app::App,
    http::{Answer, RequestBody},
};

/// The whole way in. Cheap to clone: a request takes a copy, and counting its parts would be a good part of a hit.
///
/// What it refers to lives as long as the process.
pub(crate) fn stack(
    app: &Arc<App>,
) -> impl Service<Request<RequestBody>, Response = http::Response<crate::http::Body>, Error = Infallible, Future = Answer>
+ Clone
+ Send
+ Sync
+ 'static {
    let app: &'static Arc<App> = Box::leak(Box::new(Arc::clone(app)));
    let calls = ServiceBuilder::new()
        .layer_fn(Isolate::new)
        .layer_fn(|inner| Authenticate::new(app, inner))
        .layer_fn(|inner| Admit::new(app, inner))
        .service(Dispatch::new(app));
    Cors::new(app, Front::new(app, calls))
}
