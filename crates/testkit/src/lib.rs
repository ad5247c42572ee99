#![doc = include_str!("../README.md")]

mod clock;
pub mod contract;
mod data;
mod error;
mod eventually;
mod fake;
mod ledger;
mod ports;
mod postgres;
mod process;
mod program;
mod proxy;
mod real_time;
mod redis;
pub mod simulated;
mod source;

pub use self::{
    clock::ManualClock,
    data::{require_shared_data, shared_data},
    error::{DataAbsent, NotInTime, RecordedError, ServerError},
    eventually::eventually,
    fake::{FakeCluster, FakeShared, Fault, Op},
    ledger::Ledger,
    postgres::{Postgres, PostgresBuilder, Row},
    proxy::{Cut, Direction, FaultProxy, Fresh, ProxyStats},
    redis::{RedisCluster, RedisSentinel, RedisServer, RedisServerBuilder, Reply, Tls},
    simulated::SimulatedProvider,
    source::{Behaviour, CountingSource, Gate, SourceError, Versioned},
};
