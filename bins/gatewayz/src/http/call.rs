//! A request on its way to a handler: matched, named, and with what is known of who sent it.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{header, request::Parts};
use http_body_util::{BodyExt as _, Limited};
use serde::de::DeserializeOwned;

use super::{Code, Params, Problem, RequestBody, RequestId, Route};

/// Which end a connection came from, and to which.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// The other end.
    pub(crate) address: SocketAddr,
    /// Whether the connection came in where administration alone is served.
    pub(crate) admin_listener: bool,
}

/// Who is asking, as far as it was proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Nobody said.
    Anonymous,
    /// Somebody with a key of the store.
    Key(String),
    /// An administrator: how the log names them.
    Admin(String),
}

impl Caller {
    /// The name in the log.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Key(name) | Self::Admin(name) => name,
        }
    }
}

/// A matched request.
#[derive(Debug)]
pub(crate) struct Call {
    /// What it was matched with.
    pub(crate) route: &'static Route,
    /// The variable parts of its path, decoded, in order.
    pub(crate) segments: Vec<(&'static str, String)>,
    /// Its head.
    pub(crate) head: Parts,
    /// Its body.
    pub(crate) body: RequestBody,
    /// How long the body may take.
    pub(crate) body_timeout: Duration,
    /// How many bytes the body may have, whatever the route takes.
    pub(crate) body_limit: usize,
    /// Its name.
    pub(crate) id: RequestId,
    /// Where it came from.
    pub(crate) peer: Peer,
    /// Who sent it.
    pub(crate) caller: Caller,
}

impl Call {
    /// The parameters of the path and the query, checked against what the route takes.
    pub(crate) fn params(&self) -> Result<Params<'_>, Problem> {
        Params::read(self.route, &self.segments, self.head.uri.query().unwrap_or_default())
    }

    /// Whether the caller said who they are, whatever became of it: then the answer is not for everybody.
    pub(crate) fn is_anonymous(&self) -> bool {
        !self.head.headers.contains_key(header::AUTHORIZATION)
    }

    /// The whole body, of at most so many bytes.
    pub(crate) async fn bytes(&mut self, limit: usize) -> Result<Bytes, Problem> {
        let limit = limit.min(self.body_limit);
        let whole = Limited::new(self.body.take(), limit).collect();
        match tokio::time::timeout(self.body_timeout, whole).await {
            Ok(Ok(whole)) => Ok(whole.to_bytes()),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(Problem::new(
                Code::PayloadTooLarge,
                format!("the body of this request may have at most {limit} bytes"),
            )),
            Ok(Err(error)) => {
                Err(Problem::new(Code::MalformedRequest, "the body did not come whole").detail(error.to_string()))
            }
            Err(_elapsed) => Err(Problem::new(
                Code::RequestTimeout,
                "the body of the request did not come in time",
            )),
        }
    }

    /// The body as an object of JSON; `None` without a body.
    pub(crate) async fn json<T: DeserializeOwned>(&mut self, limit: usize) -> Result<Option<T>, Problem> {
        let is_json = |value: &http::HeaderValue| {
            let kind = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
            let kind = kind.trim();
            kind.eq_ignore_ascii_case("application/json") || kind.to_ascii_lowercase().ends_with("+json")
        };
        let kind = self.head.headers.get(header::CONTENT_TYPE).cloned();
        let bytes = self.bytes(limit).await?;
        if bytes.is_empty() {
            return Ok(None);
        }
        if !kind.as_ref().is_some_and(is_json) {
            return Err(Problem::new(
                Code::UnsupportedMediaType,
                "the body must be JSON: send `Content-Type: application/json`",
            ));
        }
        // What is derived would also take the fields of a struct one after the other in an array.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            let message = "the body is not what it should be: a JSON object, in UTF-8";
            return Err(Problem::new(Code::InvalidBody, message));
        }
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| Problem::new(Code::InvalidBody, format!("the body is not what it should be: {error}")))
    }
}
