//! The tier against real servers.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says by panicking what is not as it should be"
)]

mod contract;
mod control;
mod faults;
mod groups;
mod journal;
mod outside;
mod support;
mod values;
mod wire;
