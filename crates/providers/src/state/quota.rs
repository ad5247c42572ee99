//! Alibaba's used-up quota, under the names that the earlier system gave it.

use std::time::Duration;

use gatewayz_cache_core::{Cache, InvalidKeyspace, Jitter, Keyspace, Node, Policy, Propagation, Time, UnixMillis};
use gatewayz_catalog::Slug;
use serde::{Deserialize, Serialize};

use super::{errors::QUOTA, replicated::Replicated, text::Text};

const POLICY: Policy = Policy::new(QUOTA)
    .with_negative(Duration::from_secs(300))
    .with_jitter(Jitter::NONE)
    .without_refresh_ahead()
    .with_timeouts(Duration::from_millis(50), Duration::from_secs(2));
const ERROR: Keyspace = Keyspace::new("alibaba:quota_error", POLICY);
const TIMESTAMP: Keyspace = Keyspace::new("alibaba:quota_error_timestamp", POLICY);
const BACK_OFF: Keyspace = Keyspace::new("alibaba:quota_error_backoff", POLICY);
const PROVIDER: &str = "alibaba";

/// `{"error":true}`
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Flag {
    error: bool,
}

#[derive(Debug)]
pub(super) struct Quota {
    error: Replicated<(), Flag>,
    timestamp: Replicated<(), String>,
    back_off: Replicated<(), String>,
}

impl Quota {
    pub(super) fn new(node: &Node, time: &Time) -> Result<Self, InvalidKeyspace> {
        let error: Cache<(), Flag> = node.cache(ERROR).build()?;
        let text = |keyspace| node.cache(keyspace).codec(Text).build::<()>();
        Ok(Self {
            error: Replicated::new(error, time.clone()),
            timestamp: Replicated::new(text(TIMESTAMP)?, time.clone()),
            back_off: Replicated::new(text(BACK_OFF)?, time.clone()),
        })
    }

    pub(super) fn concerns(provider: &Slug) -> bool {
        provider.as_str() == PROVIDER
    }

    /// How much longer the quota counts as used up.
    pub(super) async fn left(&self) -> Option<Duration> {
        let (flag, age) = self.error.read(&()).await?;
        let left = QUOTA.saturating_sub(age);
        (flag.error && !left.is_zero()).then_some(left)
    }

    pub(super) async fn used_up(&self, now: UnixMillis) {
        // The flag comes last: who sees it finds the rest.
        let timestamp = self.timestamp.write([((), Some(now.to_string()))]).await;
        let back_off = self.back_off.write([((), Some(QUOTA.as_secs().to_string()))]).await;
        let error = self.error.write([((), Some(Flag { error: true }))]).await;
        // This node knows in any case, and the others hear of it as soon as may be.
        let _told_later_where_deferred = timestamp.and(back_off).and(error);
    }

    /// Forgets it. Whether the others have, too.
    pub(super) async fn clear(&self) -> Propagation {
        if self.error.read(&()).await.is_none() {
            return Propagation::Acknowledged;
        }
        let error = self.error.write([((), None)]).await;
        let timestamp = self.timestamp.write([((), None)]).await;
        error.and(timestamp).and(self.back_off.write([((), None)]).await)
    }
}
