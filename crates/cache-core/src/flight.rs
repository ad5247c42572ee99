//! One fill per key: who loads, who waits, and whether the result may still be kept.
//!
//! A flight has a *seat* in the table from the moment before anything is asked until it lands. An invalidation takes
//! the seat away (it *detaches* the flight): later readers start a flight of their own, and the old one finds at its
//! end that it may not commit. Seat and local entry change under one lock, so there is no moment in between.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash},
};

use crate::sync::Mutex;

/// Identifies one flight among all of its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FlightId(u64);

struct Seat<T> {
    id: FlightId,
    landing: T,
}

struct Shard<K, T, S> {
    seats: HashMap<K, Seat<T>, S>,
    next_id: u64,
    watches: HashMap<K, Watch, S>,
}

/// Counts how often a key was forgotten, while somebody wants to know.
#[derive(Default)]
struct Watch {
    watchers: usize,
    forgotten: u64,
}

impl<K: Eq + Hash, T, S: BuildHasher> Shard<K, T, S> {
    fn forget(&mut self, key: &K) {
        self.seats.remove(key);
        if let Some(watch) = self.watches.get_mut(key) {
            watch.forgotten += 1;
        }
    }
}

/// What a reader finds when it wants to join a key's flight.
#[derive(Debug)]
pub(crate) enum Joined<T> {
    /// There is none: the caller leads a new one.
    Leader(FlightId, T),
    /// There is one: the caller waits where it will land.
    Waiter(T),
}

/// The flights of one cache. `T` is where a flight lands: what its waiters hold on to.
pub(crate) struct FlightTable<K, T, S> {
    shards: Box<[Mutex<Shard<K, T, S>>]>,
    hasher: S,
}

const SHARDS: usize = 16;

impl<K: Clone + Eq + Hash, T: Clone, S: BuildHasher + Clone> FlightTable<K, T, S> {
    pub(crate) fn new(hasher: S) -> Self {
        Self::with_shards(SHARDS, hasher)
    }

    /// The same with another number of locks than usual: few, where their orders are explored.
    pub(crate) fn with_shards(shards: usize, hasher: S) -> Self {
        let shard = || Shard {
            seats: HashMap::with_hasher(hasher.clone()),
            next_id: 0,
            watches: HashMap::with_hasher(hasher.clone()),
        };
        Self {
            shards: (0..shards.max(1)).map(|_| Mutex::new(shard())).collect(),
            hasher,
        }
    }

    fn shard(&self, key: &K) -> &Mutex<Shard<K, T, S>> {
        // The high bits: the maps inside the shards use the low ones.
        let hash = (self.hasher.hash_one(key) >> 48) as usize;
        &self.shards[hash % self.shards.len()]
    }

    /// Joins the key's flight if the caller may share its result, or registers one that lands where `landing` says.
    ///
    /// A flight that may not be shared loses its seat: it lands for those who joined it before.
    pub(crate) fn join(&self, key: &K, may_share: impl FnOnce(&T) -> bool, landing: impl FnOnce() -> T) -> Joined<T> {
        let mut shard = self.shard(key).lock();
        if let Some(seat) = shard.seats.get(key)
            && may_share(&seat.landing)
        {
            return Joined::Waiter(seat.landing.clone());
        }
        let (id, landing) = Self::seat(&mut shard, key, landing);
        Joined::Leader(id, landing)
    }

    /// Registers a flight, whatever flight the key had.
    pub(crate) fn lead(&self, key: &K, landing: impl FnOnce() -> T) -> (FlightId, T) {
        Self::seat(&mut self.shard(key).lock(), key, landing)
    }

    fn seat(shard: &mut Shard<K, T, S>, key: &K, landing: impl FnOnce() -> T) -> (FlightId, T) {
        let id = FlightId(shard.next_id);
        shard.next_id += 1;
        let landing = landing();
        shard.seats.insert(
            key.clone(),
            Seat {
                id,
                landing: landing.clone(),
            },
        );
        (id, landing)
    }

    /// Runs `keep` if the flight still has its seat; under the lock, so that no invalidation comes in between.
    pub(crate) fn commit(&self, key: &K, id: FlightId, keep: impl FnOnce()) -> bool {
        let shard = self.shard(key).lock();
        let seated = shard.seats.get(key).is_some_and(|seat| seat.id == id);
        if seated {
            keep();
        }
        seated
    }

    /// Ends the flight: the next reader starts a new one.
    pub(crate) fn land(&self, key: &K, id: FlightId) {
        let mut shard = self.shard(key).lock();
        if shard.seats.get(key).is_some_and(|seat| seat.id == id) {
            shard.seats.remove(key);
        }
    }

    /// Takes the key's seat away and runs `forget`, which removes the local entry, under the same lock.
    pub(crate) fn detach(&self, key: &K, forget: impl FnOnce()) {
        let mut shard = self.shard(key).lock();
        shard.forget(key);
        forget();
    }

    /// Takes away the seats of all keys that `gone` names. The caller removes the local entries *afterwards*: a flight
    /// that commits before it is detached is then still found.
    pub(crate) fn detach_where(&self, gone: impl Fn(&K) -> bool) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            shard.seats.retain(|key, _| !gone(key));
            for (_, watch) in shard.watches.iter_mut().filter(|(key, _)| gone(key)) {
                watch.forgotten += 1;
            }
        }
    }

    /// Begins to count how often the key is forgotten, and says how often it was so far.
    pub(crate) fn watch(&self, key: &K) -> u64 {
        let mut shard = self.shard(key).lock();
        let watch = shard.watches.entry(key.clone()).or_default();
        watch.watchers += 1;
        watch.forgotten
    }

    /// How often a watched key was forgotten.
    pub(crate) fn forgotten(&self, key: &K) -> u64 {
        self.shard(key)
            .lock()
            .watches
            .get(key)
            .map_or(0, |watch| watch.forgotten)
    }

    /// Ends a watch.
    pub(crate) fn unwatch(&self, key: &K) {
        let mut shard = self.shard(key).lock();
        if let Some(watch) = shard.watches.get_mut(key) {
            watch.watchers -= 1;
            if watch.watchers == 0 {
                shard.watches.remove(key);
            }
        }
    }
}
