//! How long a provider is left alone after its list failed.

use std::time::Duration;

use gatewayz_cache_core::{Jitter, Keyspace, Policy, UnixMillis};
use gatewayz_catalog::ListError;
use serde::{Deserialize, Serialize};

/// `gateway:error:{slug}`: `{error, timestamp, failure_count, backoff}`. Kept for twice the longest back-off, so that a
/// failure after it is known to be another one in a row.
pub(super) const ERRORS: Keyspace = Keyspace::new(
    "gateway:error",
    Policy::new(Duration::from_secs(7200))
        .with_negative(Duration::from_secs(300))
        .with_jitter(Jitter::NONE)
        .without_refresh_ahead()
        .with_timeouts(Duration::from_millis(50), Duration::from_secs(2)),
);

/// By the number of failures in a row.
const BACK_OFF: [Duration; 4] = [
    Duration::from_secs(300),
    Duration::from_secs(900),
    Duration::from_secs(1800),
    LONGEST,
];
const LONGEST: Duration = Duration::from_secs(3600);
/// What was used up comes back no sooner.
pub(super) const QUOTA: Duration = Duration::from_secs(900);

/// The failures of a provider, in the form in which they are shared. Without an error: it has recovered.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(super) struct ErrorState {
    /// What the last one was.
    pub(super) error: Option<String>,
    /// When it was.
    pub(super) timestamp: String,
    /// How many in a row.
    pub(super) failure_count: u32,
    /// For how many seconds it is left alone since.
    #[serde(default)]
    pub(super) backoff: u64,
}

impl ErrorState {
    /// The state after one more failure.
    pub(super) fn after(before: Option<&Self>, error: &ListError, now: UnixMillis) -> Self {
        let failure_count = before.map_or(0, |before| before.failure_count).saturating_add(1);
        Self {
            error: Some(error.to_string()),
            timestamp: now.to_string(),
            failure_count,
            backoff: back_off(failure_count, error).as_secs(),
        }
    }

    pub(super) fn recovered(now: UnixMillis) -> Self {
        Self {
            timestamp: now.to_string(),
            ..Self::default()
        }
    }

    /// How much longer it is left alone, by the wall; `age` is how long ago the state came about, by the clock.
    pub(super) fn left(&self, age: Duration) -> Option<Duration> {
        self.error.as_ref()?;
        let back_off = match self.backoff {
            // Written by one that does not say it.
            0 => ladder(self.failure_count),
            seconds => Duration::from_secs(seconds).min(LONGEST),
        };
        let left = back_off.saturating_sub(age);
        (!left.is_zero()).then_some(left)
    }
}

fn ladder(failure_count: u32) -> Duration {
    let step = usize::try_from(failure_count.saturating_sub(1)).unwrap_or(usize::MAX);
    BACK_OFF.get(step).copied().unwrap_or(LONGEST)
}

fn back_off(failure_count: u32, error: &ListError) -> Duration {
    match error {
        ListError::Quota(_) => QUOTA,
        ListError::Status {
            retry_after: Some(asked),
            ..
        } => ladder(failure_count).max((*asked).min(LONGEST)),
        _ => ladder(failure_count),
    }
}
