//! How many calls wait for something at once, and for how long.
//!
//! Answers that are at hand pass: they are over before anybody could wait for them.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use http::Response;
use metrics::{Counter, Gauge, counter, gauge};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::Service;

use crate::{
    app::App,
    config::Concurrency,
    http::{Answer, Body, Call, Code, Deadline, Problem},
};

/// The gate before everything that waits.
#[derive(Debug)]
pub(crate) struct Gate {
    places: Arc<Semaphore>,
    limit: usize,
    queued: Arc<AtomicUsize>,
    queue: usize,
    wait: Duration,
    active: Gauge,
    waiting: Gauge,
    full: Counter,
    timed_out: Counter,
}

/// How the gate stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GateStats {
    /// Calls under way.
    pub(crate) active: usize,
    /// Calls that wait for a place.
    pub(crate) queued: usize,
}

impl Gate {
    /// A gate with so many places.
    pub(crate) fn new(concurrency: Concurrency) -> Self {
        let rejected = |reason: &'static str| counter!("concurrency_rejected", "reason" => reason);
        Self {
            places: Arc::new(Semaphore::new(concurrency.limit.min(Semaphore::MAX_PERMITS))),
            limit: concurrency.limit,
            queued: Arc::new(AtomicUsize::new(0)),
            queue: concurrency.queue,
            wait: concurrency.wait,
            active: gauge!("concurrency_active_requests"),
            waiting: gauge!("concurrency_queued_requests"),
            full: rejected("queue_full"),
            timed_out: rejected("queue_timeout"),
        }
    }

    /// How it stands now.
    pub(crate) fn stats(&self) -> GateStats {
        GateStats {
            active: self.limit.saturating_sub(self.places.available_permits()),
            queued: self.queued.load(Ordering::Relaxed),
        }
    }

    /// Hands what [`stats`](Self::stats) says to the recorder.
    #[expect(
        clippy::cast_precision_loss,
        reason = "gauges are floats; counts stay far below 2^52"
    )]
    pub(crate) fn publish(&self) {
        let stats = self.stats();
        self.active.set(stats.active as f64);
        self.waiting.set(stats.queued as f64);
    }

    async fn place(self: Arc<Self>) -> Result<OwnedSemaphorePermit, Problem> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(place);
        }
        let overloaded = |message| Problem::new(Code::Overloaded, message);
        if self.queued.fetch_add(1, Ordering::Relaxed) >= self.queue {
            self.queued.fetch_sub(1, Ordering::Relaxed);
            self.full.increment(1);
            return Err(overloaded(
                "too many requests are under way; try again in a few seconds",
            ));
        }
        let _queued = Queued(Arc::clone(&self.queued));
        match tokio::time::timeout(self.wait, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => {
                self.timed_out.increment(1);
                Err(overloaded("no place became free in time; try again in a few seconds"))
            }
        }
    }
}

/// A call in the queue; leaves it also when its caller goes away.
struct Queued(Arc<AtomicUsize>);

impl Drop for Queued {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Lets calls through the gate, and bounds the time that they take.
///
/// What waits runs on the runtime of the background: what it computes keeps no connection of its thread waiting.
#[derive(Clone, Debug)]
pub(super) struct Admit<S> {
    app: &'static Arc<App>,
    inner: S,
}

impl<S> Admit<S> {
    pub(super) const fn new(app: &'static Arc<App>, inner: S) -> Self {
        Self { app, inner }
    }
}

impl<S> Service<Call> for Admit<S>
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
        let (id, deadline) = (call.id.clone(), call.route.deadline);
        match self.inner.call(call) {
            at_hand @ Answer::Now(_) => at_hand,
            Answer::Later(later) => {
                let gate = Arc::clone(&self.app.gate);
                let limit = match deadline {
                    Deadline::Usual => self.app.config().server.request_timeout,
                    Deadline::Long(limit) => limit,
                };
                let background = self.app.background.clone();
                Answer::later(async move {
                    match through(gate, limit, later, background).await {
                        Ok(response) => response,
                        Err(problem) => problem.into_response(&id),
                    }
                })
            }
        }
    }
}

async fn through(
    gate: Arc<Gate>,
    limit: Duration,
    later: BoxFuture<'static, Response<Body>>,
    background: tokio::runtime::Handle,
) -> Result<Response<Body>, Problem> {
    let place = gate.place().await?;
    let mut task = Aborting(background.spawn(later));
    match tokio::time::timeout(limit, &mut task.0).await {
        Ok(Ok(response)) => Ok(response.map(|body| body.holding(place))),
        Ok(Err(ended)) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Problem::new(Code::Unavailable, "the gateway is about to end")),
        },
        Err(_) => Err(Problem::new(
            Code::GatewayTimeout,
            format!("no answer could be had within {} seconds", limit.as_secs()),
        )),
    }
}

/// A task that ends when nobody waits for it any more.
struct Aborting<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for Aborting<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
