//! Servers of one run: each on a free port of loopback, each ended with the run, however that ends.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::client;
use crate::process;
use crate::report::{Failure, Stopwatch};

/// How long a server may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long a server that was asked to end may take before it is killed.
const END_LIMIT: Duration = Duration::from_secs(5);
/// A port that was free can be taken before the server has it.
const TRIES: usize = 3;
/// How much of a log is told when a server fails.
const LOG_LINES: usize = 8;

/// A folder that goes with the run.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Makes a folder that servers of other users may read.
    ///
    /// # Errors
    ///
    /// Returns a failure when it cannot be made.
    pub(crate) fn make(name: &str) -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|error| cannot_write(&path, &error))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file in it, and the folders above.
    ///
    /// # Errors
    ///
    /// Returns a failure when it cannot be written.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, Failure> {
        let path = self.0.join(name);
        let folder = path.parent().unwrap_or(&self.0);
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&path, bytes))
            .map_err(|error| cannot_write(&path, &error))?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// A server process. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl Server {
    /// Starts the command that `command` makes for an address, and waits until `path` is answered.
    ///
    /// # Errors
    ///
    /// Returns a failure with the end of the server's log when it does not come up.
    pub(crate) fn start(
        name: &str,
        folder: &Path,
        path: &str,
        command: impl Fn(SocketAddr) -> Result<Command, Failure>,
    ) -> Result<Self, Failure> {
        let mut told = String::new();
        for _ in 0..TRIES {
            let mut server = Self::spawn(name, folder, &command)?;
            match server.wait(path) {
                Ok(()) => return Ok(server),
                Err(Silence::Lasts) => return Err(Failure::new(format!("{name} does not answer: {}", server.log()))),
                Err(Silence::Ended) => told = server.log(),
            }
        }
        Err(Failure::new(format!("{name} does not come up: {told}")))
    }

    /// Starts the command and waits for nothing.
    ///
    /// # Errors
    ///
    /// Returns a failure when it cannot be started.
    pub(crate) fn spawn(
        name: &str,
        folder: &Path,
        command: impl Fn(SocketAddr) -> Result<Command, Failure>,
    ) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::new(format!("{name} cannot be started: {error}"));
        let address = free_address()?;
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).map_err(failed)?;
        let child = command(address)?
            .stdin(Stdio::null())
            .stdout(file.try_clone().map_err(failed)?)
            .stderr(file)
            .spawn()
            .map_err(failed)?;
        Ok(Self { child, address, log })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns whether the process is still there.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Returns the last lines that the server wrote.
    pub(crate) fn log(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(LOG_LINES);
        match lines.get(from..) {
            Some([]) | None => "it wrote nothing".to_owned(),
            Some(lines) => lines.join("\n"),
        }
    }

    fn wait(&mut self, path: &str) -> Result<(), Silence> {
        let watch = Stopwatch::start();
        while watch.read() < START_LIMIT {
            if !self.runs() {
                return Err(Silence::Ended);
            }
            if client::get(self.address, path, &[]).is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            process::pause();
        }
        Err(Silence::Lasts)
    }
}

/// Why a server does not answer.
enum Silence {
    Ended,
    Lasts,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Asked first: nginx and Varnish end their own children only then.
        let pid = self.child.id().to_string();
        if self.runs()
            && Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .is_ok_and(|status| status.success())
        {
            let watch = Stopwatch::start();
            while self.runs() && watch.read() < END_LIMIT {
                process::pause();
            }
        }
        process::stop(&mut self.child);
    }
}

/// Returns an address that nobody listens on.
///
/// # Errors
///
/// Returns a failure when there is none.
pub(crate) fn free_address() -> Result<SocketAddr, Failure> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map_err(|error| Failure::new(format!("no port is free: {error}")))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{} cannot be written: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{Scratch, Server};

    #[test]
    fn a_server_that_ends_is_told_with_its_log() {
        let scratch = Scratch::make("server-test").unwrap();
        let failure = Server::start("broken", scratch.path(), "/", |_| {
            let mut command = Command::new("sh");
            command.args(["-c", "echo no such file >&2; exit 1"]);
            Ok(command)
        })
        .unwrap_err();
        assert_eq!(failure.to_string(), "broken does not come up: no such file");
    }

    #[test]
    fn a_server_ends_with_its_guard() {
        let scratch = Scratch::make("guard-test").unwrap();
        let folder = scratch.path().to_owned();
        let server = Server::spawn("sleeper", scratch.path(), |_| {
            let mut command = Command::new("sleep");
            command.arg("600");
            Ok(command)
        })
        .unwrap();
        let proc = format!("/proc/{}", server.pid());
        assert!(std::fs::exists(&proc).unwrap());
        drop(server);
        assert!(!std::fs::exists(&proc).unwrap());
        drop(scratch);
        assert!(!folder.exists());
    }
}
