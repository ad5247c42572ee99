//! The data folder that lies beside the workspace.

use std::path::{Path, PathBuf};

use crate::error::DataAbsent;

/// `../shared/data`, seen from the root of the workspace.
fn expected(path: &Path) -> PathBuf {
    let testkit = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = testkit.ancestors().nth(2).unwrap_or(testkit);
    root.parent().unwrap_or(root).join("shared/data").join(path)
}

/// Returns the place of `path` in the shared data, or `None` when it is absent.
///
/// An empty `path` asks for the folder itself.
#[must_use]
pub fn shared_data(path: impl AsRef<Path>) -> Option<PathBuf> {
    Some(expected(path.as_ref())).filter(|path| path.exists())
}

/// Returns the place of `path` in the shared data.
///
/// # Errors
///
/// Returns [`DataAbsent`] when there is no such file or folder. Tests that need it print the error and pass.
///
/// # Panics
///
/// Where `CI` is `true`: there, a test that did not run would be taken for one that passed.
pub fn require_shared_data(path: impl AsRef<Path>) -> Result<PathBuf, DataAbsent> {
    let path = expected(path.as_ref());
    if path.exists() {
        return Ok(path);
    }
    let absent = DataAbsent { path };
    assert!(!in_ci(), "{absent}");
    Err(absent)
}

#[expect(clippy::disallowed_methods, reason = "tests have no configuration but this")]
fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|ci| ci == "true")
}
