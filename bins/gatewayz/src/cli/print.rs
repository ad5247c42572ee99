//! What can be printed without knowing anything of this machine: the API's description, completions for shells.

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use clap_complete::Shell;

use super::{
    context::Globals,
    failure::{Exit, Failure},
    output,
};

pub(super) fn openapi() -> Command {
    Command::new("openapi")
        .about("Prints the description of the API (OpenAPI 3.1)")
        .arg(
            Arg::new("markdown")
                .long("markdown")
                .action(ArgAction::SetTrue)
                .help("For people, in Markdown"),
        )
}

pub(super) fn run_openapi(_globals: &Globals, matches: &ArgMatches) -> Result<Exit, Failure> {
    let routes = crate::routes::all();
    if matches.get_flag("markdown") {
        output::text(&crate::openapi::reference(&routes))?;
    } else {
        output::json(&crate::openapi::document(&routes))?;
    }
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
