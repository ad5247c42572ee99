//! A connection for the time of a call, and how times go through it.

use std::time::{Duration, SystemTime};

use deadpool_postgres::{Client, Object, Pool, PoolError, TimeoutType};
use gatewayz_cache_core::UnixMillis;
use gatewayz_catalog::StoreError;

use super::refusal;
use crate::{
    convert::millis,
    error::{Fail, unreadable},
};

/// A connection of the pool. It goes back when the call is settled; one that is left in the middle is closed, so that
/// nobody waits for what still runs on it, and the server takes back what was not committed.
pub(super) struct Lease(Option<Client>);

impl Lease {
    pub(super) async fn take(pool: &Pool) -> Result<Self, Fail> {
        let unavailable = |why: &str| StoreError::Unavailable(why.to_owned());
        match pool.get().await {
            Ok(client) => Ok(Self(Some(client))),
            Err(error) => Err(match error {
                PoolError::Backend(error) => refusal(&error),
                PoolError::Timeout(TimeoutType::Wait) => unavailable("all connections are in use"),
                PoolError::Timeout(_) => unavailable("the server accepts no connection in time"),
                error => StoreError::Refused(error.to_string()),
            }
            .into()),
        }
    }

    pub(super) fn client(&mut self) -> Result<&mut Client, Fail> {
        match &mut self.0 {
            Some(client) => Ok(client),
            None => Err(StoreError::Refused("a connection was given back while it was in use".to_owned()).into()),
        }
    }

    /// Gives the connection back.
    pub(super) fn settle<T>(mut self, result: Result<T, Fail>) -> Result<T, Fail> {
        drop(self.0.take());
        result
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(client) = self.0.take() {
            drop(Object::take(client));
        }
    }
}

pub(super) fn timestamp(time: UnixMillis) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis(time))
}

pub(super) fn timed(column: &'static str, time: SystemTime) -> Result<UnixMillis, StoreError> {
    let since = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => u64::try_from(since.as_millis()).ok(),
        Err(_) => None,
    };
    since
        .map(UnixMillis)
        .ok_or_else(|| unreadable(column, "a time before 1970"))
}

pub(super) fn timed_if(column: &'static str, time: Option<SystemTime>) -> Result<Option<UnixMillis>, StoreError> {
    time.map(|time| timed(column, time)).transpose()
}
