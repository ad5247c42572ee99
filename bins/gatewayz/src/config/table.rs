//! All settings: one table that reading, checking, showing, the schema and the reference are made from.

use super::value::{Kind, Plain};

/// One setting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    /// Its name: the table of the file and the key in it.
    pub(super) path: &'static str,
    /// The variables that set it, with what a plain number in them counts.
    pub(super) variables: &'static [(&'static str, Plain)],
    /// What it may be.
    pub(super) kind: Kind,
    /// What it is by itself.
    pub(super) default: Initial,
    /// What it does, for people.
    pub(super) help: &'static str,
    /// Whether a running server takes a new value.
    pub(super) reload: bool,
}

/// What a setting is where nobody sets it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Initial {
    /// This.
    Is(&'static str),
    /// It is not set.
    Unset,
    /// It is not set, and then this is taken.
    Then(&'static str),
}

impl Setting {
    /// The table of the file, and the key in it.
    pub(super) fn parts(&self) -> (&'static str, &'static str) {
        self.path.split_once('.').unwrap_or(("", self.path))
    }

    const fn reloadable(self) -> Self {
        Self { reload: true, ..self }
    }
}

const fn setting(
    path: &'static str,
    variables: &'static [(&'static str, Plain)],
    kind: Kind,
    default: Initial,
    help: &'static str,
) -> Setting {
    Setting {
        path,
        variables,
        kind,
        default,
        help,
        reload: false,
    }
}

/// The setting of a path.
pub(super) fn find(path: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.path == path)
}

/// The tables of the file, in the order of the reference, with what they are about.
pub(super) const SECTIONS: &[(&str, &str)] = &[
    ("server", "How requests are taken in."),
    ("admin", "Who may administer."),
    ("database", "Where the source of truth is."),
    (
        "redis",
        "The shared tier. It is used where `redis.url` or `redis.host` is set.",
    ),
    ("cache", "How the caches are kept."),
    ("catalog", "What requests for lists get."),
    ("sync", "When lists of models are fetched."),
    ("log", "What is logged, and how."),
    ("metrics", "What is measured."),
    ("traces", "Where traces of requests go."),
];

/// Variables that belong to the command line.
pub(super) const COMMAND_LINE: &[&str] = &["GATEWAYZ_CONFIG", "GATEWAYZ_URL"];
/// All of this program's own variables begin so.
pub(super) const OWN: &str = "GATEWAYZ_";
/// The variable by which platforms name the port alone.
pub(super) const PORT: &str = "PORT";
/// The least length of the key of administrators.
pub(super) const WEAK_KEY: usize = 16;

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

use Initial::{Is, Then, Unset};
use Kind::{Address, Bool, Bytes, Count, Duration, List, Path, Secret, Switch, Text, Url, Word};
use Plain::{Hours, Minutes, No, Seconds};

