//! Any bytes decode to something: `cargo +nightly fuzz run envelope` in `crates/cache-redis`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gatewayz_cache_redis::fuzz_decode(bytes));
