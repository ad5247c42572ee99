#![doc = include_str!("../README.md")]

mod clock;
mod entry;
mod invalidation;
mod key;
mod keyspace;
mod tier;

pub use self::{
    clock::{Clock, KernelClock, Tick, Time, UnixMillis},
    entry::{Entry, Freshness, Lifetime, stored_age},
    invalidation::{Invalidation, InvalidationGraph, Target, UnknownSubject},
    key::CacheKey,
    keyspace::{InvalidKeyspace, Jitter, Keyspace, LocalMode, Policy},
    tier::{
        Acquired, Attachment, FillLease, Filled, Intent, InvalidationSink, LocalTier, NodePort,
        Propagation, SharedError, SharedHandle, SharedKey, SharedTier, Stored, Usage,
    },
};
