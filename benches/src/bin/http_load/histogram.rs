//! Latencies in buckets that are never wider than a sixty-fourth of what they hold.

use std::time::Duration;

const SUB_BITS: u32 = 6;
const SUB: u64 = 1 << SUB_BITS;

/// How many microseconds requests took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    sum: u64,
    max: u64,
}

impl Histogram {
    /// Counts one request.
    pub(crate) fn record(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX / 2);
        let at = index(micros);
        if self.buckets.len() <= at {
            self.buckets.resize(at + 1, 0);
        }
        if let Some(bucket) = self.buckets.get_mut(at) {
            *bucket += 1;
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(micros);
        self.max = self.max.max(micros);
    }

    /// Adds what another one counted.
    pub(crate) fn merge(&mut self, other: &Self) {
        if self.buckets.len() < other.buckets.len() {
            self.buckets.resize(other.buckets.len(), 0);
        }
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn max(&self) -> u64 {
        self.max
    }

    #[expect(clippy::cast_precision_loss, reason = "a mean needs no more than 52 bits")]
    pub(crate) fn mean(&self) -> f64 {
        if self.count == 0 {
            0.0
        } else {
            self.sum as f64 / self.count as f64
        }
    }

    /// Returns the upper edge of the bucket under which `per_mille` of a thousand requests are.
    pub(crate) fn quantile(&self, per_mille: u64) -> u64 {
        let wanted = (self.count * per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (at, bucket) in self.buckets.iter().enumerate() {
            seen += bucket;
            if seen >= wanted {
                return upper_edge(at).min(self.max);
            }
        }
        self.max
    }
}

/// The first 64 values have a bucket each; every further octave has 64.
fn index(value: u64) -> usize {
    let bits = u64::BITS - value.leading_zeros();
    let shift = bits.saturating_sub(SUB_BITS + 1);
    let at = u64::from(shift) * SUB + (value >> shift);
    usize::try_from(at).unwrap_or(usize::MAX)
}

fn upper_edge(at: usize) -> u64 {
    let at = at as u64;
    if at < 2 * SUB {
        return at;
    }
    let shift = at / SUB - 1;
    let mantissa = at - shift * SUB;
    ((mantissa + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Histogram, index, upper_edge};

    #[test]
    fn every_value_is_in_a_bucket_that_is_close_to_it() {
        let values = (0..5_000_u64).chain((12..40).map(|bit| (1 << bit) + 12_345));
        let mut last = 0;
        for value in values {
            let edge = upper_edge(index(value));
            assert!(edge >= value, "{value} in a bucket up to {edge}");
            assert!(edge - value <= value / 64, "{value} in a bucket up to {edge}");
            assert!(index(value) >= last || value < 5_000);
            last = index(value);
        }
    }

    #[test]
    fn quantiles_are_counted_from_below() {
        let mut histogram = Histogram::default();
        for micros in 1..=100 {
            histogram.record(Duration::from_micros(micros));
        }
        assert_eq!((histogram.quantile(500), histogram.quantile(990)), (50, 99));
        assert_eq!((histogram.quantile(1000), histogram.max()), (100, 100));
        assert!((histogram.mean() - 50.5).abs() < 1e-9);
    }

    #[test]
    fn an_empty_one_has_only_zeros() {
        let histogram = Histogram::default();
        assert_eq!((histogram.count(), histogram.quantile(990), histogram.max()), (0, 0, 0));
        assert!(histogram.mean().abs() < 1e-9);
    }

    #[test]
    fn merging_counts_both() {
        let (mut one, mut other) = (Histogram::default(), Histogram::default());
        one.record(Duration::from_micros(5));
        other.record(Duration::from_micros(50_000));
        one.merge(&other);
        assert_eq!((one.count(), one.max(), one.quantile(500)), (2, 50_000, 5));
        assert_eq!(one.quantile(990), 50_000);
    }
}
