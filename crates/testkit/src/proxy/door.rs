//! Where clients come in.

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use super::{
    Counters, link, reset,
    settings::{Admission, Settings},
};

/// Until the machine may have files again.
const RETRY: Duration = Duration::from_millis(20);

/// A client, and how it was admitted.
pub(super) type Arrival = (TcpStream, Admission);

/// Accepts and numbers clients, and changes the faults, in one order.
///
/// Whoever changes a fault first lets in all who wait: a client whose `connect` has returned is an old one then, whether or not
/// the task of the proxy has run in between.
#[derive(Debug)]
pub(super) struct Door {
    /// Never blocks.
    listener: Mutex<TcpListener>,
    settings: watch::Sender<Settings>,
    arrivals: mpsc::UnboundedSender<Arrival>,
    counters: Arc<Counters>,
}

impl Door {
    pub(super) fn new(listener: TcpListener, upstream: SocketAddr) -> (Arc<Self>, mpsc::UnboundedReceiver<Arrival>) {
        let (sender, arrivals) = mpsc::unbounded_channel();
        let settings = watch::Sender::new(Settings::new(upstream));
        let door = Self {
            listener: Mutex::new(listener),
            settings,
            arrivals: sender,
            counters: Arc::default(),
        };
        (Arc::new(door), arrivals)
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Returns a second handle of the listener, which wakes a task.
    pub(super) fn bell(&self) -> io::Result<TcpListener> {
        self.lock().try_clone()
    }

    /// Changes the faults for all who are inside, and for all who come later.
    pub(super) fn change(&self, change: impl FnOnce(&mut Settings)) {
        let listener = self.lock();
        // An error is that of nobody waiting, or of a lack of files, which the client's time-out shows.
        while let Ok((client, _)) = listener.accept() {
            // Fails only when the proxy ends, and the client is closed then.
            drop(self.arrivals.send((client, self.admit())));
        }
        self.settings.send_modify(change);
    }

    /// Lets in one who waits, in one step with the decision on it.
    fn poll_arrival(
        &self,
        bell: &tokio::net::TcpListener,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<(tokio::net::TcpStream, Admission)>> {
        let _listener = self.lock();
        bell.poll_accept(context).map_ok(|(client, _)| (client, self.admit()))
    }

    fn admit(&self) -> Admission {
        self.counters.accepted.fetch_add(1, Ordering::Relaxed);
        let mut admission = Admission::Refused;
        self.settings.send_if_modified(|settings| {
            admission = settings.admit();
            // The links that exist need not look.
            false
        });
        admission
    }

    /// Nothing can panic while it is held but the fault's own arithmetic, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, TcpListener> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the door for ever; its end ends all links.
pub(super) async fn keep(
    bell: tokio::net::TcpListener,
    door: Arc<Door>,
    mut arrivals: mpsc::UnboundedReceiver<Arrival>,
) {
    let mut links = JoinSet::new();
    loop {
        let arrival = tokio::select! {
            arrival = std::future::poll_fn(|context| door.poll_arrival(&bell, context)) => arrival,
            Some((client, admission)) = arrivals.recv() => adopt(client).map(|client| (client, admission)),
            Some(_) = links.join_next() => continue,
        };
        match arrival {
            Ok((client, Admission::Link(ticket))) => {
                links.spawn(link::run(
                    client,
                    ticket,
                    door.settings.subscribe(),
                    Arc::clone(&door.counters),
                ));
            }
            Ok((client, Admission::Refused)) => {
                door.counters.refused.fetch_add(1, Ordering::Relaxed);
                reset(client);
            }
            Err(_) => tokio::time::sleep(RETRY).await,
        }
    }
}

fn adopt(client: TcpStream) -> io::Result<tokio::net::TcpStream> {
    client.set_nonblocking(true)?;
    tokio::net::TcpStream::from_std(client)
}
