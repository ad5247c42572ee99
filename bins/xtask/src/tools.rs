//! The programs that the steps need: found, or installed where that is possible.

use std::ffi::OsStr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;
use crate::report::{Failure, say};
use crate::workspace::Workspace;

/// A program that a step needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Tool {
    Redis,
    Postgres,
    Nextest,
    Deny,
    Nginx,
    Varnish,
    Wrk,
}

/// How a tool comes onto a machine.
#[derive(Debug, Eq, PartialEq)]
enum Source {
    /// Packages of Debian and Ubuntu.
    Debian(&'static [&'static str]),
    /// A crate with a program, by version.
    Crate(&'static str),
}

/// What tests need.
pub(crate) const ALL: [Tool; 4] = [Tool::Redis, Tool::Postgres, Tool::Nextest, Tool::Deny];

const REDIS: [&str; 2] = ["redis-server", "valkey-server"];

impl Tool {
    fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis-server (or valkey-server)",
            Self::Postgres => "PostgreSQL (initdb and postgres)",
            Self::Nextest => "cargo-nextest",
            Self::Deny => "cargo-deny",
            Self::Nginx => "nginx",
            Self::Varnish => "varnishd",
            Self::Wrk => "wrk",
        }
    }

    fn source(self) -> Source {
        match self {
            Self::Redis => Source::Debian(&["redis-server", "redis-sentinel"]),
            Self::Postgres => Source::Debian(&["postgresql"]),
            Self::Nextest => Source::Crate("cargo-nextest@0.9.143"),
            Self::Deny => Source::Crate("cargo-deny@0.20.2"),
            Self::Nginx => Source::Debian(&["nginx-light"]),
            Self::Varnish => Source::Debian(&["varnish"]),
            Self::Wrk => Source::Debian(&["wrk"]),
        }
    }

    /// Returns where the program is.
    fn find(self) -> Option<PathBuf> {
        match self {
            Self::Redis => REDIS.iter().find_map(|name| find(name, &path_folders())),
            Self::Postgres => {
                // As in the testkit.
                let folders = match std::env::var_os("POSTGRES_BIN") {
                    Some(folder) => vec![PathBuf::from(folder)],
                    None => [path_folders(), postgres_folders(Path::new("/usr/lib/postgresql"))].concat(),
                };
                find("initdb", &folders)?;
                find("postgres", &folders)
            }
            Self::Nextest => find("cargo-nextest", &cargo_folders()),
            Self::Deny => find("cargo-deny", &cargo_folders()),
            Self::Nginx | Self::Varnish | Self::Wrk => find(self.name(), &server_folders()),
        }
    }
}

/// Finds the tools, and installs those that are missing.
///
/// # Errors
///
/// Returns a failure that says what to install, in one line, when this machine offers no way to do it.
pub(crate) fn prepare(workspace: &Workspace, tools: &[Tool]) -> Result<(), Failure> {
    let missing: Vec<Tool> = tools.iter().copied().filter(|tool| tool.find().is_none()).collect();
    let (packages, crates) = plan(&missing, can_apt())?;
    if !packages.is_empty() {
        install_packages(&packages)?;
    }
    for package in crates {
        let mut command = workspace.cargo(&["install", "--locked", package]);
        // The program is built apart from the workspace: its settings are none of ours.
        process::run(command.env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS"))?;
    }
    for tool in tools {
        let path = tool
            .find()
            .ok_or_else(|| Failure::new(format!("{} was installed, and still is not found", tool.name())))?;
        say(&format!("{}: {}", tool.name(), path.display()));
    }
    Ok(())
}

/// Returns the server to start for tests.
///
/// # Errors
///
/// Returns a failure when there is none.
pub(crate) fn redis_server() -> Result<PathBuf, Failure> {
    program(Tool::Redis)
}

/// Returns where the program is.
///
/// # Errors
///
/// Returns a failure when it is not installed.
pub(crate) fn program(tool: Tool) -> Result<PathBuf, Failure> {
    tool.find()
        .ok_or_else(|| Failure::new(format!("{} is not on the PATH", tool.name())))
}

/// Returns whether the cargo subcommand is installed.
pub(crate) fn has_subcommand(name: &str) -> bool {
    find(&format!("cargo-{name}"), &cargo_folders()).is_some()
}

/// Returns the Debian packages and the crates to install.
fn plan(missing: &[Tool], can_apt: bool) -> Result<(Vec<&'static str>, Vec<&'static str>), Failure> {
    let (mut packages, mut crates, mut by_hand) = (Vec::new(), Vec::new(), Vec::new());
    for tool in missing {
        match tool.source() {
            Source::Debian(names) if can_apt => packages.extend(names),
            Source::Debian(_) => by_hand.push(tool.name()),
            Source::Crate(name) => crates.push(name),
        }
    }
    if by_hand.is_empty() {
        Ok((packages, crates))
    } else {
        Err(Failure::new(format!(
            "install {}, and start again",
            by_hand.join(" and ")
        )))
    }
}

fn install_packages(packages: &[&str]) -> Result<(), Failure> {
    let _policy = NoServices::declare()?;
    let apt_get = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    process::run(apt_get().args(["update", "--quiet"]))?;
    process::run(
        apt_get()
            .args(["install", "--quiet", "-y", "--no-install-recommends"])
            .args(packages),
    )
}

/// While it lives, installing a package starts no service: tests start their own servers, and must not find
/// others that happen to run. This is Debian's own mechanism, `policy-rc.d`.
struct NoServices {
    written: Option<&'static Path>,
}

impl NoServices {
    fn declare() -> Result<Self, Failure> {
        let path = Path::new("/usr/sbin/policy-rc.d");
        if path.exists() {
            return Ok(Self { written: None });
        }
        let write = || {
            std::fs::write(path, "#!/bin/sh\nexit 101\n")?;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
        };
        write().map_err(|error| Failure::new(format!("{} cannot be written: {error}", path.display())))?;
        Ok(Self { written: Some(path) })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if let Some(path) = self.written {
            std::fs::remove_file(path).ok();
        }
    }
}

fn can_apt() -> bool {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    is_root && Path::new("/etc/debian_version").exists() && find("apt-get", &path_folders()).is_some()
}

fn find(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    folders
        .iter()
        .map(|folder| folder.join(name))
        .find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

fn path_folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).collect()
}

