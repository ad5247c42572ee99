//! The gateway under measurement: its own program, on a copy of the filled store.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::client::{self, Answer};
use super::load::with_files;
use super::server::{Scratch, Server};
use crate::report::Failure;

pub(crate) const HEALTH: &str = "/health";
pub(crate) const READY: &str = "/health/ready";
/// How many models the store has.
pub(crate) const MODELS: u64 = 12_543;
const STATS: &str = "/cache/stats";
const REFRESH: &str = "/cache/refresh?gateway=all";

/// How gateways are started.
#[derive(Debug)]
pub(crate) struct Launcher {
    program: PathBuf,
    /// The store that every gateway gets a copy of.
    store: PathBuf,
    key: String,
}

/// What one of them has beyond the others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extras {
    pub(crate) redis: Option<String>,
    /// Whether it may have tens of thousands of connections.
    pub(crate) many_files: bool,
}

/// A gateway with a store of its own.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) server: Server,
    authorization: String,
}

impl Launcher {
    /// # Errors
    ///
    /// Returns a failure when there are no random numbers for a key.
    pub(crate) fn new(program: PathBuf, store: PathBuf) -> Result<Self, Failure> {
        let mut bytes = [0; 16];
        std::fs::File::open("/dev/urandom")
            .and_then(|mut source| source.read_exact(&mut bytes))
            .map_err(|error| Failure::new(format!("/dev/urandom: {error}")))?;
        let key = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { program, store, key })
    }

    /// Starts a gateway and waits until it is ready.
    ///
    /// # Errors
    ///
    /// Returns a failure when it does not become ready.
    pub(crate) fn start(&self, scratch: &Scratch, extras: &Extras) -> Result<Gateway, Failure> {
        let store = self.copy_store(scratch.path())?;
        let server = Server::start("gateway", scratch.path(), READY, |address| {
            Ok(self.command(address, &store, extras))
        })?;
        let gateway = Gateway {
            server,
            authorization: format!("Bearer {}", self.key),
        };
        gateway.check_catalogue()?;
        Ok(gateway)
    }

    /// Starts a gateway on a store, and waits for nothing.
    ///
    /// # Errors
    ///
    /// Returns a failure when it cannot be started.
    pub(crate) fn spawn(&self, folder: &Path, store: &Path) -> Result<Server, Failure> {
        Server::spawn("gateway", folder, |address| {
            Ok(self.command(address, store, &Extras::default()))
        })
    }

    /// Copies the store into the folder, and returns where it is.
    ///
    /// # Errors
    ///
    /// Returns a failure when it cannot be copied.
    pub(crate) fn copy_store(&self, folder: &Path) -> Result<PathBuf, Failure> {
        let copy = folder.join("gateway.db");
        for suffix in ["", "-wal", "-shm"] {
            let with = |path: &Path| PathBuf::from(format!("{}{suffix}", path.display()));
            let (from, to) = (with(&self.store), with(&copy));
            std::fs::remove_file(&to).ok();
            if from.exists() {
                std::fs::copy(&from, &to)
                    .map_err(|error| Failure::new(format!("{} cannot be copied: {error}", from.display())))?;
            }
        }
        Ok(copy)
    }

    fn command(&self, address: SocketAddr, store: &Path, extras: &Extras) -> Command {
        let mut command = Command::new(&self.program);
        // Nothing of the caller's environment: no key of a provider, no other database.
        command
            .arg("serve")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("GATEWAYZ_LISTEN", address.to_string())
            .env("GATEWAYZ_LOG", "warn")
            .env("GATEWAYZ_SEED", "false")
            .env("ENABLE_SCHEDULED_MODEL_SYNC", "false")
            .env("ADMIN_API_KEY", &self.key)
            .env("DATABASE_URL", format!("sqlite://{}", store.display()));
        if let Some(url) = &extras.redis {
            command.env("REDIS_URL", url);
        }
        if extras.many_files {
            // The environment is inherited through the shell, which has only this one then.
            let mut shell = with_files(&command);
            shell.env_clear().envs(
                command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))),
            );
            return shell;
        }
        command
    }
}

impl Gateway {
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// Asks for a path, and takes nothing but a 200.
    ///
    /// # Errors
    ///
    /// Returns a failure when it is answered with anything else, or not at all.
    pub(crate) fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Answer, Failure> {
        let answer = client::get(self.address(), path, headers)
            .map_err(|error| Failure::new(format!("{path}: {error}; {}", self.server.log())))?;
        match answer.status {
            200 => Ok(answer),
            status => Err(Failure::new(format!("{path} is answered with {status}"))),
        }
    }

    /// An empty list is answered fast, and measures nothing.
    fn check_catalogue(&self) -> Result<(), Failure> {
        let answer = self.get("/v1/models?gateway=all&limit=1", &[])?;
        let json: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
        let total = json.as_ref().and_then(|json| json.get("total")?.as_u64());
        if total == Some(MODELS) {
            Ok(())
        } else {
            let total = total.map_or_else(|| "no number of".to_owned(), |total| total.to_string());
            Err(Failure::new(format!(
                "the gateway has {total} models, the store {MODELS}"
            )))
        }
    }

    /// Has the whole catalogue read again.
    ///
    /// # Errors
    ///
    /// Returns a failure when the gateway does not do it.
    pub(crate) fn refresh(&self) -> Result<(), Failure> {
        let headers = [("authorization", self.authorization.as_str())];
        let answer = client::ask(self.address(), "POST", REFRESH, &headers)
            .map_err(|error| Failure::new(format!("{REFRESH}: {error}")))?;
        if answer.status == 200 {
            Ok(())
        } else {
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            Err(Failure::new(format!(
                "{REFRESH} is answered with {}: {body}",
                answer.status
            )))
        }
    }

    /// Returns whether the gateway says that it has its Redis.
    ///
    /// # Errors
    ///
    /// Returns a failure when it does not say.
    pub(crate) fn has_redis(&self) -> Result<bool, Failure> {
        let answer = self.get(STATS, &[("authorization", self.authorization.as_str())])?;
        let json: serde_json::Value = serde_json::from_slice(&answer.body)
            .map_err(|error| Failure::new(format!("{STATS} is no JSON: {error}")))?;
        json.get("redis_available")
            .and_then(serde_json::Value::as_bool)
            .ok_or_else(|| Failure::new(format!("{STATS} has no redis_available")))
    }
}
