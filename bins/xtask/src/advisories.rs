//! Known vulnerabilities of the dependencies, where their database can be had.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::process;
use crate::report::{Failure, Verdict, say};
use crate::workspace::Workspace;

/// A fetch that takes longer is a network that drops packets.
const FETCH_LIMIT: Duration = Duration::from_secs(60);

/// Checks the advisories against a fetched database, or else against the copy of an earlier fetch.
///
/// # Errors
///
/// Returns a failure when an advisory speaks of a dependency.
pub(crate) fn check(workspace: &Workspace) -> Result<Verdict, Failure> {
    let mut offline = false;
    if let Err(failure) = process::run_within(&mut workspace.cargo(&["deny", "fetch", "db"]), FETCH_LIMIT) {
        if !folder().is_some_and(|folder| has_copy(&folder)) {
            return Ok(Verdict::NotChecked(format!("no advisory database here, and {failure}")));
        }
        say(&format!("checked against the local copy: {failure}"));
        offline = true;
    }
    let args: &[&str] = if offline {
        &["deny", "--offline", "check", "advisories"]
    } else {
        &["deny", "check", "advisories"]
    };
    process::run(&mut workspace.cargo(args)).map(|()| Verdict::Passed)
}

/// Returns where cargo-deny keeps its databases.
fn folder() -> Option<PathBuf> {
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = cargo_home.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")))?;
    Some(home.join("advisory-dbs"))
}

/// Returns whether a database is there. A fetch that failed leaves a lock file, which is none.
fn has_copy(folder: &Path) -> bool {
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| entry.path().join(".git").exists())
}

#[cfg(test)]
mod tests {
    use super::has_copy;

    #[test]
    fn a_lock_file_is_no_database() {
        let folder = std::env::temp_dir().join(format!("xtask-advisories-{}", std::process::id()));
        assert!(!has_copy(&folder));
        std::fs::create_dir_all(folder.join("advisory-db-1")).unwrap();
        std::fs::write(folder.join("db.lock"), "").unwrap();
        let before = has_copy(&folder);
        std::fs::create_dir_all(folder.join("advisory-db-1/.git")).unwrap();
        let after = has_copy(&folder);
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!((before, after), (false, true));
    }
}
