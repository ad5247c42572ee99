//! Times of short work on a machine that others use too.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The time that the calling thread has been on a processor since a start.
///
/// Look-ups wait for nothing, so it is the wall time they take, less the time in which another process was run
/// instead: on a shared machine that is most of the noise.
#[derive(Debug)]
pub struct CpuTime(Duration);

impl CpuTime {
    /// Starts to count.
    #[must_use]
    pub fn start() -> Self {
        Self(read(ClockId::ThreadCPUTime))
    }

    /// The time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        read(ClockId::ThreadCPUTime).saturating_sub(self.0)
    }
}

/// The time since a start.
#[derive(Debug)]
pub struct WallTime(Duration);

impl WallTime {
    /// Starts to count.
    #[must_use]
    pub fn start() -> Self {
        Self(read(ClockId::Monotonic))
    }

    /// The time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        read(ClockId::Monotonic).saturating_sub(self.0)
    }
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use std::{hint::black_box, time::Duration};

    use super::{CpuTime, WallTime};

    #[test]
    fn work_counts_and_takes_no_longer_than_it_lasts() {
        let wall = WallTime::start();
        let time = CpuTime::start();
        let mut sum = 0_u64;
        while time.elapsed() < Duration::from_millis(2) {
            sum = black_box(sum + 1);
        }
        assert!(sum > 0);
        assert!(time.elapsed() <= wall.elapsed());
    }
}
