//! A source of truth that counts, and misbehaves when told to.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use gatewayz_cache_core::{CacheKey, Loaded, Loader};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, Semaphore};

/// A value of a [`CountingSource`]: it tells which key it belongs to, and how often that was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Versioned {
    /// The key, as [`CacheKey::encode`] writes it.
    pub key: String,
    /// How often the key had been written when it was read.
    pub version: u64,
}

/// What a [`CountingSource`] does when it is asked.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Behaviour {
    /// Answers with the truth.
    #[default]
    Answer,
    /// Says that there is no such key.
    Absent,
    /// Fails with [`SourceError`].
    Fail,
    /// Panics inside the future.
    Panic,
    /// Never answers. [`CountingSource::release`] makes those that hang answer.
    Hang,
    /// Stops at the gate, then reads the truth and answers.
    GateThenRead(Gate),
    /// Reads the truth, then stops at the gate, then answers what it has read.
    ReadThenGate(Gate),
    /// Stops at the gate, then fails.
    GateThenFail(Gate),
}

/// The error of a source that was told to fail.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the source was told to fail (load {load})")]
#[non_exhaustive]
pub struct SourceError {
    /// The number of the load, counted from 1.
    pub load: u64,
}

/// A place where calls stop until a test lets them pass. Clones are the same gate.
#[derive(Clone)]
pub struct Gate(Arc<GateInner>);

struct GateInner {
    passes: Semaphore,
    arrived: AtomicU64,
    arrival: Notify,
}

impl Gate {
    /// Creates a closed gate.
    #[must_use]
    pub fn closed() -> Self {
        Self(Arc::new(GateInner {
            passes: Semaphore::new(0),
            arrived: AtomicU64::new(0),
            arrival: Notify::new(),
        }))
    }

    /// Waits until `calls` calls in all have come to the gate.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn reached(&self, calls: u64) {
        loop {
            let arrival = self.0.arrival.notified();
            tokio::pin!(arrival);
            arrival.as_mut().enable();
            if self.arrivals() >= calls {
                return;
            }
            arrival.await;
        }
    }

    /// How many calls have come to the gate.
    #[must_use]
    pub fn arrivals(&self) -> u64 {
        self.0.arrived.load(Ordering::SeqCst)
    }

    /// Lets `calls` calls pass: those that wait, or the next.
    pub fn pass(&self, calls: usize) {
        self.0.passes.add_permits(calls);
    }

    /// Lets all calls pass from now on.
    pub fn open(&self) {
        self.0.passes.close();
    }

    /// Comes to the gate, and waits until it may pass.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes no pass.
    pub async fn enter(&self) {
        self.0.arrived.fetch_add(1, Ordering::SeqCst);
        self.0.arrival.notify_waiters();
        // An error says that the gate is open for good.
        if let Ok(pass) = self.0.passes.acquire().await {
            pass.forget();
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("open", &self.0.passes.is_closed())
            .field("arrivals", &self.arrivals())
            .finish()
    }
}

/// A versioned source of truth. Clones are the same source.
///
/// Every key exists, at version 0, until it is [removed](Self::remove); [`write`](Self::write) raises its version.
///
/// ```
/// # use std::time::Duration;
/// # use gatewayz_cache_core::{Keyspace, Node, Policy};
/// # use gatewayz_testkit::{CountingSource, Versioned};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// const USERS: Keyspace = Keyspace::new("users", Policy::new(Duration::from_secs(60)));
/// let users = Node::alone().cache::<Versioned>(USERS).build::<String>()?;
/// let source = CountingSource::new();
/// assert_eq!(source.write(&"ann".to_owned()), 1);
/// for _ in 0..10 {
///     let found = users.get_or_load("ann", &source).await?;
///     assert_eq!(found.value.map(|user| user.version), Some(1));
/// }
/// assert_eq!(source.loads(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct CountingSource(Arc<Inner>);

#[derive(Default)]
struct Inner {
    truth: Mutex<HashMap<String, Row>>,
    behaviour: Mutex<Behaviour>,
    own_ttl: Mutex<Option<Duration>>,
    loads: AtomicU64,
    answered: AtomicU64,
    load: Notify,
    running: AtomicU64,
    max_running: AtomicU64,
    released: Notify,
}

