//! Callers that go on asking.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use gatewayz_testkit::eventually;
use tokio::{task::JoinHandle, time::Instant};

use crate::{client::Client, gateway::SOON};

/// One request and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Shot {
    /// When it was sent.
    pub(crate) at: Instant,
    pub(crate) took: Duration,
    /// Whether it was the first of its connection.
    pub(crate) is_first: bool,
    /// The status, or what went wrong with the connection.
    pub(crate) outcome: Result<u16, String>,
}

/// Callers with connections that they keep.
#[derive(Debug)]
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
    callers: Vec<JoinHandle<Vec<Shot>>>,
}

impl Load {
    /// Starts `n` callers; `path` says what the n-th request of a caller is for.
    pub(crate) fn start(addr: SocketAddr, n: usize, path: fn(usize) -> String) -> Self {
        let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let callers = (0..n)
            .map(|caller| tokio::spawn(call(addr, caller, path, Arc::clone(&stop), Arc::clone(&count))))
            .collect();
        Self { stop, count, callers }
    }

    /// Waits until so many more requests were answered.
    pub(crate) async fn goes_on(&self, more: usize) {
        let enough = self.count.load(Ordering::Relaxed) + more;
        let went_on = async || self.count.load(Ordering::Relaxed) >= enough;
        eventually(SOON, went_on).await.unwrap();
    }

    /// Keeps on for a while.
    pub(crate) async fn lasts(&self, time: Duration) {
        let from = Instant::now();
        let lasted = async || from.elapsed() >= time;
        eventually(time + SOON, lasted).await.unwrap();
    }

    /// Lets all callers end after their present requests.
    pub(crate) async fn end(self) -> Vec<Shot> {
        self.stop.store(true, Ordering::Relaxed);
        self.over().await
    }

    /// Waits until all callers have ended, because nobody answers them any more.
    pub(crate) async fn over(self) -> Vec<Shot> {
        let mut shots = Vec::new();
        for caller in self.callers {
            shots.extend(caller.await.unwrap());
        }
        shots
    }
}

/// Asks until it is told to stop, or no connection can be had.
async fn call(
    addr: SocketAddr,
    caller: usize,
    path: fn(usize) -> String,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
) -> Vec<Shot> {
    let mut shots = Vec::new();
    let mut n = caller;
    while !stop.load(Ordering::Relaxed) {
        let Ok(mut client) = Client::connect(addr).await else {
            break;
        };
        let mut is_first = true;
        while !stop.load(Ordering::Relaxed) {
            let at = Instant::now();
            let answer = client.get(&path(n)).await;
            n += 1;
            let is_last = match &answer {
                Ok(answer) => answer.header("connection") == Some("close"),
                Err(_) => true,
            };
            shots.push(Shot {
                at,
                took: at.elapsed(),
                is_first,
                outcome: answer.map(|answer| answer.status).map_err(|error| error.to_string()),
            });
            is_first = false;
            count.fetch_add(1, Ordering::Relaxed);
            if is_last {
                break;
            }
        }
    }
    shots
}

/// The time within which so many percent were answered.
pub(crate) fn percentile<'a>(shots: impl IntoIterator<Item = &'a Shot>, percent: usize) -> Duration {
    let mut took: Vec<_> = shots.into_iter().map(|shot| shot.took).collect();
    took.sort_unstable();
    let at = (took.len() * percent / 100).min(took.len().saturating_sub(1));
    took.get(at).copied().unwrap_or_default()
}

/// What did not go well, in words.
pub(crate) fn failures<'a>(shots: impl IntoIterator<Item = &'a Shot>) -> Vec<String> {
    shots
        .into_iter()
        .filter(|shot| shot.outcome != Ok(200))
        .map(|shot| format!("{:?} after {:?}", shot.outcome, shot.took))
        .collect()
}
