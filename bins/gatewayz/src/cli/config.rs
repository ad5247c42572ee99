//! `gatewayz config`

use clap::{ArgMatches, Command};
use serde::Serialize;

use super::{
    context::Globals,
    failure::{Exit, Failure},
    output,
    table::{Table, left},
};
use crate::config::{Config, ConfigError, Origin, Problem, Sources, reference, schema};

pub(super) fn command() -> Command {
    Command::new("config")
        .about("Checks, shows and explains the configuration")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("check").about("Names everything that is wrong, all at once"))
        .subcommand(Command::new("show").about("Shows every setting, and where its value comes from; no secrets"))
        .subcommand(Command::new("schema").about("Prints the JSON Schema of the file"))
        .subcommand(Command::new("reference").about("Prints what every setting means (Markdown)"))
}

pub(super) fn run(globals: &Globals, matches: &ArgMatches) -> Result<Exit, Failure> {
    match matches.subcommand_name() {
        Some("check") => return check(globals),
        Some("show") => show(globals)?,
        Some("schema") => output::json(&schema())?,
        _ => output::text(&reference())?,
    }
    Ok(Exit::Fine)
}

/// What a check found.
#[derive(Debug, Serialize)]
struct Checked {
    ok: bool,
    problems: Vec<Wrong>,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Wrong {
    subject: String,
    origin: Origin,
    message: String,
}

impl Wrong {
    fn of(problem: &Problem) -> Self {
        Self {
            subject: problem.subject.clone(),
            origin: problem.origin.clone(),
            message: problem.to_string(),
        }
    }
}

fn check(globals: &Globals) -> Result<Exit, Failure> {
    let sources = Sources::gather(globals.flags().clone(), globals.file().cloned());
    let loaded = sources.and_then(|sources| Config::load(&sources));
    match loaded {
        Ok(loaded) => {
            if globals.json {
                output::json(&Checked {
                    ok: true,
                    problems: Vec::new(),
                    warnings: loaded.warnings,
                })?;
            } else {
                for warning in &loaded.warnings {
                    output::note(&format!("gatewayz: warning: {warning}"));
                }
                output::text("the configuration can be used")?;
            }
            Ok(Exit::Fine)
        }
        Err(error) if globals.json => {
            output::json(&wrong(&error))?;
            Ok(Exit::Usage)
        }
        Err(error) => Err(error.into()),
    }
}

fn wrong(error: &ConfigError) -> Checked {
    Checked {
        ok: false,
        problems: error.problems().iter().map(Wrong::of).collect(),
        warnings: Vec::new(),
    }
}

fn show(globals: &Globals) -> Result<(), Failure> {
    let shown = globals.load()?.show();
    if globals.json {
        return output::json(&shown);
    }
    let mut table = Table::new([left("setting"), left("value"), left("from")]);
    for row in &shown.rows {
        table.row([row.path.as_str(), row.value.as_str(), &row.origin.to_string()]);
    }
    output::table(&table)
}
