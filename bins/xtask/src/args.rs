//! The command line.

use std::path::PathBuf;

use crate::http;

/// What the caller asked for.
#[derive(Debug, PartialEq)]
pub(crate) enum Task {
    Help(&'static str),
    Test { keep_going: bool, ci: bool },
    Tidy,
    Bench { quick: bool, filter: Option<String> },
    HttpBench(http::Options),
    Soak { minutes: u64, rest: Vec<String> },
    Fuzz { seconds: u64 },
}

const HELP: &str = "\
Tests, benches and soaks of the workspace, in one command each.

usage: cargo xtask <command> [options]

commands:
  test    everything that must hold: tools, format, floors, lints, tests, docs, dependencies, examples
  ci      the same with the settings of CI
  tidy    only what needs no build: format, floors and the rules of the source tree (seconds)
  bench   the criterion benches, and the bars of benches/bars.json; with --http, the gateway beside its peers
  soak    a long run against a private Redis
  fuzz    every fuzz target for some seconds

`cargo xtask <command> --help` tells the options.";

const TEST_HELP: &str = "\
usage: cargo xtask test [--keep-going]

Finds redis-server, PostgreSQL, cargo-nextest and cargo-deny, installs what is missing where it can
(apt-get as root on Debian and Ubuntu, cargo install), and runs every step. It stops at the first step that
fails; with --keep-going, or where CI=true, it runs the others too. The exit code is 1 if any step failed.";

const CI_HELP: &str = "\
usage: cargo xtask ci

`cargo xtask test` with the settings of CI: it keeps going, and nextest runs with the profile `ci`.";

const TIDY_HELP: &str = "\
usage: cargo xtask tidy

Checks what needs no build: the format, the floors (which package may depend on which), and the rules of the
source tree.";

const BENCH_HELP: &str = "\
usage: cargo xtask bench [--quick] [filter]

Runs the criterion benches of gatewayz-benches, or those whose name matches the filter, prints the ratios that
benches/bars.json declares, writes bench.json into the target directory, and fails where a bar is missed by
more than noise explains. --quick measures for one second each instead of what the benches say.

usage: cargo xtask bench --http [--quick] [--only ROW,ROW] [--write] [--soak-minutes N] [--json FILE]
                                [--gateway FILE]

Builds the gateway and measures it over HTTP on a made-up catalogue of 12,543 models, beside bare hyper, nginx and
Varnish where they are found or can be installed, and holds it against benches/http_bars.json. A bar that could not
be measured is a failure, like one that is missed. --write puts the tables into docs/performance.md, --json says where
all figures go instead of http-bench.json in the target directory, --soak-minutes watches the memory under load for so
long, --gateway measures a program that is built already.
rows: page, page30k, list, start, memory, redis, idle";

const SOAK_HELP: &str = "\
usage: cargo xtask soak --minutes N [options of the soak]

Runs the soak of gatewayz-tests for N minutes. All further options go to it as they are.";

const FUZZ_HELP: &str = "\
usage: cargo xtask fuzz <seconds>

Runs every fuzz target under crates/*/fuzz for that many seconds each. Needs cargo-fuzz.";

/// Reads the options of one command.
type Parse = fn(&[String]) -> Result<Task, String>;

/// Reads the command line.
///
/// # Errors
///
/// Returns what is wrong with it, in one line.
pub(crate) fn parse(given: &[String]) -> Result<Task, String> {
    let Some((command, options)) = given.split_first() else {
        return Ok(Task::Help(HELP));
    };
    let wants_help = options
        .iter()
        .take_while(|option| *option != "--")
        .any(|option| is_help(option));
    let (help, parse): (_, Parse) = match command.as_str() {
        "test" => (TEST_HELP, parse_test),
        "ci" => (CI_HELP, parse_ci),
        "tidy" => (TIDY_HELP, parse_tidy),
        "bench" => (BENCH_HELP, parse_bench),
        "soak" => (SOAK_HELP, parse_soak),
        "fuzz" => (FUZZ_HELP, parse_fuzz),
        "help" => return Ok(Task::Help(HELP)),
        other if is_help(other) => return Ok(Task::Help(HELP)),
        other => return Err(format!("unknown command `{other}`")),
    };
    if wants_help {
        Ok(Task::Help(help))
    } else {
        parse(options)
    }
}

fn is_help(option: &str) -> bool {
    matches!(option, "--help" | "-h")
}

fn parse_test(options: &[String]) -> Result<Task, String> {
    let mut keep_going = false;
    for option in options {
        match option.as_str() {
            "--keep-going" => keep_going = true,
            other => return Err(unknown("test", other)),
        }
    }
    Ok(Task::Test { keep_going, ci: false })
}

fn parse_ci(options: &[String]) -> Result<Task, String> {
    match options.first() {
        None => Ok(Task::Test {
            keep_going: true,
            ci: true,
        }),
        Some(option) => Err(unknown("ci", option)),
    }
}

fn parse_tidy(options: &[String]) -> Result<Task, String> {
    match options.first() {
        None => Ok(Task::Tidy),
        Some(option) => Err(unknown("tidy", option)),
    }
}

fn parse_bench(options: &[String]) -> Result<Task, String> {
    if options.iter().any(|option| option == "--http") {
        return parse_http(options).map(Task::HttpBench);
    }
    let (mut quick, mut filter) = (false, None);
    for option in options {
        match option.as_str() {
            "--quick" => quick = true,
            flag if flag.starts_with('-') => return Err(unknown("bench", flag)),
            word if filter.is_none() => filter = Some(word.to_owned()),
            word => return Err(format!("`bench` takes one filter, `{word}` is a second")),
        }
    }
    Ok(Task::Bench { quick, filter })
}

fn parse_http(given: &[String]) -> Result<http::Options, String> {
    let mut options = http::Options::default();
    let mut given = given.iter();
    while let Some(option) = given.next() {
        let mut value = || {
            let value = given.next().filter(|value| !value.starts_with('-'));
            value
                .map(String::as_str)
                .ok_or_else(|| format!("`{option}` needs a value"))
        };
        match option.as_str() {
            "--http" => {}
            "--quick" => options.quick = true,
            "--write" => options.write = true,
            "--only" => options.only = value()?.split(',').map(str::to_owned).collect(),
            "--soak-minutes" => options.soak_minutes = whole_number(option, value().ok())?,
            "--json" => options.json = Some(PathBuf::from(value()?)),
            "--gateway" => options.gateway = Some(PathBuf::from(value()?)),
            other => return Err(unknown("bench --http", other)),
        }
    }
    if let Some(row) = options.only.iter().find(|row| !http::is_row(row)) {
        return Err(format!("there is no row `{row}`: {}", http::rows()));
    }
    let has_memory = options.only.is_empty() || options.only.iter().any(|row| row == "memory");
    if options.soak_minutes > 0 && !has_memory {
        return Err("`--soak-minutes` needs the row `memory`".to_owned());
    }
    if options.write && !options.only.is_empty() {
        return Err("`--write` needs all rows: without `--only`".to_owned());
    }
    Ok(options)
}

fn parse_soak(options: &[String]) -> Result<Task, String> {
    let mut minutes = None;
    let mut rest = Vec::new();
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let value = match option.as_str() {
            "--minutes" => options.next().map(String::as_str),
            other => match other.strip_prefix("--minutes=") {
                Some(value) => Some(value),
                None => {
                    rest.push(other.to_owned());
                    continue;
                }
            },
        };
        minutes = Some(whole_number("--minutes", value)?);
    }
    match minutes {
        Some(minutes) => Ok(Task::Soak { minutes, rest }),
        None => Err("`soak` needs --minutes N".to_owned()),
    }
}

fn parse_fuzz(options: &[String]) -> Result<Task, String> {
    match options {
        [seconds] => Ok(Task::Fuzz {
            seconds: whole_number("fuzz", Some(seconds))?,
        }),
        [] => Err("`fuzz` needs the seconds for each target".to_owned()),
        [_, second, ..] => Err(unknown("fuzz", second)),
    }
}

fn whole_number(option: &str, value: Option<&str>) -> Result<u64, String> {
    match value.and_then(|value| value.parse().ok()) {
        Some(0) | None => Err(format!("`{option}` needs a whole number above zero")),
        Some(number) => Ok(number),
    }
}

fn unknown(command: &str, option: &str) -> String {
    format!("`{command}` does not know `{option}`")
}

#[cfg(test)]
mod tests {
    use super::{BENCH_HELP, HELP, Task, parse};
    use crate::http::Options;

    #[track_caller]
    fn check(line: &str, expect: Result<Task, &str>) {
        let given: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        assert_eq!(parse(&given), expect.map_err(str::to_owned));
    }

    #[test]
    fn commands_are_read() {
        check(
            "test",
            Ok(Task::Test {
                keep_going: false,
                ci: false,
            }),
        );
        check(
            "test --keep-going",
            Ok(Task::Test {
                keep_going: true,
                ci: false,
            }),
        );
        check(
            "ci",
            Ok(Task::Test {
                keep_going: true,
                ci: true,
            }),
        );
        check("tidy", Ok(Task::Tidy));
        check(
            "bench",
            Ok(Task::Bench {
                quick: false,
                filter: None,
            }),
        );
        check(
            "bench hit --quick",
            Ok(Task::Bench {
                quick: true,
                filter: Some("hit".to_owned()),
            }),
        );
        let rest = vec!["--nodes".to_owned(), "4".to_owned()];
        check("soak --minutes 3 --nodes 4", Ok(Task::Soak { minutes: 3, rest }));
        check(
            "soak --minutes=3",
            Ok(Task::Soak {
                minutes: 3,
                rest: Vec::new(),
            }),
        );
        check("fuzz 30", Ok(Task::Fuzz { seconds: 30 }));
    }

    #[test]
    fn the_bench_over_http_has_options_of_its_own() {
        check("bench --http", Ok(Task::HttpBench(Options::default())));
        let options = Options {
            quick: true,
            only: vec!["page".to_owned(), "memory".to_owned()],
            soak_minutes: 10,
            json: Some("out.json".into()),
            ..Options::default()
        };
        check(
            "bench --quick --http --only page,memory --soak-minutes 10 --json out.json",
            Ok(Task::HttpBench(options)),
        );
        check("bench --http --fast", Err("`bench --http` does not know `--fast`"));
        check("bench --http --json", Err("`--json` needs a value"));
        check(
            "bench --http --only page --write",
            Err("`--write` needs all rows: without `--only`"),
        );
        check(
            "bench --http --only page --soak-minutes 1",
            Err("`--soak-minutes` needs the row `memory`"),
        );
        check(
            "bench --http --only pages",
            Err("there is no row `pages`: page, page30k, list, start, memory, redis, idle"),
        );
    }

    #[test]
    fn help_is_told() {
        check("", Ok(Task::Help(HELP)));
        check("--help", Ok(Task::Help(HELP)));
        check("bench --quick --help", Ok(Task::Help(BENCH_HELP)));
    }

    #[test]
    fn mistakes_are_named() {
        check("tset", Err("unknown command `tset`"));
        check("test --fast", Err("`test` does not know `--fast`"));
        check("ci --quick", Err("`ci` does not know `--quick`"));
        check("tidy all", Err("`tidy` does not know `all`"));
        check("bench a b", Err("`bench` takes one filter, `b` is a second"));
        check("soak --nodes 4", Err("`soak` needs --minutes N"));
        check("soak --minutes", Err("`--minutes` needs a whole number above zero"));
        check("soak --minutes=0", Err("`--minutes` needs a whole number above zero"));
        check("fuzz", Err("`fuzz` needs the seconds for each target"));
        check("fuzz long", Err("`fuzz` needs a whole number above zero"));
    }
}
