//! Short work of several contestants, measured by turns.
//!
//! Criterion measures one benchmark after the other. On a machine that others use too, the ratio of two benchmarks
//! then says who had the better second. So here every round measures a batch of each contestant, and criterion is
//! given the rounds for its statistics: what disturbs one disturbs all.

use std::{fmt, hint::black_box, sync::Barrier, thread};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::{CpuTime, WallTime};

/// Contestants that do the same work in their own ways.
pub struct Turns<'a> {
    orders: &'a [Vec<&'a str>],
    contestants: Vec<Batch<'a>>,
}

/// Does the work for some keys.
type Batch<'a> = Box<dyn Fn(&[&str]) -> Turn + Sync + 'a>;

/// One contestant's turn in one round.
#[derive(Clone, Copy, Debug)]
struct Turn {
    /// For one key, in nanoseconds.
    nanos: f64,
    /// Whether all threads were at it at once: none had to leave its processor to another process for long.
    together: bool,
}

impl<'a> Turns<'a> {
    /// Takes the order of the keys, for each of the threads that will work at once.
    #[must_use]
    pub const fn new(orders: &'a [Vec<&'a str>]) -> Self {
        Self {
            orders,
            contestants: Vec::new(),
        }
    }

    /// Adds a contestant. What it returns is dropped within the measured time.
    #[must_use]
    pub fn contestant<T>(mut self, look_up: impl Fn(&str) -> T + Sync + 'a) -> Self {
        let batch = move |keys: &[&str]| {
            let (wall, time) = (WallTime::start(), CpuTime::start());
            for key in keys {
                black_box(look_up(black_box(key)));
            }
            let (taken, passed) = (time.elapsed(), wall.elapsed());
            #[expect(clippy::cast_precision_loss, reason = "batches are short")]
            let nanos = taken.as_nanos() as f64 / keys.len() as f64;
            Turn {
                nanos,
                together: taken * 10 > passed * 9,
            }
        };
        self.contestants.push(Box::new(batch));
        self
    }

    /// Runs the rounds, and returns what each contestant took for one key in each, in nanoseconds.
    ///
    /// In a round every contestant gets its turn, once to warm the processor's caches, once to be measured. Turns in
    /// which the threads were not at it together are left out, unless there are few others.
    #[must_use]
    pub fn run(&self, rounds: usize) -> Vec<Vec<f64>> {
        let together = Barrier::new(self.orders.len());
        let run = |order: &Vec<&str>| self.run_thread(rounds, order, &together);
        let of_threads: Vec<Vec<Vec<Turn>>> = thread::scope(|scope| {
            let start = |(number, order)| {
                scope.spawn(move || {
                    if self.orders.len() > 1 {
                        keep_to_processor(number);
                    }
                    run(order)
                })
            };
            let running: Vec<_> = self.orders.iter().enumerate().map(start).collect();
            let ended = running.into_iter().map(thread::ScopedJoinHandle::join);
            ended.map(Result::unwrap_or_default).collect()
        });
        let threads = |contestant: usize, round: usize| of_threads.iter().map(move |thread| thread[contestant][round]);
        let of_contestant = |contestant| {
            let turns = (0..rounds).map(|round| mean(threads(contestant, round)));
            let (together, apart): (Vec<_>, Vec<_>) = turns.partition(|turn| turn.together);
            let few = together.len() * 4 < apart.len();
            let counted = together.into_iter().chain(apart.into_iter().filter(|_| few));
            counted.map(|turn| turn.nanos).collect()
        };
        (0..self.contestants.len()).map(of_contestant).collect()
    }

    /// The turns of each contestant.
    fn run_thread(&self, rounds: usize, order: &[&str], together: &Barrier) -> Vec<Vec<Turn>> {
        let mut turns: Vec<_> = self.contestants.iter().map(|_| Vec::with_capacity(rounds)).collect();
        for round in 0..rounds {
            for at in 0..turns.len() {
                // To and fro: nobody always comes after the greediest.
                let at = if round % 2 == 0 { at } else { turns.len() - 1 - at };
                let batch = &self.contestants[at];
                together.wait();
                batch(order);
                together.wait();
                turns[at].push(batch(order));
            }
        }
        turns
    }
}

/// Keeps the thread on the processor of this number among those that it may use, so that threads which are to
/// disturb each other do not take turns on one. Where that is refused, the scheduler decides.
fn keep_to_processor(number: usize) {
    let Ok(all) = sched_getaffinity(None) else { return };
    let mut usable = (0..CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu)).cycle();
    if let Some(cpu) = usable.nth(number) {
        let mut only = CpuSet::new();
        only.set(cpu);
        sched_setaffinity(None, &only).ok();
    }
}

/// The mean of the turns of all threads.
fn mean(turns: impl Iterator<Item = Turn> + Clone) -> Turn {
    #[expect(clippy::cast_precision_loss, reason = "a handful of threads")]
    let threads = turns.clone().count() as f64;
    Turn {
        nanos: turns.clone().map(|turn| turn.nanos).sum::<f64>() / threads,
        together: { turns }.all(|turn| turn.together),
    }
}

impl fmt::Debug for Turns<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns")
            .field("contestants", &self.contestants.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::Turns;

    #[test]
    fn everybody_works_through_every_order_in_every_round() {
        let orders = [vec!["a", "b", "c", "d"], vec!["e", "f", "g", "h"]];
        let (calls, others) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let turns = Turns::new(&orders)
            .contestant(|key| key.len() + calls.fetch_add(1, Ordering::Relaxed))
            .contestant(|_| others.fetch_add(1, Ordering::Relaxed));
        let rounds = turns.run(3);
        assert_eq!(rounds.len(), 2);
        assert!(rounds.iter().all(|nanos| (1..=3).contains(&nanos.len())));
        assert!(rounds.iter().flatten().all(|nanos| *nanos > 0.0));
        // Two threads, three rounds, twice the order.
        assert_eq!(calls.load(Ordering::Relaxed), 2 * 3 * 2 * 4);
        assert_eq!(others.load(Ordering::Relaxed), 2 * 3 * 2 * 4);
    }
}
