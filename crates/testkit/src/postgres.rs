//! Private PostgreSQL servers.

mod cluster;
mod launch;
mod programs;
mod server;
mod wire;

pub use self::{launch::PostgresBuilder, server::Postgres, wire::Row};
