//! The data folder: made once by `initdb`, which takes most of a second, and copied for each server.

use std::{
    ffi::OsStr,
    fs::File,
    hash::Hasher,
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use super::programs::Programs;
use crate::{error::ServerError, process::User};

/// What the folder is made with. `C` and UTF-8 whatever the machine speaks; small files of the log, as few as may be.
const INITDB: [&str; 6] = [
    "--auth=trust",
    "--encoding=UTF8",
    "--no-locale",
    "--no-sync",
    "--username=postgres",
    "--wal-segsize=1",
];
/// A template older than this is made anew: what sweeps the temporary folder might have taken parts of it.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// The second finds what the first made, unless something sweeps at that very moment.
const ATTEMPTS: usize = 3;

/// Makes a folder for a server, with a new cluster in `data`. Blocks for some tens of milliseconds; a second the first time.
pub(super) fn folder(programs: &Programs, user: Option<User>) -> Result<TempDir, ServerError> {
    let dir = private_folder(&std::env::temp_dir(), "gatewayz-postgres-", user)?;
    let template = Template::of(programs, user)?;
    let lock = template
        .open_lock()
        .map_err(ServerError::io("open the lock of the template"))?;
    let lock_error = || ServerError::io("lock the template");
    for _ in 0..ATTEMPTS {
        lock.lock_shared().map_err(lock_error())?;
        if template.is_good() {
            // Nobody replaces the template while the lock is held.
            template.copy(&dir.path().join("data"), user)?;
            return Ok(dir);
        }
        lock.unlock().map_err(lock_error())?;
        lock.lock().map_err(lock_error())?;
        if !template.is_good() {
            template.make(programs, user)?;
        }
        lock.unlock().map_err(lock_error())?;
    }
    Err(ServerError::Io {
        action: "keep a template of PostgreSQL's data",
        source: io::Error::other(format!("{} does not stay", template.path.display())),
    })
}

/// The folder that every server starts as a copy of.
#[derive(Debug)]
struct Template {
    path: PathBuf,
    /// Whose it must be: the temporary folder is everybody's.
    owner: u32,
}

impl Template {
    /// One for each version of PostgreSQL, of these settings, and for each user.
    fn of(programs: &Programs, user: Option<User>) -> Result<Self, ServerError> {
        let program = programs
            .initdb
            .metadata()
            .map_err(ServerError::io("read the program initdb"))?;
        let mut key = Fnv::new();
        key.write(programs.initdb.as_os_str().as_bytes());
        key.write_i64(program.mtime());
        key.write_u64(program.size());
        for arg in INITDB {
            key.write(arg.as_bytes());
        }
        let own = rustix::process::geteuid().as_raw();
        Ok(Self {
            path: std::env::temp_dir().join(format!("gatewayz-postgres-template-{own}-{:016x}", key.finish())),
            owner: user.map_or(own, |user| user.uid),
        })
    }

    fn open_lock(&self) -> io::Result<File> {
        File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.path.with_extension("lock"))
    }

    /// Whether it is there, and is this user's alone, and is young.
    fn is_good(&self) -> bool {
        self.path.symlink_metadata().is_ok_and(|meta| {
            let is_own = meta.is_dir() && meta.uid() == self.owner && meta.permissions().mode() & 0o077 == 0;
            // A time in the future is a clock that was set back.
            is_own
                && meta
                    .modified()
                    .is_ok_and(|made| made.elapsed().is_ok_and(|age| age < LIFETIME))
        })
    }

    fn make(&self, programs: &Programs, user: Option<User>) -> Result<(), ServerError> {
        let place = |source| ServerError::Io {
            action: "put the template of PostgreSQL's data in its place",
            source,
        };
        let dir = private_folder(&std::env::temp_dir(), "gatewayz-postgres-new-", user)?;
        let made = dir.path().join("data");
        let mut initdb = Command::new(&programs.initdb);
        initdb.arg("--pgdata").arg(&made).args(INITDB);
        run(&mut initdb, dir.path(), user).map_err(ServerError::io("make PostgreSQL's data with initdb"))?;
        match std::fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(place(error)),
            Ok(()) | Err(_) => {}
        }
        std::fs::rename(made, &self.path).map_err(place)
    }

    fn copy(&self, to: &Path, user: Option<User>) -> Result<(), ServerError> {
        let dir = to.parent().unwrap_or(to);
        let mut copy = Command::new("cp");
        copy.arg("-R").args([self.path.as_path(), to]);
        run(&mut copy, dir, user).map_err(ServerError::io("copy PostgreSQL's data with cp"))
    }
}

/// Makes a folder that the server alone may enter. Its name is short: a unix socket in it must not have more than 107 bytes.
fn private_folder(parent: &Path, prefix: &str, user: Option<User>) -> Result<TempDir, ServerError> {
    let dir = tempfile::Builder::new()
        .prefix(OsStr::new(prefix))
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir_in(parent)
        .map_err(ServerError::io("make a temporary folder"))?;
    if let Some(user) = user {
        user.own(dir.path())
            .map_err(ServerError::io("give the temporary folder to PostgreSQL's user"))?;
    }
    Ok(dir)
}

/// Runs a program in `dir` to its end, and returns what it complains about.
fn run(command: &mut Command, dir: &Path, user: Option<User>) -> io::Result<()> {
    if let Some(user) = user {
        user.run(command);
    }
    let done = command
        .current_dir(dir)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()?;
    if done.status.success() {
        Ok(())
    } else {
        let complaint = String::from_utf8_lossy(&done.stderr);
        Err(io::Error::other(format!("{}: {}", done.status, complaint.trim())))
    }
}

/// FNV-1a: the same in every process, which the standard hashers do not promise.
#[derive(Debug)]
struct Fnv(u64);

impl Fnv {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
