//! The answer to a request, which is at hand in the usual case.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use http::Response;

use super::Body;

/// An answer at hand, or one that has to be waited for. Layers change an answer at hand without waiting, so that a hit
/// goes through all of them within one call.
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is the usual one, and must not be allocated"
)]
pub(crate) enum Answer {
    /// At hand; `None` once it was taken.
    Now(Option<Response<Body>>),
    /// To be waited for.
    Later(BoxFuture<'static, Response<Body>>),
}

impl Answer {
    /// An answer that is at hand.
    pub(crate) const fn now(response: Response<Body>) -> Self {
        Self::Now(Some(response))
    }

    /// An answer that has to be waited for.
    pub(crate) fn later(response: impl Future<Output = Response<Body>> + Send + 'static) -> Self {
        Self::Later(Box::pin(response))
    }

    /// The answer after a change.
    pub(crate) fn map(self, change: impl FnOnce(Response<Body>) -> Response<Body> + Send + 'static) -> Self {
        match self {
            Self::Now(response) => Self::Now(response.map(change)),
            Self::Later(response) => Self::later(async move { change(response.await) }),
        }
    }
}

impl Future for Answer {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Now(response) => response
                .take()
                .map_or(Poll::Pending, |response| Poll::Ready(Ok(response))),
            Self::Later(response) => response.as_mut().poll(context).map(Ok),
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Now(_) => "Now",
            Self::Later(_) => "Later",
        })
    }
}