/// Returns the PATH with the folder of Debian's servers, which only root has on it.
fn server_folders() -> Vec<PathBuf> {
    let mut folders = path_folders();
    folders.push(PathBuf::from("/usr/sbin"));
    folders
}

/// Returns the folders where cargo looks for its subcommands.
fn cargo_folders() -> Vec<PathBuf> {
    let home = |name: &str, below: &str| std::env::var_os(name).map(|home| Path::new(&home).join(below));
    let mut folders = path_folders();
    folders.extend(home("CARGO_HOME", "bin").or_else(|| home("HOME", ".cargo/bin")));
    folders
}

/// Returns the folders of Debian's PostgreSQL versions, which are not on the PATH: the newest first.
fn postgres_folders(root: &Path) -> Vec<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(root)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            Some((
                path.file_name().and_then(OsStr::to_str)?.parse().ok()?,
                path.join("bin"),
            ))
        })
        .collect();
    versions.sort();
    versions.into_iter().rev().map(|(_, folder)| folder).collect()
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{ALL, Tool, find, plan, postgres_folders};

    #[test]
    fn a_debian_root_installs_what_is_missing() {
        let (packages, crates) = plan(&ALL, true).unwrap();
        assert_eq!(packages, ["redis-server", "redis-sentinel", "postgresql"]);
        assert_eq!(crates, ["cargo-nextest@0.9.143", "cargo-deny@0.20.2"]);
        assert_eq!(plan(&[Tool::Postgres], true).unwrap(), (vec!["postgresql"], vec![]));
        assert_eq!(plan(&[], false).unwrap(), (vec![], vec![]));
    }

    #[test]
    fn others_are_told_in_one_line() {
        assert_eq!(
            plan(&ALL, false).unwrap_err().to_string(),
            "install redis-server (or valkey-server) and PostgreSQL (initdb and postgres), and start again"
        );
        assert_eq!(plan(&[Tool::Deny], false).unwrap(), (vec![], vec!["cargo-deny@0.20.2"]));
    }

    #[test]
    fn only_programs_are_found() {
        let bin = [PathBuf::from("/nowhere"), PathBuf::from("/bin")];
        assert_eq!(find("sh", &bin), Some(PathBuf::from("/bin/sh")));
        assert_eq!(find("no-such-program", &bin), None);
        assert_eq!(find("passwd", &[PathBuf::from("/etc")]), None);
        assert_eq!(find("etc", &[PathBuf::from("/")]), None);
    }

    #[test]
    fn the_newest_postgres_comes_first() {
        let root = std::env::temp_dir().join(format!("xtask-postgres-{}", std::process::id()));
        for version in ["9", "16", "15", "common"] {
            std::fs::create_dir_all(root.join(version)).unwrap();
        }
        let folders = postgres_folders(&root);
        std::fs::remove_dir_all(&root).unwrap();
        assert_eq!(folders, [root.join("16/bin"), root.join("15/bin"), root.join("9/bin")]);
        assert!(postgres_folders(Path::new("/nowhere")).is_empty());
    }
}
