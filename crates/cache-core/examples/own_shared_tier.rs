//! A shared tier of one's own: here a map, for several nodes of one process; it might be any store that can compare
//! and set.
//!
//! The contract is that of [`SharedTier`]; the suite at the end of `main` holds every implementation to it. What it
//! comes to: a value is stored only under a lease that nobody has voided, and an invalidation is acknowledged only
//! when no node may serve the old value any more.
//!
//! `cargo run -p gatewayz-cache-core --example own_shared_tier`
#![expect(clippy::print_stdout, reason = "it is an example")]

use std::{
    collections::HashMap,
    convert::Infallible,
    error::Error,
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use gatewayz_cache_core::{
    Acquired, Cache, CacheStatus, Clock, FillLease, Filled, Intent, Invalidation, KernelClock, Keyspace, Loaded, Node,
    NodePort, Policy, Propagation, SharedError, SharedKey, SharedTier, Stored, Tick, Time, loader_fn,
};
use gatewayz_testkit::contract::{self, SharedNode};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// The store that all nodes share. A clone is one more node's way to it.
#[derive(Clone, Default)]
struct Shelf(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    filled: Notify,
}

#[derive(Default)]
struct State {
    values: HashMap<String, Kept>,
    leases: HashMap<String, (FillLease, Tick)>,
    nodes: Vec<NodePort>,
    granted: u64,
}

struct Kept {
    stored: Stored,
    schema: u32,
    expires: Tick,
}

/// A store of several servers would name the one that answers, so that nobody trusts what another one kept.
const THE_ONLY_SERVER: &str = "shelf";

impl State {
    fn value(&mut self, key: &SharedKey) -> Option<Stored> {
        let now = KernelClock.now();
        // Of another schema, or expired: a miss, and it goes.
        self.values
            .retain(|name, kept| *name != key.name || (kept.schema == key.schema && now < kept.expires));
        self.values.get(&key.name).map(|kept| kept.stored.clone())
    }

    /// The lease under which `key` is being filled now.
    fn lease(&self, key: &SharedKey) -> Option<&(FillLease, Tick)> {
        self.leases
            .get(&key.name)
            .filter(|(_, until)| KernelClock.now() < *until)
    }

    fn is_held(&self, key: &SharedKey, lease: &FillLease) -> bool {
        self.lease(key).is_some_and(|(held, _)| held == lease)
    }

    fn grant(&mut self, key: &SharedKey, term: Duration) -> FillLease {
        self.granted += 1;
        let lease = FillLease {
            token: self.granted.to_string(),
            granted_by: THE_ONLY_SERVER.to_owned(),
        };
        let until = KernelClock.now().after(term);
        self.leases.insert(key.name.clone(), (lease.clone(), until));
        lease
    }
}

impl Shelf {
    /// Values and leases go first, so that no fill that began before stores; then every node forgets, and only then
    /// does the caller hear that it is done.
    fn forget(
        &self,
        invalidation: &Invalidation,
        grant: impl FnOnce(&mut State) -> Option<FillLease>,
    ) -> Option<FillLease> {
        let (lease, nodes) = {
            let mut state = self.0.state.lock();
            state.values.retain(|name, _| !invalidation.covers(name));
            state.leases.retain(|name, _| !invalidation.covers(name));
            (grant(&mut state), state.nodes.clone())
        };
        for node in nodes {
            node.sink.apply(invalidation);
        }
        lease
    }
}

impl SharedTier for Shelf {
    async fn get(&self, key: &SharedKey) -> Result<Option<Stored>, SharedError> {
        Ok(self.0.state.lock().value(key))
    }

    async fn acquire(&self, key: &SharedKey, intent: Intent, term: Duration) -> Result<Acquired, SharedError> {
        let mut state = self.0.state.lock();
        if intent == Intent::Fill
            && let Some(stored) = state.value(key)
        {
            return Ok(Acquired::Value(stored));
        }
        Ok(match state.lease(key) {
            Some((_, until)) => Acquired::Busy(until.since(KernelClock.now())),
            None => Acquired::Lead(state.grant(key, term)),
        })
    }

    async fn extend(&self, key: &SharedKey, lease: &FillLease, term: Duration) -> Result<bool, SharedError> {
        let mut state = self.0.state.lock();
        let held = state.is_held(key, lease);
        if held {
            let until = KernelClock.now().after(term);
            state.leases.insert(key.name.clone(), (lease.clone(), until));
        }
        Ok(held)
    }

    async fn fill(&self, key: &SharedKey, lease: FillLease, stored: Stored) -> Result<Filled, SharedError> {
        {
            let mut state = self.0.state.lock();
            if !state.is_held(key, &lease) {
                return Ok(Filled::Fenced);
            }
            state.leases.remove(&key.name);
            let age = KernelClock.wall().since(stored.source_time);
            let kept = Kept {
                expires: KernelClock.now().after(stored.ttl.saturating_sub(age)),
                schema: key.schema,
                stored,
            };
            state.values.insert(key.name.clone(), kept);
        }
        self.0.filled.notify_waiters();
        Ok(Filled::Stored)
    }

    async fn release(&self, key: &SharedKey, lease: FillLease) -> Result<(), SharedError> {
        let mut state = self.0.state.lock();
        if state.is_held(key, &lease) {
            state.leases.remove(&key.name);
        }
        Ok(())
    }

    async fn discard(&self, key: &SharedKey) -> Result<(), SharedError> {
        self.0.state.lock().values.remove(&key.name);
        Ok(())
    }

    async fn filled(&self, _: &SharedKey, longest: Duration) {
        // It may wake too early, for another key, but never too late.
        tokio::time::timeout(longest, self.0.filled.notified()).await.ok();
    }

    fn invalidate(&self, invalidation: &Invalidation) -> impl Future<Output = Propagation> + Send {
        self.forget(invalidation, |_| None);
        ready(Propagation::Acknowledged)
    }

    fn claim(
        &self,
        key: &SharedKey,
        invalidation: &Invalidation,
        term: Duration,
    ) -> impl Future<Output = (Propagation, Option<FillLease>)> + Send {
        let lease = self.forget(invalidation, |state| Some(state.grant(key, term)));
        ready((Propagation::Acknowledged, lease))
    }

    fn start(&self, port: NodePort) {
        // In one process a node hears everything as long as it lives. Over a network this right must run out unless
        // it is prolonged, and an invalidation must wait for those who still have it.
        port.attachment.prolong(Tick::NEVER);
        self.0.state.lock().nodes.push(port);
    }

    fn is_available(&self) -> bool {
        true
    }
}

const PRICES: Keyspace = Keyspace::new("demo:price", Policy::new(Duration::from_secs(60)));
static ASKED: AtomicU32 = AtomicU32::new(0);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let shelf = Shelf::default();
    let node = || Node::builder().shared(shelf.clone()).build();
    let one: Cache<String, u32> = node()?.cache(PRICES).build()?;
    let other: Cache<String, u32> = node()?.cache(PRICES).build()?;
    let source =
        loader_fn(|_model: String| async { Ok::<_, Infallible>(Loaded::found(ASKED.fetch_add(1, Ordering::Relaxed))) });

    let filled = one.get_or_load("gpt-4o", &source).await?;
    let shared = other.get_or_load("gpt-4o", &source).await?;
    assert_eq!(filled.status, CacheStatus::Fill);
    assert_eq!(shared.status, CacheStatus::SharedHit);
    assert_eq!(filled.value, shared.value);
    println!(
        "one node: {}, the other: {}",
        filled.status.as_str(),
        shared.status.as_str()
    );

    // The other node invalidates. When that returns, the first one has forgotten the value too.
    assert!(one.peek("gpt-4o").is_some());
    assert_eq!(other.invalidate(["gpt-4o"]).await, Propagation::Acknowledged);
    assert!(one.peek("gpt-4o").is_none());
    assert_eq!(one.get_or_load("gpt-4o", &source).await?.value.as_deref(), Some(&1));
    println!(
        "after an invalidation by the other: loaded anew, {} loads in all",
        ASKED.load(Ordering::Relaxed)
    );

    // What the cache relies on, law by law. In a project of your own this is a test.
    let judged = Shelf::default();
    let [first, second] = [judged.clone(), judged].map(|tier| SharedNode::start(tier, Time::Kernel));
    contract::shared_tier(&first, &second, async || Vec::new()).await;
    println!("the contract of a shared tier is kept");
    Ok(())
}
