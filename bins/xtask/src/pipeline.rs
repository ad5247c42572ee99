//! Everything that must hold, step by step.

use crate::metadata::Metadata;
use crate::report::{Failure, Line, Stopwatch, Verdict, complain, header, say, table};
use crate::tools::{self, ALL};
use crate::workspace::Workspace;
use crate::{advisories, examples, layers, process, tidy};

/// What a step may ask.
struct Context<'a> {
    workspace: &'a Workspace,
    ci: bool,
}

struct Step {
    name: &'static str,
    run: fn(&Context<'_>) -> Result<Verdict, Failure>,
}

const TOOLS: &str = "tools";

/// What the sources must hold, in seconds; the rest needs a build.
const SOURCES: [Step; 3] = [
    Step {
        name: "format",
        run: format,
    },
    Step {
        name: "floors",
        run: floors,
    },
    Step {
        name: "tidy",
        run: tree,
    },
];

/// All builds select `--workspace --all-features`: another selection would build the dependencies once more.
const STEPS: [Step; 7] = [
    Step {
        name: "lints",
        run: lints,
    },
    Step {
        name: "tests",
        run: tests,
    },
    Step {
        name: "doc tests",
        run: doc_tests,
    },
    Step {
        name: "docs",
        run: docs,
    },
    Step {
        name: "examples",
        run: |context| examples::run(context.workspace).map(|()| Verdict::Passed),
    },
    Step {
        name: "dependencies",
        run: dependencies,
    },
    Step {
        name: "advisories",
        run: |context| advisories::check(context.workspace),
    },
];

/// These are never shipped. Their licenses and sources count, a second version of a crate does not.
const NOT_SHIPPED: [&str; 4] = ["gatewayz-tests", "gatewayz-benches", "gatewayz-testkit", "xtask"];

/// Runs every step.
///
/// # Errors
///
/// Returns a failure that names the steps that failed.
pub(crate) fn run(workspace: &Workspace, keep_going: bool, ci: bool) -> Result<(), Failure> {
    let ci = ci || std::env::var_os("CI").is_some_and(|ci| ci == "true");
    let context = Context { workspace, ci };
    header(TOOLS);
    let watch = Stopwatch::start();
    // Without its tools nothing else means anything, and what to do about it is one line.
    tools::prepare(workspace, &ALL)?;
    let mut lines = vec![Line {
        name: TOOLS,
        verdict: Verdict::Passed,
        took: watch.read(),
    }];
    pass(SOURCES.iter().chain(&STEPS), &context, keep_going || ci, &mut lines);
    close(&lines)
}

/// Checks what needs no build: the format, the floors and the source tree.
///
/// # Errors
///
/// Returns a failure that names the steps that failed.
pub(crate) fn tidy(workspace: &Workspace) -> Result<(), Failure> {
    let mut lines = Vec::new();
    pass(&SOURCES, &Context { workspace, ci: false }, true, &mut lines);
    close(&lines)
}

/// Runs steps, adds their lines, and returns whether all so far passed.
fn pass<'a>(
    steps: impl IntoIterator<Item = &'a Step>,
    context: &Context<'_>,
    keep_going: bool,
    lines: &mut Vec<Line>,
) -> bool {
    let mut passed = true;
    for Step { name, run } in steps {
        header(name);
        let watch = Stopwatch::start();
        let verdict = run(context).unwrap_or_else(|failure| Verdict::Failed(failure.to_string()));
        match &verdict {
            Verdict::Passed => {}
            Verdict::NotChecked(why) => say(&format!("{name} not checked: {why}")),
            Verdict::Failed(why) => {
                complain(&format!("{name} failed:\n{why}"));
                passed = false;
            }
        }
        lines.push(Line {
            name,
            verdict,
            took: watch.read(),
        });
        if !passed && !keep_going {
            break;
        }
    }
    passed
}

fn close(lines: &[Line]) -> Result<(), Failure> {
    header("summary");
    say(&table(lines));
    let failed: Vec<_> = lines
        .iter()
        .filter(|line| matches!(line.verdict, Verdict::Failed(_)))
        .map(|line| line.name)
        .collect();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(format!("failed: {}", failed.join(", "))))
    }
}

