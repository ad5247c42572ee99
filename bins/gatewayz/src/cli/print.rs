//! What can be printed without knowing anything of this machine: the API's description, completions for shells.

use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell;

use super::{
    context::Globals,
    failure::{Exit, Failure},
    output,
};

pub(super) fn openapi() -> Command {
    Command::new("openapi").about("Prints the description of the API (OpenAPI 3.1)")
}

pub(super) fn run_openapi(_globals: &Globals, _matches: &ArgMatches) -> Result<Exit, Failure> {
    output::json(&crate::openapi::document(&crate::routes::all()))?;
    Ok(Exit::Fine)
}

pub(super) fn completions() -> Command {
    Command::new("completions")
        .about("Prints the completions of a shell")
        .after_help("For bash: gatewayz completions bash > ~/.local/share/bash-completion/completions/gatewayz")
        .arg(
            Arg::new("shell")
                .value_name("SHELL")
                .required(true)
                .value_parser(value_parser!(Shell)),
        )
}

pub(super) fn run_completions(_globals: &Globals, matches: &ArgMatches) -> Result<Exit, Failure> {
    let shell = matches.get_one::<Shell>("shell").copied().unwrap_or(Shell::Bash);
    output::text(&script(shell))?;
    Ok(Exit::Fine)
}

/// The script of a shell.
pub(super) fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::command(), "gatewayz", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
