//! The checker for as long as asked. The last line of its output is one JSON object with the figures.

use std::{io::Write, process::ExitCode, time::Duration};

use gatewayz_tests::checker::{
    self, Faults, Plan, Report,
    processes::{self, Child},
};

const USAGE: &str = "\
Runs the coherence checker: real nodes, a real Redis, every fault.

Usage: soak [--seconds N] [--nodes N] [--seed N] [--no-faults] [--processes]

  --seconds N    how long (60)
  --nodes N      how many nodes (4)
  --seed N       the order of the faults (1)
  --no-faults    a healthy Redis throughout
  --processes    a process for every node, instead of a thread; without the naive cache
";

/// What the command line asks for.
enum Task {
    Threads(Plan),
    Processes(Plan),
    Child(Plan, Child),
    Help,
}

fn main() -> ExitCode {
    match parse(std::env::args().skip(1)) {
        Ok(Task::Threads(plan)) => run(&plan, checker::run(&plan)),
        Ok(Task::Processes(plan)) => match std::env::current_exe() {
            Ok(program) => run(&plan, processes::run(&plan, program)),
            Err(error) => {
                complain(&format!("soak: own path unknown: {error}\n"));
                ExitCode::FAILURE
            }
        },
        Ok(Task::Child(plan, child)) => work(&plan, &child),
        Ok(Task::Help) => {
            say(USAGE);
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            complain(&format!("soak: {wrong}\n\n{USAGE}"));
            ExitCode::from(2)
        }
    }
}

fn run(plan: &Plan, checker: impl Future<Output = Result<Report, checker::CheckerError>>) -> ExitCode {
    complain(&format!(
        "soak: {} nodes for {:?}, {:?}\n",
        plan.nodes, plan.length, plan.faults
    ));
    match block_on(checker) {
        Ok(report) => judge(&report),
        Err(error) => {
            complain(&format!("soak: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

/// One node, when this process is one.
fn work(plan: &Plan, child: &Child) -> ExitCode {
    let report = block_on(processes::child(plan, child)).map(|report| serde_json::to_string(&report));
    match report {
        Ok(Ok(line)) => {
            say(&format!("{line}\n"));
            ExitCode::SUCCESS
        }
        Ok(Err(error)) => {
            complain(&format!("soak: the report has no JSON form: {error}\n"));
            ExitCode::FAILURE
        }
        Err(error) => {
            complain(&format!("soak: node: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

fn block_on<T>(work: impl Future<Output = Result<T, checker::CheckerError>>) -> Result<T, checker::CheckerError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

fn judge(report: &Report) -> ExitCode {
    match serde_json::to_string(report) {
        Ok(line) => say(&format!("{line}\n")),
        Err(error) => complain(&format!("soak: the report has no JSON form: {error}\n")),
    }
    if report.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Task, String> {
    let mut plan = Plan::default();
    let mut processes = false;
    let mut child = None;
    while let Some(arg) = args.next() {
        let mut next = || args.next().ok_or_else(|| format!("{arg} wants a value"));
        let number = |text: String| text.parse::<u64>().map_err(|error| format!("{text}: {error}"));
        let count = |text: String| number(text).map(|number| usize::try_from(number).unwrap_or(usize::MAX));
        match arg.as_str() {
            "--seconds" => plan.length = Duration::from_secs(number(next()?)?),
            "--nodes" => {
                plan.nodes = count(next()?)?;
                if !(2..=64).contains(&plan.nodes) {
                    return Err(format!("--nodes {}: between 2 and 64", plan.nodes));
                }
            }
            "--keys" => plan.keys = count(next()?)?.max(1),
            "--readers" => plan.readers = count(next()?)?,
            "--writers" => plan.writers = count(next()?)?,
            "--term-ms" => plan.term = Duration::from_millis(number(next()?)?),
            "--seed" => plan.faults = Faults::All { seed: number(next()?)? },
            "--no-faults" => plan.faults = Faults::None,
            "--processes" => processes = true,
            // For the processes that this one starts.
            "--child" => child = Some((next()?, next()?)),
            "--help" | "-h" => return Ok(Task::Help),
            _ => return Err(format!("unknown argument {arg}")),
        }
    }
    Ok(match child {
        Some((url, truth)) => {
            let length = plan.length;
            Task::Child(plan, Child { url, truth, length })
        }
        None if processes => Task::Processes(plan),
        None => Task::Threads(plan),
    })
}

/// Output for programs. That nobody reads it is no failure of the run.
fn say(text: &str) {
    drop(std::io::stdout().write_all(text.as_bytes()));
}

/// Output for people.
fn complain(text: &str) {
    drop(std::io::stderr().write_all(text.as_bytes()));
}
