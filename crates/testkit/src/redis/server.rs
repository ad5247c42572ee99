//! One private server.

use std::{
    ffi::OsString,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tempfile::TempDir;

use super::{
    SERVICE,
    resp::{Connection, Reply, Target, encode},
    tls::Tls,
};
use crate::{
    error::ServerError,
    ports::{Also, free_port, loopback},
    process::{Process, Program},
    program,
    real_time::{Backoff, Deadline},
};

/// For a start on a busy machine; an idle one takes 20 ms.
const START_LIMIT: Duration = Duration::from_secs(20);
/// For one look whether it answers: someone silent may have taken the port, and the server have ended.
const LOOK_LIMIT: Duration = Duration::from_millis(500);
/// For one command of a test.
const COMMAND_LIMIT: Duration = Duration::from_secs(5);
/// Ports are tried this often when other processes are faster.
const PORT_ATTEMPTS: usize = 8;
/// How many sentinels must agree that the primary is down.
const QUORUM: u8 = 2;
/// What a restart removes: a replica leaves its last synchronisation on disk, and would load it.
const DATA: [&str; 3] = ["dump.rdb", "appendonly.aof", "appendonlydir"];

/// What the process is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Role {
    /// A server of its own, a primary or a replica.
    Server,
    /// A node of a cluster.
    ClusterNode,
    /// A sentinel that watches `primary`, which is down when it is silent for `down_after`.
    Sentinel { primary: SocketAddr, down_after: Duration },
}

/// How a [`RedisServer`] is started.
#[derive(Clone, Debug)]
pub struct RedisServerBuilder {
    args: Vec<String>,
    password: Option<String>,
    program: Option<PathBuf>,
    role: Role,
    tls: Option<Tls>,
}

impl RedisServerBuilder {
    pub(super) const fn new(role: Role) -> Self {
        Self {
            args: Vec::new(),
            password: None,
            program: None,
            role,
            tls: None,
        }
    }

    /// Sets `name` of the server's configuration, as in `redis.conf`; it wins over what the testkit sets.
    #[must_use]
    pub fn arg(mut self, name: &str, value: &str) -> Self {
        self.args.extend([format!("--{name}"), value.to_owned()]);
        self
    }

    /// Asks every client for `password`, which goes into the URL as it is: use letters and digits.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Runs this program instead of the one found.
    #[must_use]
    pub fn program(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = Some(program.into());
        self
    }

    /// Serves TLS alone on the TCP port; the unix socket stays plain. Clients need no certificate.
    ///
    /// # Errors
    ///
    /// Returns [`ServerError::Io`] when one of the files cannot be read.
    pub fn tls(mut self, tls: Tls) -> Result<Self, ServerError> {
        for file in [&tls.ca, &tls.cert, &tls.key] {
            std::fs::File::open(file).map_err(ServerError::io("read the certificate"))?;
        }
        self.tls = Some(tls);
        Ok(self)
    }