fn format(context: &Context<'_>) -> Result<Verdict, Failure> {
    cargo(context, &["fmt", "--all", "--check"])
}

fn floors(context: &Context<'_>) -> Result<Verdict, Failure> {
    let metadata = Metadata::load(context.workspace)?;
    judge(
        &layers::check(&metadata),
        &format!("{} packages keep their floors", metadata.members.len()),
    )
}

fn tree(context: &Context<'_>) -> Result<Verdict, Failure> {
    judge(&tidy::check(context.workspace.root())?, "the tree is tidy")
}

fn lints(context: &Context<'_>) -> Result<Verdict, Failure> {
    cargo(
        context,
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--",
            "-Dwarnings",
        ],
    )
}

fn tests(context: &Context<'_>) -> Result<Verdict, Failure> {
    let profile = if context.ci { "ci" } else { "default" };
    let args = ["nextest", "run", "--workspace", "--all-features", "--profile", profile];
    let mut command = context.workspace.cargo(&args);
    if context.ci {
        command.env("CI", "true");
    }
    process::run(&mut command).map(|()| Verdict::Passed)
}

fn doc_tests(context: &Context<'_>) -> Result<Verdict, Failure> {
    cargo(context, &["test", "--doc", "--workspace", "--all-features"])
}

fn docs(context: &Context<'_>) -> Result<Verdict, Failure> {
    let mut command = context
        .workspace
        .cargo(&["doc", "--no-deps", "--workspace", "--all-features"]);
    process::run(command.env("RUSTDOCFLAGS", "-Dwarnings")).map(|()| Verdict::Passed)
}

fn dependencies(context: &Context<'_>) -> Result<Verdict, Failure> {
    cargo(context, &["deny", "check", "licenses", "sources"])?;
    let mut args = vec!["deny", "--exclude-dev"];
    args.extend(NOT_SHIPPED.iter().flat_map(|name| ["--exclude", name]));
    args.extend(["check", "bans"]);
    cargo(context, &args)
}

fn cargo(context: &Context<'_>, args: &[&str]) -> Result<Verdict, Failure> {
    process::run(&mut context.workspace.cargo(args)).map(|()| Verdict::Passed)
}

fn judge(violations: &[String], praise: &str) -> Result<Verdict, Failure> {
    if violations.is_empty() {
        say(praise);
        Ok(Verdict::Passed)
    } else {
        Err(Failure::of_violations(violations))
    }
}

#[cfg(test)]
mod tests {
    use super::{Context, Step, close, pass};
    use crate::report::{Failure, Verdict};
    use crate::workspace::Workspace;

    const GOOD: Step = Step {
        name: "good",
        run: |_| Ok(Verdict::Passed),
    };
    const BAD: Step = Step {
        name: "bad",
        run: |_| Err(Failure::new("why")),
    };
    const BLIND: Step = Step {
        name: "blind",
        run: |_| Ok(Verdict::NotChecked("dark".to_owned())),
    };

    #[track_caller]
    fn check(steps: &[Step], keep_going: bool, n_run: usize, expect: Result<(), &str>) {
        let workspace = Workspace::find().unwrap();
        let mut lines = Vec::new();
        let passed = pass(
            steps,
            &Context {
                workspace: &workspace,
                ci: false,
            },
            keep_going,
            &mut lines,
        );
        assert_eq!(lines.len(), n_run);
        assert_eq!(passed, expect.is_ok());
        assert_eq!(close(&lines), expect.map_err(Failure::new));
    }

    #[test]
    fn a_step_that_failed_fails_the_whole() {
        check(&[GOOD, BLIND, GOOD], false, 3, Ok(()));
        check(&[GOOD, BAD, GOOD], true, 3, Err("failed: bad"));
        check(&[GOOD, BAD, GOOD], false, 2, Err("failed: bad"));
        check(&[BAD, GOOD, BAD], true, 3, Err("failed: bad, bad"));
    }
}
