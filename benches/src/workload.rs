//! What is asked for, and in which order: the same on every machine and in every run.

/// How many keys there are.
pub const KEYS: usize = 10_000;

/// The exponent of the Zipf distribution: a hundredth of the keys gets half of the look-ups.
const EXPONENT: f64 = 0.99;
const SEED: u64 = 0x6761_7465_7761_797a;

/// SplitMix64: small, and the same everywhere and for ever, which no crate promises of its generators.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// Creates a generator whose numbers depend on the seed only.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns the next number from zero to one, the latter excluded.
    pub fn unit(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits are what a double holds")]
        let unit = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        unit
    }

    /// Returns the next number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        // The bias of the remainder is one part in 2^50.
        usize::try_from(self.next() % bound as u64).unwrap_or(0)
    }
}

/// Keys of 40 bytes, and orders to ask for them.
#[derive(Debug)]
pub struct Workload {
    keys: Vec<String>,
    /// The keys by popularity. Shuffled, or the popular ones would lie side by side in memory.
    ranks: Vec<usize>,
    /// Up to which draw of chance each rank goes.
    cumulative: Vec<f64>,
}

impl Workload {
    /// Creates the workload.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "there is nothing to be default about")]
    pub fn new() -> Self {
        let keys = (0..KEYS)
            .map(|number| format!("models:catalog:provider-{:02}/model-{number:07}", number % 47))
            .collect();
        let mut rng = Rng::new(SEED);
        let mut ranks: Vec<usize> = (0..KEYS).collect();
        for last in (1..KEYS).rev() {
            ranks.swap(last, rng.below(last + 1));
        }
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let weights = (1..=KEYS).map(|rank| (rank as f64).powf(-EXPONENT));
        let mut cumulative: Vec<f64> = weights
            .scan(0.0, |sum, weight| {
                *sum += weight;
                Some(*sum)
            })
            .collect();
        let whole = cumulative.last().copied().unwrap_or(1.0);
        cumulative.iter_mut().for_each(|sum| *sum /= whole);
        Self {
            keys,
            ranks,
            cumulative,
        }
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// Draws `count` keys by their popularity. Threads of other numbers draw other keys.
    #[must_use]
    pub fn zipf(&self, count: usize, thread: usize) -> Vec<&str> {
        let mut rng = Rng::new(SEED ^ (thread as u64 + 1));
        (0..count).map(|_| self.draw(rng.unit())).collect()
    }

    /// Returns the most popular key `count` times.
    #[must_use]
    pub fn one_key(&self, count: usize) -> Vec<&str> {
        vec![self.draw(0.0); count]
    }

    fn draw(&self, chance: f64) -> &str {
        let rank = self.cumulative.partition_point(|upto| *upto <= chance);
        &self.keys[self.ranks[rank.min(KEYS - 1)]]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::{KEYS, Rng, Workload};

    #[test]
    fn keys_are_forty_bytes_and_all_different() {
        let workload = Workload::new();
        assert!(workload.keys().iter().all(|key| key.len() == 40));
        assert_eq!(workload.keys().iter().collect::<HashSet<_>>().len(), KEYS);
    }

    #[test]
    fn the_generator_is_splitmix64() {
        let mut rng = Rng::new(1_234_567);
        // The published values for this seed.
        assert_eq!(rng.next(), 6_457_827_717_110_365_317);
        assert_eq!(rng.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn draws_follow_zipf() {
        let workload = Workload::new();
        let draws = workload.zipf(200_000, 0);
        let mut counts: HashMap<&str, f64> = HashMap::new();
        for key in &draws {
            *counts.entry(key).or_default() += 1.0;
        }
        let mut counts: Vec<f64> = counts.into_values().collect();
        counts.sort_by(|a, b| b.total_cmp(a));
        let whole: f64 = (1..=KEYS).map(|rank| (rank as f64).powf(-0.99)).sum();
        for rank in [1_usize, 2, 5, 10, 50] {
            let expected = (rank as f64).powf(-0.99) / whole * 200_000.0;
            let seen = counts[rank - 1];
            assert!(
                (seen / expected - 1.0).abs() < 0.1,
                "rank {rank}: {seen}, not {expected}"
            );
        }
        assert_eq!(workload.one_key(3), [counts_top(&draws); 3]);
    }

    fn counts_top<'a>(draws: &[&'a str]) -> &'a str {
        let mut counts: HashMap<&str, u32> = HashMap::new();
        for key in draws {
            *counts.entry(key).or_default() += 1;
        }
        counts.into_iter().max_by_key(|(_, count)| *count).unwrap().0
    }

    #[test]
    fn orders_repeat_and_differ_by_thread() {
        let (one, other) = (Workload::new(), Workload::new());
        assert_eq!(one.zipf(1_000, 0), other.zipf(1_000, 0));
        assert_ne!(one.zipf(1_000, 0), one.zipf(1_000, 1));
    }
}
