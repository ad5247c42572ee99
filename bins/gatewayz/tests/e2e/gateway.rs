//! A gateway of the test's own: the real binary in a folder and an environment of its own.

use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gatewayz_providers::Registry;
use gatewayz_testkit::{Postgres, RedisServer, eventually};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::client::{Client, Response};

/// The key of administrators of every gateway that is not told another.
pub(crate) const KEY: &str = "e2e-administrators-key-0123456789";

/// For a start on a busy machine.
const START: Duration = Duration::from_secs(60);
/// For what takes no time on an idle machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Takes all file descriptors that it may have, so that ten thousand connections fit.
const LAUNCH: &str = r#"ulimit -n "$(ulimit -Hn)"; exec "$0" "$@""#;
/// Kills the gateway when the test is gone without having done so.
const WATCHDOG: &str = r#"read -r _; kill -s KILL "$0""#;

/// How a gateway is started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    file: String,
    environment: Vec<(String, String)>,
    waits: bool,
}

impl Settings {
    /// Nothing but a free port, a log that programs read, a key, and no provider that is asked by itself.
    pub(crate) fn new() -> Self {
        Self {
            file: String::new(),
            environment: Vec::new(),
            waits: true,
        }
        .env("GATEWAYZ_LISTEN", "127.0.0.1:0")
        .env("GATEWAYZ_LOG_FORMAT", "json")
        .env("ADMIN_API_KEY", KEY)
        .env("ENABLE_SCHEDULED_MODEL_SYNC", "false")
    }

    /// Adds to the configuration file.
    pub(crate) fn file(mut self, text: &str) -> Self {
        self.file.push_str(text);
        self.file.push('\n');
        self
    }

    /// Sets a variable.
    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Leaves a variable out.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self
    }

    pub(crate) fn database(self, url: impl Into<String>) -> Self {
        self.env("DATABASE_URL", url)
    }

    pub(crate) fn redis(self, redis: &RedisServer) -> Self {
        self.env("REDIS_URL", redis.url())
    }

    /// Returns from the start as soon as the gateway listens.
    pub(crate) fn unready(mut self) -> Self {
        self.waits = false;
        self
    }
}

/// The lines of a log.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_down(&self, from: ChildStderr) {
        let log = self.clone();
        // Ends with the process that writes.
        std::thread::spawn(move || {
            for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
                log.lines().push(String::from_utf8_lossy(&line).into_owned());
            }
        });
    }
}

/// What became of a gateway that did not start.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: ExitStatus,
    pub(crate) log: String,
}

/// A gateway that runs; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) addr: SocketAddr,
    process: Child,
    watchdog: Child,
    log: Log,
    pub(crate) folder: TempDir,
}

impl Gateway {
    /// Starts one, and returns when it is ready.
    pub(crate) async fn start(settings: Settings) -> Self {
        match Self::try_start(&settings).await {
            Ok(gateway) => gateway,
            Err(refused) => panic!("the gateway ended with {}:\n{}", refused.status, refused.log),
        }
    }

