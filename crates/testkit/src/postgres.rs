//! Private PostgreSQL servers.

mod cluster;
mod programs;
mod server;
mod wire;

pub use self::{
    server::{Postgres, PostgresBuilder},
    wire::Row,
};
