//! Lists, catalogues and how they are fetched.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says by panicking what is not as it should be"
)]

mod egress;
mod fetch;
mod fetch_errors;
mod fetch_secrets;
mod fetch_support;
mod import;
mod import_random;
mod import_recorded;
mod prices;
mod recorded;
mod registry;
mod resilience_http;
mod resilience_state;
mod rubbish;
mod seed;
mod tokens;
