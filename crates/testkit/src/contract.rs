//! What every tier must do, as tests that any implementation can run.
//!
//! ```
//! use gatewayz_cache_core::{Capacity, MemoryTier};
//!
//! gatewayz_testkit::contract::local_tier(|| MemoryTier::new(Capacity::bytes(64 << 10)));
//! ```

mod local;
mod shared;
mod sink;

pub use self::{
    local::local_tier,
    shared::{SharedNode, shared_tier},
    sink::RecordingSink,
};
