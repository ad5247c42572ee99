#![doc = include_str!("../README.md")]

mod clock;
mod invalidation;
mod key;
mod keyspace;

mod codec;
mod entry;
mod memory;
mod tier;

mod cache;
mod fill;
mod flight;
mod loader;
mod lookup;
mod warmer;

mod debounce;
mod node;

mod counters;
mod metrics;
mod stats;
mod sync;

pub use self::{
    cache::{Cache, CacheBuilder, Pace, Refreshed},
    clock::{Clock, KernelClock, Tick, Time, UnixMillis},
    codec::{Codec, CodecError, Json},
    entry::{Entry, Freshness, Lifetime, Origin, stored_age},
    invalidation::{Invalidation, InvalidationGraph, Target, UnknownSubject},
    key::CacheKey,
    keyspace::{InvalidKeyspace, Jitter, Keyspace, LocalMode, Policy},
    loader::{LoadError, Loaded, Loader, LoaderFn, loader_fn},
    lookup::{CacheStatus, Lookup},
    memory::{Capacity, MemoryTier},
    node::{InspectError, Inspected, Node, NodeBuilder},
    stats::{CacheStats, DebouncerStats, LocalStats, WarmerStats},
    tier::{
        Acquired, Attachment, FillLease, Filled, Intent, InvalidationSink, LocalTier, NodePort, Propagation,
        SharedError, SharedHandle, SharedKey, SharedTier, Stored, Usage,
    },
};