/// All settings.
pub(super) const SETTINGS: &[Setting] = &[
    setting(
        "server.listen",
        &[("GATEWAYZ_LISTEN", No)],
        Address,
        Is("127.0.0.1:8080"),
        "Where the server listens. An address that others can reach needs `admin.key`. The variable `PORT` alone \
         replaces the port and keeps the host.",
    ),
    setting(
        "server.workers",
        &[("GATEWAYZ_WORKERS", No)],
        Count(1, 1024),
        Then("the number of cores"),
        "How many threads accept and answer.",
    ),
    setting(
        "server.max_connections",
        &[],
        Count(1, 1_000_000),
        Is("16384"),
        "How many connections there may be, on all threads together.",
    ),
    setting(
        "server.header_timeout",
        &[],
        Duration(100, HOUR),
        Is("10s"),
        "How long the head of a request may take from its first byte on.",
    ),
    setting(
        "server.body_timeout",
        &[],
        Duration(100, HOUR),
        Is("30s"),
        "How long the body of a request may take.",
    )
    .reloadable(),
    setting(
        "server.idle_timeout",
        &[],
        Duration(100, DAY),
        Is("75s"),
        "How long a connection is kept without a request, and how long a peer may take no byte of an answer.",
    ),
    setting(
        "server.request_timeout",
        &[],
        Duration(100, HOUR),
        Is("55s"),
        "How long a request may wait for its answer to begin.",
    )
    .reloadable(),
    setting(
        "server.drain_timeout",
        &[],
        Duration(0, HOUR),
        Is("25s"),
        "How long requests under way are waited for when the server ends.",
    )
    .reloadable(),
    setting(
        "server.max_header_bytes",
        &[],
        Bytes(4 * KIB, 256 * KIB),
        Is("32KiB"),
        "The greatest head of a request.",
    ),
    setting(
        "server.max_body_bytes",
        &[],
        Bytes(KIB, GIB),
        Is("16MiB"),
        "The greatest body of a request.",
    )
    .reloadable(),
    setting(
        "server.concurrency_limit",
        &[("CONCURRENCY_LIMIT", No)],
        Count(1, 1_000_000),
        Is("256"),
        "How many requests that have to wait for something are under way at once.",
    ),
    setting(
        "server.concurrency_queue",
        &[("CONCURRENCY_QUEUE_SIZE", No)],
        Count(0, 1_000_000),
        Is("1024"),
        "How many more wait for a place; over it, requests are refused at once.",
    ),
    setting(
        "server.concurrency_wait",
        &[("CONCURRENCY_QUEUE_TIMEOUT", Seconds)],
        Duration(0, HOUR),
        Is("10s"),
        "How long a request waits for a place.",
    ),
    setting(
        "server.tls_certificate",
        &[("GATEWAYZ_TLS_CERTIFICATE", No)],
        Path,
        Unset,
        "The certificate and those that it comes from, in PEM. Needs `server.tls_key`; turning TLS on or off needs a \
         restart.",
    )
    .reloadable(),
    setting(
        "server.tls_key",
        &[("GATEWAYZ_TLS_KEY", No)],
        Path,
        Unset,
        "The private key of the certificate, in PEM. Needs `server.tls_certificate`.",
    )
    .reloadable(),
    setting(
        "server.cors_origins",
        &[("CORS_ORIGINS", No)],
        List,
        Is(""),
        "The sites whose pages may call, such as `https://app.example.com`; `localhost` with any port always may.",
    )
    .reloadable(),
    setting(
        "server.overhead_header",
        &[("GATEWAYZ_OVERHEAD_HEADER", No)],
        Bool,
        Is("false"),
        "Whether answers say how long the gateway itself took.",
    )
    .reloadable(),
    setting(
        "admin.key",
        &[("ADMIN_API_KEY", No)],
        Secret(WEAK_KEY),
        Unset,
        "The key of administrators. Without, nobody administers, except under `admin.open`.",
    )
    .reloadable(),
    setting(
        "admin.listen",
        &[("GATEWAYZ_ADMIN_LISTEN", No)],
        Address,
        Unset,
        "Where administration alone is served; not set: where everything else is. An address that others can reach \
         needs `admin.key`.",
    ),
    setting(
        "admin.open",
        &[("CACHE_ADMIN_OPEN", No)],
        Bool,
        Is("false"),
        "Whether the caches may be administered without a key. Only where every listener is on loopback.",
    ),
    setting(
        "admin.key_secret",
        &[("KEY_HASH_SALT", No)],
        Secret(1),
        Unset,
        "The secret under which keys of the store are digested; not set: keys of the store are not accepted.",
    )
    .reloadable(),
    setting(
        "database.url",
        &[("DATABASE_URL", No)],
        Url,
        Is("sqlite://gatewayz.db"),
        "The database: `sqlite://FILE` (relative to the working directory), `sqlite:///FILE`, `sqlite::memory:`, or \
         `postgres://user:password@host/database`.",
    ),
    setting(
        "database.connections",
        &[("CONNECTION_POOL_MAX_SIZE", No)],
        Count(1, 1000),
        Then("4 for SQLite, 16 for PostgreSQL"),
        "How many connections there are to PostgreSQL, or read at once from SQLite.",
    ),
    setting(
        "redis.url",
        &[("REDIS_URL", No)],
        Url,
        Unset,
        "The server: `redis://[user[:password]@]host[:port][/db]`, `rediss://` with TLS, `unix://`, \
         `redis-sentinel://` or `redis-cluster://`. It wins over `redis.host`, `redis.port` and `redis.db`.",
    ),
    setting(
        "redis.host",
        &[("REDIS_HOST", No)],
        Text,
        Unset,
        "The server's host, where there is no URL.",
    ),
    setting(
        "redis.port",
        &[("REDIS_PORT", No)],
        Count(1, 65535),
        Is("6379"),
        "The server's port, where there is no URL.",
    ),
    setting(
        "redis.db",
        &[("REDIS_DB", No)],
        Count(0, 255),
        Is("0"),
        "The number of the database, where there is no URL.",
    ),
    setting(
        "redis.password",
        &[("REDIS_PASSWORD", No)],
        Secret(1),
        Unset,
        "The password, where the URL has none.",
    ),
    setting(
        "redis.enabled",
        &[("REDIS_ENABLED", No)],
        Bool,
        Is("true"),
        "`false`: memory only, whatever else is set.",
    ),
    setting(
        "redis.max_connections",
        &[("REDIS_MAX_CONNECTIONS", No)],
        Count(2, 10_000),
        Is("100"),
        "How many connections there may be to each server. Commands share connections: four are used.",
    ),
    setting(
        "redis.socket_timeout",
        &[("REDIS_SOCKET_TIMEOUT", Seconds)],
        Duration(1, HOUR),
        Is("5s"),
        "How long the steps of a new connection may take once the socket is open.",
    ),
    setting(
        "redis.connect_timeout",
        &[("REDIS_SOCKET_CONNECT_TIMEOUT", Seconds)],
        Duration(1, HOUR),
        Is("5s"),
        "How long opening a socket may take, with TLS.",
    ),
    setting(
        "redis.retry_on_timeout",
        &[("REDIS_RETRY_ON_TIMEOUT", No)],
        Bool,
        Is("true"),
        "Whether an invalidation whose outcome is not known is tried again before it is deferred.",
    ),
    setting(
        "redis.command_timeout",
        &[],
        Duration(1, MINUTE),
        Is("250ms"),
        "How long a caller waits for one command.",
    ),
    setting(
        "redis.lease_term",
        &[],
        Duration(100, MINUTE),
        Is("1s"),
        "How long a dead node delays invalidations, and how soon a node that hears nothing stops to serve from \
         memory. All nodes must have the same.",
    ),
    setting(
        "redis.key_prefix",
        &[("CACHE_KEY_PREFIX", No)],
        Text,
        Is(""),
        "What stands in front of every key and channel.",
    ),
    setting(
        "redis.value_format",
        &[("CACHE_VALUE_FORMAT", No)],
        Word(&["framed", "plain"]),
        Is("framed"),
        "How values are written. `plain`: as the earlier system wrote them, so that both can share one server.",
    ),
    setting(
        "redis.compression",
        &[("CACHE_COMPRESSION", No)],
        Switch,
        Is("true"),
        "Whether values over 4 KiB are compressed.",
    ),
    setting(
        "redis.tracking",
        &[],
        Bool,
        Is("true"),
        "Whether writes from outside (`redis-cli DEL key`) are looked out for.",
    ),
    setting(
        "redis.tls_ca_file",
        &[],
        Path,
        Unset,
        "The authority that the server's certificate must come from, in PEM; not set: those of the system.",
    ),
    setting(
        "cache.enabled",
        &[("MODEL_CACHE_ENABLED", No)],
        Bool,
        Is("true"),
        "Whether anything is cached beyond what an answer needs.",
    ),
    setting(
        "cache.full_ttl",
        &[("MODEL_CACHE_TTL", Seconds)],
        Duration(SECOND, DAY),
        Is("15m"),
        "How long the whole catalogue is fresh.",
    ),
    setting(
        "cache.warm_on_startup",
        &[("MODEL_CACHE_WARM_ON_STARTUP", No)],
        Bool,
        Is("true"),
        "Whether the catalogue is read before the server says that it is ready.",
    ),
    setting(
        "cache.warm_timeout",
        &[],
        Duration(0, HOUR),
        Is("30s"),
        "The longest that readiness waits for that.",
    ),
    setting(
        "cache.first_refresh",
        &[],
        Duration(SECOND, DAY),
        Is("120s"),
        "When the catalogue is refreshed first. It should be less than `cache.full_ttl`.",
    ),
    setting(
        "cache.refresh_interval",
        &[],
        Duration(SECOND, DAY),
        Is("14m"),
        "How often after that. It should be less than `cache.full_ttl`.",
    ),
    setting(
        "cache.snapshot_memory",
        &[],
        Bytes(MIB, 1024 * GIB),
        Is("256MiB"),
        "How much memory snapshots of the catalogue may take.",
    ),
    setting(
        "cache.page_memory",
        &[],
        Bytes(64 * KIB, 1024 * GIB),
        Is("8MiB"),
        "How much memory rendered pages may take.",
    ),
    setting(
        "catalog.unknown_gateway",
        &[],
        Word(&["error", "empty"]),
        Is("error"),
        "What a request for a provider that is not known gets: 404 with the names that are most like it, or an \
         empty list.",
    )
    .reloadable(),
    setting(
        "sync.enabled",
        &[("ENABLE_SCHEDULED_MODEL_SYNC", No)],
        Bool,
        Is("true"),
        "Whether lists are fetched without being asked.",
    ),
    setting(
        "sync.interval",
        &[
            ("MODEL_SYNC_INTERVAL_MINUTES", Minutes),
            ("MODEL_SYNC_INTERVAL_HOURS", Hours),
        ],
        Duration(MINUTE, 30 * DAY),
        Is("30m"),
        "How often they are.",
    ),
    setting(
        "sync.on_startup",
        &[("SYNC_MODELS_ON_STARTUP", No)],
        Bool,
        Is("false"),
        "Whether they are at the start, whatever the last outcome was.",
    ),
    setting(
        "sync.skip",
        &[("MODEL_SYNC_SKIP_PROVIDERS", No)],
        List,
        Is("featherless"),
        "Providers whose lists are fetched only when they are asked for by name.",
    ),
    setting(
        "sync.seed",
        &[("GATEWAYZ_SEED", No)],
        Bool,
        Is("true"),
        "Whether an empty store gets the catalogue that comes with the gateway.",
    ),
    setting(
        "log.format",
        &[("GATEWAYZ_LOG_FORMAT", No)],
        Word(&["readable", "json"]),
        Is("readable"),
        "For people or for programs.",
    ),
    setting(
        "log.filter",
        &[("GATEWAYZ_LOG", No)],
        Text,
        Is("info"),
        "The least level, also by target: `info,gatewayz_catalog=debug`.",
    )
    .reloadable(),
    setting(
        "metrics.enabled",
        &[("PROMETHEUS_ENABLED", No)],
        Bool,
        Is("true"),
        "Whether `/metrics` answers.",
    ),
    setting(
        "traces.endpoint",
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", No)],
        Url,
        Unset,
        "The collector of OpenTelemetry that takes traces over HTTP, such as `http://127.0.0.1:4318`. Needs a build with \
         the feature `traces`.",
    ),
    setting(
        "traces.service",
        &[("OTEL_SERVICE_NAME", No)],
        Text,
        Is("gatewayz"),
        "The name of this service in traces.",
    ),
    setting(
        "traces.one_in",
        &[],
        Count(1, 1_000_000),
        Is("100"),
        "Of so many requests one is traced, beside those whose caller asks for it.",
    ),
];

