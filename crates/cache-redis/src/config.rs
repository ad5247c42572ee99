//! How the tier reaches its server, and how long it waits. Nothing here reads the environment.

mod url;

use std::{fmt, path::PathBuf, time::Duration};

use thiserror::Error;

/// A text that no `Debug` shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A host and its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// A name or an address, without brackets.
    pub name: String,
    /// The TCP port.
    pub port: u16,
}

/// Which servers there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topology {
    /// One server over TCP.
    Single(Host),
    /// One server over a unix socket.
    Unix(PathBuf),
    /// A primary that sentinels know.
    Sentinel {
        /// The sentinels.
        nodes: Vec<Host>,
        /// The name by which they know the primary.
        service: String,
        /// The user that the sentinels themselves ask for.
        username: Option<String>,
        /// The password that the sentinels themselves ask for.
        password: Option<Secret>,
    },
    /// Redis Cluster, found through any of its nodes.
    Cluster(Vec<Host>),
}

/// Where the server is and who we are to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Which servers there are.
    pub topology: Topology,
    /// Whether connections are encrypted and the server's certificate is verified. Needs the feature `tls`.
    pub tls: bool,
    /// The ACL user.
    pub username: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// The database; always 0 in Cluster.
    pub database: u8,
}

/// The parts of an address, where there is no URL.
#[derive(Clone, Debug)]
pub struct EndpointParts {
    /// `REDIS_HOST`
    pub host: String,
    /// `REDIS_PORT`
    pub port: u16,
    /// `REDIS_DB`
    pub database: u8,
    /// `REDIS_PASSWORD`
    pub password: Option<Secret>,
}

impl Default for EndpointParts {
    fn default() -> Self {
        Self {
            host: "localhost".to_owned(),
            port: 6379,
            database: 0,
            password: None,
        }
    }
}

impl From<EndpointParts> for Endpoint {
    fn from(parts: EndpointParts) -> Self {
        Self {
            topology: Topology::Single(Host {
                name: parts.host,
                port: parts.port,
            }),
            tls: false,
            username: None,
            password: parts.password,
            database: parts.database,
        }
    }
}

/// The form in which values are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ValueFormat {
    /// One line of header, then the payload, compressed where it helps.
    #[default]
    Framed,
    /// The payload alone, as the earlier system wrote it, so that both can share one server. Coherent keyspaces then
    /// trust values of which nobody can say when and by which server they were stored: after a failover, an old one may
    /// come back until it expires.
    Plain,
}

/// When calls stop to be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerConfig {
    /// So many time-outs or broken connections in a row open it.
    pub failures: u32,
    /// How often the server is asked meanwhile whether it is back.
    pub probe_interval: Duration,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            failures: 2,
            probe_interval: Duration::from_millis(50),
        }
    }
}

/// The settings of a [`RedisTier`](crate::RedisTier).
///
/// The names in capitals are those of the environment variables that a program usually takes them from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RedisConfig {
    /// `REDIS_URL`, or `REDIS_HOST`, `REDIS_PORT`, `REDIS_DB` and `REDIS_PASSWORD`: see [`Endpoint`].
    pub endpoint: Endpoint,
    /// `REDIS_ENABLED`: whether there is a server at all. Without, every call says that the tier is unavailable, and
    /// the node counts as alone: it serves what it holds, and its invalidations are acknowledged at once.
    pub enabled: bool,
    /// `REDIS_MAX_CONNECTIONS`: an upper bound, for each server. Commands share connections here: four are used where
    /// it allows as many (commands, messages, large values, hints of writes from outside), and at least two.
    pub max_connections: u32,
    /// `REDIS_SOCKET_TIMEOUT`: how long the steps of a new connection may take once the socket is open.
    pub socket_timeout: Duration,
    /// `REDIS_SOCKET_CONNECT_TIMEOUT`: how long opening a socket may take, with TLS.
    pub connect_timeout: Duration,
    /// `REDIS_RETRY_ON_TIMEOUT`: whether an invalidation whose outcome is not known is tried again before it is
    /// deferred. Nothing else is ever tried twice: the source answers instead.
    pub retry_on_timeout: bool,
    /// How long a caller waits for one command.
    pub command_timeout: Duration,
    /// The same for values over 256 KiB, which have a connection of their own.
    pub bulk_timeout: Duration,
    /// The term of a node's lease: how long a dead node delays invalidations, and how soon a node that hears nothing
    /// stops to serve from memory. All nodes must have the same.
    pub lease_term: Duration,
    /// `CACHE_KEY_PREFIX`: what stands in front of every key and channel.
    pub key_prefix: String,
    /// `CACHE_VALUE_FORMAT`: how values are written.
    pub value_format: ValueFormat,
    /// `CACHE_COMPRESSION`: whether payloads over 4 KiB are compressed.
    pub compression: bool,
    /// The greatest payload that is read, compressed or not.
    pub largest_value: usize,
    /// How many names wait in the recovery journal; over it, whole keyspaces take their place.
    pub journal_bound: usize,
    /// How many commands wait for the connection; over it, calls are refused at once.
    pub max_queued: usize,
    /// How long an invalidation is tried before it is deferred. Three terms and a second where it is `None`.
    pub invalidation_deadline: Option<Duration>,
    /// When calls stop to be tried.
    pub breaker: BreakerConfig,
    /// Whether writes from outside (`redis-cli DEL key`) are looked out for.
    pub tracking: bool,
    /// The authority that the server's certificate must come from, in PEM. The system's where it is `None`.
    pub tls_ca_file: Option<PathBuf>,
}

