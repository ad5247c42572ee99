//! A server process that never outlives the test.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Write},
    os::{fd::OwnedFd, unix::process::CommandExt},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::unix::pipe,
};

use crate::{
    error::ServerError,
    real_time::{Backoff, Deadline},
};

/// Starts the server, prints its pid, and waits on stdin.
///
/// A line means that the test ends the server in an orderly way; end of file without one means that the test process is gone
/// (the kernel closed its end of the pipe, however it died), and then the folder goes as well. The shell closes its stdout, so
/// that the server alone holds that pipe and its end is the server's death. A signal to the shell ends `read` and so the server.
const WATCHDOG: &str = r#"
program=$1; dir=$2; shift 2
trap : HUP INT TERM
"$program" "$@" </dev/null &
server=$!
echo "$server"
exec >&-
abandoned=
read -r parting || abandoned=yes
kill -s KILL "$server"
wait "$server"
[ -z "$abandoned" ] || rm -rf -- "$dir"
"#;

/// Long enough for a busy machine; a healthy one takes a few milliseconds.
const REAP_LIMIT: Duration = Duration::from_secs(10);

/// A running server and its watchdog.
#[derive(Debug)]
pub(super) struct Process {
    watchdog: Child,
    parting: Option<ChildStdin>,
    /// Stays a child of the watchdog, which waits for it only at the end: under dash the number cannot be reused before.
    server: Pid,
    alive: pipe::Receiver,
}

impl Process {
    /// Starts `program`, whose stderr goes to `log`.
    pub(super) async fn spawn(program: &Path, args: &[OsString], dir: &Path, log: &Path) -> Result<Self, ServerError> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(log)
            .map_err(ServerError::io("open the server's log"))?;
        let mut watchdog = Command::new("/bin/sh")
            .args(["-c", WATCHDOG, "gatewayz-testkit"])
            .arg(program)
            .arg(dir)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // Ctrl-C and a test runner's signals to the group reach the test alone; the watchdog then sees its end.
            .process_group(0)
            .spawn()
            .map_err(ServerError::io("start /bin/sh"))?;
        let parting = watchdog.stdin.take();
        let stdout = watchdog.stdout.take();
        match Self::adopt(stdout.map(OwnedFd::from)).await {
            Ok((server, alive)) => Ok(Self {
                watchdog,
                parting,
                server,
                alive,
            }),
            Err(source) => {
                // End of file, without a line: the watchdog kills what it may have started.
                drop(parting);
                watchdog.wait().map_err(ServerError::io("wait for the server's end"))?;
                Err(ServerError::Io {
                    action: "read the server's pid",
                    source,
                })
            }
        }
    }

    async fn adopt(stdout: Option<OwnedFd>) -> io::Result<(Pid, pipe::Receiver)> {
        let stdout = stdout.ok_or(io::ErrorKind::BrokenPipe)?;
        let mut alive = BufReader::new(pipe::Receiver::from_owned_fd(stdout)?);
        let mut line = String::new();
        alive.read_line(&mut line).await?;
        let server = line
            .trim()
            .parse()
            .ok()
            .and_then(Pid::from_raw)
            .ok_or(io::ErrorKind::InvalidData)?;
        Ok((server, alive.into_inner()))
    }

    pub(super) fn pid(&self) -> u32 {
        self.server.as_raw_nonzero().get().unsigned_abs()
    }

    /// Whether the server has ended by itself.
    pub(super) fn has_ended(&self) -> bool {
        let mut ignored = [0; 512];
        loop {
            match self.alive.try_read(&mut ignored) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
            }
        }
    }

    /// Stops the server, and returns when the kernel has done so.
    pub(super) fn freeze(&self) -> Result<(), ServerError> {
        self.signal(Signal::STOP)?;
        // A signal to a process on another core takes a moment; until then the server might still answer.
        let deadline = Deadline::after(REAP_LIMIT);
        while self.state().is_some_and(|state| state != 'T') && deadline.remaining().is_some() {
            std::thread::yield_now();
        }
        Ok(())
    }

    pub(super) fn thaw(&self) -> Result<(), ServerError> {
        self.signal(Signal::CONT)
    }

    /// The letter after the parenthesised name in `/proc/<pid>/stat`; `None` where there is no such file.
    fn state(&self) -> Option<char> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).ok()?;
        stat.rsplit_once(") ")?.1.chars().next()
    }

    fn signal(&self, signal: Signal) -> Result<(), ServerError> {
        kill_process(self.server, signal).map_err(|errno| ServerError::Io {
            action: "signal the server",
            source: errno.into(),
        })
    }

    /// Kills the server, and returns when it is reaped: its port and files are free then.
    pub(super) async fn kill(mut self) -> Result<(), ServerError> {
        self.begin_kill();
        let deadline = Deadline::after(REAP_LIMIT);
        let mut backoff = Backoff::new();
        while self
            .watchdog
            .try_wait()
            .map_err(ServerError::io("wait for the server's end"))?
            .is_none()
        {
            if deadline.remaining().is_none() {
                return Err(ServerError::TimedOut(REAP_LIMIT));
            }
            backoff.pause(&deadline).await;
        }
        Ok(())
    }

    fn begin_kill(&mut self) {
        if let Some(mut parting) = self.parting.take() {
            // Failures mean that the server or its watchdog is already gone, which is what is wanted.
            drop(self.signal(Signal::CONT));
            drop(self.signal(Signal::KILL));
            drop(parting.write_all(b"end\n"));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.begin_kill();
        // Blocks for some milliseconds: whatever runs next in this process must find the port free.
        drop(self.watchdog.wait());
    }
}
