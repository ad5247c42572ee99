//! `gatewayz demo`

use clap::{ArgMatches, Command};

use super::{
    context::Globals,
    failure::{Exit, Failure},
    serve::listen,
};

pub(super) fn command() -> Command {
    Command::new("demo")
        .about("Serves with made-up providers inside this process: needs no network, no keys and no database")
        .after_help(
            "Everything is in a temporary directory, which goes at the end. The configuration file and the \
             environment are not read; `--set` is.",
        )
        .arg(listen(
            "Where to listen [default: 127.0.0.1:8080, or another port where it is taken]",
        ))
}

pub(super) fn run(globals: &Globals, matches: &ArgMatches) -> Result<Exit, Failure> {
    crate::demo::run(globals.flags(), matches.get_one::<String>("listen"))
}
