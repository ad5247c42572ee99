//! The gateway: one server and its command line.

#![expect(dead_code, reason = "the rooms are being furnished")]

mod app;
mod background;
mod config;
mod engine;
mod http;
mod layers;
mod openapi;
mod routes;
mod serve;
mod telemetry;

fn main() {}
