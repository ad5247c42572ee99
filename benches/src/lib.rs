//! Workloads that the benches share: keys and the order in which they are asked for, a way of measuring that a busy
//! machine does not disturb, nodes on a Redis of their own, and a shared tier that does nothing.
//!
//! The benches are in `benches/`, the bars that they must keep in `bars.json`; `cargo xtask bench` holds one against
//! the other.

mod alone;
mod cluster;
pub mod models;
mod report;
mod stopwatch;
mod turns;
mod workload;

pub use self::{
    alone::AttachedTier,
    cluster::Cluster,
    report::report,
    stopwatch::{CpuTime, WallTime},
    turns::Turns,
    workload::{KEYS, Rng, Workload},
};
