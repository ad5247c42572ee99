//! The gateway: one server and its command line.

mod admin;
mod app;
mod background;
mod cli;
mod config;
mod demo;
mod engine;
mod http;
mod layers;
mod openapi;
mod routes;
mod serve;
mod spelling;
mod telemetry;

use std::process::ExitCode;

/// How it is used is said where it is built: `.cargo/config.toml`.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cli::run()
}
