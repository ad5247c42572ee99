//! Time: monotonic ticks for ages and deadlines, wall time for what leaves the process.

use std::{fmt, sync::Arc, time::Duration};

/// A point of monotonic time, in nanoseconds since an origin that only this process knows.
///
/// Ticks of one clock compare and subtract; a tick means nothing in another process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(u64);

impl Tick {
    /// The latest tick: a deadline that never comes.
    pub const NEVER: Self = Self(u64::MAX);
    /// The earliest tick: a deadline that has always passed.
    pub const PAST: Self = Self(0);

    /// Creates a tick from its nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The nanoseconds since the clock's origin.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// This tick moved into the future, saturating at [`Tick::NEVER`].
    #[must_use]
    pub const fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(nanos(by)))
    }

    /// This tick moved into the past, saturating at [`Tick::PAST`].
    #[must_use]
    pub const fn before(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(by)))
    }

    /// The time from `earlier` to this tick, zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// The nanoseconds of a duration, saturating (584 years).
const fn nanos(duration: Duration) -> u64 {
    let nanos = duration.as_nanos();
    if nanos > u64::MAX as u128 {
        u64::MAX
    } else {
        #[expect(clippy::cast_possible_truncation, reason = "checked on the line above")]
        let nanos = nanos as u64;
        nanos
    }
}

/// Milliseconds since the Unix epoch, the form in which a time leaves the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// The time from `earlier` to this moment, zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// This moment moved into the past, saturating at the Unix epoch.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(millis(by)))
    }
}

/// `2025-01-31T08:09:10.123Z`, the moment in UTC by ISO 8601; with `{:.0}` without the milliseconds.
impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.0 / 1000, self.0 % 1000);
        // Days of the proleptic Gregorian calendar, in years that begin on March 1st: the leap day is their last.
        let days = seconds / 86_400 + 719_468;
        let (era, day) = (days / 146_097, days % 146_097);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        let year = year + era * 400 + next;
        let (hours, minutes, seconds) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}")?;
        if f.precision() != Some(0) {
            write!(f, ".{millis:03}")?;
        }
        f.write_str("Z")
    }
}

/// The whole milliseconds of a duration, saturating.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Where time comes from. Every age and every deadline of the caches goes through it.
///
/// An implementation must never let [`now`](Clock::now) go backwards.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The monotonic time.
    fn now(&self) -> Tick;
    /// The wall time, for what is written where other processes read it.
    fn wall(&self) -> UnixMillis;
    /// The monotonic time that also counts while the machine is suspended.
    ///
    /// A jump between it and [`now`](Clock::now) says that the machine slept.
    fn boot(&self) -> Tick {
        self.now()
    }
}

/// The kernel's coarse clock: 6 ns a reading, up to 4 ms behind.
#[derive(Clone, Copy, Debug, Default)]
pub struct KernelClock;

/// Keeps ticks far from zero, so that an entry may be older than the machine's uptime.
const ORIGIN: u64 = 1 << 60;

#[cfg(any(target_os = "linux", target_os = "android"))]
const COARSE: rustix::time::ClockId = rustix::time::ClockId::MonotonicCoarse;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const COARSE: rustix::time::ClockId = rustix::time::ClockId::Monotonic;

#[cfg(any(target_os = "linux", target_os = "android"))]
const BOOT: rustix::time::ClockId = rustix::time::ClockId::Boottime;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const BOOT: rustix::time::ClockId = rustix::time::ClockId::Monotonic;

#[inline]
fn read(id: rustix::time::ClockId) -> Tick {
    let time = rustix::time::clock_gettime(id);
    // Both parts of a monotonic time are small and not negative.
    #[expect(clippy::cast_sign_loss, reason = "a monotonic clock starts at zero and rises")]
    Tick(ORIGIN + time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

impl Clock for KernelClock {
    #[inline]
    fn now(&self) -> Tick {
        read(COARSE)
    }

    fn wall(&self) -> UnixMillis {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
        UnixMillis(seconds * 1_000 + nanos / 1_000_000)
    }

    fn boot(&self) -> Tick {
        read(BOOT)
    }
}

/// A clock by value: the kernel's without indirection, any other behind an [`Arc`].
#[derive(Clone, Debug, Default)]
pub enum Time {
    /// [`KernelClock`], read inline on the hit path.
    #[default]
    Kernel,
    /// Another clock, usually a test's.
    Custom(Arc<dyn Clock>),
}

impl Time {
    /// The monotonic time.
    #[inline]
    #[must_use]
    pub fn now(&self) -> Tick {
        match self {
            Self::Kernel => KernelClock.now(),
            Self::Custom(clock) => clock.now(),
        }
    }

    /// The wall time.
    #[must_use]
    pub fn wall(&self) -> UnixMillis {
        match self {
            Self::Kernel => KernelClock.wall(),
            Self::Custom(clock) => clock.wall(),
        }
    }

    /// The monotonic time that also counts while the machine is suspended.
    #[must_use]
    pub fn boot(&self) -> Tick {
        match self {
            Self::Kernel => KernelClock.boot(),
            Self::Custom(clock) => clock.boot(),
        }
    }
}

impl<C: Clock> From<Arc<C>> for Time {
    fn from(clock: Arc<C>) -> Self {
        Self::Custom(clock)
    }
}

#[cfg(test)]
mod tests {
    use super::UnixMillis;

    #[test]
    fn moments_are_those_of_the_calendar() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_735_689_600_000, "2025-01-01T00:00:00.000Z"),
            (1_770_638_400_000, "2026-02-09T12:00:00.000Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(UnixMillis(millis).to_string(), text);
        }
        assert_eq!(format!("{:.0}", UnixMillis(951_782_399_999)), "2000-02-28T23:59:59Z");
    }
}
