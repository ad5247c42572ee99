//! Bodies of requests and of answers.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;

use super::{Peer, watch::Open};

/// The body of an answer. Bytes that are there already are only handed on.
pub(crate) struct Body {
    parts: [Bytes; 3],
    /// Which part is sent next.
    next: u8,
    /// Ends the request on its connection when the body was sent, or nobody wants it any more.
    open: Option<Open>,
    /// What is to last as long as the body.
    held: Option<Box<dyn Send>>,
}

impl Body {
    /// No bytes.
    pub(crate) const fn empty() -> Self {
        Self {
            parts: [Bytes::new(), Bytes::new(), Bytes::new()],
            next: 0,
            open: None,
            held: None,
        }
    }

    /// Up to three runs of bytes, one after the other.
    pub(crate) fn of_parts(parts: impl Iterator<Item = Bytes>) -> Self {
        let mut ready = [const { Bytes::new() }; 3];
        let mut parts = parts.filter(|part| !part.is_empty());
        for (slot, part) in ready.iter_mut().zip(parts.by_ref()) {
            *slot = part;
        }
        debug_assert!(parts.next().is_none(), "a page has at most three parts");
        Self {
            parts: ready,
            next: 0,
            open: None,
            held: None,
        }
    }

    /// Ends a request on its connection when the body was sent, or nobody wants it any more.
    pub(super) fn ending(mut self, open: Open) -> Self {
        self.open = Some(open);
        self
    }

    /// Keeps something for as long as the body lasts.
    pub(crate) fn holding(mut self, held: impl Send + 'static) -> Self {
        self.held = Some(match self.held.take() {
            None => Box::new(held),
            Some(first) => Box::new((first, held)),
        });
        self
    }

    /// How many bytes there will be, if that is known.
    pub(crate) fn len(&self) -> Option<u64> {
        http_body::Body::size_hint(self).exact()
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self {
            parts: [bytes, Bytes::new(), Bytes::new()],
            next: 0,
            open: None,
            held: None,
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let next = usize::from(self.next);
        let Some(part) = self.parts.get_mut(next).map(std::mem::take) else {
            return Poll::Ready(None);
        };
        self.next += 1;
        Poll::Ready((!part.is_empty()).then(|| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.parts.get(usize::from(self.next)).is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.parts.iter().map(|part| part.len() as u64).sum())
    }
}

/// The body of a request, and the connection that it comes from.
#[derive(Debug)]
pub(crate) struct RequestBody {
    /// Where it comes from. It travels with the body, since a place among a request's extensions costs as much as a
    /// look-up.
    pub(crate) peer: Peer,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Incoming(Incoming),
    #[cfg(test)]
    Ready(Bytes),
    Taken,
}

impl RequestBody {
    /// A body off a connection.
    pub(super) const fn incoming(body: Incoming, peer: Peer) -> Self {
        Self {
            peer,
            source: Source::Incoming(body),
        }
    }

    /// A body that is at hand, from this machine.
    #[cfg(test)]
    pub(crate) fn ready(bytes: Bytes) -> Self {
        Self {
            peer: Peer {
                address: ([127, 0, 0, 1], 1).into(),
                admin_listener: false,
            },
            source: Source::Ready(bytes),
        }
    }

    /// The body, once; after that there is none.
    pub(super) fn take(&mut self) -> Self {
        Self {
            peer: self.peer,
            source: std::mem::replace(&mut self.source, Source::Taken),
        }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        match &self.source {
            Source::Incoming(body) => http_body::Body::is_end_stream(body),
            #[cfg(test)]
            Source::Ready(bytes) => bytes.is_empty(),
            Source::Taken => true,
        }
    }

    /// The least number of bytes that are to come.
    pub(crate) fn least_len(&self) -> u64 {
        match &self.source {
            Source::Incoming(body) => http_body::Body::size_hint(body).lower(),
            #[cfg(test)]
            Source::Ready(bytes) => bytes.len() as u64,
            Source::Taken => 0,
        }
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match &mut self.source {
            Source::Incoming(body) => Pin::new(body).poll_frame(context),
            #[cfg(test)]
            Source::Ready(bytes) => {
                let bytes = std::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Source::Taken => Poll::Ready(None),
        }
    }
}
