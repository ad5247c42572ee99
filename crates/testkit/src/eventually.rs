//! Waiting for a condition instead of sleeping.

use std::time::Duration;

use crate::{
    error::NotInTime,
    real_time::{Backoff, Deadline},
};

/// Looks at `condition` until it holds, and returns the time that took.
///
/// The first look is immediate; the intervals between two looks grow from 1 ms to 50 ms. A look that hangs is given up at the
/// deadline, so a condition may ask a server that is frozen.
///
/// # Errors
///
/// Returns [`NotInTime`] when `deadline` has passed and the condition has never held.
///
/// # Cancel safety
///
/// Dropping the future drops the look that is under way, and nothing else.
///
/// # Examples
///
/// ```
/// # use std::{sync::atomic::{AtomicU32, Ordering}, time::Duration};
/// # use gatewayz_testkit::eventually;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), gatewayz_testkit::NotInTime> {
/// let looks = AtomicU32::new(0);
/// let took = eventually(Duration::from_secs(1), || async { looks.fetch_add(1, Ordering::Relaxed) == 3 }).await?;
/// assert!(took < Duration::from_secs(1));
/// # Ok(())
/// # }
/// ```
pub async fn eventually<F, Fut>(deadline: Duration, mut condition: F) -> Result<Duration, NotInTime>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let time = Deadline::after(deadline);
    let mut backoff = Backoff::new();
    let mut looks = 0;
    while let Some(left) = time.remaining() {
        looks += 1;
        if tokio::time::timeout(left, condition()).await == Ok(true) {
            return Ok(time.elapsed());
        }
        backoff.pause(&time).await;
    }
    Err(NotInTime { deadline, looks })
}
