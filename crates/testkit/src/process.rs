//! A server process that never outlives the test.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Write},
    os::{
        fd::OwnedFd,
        unix::{fs::chown, process::CommandExt},
    },
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
///
/// A server's children end with it. A killed PostgreSQL leaves one shared segment behind, whose number is in `postmaster.pid`;
/// a machine has but 4096 of them.
const WATCHDOG: &str = r#"
program=$1; dir=$2; shift 2
trap : HUP INT TERM
"$program" "$@" </dev/null &
server=$!
echo "$server"
exec >&-
abandoned=
read -r parting || abandoned=yes
children=
segment=
{ read -r children <"/proc/$server/task/$server/children"; } 2>/dev/null
kill -s KILL "$server" $children 2>/dev/null
wait "$server"
[ ! -f "$dir/data/postmaster.pid" ] || segment=$(sed -n '7s/.* //p' "$dir/data/postmaster.pid")
[ -z "$segment" ] || ipcrm -m "$segment" 2>/dev/null
[ -z "$abandoned" ] || rm -rf -- "$dir" || { sleep 1; rm -rf -- "$dir"; }
"#;

/// Long enough for a busy machine; a healthy one takes a few milliseconds.
const REAP_LIMIT: Duration = Duration::from_secs(10);

/// Whom a program runs as, when the test runs as root and the program refuses to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl User {
    pub(crate) fn own(self, path: &Path) -> io::Result<()> {
        chown(path, Some(self.uid), Some(self.gid))
    }

    pub(crate) fn run(self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }
}

/// What to run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program<'a> {
    pub(crate) path: &'a Path,
    pub(crate) args: &'a [OsString],
    /// The server's own folder, which goes when the test is killed.
    pub(crate) dir: &'a Path,
    pub(crate) user: Option<User>,
}

/// A running server and its watchdog.
#[derive(Debug)]
pub(crate) struct Process {
    watchdog: Child,
    parting: Option<ChildStdin>,
    /// Stays a child of the watchdog, which waits for it only at the end: under dash the number cannot be reused before.
    server: Pid,
    alive: pipe::Receiver,
}

impl Process {
    /// Starts `program`, whose stderr goes to `log`.
    pub(crate) async fn spawn(program: &Program<'_>, log: &Path) -> Result<Self, ServerError> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(log)
            .map_err(ServerError::io("open the server's log"))?;
        let mut command = Command::new("/bin/sh");
        if let Some(user) = program.user {
            // Its own folder: it may not enter the test's.
            user.run(command.current_dir(program.dir));
        }
        let mut watchdog = command
            .args(["-c", WATCHDOG, "gatewayz-testkit"])
            .arg(program.path)
            .arg(program.dir)
            .args(program.args)
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

    pub(crate) fn pid(&self) -> u32 {
        self.server.as_raw_nonzero().get().unsigned_abs()
    }

    /// Whether the server has ended by itself.
    pub(crate) fn has_ended(&self) -> bool {
        let mut ignored = [0; 512];
        loop {
            match self.alive.try_read(&mut ignored) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
            }
        }
    }

    /// Stops the server and then its children, and returns when the kernel has done so.
    pub(crate) fn freeze(&self) -> Result<(), ServerError> {
        let deadline = Deadline::after(REAP_LIMIT);
        self.signal(Signal::STOP)?;
        // A signal to a process on another core takes a moment; until then the server might still answer.
        settled(self.server, "T");
        // The kernel may leave some out while others end: the list is whole when all that are in it stand still.
        loop {
            let mut running = self.children();
            running.retain(|&child| state(child).is_some_and(|state| !matches!(state, 'T' | 'Z' | 'X')));
            if running.is_empty() || deadline.remaining().is_none() {
                return Ok(());
            }
            for child in running {
                // One that is gone needs no signal.
                kill_process(child, Signal::STOP).ok();
                settled(child, "T");
            }
        }
    }

    pub(crate) fn thaw(&self) -> Result<(), ServerError> {
        for child in self.children() {
            kill_process(child, Signal::CONT).ok();
        }
        self.signal(Signal::CONT)
    }

    /// The server's children; none where the kernel does not say.
    fn children(&self) -> Vec<Pid> {
        let pid = self.pid();
        std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))
            .unwrap_or_default()
            .split_ascii_whitespace()
            .filter_map(|pid| Pid::from_raw(pid.parse().ok()?))
            .collect()
    }

    fn signal(&self, signal: Signal) -> Result<(), ServerError> {
        kill_process(self.server, signal).map_err(|errno| ServerError::Io {
            action: "signal the server",
            source: errno.into(),
        })
    }

    /// Kills the server, and returns when it is reaped: its port and files are free then.
    pub(crate) async fn kill(mut self) -> Result<(), ServerError> {
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
            let children = self.children();
            drop(self.signal(Signal::CONT));
            drop(self.signal(Signal::KILL));
            for &child in &children {
                kill_process(child, Signal::KILL).ok();
            }
            drop(parting.write_all(b"end\n"));
            for child in children {
                // Whatever runs next must find them gone from the server's files and memory.
                settled(child, "");
            }
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

/// Blocks until the process is in one of the states that are wanted, or has ended, reaped or not: some microseconds.
fn settled(pid: Pid, wanted: &str) {
    let deadline = Deadline::after(REAP_LIMIT);
    let is_settled = |state| wanted.contains(state) || matches!(state, 'Z' | 'X');
    while state(pid).is_some_and(|state| !is_settled(state)) && deadline.remaining().is_some() {
        std::thread::yield_now();
    }
}

/// The letter after the parenthesised name in `/proc/<pid>/stat`; `None` where there is no such file.
fn state(pid: Pid) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}
