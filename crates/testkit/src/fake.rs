//! A shared tier in memory, for tests of what stands on the cache.

mod faults;
mod server;

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use gatewayz_cache_core::{
    Acquired, FillLease, Filled, Intent, Invalidation, NodePort, Propagation, SharedError, SharedKey, SharedTier,
    Stored, Time,
};

pub use self::faults::{Fault, Op};
use self::{
    faults::Stop,
    server::{NodeId, Server},
};

/// The server of an in-memory shared tier: nodes that take their tiers from one cluster share values, fill leases and
/// invalidations.
///
/// It keeps the contract of [`SharedTier`] and answers at once, until a test tells it otherwise: faults by node and by
/// kind of call, messages held back, nodes detached, values damaged, restarts. Nothing in it waits by itself; what
/// waits (`filled`, [`Fault::Never`]) uses tokio's timers, so a paused clock works.
///
/// Nodes are attached for ever once started, unless [detached](FakeShared::detach).
///
/// ```
/// # use std::time::Duration;
/// # use gatewayz_cache_core::{CacheStatus, Keyspace, Node, Policy};
/// # use gatewayz_testkit::{CountingSource, FakeCluster, Versioned};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// const USERS: Keyspace = Keyspace::new("users", Policy::new(Duration::from_secs(60)));
/// let cluster = FakeCluster::new();
/// let one = Node::builder().shared(cluster.node()).build()?.cache::<Versioned>(USERS).build::<String>()?;
/// let two = Node::builder().shared(cluster.node()).build()?.cache::<Versioned>(USERS).build::<String>()?;
/// let source = CountingSource::new();
/// assert_eq!(one.get_or_load("ann", &source).await?.status, CacheStatus::Fill);
/// assert_eq!(two.get_or_load("ann", &source).await?.status, CacheStatus::SharedHit);
/// assert_eq!(source.loads(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FakeCluster(Arc<Server>);

impl FakeCluster {
    /// Creates an empty server on the kernel's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::on(Time::Kernel)
    }

    /// Creates an empty server whose terms and expiries go by this clock.
    #[must_use]
    pub fn on(time: impl Into<Time>) -> Self {
        Self(Arc::new(Server::new(time.into())))
    }

    /// The tier of one more node.
    #[must_use]
    pub fn node(&self) -> FakeShared {
        FakeShared {
            node: self.0.add_node(),
            server: Arc::clone(&self.0),
        }
    }

    /// Makes every call of every node meet this fault.
    pub fn fail(&self, fault: Fault) {
        self.0.faults.set(None, None, fault);
    }

    /// Makes every call of one kind meet this fault.
    pub fn fail_op(&self, op: Op, fault: Fault) {
        self.0.faults.set(None, Some(op), fault);
    }

    /// Takes all faults away, of the nodes' own also. Invalidations that were deferred are carried out first.
    pub fn heal(&self) {
        self.0.faults.clear();
        self.0.recover();
    }

    /// Holds back the messages to the nodes. Invalidations then wait until [`deliver`](Self::deliver).
    pub fn hold_messages(&self) {
        self.0.hold(true);
    }

    /// Delivers what is held back, and holds nothing back from now on.
    pub fn deliver(&self) {
        self.0.hold(false);
        self.0.pump();
    }

    /// How many messages are held back, over all nodes.
    #[must_use]
    pub fn held_messages(&self) -> usize {
        self.0.held_messages()
    }

    /// Loses the notices by which fillers wake waiters, which then poll.
    pub fn lose_notices(&self) {
        self.0.lose_notices();
    }

    /// Fails over: the server has another identity, leases are gone, values are still there, nodes start anew.
    pub fn restart(&self) {
        self.0.restart(false);
    }

    /// Restarts empty, as after `FLUSHALL`.
    pub fn restart_empty(&self) {
        self.0.restart(true);
    }

    /// Stores a value as another program would have, under the server's present identity.
    pub fn put(&self, name: &str, schema: u32, value: Stored) {
        self.0.put(name, schema, value);
    }

    /// Damages a value where the tier can see it; `false` if there is none.
    pub fn damage(&self, name: &str) -> bool {
        self.0.change(name, |value| value.damaged = true)
    }

    /// Replaces a value's payload by bytes that no codec accepts; `false` if there is none.
    pub fn damage_payload(&self, name: &str) -> bool {
        self.0.change(name, |value| {
            value.stored.payload = Some(Bytes::from_static(b"\xff\0damaged"))
        })
    }

    /// The value of a name, whatever its schema and identity.
    #[must_use]
    pub fn stored(&self, name: &str) -> Option<Stored> {
        self.0.stored(name)
    }

    /// The names that have a value.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.0.names()
    }

    /// When a name's value expires, from now.
    #[must_use]
    pub fn expires_in(&self, name: &str) -> Option<Duration> {
        self.0.expires_in(name)
    }

    /// Whether somebody has the right to fill a name.
    #[must_use]
    pub fn is_leased(&self, name: &str) -> bool {
        self.0.is_leased(name)
    }

    /// How many calls of a kind all nodes have made, those that failed included.
    #[must_use]
    pub fn calls(&self, op: Op) -> u64 {
        self.0.calls(op)
    }

    /// How many fills came too late.
    #[must_use]
    pub fn fenced(&self) -> u64 {
        self.0.fenced()
    }

    /// How many values could not be read, for their damage or their schema.
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        self.0.unreadable()
    }
}

