//! What the gateway is told: one file, the environment over it, flags over both.
//!
//! Every value has its unit in its type. Nothing below the binary reads the environment.

mod adapters;
mod changes;
mod checks;
mod entry;
mod error;
mod load;
mod origin;
mod providers;
mod reference;
mod schema;
mod show;
mod sources;
mod table;
mod value;
mod values;

use std::{collections::BTreeMap, fmt, net::SocketAddr, num::NonZeroUsize, path::PathBuf, sync::Arc, time::Duration};

use gatewayz_cache_redis::RedisConfig;
use gatewayz_catalog::Slug;
use gatewayz_providers::{Registry, Secret, Settings};
use gatewayz_store::StoreConfig;

#[cfg_attr(not(test), expect(unused_imports, reason = "the command line uses them"))]
pub(crate) use self::{
    changes::Changes,
    error::{ConfigError, Fault, Problem},
    origin::Origin,
    reference::reference,
    schema::schema,
    show::{Row, Shown},
    sources::{FileText, Sources},
};

use self::{providers::Facts, values::Values};

/// A configuration, and what there is to say about it.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    /// The configuration.
    pub(crate) config: Config,
    /// Where each setting was said, by its path.
    pub(crate) origins: BTreeMap<String, Origin>,
    /// What works and is most likely not meant.
    pub(crate) warnings: Vec<String>,
    provided: Vec<providers::Row>,
}

/// Everything, checked.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// How requests are taken in.
    pub(crate) server: ServerConfig,
    /// Who may administer.
    pub(crate) admin: AdminConfig,
    /// Where the source of truth is.
    pub(crate) store: StoreConfig,
    /// The shared tier; `None`: memory only, and no Redis is looked for.
    pub(crate) redis: Option<RedisConfig>,
    /// How the caches are kept.
    pub(crate) cache: CacheConfig,
    /// When lists are fetched.
    pub(crate) sync: SyncConfig,
    /// Whose lists, and with which keys.
    pub(crate) providers: ProvidersConfig,
    /// What is logged, and how.
    pub(crate) log: LogConfig,
    /// Whether `/metrics` answers.
    pub(crate) metrics: bool,
    /// Where traces go.
    #[cfg_attr(not(feature = "traces"), expect(dead_code, reason = "traces are a feature"))]
    pub(crate) traces: TracesConfig,
    /// All settings as they were read: what is compared with the next configuration, and shown.
    values: Values,
    /// The same for providers.
    facts: Facts,
}

/// How requests are taken in.
#[derive(Clone, Debug)]
pub(crate) struct ServerConfig {
    /// Where it listens.
    pub(crate) listen: SocketAddr,
    /// How many threads accept and answer, each with a listener of its own.
    pub(crate) workers: NonZeroUsize,
    /// How many connections there may be, on all threads together.
    pub(crate) max_connections: usize,
    /// How long the head of a request may take from its first byte on.
    pub(crate) header_timeout: Duration,
    /// How long the body of a request may take.
    pub(crate) body_timeout: Duration,
    /// How long a connection is kept without a request, and how long a peer may take no byte of an answer.
    pub(crate) idle_timeout: Duration,
    /// How long a request may wait for its answer to begin.
    pub(crate) request_timeout: Duration,
    /// How long requests under way are waited for at the end.
    pub(crate) drain_timeout: Duration,
    /// The greatest head of a request, in bytes.
    pub(crate) max_header_bytes: usize,
    /// The greatest body of a request, in bytes.
    pub(crate) max_body_bytes: usize,
    /// How many requests that have to wait for something are under way at once.
    pub(crate) concurrency: Concurrency,
    /// The certificate and its key, in PEM; `None`: no TLS.
    pub(crate) tls: Option<TlsFiles>,
    /// The sites whose pages may call; `localhost` with any port always may.
    pub(crate) cors_origins: Vec<String>,
    /// Whether answers say how long the gateway itself took.
    pub(crate) overhead_header: bool,
}