#[derive(Clone, Copy, Default)]
struct Row {
    version: u64,
    removed: bool,
    loads: u64,
}

impl CountingSource {
    /// Creates a source that answers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Changes a key, and returns its new version.
    pub fn write<K: CacheKey>(&self, key: &K) -> u64 {
        let mut truth = self.0.truth.lock();
        let row = truth.entry(encoded(key)).or_default();
        row.version += 1;
        row.removed = false;
        row.version
    }

    /// Removes a key: the source then has a proof of its absence.
    pub fn remove<K: CacheKey>(&self, key: &K) {
        self.0.truth.lock().entry(encoded(key)).or_default().removed = true;
    }

    /// The version of a key now.
    #[must_use]
    pub fn version<K: CacheKey>(&self, key: &K) -> u64 {
        self.row(&encoded(key)).version
    }

    /// What a key's value is now, as a load that answers gives it.
    #[must_use]
    pub fn truth<K: CacheKey>(&self, key: &K) -> Option<Versioned> {
        self.read(encoded(key))
    }

    /// What all loads do from now on. Those that stopped already go on with what they were told.
    pub fn set(&self, behaviour: Behaviour) {
        *self.0.behaviour.lock() = behaviour;
    }

    /// Makes loads read the truth only when a test lets them pass.
    #[must_use]
    pub fn gate_then_read(&self) -> Gate {
        let gate = Gate::closed();
        self.set(Behaviour::GateThenRead(gate.clone()));
        gate
    }

    /// Makes loads read the truth at once, and answer only when a test lets them pass.
    #[must_use]
    pub fn read_then_gate(&self) -> Gate {
        let gate = Gate::closed();
        self.set(Behaviour::ReadThenGate(gate.clone()));
        gate
    }

    /// Gives every answer this ttl of its own; `None` leaves it to the policy.
    pub fn set_own_ttl(&self, ttl: Option<Duration>) {
        *self.0.own_ttl.lock() = ttl;
    }

    /// Makes the loads that [hang](Behaviour::Hang) now answer after all.
    pub fn release(&self) {
        self.0.released.notify_waiters();
    }

    /// How often the source was asked.
    #[must_use]
    pub fn loads(&self) -> u64 {
        self.0.loads.load(Ordering::SeqCst)
    }

    /// How often the source was asked for a key.
    #[must_use]
    pub fn loads_of<K: CacheKey>(&self, key: &K) -> u64 {
        self.row(&encoded(key)).loads
    }

    /// How many loads have answered: neither failed nor been given up.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.0.answered.load(Ordering::SeqCst)
    }

    /// How many loads run now.
    #[must_use]
    pub fn running(&self) -> u64 {
        self.0.running.load(Ordering::SeqCst)
    }

    /// The most loads that ever ran at once.
    #[must_use]
    pub fn max_running(&self) -> u64 {
        self.0.max_running.load(Ordering::SeqCst)
    }

    /// Waits until the source was asked `loads` times in all.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn asked(&self, loads: u64) {
        loop {
            let asked = self.0.load.notified();
            tokio::pin!(asked);
            asked.as_mut().enable();
            if self.loads() >= loads {
                return;
            }
            asked.await;
        }
    }

    fn row(&self, key: &str) -> Row {
        self.0.truth.lock().get(key).copied().unwrap_or_default()
    }

    fn read(&self, key: String) -> Option<Versioned> {
        let row = self.row(&key);
        (!row.removed).then_some(Versioned {
            key,
            version: row.version,
        })
    }

    fn count(&self, key: &str) -> (u64, Running<'_>) {
        self.0.truth.lock().entry(key.to_owned()).or_default().loads += 1;
        let running = self.0.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.max_running.fetch_max(running, Ordering::SeqCst);
        let load = self.0.loads.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.load.notify_waiters();
        (load, Running(&self.0.running))
    }
}

/// One load under way, also when it panics or is dropped.
struct Running<'a>(&'a AtomicU64);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl fmt::Debug for CountingSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountingSource")
            .field("behaviour", &*self.0.behaviour.lock())
            .field("loads", &self.loads())
            .field("running", &self.running())
            .finish_non_exhaustive()
    }
}

