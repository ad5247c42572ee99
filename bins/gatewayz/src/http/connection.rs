//! One connection: its service, its limits of time, and its end.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{HeaderValue, Request, Version, header};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch::Receiver,
};
use tower::Service;

use super::{
    Answer, Peer, RequestBody,
    watch::{Open, Verdict, Watch, Watched},
};

/// What a connection may take of time and memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// For the head of a request, from its first byte.
    pub(crate) header: Duration,
    /// Without any request.
    pub(crate) idle: Duration,
    /// For the other end to take another byte of an answer that has begun.
    pub(crate) answer: Duration,
    /// The greatest head of a request.
    pub(crate) max_header_bytes: usize,
    /// How many connections there may be.
    pub(crate) max_connections: usize,
}

/// How far the end of the server has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It serves.
    #[default]
    Serving,
    /// Every answer is the last of its connection.
    Draining,
    /// Connections without a request are closed.
    Closing,
}

/// The connections that are open, on all threads together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connections(Arc<AtomicUsize>);

/// One of them.
#[derive(Debug)]
pub(super) struct Slot(Arc<AtomicUsize>);

impl Connections {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// A place for one more.
    pub(super) fn slot(&self, most: usize) -> Option<Slot> {
        if self.0.fetch_add(1, Ordering::Relaxed) >= most {
            self.0.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Slot(Arc::clone(&self.0)))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves a connection until either end has had enough.
pub(super) async fn run<S, F>(socket: S, peer: Peer, front: F, limits: Limits, mut stage: Receiver<Stage>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Service<Request<RequestBody>, Error = Infallible, Future = Answer> + Clone + Send + 'static,
{
    let watch = Watch::new();
    let socket = TokioIo::new(Watched::new(socket, Arc::clone(&watch)));
    let service = hyper::service::service_fn({
        let (watch, stage) = (Arc::clone(&watch), stage.clone());
        move |request: Request<Incoming>| {
            let open = Open::new(&watch);
            let is_last = *stage.borrow() != Stage::Serving && request.version() <= Version::HTTP_11;
            let request = request.map(|body| RequestBody::incoming(body, peer));
            // A service is cheap to clone, and `poll_ready` never has anybody wait: see the admission layer.
            front.clone().call(request).map(move |response| {
                let mut response = response.map(|body| body.ending(open.answered()));
                if is_last {
                    response
                        .headers_mut()
                        .insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                response
            })
        }
    });
    let builder = builder(limits);
    let mut connection = pin!(builder.serve_connection(socket, service));
    let mut alarm = pin!(tokio::time::sleep(limits.header.min(limits.idle)));
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(peer = %peer.address, %error, "connection ended");
                }
                return;
            }
            () = alarm.as_mut() => {
                let wait = match watch.verdict(limits.header, limits.idle, limits.answer) {
                    Verdict::Wait(left) => left,
                    Verdict::TooSlow => {
                        watch.too_slow();
                        Duration::from_secs(1)
                    }
                    Verdict::Close => {
                        connection.as_mut().graceful_shutdown();
                        // One that does not go by itself is dropped at the next look.
                        watch.too_slow();
                        Duration::from_secs(1)
                    }
                    Verdict::Abort => return,
                };
                alarm.as_mut().reset(tokio::time::Instant::now() + wait.min(limits.header.min(limits.idle)));
            }
            changed = stage.changed() => {
                let at = *stage.borrow_and_update();
                if changed.is_err() {
                    // The server's time to end is over.
                    return;
                }
                // HTTP/2 has a word for it; with HTTP/1, whoever sends a request learns from its answer that it was
                // the last, and a connection without one is closed a little later.
                if at == Stage::Closing || watch.is_multiplexed() {
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// How hyper reads and writes.
fn builder(limits: Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // The watch has an eye on this: hyper's own limit also ends connections that only rest.
        .header_read_timeout(None)
        .max_headers(100)
        .max_buf_size(limits.max_header_bytes.max(8192))
        // No `pipeline_flush`: with it, hyper never sends what it says of a malformed head, whose bytes it still holds.
        .half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(256)
        .max_header_list_size(u32::try_from(limits.max_header_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20))
        .max_pending_accept_reset_streams(Some(32))
        .max_send_buf_size(1 << 20);
    builder
}

/// The address that a connection came from, as the log shows it.
pub(super) const fn peer(address: SocketAddr, admin_listener: bool) -> Peer {
    Peer {
        address,
        admin_listener,
    }
}
