//! The catalogue's caches and its sync, from outside.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cache;
mod coherence;
mod keys;
mod support;
mod sync;
mod writing;
