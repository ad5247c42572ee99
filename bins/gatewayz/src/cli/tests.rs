//! The arguments of all commands.

use clap::{ArgMatches, ValueEnum as _, error::ErrorKind};
use clap_complete::Shell;

use super::{command, context::Globals};

fn parse(line: &str) -> Result<ArgMatches, clap::Error> {
    command().try_get_matches_from(std::iter::once("gatewayz").chain(line.split_whitespace()))
}

#[track_caller]
fn check(line: &str) {
    if let Err(error) = parse(line) {
        panic!("`gatewayz {line}`: {error}");
    }
}

#[track_caller]
fn refused(line: &str, kind: ErrorKind) {
    match parse(line) {
        Ok(_) => panic!("`gatewayz {line}` is taken"),
        Err(error) => {
            assert_eq!(error.kind(), kind, "`gatewayz {line}`: {error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}

#[test]
fn the_command_line_is_consistent() {
    command().debug_assert();
}

#[test]
fn every_command_takes_what_it_should() {
    for line in [
        "",
        "serve",
        "demo",
        "demo --listen 127.0.0.1:0 --set log.filter=info",
        "serve --listen 0.0.0.0:9000 -v",
        "config check",
        "config show --json",
        "config schema",
        "config reference",
        "openapi",
        "openapi --markdown",
        "completions zsh",
        "sync",
        "sync groq openai --dry-run --allow-shrink",
        "import - --format litellm --dry-run --overwrite",
        "import catalogue.json.gz",
        "models --gateway groq --provider meta --search llama --free --min-context 8000 --max-price 0.5 --sort price",
        "models --sort context --reverse --limit 0 --unique --json",
        "providers",
        "providers groq --json",
        "cache status --url http://127.0.0.1:8080 --key-file key",
        "cache stats",
        "cache get models:catalog:full",
        "cache clear",
        "cache clear groq",
        "cache refresh groq --json",
        "cache warm",
        "cache watch --interval 500ms",
        "db migrate",
        "db status",
    ] {
        check(line);
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    refused("unknown", ErrorKind::InvalidSubcommand);
    refused("serve --unknown", ErrorKind::UnknownArgument);
    refused("--set nonsense", ErrorKind::ValueValidation);
    refused("completions tcsh", ErrorKind::InvalidValue);
    refused("completions", ErrorKind::MissingRequiredArgument);
    refused("import", ErrorKind::MissingRequiredArgument);
    refused("import - --format csv", ErrorKind::InvalidValue);
    refused("models --sort luck", ErrorKind::InvalidValue);
    refused("models --max-price cheap", ErrorKind::ValueValidation);
    refused("models --min-context 0", ErrorKind::ValueValidation);
    refused("cache", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand);
    refused("cache get", ErrorKind::MissingRequiredArgument);
    refused("cache watch --interval 1", ErrorKind::ValueValidation);
    refused("cache status --key secret", ErrorKind::UnknownArgument);
    refused("config unknown", ErrorKind::InvalidSubcommand);
}

#[test]
fn flags_of_all_commands_stand_before_and_behind_the_command() {
    for line in [
        "--json --config a.toml --set log.format=json -v config show",
        "config show --json --config a.toml --set log.format=json -v",
    ] {
        let matches = parse(line).expect("they are known");
        let (_, inner) = matches.subcommand().expect("there is one");
        let globals = Globals::of(inner);
        assert!(globals.json);
        assert_eq!(globals.file().map(|path| path.as_os_str()), Some("a.toml".as_ref()));
        let flags: Vec<(&str, &str)> = globals
            .flags()
            .iter()
            .map(|(path, value)| (path.as_str(), value.as_str()))
            .collect();
        assert_eq!(flags, [("log.filter", "info,gatewayz=debug"), ("log.format", "json")]);
    }
}

#[test]
fn help_names_the_exit_codes() {
    let help = command().render_help().to_string();
    for words in [
        "Exit codes",
        "0  fine",
        "2  wrong usage",
        "4  the gateway cannot be reached",
    ] {
        assert!(help.contains(words), "{words}: {help}");
    }
}

#[test]
fn completions_are_there_for_every_shell() {
    for shell in Shell::value_variants() {
        let script = super::print::script(*shell);
        assert!(script.contains("gatewayz") && script.contains("completions"), "{shell}");
    }
}
