#![doc = include_str!("../README.md")]

mod config;
mod envelope;
mod fault;
mod names;
mod scripts;

mod answer;
mod breaker;
mod faults;
mod journal;
mod link;
mod message;
mod seen;
mod stats;
#[cfg(feature = "tls")]
mod tls;
mod waiters;

mod inner;
mod invalidate;
mod server;
mod session;
mod supervisor;
mod tier;
mod tracking;
mod values;

pub use self::{
    config::{BreakerConfig, Endpoint, EndpointParts, Host, InvalidConfig, RedisConfig, Secret, Topology, ValueFormat},
    server::ServerInfo,
    stats::TierStats,
    tier::RedisTier,
};

/// Decodes any bytes as a value, for the fuzzer.
#[cfg(fuzzing)]
#[doc(hidden)]
pub fn fuzz_decode(bytes: &[u8]) {
    let decoding = envelope::Decoding {
        schema: 1,
        largest: 1 << 20,
    };
    let _either = envelope::decode(&bytes::Bytes::copy_from_slice(bytes), decoding);
}
