//! Workloads that the benches share: keys and the order in which they are asked for, clocks that a busy machine does
//! not disturb, and a shared tier that does nothing.
//!
//! The benches are in `benches/`, the bars that they must keep in `bars.json`; `cargo xtask bench` holds one against
//! the other.

mod alone;
mod stopwatch;
mod workload;

pub use self::{
    alone::AttachedTier,
    stopwatch::{CpuTime, on_threads},
    workload::{KEYS, Rng, Workload},
};
