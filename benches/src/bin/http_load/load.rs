//! Connections that ask as fast as they are answered.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use gatewayz_benches::{Rng, WallTime};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};

use crate::{answer::Answers, histogram::Histogram};

const REQUEST_LIMIT: Duration = Duration::from_secs(30);
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(10);
/// More than anybody names.
pub(crate) const MAX_PHASES: usize = 16;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) address: SocketAddr,
    /// Ready to be written; one of them is drawn each time.
    pub(crate) requests: Vec<Vec<u8>>,
    /// How many requests are still to be begun.
    pub(crate) budget: AtomicU64,
    pub(crate) is_over: AtomicBool,
    pub(crate) phase: AtomicUsize,
}

/// What was seen in one phase.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    latencies: Histogram,
    bytes: u64,
    statuses: BTreeMap<u16, u64>,
    /// By kind: `connect`, `answer`, `timeout`.
    errors: BTreeMap<&'static str, u64>,
    /// Connections that the server ended as it had announced.
    closed: u64,
}

impl Plan {
    fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
            && self
                .budget
                .try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                .is_ok()
    }

    fn phase(&self) -> usize {
        self.phase.load(Ordering::Relaxed).min(MAX_PHASES - 1)
    }
}

/// Asks on one connection after another until the plan is over.
pub(crate) async fn connection(plan: Arc<Plan>, seed: u64) -> Vec<Seen> {
    let mut seen = vec![Seen::default(); MAX_PHASES];
    let mut rng = Rng::new(seed);
    let mut open: Option<Answers<TcpStream>> = None;
    while plan.goes_on() {
        let drawn = usize::try_from(rng.next() % plan.requests.len().max(1) as u64).unwrap_or_default();
        let Some(request) = plan.requests.get(drawn) else {
            break;
        };
        let begun_in = plan.phase();
        let time = WallTime::start();
        let outcome = match timeout(REQUEST_LIMIT, ask(&mut open, plan.address, request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err("timeout"),
        };
        let took = time.elapsed();
        let ended_in = plan.phase();
        // A request over a change belongs to both sides: what a fault delays must not hide in the phase after it.
        for (at, seen) in seen.iter_mut().enumerate() {
            if at == begun_in || at == ended_in {
                seen.count(outcome, took);
            }
        }
        match outcome {
            Ok((_, _, true)) => {}
            Ok((_, _, false)) => open = None,
            Err(_) => {
                open = None;
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }
    seen
}

/// Returns status, size, and whether the connection stays open; or the kind of the error.
type Outcome = Result<(u16, u64, bool), &'static str>;

async fn ask(open: &mut Option<Answers<TcpStream>>, address: SocketAddr, request: &[u8]) -> Outcome {
    if open.is_none() {
        *open = Some(connect(address).await.ok_or("connect")?);
    }
    let Some(answers) = open else {
        return Err("connect");
    };
    answers.stream().write_all(request).await.map_err(|_io| "answer")?;
    let answer = answers.next().await.map_err(|_io| "answer")?;
    Ok((answer.status, answer.body, answer.is_open))
}

/// Opens a connection.
pub(crate) async fn connect(address: SocketAddr) -> Option<Answers<TcpStream>> {
    let stream = TcpStream::connect(address).await.ok()?;
    stream.set_nodelay(true).ok()?;
    Some(Answers::new(stream))
}

/// Returns a request ready to be written.
pub(crate) fn request(address: SocketAddr, path: &str, headers: &[String]) -> Vec<u8> {
    let mut text = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n");
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    text.into_bytes()
}

impl Seen {
    fn count(&mut self, outcome: Outcome, took: Duration) {
        match outcome {
            Ok((status, bytes, is_open)) => {
                self.latencies.record(took);
                self.bytes += bytes;
                *self.statuses.entry(status).or_default() += 1;
                self.closed += u64::from(!is_open);
            }
            Err(kind) => *self.errors.entry(kind).or_default() += 1,
        }
    }

    /// Adds what another connection saw.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.latencies.merge(&other.latencies);
        self.bytes += other.bytes;
        self.closed += other.closed;
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        for (kind, count) in &other.errors {
            *self.errors.entry(kind).or_default() += count;
        }
    }

    /// Returns the entry of the report.
    pub(crate) fn to_json(&self, name: &str, took: Duration) -> Value {
        let statuses: BTreeMap<String, u64> = self
            .statuses
            .iter()
            .map(|(status, count)| (status.to_string(), *count))
            .collect();
        json!({
            "name": name,
            "seconds": took.as_secs_f64(),
            "requests": self.latencies.count(),
            "bytes": self.bytes,
            "statuses": statuses,
            "errors": self.errors,
            "closed": self.closed,
            "latency_us": {
                "mean": self.latencies.mean(),
                "p50": self.latencies.quantile(500),
                "p90": self.latencies.quantile(900),
                "p99": self.latencies.quantile(990),
                "p999": self.latencies.quantile(999),
                "max": self.latencies.max(),
            },
        })
    }
}
