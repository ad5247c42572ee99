//! The two tiers as the cache sees them: a typed local one, and a shared one of bytes.

mod erased;

use std::{
    error::Error,
    fmt,
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use quick_cache::Equivalent;
use thiserror::Error;

pub use self::erased::SharedHandle;
use crate::{
    clock::{Tick, Time, UnixMillis},
    entry::Entry,
    invalidation::Invalidation,
};

/// A map of entries in this process, bounded by weight.
///
/// Synchronous, infallible, typed. It knows nothing of ages: the cache judges every entry it gets back.
///
/// # Consistency
///
/// After `remove`, `retain` or `clear` returned, no `get` returns an entry that was inserted before the call began.
pub trait LocalTier<K, V>: Send + Sync + 'static {
    /// The entry of a key, if it is held.
    fn get<Q>(&self, key: &Q) -> Option<Entry<V>>
    where
        Q: Hash + Equivalent<K> + ?Sized;

    /// Holds an entry, replacing the key's former one. An entry over the capacity is not held, and neither is the
    /// one it would have replaced.
    fn insert(&self, key: K, entry: Entry<V>);

    /// Removes a key's entry.
    fn remove(&self, key: &K);

    /// Removes every entry whose key `keep` refuses.
    fn retain(&self, keep: impl Fn(&K) -> bool);

    /// Removes every entry.
    fn clear(&self);

    /// What is held now.
    fn usage(&self) -> Usage;
}

/// What a local tier holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Entries held.
    pub entries: u64,
    /// Their weight, in the unit of the weigher (bytes, for the one that comes with the crate).
    pub weight: u64,
    /// The weight at which the tier evicts.
    pub capacity: u64,
    /// Entries evicted for room since the start.
    pub evictions: u64,
}

/// A key as the shared tier sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SharedKey {
    /// The documented name, without the deployment's prefix.
    pub name: String,
    /// The schema version that the reader understands.
    pub schema: u32,
    /// Whether a value must have been stored by the server that answers now (see [`SharedTier::get`]).
    pub coherent: bool,
    /// How long the keyspace's values are fresh: what the age of a value is told by that says nothing but when it
    /// expires.
    pub ttl: Duration,
    /// How long they may be served after that.
    pub stale: Duration,
}

/// A value as the shared tier keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The encoded value; `None` is a proven absence.
    pub payload: Option<Bytes>,
    /// When the source gave it.
    pub source_time: UnixMillis,
    /// How long it is fresh from then on.
    pub ttl: Duration,
    /// How long it may be served after that.
    pub stale: Duration,
}

/// The right to fill one key once. It is void as soon as the key is invalidated.
#[derive(Clone, PartialEq, Eq)]
pub struct FillLease {
    /// The random token that the shared tier holds as long as the right lasts.
    pub token: String,
    /// The identity of the server that granted it. A value stored under it is good on that server only.
    pub granted_by: String,
}

impl fmt::Debug for FillLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FillLease({}..)", self.token.get(..8).unwrap_or(""))
    }
}

/// What a filler wants from [`SharedTier::acquire`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Fill a missing value: a value that is there is the answer.
    Fill,
    /// Replace a value that is there, before it expires.
    Refresh,
}

/// The answer to [`SharedTier::acquire`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// The value is there after all.
    Value(Stored),
    /// The caller is to load and fill.
    Lead(FillLease),
    /// Another filler is at it; its lease runs out after this time.
    Busy(Duration),
}

/// The answer to [`SharedTier::fill`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// The value is stored.
    Stored,
    /// The lease is void: the key was invalidated since, or the term ran out. Nothing is stored.
    Fenced,
}

/// How far an invalidation has reached when the call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Propagation {
    /// No node serves the old value to a read that begins from now on.
    Acknowledged,
    /// This node is clean. The others hear of it when the shared tier answers again; until then each of them serves
    /// the old value for no longer than a lease term and the degraded ttl of the keyspace.
    Deferred,
}

impl Propagation {
    /// The word for an answer or a log line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged",
            Self::Deferred => "deferred",
        }
    }

    /// The weaker of two.
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Acknowledged, Self::Acknowledged) => Self::Acknowledged,
            _ => Self::Deferred,
        }
    }
}

/// Why the shared tier could not answer. Never a reason to fail a caller: the source is asked instead.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum SharedError {
    /// No connection, or the breaker is open.
    #[error("shared tier is unavailable")]
    Unavailable(#[source] Option<Arc<dyn Error + Send + Sync>>),
    /// No answer in time.
    #[error("shared tier did not answer in time")]
    Timeout,
    /// Too many commands are waiting already.
    #[error("shared tier has too many commands waiting")]
    Backpressure,
    /// The server answered and refused, for instance out of memory or read-only.
    #[error("shared tier refused the command")]
    Refused(#[source] Arc<dyn Error + Send + Sync>),
    /// Invalidations of this node have not reached the server yet, so what it holds may be old.
    #[error("shared tier has invalidations outstanding")]
    Recovering,
}

impl SharedError {
    /// Whether the same call may succeed later without a change of configuration.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }

    /// The kind, for a metric's label.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::Timeout => "timeout",
            Self::Backpressure => "backpressure",
            Self::Refused(_) => "refused",
            Self::Recovering => "recovering",
        }
    }
}

