#![doc = include_str!("../README.md")]

mod data;
mod error;
mod eventually;
mod proxy;
mod real_time;
mod redis;

pub use self::{
    data::{require_shared_data, shared_data},
    error::{DataAbsent, NotInTime, ServerError},
    eventually::eventually,
    proxy::{Cut, Direction, FaultProxy, Fresh, ProxyStats},
    redis::{RedisCluster, RedisSentinel, RedisServer, RedisServerBuilder, Reply, Tls},
};
