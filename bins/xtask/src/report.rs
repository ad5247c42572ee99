//! What the caller reads: lines, failures, and the table at the end.

use std::fmt;
use std::io::Write as _;
use std::time::{Duration, Instant};

/// Why a command or a step failed, in words for the caller.
#[derive(Debug, PartialEq)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    /// Returns a failure that lists every violation of a rule.
    pub(crate) fn of_violations(violations: &[String]) -> Self {
        Self(violations.join("\n"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a step ended.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    Passed,
    /// The step could not look; the text says why.
    NotChecked(String),
    Failed(String),
}

/// One line of the table at the end.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) verdict: Verdict,
    pub(crate) took: Duration,
}

/// Time since it was made.
#[derive(Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "a command-line tool times real processes")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    #[expect(clippy::disallowed_methods, reason = "a command-line tool times real processes")]
    pub(crate) fn read(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Writes a line to the standard output. A reader that went away is no error.
pub(crate) fn say(text: &str) {
    writeln!(std::io::stdout(), "{text}").ok();
}

/// Writes a line to the standard error.
pub(crate) fn complain(text: &str) {
    writeln!(std::io::stderr(), "xtask: {text}").ok();
}

/// Announces a step.
pub(crate) fn header(name: &str) {
    say(&format!("\n== {name}"));
}

/// Returns the table of all steps, and the closing line with the counts.
pub(crate) fn table(lines: &[Line]) -> String {
    let width = lines.iter().map(|line| line.name.len()).max().unwrap_or_default();
    let mut text = String::new();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for Line { name, verdict, took } in lines {
        let word = match verdict {
            Verdict::Passed => {
                passed += 1;
                "passed".to_owned()
            }
            Verdict::NotChecked(why) => {
                skipped += 1;
                format!("not checked: {why}")
            }
            Verdict::Failed(_) => {
                failed += 1;
                "FAILED".to_owned()
            }
        };
        text.push_str(&format!("{name:width$}  {:>7.1} s  {word}\n", took.as_secs_f64()));
    }
    text.push_str(&format!("steps: {passed} passed, {failed} failed"));
    if skipped > 0 {
        text.push_str(&format!(", {skipped} skipped"));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Line, Verdict, table};

    #[test]
    fn the_table_counts_every_verdict() {
        let line = |name, verdict| Line {
            name,
            verdict,
            took: Duration::from_millis(1_250),
        };
        let lines = [
            line("format", Verdict::Passed),
            line("tests", Verdict::Failed("3 failed".to_owned())),
            line("advisories", Verdict::NotChecked("no database".to_owned())),
        ];
        assert_eq!(
            table(&lines),
            "format          1.2 s  passed\n\
             tests           1.2 s  FAILED\n\
             advisories      1.2 s  not checked: no database\n\
             steps: 1 passed, 1 failed, 1 skipped"
        );
    }
}