/// How many requests wait at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Concurrency {
    /// How many are under way.
    pub(crate) limit: usize,
    /// How many wait for a place.
    pub(crate) queue: usize,
    /// How long they wait.
    pub(crate) wait: Duration,
}

/// Where a certificate is.
#[derive(Clone, Debug)]
pub(crate) struct TlsFiles {
    /// The certificate and those that it comes from.
    pub(crate) certificate: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
}

/// Who may administer.
#[derive(Clone, Debug)]
pub(crate) struct AdminConfig {
    /// The key of administrators.
    pub(crate) key: Option<Secret>,
    /// Where administration alone is served; `None`: where everything else is.
    pub(crate) listen: Option<SocketAddr>,
    /// Whether the caches may be administered without a key. Only where every listener is on loopback.
    pub(crate) open: bool,
    /// The secret under which keys of the store are digested; `None`: keys of the store are not accepted.
    pub(crate) key_secret: Option<Secret>,
}

/// How the caches are kept.
#[derive(Clone, Debug)]
pub(crate) struct CacheConfig {
    /// Whether anything is cached beyond what an answer needs.
    pub(crate) enabled: bool,
    /// How long the whole catalogue is fresh; `None`: the documented time.
    pub(crate) full_ttl: Option<Duration>,
    /// Whether the catalogue is read before the server says that it is ready.
    pub(crate) warm_on_startup: bool,
    /// The longest that readiness waits for that.
    pub(crate) warm_timeout: Duration,
    /// When the catalogue is refreshed first.
    pub(crate) first_refresh: Duration,
    /// How often after that.
    pub(crate) refresh_interval: Duration,
    /// How much memory snapshots may take, in bytes.
    pub(crate) snapshot_memory: u64,
    /// How much memory rendered pages may take, in bytes.
    pub(crate) page_memory: u64,
    /// What a request for a provider that is not known gets.
    pub(crate) unknown_gateway: UnknownGateway,
}

/// What a request for a provider that is not known gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnknownGateway {
    /// 404 with the names that are most like it.
    Error,
    /// An empty list.
    Empty,
}

/// When lists are fetched.
#[derive(Clone, Debug)]
pub(crate) struct SyncConfig {
    /// Whether they are, without being asked.
    pub(crate) enabled: bool,
    /// How often.
    pub(crate) interval: Duration,
    /// Whether at the start, whatever the last outcome was.
    pub(crate) on_startup: bool,
    /// Whose not, unless they are asked for by name.
    pub(crate) skip: Vec<Slug>,
    /// Whether an empty store gets the catalogue that comes with the gateway.
    pub(crate) seed: bool,
}

/// Whose lists are fetched, and with which keys.
#[derive(Clone)]
pub(crate) struct ProvidersConfig {
    /// All providers, with what the file changes of them.
    pub(crate) registry: Registry,
    /// Keys and other settings, by the names of their variables.
    pub(crate) settings: Settings,
    /// Hosts that may be spoken to whatever their address is.
    pub(crate) private_hosts: Vec<String>,
}

/// Names only: overrides of the registry may have secrets in them.
impl fmt::Debug for ProvidersConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProvidersConfig")
            .field("registry", &self.registry.iter().len())
            .field("settings", &self.settings)
            .field("private_hosts", &self.private_hosts)
            .finish()
    }
}

/// Where traces of requests go.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "traces"), expect(dead_code, reason = "traces are a feature"))]
pub(crate) struct TracesConfig {
    /// The collector; `None`: nowhere.
    pub(crate) endpoint: Option<String>,
    /// The name of this service.
    pub(crate) service: Arc<str>,
    /// Of how many requests one is traced that nobody asked for.
    pub(crate) one_in: u64,
}

/// What is logged, and how.
#[derive(Clone, Debug)]
pub(crate) struct LogConfig {
    /// For people or for programs.
    pub(crate) format: LogFormat,
    /// The least level by target: `info,gatewayz_catalog=debug`.
    pub(crate) filter: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Readable lines.
    Readable,
    /// One JSON object per line.
    Json,
}

#[cfg(test)]
mod tests;
