//! How what is done without being asked is doing.

use std::time::Duration;

use gatewayz_cache_core::{Clock as _, KernelClock, Tick, UnixMillis};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::openapi::shape;

/// What is done without being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    /// Bringing the schema up to date, and telling the store of the providers.
    Prepare,
    /// Reading the catalogue before anybody asks.
    Warm,
    /// Reading it anew.
    Refresh,
    /// Fetching the providers' lists.
    Sync,
}

impl Job {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Prepare, Self::Warm, Self::Refresh, Self::Sync];

    /// The word in answers, labels and log lines.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Warm => "warm",
            Self::Refresh => "refresh",
            Self::Sync => "sync",
        }
    }
}

shape! {
    /// How a job of the background is doing.
    pub(crate) struct JobReport {
        /// Which job.
        pub(crate) job: &'static str,
        /// Whether it runs now.
        pub(crate) running: bool,
        /// How often it ended well.
        pub(crate) runs: u64,
        /// How often it did not.
        pub(crate) failures: u64,
        /// When it began last.
        pub(crate) last_run: Option<String>,
        /// How long it took last, in milliseconds.
        pub(crate) last_duration_ms: Option<u64>,
        /// Why it did not end well last.
        pub(crate) last_error: Option<String>,
        /// When it is due next, if that is known.
        pub(crate) next_run: Option<String>,
    }
}

#[derive(Debug, Default)]
struct State {
    running: bool,
    runs: u64,
    failures: u64,
    last_run: Option<UnixMillis>,
    last_took: Option<Duration>,
    last_error: Option<String>,
    next_run: Option<UnixMillis>,
}

/// All jobs, and whether the server is ready.
#[derive(Debug)]
pub(crate) struct Jobs {
    states: [Mutex<State>; Job::ALL.len()],
    ready: watch::Sender<bool>,
    prepared: watch::Sender<bool>,
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            states: Default::default(),
            ready: watch::Sender::new(false),
            prepared: watch::Sender::new(false),
        }
    }
}

/// A run of a job. Dropped without a word, it was broken off.
#[derive(Debug)]
pub(crate) struct Run<'j> {
    jobs: &'j Jobs,
    job: Job,
    started: Tick,
    ended: bool,
}

impl Jobs {
    /// Notes that a job begins.
    pub(crate) fn begin(&self, job: Job, now: UnixMillis) -> Run<'_> {
        let mut state = self.states[job as usize].lock();
        state.running = true;
        state.last_run = Some(now);
        state.next_run = None;
        Run {
            jobs: self,
            job,
            started: KernelClock.now(),
            ended: false,
        }
    }

    /// Notes when a job is due next.
    pub(crate) fn due_in(&self, job: Job, pause: Duration, now: UnixMillis) {
        let pause = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        self.states[job as usize].lock().next_run = Some(UnixMillis(now.0.saturating_add(pause)));
    }

    /// How all jobs are doing.
    pub(crate) fn reports(&self) -> Vec<JobReport> {
        let report = |job: Job| {
            let state = self.states[job as usize].lock();
            JobReport {
                job: job.as_str(),
                running: state.running,
                runs: state.runs,
                failures: state.failures,
                last_run: state.last_run.map(|time| time.to_string()),
                last_duration_ms: state
                    .last_took
                    .map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
                last_error: state.last_error.clone(),
                next_run: state.next_run.map(|time| time.to_string()),
            }
        };
        Job::ALL.into_iter().map(report).collect()
    }

    /// Whether the server is ready.
    pub(crate) fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    /// Notes that it is. `false`: it was before.
    pub(crate) fn set_ready(&self) -> bool {
        !self.ready.send_replace(true)
    }

    /// Waits until the store is prepared.
    pub(crate) async fn prepared(&self) {
        let mut prepared = self.prepared.subscribe();
        // The sender lives as long as `self`.
        let _seen = prepared.wait_for(|&prepared| prepared).await;
    }

    /// Whether the store is prepared.
    pub(crate) fn is_prepared(&self) -> bool {
        *self.prepared.borrow()
    }

    /// Hands the counts to the recorder.
    pub(crate) fn publish(&self) {
        for job in Job::ALL {
            let state = self.states[job as usize].lock();
            metrics::counter!("background_runs", "job" => job.as_str(), "outcome" => "ok").absolute(state.runs);
            metrics::counter!("background_runs", "job" => job.as_str(), "outcome" => "failed").absolute(state.failures);
        }
    }
}

impl Run<'_> {
    /// It ended well.
    pub(crate) fn done(mut self) {
        self.end(None);
        if self.job == Job::Prepare {
            self.jobs.prepared.send_replace(true);
        }
    }

    /// It did not.
    pub(crate) fn failed(mut self, error: String) {
        self.end(Some(error));
    }

    fn end(&mut self, error: Option<String>) {
        self.ended = true;
        let took = KernelClock.now().since(self.started);
        let mut state = self.jobs.states[self.job as usize].lock();
        state.running = false;
        state.last_took = Some(took);
        match error {
            None => state.runs += 1,
            Some(_) => state.failures += 1,
        }
        state.last_error = error;
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.end(Some("broken off".to_owned()));
        }
    }
}
