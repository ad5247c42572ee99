//! Fuzz targets, each for some seconds.

use std::path::{Path, PathBuf};

use crate::process;
use crate::report::{Failure, say};
use crate::tools;
use crate::workspace::Workspace;

/// Runs every target of every fuzz package.
///
/// # Errors
///
/// Returns a failure when cargo-fuzz is missing, or a target found an input that fails.
pub(crate) fn run(workspace: &Workspace, seconds: u64) -> Result<(), Failure> {
    if !tools::has_subcommand("fuzz") {
        return Err(Failure::new("cargo-fuzz is missing: cargo install --locked cargo-fuzz"));
    }
    let packages = packages(&workspace.root().join("crates"));
    if packages.is_empty() {
        say("no crate has a fuzz package");
        return Ok(());
    }
    let mut failures = Vec::new();
    for package in packages {
        let list = process::capture(cargo_fuzz(workspace, &package, "list").env_remove("RUSTFLAGS"))?;
        for target in list.lines() {
            let mut command = cargo_fuzz(workspace, &package, "run");
            command.args([target, "--", &format!("-max_total_time={seconds}")]);
            if let Err(failure) = process::run(&mut command) {
                failures.push(failure.to_string());
            }
        }
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(Failure::of_violations(&failures))
    }
}

/// Coverage and sanitizers are unstable flags of the compiler: the pinned one takes them when told that it may.
fn cargo_fuzz(workspace: &Workspace, package: &Path, verb: &str) -> std::process::Command {
    let mut command = workspace.cargo(&["fuzz", verb, "--fuzz-dir"]);
    command.arg(package).env("RUSTC_BOOTSTRAP", "1");
    command
}

/// Returns `*/fuzz` under the folder where that is a package, in order.
fn packages(crates: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(crates).into_iter().flatten().flatten();
    let mut packages: Vec<_> = entries
        .map(|entry| entry.path().join("fuzz"))
        .filter(|path| path.join("Cargo.toml").is_file())
        .collect();
    packages.sort();
    packages
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::packages;
    use crate::workspace::Workspace;

    #[test]
    fn the_fuzz_package_of_any_crate_is_found() {
        let root = std::env::temp_dir().join(format!("xtask-fuzz-{}", std::process::id()));
        for path in [
            "b/fuzz/Cargo.toml",
            "a/fuzz/Cargo.toml",
            "c/fuzz/corpus/one",
            "d/Cargo.toml",
        ] {
            std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            std::fs::write(root.join(path), "").unwrap();
        }
        let found = packages(&root);
        std::fs::remove_dir_all(&root).unwrap();
        assert_eq!(found, [root.join("a/fuzz"), root.join("b/fuzz")]);
        assert!(packages(Path::new("/nowhere")).is_empty());
    }

    #[test]
    fn every_fuzz_package_stands_outside_the_workspace() {
        let workspace = Workspace::find().unwrap();
        let manifest = std::fs::read_to_string(workspace.root().join("Cargo.toml")).unwrap();
        for package in packages(&workspace.root().join("crates")) {
            let package = package.strip_prefix(workspace.root()).unwrap().display().to_string();
            let excluded = manifest.lines().find(|line| line.starts_with("exclude = ")).unwrap();
            assert!(
                excluded.contains(&format!("\"{package}\"")),
                "{package}: name it under `exclude`"
            );
        }
    }
}
