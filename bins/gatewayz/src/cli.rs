//! The command line.

mod cache;
mod config;
mod context;
mod db;
mod demo;
pub(crate) mod failure;
mod import;
mod models;
mod money;
pub(crate) mod output;
mod print;
mod providers;
mod serve;
mod sync;
mod table;

use std::process::ExitCode;

use clap::{ArgMatches, Command};

pub(crate) use self::{cache::near, context::runtime};
use self::{
    context::Globals,
    failure::{Exit, Failure},
};

const AFTER: &str = "\
Without a command, it serves.

Exit codes:
  0  fine
  1  failed
  2  wrong usage, or a configuration that cannot be used
  3  partly failed: some of several did not work
  4  the gateway cannot be reached

Settings come from flags, over the environment, over the file, over the defaults: `gatewayz config reference`.";

/// A command: what it is called and takes, and what it does.
struct Entry {
    command: fn() -> Command,
    run: fn(&Globals, &ArgMatches) -> Result<Exit, Failure>,
}

const ENTRIES: &[Entry] = &[
    Entry {
        command: serve::command,
        run: serve::run,
    },
    Entry {
        command: demo::command,
        run: demo::run,
    },
    Entry {
        command: sync::command,
        run: sync::run,
    },
    Entry {
        command: import::command,
        run: import::run,
    },
    Entry {
        command: models::command,
        run: models::run,
    },
    Entry {
        command: providers::command,
        run: providers::run,
    },
    Entry {
        command: cache::command,
        run: cache::run,
    },
    Entry {
        command: db::command,
        run: db::run,
    },
    Entry {
        command: config::command,
        run: config::run,
    },
    Entry {
        command: print::openapi,
        run: print::run_openapi,
    },
    Entry {
        command: print::completions,
        run: print::run_completions,
    },
];

/// Does what the arguments of the process say.
pub(crate) fn run() -> ExitCode {
    let ended = match command().try_get_matches_from(std::env::args_os()) {
        Ok(matches) => dispatch(&matches),
        Err(error) if error.use_stderr() => Err(Failure::usage(&error)),
        // Help and version.
        Err(error) => output::text(&error.to_string()).map(|()| Exit::Fine),
    };
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => failure.tell(),
    }
}

/// The whole command line.
fn command() -> Command {
    let root = Command::new("gatewayz")
        .about("A gateway for language models: their catalogue, cached in memory and in Redis")
        .version(env!("CARGO_PKG_VERSION"))
        .after_help(AFTER)
        .propagate_version(true)
        .args(Globals::args());
    ENTRIES
        .iter()
        .fold(root, |root, entry| root.subcommand((entry.command)()))
}

fn dispatch(matches: &ArgMatches) -> Result<Exit, Failure> {
    let Some((name, inner)) = matches.subcommand() else {
        return serve::run(&Globals::of(matches), matches);
    };
    let globals = Globals::of(inner);
    match ENTRIES.iter().find(|entry| (entry.command)().get_name() == name) {
        Some(entry) => (entry.run)(&globals, inner),
        None => Err(Failure::new(Exit::Usage, format!("there is no command `{name}`"))),
    }
}

#[cfg(test)]
mod tests;