/// A store of encoded values that several nodes share, and the channel by which their invalidations reach each other.
///
/// Implementations bound every wait by themselves: no method takes longer than the implementation's time-outs.
/// The contract is written down as tests in `gatewayz-testkit`.
///
/// # Consistency
///
/// - A `fill` whose lease was granted before an invalidation of its key began to be stored never stores.
/// - For a coherent key, `get` and `acquire` return no value that another server than the answering one stored:
///   after a failover, values may be there whose removal was acknowledged and lost.
/// - When [`invalidate`](SharedTier::invalidate) returns [`Propagation::Acknowledged`], every node whose
///   [`Attachment`] still holds has applied the invalidation through its [`InvalidationSink`].
pub trait SharedTier: Send + Sync + 'static {
    /// The value of a key. One that cannot be read (damaged, another schema) is `None`, counted, and deleted.
    ///
    /// # Errors
    ///
    /// [`SharedError`] when nothing can be said about the key.
    fn get(&self, key: &SharedKey) -> impl Future<Output = Result<Option<Stored>, SharedError>> + Send;

    /// Asks for the right to fill a key for `term`.
    ///
    /// # Errors
    ///
    /// [`SharedError`] when nothing can be said about the key.
    fn acquire(
        &self,
        key: &SharedKey,
        intent: Intent,
        term: Duration,
    ) -> impl Future<Output = Result<Acquired, SharedError>> + Send;

    /// Prolongs a fill lease to `term` from now; `false` if it is void.
    ///
    /// # Errors
    ///
    /// [`SharedError`] when the outcome is not known.
    fn extend(
        &self,
        key: &SharedKey,
        lease: &FillLease,
        term: Duration,
    ) -> impl Future<Output = Result<bool, SharedError>> + Send;

    /// Stores a value with what is left of its ttl as expiry, and gives the lease back.
    ///
    /// # Errors
    ///
    /// [`SharedError`] when the outcome is not known; the value may be stored.
    fn fill(
        &self,
        key: &SharedKey,
        lease: FillLease,
        value: Stored,
    ) -> impl Future<Output = Result<Filled, SharedError>> + Send;

    /// Gives a lease back unused, so that the next caller may load at once.
    ///
    /// # Errors
    ///
    /// [`SharedError`] when the outcome is not known; the lease then runs out by its term.
    fn release(&self, key: &SharedKey, lease: FillLease) -> impl Future<Output = Result<(), SharedError>> + Send;

    /// Deletes a value that its reader could not decode. May delete a good one stored meanwhile: it is loaded again.
    ///
    /// # Errors
    ///
    /// [`SharedError`] when the outcome is not known; the value then expires by its ttl.
    fn discard(&self, key: &SharedKey) -> impl Future<Output = Result<(), SharedError>> + Send;

    /// Waits until a fill of the key is announced, for at most `longest`. May return too early.
    fn filled(&self, key: &SharedKey, longest: Duration) -> impl Future<Output = ()> + Send;

    /// Removes values and fill leases, tells every node, and waits until all have applied it or lost their right to
    /// serve.
    ///
    /// Never fails: what could not be done now is kept and done first when the tier answers again.
    fn invalidate(&self, invalidation: &Invalidation) -> impl Future<Output = Propagation> + Send;

    /// The same, keeping the right to fill `key` for `term`: the way in which a caller replaces a value.
    ///
    /// No lease comes back when the tier does not answer. Where the answer is [`Propagation::Acknowledged`], the
    /// invalidation has been applied to this node's own sink exactly once: by that the node tells its own claim from an
    /// invalidation that came in between.
    fn claim(
        &self,
        key: &SharedKey,
        invalidation: &Invalidation,
        term: Duration,
    ) -> impl Future<Output = (Propagation, Option<FillLease>)> + Send;

    /// Starts the tier's control plane for one node. Called once, by the node.
    ///
    /// From then on the tier keeps `port.attachment` true to what the other nodes believe, and applies their
    /// invalidations to `port.sink`.
    fn start(&self, port: NodePort);

    /// Whether the tier answers at present, as far as is known without asking.
    fn is_available(&self) -> bool;
}

/// What a node gives to its shared tier.
#[derive(Clone, Debug)]
pub struct NodePort {
    /// Where invalidations of other nodes are applied.
    pub sink: Arc<dyn InvalidationSink>,
    /// The node's right to serve its coherent entries.
    pub attachment: Arc<Attachment>,
    /// The clock against which the right is checked.
    pub time: Time,
}

/// The local side of a node, as its shared tier sees it.
pub trait InvalidationSink: fmt::Debug + Send + Sync {
    /// Removes the named entries, and makes every fill of them that is under way keep its result to its waiters.
    fn apply(&self, invalidation: &Invalidation);

    /// The same for every entry of every coherent keyspace: the node may have missed something.
    fn clear_coherent(&self);

    /// Whether an entry of this name is held: used to find out which hints from outside matter.
    fn holds(&self, name: &str) -> bool;

    /// The documented names of all coherent keyspaces, as prefixes of their keys.
    fn prefixes(&self) -> Vec<String>;
}

/// A node's right to serve its coherent entries, good until a deadline on the node's own clock.
#[derive(Debug)]
pub struct Attachment {
    deadline: AtomicU64,
}

impl Attachment {
    /// Creates one that never holds until it is prolonged.
    #[must_use]
    pub const fn detached() -> Self {
        Self {
            deadline: AtomicU64::new(0),
        }
    }

    /// Creates one that always holds, for a node that is alone.
    #[must_use]
    pub const fn alone() -> Self {
        Self {
            deadline: AtomicU64::new(u64::MAX),
        }
    }

    /// Whether the right holds at `now`.
    #[inline]
    #[must_use]
    pub fn holds(&self, now: Tick) -> bool {
        // Acquire: whoever sees a deadline also sees the entries cleared before it was set.
        now.as_nanos() < self.deadline.load(Ordering::Acquire)
    }

    /// Moves the deadline.
    pub fn prolong(&self, until: Tick) {
        self.deadline.store(until.as_nanos(), Ordering::Release);
    }

    /// Ends the right now.
    pub fn give_up(&self) {
        self.deadline.store(0, Ordering::Release);
    }
}
