//! The gateway: one server and its command line.

mod app;
mod background;
mod cli;
mod config;
mod engine;
mod http;
mod layers;
mod openapi;
mod routes;
mod serve;
mod telemetry;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