    /// The same, where it may end instead.
    pub(crate) async fn try_start(settings: &Settings) -> Result<Self, Refused> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("gatewayz.toml"), &settings.file).unwrap();
        let mut process = Command::new("/bin/sh")
            .args(["-c", LAUNCH, env!("CARGO_BIN_EXE_gatewayz"), "serve"])
            .current_dir(folder.path())
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .envs(settings.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let watchdog = Command::new("/bin/sh")
            .args(["-c", WATCHDOG, &process.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let log = Log::default();
        log.take_down(process.stderr.take().unwrap());
        let mut gateway = Self {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            process,
            watchdog,
            log,
            folder,
        };
        let mut ended = None;
        let listens = eventually(START, || {
            ended = gateway.process.try_wait().unwrap();
            let listening = gateway.log.lines().iter().find_map(|line| listening(line));
            if let Some(addr) = listening {
                gateway.addr = SocketAddr::from(([127, 0, 0, 1], addr.port()));
            }
            let is_over = listening.is_some() || ended.is_some();
            async move { is_over }
        });
        listens.await.unwrap();
        if let Some(status) = ended {
            // What it said last may still be on its way.
            let said = async || !gateway.log.lines().is_empty();
            eventually(Duration::from_secs(2), said).await.ok();
            return Err(Refused {
                status,
                log: gateway.log(),
            });
        }
        if settings.waits {
            gateway.ready().await;
        }
        Ok(gateway)
    }

    /// Waits until it says that it is ready.
    pub(crate) async fn ready(&self) {
        let is_ready = async || {
            let answer = self.try_get("/health/ready").await;
            answer.is_ok_and(|answer| answer.status == 200)
        };
        eventually(START, is_ready).await.unwrap();
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The log so far.
    pub(crate) fn log(&self) -> String {
        self.log.lines().join("\n")
    }

    /// Waits for a line of the log with all of these words.
    pub(crate) async fn logs(&self, words: &[&str]) {
        let said = async || {
            let lines = self.log.lines();
            lines.iter().any(|line| words.iter().all(|word| line.contains(word)))
        };
        eventually(SOON, said).await.unwrap();
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.addr).await.unwrap()
    }

    /// A request on a connection of its own.
    pub(crate) async fn get(&self, path: &str) -> Response {
        self.try_get(path).await.unwrap()
    }

    pub(crate) async fn try_get(&self, path: &str) -> std::io::Result<Response> {
        Client::connect(self.addr).await?.get(path).await
    }

    /// A request of an administrator.
    pub(crate) async fn admin(&self, method: &str, path: &str) -> Response {
        let key = format!("Bearer {KEY}");
        let headers = [("authorization", key.as_str()), ("content-length", "0")];
        let headers = if method == "GET" { &headers[..1] } else { &headers[..] };
        self.connect().await.send(method, path, headers).await.unwrap()
    }

    /// The sum of all series of a metric whose labels have these words.
    pub(crate) async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        metric(&self.get("/metrics").await.text(), name, labels)
    }

    /// How often the whole catalogue was read from the store.
    pub(crate) async fn fills(&self) -> f64 {
        let labels = ["cache=\"models:catalog:full\"", "outcome=\"fill\""];
        self.metric("cache_lookups_total", &labels).await
    }

    /// Whether Redis answers it.
    pub(crate) async fn redis_is_up(&self) -> bool {
        self.metric("redis_up", &[]).await > 0.0
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(&mut self, limit: Duration) -> ExitStatus {
        let mut status = None;
        let over = eventually(limit, || {
            status = self.process.try_wait().unwrap();
            let is_over = status.is_some();
            async move { is_over }
        });
        over.await.unwrap();
        status.unwrap()
    }

    /// The kibibytes of memory that it has.
    pub(crate) fn rss_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // The watchdog first: its number must mean nobody else.
        self.watchdog.kill().ok();
        self.watchdog.wait().ok();
        self.process.kill().ok();
        self.process.wait().ok();
        if std::thread::panicking() {
            let lines = self.log.lines();
            let mut text = String::new();
            for line in lines.iter().rev().take(200).rev() {
                // Writing into a string never fails.
                writeln!(text, "{line}").ok();
            }
            eprintln!("--- log of the gateway on {} ---\n{text}---", self.addr);
        }
    }
}

fn listening(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    let message = line.get("message")?.as_str()?;
    if !message.starts_with("listening on") {
        return None;
    }
    line.get("address")?.as_str()?.parse().ok()
}

/// The sum of all series of a metric whose labels have these words.
pub(crate) fn metric(text: &str, name: &str, labels: &[&str]) -> f64 {
    let of_name = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
    text.lines()
        .filter(of_name)
        .filter(|line| labels.iter().all(|label| line.contains(label)))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum()
}

/// A database, and what is in it seen from outside.
#[derive(Debug)]
pub(crate) enum Database<'a> {
    /// The file of a gateway.
    Sqlite(&'a Gateway),
    /// A database of a server, by its name.
    Postgres(&'a Postgres, &'a str),
}

impl Database<'_> {
    /// Runs statements, as another program would.
    pub(crate) async fn run(&self, sql: &str) {
        match self {
            Self::Sqlite(gateway) => {
                let file = rusqlite::Connection::open(gateway.path().join("gatewayz.db")).unwrap();
                file.busy_timeout(Duration::from_secs(10)).unwrap();
                file.execute_batch(sql).unwrap();
            }
            Self::Postgres(server, database) => {
                server.query_in(database, SOON, sql).await.unwrap();
            }
        }
    }

    /// Hides rows, or shows them again.
    pub(crate) async fn hide(&self, condition: &str, hidden: bool) {
        let (active, removed) = match (self, hidden) {
            (Self::Sqlite(_), true) => ("0", "1735689600000"),
            (Self::Sqlite(_), false) => ("1", "NULL"),
            (Self::Postgres(..), true) => ("false", "now()"),
            (Self::Postgres(..), false) => ("true", "NULL"),
        };
        let sql = format!("UPDATE models SET is_active = {active}, removed_at = {removed} WHERE {condition}");
        self.run(&sql).await;
    }
}

/// A configuration in which these providers alone are asked, all of them there.
pub(crate) fn only(slugs: &[&str], url: &str) -> String {
    let mut text = String::new();
    for provider in Registry::builtin().unwrap().directory().iter() {
        let slug = provider.slug.as_str();
        // Writing into a string never fails.
        if slugs.contains(&slug) {
            writeln!(
                text,
                "[providers.{slug}]\nactive = true\nallow_private = true\nlist = {{ url = \"{url}\", auth = \"none\" }}"
            )
            .ok();
        } else {
            writeln!(text, "[providers.{slug}]\nenabled = false").ok();
        }
    }
    text
}