/// A field that a table of a provider has beside those of the registry, or that means more there.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProviderField {
    /// Its name.
    pub(super) name: &'static str,
    /// What it is in the file.
    pub(super) form: Form,
    /// What it does, for people; empty for what the registry's own documentation says.
    pub(super) help: &'static str,
}

/// What a field of a provider is in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Secret,
    Bool,
    Count,
    Texts,
    Table,
    Tables,
}

const fn field(name: &'static str, form: Form, help: &'static str) -> ProviderField {
    ProviderField { name, form, help }
}

/// All fields of a table of a provider.
pub(super) const PROVIDER_FIELDS: &[ProviderField] = &[
    field("enabled", Form::Bool, "`false`: the provider is not asked."),
    field(
        "api_key",
        Form::Secret,
        "The key, or `env:NAME`: the variable that has it. The provider's own variable wins over it.",
    ),
    field(
        "base_url",
        Form::Text,
        "Where chats go. A list whose URL begins with the base URL goes there as well.",
    ),
    field("models_url", Form::Text, "Where the list of models is: a whole URL."),
    field(
        "allow_private",
        Form::Bool,
        "`true`: the hosts of these URLs may have any address, also one of a private network.",
    ),
    field(
        "name",
        Form::Text,
        "The name for people. A provider that is new needs one.",
    ),
    field("aliases", Form::Texts, ""),
    field("active", Form::Bool, ""),
    field("priority", Form::Text, ""),
    field("site_url", Form::Text, ""),
    field("api_key_env", Form::Text, ""),
    field("color", Form::Text, ""),
    field("icon", Form::Text, ""),
    field("min_models", Form::Count, ""),
    field("flat_rate", Form::Bool, ""),
    field("verified", Form::Text, ""),
    field("unverified", Form::Text, ""),
    field("list", Form::Table, ""),
    field("map", Form::Table, ""),
    field("fixed", Form::Tables, ""),
];

/// What of the providers changes, as [`Changes`](super::Changes) names it, and whether a running server takes it.
pub(super) const PROVIDER_KEYS: (&str, bool) = ("providers.*.api_key", true);
/// The same for which providers are asked.
pub(super) const PROVIDERS_ENABLED: (&str, bool) = ("providers.*.enabled", false);
/// The same for all other fields.
pub(super) const PROVIDER_REST: (&str, bool) = ("providers.*", false);