impl Default for FakeCluster {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for FakeCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeCluster")
            .field("names", &self.names())
            .finish_non_exhaustive()
    }
}

/// One node's tier of a [`FakeCluster`]. Clones are the same node: keep one beside the one that the node took.
#[derive(Clone)]
pub struct FakeShared {
    server: Arc<Server>,
    node: NodeId,
}

impl FakeShared {
    /// Makes every call of this node meet this fault.
    pub fn fail(&self, fault: Fault) {
        self.server.faults.set(Some(self.node), None, fault);
    }

    /// Makes this node's calls of one kind meet this fault.
    pub fn fail_op(&self, op: Op, fault: Fault) {
        self.server.faults.set(Some(self.node), Some(op), fault);
    }

    /// Ends the node's right to serve. It gets no messages, and nobody waits for it.
    pub fn detach(&self) {
        self.server.detach(self.node);
    }

    /// Gives the right back, after the node has cleared its coherent entries.
    pub fn attach(&self) {
        self.server.attach(self.node);
    }

    /// Lets the node die: its calls fail, nobody waits for it, its fill leases stay until their terms end.
    pub fn kill(&self) {
        self.fail(Fault::Unavailable);
        self.server.kill(self.node);
    }

    /// Meets the fault that is set for a call, does the work, and answers.
    async fn call<T>(&self, op: Op, work: impl FnOnce(&Server) -> Result<T, SharedError>) -> Result<T, SharedError> {
        self.server.count(op);
        let stop = self.server.faults.meet(self.node, op).await?;
        if self.server.is_recovering(self.node) {
            return Err(SharedError::Recovering);
        }
        let answer = work(&self.server);
        match stop {
            Stop::None => answer,
            Stop::Lost => Err(SharedError::Timeout),
            Stop::Gate(gate) => {
                gate.enter().await;
                answer
            }
        }
    }

    async fn tell(
        &self,
        op: Op,
        invalidation: &Invalidation,
        claim: Option<(&SharedKey, Duration)>,
    ) -> (Propagation, Option<FillLease>) {
        self.server.count(op);
        // What cannot be done now is kept first: the caller may go while the fault is met.
        let deferred = self.server.defer(self.node, invalidation);
        let Ok(stop) = self.server.faults.meet(self.node, op).await else {
            self.server.missed(self.node);
            return (Propagation::Deferred, None);
        };
        let lease = self.server.announce(self.node, deferred, claim);
        self.server.pump();
        self.server.settled(deferred).await;
        match stop {
            Stop::None => (Propagation::Acknowledged, lease),
            Stop::Lost => (Propagation::Deferred, None),
            Stop::Gate(gate) => {
                gate.enter().await;
                (Propagation::Acknowledged, lease)
            }
        }
    }
}

impl SharedTier for FakeShared {
    async fn get(&self, key: &SharedKey) -> Result<Option<Stored>, SharedError> {
        self.call(Op::Get, |server| Ok(server.get(key))).await
    }

    async fn acquire(&self, key: &SharedKey, intent: Intent, term: Duration) -> Result<Acquired, SharedError> {
        self.call(Op::Acquire, |server| Ok(server.acquire(key, intent, term)))
            .await
    }

    async fn extend(&self, key: &SharedKey, lease: &FillLease, term: Duration) -> Result<bool, SharedError> {
        self.call(Op::Extend, |server| Ok(server.extend(key, lease, term)))
            .await
    }

    async fn fill(&self, key: &SharedKey, lease: FillLease, value: Stored) -> Result<Filled, SharedError> {
        self.call(Op::Fill, |server| Ok(server.fill(key, &lease, value))).await
    }

    async fn release(&self, key: &SharedKey, lease: FillLease) -> Result<(), SharedError> {
        self.call(Op::Release, |server| {
            server.release(key, &lease);
            Ok(())
        })
        .await
    }

    async fn discard(&self, key: &SharedKey) -> Result<(), SharedError> {
        self.call(Op::Discard, |server| {
            server.discard(key);
            Ok(())
        })
        .await
    }

    async fn filled(&self, key: &SharedKey, longest: Duration) {
        self.server.filled(key, longest).await;
    }

    async fn invalidate(&self, invalidation: &Invalidation) -> Propagation {
        self.tell(Op::Invalidate, invalidation, None).await.0
    }

    async fn claim(
        &self,
        key: &SharedKey,
        invalidation: &Invalidation,
        term: Duration,
    ) -> (Propagation, Option<FillLease>) {
        self.tell(Op::Claim, invalidation, Some((key, term))).await
    }

    fn start(&self, port: NodePort) {
        let reachable = !self.server.faults.cuts_off(self.node);
        self.server.start(self.node, port, reachable);
    }

    fn is_available(&self) -> bool {
        !self.server.faults.cuts_off(self.node)
    }
}

impl fmt::Debug for FakeShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeShared")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
