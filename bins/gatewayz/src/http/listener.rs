//! Threads that accept connections, each with a listener and a runtime of its own.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    num::NonZeroUsize,
    thread::{self, JoinHandle},
    time::Duration,
};

use http::Request;
use tokio::{
    io::{AsyncWriteExt as _, Interest},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tower::Service;

use super::{
    Answer, Code, Connections, Limits, Problem, RequestBody, RequestId, TlsAcceptor,
    connection::{self, Stage},
};
use gatewayz_cache_core::{Clock as _, KernelClock};

/// How many connections wait to be accepted, on each listener.
const BACKLOG: u32 = 1024;
/// How long the other end may take to agree on TLS.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long connections without a request are kept at the end: a caller that is about to send one learns from its
/// answer that it was the last.
const LINGER: Duration = Duration::from_millis(500);

/// An address that is listened on, once per thread.
#[derive(Debug)]
pub(crate) struct Bound {
    sockets: Vec<std::net::TcpListener>,
    /// The address, with the port that was free where 0 was asked for.
    pub(crate) address: SocketAddr,
    /// Whether administration alone is served here.
    pub(crate) admin: bool,
}

/// Listens on an address, so many times that every thread has a listener of its own.
///
/// # Errors
///
/// The operating system's.
pub(crate) fn bind(address: SocketAddr, threads: NonZeroUsize, admin: bool) -> io::Result<Bound> {
    let mut sockets: Vec<std::net::TcpListener> = Vec::with_capacity(threads.get());
    let mut address = address;
    for _ in 0..threads.get() {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        }?;
        socket.set_reuseaddr(true)?;
        if sockets.is_empty() && address.port() != 0 {
            // Somebody else's server on this port is an error, not a companion.
            claim(address)?;
        }
        socket.set_reuseport(true)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?.into_std()?;
        address = listener.local_addr()?;
        sockets.push(listener);
    }
    Ok(Bound {
        sockets,
        address,
        admin,
    })
}

/// Fails where the address is taken.
fn claim(address: SocketAddr) -> io::Result<()> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)
}

/// Threads that serve.
#[derive(Debug)]
pub(crate) struct Draining {
    threads: Vec<JoinHandle<()>>,
    stage: watch::Sender<Stage>,
    connections: Connections,
}

/// Serves on all listeners, until told to drain.
///
/// # Errors
///
/// The operating system's, where no thread or runtime can be had.
pub(crate) fn serve<F>(
    bound: Vec<Bound>,
    front: &F,
    limits: Limits,
    connections: &Connections,
    tls: Option<&TlsAcceptor>,
) -> io::Result<Draining>
where
    F: Service<Request<RequestBody>, Error = Infallible, Future = Answer> + Clone + Send + Sync + 'static,
{
    let (stage, _) = watch::channel(Stage::default());
    let count = bound.iter().map(|bound| bound.sockets.len()).max().unwrap_or(0);
    let mut per_thread: Vec<Vec<(std::net::TcpListener, bool)>> = (0..count).map(|_| Vec::new()).collect();
    for bound in bound {
        for (thread, socket) in per_thread.iter_mut().zip(bound.sockets) {
            thread.push((socket, bound.admin));
        }
    }
    let mut threads = Vec::with_capacity(count);
    for (at, sockets) in per_thread.into_iter().enumerate() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let worker = Worker {
            front: front.clone(),
            limits,
            connections: connections.clone(),
            tls: tls.cloned(),
            stage: stage.subscribe(),
        };
        let thread = thread::Builder::new()
            .name(format!("gatewayz-http-{at}"))
            .spawn(move || runtime.block_on(worker.run(sockets)))?;
        threads.push(thread);
    }
    Ok(Draining {
        threads,
        stage,
        connections: connections.clone(),
    })
}

impl Draining {
    /// Takes no more connections, answers what is under way, and ends; whatever is not answered within `limit` is cut
    /// off. Returns how many connections were.
    pub(crate) async fn drain(self, limit: Duration) -> usize {
        self.stage.send_replace(Stage::Draining);
        tokio::time::sleep(LINGER.min(limit)).await;
        self.stage.send_replace(Stage::Closing);
        let all_gone = async {
            while self.connections.count() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = tokio::time::timeout(limit.saturating_sub(LINGER), all_gone).await;
        let left = if in_time.is_ok() { 0 } else { self.connections.count() };
        // The threads end when the sender is gone.
        drop(self.stage);
        for thread in self.threads {
            #[expect(
                clippy::disallowed_methods,
                reason = "the thread is about to end: nothing keeps its runtime"
            )]
            let ended = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(ended, Ok(Ok(()))) {
                tracing::error!("a thread of the server ended with a panic");
            }
        }
        left
    }
}

