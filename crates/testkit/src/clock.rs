//! Time that a test moves by hand.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use gatewayz_cache_core::{Clock, Tick, Time, UnixMillis};

/// Where the monotonic time starts: far from zero, so that entries may be older than the clock.
const ORIGIN: u64 = 1 << 60;

/// 2025-01-01, in milliseconds: where the wall time starts.
const WALL_ORIGIN: u64 = 1_735_689_600_000;

/// A clock that stands still until a test moves it. Clones share the time.
///
/// ```
/// use std::time::Duration;
/// use gatewayz_cache_core::Clock;
/// use gatewayz_testkit::ManualClock;
///
/// let clock = ManualClock::new();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now().since(before), Duration::from_secs(60));
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Hands>);

#[derive(Debug)]
struct Hands {
    /// Moved by hand, in nanoseconds.
    advanced: AtomicU64,
    /// What the wall shows when nothing has been advanced, in milliseconds.
    wall: AtomicU64,
    /// By how much the boot clock is ahead, in nanoseconds.
    slept: AtomicU64,
    /// The moment of tokio's clock at which this one started, if it runs along.
    tokio: Option<tokio::time::Instant>,
}

impl ManualClock {
    /// Creates a clock that only [`advance`](Self::advance) moves.
    #[must_use]
    pub fn new() -> Self {
        Self::started(None)
    }

    /// Creates a clock that runs with tokio's, and may be advanced beside it.
    ///
    /// Under `start_paused` ages and timers then agree: a lease runs out by the same time by which its waiters wait.
    #[must_use]
    pub fn with_tokio() -> Self {
        Self::started(Some(tokio::time::Instant::now()))
    }

    fn started(tokio: Option<tokio::time::Instant>) -> Self {
        Self(Arc::new(Hands {
            advanced: AtomicU64::new(0),
            wall: AtomicU64::new(WALL_ORIGIN),
            slept: AtomicU64::new(0),
            tokio,
        }))
    }

    /// Moves monotonic, boot and wall time on.
    pub fn advance(&self, by: Duration) {
        self.0.advanced.fetch_add(nanos(by), Ordering::SeqCst);
    }

    /// Sets the wall, as an operator or a time server does. Monotonic time stays.
    pub fn set_wall(&self, wall: UnixMillis) {
        let shown = self.passed() / 1_000_000;
        self.0.wall.store(wall.0.saturating_sub(shown), Ordering::SeqCst);
    }

    /// Lets the machine sleep: boot and wall time move on, monotonic time does not.
    pub fn suspend(&self, by: Duration) {
        self.0.slept.fetch_add(nanos(by), Ordering::SeqCst);
        self.0.wall.fetch_add(nanos(by) / 1_000_000, Ordering::SeqCst);
    }

    /// This clock as a cache takes it.
    #[must_use]
    pub fn time(&self) -> Time {
        Time::from(Arc::new(self.clone()))
    }

    /// The nanoseconds since the clock was made.
    fn passed(&self) -> u64 {
        let run = self.0.tokio.map_or(0, |started| nanos(started.elapsed()));
        self.0.advanced.load(Ordering::SeqCst).saturating_add(run)
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl From<&ManualClock> for Time {
    fn from(clock: &ManualClock) -> Self {
        clock.time()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Tick {
        Tick::from_nanos(ORIGIN + self.passed())
    }

    fn wall(&self) -> UnixMillis {
        UnixMillis(self.0.wall.load(Ordering::SeqCst) + self.passed() / 1_000_000)
    }

    fn boot(&self) -> Tick {
        self.now()
            .after(Duration::from_nanos(self.0.slept.load(Ordering::SeqCst)))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gatewayz_cache_core::{Clock as _, UnixMillis};

    use super::ManualClock;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn advancing_moves_all_three_times_and_a_clone_sees_it() {
        let clock = ManualClock::new();
        let (now, wall, boot) = (clock.now(), clock.wall(), clock.boot());
        clock.clone().advance(MINUTE);
        assert_eq!(clock.now().since(now), MINUTE);
        assert_eq!(clock.wall().since(wall), MINUTE);
        assert_eq!(clock.boot().since(boot), MINUTE);
    }

    #[test]
    fn the_wall_can_be_set_back_alone() {
        let clock = ManualClock::new();
        clock.advance(MINUTE);
        let now = clock.now();
        clock.set_wall(UnixMillis(1_000_000));
        assert_eq!(clock.wall(), UnixMillis(1_000_000));
        assert_eq!(clock.now(), now);
        clock.advance(MINUTE);
        assert_eq!(clock.wall(), UnixMillis(1_060_000));
    }

    #[test]
    fn a_suspended_machine_shows_in_the_boot_clock_only() {
        let clock = ManualClock::new();
        let (now, boot) = (clock.now(), clock.boot());
        clock.suspend(MINUTE);
        assert_eq!(clock.now(), now);
        assert_eq!(clock.boot().since(boot), MINUTE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_runs_with_tokio_moves_with_its_timers() {
        let clock = ManualClock::with_tokio();
        let now = clock.now();
        tokio::time::advance(MINUTE).await;
        clock.advance(MINUTE);
        assert_eq!(clock.now().since(now), 2 * MINUTE);
    }
}
