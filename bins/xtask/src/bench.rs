//! Runs the benches and holds them against their bars.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;

use crate::bars::{self, Bar, Median, Outcome, Verdict};
use crate::metadata::Metadata;
use crate::process;
use crate::report::{Failure, header, say};
use crate::workspace::Workspace;

const PACKAGE: &str = "gatewayz-benches";

/// Enough samples for an interval, in about a second and a half for each benchmark.
const QUICK: [&str; 6] = [
    "--warm-up-time",
    "0.5",
    "--measurement-time",
    "1",
    "--sample-size",
    "20",
];

/// Runs the benches and judges every bar whose benchmarks ran.
///
/// # Errors
///
/// Returns a failure when a bench fails, a bar is missed, or a bar has no measurement of this run.
pub(crate) fn run(workspace: &Workspace, quick: bool, filter: Option<&str>) -> Result<(), Failure> {
    let bars = declared(&workspace.root().join("benches/bars.json"))?;
    let metadata = Metadata::load(workspace)?;
    let package = metadata.members.iter().find(|package| package.name == PACKAGE);
    let benches = package.map(|package| package.benches.as_slice()).unwrap_or_default();
    if benches.is_empty() {
        return Err(Failure::new(format!("{PACKAGE} has no benches")));
    }

    let started = now();
    let mut command = workspace.cargo(&["bench", "-p", PACKAGE]);
    // By name: the test harness of the library does not understand criterion's options.
    command
        .args(benches.iter().flat_map(|bench| ["--bench", bench]))
        .arg("--");
    command.args(if quick { QUICK.as_slice() } else { &[] }).args(filter);
    process::run(&mut command)?;

    let medians = medians(&criterion_folder(&metadata.target_directory), started)?;
    let (outcomes, unmeasured) = judge(&bars, &medians);
    header("bars");
    say(&table(&outcomes));
    let results: Vec<Value> = outcomes.iter().map(Outcome::to_json).collect();
    let path = metadata.target_directory.join("bench.json");
    std::fs::write(&path, format!("{:#}\n", Value::Array(results)))
        .map_err(|error| Failure::new(format!("{} cannot be written: {error}", path.display())))?;
    say(&format!("written to {}", path.display()));

    let mut failures: Vec<String> = outcomes
        .iter()
        .filter(|outcome| !outcome.holds())
        .map(|outcome| format!("missed: {}", outcome.name))
        .collect();
    if filter.is_none() {
        // With a filter, the others were not meant to run.
        failures.extend(unmeasured);
    } else if outcomes.is_empty() {
        say("no bar speaks of these benchmarks alone");
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(Failure::of_violations(&failures))
    }
}

fn declared(path: &Path) -> Result<Vec<Bar>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("{} cannot be read: {error}", path.display())))?;
    bars::parse(&text).map_err(|why| Failure::new(format!("{}: {why}", path.display())))
}

/// Returns the outcomes of the bars with measurements, and a line for each of the others.
fn judge(bars: &[Bar], medians: &BTreeMap<String, Median>) -> (Vec<Outcome>, Vec<String>) {
    let (mut outcomes, mut unmeasured) = (Vec::new(), Vec::new());
    for bar in bars {
        match bar.hold(|name| medians.get(name).copied()) {
            Ok(outcome) => outcomes.push(outcome),
            Err(missing) => unmeasured.push(format!("{}: no measurement of `{missing}` in this run", bar.name)),
        }
    }
    (outcomes, unmeasured)
}

/// Returns where criterion writes, by its own rules.
fn criterion_folder(target: &Path) -> PathBuf {
    std::env::var_os("CRITERION_HOME").map_or_else(|| target.join("criterion"), PathBuf::from)
}

/// Returns the medians written since `started`, each under its printed name and under its folder.
fn medians(folder: &Path, started: SystemTime) -> Result<BTreeMap<String, Median>, Failure> {
    let mut found = BTreeMap::new();
    collect(folder, folder, started, &mut found)
        .map_err(|error| Failure::new(format!("{} cannot be read: {error}", folder.display())))?;
    Ok(found)
}

fn collect(
    root: &Path,
    folder: &Path,
    started: SystemTime,
    found: &mut BTreeMap<String, Median>,
) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let estimates = path.join("estimates.json");
        if !path.is_dir() {
            continue;
        }
        if !path.ends_with("new") || !estimates.is_file() {
            collect(root, &path, started, found)?;
            continue;
        }
        // An older file is of another run, maybe of another machine state: ratios are of one run.
        if std::fs::metadata(&estimates)?.modified()? < started {
            continue;
        }
        let Some(median) = read_median(&std::fs::read_to_string(&estimates)?) else {
            return Err(std::io::Error::other(format!("{} has no median", estimates.display())));
        };
        if let Ok(folder) = folder.strip_prefix(root) {
            found.insert(folder.to_string_lossy().replace('\\', "/"), median);
        }
        let benchmark = std::fs::read_to_string(path.join("benchmark.json"))?;
        if let Some(name) = read_name(&benchmark) {
            found.insert(name, median);
        }
    }
    Ok(())
}

