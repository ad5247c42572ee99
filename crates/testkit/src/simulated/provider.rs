//! The server: a thread with a runtime of its own.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener as StdListener},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{net::TcpListener, runtime, sync::oneshot};

use super::{connection, fault::Fault, recorded::RecordedList, reply::Route, request::Request, routes::Routes};

/// After an accept that failed: the machine is out of files, and may have some again.
const PAUSE: Duration = Duration::from_millis(10);

#[derive(Debug)]
struct Shared {
    routes: Mutex<Routes>,
    n_open: AtomicUsize,
}

/// A server of HTTP/1.1 on loopback that serves what a test wants, with faults.
///
/// It lives on a thread of its own, so any test can use it: one that blocks, has several runtimes, or has stopped tokio's clock
/// (the server's own time is real). Requests are recorded as soon as they are read, also those that are never answered. A path
/// may have `{any}` for a segment and `*` as its last one; it is met without the query, and by any method. Where there is no
/// route, the answer is a 404. Dropping it closes all connections.
#[derive(Debug)]
pub struct SimulatedProvider {
    addr: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl SimulatedProvider {
    /// Starts a server without routes on a free port.
    ///
    /// # Errors
    ///
    /// Returns an error when the machine is out of ports, files or threads.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
    pub async fn start() -> io::Result<Self> {
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared {
            routes: Mutex::new(Routes::new()),
            n_open: AtomicUsize::new(0),
        });
        let (stop, stopped) = oneshot::channel();
        let (started, is_started) = oneshot::channel();
        let state = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("simulated-provider".to_owned())
            .spawn(move || run(listener, state, started, stopped))?;
        let provider = Self {
            addr,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        };
        is_started.await.unwrap_or_else(|ended| Err(io::Error::other(ended)))?;
        Ok(provider)
    }

    /// Returns the address.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns `http://127.0.0.1:port`, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Answers requests to `path` from now on.
    pub fn route(&self, path: &str, route: impl Into<Route>) {
        self.shared.routes.lock().set(path, route.into());
    }

    /// Serves recorded lists, each at its [`path`](RecordedList::path).
    pub fn serve<'a>(&self, lists: impl IntoIterator<Item = &'a RecordedList>) {
        for list in lists {
            self.route(&list.path, list);
        }
    }

    /// Spoils every answer to `path` from now on, instead of how it was spoilt before.
    pub fn fault(&self, path: &str, fault: Fault) {
        self.shared.routes.lock().set_fault(path, fault, None);
    }

    /// Spoils the next `times` answers to `path`; those after are sound.
    pub fn fault_times(&self, path: &str, times: u64, fault: Fault) {
        let mut routes = self.shared.routes.lock();
        if times == 0 {
            routes.heal(path);
        } else {
            routes.set_fault(path, fault, Some(times));
        }
    }

    /// Takes back the fault that was set for exactly this path. What hangs already goes on hanging.
    pub fn heal(&self, path: &str) {
        self.shared.routes.lock().heal(path);
    }

    /// Takes back all faults.
    pub fn heal_all(&self) {
        self.shared.routes.lock().heal_all();
    }

    /// Returns the requests so far, in their order.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.routes.lock().requests.clone()
    }

    /// Returns the requests to exactly this path so far, in their order.
    #[must_use]
    pub fn requests_to(&self, path: &str) -> Vec<Request> {
        let routes = self.shared.routes.lock();
        routes
            .requests
            .iter()
            .filter(|request| request.path() == path)
            .cloned()
            .collect()
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        self.shared.routes.lock().requests.clear();
    }

    /// Returns how many connections are open now. Those that hang count until the client has closed them.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.shared.n_open.load(Ordering::Acquire)
    }
}

impl Drop for SimulatedProvider {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of a route's function has been printed, and its client has seen the end of the connection.
            drop(thread.join());
        }
    }
}

/// Counts a connection while it lives.
struct Open(Arc<Shared>);

impl Open {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.n_open.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(shared))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.n_open.fetch_sub(1, Ordering::AcqRel);
    }
}

fn run(
    listener: StdListener,
    shared: Arc<Shared>,
    started: oneshot::Sender<io::Result<()>>,
    stopped: oneshot::Receiver<()>,
) {
    let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            drop(started.send(Err(error)));
            return;
        }
    };
    // Connections end with the runtime.
    runtime.block_on(async {
        let listener = match TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                drop(started.send(Err(error)));
                return;
            }
        };
        drop(started.send(Ok(())));
        tokio::select! {
            () = accept(&listener, &shared) => {}
            _ = stopped => {}
        }
    });
}

async fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let open = Open::new(shared);
                tokio::spawn(async move {
                    // A client that breaks off, or speaks no HTTP, is none of the server's business.
                    connection::serve(stream, &open.0.routes).await.ok();
                    drop(open);
                });
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
