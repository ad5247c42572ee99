//! Runs every example of every crate: an example that does not run teaches a mistake.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::process;
use crate::redis::PrivateRedis;
use crate::report::{Failure, say};
use crate::workspace::Workspace;

/// How long an example may take: it shows one thing.
const LIMIT: Duration = Duration::from_secs(60);

/// Builds all examples in one go, with the features of every other step, and runs them one by one.
///
/// Examples that need Redis find the URL of a private server in `REDIS_URL`.
///
/// # Errors
///
/// Returns a failure that names the examples that failed.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let sources = sources(&workspace.root().join("crates"));
    if sources.is_empty() {
        say("no crate has an example");
        return Ok(());
    }
    check_names(&sources).map_err(Failure::new)?;
    let args = [
        "build",
        "--workspace",
        "--all-features",
        "--examples",
        "--message-format=json-render-diagnostics",
    ];
    let built = programs(&process::capture(&mut workspace.cargo(&args))?);
    let redis = PrivateRedis::start()?;
    let mut failures = Vec::new();
    for source in sources {
        let label = source
            .strip_prefix(workspace.root())
            .unwrap_or(&source)
            .display()
            .to_string();
        say(&format!("\n-- {label}"));
        let result = match built.get(&source) {
            Some(program) => {
                let mut command = Command::new(program);
                command.current_dir(workspace.root()).env("REDIS_URL", redis.url());
                process::forget_own_package(&mut command);
                process::run_within(&mut command, LIMIT)
            }
            None => Err(Failure::new(
                "cargo does not build it: has its manifest `autoexamples = false`?",
            )),
        };
        if let Err(failure) = result {
            failures.push(format!("{label}: {failure}"));
        }
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(Failure::of_violations(&failures))
    }
}

/// Returns `*/examples/*.rs` and `*/examples/*/main.rs` under the folder, in order.
fn sources(crates: &Path) -> Vec<PathBuf> {
    let list = |folder: &Path| {
        let paths = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path());
        paths.collect::<Vec<_>>()
    };
    let mut sources = Vec::new();
    for path in list(crates).iter().flat_map(|package| list(&package.join("examples"))) {
        let main = path.join("main.rs");
        if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(path);
        } else if main.is_file() {
            sources.push(main);
        }
    }
    sources.sort();
    sources
}

/// Cargo puts all examples into one folder: two of one name would hide each other.
fn check_names(sources: &[PathBuf]) -> Result<(), String> {
    let mut seen = BTreeMap::new();
    for source in sources {
        let folder = source.parent().filter(|_| source.ends_with("main.rs"));
        let name = folder.and_then(Path::file_name).or_else(|| source.file_stem());
        if let Some(other) = seen.insert(name, source) {
            return Err(format!(
                "{} and {} have one name: rename one",
                other.display(),
                source.display()
            ));
        }
    }
    Ok(())
}

/// Returns source to program, from cargo's messages.
fn programs(messages: &str) -> BTreeMap<PathBuf, PathBuf> {
    let program = |message: &Value| {
        let target = message.get("target")?;
        let is_example = target.get("kind")?.as_array()?.iter().any(|kind| kind == "example");
        let program = message.get("executable")?.as_str()?;
        is_example.then_some((target.get("src_path")?.as_str()?.into(), program.into()))
    };
    messages
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter_map(|message| program(&message))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{check_names, programs, sources};

    #[test]
    fn programs_are_read_from_the_messages_of_cargo() {
        let messages = r#"{"reason":"compiler-artifact","target":{"kind":["example"],"src_path":"/w/a.rs"},"executable":"/t/a"}
{"reason":"compiler-artifact","target":{"kind":["lib"],"src_path":"/w/lib.rs"},"executable":null}
{"reason":"compiler-artifact","target":{"kind":["bin"],"src_path":"/w/main.rs"},"executable":"/t/main"}
no json
{"reason":"build-finished","success":true}"#;
        let programs: Vec<_> = programs(messages).into_iter().collect();
        assert_eq!(programs, [(PathBuf::from("/w/a.rs"), PathBuf::from("/t/a"))]);
    }

    #[test]
    fn two_examples_of_one_name_fail() {
        let two = ["/c/a/examples/basic.rs", "/c/b/examples/basic/main.rs"].map(PathBuf::from);
        let why = "/c/a/examples/basic.rs and /c/b/examples/basic/main.rs have one name: rename one";
        assert_eq!(check_names(&two), Err(why.to_owned()));
        let two = ["/c/a/examples/one/main.rs", "/c/b/examples/two/main.rs"].map(PathBuf::from);
        assert_eq!(check_names(&two), Ok(()));
    }

    #[test]
    fn sources_are_found_in_order() {
        let root = std::env::temp_dir().join(format!("xtask-examples-{}", std::process::id()));
        for path in [
            "b/examples/two/main.rs",
            "a/examples/one.rs",
            "a/examples/notes.md",
            "a/src/lib.rs",
        ] {
            std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            std::fs::write(root.join(path), "").unwrap();
        }
        let found = sources(&root);
        std::fs::remove_dir_all(&root).unwrap();
        assert_eq!(
            found,
            [root.join("a/examples/one.rs"), root.join("b/examples/two/main.rs")]
        );
        assert!(sources(Path::new("/nowhere")).is_empty());
    }
}
