//! Private `redis-server` processes: one, a cluster, or a primary under Sentinel.

mod ports;
mod process;
mod program;
mod resp;
mod server;
mod tls;

pub use self::{
    resp::Reply,
    server::{RedisServer, RedisServerBuilder},
    tls::Tls,
};