impl RedisConfig {
    /// The default settings for a server.
    pub fn new(endpoint: impl Into<Endpoint>) -> Self {
        Self {
            endpoint: endpoint.into(),
            enabled: true,
            max_connections: 100,
            socket_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            retry_on_timeout: true,
            command_timeout: Duration::from_millis(250),
            bulk_timeout: Duration::from_secs(5),
            lease_term: Duration::from_secs(1),
            key_prefix: String::new(),
            value_format: ValueFormat::Framed,
            compression: true,
            largest_value: 256 << 20,
            journal_bound: 10_000,
            max_queued: 4096,
            invalidation_deadline: None,
            breaker: BreakerConfig::default(),
            tracking: true,
            tls_ca_file: None,
        }
    }

    /// The default settings for the server of a URL: see [`Endpoint::parse`].
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] says what is wrong with the URL, without quoting it.
    pub fn from_url(url: &str) -> Result<Self, InvalidConfig> {
        Endpoint::parse(url).map(Self::new)
    }

    pub(crate) fn deadline(&self) -> Duration {
        self.invalidation_deadline
            .unwrap_or(self.lease_term * 3 + Duration::from_secs(1))
    }

    pub(crate) fn check(&self) -> Result<(), InvalidConfig> {
        let err = |field, problem| Err(InvalidConfig { field, problem });
        if self.endpoint.tls && !cfg!(feature = "tls") {
            return err(
                "endpoint",
                "asks for TLS; build with the feature `tls`, or use `redis://`",
            );
        }
        if self.endpoint.tls && matches!(self.endpoint.topology, Topology::Unix(_)) {
            return err("endpoint", "asks for TLS on a unix socket; use `unix://`");
        }
        match &self.endpoint.topology {
            Topology::Sentinel { nodes, .. } | Topology::Cluster(nodes) if nodes.is_empty() => {
                return err("endpoint", "names no node; name at least one");
            }
            Topology::Cluster(_) if self.endpoint.database != 0 => {
                return err("endpoint.database", "must be 0 in Cluster");
            }
            _ => {}
        }
        if self.max_connections < 2 {
            return err(
                "max_connections",
                "must be at least 2: commands and messages cannot share one",
            );
        }
        for (field, value) in [
            ("socket_timeout", self.socket_timeout),
            ("connect_timeout", self.connect_timeout),
            ("command_timeout", self.command_timeout),
            ("bulk_timeout", self.bulk_timeout),
            ("breaker.probe_interval", self.breaker.probe_interval),
        ] {
            if value < Duration::from_millis(1) {
                return err(field, "must be at least 1 ms: everything that waits has an end");
            }
        }
        if self.lease_term < Duration::from_millis(100) || self.lease_term > Duration::from_secs(60) {
            return err("lease_term", "must be between 100 ms and 60 s");
        }
        if self
            .key_prefix
            .chars()
            .any(|c| c == '{' || c == '}' || c == ' ' || c.is_control())
        {
            return err("key_prefix", "must not have `{`, `}`, spaces or control characters");
        }
        if self.journal_bound == 0 {
            return err("journal_bound", "must be at least 1");
        }
        if self.max_queued == 0 {
            return err("max_queued", "must be at least 1: everything that queues has a bound");
        }
        if self.breaker.failures == 0 {
            return err("breaker.failures", "must be at least 1");
        }
        if self.largest_value == 0 {
            return err("largest_value", "must be at least 1");
        }
        Ok(())
    }
}

/// A setting that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("redis setting `{field}` {problem}")]
pub struct InvalidConfig {
    field: &'static str,
    problem: &'static str,
}

impl InvalidConfig {
    pub(crate) const fn new(field: &'static str, problem: &'static str) -> Self {
        Self { field, problem }
    }

    /// The field of [`RedisConfig`] to change.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        self.field
    }
}

#[cfg(test)]
mod tests;
