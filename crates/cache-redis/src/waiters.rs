//! Who waits for another node's fill.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// More names than this do not wait for notices: they ask again after the time they are given.
const MOST: usize = 4096;

/// Waiters by the name of their key.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    by_name: Mutex<HashMap<String, Arc<Notify>>>,
}

impl Waiters {
    /// Waits for a notice, for at most `longest`.
    pub(crate) async fn wait(&self, name: &str, longest: Duration) {
        let Some(seat) = self.sit(name) else {
            tokio::time::sleep(longest).await;
            return;
        };
        // Either is fine: the caller looks again.
        let _noticed = tokio::time::timeout(longest, seat.notify.notified()).await;
    }

    /// Wakes all that wait for `name`.
    pub(crate) fn wake(&self, name: &str) {
        let notify = self.by_name.lock().get(name).map(Arc::clone);
        if let Some(notify) = notify {
            notify.notify_waiters();
        }
    }

    fn sit(&self, name: &str) -> Option<Seat<'_>> {
        let mut by_name = self.by_name.lock();
        let notify = match by_name.get(name) {
            Some(notify) => Arc::clone(notify),
            None if by_name.len() >= MOST => return None,
            None => Arc::clone(by_name.entry(name.to_owned()).or_default()),
        };
        Some(Seat {
            waiters: self,
            name: name.to_owned(),
            notify,
        })
    }
}

/// A place in the map, given back when its holder goes.
struct Seat<'a> {
    waiters: &'a Waiters,
    name: String,
    notify: Arc<Notify>,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut by_name = self.waiters.by_name.lock();
        // Ours and the map's: nobody else waits, and nobody can come while the map is locked.
        if Arc::strong_count(&self.notify) == 2 {
            by_name.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_notice_wakes_all_that_wait_for_the_name() {
        let waiters = Waiters::default();
        let hour = Duration::from_secs(3600);
        let begun = tokio::time::Instant::now();
        tokio::join!(waiters.wait("a", hour), waiters.wait("a", hour), async {
            tokio::task::yield_now().await;
            waiters.wake("b");
            waiters.wake("a");
        });
        assert!(begun.elapsed() < hour);
        assert!(waiters.by_name.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_without_a_notice() {
        let waiters = Waiters::default();
        waiters.wait("a", Duration::from_millis(10)).await;
        assert!(waiters.by_name.lock().is_empty());
    }
}
