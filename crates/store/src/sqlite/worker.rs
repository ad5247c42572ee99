//! Threads that own connections, and the work that is sent to them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use gatewayz_catalog::StoreError;
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::error::Fail;

/// How many calls wait for a thread; those that come later wait for a place, no longer than they may.
const QUEUE: usize = 64;

/// After so many steps of SQLite's machine it is asked whether anybody still waits for the answer: a few microseconds.
const STEPS: i32 = 1_000;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// Threads with a connection each, which take work from one queue. They end when the last handle is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Worker {
    jobs: mpsc::Sender<Job>,
    limit: Duration,
}

/// Tells a job that nobody waits for it any more.
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Worker {
    /// Starts one thread for each connection.
    pub(crate) fn start(name: &str, connections: Vec<Connection>, limit: Duration) -> Result<Self, StoreError> {
        let (jobs, queue) = mpsc::channel::<Job>(QUEUE);
        let queue = Arc::new(Mutex::new(queue));
        for mut connection in connections {
            let queue = Arc::clone(&queue);
            let run = move || {
                // One of the idle threads waits in the queue, the others for its lock.
                while let Some(job) = next(&queue) {
                    job(&mut connection);
                }
            };
            thread::Builder::new()
                .name(name.to_owned())
                .spawn(run)
                .map_err(|error| StoreError::Unavailable(format!("no thread for a connection: {error}")))?;
        }
        Ok(Self { jobs, limit })
    }

    /// Does work on one of the connections, within the time of a call.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Fail> + Send + 'static,
    ) -> Result<T, Fail> {
        self.run_within(self.limit, work).await
    }

    /// Does work on one of the connections. Work that has not begun when the caller leaves is not begun, and work that
    /// has is interrupted: what it wrote and did not commit is taken back.
    pub(crate) async fn run_within<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl FnOnce(&mut Connection) -> Result<T, Fail> + Send + 'static,
    ) -> Result<T, Fail> {
        let (reply, answer) = oneshot::channel();
        let gone = Gone(Arc::new(AtomicBool::new(false)));
        let seen = Arc::clone(&gone.0);
        let job: Job = Box::new(move |connection| {
            if seen.load(Ordering::Relaxed) {
                return;
            }
            let result = interruptible(connection, seen, work);
            // The caller may have left.
            drop(reply.send(result));
        });
        let call = async {
            let sent = self.jobs.send(job).await;
            let answered = answer.await;
            match (sent, answered) {
                (Ok(()), Ok(result)) => result,
                _ => Err(
                    StoreError::Refused("the thread of the database has ended; restart the program".to_owned()).into(),
                ),
            }
        };
        let result = tokio::time::timeout(limit, call).await;
        drop(gone);
        result.unwrap_or_else(|_elapsed| {
            Err(StoreError::Unavailable(format!("no answer from the file within {limit:?}")).into())
        })
    }
}

fn next(queue: &Mutex<mpsc::Receiver<Job>>) -> Option<Job> {
    queue.lock().blocking_recv()
}

fn interruptible<T>(
    connection: &mut Connection,
    gone: Arc<AtomicBool>,
    work: impl FnOnce(&mut Connection) -> Result<T, Fail>,
) -> Result<T, Fail> {
    connection.progress_handler(STEPS, Some(move || gone.load(Ordering::Relaxed)))?;
    let result = work(connection);
    connection.progress_handler(0, None::<fn() -> bool>)?;
    result
}
