//! What a route answers.

use std::{fmt, io, iter, sync::Arc};

use bytes::Bytes;

use super::{gzip, request::Request};

/// The rows that [`Reply::models`] makes at a time.
const ROWS: u64 = 500;

type Chunks = Box<dyn Iterator<Item = Bytes> + Send>;

/// What comes after the head.
#[derive(Clone)]
pub(super) enum Body {
    Whole(Bytes),
    /// Made while it is sent, in chunked framing.
    Lazy(Arc<dyn Fn() -> Chunks + Send + Sync>),
}

impl Body {
    pub(super) fn chunks(&self) -> Chunks {
        match self {
            Self::Whole(bytes) => Box::new(iter::once(bytes.clone())),
            Self::Lazy(make) => make(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Lazy(_) => f.write_str("a lazy body"),
        }
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Body,
}

impl Reply {
    /// Returns an answer with this status and nothing else.
    #[must_use]
    pub const fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::Whole(Bytes::new()),
        }
    }

    /// Returns a document of JSON with the status 200; nothing looks whether it is one.
    #[must_use]
    pub fn json(body: impl Into<Bytes>) -> Self {
        Self::status(200).header("content-type", "application/json").body(body)
    }

    /// Returns a page of HTML with the status 200, as gateways and portals answer instead of a list.
    #[must_use]
    pub fn html(body: impl Into<Bytes>) -> Self {
        Self::status(200)
            .header("content-type", "text/html; charset=utf-8")
            .body(body)
    }

    /// Returns a redirect, with a status such as 301, 302, 307 or 308.
    #[must_use]
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::status(status).header("location", location)
    }

    /// Returns JSON that is made anew for each request, while it is sent, in chunked framing: it may be larger than memory.
    #[must_use]
    pub fn lazy<I>(chunks: impl Fn() -> I + Send + Sync + 'static) -> Self
    where
        I: Iterator<Item = Bytes> + Send + 'static,
    {
        Self {
            body: Body::Lazy(Arc::new(move || Box::new(chunks()))),
            ..Self::json(Bytes::new())
        }
    }

    /// Returns a list of `n` models in the form of OpenAI's, of some 100 bytes each: a million makes 100 MB. It is lazy.
    #[must_use]
    pub fn models(n: u64) -> Self {
        Self::lazy(move || {
            let rows = (0..n).step_by(ROWS.try_into().unwrap_or(1)).map(move |first| {
                let rows: Vec<_> = (first..n.min(first + ROWS)).map(row).collect();
                let comma = if first == 0 { "" } else { "," };
                Bytes::from(format!("{comma}{}", rows.join(",")))
            });
            iter::once(Bytes::from_static(br#"{"object":"list","data":["#))
                .chain(rows)
                .chain(iter::once(Bytes::from_static(b"]}")))
        })
    }

    /// Returns a packed body that is unpacked to so many zeros, a thousand times its size: 1 MiB for a gigabyte.
    #[must_use]
    pub fn gzip_bomb(unpacked: u64) -> Self {
        Self::json(gzip::bomb(unpacked)).header("content-encoding", "gzip")
    }

    /// Sets the status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Adds a header. `content-length`, `transfer-encoding` and `connection` are set when the answer is sent.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Body::Whole(body.into());
        self
    }

    /// Packs the body and says so in a header. A lazy body is made for that, as a whole.
    ///
    /// # Errors
    ///
    /// Nothing fails in memory; the error is that of the writer.
    pub fn gzip(mut self) -> io::Result<Self> {
        let whole: Vec<u8> = self.body.chunks().flatten().collect();
        self.body = Body::Whole(gzip::pack(&whole)?);
        Ok(self.header("content-encoding", "gzip"))
    }
}

fn row(n: u64) -> String {
    format!(r#"{{"id":"simulated/model-{n:09}","object":"model","created":1735689600,"owned_by":"simulated"}}"#)
}

/// What answers the requests to a path: always the same, or a function.
#[derive(Clone)]
pub struct Route(Arc<dyn Fn(&Request) -> Reply + Send + Sync>);

impl Route {
    /// Returns a route that asks `answer`, for instance for the page that the query names.
    ///
    /// It runs on the server's thread: if it blocks, all answers wait.
    #[must_use]
    pub fn of(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self(Arc::new(answer))
    }

    pub(super) fn answer(&self, request: &Request) -> Reply {
        (self.0)(request)
    }
}

impl From<Reply> for Route {
    fn from(reply: Reply) -> Self {
        Self::of(move |_| reply.clone())
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Route")
    }
}