    /// Starts the server, and returns when it has answered `PING`.
    ///
    /// # Errors
    ///
    /// Returns [`ServerError::NotFound`] when no server is installed, [`ServerError::Exited`] when it does not like its
    /// arguments, and others when the machine is out of ports, files or time.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future kills and reaps what was started.
    pub async fn start(self) -> Result<RedisServer, ServerError> {
        let program = self.program.clone().map_or_else(program::server, Ok)?;
        let also = match self.role {
            Role::Server | Role::Sentinel { .. } => Also::Nothing,
            Role::ClusterNode => Also::ClusterBus,
        };
        let mut attempt = 1;
        loop {
            let dir = tempfile::Builder::new()
                .prefix("gatewayz-redis-")
                .tempdir()
                .map_err(ServerError::io("make a temporary folder"))?;
            let port = free_port(also).ok_or(ServerError::PortTaken { log: String::new() })?;
            let place = Place {
                program: program.clone(),
                port,
                socket: dir.path().join("redis.sock"),
                dir,
            };
            match place.launch(&self).await {
                Ok(process) => {
                    let last_pid = process.pid();
                    let state = Mutex::new(State {
                        process: Some(process),
                        last_pid,
                    });
                    return Ok(RedisServer {
                        state,
                        settings: self,
                        place,
                    });
                }
                Err(ServerError::PortTaken { .. }) if attempt < PORT_ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// The arguments for the server at `place`; the caller's come last and win.
    fn all_args(&self, place: &Place) -> Vec<OsString> {
        let port = place.port.to_string();
        let mut args: Vec<OsString> = Vec::new();
        let mut set = |name: &str, value: &dyn AsRef<std::ffi::OsStr>| {
            args.extend([format!("--{name}").into(), value.as_ref().to_owned()])
        };
        set("bind", &"127.0.0.1");
        set("dir", &place.dir.path());
        set("logfile", &place.log());
        set("unixsocket", &place.socket);
        set("protected-mode", &"no");
        set("daemonize", &"no");
        set("save", &"");
        set("appendonly", &"no");
        // A new replica is served at once, not after five seconds in which others might come.
        set("repl-diskless-sync-delay", &"0");
        if let Some(tls) = &self.tls {
            set("port", &"0");
            set("tls-port", &port);
            set("tls-cert-file", &tls.cert);
            set("tls-key-file", &tls.key);
            set("tls-ca-cert-file", &tls.ca);
            set("tls-auth-clients", &"no");
        } else {
            set("port", &port);
        }
        if let Some(password) = &self.password {
            set("requirepass", password);
            set("masterauth", password);
        }
        if self.role == Role::ClusterNode {
            set("cluster-enabled", &"yes");
            set("cluster-config-file", &"nodes.conf");
        }
        args.extend(self.args.iter().map(OsString::from));
        args
    }

    /// The configuration file of a sentinel on `port`, which it writes its state into; its arguments are that file.
    fn write_sentinel(
        &self,
        place: &Place,
        primary: SocketAddr,
        down_after: Duration,
    ) -> Result<Vec<OsString>, ServerError> {
        let file = place.dir.path().join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\nprotected-mode no\ndaemonize no\ndir {dir}\nlogfile {log}\nunixsocket {socket}\n\
             sentinel monitor {SERVICE} {ip} {primary_port} {QUORUM}\n\
             sentinel down-after-milliseconds {SERVICE} {down_after}\n\
             sentinel failover-timeout {SERVICE} 2000\n\
             sentinel parallel-syncs {SERVICE} 1\n",
            port = place.port,
            dir = place.dir.path().display(),
            log = place.log().display(),
            socket = place.socket.display(),
            down_after = down_after.as_millis(),
            ip = primary.ip(),
            primary_port = primary.port(),
        );
        std::fs::write(&file, text).map_err(ServerError::io("write the sentinel's configuration"))?;
        Ok([file.into(), "--sentinel".into()]
            .into_iter()
            .chain(self.args.iter().map(OsString::from))
            .collect())
    }

    /// The way in for the testkit's own commands: the unix socket where TCP speaks TLS.
    fn target(&self, place: &Place) -> Target {
        if self.tls.is_some() {
            Target::unix(&place.socket)
        } else {
            Target::Tcp(loopback(place.port))
        }
    }
}

/// Where a server lives, over all its restarts.
#[derive(Debug)]
struct Place {
    program: PathBuf,
    port: u16,
    socket: PathBuf,
    dir: TempDir,
}

impl Place {
    fn log(&self) -> PathBuf {
        self.dir.path().join("redis.log")
    }

    fn log_end(&self) -> String {
        let log = std::fs::read(self.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        lines
            .get(lines.len().saturating_sub(20)..)
            .unwrap_or_default()
            .join("\n")
    }

    /// Starts the process and waits until it answers.
    async fn launch(&self, settings: &RedisServerBuilder) -> Result<Process, ServerError> {
        let args = match settings.role {
            Role::Server | Role::ClusterNode => settings.all_args(self),
            Role::Sentinel { primary, down_after } => settings.write_sentinel(self, primary, down_after)?,
        };
        let program = Program {
            path: &self.program,
            args: &args,
            dir: self.dir.path(),
            user: None,
        };
        let process = Process::spawn(&program, &self.log()).await?;
        let target = settings.target(self);
        let deadline = Deadline::after(START_LIMIT);
        let mut backoff = Backoff::new();
        while let Some(left) = deadline.remaining() {
            let answered = tokio::time::timeout(
                left.min(LOOK_LIMIT),
                answering_pid(&target, settings.password.as_deref()),
            )
            .await;
            if let Ok(Ok(pid)) = answered
                && pid == process.pid()
            {
                return Ok(process);
            }
            if process.has_ended() {
                let log = self.log_end();
                let taken = log.contains("Address already in use");
                return Err(if taken {
                    ServerError::PortTaken { log }
                } else {
                    ServerError::Exited { log }
                });
            }
            backoff.pause(&deadline).await;
        }
        Err(ServerError::NotReady {
            what: "the server does not answer PING",
            waited: START_LIMIT,
            log: self.log_end(),
        })
    }

    fn wipe(&self) -> Result<(), ServerError> {
        for name in DATA {
            let path = self.dir.path().join(name);
            let removed = if path.is_dir() {
                std::fs::remove_dir_all(&path)
            } else {
                std::fs::remove_file(&path)
            };
            match removed {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(ServerError::Io {
                        action: "remove the server's data",
                        source: error,
                    });
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}

/// Returns the pid of whoever answers `PING` there: another test's server may have taken the port.
async fn answering_pid(target: &Target, password: Option<&str>) -> Result<u32, ServerError> {
    let mut connection = Connection::open(target, password).await?;
    if connection.call(&["PING"]).await? != Reply::text("PONG") {
        return Err(ServerError::Protocol("no PONG"));
    }
    let info = connection.call(&["INFO", "server"]).await?;
    let info = info.as_text().unwrap_or_default();
    info_field(&info, "process_id")
        .and_then(|pid| pid.parse().ok())
        .ok_or(ServerError::Protocol("no process_id"))
}

/// Returns a field of what `INFO` or `CLUSTER INFO` answers.
fn info_field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}

#[derive(Debug)]
struct State {
    process: Option<Process>,
    last_pid: u32,
}

/// A `redis-server` (or `valkey-server`) of the test's own, on loopback, that keeps nothing on disk.
///
/// Dropping it kills and reaps the process and removes its folder. If the test process itself is killed, a watchdog does the
/// same. All methods take `&self`, so several tasks can share it.
#[derive(Debug)]
pub struct RedisServer {
    // Dropped before the folder that the process uses.
    state: Mutex<State>,
    settings: RedisServerBuilder,
    place: Place,
}

impl RedisServer {
    /// Starts a server with the testkit's settings. See [`RedisServerBuilder::start`].
    ///
    /// # Errors
    ///
    /// As [`RedisServerBuilder::start`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future kills and reaps what was started.
    pub async fn start() -> Result<Self, ServerError> {
        Self::builder().start().await
    }

    /// Returns a builder for a server with settings of its own.
    #[must_use]
    pub const fn builder() -> RedisServerBuilder {
        RedisServerBuilder::new(Role::Server)
    }

    /// Returns the TCP address, the same over restarts.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        loopback(self.place.port)
    }

    /// Returns `redis://host:port`, or `rediss://` under TLS, with the password if there is one.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_at(self.addr())
    }

    /// Returns [`url`](Self::url) with another address, for instance that of a proxy before this server.
    #[must_use]
    pub fn url_at(&self, addr: SocketAddr) -> String {
        let scheme = if self.settings.tls.is_some() { "rediss" } else { "redis" };
        self.settings.password.as_ref().map_or_else(
            || format!("{scheme}://{addr}"),
            |password| format!("{scheme}://:{password}@{addr}"),
        )
    }

    /// Returns the unix socket, which is plain also under TLS.
    #[must_use]
    pub fn unix_socket(&self) -> &Path {
        &self.place.socket
    }

    /// Returns the pid of the server started last.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.state().last_pid
    }

    /// Returns the end of the server's log, for messages.
    #[must_use]
    pub fn log_end(&self) -> String {
        self.place.log_end()
    }

    /// Stops the process (`SIGSTOP`): connections stay, nothing is answered. On return it has stopped.
    ///
    /// # Errors
    ///
    /// Returns [`ServerError::NotRunning`] after [`kill`](Self::kill).
    pub fn freeze(&self) -> Result<(), ServerError> {
        self.state().process.as_ref().ok_or(ServerError::NotRunning)?.freeze()
    }

    /// Lets the process go on (`SIGCONT`).
    ///
    /// # Errors
    ///
    /// Returns [`ServerError::NotRunning`] after [`kill`](Self::kill).
    pub fn thaw(&self) -> Result<(), ServerError> {
        self.state().process.as_ref().ok_or(ServerError::NotRunning)?.thaw()
    }

    /// Kills the process (`SIGKILL`), and returns when it is reaped. Killing twice is fine.
    ///
    /// # Errors
    ///
    /// Returns [`ServerError::TimedOut`] when the kernel does not end the process in ten seconds.
    ///
    /// # Cancel safety
    ///
    /// The process is killed and reaped also when the future is dropped after the first poll.
    pub async fn kill(&self) -> Result<(), ServerError> {
        let process = self.state().process.take();
        match process {
            Some(process) => process.kill().await,
            None => Ok(()),
        }
    }

    /// Kills the process if it runs, and starts an empty one on the same port and in the same folder.
    ///
    /// # Errors
    ///
    /// As [`RedisServerBuilder::start`]; [`ServerError::PortTaken`] means that another process took the port meanwhile.
    ///
    /// # Cancel safety
    ///
    /// After a drop the server does not run; call it again.
    pub async fn restart_empty(&self) -> Result<(), ServerError> {
        self.kill().await?;
        self.place.wipe()?;
        let process = self.place.launch(&self.settings).await?;
        let mut state = self.state();
        state.last_pid = process.pid();
        let raced = state.process.replace(process);
        drop(state);
        drop(raced);
        Ok(())
    }

    /// Runs one command over a connection of its own, within five seconds.
    ///
    /// # Errors
    ///
    /// Returns [`ServerError::TimedOut`] when the server is frozen and [`ServerError::Io`] when it is gone. A command that the
    /// server refuses is no error, but [`Reply::Error`].
    ///
    /// # Cancel safety
    ///
    /// A dropped command may or may not have been carried out.
    pub async fn command<A: AsRef<[u8]> + Sync>(&self, args: &[A]) -> Result<Reply, ServerError> {
        self.command_within(COMMAND_LIMIT, args).await
    }

    /// Runs one command over a connection of its own, within `limit`.
    ///
    /// # Errors
    ///
    /// As [`command`](Self::command).
    ///
    /// # Cancel safety
    ///
    /// A dropped command may or may not have been carried out.
    pub async fn command_within<A: AsRef<[u8]> + Sync>(
        &self,
        limit: Duration,
        args: &[A],
    ) -> Result<Reply, ServerError> {
        let request = encode(args);
        let answer = async {
            let mut connection = self.connect().await?;
            connection.send(&request).await?;
            connection.receive().await
        };
        tokio::time::timeout(limit, answer)
            .await
            .unwrap_or(Err(ServerError::TimedOut(limit)))
    }

    /// Returns the keys of database 0 that never expire, sorted.
    ///
    /// # Errors
    ///
    /// As [`command`](Self::command).
    ///
    /// # Cancel safety
    ///
    /// It only reads.
    pub async fn keys_without_expiry(&self) -> Result<Vec<String>, ServerError> {
        let scan = async {
            let mut connection = self.connect().await?;
            let mut found = Vec::new();
            let mut cursor = b"0".to_vec();
            loop {
                let page = connection
                    .call(&[b"SCAN".as_slice(), &cursor, b"COUNT", b"1000"])
                    .await?;
                let Some([Reply::Text(next), Reply::Array(keys)]) = page.as_array() else {
                    return Err(ServerError::Unexpected {
                        command: "SCAN".to_owned(),
                        answer: format!("{page:?}"),
                    });
                };
                for key in keys {
                    if let Reply::Text(key) = key
                        && connection.call(&[b"PTTL".as_slice(), key]).await? == Reply::Int(-1)
                    {
                        found.push(String::from_utf8_lossy(key).into_owned());
                    }
                }
                if next == b"0" {
                    break;
                }
                cursor.clone_from(next);
            }
            // A scan may give a key twice.
            found.sort_unstable();
            found.dedup();
            Ok(found)
        };
        tokio::time::timeout(COMMAND_LIMIT, scan)
            .await
            .unwrap_or(Err(ServerError::TimedOut(COMMAND_LIMIT)))
    }

    /// Runs a command of the testkit's own, which must not be refused.
    pub(super) async fn order<A: AsRef<[u8]> + Sync>(&self, args: &[A]) -> Result<Reply, ServerError> {
        match self.command(args).await? {
            Reply::Error(answer) => {
                let words: Vec<_> = args.iter().map(|arg| String::from_utf8_lossy(arg.as_ref())).collect();
                Err(ServerError::Unexpected {
                    command: words.join(" "),
                    answer,
                })
            }
            reply => Ok(reply),
        }
    }

    /// Returns what `INFO` or `CLUSTER INFO` says in `field`, and the empty string when it does not say it.
    pub(super) async fn info(&self, command: [&str; 2], field: &str) -> Result<String, ServerError> {
        let info = self.order(&command).await?;
        Ok(info_field(&info.as_text().unwrap_or_default(), field)
            .unwrap_or_default()
            .to_owned())
    }

    async fn connect(&self) -> Result<Connection, ServerError> {
        Connection::open(&self.settings.target(&self.place), self.settings.password.as_deref()).await
    }

    /// Nothing can panic while it is held, so a poisoned lock is as good as any.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
