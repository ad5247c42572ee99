//! Measurements of our own in criterion's reports.

use std::time::Duration;

use criterion::{BenchmarkGroup, SamplingMode, measurement::WallTime};

/// Gives criterion a benchmark whose samples are these, in nanoseconds: taken when they are first asked for.
///
/// Criterion then neither warms up nor measures: it does the statistics, compares with the last run, and writes the
/// files that `cargo xtask bench` reads.
pub fn report<S: AsRef<[f64]>>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    samples: usize,
    measured: impl Fn() -> S,
) {
    group
        .warm_up_time(Duration::from_nanos(1))
        .measurement_time(Duration::from_millis(1))
        .sampling_mode(SamplingMode::Flat)
        .sample_size(samples);
    let mut sample = 0;
    group.bench_function(name, |bencher| {
        let measured = measured();
        let measured = measured.as_ref();
        let nanos = measured
            .get(sample % measured.len().max(1))
            .copied()
            .unwrap_or_default();
        sample += 1;
        #[expect(clippy::cast_precision_loss, reason = "a millisecond has few iterations")]
        bencher.iter_custom(|iters| Duration::from_secs_f64(nanos * iters as f64 / 1e9));
    });
}
