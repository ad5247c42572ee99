//! Where programs are.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::error::ServerError;

/// Of Redis, in order of preference.
const SERVERS: [&str; 2] = ["redis-server", "valkey-server"];

/// Where packages and source installs put them when `PATH` is short, as under cron or in an IDE.
const WELL_KNOWN: [&str; 6] = [
    "/usr/bin",
    "/usr/local/bin",
    "/usr/sbin",
    "/opt/redis/bin",
    "/opt/valkey/bin",
    "/opt/homebrew/bin",
];

/// Returns the Redis server to run.
pub(crate) fn server() -> Result<PathBuf, ServerError> {
    SERVERS.into_iter().find_map(find).ok_or(ServerError::NotFound)
}

/// Returns the place of a program: first on `PATH`, then where packages put it.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    // `PATH` is how programs are found, not configuration.
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(WELL_KNOWN.into_iter().map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|candidate| is_executable(candidate))
}

pub(crate) fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
