//! The gateway over HTTP, beside bare hyper, nginx and Varnish in one run.
//!
//! Every row starts servers of its own on free ports of loopback, and ends them. What is compared is measured in turns,
//! round by round, because the speed of a machine that others use drifts more than the differences that count.

mod client;
mod figures;
mod gateway;
mod load;
mod page;
mod peers;
mod proc;
mod rows;
mod server;

use std::path::{Path, PathBuf};

use self::figures::Figures;
use self::gateway::Launcher;
use self::load::Generators;
use self::peers::Program;
use self::rows::ROWS;
use self::server::Scratch;
use crate::bars::Verdict;
use crate::metadata::Metadata;
use crate::process;
use crate::report::{Failure, complain, header, say};
use crate::tools::{self, Tool};
use crate::workspace::Workspace;

/// What the caller asked for.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Options {
    pub(crate) quick: bool,
    /// The rows to measure; all where there are none.
    pub(crate) only: Vec<String>,
    /// Whether the tables go into the documentation.
    pub(crate) write: bool,
    pub(crate) soak_minutes: u64,
    pub(crate) json: Option<PathBuf>,
    /// A gateway that is built already.
    pub(crate) gateway: Option<PathBuf>,
}

/// How long everything takes.
#[derive(Clone, Copy, Debug)]
struct Pace {
    rounds: usize,
    /// Of each contestant in each round.
    seconds: f64,
}

const QUICK: Pace = Pace {
    rounds: 3,
    seconds: 1.0,
};
const FULL: Pace = Pace {
    rounds: 5,
    seconds: 4.0,
};

/// The programs of a run.
#[derive(Debug)]
struct Programs {
    generators: Generators,
    bare: PathBuf,
    nginx: Program,
    varnish: Program,
}

/// A run under way.
#[derive(Debug)]
struct Bench<'a> {
    programs: &'a Programs,
    launcher: &'a Launcher,
    pace: Pace,
    soak_minutes: u64,
    figures: Figures,
}

const BARS: &str = "benches/http_bars.json";
const DOCS: &str = "docs/performance.md";

/// Returns whether there is a row of that name.
pub(crate) fn is_row(name: &str) -> bool {
    ROWS.iter().any(|row| row.name == name)
}

/// Returns the names of all rows.
pub(crate) fn rows() -> String {
    ROWS.iter().map(|row| row.name).collect::<Vec<_>>().join(", ")
}

/// Measures the rows and judges every bar that speaks of them.
///
/// # Errors
///
/// Returns a failure when something cannot be built, a bar is missed, or a bar is without a measurement.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<(), Failure> {
    let bars = read(&workspace.root().join(BARS))?;
    let bars = figures::parse(&bars).map_err(|why| Failure::new(format!("{BARS}: {why}")))?;
    let metadata = Metadata::load(workspace)?;
    let target = &metadata.target_directory;

    header("programs");
    let built = |name: &str| target.join("release").join(name);
    process::run(&mut workspace.cargo(&["build", "--release", "-p", "gatewayz-benches", "--bins"]))?;
    let program = match &options.gateway {
        Some(program) => program.clone(),
        None => {
            process::run(&mut workspace.cargo(&["build", "--release", "-p", "gatewayz"]))?;
            built("gatewayz")
        }
    };
    let programs = Programs {
        generators: Generators {
            wrk: optional(workspace, Tool::Wrk).ok(),
            http_load: built("http_load"),
        },
        bare: built("bare_hyper"),
        nginx: optional(workspace, Tool::Nginx),
        varnish: optional(workspace, Tool::Varnish),
    };
    if wants(options, "redis") {
        tools::prepare(workspace, &[Tool::Redis])?;
    }
    let scratch = Scratch::make("http")?;
    let store = scratch.path().join("catalogue.db");
    process::run(std::process::Command::new(built("fill_store")).arg(&store))?;
    let launcher = Launcher::new(program, store)?;

    let mut bench = Bench {
        programs: &programs,
        launcher: &launcher,
        pace: if options.quick { QUICK } else { FULL },
        soak_minutes: options.soak_minutes,
        figures: Figures::default(),
    };
    for row in ROWS.iter().filter(|row| wants(options, row.name)) {
        header(row.name);
        let failed = (row.run)(&mut bench).err().map(|failure| failure.to_string());
        if let Some(why) = &failed {
            complain(&format!("{}: {why}", row.name));
        }
        bench.figures.row(row.name, failed);
    }

    let held = bench.figures.judge(&bars);
    let text = format!(
        "{}\n\n{}",
        preamble(workspace, options, &bench),
        bench.figures.markdown(&held)
    );
    header("bars");
    say(&text);
    let path = options.json.clone().unwrap_or_else(|| target.join("http-bench.json"));
    write(&path, &format!("{:#}\n", bench.figures.to_json(&held)))?;
    if options.write {
        let docs = workspace.root().join(DOCS);
        let page = page::put(&read(&docs)?, &text).map_err(|why| Failure::new(format!("{DOCS}: {why}")))?;
        write(&docs, &page)?;
    }
    let mut failures: Vec<String> = held
        .iter()
        .filter_map(|held| match &held.outcome {
            Ok(outcome) if outcome.verdict == Verdict::Missed => Some(format!("missed: {}", held.name)),
            Ok(_) => None,
            Err(why) => Some(format!("not measured: {}: {why}", held.name)),
        })
        .collect();
    failures.extend(
        bench
            .figures
            .failed()
            .map(|(row, why)| format!("failed: the row {row}: {why}")),
    );
    if failures.is_empty() {
        Ok(())
    } else {
        Err(Failure::of_violations(&failures))
    }
}

