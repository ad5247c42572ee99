//! Where PostgreSQL is, and whom it runs as.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use crate::{
    error::ServerError,
    process::User,
    program::{self, is_executable},
};

/// Where Debian puts its versions, which are not on `PATH`: `<root>/<version>/bin`.
const DEBIAN: &str = "/usr/lib/postgresql";
/// Where others put the only one.
const WELL_KNOWN: [&str; 3] = [
    "/usr/local/pgsql/bin",
    "/usr/pgsql/bin",
    "/opt/homebrew/opt/postgresql/bin",
];
/// Whom to run as instead of root, in order of preference.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// The programs of one version.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Programs {
    pub(super) initdb: PathBuf,
    pub(super) postgres: PathBuf,
}

impl Programs {
    /// Finds them: in the folder that `POSTGRES_BIN` names, or else on `PATH`, or else where packages put them.
    pub(super) fn find() -> Result<Self, ServerError> {
        // As `PATH`, this is how programs are found, not configuration.
        let found = match std::env::var_os("POSTGRES_BIN") {
            Some(folder) => Self::in_folder(Path::new(&folder)),
            None => program::find("initdb")
                .and_then(|initdb| Self::in_folder(initdb.parent()?))
                .or_else(|| {
                    newest_first(Path::new(DEBIAN))
                        .iter()
                        .find_map(|dir| Self::in_folder(dir))
                })
                .or_else(|| WELL_KNOWN.into_iter().find_map(|dir| Self::in_folder(Path::new(dir)))),
        };
        found.ok_or(ServerError::PostgresNotFound)
    }

    /// Both, as files and not as links: each looks for the other beside itself.
    fn in_folder(folder: &Path) -> Option<Self> {
        let program = |name: &str| folder.join(name).canonicalize().ok().filter(|path| is_executable(path));
        Some(Self {
            initdb: program("initdb")?,
            postgres: program("postgres")?,
        })
    }
}

/// Returns the folders of the versions under `root`, the newest first.
fn newest_first(root: &Path) -> Vec<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(root)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version = path.file_name().and_then(OsStr::to_str)?.parse().ok()?;
            Some((version, path.join("bin")))
        })
        .collect();
    versions.sort_unstable();
    versions.into_iter().rev().map(|(_, folder)| folder).collect()
}

/// Returns whom the server runs as: PostgreSQL refuses to run as root.
pub(super) fn user() -> Result<Option<User>, ServerError> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let accounts = std::fs::read_to_string("/etc/passwd").map_err(ServerError::io("read /etc/passwd"))?;
    USERS
        .into_iter()
        .find_map(|name| account(&accounts, name))
        .map(Some)
        .ok_or_else(|| ServerError::Io {
            action: "find an account for PostgreSQL, which refuses to run as root",
            source: std::io::Error::other("neither postgres nor nobody is in /etc/passwd"),
        })
}

fn account(accounts: &str, name: &str) -> Option<User> {
    accounts.lines().find_map(|line| {
        let mut fields = line.strip_prefix(name)?.strip_prefix(':')?.split(':').skip(1);
        Some(User {
            uid: fields.next()?.parse().ok()?,
            gid: fields.next()?.parse().ok()?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{Path, PathBuf, Programs, User, account, newest_first};

    #[test]
    fn accounts_are_found_by_their_whole_name() {
        let accounts =
            "root:x:0:0:root:/root:/bin/bash\npostgresql:x:7:7::/:/bin/sh\npostgres:x:101:104:,,,:/:/bin/sh\n";
        assert_eq!(account(accounts, "postgres"), Some(User { uid: 101, gid: 104 }));
        assert_eq!(account(accounts, "nobody"), None);
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        let root = tempfile::tempdir().unwrap();
        for version in ["9", "16", "15", "common"] {
            std::fs::create_dir(root.path().join(version)).unwrap();
        }
        let expected: Vec<PathBuf> = ["16/bin", "15/bin", "9/bin"].map(|path| root.path().join(path)).into();
        assert_eq!(newest_first(root.path()), expected);
        assert!(newest_first(Path::new("/nowhere")).is_empty());
    }

    #[test]
    fn a_folder_without_both_programs_is_none() {
        assert_eq!(Programs::in_folder(Path::new("/nowhere")), None);
        assert_eq!(Programs::in_folder(Path::new("/bin")), None);
    }
}
