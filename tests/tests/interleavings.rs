//! Every order in which a fill, a reader and an invalidation can meet at the flight table.
//!
//! The table is compiled here from its own source file over shuttle's locks, which hand control over at every step,
//! so that the explored code is the shipped code and no library carries a feature for it.

#[path = "../../crates/cache-core/src/flight.rs"]
#[expect(dead_code, reason = "the crate uses more of the file than the exploration")]
mod flight;

/// The locks of the explored file.
mod sync {
    use std::sync::PoisonError;

    /// Shuttle's lock with the signature of the one in the crate.
    pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(shuttle::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> shuttle::sync::MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }
}

use std::{
    hash::{BuildHasher, Hasher},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use flight::{FlightTable, Joined};
use shuttle::{
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

/// The only key.
const KEY: u8 = 7;

/// A hasher without chance: explored runs must repeat.
#[derive(Clone, Copy, Default)]
struct Still;

impl BuildHasher for Still {
    type Hasher = StillHasher;

    fn build_hasher(&self) -> StillHasher {
        StillHasher(0)
    }
}

struct StillHasher(u64);

impl Hasher for StillHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(31).wrapping_add(u64::from(*byte));
        }
    }
}

/// One key's world: the truth, the local entry, the table, and the last acknowledged version.
struct World {
    source: AtomicU32,
    local: sync::Mutex<Option<u32>>,
    table: FlightTable<u8, (), Still>,
    acknowledged: AtomicU32,
}

/// A safeguard left out, to show that the exploration finds what it guards against.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Without {
    Nothing,
    /// The fill inserts whether or not it still has its seat.
    Ticket,
    /// The entry is removed first, and the seat taken away later, not under one lock.
    OneLock,
    /// A clear empties the local tier before it detaches the flights.
    DetachFirst,
}

impl World {
    fn new() -> Self {
        Self {
            source: AtomicU32::new(1),
            local: sync::Mutex::new(None),
            table: FlightTable::with_shards(1, Still),
            acknowledged: AtomicU32::new(0),
        }
    }

    /// A read: the local entry, or a fill by whoever leads.
    fn read(&self, without: Without) {
        let noted = self.acknowledged.load(Ordering::SeqCst);
        let entry = *self.local.lock();
        if let Some(version) = entry {
            assert!(version >= noted, "read {version} after {noted} was acknowledged");
            return;
        }
        match self.table.join(&KEY, |_| true, || ()) {
            Joined::Waiter(()) => {}
            Joined::Leader(id, ()) => {
                let version = self.source.load(Ordering::SeqCst);
                let keep = || *self.local.lock() = Some(version);
                if without == Without::Ticket {
                    keep();
                } else {
                    self.table.commit(&KEY, id, keep);
                }
                self.table.land(&KEY, id);
                assert!(version >= noted, "loaded {version} after {noted} was acknowledged");
            }
        }
    }

    /// A write and its invalidation.
    fn write(&self, without: Without) {
        let version = self.source.fetch_add(1, Ordering::SeqCst) + 1;
        let forget = || *self.local.lock() = None;
        if without == Without::OneLock {
            forget();
            self.table.detach(&KEY, || ());
        } else {
            self.table.detach(&KEY, forget);
        }
        self.acknowledged.fetch_max(version, Ordering::SeqCst);
    }

    /// The same by clearing all.
    fn write_and_clear(&self, without: Without) {
        let version = self.source.fetch_add(1, Ordering::SeqCst) + 1;
        let forget = || *self.local.lock() = None;
        if without == Without::DetachFirst {
            forget();
            self.table.detach_where(|_| true);
        } else {
            self.table.detach_where(|_| true);
            forget();
        }
        self.acknowledged.fetch_max(version, Ordering::SeqCst);
    }
}

/// Runs a reader beside a writer in every order, and a reader after both.
fn explore(without: Without, write: fn(&World, Without)) {
    shuttle::check_dfs(
        move || {
            let world = Arc::new(World::new());
            let reader = {
                let world = Arc::clone(&world);
                thread::spawn(move || world.read(without))
            };
            let writer = {
                let world = Arc::clone(&world);
                thread::spawn(move || write(&world, without))
            };
            // A thread that panics fails the exploration by itself.
            assert!(reader.join().is_ok() && writer.join().is_ok());
            world.read(without);
        },
        None,
    );
}

fn finds_a_violation(without: Without, write: fn(&World, Without)) -> bool {
    catch_unwind(AssertUnwindSafe(|| explore(without, write))).is_err()
}

#[test]
fn no_order_of_a_fill_and_an_invalidation_serves_the_old_value() {
    explore(Without::Nothing, World::write);
}

#[test]
fn no_order_of_a_fill_and_a_clear_serves_the_old_value() {
    explore(Without::Nothing, World::write_and_clear);
}

#[test]
fn without_a_ticket_an_old_value_comes_back() {
    assert!(finds_a_violation(Without::Ticket, World::write));
}

#[test]
fn without_one_lock_an_old_value_comes_back() {
    assert!(finds_a_violation(Without::OneLock, World::write));
}

#[test]
fn a_clear_that_detaches_last_lets_an_old_value_stay() {
    assert!(finds_a_violation(Without::DetachFirst, World::write_and_clear));
}

#[test]
fn one_of_many_leads_and_a_landed_flight_takes_no_other_seat() {
    shuttle::check_dfs(
        || {
            let table = Arc::new(FlightTable::<u8, u32, Still>::with_shards(1, Still));
            let leaders = Arc::new(AtomicU32::new(0));
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    let (table, leaders) = (Arc::clone(&table), Arc::clone(&leaders));
                    thread::spawn(move || {
                        if let Joined::Leader(id, _) = table.join(&KEY, |_| true, || 1) {
                            assert_eq!(leaders.fetch_add(1, Ordering::SeqCst), 0, "two lead at once");
                            leaders.fetch_sub(1, Ordering::SeqCst);
                            table.land(&KEY, id);
                            // Landing twice, as a late drop would, must not take a later flight's seat.
                            if let Joined::Leader(next, _) = table.join(&KEY, |_| true, || 2) {
                                table.land(&KEY, id);
                                assert!(table.commit(&KEY, next, || ()), "an old flight took the seat");
                                table.land(&KEY, next);
                            }
                        }
                    })
                })
                .collect();
            for thread in threads {
                thread.join().unwrap();
            }
        },
        Some(20_000),
    );
}
