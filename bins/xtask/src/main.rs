//! Tests, benches and soaks of the workspace, in one command each.
//!
//! `cargo xtask test` is what the README names and what CI runs. `cargo xtask --help` lists the rest.

mod advisories;
mod args;
mod bars;
mod bench;
mod examples;
mod fuzz;
mod http;
mod layers;
mod metadata;
mod pipeline;
mod process;
mod redis;
mod report;
mod soak;
mod tidy;
mod tools;
mod workspace;

use std::process::ExitCode;

use self::args::Task;
use self::report::{Failure, complain, say};
use self::workspace::Workspace;

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let task = match args::parse(&given) {
        Ok(task) => task,
        Err(reason) => {
            complain(&format!("{reason}\ntry: cargo xtask --help"));
            return ExitCode::from(2);
        }
    };
    match run(task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure.to_string());
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<(), Failure> {
    let workspace = Workspace::find()?;
    match task {
        Task::Help(text) => {
            say(text);
            Ok(())
        }
        Task::Test { keep_going, ci } => pipeline::run(&workspace, keep_going, ci),
        Task::Tidy => pipeline::tidy(&workspace),
        Task::Bench { quick, filter } => bench::run(&workspace, quick, filter.as_deref()),
        Task::HttpBench(options) => http::run(&workspace, &options),
        Task::Soak { minutes, rest } => soak::run(&workspace, minutes, &rest),
        Task::Fuzz { seconds } => fuzz::run(&workspace, seconds),
    }
}