/// What one thread needs.
#[derive(Clone)]
struct Worker<F> {
    front: F,
    limits: Limits,
    connections: Connections,
    tls: Option<TlsAcceptor>,
    stage: watch::Receiver<Stage>,
}

impl<F> Worker<F>
where
    F: Service<Request<RequestBody>, Error = Infallible, Future = Answer> + Clone + Send + Sync + 'static,
{
    async fn run(mut self, sockets: Vec<(std::net::TcpListener, bool)>) {
        let mut accepting = JoinSet::new();
        for (socket, admin) in sockets {
            let listener = match TcpListener::from_std(socket) {
                Ok(listener) => listener,
                Err(error) => {
                    tracing::error!(%error, "a listener cannot be used");
                    continue;
                }
            };
            accepting.spawn(self.clone().accept(listener, admin));
        }
        while accepting.join_next().await.is_some() {}
        // Connections are tasks of this runtime: it must live until they are over, or are given up.
        while self.stage.changed().await.is_ok() {}
    }

    /// Accepts until the server drains, and then what is waiting already.
    async fn accept(self, listener: TcpListener, admin: bool) {
        let Self {
            front,
            limits,
            connections,
            tls,
            mut stage,
        } = self;
        let take = |(socket, address): (TcpStream, SocketAddr), stage: &watch::Receiver<Stage>| {
            let Some(slot) = connections.slot(limits.max_connections) else {
                tokio::spawn(refuse(socket));
                return;
            };
            if let Err(error) = socket.set_nodelay(true) {
                tracing::debug!(%error, "a connection went away at once");
                return;
            }
            let (front, tls, stage) = (front.clone(), tls.clone(), stage.clone());
            let peer = connection::peer(address, admin);
            tokio::spawn(async move {
                let _slot = slot;
                // Whoever says nothing gets no buffers.
                if !speaks(&socket, limits.idle, stage.clone()).await {
                    return;
                }
                match tls {
                    None => Box::pin(connection::run(socket, peer, front, limits, stage)).await,
                    Some(tls) => {
                        // In a box, as what follows: a connection that says nothing has no room for a handshake.
                        let agreed = Box::pin(tokio::time::timeout(HANDSHAKE, tls.accept(socket))).await;
                        if let Ok(Ok(socket)) = agreed {
                            Box::pin(connection::run(socket, peer, front, limits, stage)).await;
                        }
                    }
                }
            });
        };
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => take(accepted, &stage),
                    Err(error) => {
                        // Out of file descriptors, for one: it passes when connections end.
                        tracing::warn!(%error, "no connection can be accepted");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                },
                changed = stage.changed() => {
                    if changed.is_err() || *stage.borrow() != Stage::Serving {
                        break;
                    }
                }
            }
        }
        // What the kernel has accepted would be reset with the listener.
        while let Some(Ok(accepted)) = futures_util::FutureExt::now_or_never(listener.accept()) {
            take(accepted, &stage);
        }
    }
}

/// Waits for the first byte of a connection; `false` where none comes.
async fn speaks(socket: &TcpStream, idle: Duration, mut stage: watch::Receiver<Stage>) -> bool {
    let closing = async { drop(stage.wait_for(|&at| at == Stage::Closing).await) };
    tokio::select! {
        biased;
        ready = socket.ready(Interest::READABLE) => ready.is_ok(),
        () = closing => false,
        () = tokio::time::sleep(idle) => false,
    }
}

/// Says that there are too many connections.
async fn refuse(mut socket: TcpStream) {
    let problem = Problem::new(
        Code::Overloaded,
        "there are too many connections; use the ones that you have",
    );
    let id = RequestId::random();
    let body = problem.to_json(id.as_str(), KernelClock.wall());
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         x-request-id: {id}\r\ncache-control: no-store\r\nretry-after: 5\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let whole = [head.as_bytes(), &body].concat();
    let written = tokio::time::timeout(Duration::from_secs(1), socket.write_all(&whole)).await;
    if !matches!(written, Ok(Ok(()))) {
        tracing::debug!("a refused connection did not wait for the reason");
    }
}