fn read_median(estimates: &str) -> Option<Median> {
    let json: Value = serde_json::from_str(estimates).ok()?;
    let median = json.get("median")?;
    let interval = median.get("confidence_interval")?;
    Some(Median {
        low: interval.get("lower_bound")?.as_f64()?,
        point: median.get("point_estimate")?.as_f64()?,
        high: interval.get("upper_bound")?.as_f64()?,
    })
}

fn read_name(benchmark: &str) -> Option<String> {
    let json: Value = serde_json::from_str(benchmark).ok()?;
    Some(json.get("full_id")?.as_str()?.to_owned())
}

#[expect(clippy::disallowed_methods, reason = "it is compared with the times of files")]
fn now() -> SystemTime {
    SystemTime::now()
}

fn table(outcomes: &[Outcome]) -> String {
    let width = outcomes
        .iter()
        .map(|outcome| outcome.name.len())
        .max()
        .unwrap_or_default()
        .max("name".len());
    let mut text = format!(
        "{:width$}  {:>12}  {:>12}  {:>9}  {:>10}",
        "name", "ours ns", "reference ns", "value", "bar"
    );
    for Outcome {
        name,
        ours,
        reference,
        value,
        bar,
        sign,
        verdict,
    } in outcomes
    {
        let reference = reference.map_or_else(|| "-".to_owned(), |reference| format!("{:.1}", reference.point));
        let unit = if reference == "-" { "ms" } else { "x" };
        let word = match verdict {
            Verdict::Holds => "holds",
            Verdict::WithinNoise => "within noise",
            Verdict::Missed => "MISSED",
        };
        let (value, bar) = (format!("{value:.3} {unit}"), format!("{sign} {bar}"));
        text.push_str(&format!(
            "\n{name:width$}  {:>12.1}  {reference:>12}  {value:>9}  {bar:>10}  {word}",
            ours.point
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::{judge, medians, now, read_median, table};
    use crate::bars::{Median, parse};

    const ESTIMATES: &str = r#"{"mean": {"point_estimate": 9.0},
        "median": {"confidence_interval": {"confidence_level": 0.95, "lower_bound": 1.5, "upper_bound": 2.5},
                   "point_estimate": 2.0, "standard_error": 0.1}}"#;

    #[test]
    fn the_median_is_read_with_its_interval() {
        assert_eq!(
            read_median(ESTIMATES),
            Some(Median {
                low: 1.5,
                point: 2.0,
                high: 2.5
            })
        );
        assert_eq!(read_median("{}"), None);
    }

    #[test]
    fn medians_of_this_run_are_found_by_name_and_by_folder() {
        let root = std::env::temp_dir().join(format!("xtask-criterion-{}", std::process::id()));
        let write = |path: &str, text: &str| {
            std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            std::fs::write(root.join(path), text).unwrap();
        };
        for folder in ["new", "base"] {
            write(&format!("hit_local/ours/{folder}/estimates.json"), ESTIMATES);
            write(
                &format!("hit_local/ours/{folder}/benchmark.json"),
                r#"{"full_id": "hit/local/ours"}"#,
            );
        }
        write("report/index.html", "");
        let found = medians(&root, SystemTime::UNIX_EPOCH).unwrap();
        let stale = medians(&root, now() + Duration::from_secs(60)).unwrap();
        std::fs::remove_dir_all(&root).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["hit/local/ours", "hit_local/ours"]);
        assert!(stale.is_empty(), "{stale:?}");
        assert!(medians(&root, SystemTime::UNIX_EPOCH).is_err());
    }

    #[test]
    fn bars_without_measurements_are_named() {
        let bars = parse(
            r#"[{"name": "one", "ours": "a", "reference": "b", "bar": 1.4, "kind": "at_most"},
                {"name": "two", "ours": "a", "bar_ms": 1},
                {"name": "three", "ours": "c", "bar_ms": 1}]"#,
        )
        .unwrap();
        let median = |point: f64| Median {
            low: point,
            point,
            high: point,
        };
        let known = [("a".to_owned(), median(15.0)), ("b".to_owned(), median(10.0))].into();
        let (outcomes, unmeasured) = judge(&bars, &known);
        assert_eq!(unmeasured, ["three: no measurement of `c` in this run"]);
        assert_eq!(
            table(&outcomes),
            "name       ours ns  reference ns      value         bar\n\
             one           15.0          10.0    1.500 x      <= 1.4  MISSED\n\
             two           15.0             -   0.000 ms        <= 1  holds"
        );
    }
}
