//! Times of short work on a machine that others use too.

use std::{sync::Barrier, thread, time::Duration};

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
        Self(thread_time())
    }

    /// The time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        thread_time().saturating_sub(self.0)
    }
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// Runs `work` on so many threads at once, each with its number, and returns the mean of what they measured.
pub fn on_threads(threads: u32, work: impl Fn(usize) -> Duration + Sync) -> Duration {
    let together = Barrier::new(threads as usize);
    let total: Duration = thread::scope(|scope| {
        let run = |number| {
            let (work, together) = (&work, &together);
            scope.spawn(move || {
                together.wait();
                work(number)
            })
        };
        let running: Vec<_> = (0..threads as usize).map(run).collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap_or(Duration::MAX))
            .fold(Duration::ZERO, Duration::saturating_add)
    });
    total / threads
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{CpuTime, on_threads};

    #[test]
    fn threads_meet_before_they_work_and_their_mean_comes_back() {
        let mean = on_threads(2, |number| Duration::from_secs(1 + 2 * number as u64));
        assert_eq!(mean, Duration::from_secs(2));
    }

    #[test]
    fn only_work_counts() {
        let time = CpuTime::start();
        let begun = time.elapsed();
        let mut sum = 0_u64;
        while time.elapsed() < begun + Duration::from_millis(2) {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(sum > 0);
    }
}
