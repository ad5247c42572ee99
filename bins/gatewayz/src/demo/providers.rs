//! Made-up providers, on a port of this machine that nobody else gets to.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

use super::lists::{self, Conduct, KEY, SIMULATED};

/// How long the slow one takes.
const SLOW: Duration = Duration::from_secs(2);
/// How often a list is asked for before a client gives it up, as ours does: so many answers make one failure.
const TRIES: u64 = 3;

/// Answers until dropped.
#[derive(Debug)]
pub(super) struct Providers {
    /// Where they are.
    pub(super) address: SocketAddr,
    _serving: JoinSet<()>,
}

#[derive(Debug)]
struct Answers {
    lists: BTreeMap<&'static str, Bytes>,
    /// How often the flaky one was asked.
    asked: AtomicU64,
}

impl Providers {
    pub(super) async fn start() -> io::Result<Self> {
        let lists = lists::all().map_err(io::Error::other)?;
        let text = |(slug, list): (&'static str, Value)| (slug, Bytes::from(list.to_string()));
        let answers = Arc::new(Answers {
            lists: lists.into_iter().map(text).collect(),
            asked: AtomicU64::new(0),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, answers));
        Ok(Self {
            address,
            _serving: serving,
        })
    }
}

async fn accept(listener: TcpListener, answers: Arc<Answers>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _peer)) = listener.accept().await else {
            // Too many open files, most likely: they become fewer.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        let answers = Arc::clone(&answers);
        connections.spawn(async move {
            let service = service_fn(|request: Request<Incoming>| answer(Arc::clone(&answers), request));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            // The gateway went, or will ask again.
            drop(connection.await);
        });
    }
}

async fn answer(answers: Arc<Answers>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let slug = request
        .uri()
        .path()
        .trim_start_matches('/')
        .split('/')
        .next()
        .unwrap_or_default();
    let simulated = SIMULATED.iter().find(|simulated| simulated.slug == slug);
    let Some((simulated, list)) = simulated.and_then(|found| Some((found, answers.lists.get(found.slug)?))) else {
        return Ok(error(StatusCode::NOT_FOUND, "there is no such list"));
    };
    if !knows_key(request.headers()) {
        return Ok(error(StatusCode::UNAUTHORIZED, "this is not the key"));
    }
    match simulated.conduct {
        Conduct::Prompt => {}
        Conduct::Slow => tokio::time::sleep(SLOW).await,
        Conduct::Flaky => {
            if !answers.asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(TRIES + 1) {
                return Ok(error(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "out of order, as every other time",
                ));
            }
        }
    }
    Ok(json_of(StatusCode::OK, list.clone()))
}

fn knows_key(headers: &HeaderMap) -> bool {
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|header| header == value);
    is(header::AUTHORIZATION.as_str(), &format!("Bearer {KEY}")) || is("x-api-key", KEY)
}

fn error(status: StatusCode, message: &str) -> Response<Full<Bytes>> {
    let body = json!({ "error": { "message": message, "type": "demonstration" } });
    json_of(status, body.to_string().into())
}

fn json_of(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