impl<K: CacheKey> Loader<K, Versioned> for CountingSource {
    type Error = SourceError;

    async fn load(&self, key: &K) -> Result<Loaded<Versioned>, SourceError> {
        let key = encoded(key);
        // Before the load is counted: a test that has seen the count may release at once.
        let released = self.0.released.notified();
        let (load, _running) = self.count(&key);
        let behaviour = self.0.behaviour.lock().clone();
        let value = match behaviour {
            Behaviour::Answer => self.read(key),
            Behaviour::Absent => None,
            Behaviour::Fail => return Err(SourceError { load }),
            #[expect(clippy::panic, reason = "a loader that panics is what the test asked for")]
            Behaviour::Panic => panic!("the source was told to panic (load {load})"),
            Behaviour::Hang => {
                released.await;
                self.read(key)
            }
            Behaviour::GateThenRead(gate) => {
                gate.enter().await;
                self.read(key)
            }
            Behaviour::ReadThenGate(gate) => {
                let value = self.read(key);
                gate.enter().await;
                value
            }
            Behaviour::GateThenFail(gate) => {
                gate.enter().await;
                return Err(SourceError { load });
            }
        };
        self.0.answered.fetch_add(1, Ordering::SeqCst);
        let loaded = Loaded::from(value);
        Ok(match *self.0.own_ttl.lock() {
            Some(ttl) => loaded.with_ttl(ttl),
            None => loaded,
        })
    }
}

fn encoded<K: CacheKey>(key: &K) -> String {
    let mut out = String::new();
    key.encode(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use gatewayz_cache_core::{Loaded, Loader};

    use super::{Behaviour, CountingSource, Gate, SourceError, Versioned};

    async fn load(source: &CountingSource, key: &str) -> Result<Loaded<Versioned>, SourceError> {
        source.load(&key.to_owned()).await
    }

    fn version(version: u64) -> Loaded<Versioned> {
        Loaded::found(Versioned {
            key: "k".to_owned(),
            version,
        })
    }

    #[tokio::test]
    async fn loads_are_counted_per_key_and_give_the_last_version() {
        let source = CountingSource::new();
        assert_eq!(load(&source, "k").await, Ok(version(0)));
        assert_eq!(source.write(&"k".to_owned()), 1);
        assert_eq!(load(&source, "k").await, Ok(version(1)));
        source.remove(&"k".to_owned());
        assert_eq!(load(&source, "k").await, Ok(Loaded::absent()));
        assert_eq!((source.loads(), source.loads_of(&"other".to_owned())), (3, 0));
        assert_eq!((source.running(), source.max_running()), (0, 1));
    }

    #[tokio::test]
    async fn a_gate_stops_a_load_before_or_after_it_read_the_truth() {
        let source = CountingSource::new();
        let gate = Gate::closed();
        let turns = [
            (Behaviour::ReadThenGate(gate.clone()), 0),
            (Behaviour::GateThenRead(gate.clone()), 2),
        ];
        for (turn, (behaviour, then)) in (1..).zip(turns) {
            source.set(behaviour);
            let under_way = tokio::spawn({
                let source = source.clone();
                async move { load(&source, "k").await }
            });
            gate.reached(turn).await;
            assert_eq!(source.running(), 1);
            source.write(&"k".to_owned());
            gate.pass(1);
            assert_eq!(under_way.await.expect("no panic"), Ok(version(then)));
        }
    }

    #[tokio::test]
    async fn a_load_that_hangs_answers_when_released_and_no_longer_runs_when_dropped() {
        let source = CountingSource::new();
        source.set(Behaviour::Hang);
        let (hung, other) = (source.clone(), source.clone());
        let hung = tokio::spawn(async move { load(&hung, "k").await });
        let dropped = tokio::spawn(async move { load(&other, "k").await });
        source.asked(2).await;
        dropped.abort();
        assert!(dropped.await.is_err());
        assert_eq!(source.running(), 1);
        source.release();
        assert_eq!(hung.await.expect("no panic"), Ok(version(0)));
        assert_eq!((source.answered(), source.max_running()), (1, 2));
    }
}
