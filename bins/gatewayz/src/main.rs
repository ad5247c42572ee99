//! The gateway: one server and its command line.

#![expect(dead_code, reason = "the rooms are being furnished")]

mod config;

fn main() {}
