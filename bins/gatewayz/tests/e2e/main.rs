//! The real binary on real connections, with faults.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test says by panicking what is not as it should be"
)]

mod admin;
mod client;
mod drain;
mod errors;
mod gateway;
mod h2;
mod idle;
mod kept;
mod limits;
mod load;
mod nodes;
mod observed;
mod paging;
mod reload;
mod slow;
mod tls;
mod unanswered;
mod without;
