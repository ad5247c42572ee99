//! Real time, for waiting on real processes and sockets.
//!
//! The only place of the crate that reads the wall's clock: a server that starts takes real time, whatever the clock under test says.

use std::time::{Duration, Instant};

/// A moment by which something must have happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    started: Instant,
    limit: Duration,
}

impl Deadline {
    #[expect(clippy::disallowed_methods, reason = "real processes and sockets take real time")]
    pub(crate) fn after(limit: Duration) -> Self {
        Self {
            started: Instant::now(),
            limit,
        }
    }

    #[expect(clippy::disallowed_methods, reason = "real processes and sockets take real time")]
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// What is left, or `None` when the time is up.
    pub(crate) fn remaining(&self) -> Option<Duration> {
        self.limit.checked_sub(self.elapsed()).filter(|left| !left.is_zero())
    }
}

/// Growing intervals between two looks at a condition.
#[derive(Debug)]
pub(crate) struct Backoff(Duration);

impl Backoff {
    const FIRST: Duration = Duration::from_millis(1);
    const LAST: Duration = Duration::from_millis(50);

    pub(crate) const fn new() -> Self {
        Self(Self::FIRST)
    }

    /// Waits for the next interval, but never past `deadline`.
    pub(crate) async fn pause(&mut self, deadline: &Deadline) {
        let interval = deadline.remaining().map_or(Duration::ZERO, |left| left.min(self.0));
        self.0 = (self.0 * 2).min(Self::LAST);
        tokio::time::sleep(interval).await;
    }
}