fn wants(options: &Options, row: &str) -> bool {
    options.only.is_empty() || options.only.iter().any(|name| name == row)
}

/// Returns the program, installed if that is possible. A peer that is missing makes a column empty, not a run fail.
fn optional(workspace: &Workspace, tool: Tool) -> Program {
    tools::prepare(workspace, &[tool])
        .and_then(|()| tools::program(tool))
        .map_err(|failure| {
            complain(&failure.to_string());
            failure.to_string()
        })
}

/// Returns how the figures were taken.
fn preamble(workspace: &Workspace, options: &Options, bench: &Bench<'_>) -> String {
    let lock = read(&workspace.root().join("Cargo.lock")).unwrap_or_default();
    let hyper = peers::locked(&lock, "hyper").unwrap_or_else(|| "?".to_owned());
    let version = |program: &Program, flag: &str| match program {
        Ok(program) => peers::version(program, flag),
        Err(_) => "missing".to_owned(),
    };
    let generators = &bench.programs.generators;
    let load = match &generators.wrk {
        Some(wrk) => format!("wrk ({})", peers::version(wrk, "-v")),
        None => "`http_load`, because wrk is missing".to_owned(),
    };
    let Pace { rounds, seconds } = bench.pace;
    let mut command = "cargo xtask bench --http".to_owned();
    if options.quick {
        command.push_str(" --quick");
    }
    if options.soak_minutes > 0 {
        command.push_str(&format!(" --soak-minutes {}", options.soak_minutes));
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    wrap(&format!(
        "`{command}`: medians of {rounds} rounds of {seconds} s for each contestant, in turns, servers and load together \
         on {cores} cores; ratios are taken round by round. Load: {load}; where single latencies count, \
         `benches/src/bin/http_load`. Peers, all with the gateway's bytes: bare hyper {hyper} with the gateway's headers, \
         {} with a static file that is kept open, {} in front of it.",
        version(&bench.programs.nginx, "-v"),
        version(&bench.programs.varnish, "-V"),
    ))
}

/// Breaks lines between words, where the documentation does.
fn wrap(text: &str) -> String {
    const WIDTH: usize = 120;
    let (mut wrapped, mut width) = (String::new(), 0);
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > WIDTH {
            wrapped.push('\n');
            width = 0;
        } else if width > 0 {
            wrapped.push(' ');
            width += 1;
        }
        wrapped.push_str(word);
        width += length;
    }
    wrapped
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::new(format!("{} cannot be read: {error}", path.display())))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text)
        .map_err(|error| Failure::new(format!("{} cannot be written: {error}", path.display())))?;
    say(&format!("written to {}", path.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{is_row, rows, wrap};

    #[test]
    fn lines_are_broken_between_words() {
        let text = "word ".repeat(50);
        let wrapped = wrap(&text);
        assert!(wrapped.lines().all(|line| line.len() <= 120), "{wrapped}");
        assert_eq!(wrapped.lines().count(), 3);
        assert_eq!(wrapped.replace('\n', " "), text.trim());
    }

    #[test]
    fn rows_have_names() {
        assert!(is_row("memory") && !is_row("soak"));
        assert!(rows().starts_with("page, page30k"));
    }
}
