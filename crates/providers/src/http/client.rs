//! One pooled client for all that goes out.

use std::{collections::BTreeMap, error::Error, fmt, net::IpAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri, header};
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client as Pool, Error as PoolError},
    rt::{TokioExecutor, TokioTimer},
};
use thiserror::Error;

use super::{body::Body, connector::Connector, egress::EgressPolicy, stream::Answers};

/// How connections are made and kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientConfig {
    /// Whom it may speak to.
    pub egress: EgressPolicy,
    /// How long making a connection may take: name, socket and encryption together.
    pub connect_timeout: Duration,
    /// How long a connection is kept without use: less than the peers keep theirs, so that they seldom close first.
    pub idle_timeout: Duration,
    /// How many unused connections are kept per host.
    pub max_idle_per_host: usize,
    /// How long the body of an answer may pause.
    pub stall_timeout: Duration,
    /// Names that are not looked up: their addresses.
    pub hosts: BTreeMap<String, Vec<IpAddr>>,
    /// Certificate authorities beside the system's, in PEM.
    pub extra_authorities: Vec<u8>,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            egress: EgressPolicy::new(),
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            max_idle_per_host: 8,
            stall_timeout: Duration::from_secs(10),
            hosts: BTreeMap::new(),
            extra_authorities: Vec::new(),
        }
    }
}

/// A client configuration that cannot be used.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct InvalidClient(pub(crate) &'static str);

/// Why there is no answer.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The host may not be spoken to.
    #[error("`{host}` may not be asked: {reason}; allow the host by name if it is meant")]
    Egress {
        /// The host.
        host: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There is no connection.
    #[error("{0}")]
    Connect(String),
    /// There is no connection within this time.
    #[error("no connection within {0:?}")]
    ConnectTimedOut(Duration),
    /// The other end is not who it should be.
    #[error("{0}")]
    Tls(String),
    /// The connection broke before the answer began.
    #[error("the connection broke before the answer: {0}")]
    Broken(String),
    /// What came was no HTTP, or the request cannot be sent as it is.
    #[error("no HTTP: {0}")]
    Protocol(String),
}

impl SendError {
    pub(crate) fn refused(host: &str, reason: &'static str) -> Self {
        Self::Egress {
            host: host.to_owned(),
            reason,
        }
    }

    /// Whether the same request may succeed a moment later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::ConnectTimedOut(_) | Self::Broken(_))
    }
}

/// One pooled client for all that goes out: lists, tokens and chats. Cheap to clone.
///
/// Follows no redirects, reads no proxies from the environment, verifies every certificate, and speaks only to those
/// whom its [`EgressPolicy`] allows. Bodies are streams.
#[derive(Clone)]
pub struct Client {
    pool: Pool<Connector, Full<Bytes>>,
    stall: Duration,
}

impl Client {
    /// Makes a client.
    ///
    /// # Errors
    ///
    /// [`InvalidClient`] says which part of the configuration cannot be used.
    pub fn new(config: &ClientConfig) -> Result<Self, InvalidClient> {
        if config.connect_timeout.is_zero() || config.stall_timeout.is_zero() {
            return Err(InvalidClient("`connect_timeout` and `stall_timeout` must be over zero"));
        }
        let mut pool = Pool::builder(TokioExecutor::new());
        pool.pool_idle_timeout(config.idle_timeout)
            .pool_max_idle_per_host(config.max_idle_per_host)
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new());
        Ok(Self {
            pool: pool.build(Connector::new(config)?),
            stall: config.stall_timeout,
        })
    }

    /// Sends a request, and returns when the head of its answer is there. The time for that is the caller's to bound.
    ///
    /// A connection from the pool may have been closed by its peer in the same moment. Where it breaks before the
    /// first byte of the answer, a request that may be repeated (`GET`, `HEAD`, `PUT`, `DELETE`, `OPTIONS`) is sent once
    /// more at once; others only where nothing of them was sent.
    ///
    /// # Errors
    ///
    /// [`SendError`] when no answer began.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the request up; the peer may have got it.
    pub async fn send(&self, mut request: Request<Bytes>) -> Result<Response<Body>, SendError> {
        request
            .headers_mut()
            .entry(header::USER_AGENT)
            .or_insert(header::HeaderValue::from_static(USER_AGENT));
        let (parts, body) = request.into_parts();
        let again = parts
            .method
            .is_idempotent()
            .then(|| Again::of(&parts.method, &parts.uri, &parts.headers));
        let body_again = again.is_some().then(|| body.clone());
        match self.once(Request::from_parts(parts, Full::new(body))).await {
            Err(failure) if failure.stale => match (again, body_again) {
                (Some(again), Some(body)) => {
                    let second = self.once(again.request(body)).await;
                    second.map_err(|failure| failure.error)
                }
                _ => Err(failure.error),
            },
            answer => answer.map_err(|failure| failure.error),
        }
    }

    async fn once(&self, request: Request<Full<Bytes>>) -> Result<Response<Body>, Failure> {
        match self.pool.request(request).await {
            Ok(answer) => {
                if let Some(answers) = answer.extensions().get::<Answers>() {
                    answers.count();
                }
                Ok(answer.map(|incoming| Body::new(incoming, self.stall)))
            }
            Err(error) => Err(Failure::of(&error)),
        }
    }
}

const USER_AGENT: &str = concat!("gatewayz/", env!("CARGO_PKG_VERSION"));

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// What a request is made of, to make it again.
struct Again {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl Again {
    fn of(method: &Method, uri: &Uri, headers: &HeaderMap) -> Self {
        Self {
            method: method.clone(),
            uri: uri.clone(),
            headers: headers.clone(),
        }
    }

    fn request(self, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.headers_mut() = self.headers;
        request
    }
}

struct Failure {
    error: SendError,
    /// The connection had brought answers before, and broke before it brought this one.
    stale: bool,
}

impl Failure {
    fn of(error: &PoolError) -> Self {
        let reused = error.connect_info().is_some_and(|connected| {
            let mut extras = http::Extensions::new();
            connected.get_extras(&mut extras);
            extras.get::<Answers>().is_some_and(Answers::any)
        });
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(error) = cause {
            if let Some(ours) = error.downcast_ref::<SendError>() {
                return Self {
                    error: ours.clone(),
                    stale: false,
                };
            }
            if let Some(theirs) = error.downcast_ref::<hyper::Error>()
                && (theirs.is_parse() || theirs.is_user())
            {
                return Self {
                    error: SendError::Protocol(root_cause(theirs)),
                    stale: false,
                };
            }
            cause = error.source();
        }
        let said = root_cause(error);
        let error = if error.is_connect() {
            SendError::Connect(said)
        } else {
            SendError::Broken(said)
        };
        Self { error, stale: reused }
    }
}

/// What an error comes down to, in one line.
pub(crate) fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
