//! From sources to a configuration: defaults, the file over them, the environment over it, flags over all.

use std::{collections::BTreeMap, net::SocketAddr, path::Path, sync::Arc};

use gatewayz_cache_redis::{Endpoint, EndpointParts, RedisConfig, Secret as RedisSecret, ValueFormat};
use gatewayz_catalog::Slug;
use gatewayz_store::StoreConfig;
use toml::de::{DeTable, DeValue};

use super::{
    AdminConfig, CacheConfig, Config, ConfigError, Loaded, LogConfig, LogFormat, Sources, SyncConfig, TracesConfig,
    UnknownGateway,
    error::{Fault, Invalid, Problem, nearest},
    origin::{Origin, line_at},
    providers::{Providers, Reader, Tables},
    table::{COMMAND_LINE, Initial, OWN, PORT, SECTIONS, SETTINGS, Setting, find},
    value::{Kind, Plain, Value},
    values::Values,
};

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) values: Values,
    pub(super) origins: BTreeMap<&'static str, Origin>,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
}

impl Config {
    /// Reads a configuration and checks it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] lists everything that is wrong, with its place and what to write instead.
    pub(crate) fn load(source: &Sources) -> Result<Loaded, ConfigError> {
        let mut found = Found::default();
        found.defaults();
        let read = source.file.as_ref().map(|file| {
            let path: Arc<Path> = Arc::from(file.path.as_path());
            (path, file.text.as_str(), DeTable::parse_recoverable(&file.text))
        });
        let mut tables = None;
        if let Some((path, text, (tree, errors))) = &read {
            if errors.is_empty() {
                tables = found.file(path, text, tree.get_ref());
            }
            for error in errors {
                let line = error.span().map(|span| line_at(text, span.start));
                let fault = Fault::Syntax(error.message().to_owned());
                found.problems.push(Problem::new(Origin::file(path, line), "", fault));
            }
        }
        found.environment(&source.environment);
        found.flags(&source.flags);
        let providers = found.providers(&source.environment, tables.as_ref());
        let skip = found.skip(providers.as_ref());
        found.check();
        let store = found.store();
        let redis = found.redis();
        let (Some(providers), Some(store), true) = (providers, store, found.problems.is_empty()) else {
            return Err(ConfigError::new(found.problems));
        };
        Ok(found.build(providers, store, redis, skip))
    }
}

impl Found {
    fn defaults(&mut self) {
        for setting in SETTINGS {
            self.origins.insert(setting.path, Origin::Default);
            if let Initial::Is(text) = setting.default {
                match setting.kind.read(text, Plain::No) {
                    Ok(value) => self.values.set(setting.path, value),
                    Err(invalid) => self.problem(setting.path, Fault::Invalid(invalid)),
                }
            }
        }
    }

    fn take(&mut self, setting: &'static Setting, value: Result<Value, Invalid>, origin: Origin) {
        match value {
            Ok(value) => {
                self.values.set(setting.path, value);
                self.origins.insert(setting.path, origin);
            }
            Err(invalid) => self
                .problems
                .push(Problem::new(origin, setting.path, Fault::Invalid(invalid))),
        }
    }

    /// Takes the file, except the tables of providers, which it returns.
    fn file<'a>(&mut self, path: &'a Arc<Path>, text: &'a str, tree: &'a DeTable<'a>) -> Option<Tables<'a>> {
        let mut tables = None;
        for (section, table) in tree.iter() {
            let at = |byte| Origin::file(path, Some(line_at(text, byte)));
            let (name, origin) = (section.get_ref().as_ref(), at(section.span().start));
            let known = name == "providers" || SECTIONS.iter().any(|(section, _)| *section == name);
            match table.get_ref() {
                _ if !known => {
                    let nearest = nearest_key(name);
                    self.problems
                        .push(Problem::new(origin, name, Fault::Unknown { nearest }));
                }
                DeValue::Table(inner) if name == "providers" => {
                    tables = Some(Tables {
                        path,
                        text,
                        tables: inner,
                    });
                }
                DeValue::Table(inner) => {
                    for (key, value) in inner.iter() {
                        let setting_path = format!("{name}.{}", key.get_ref());
                        let origin = at(key.span().start);
                        match find(&setting_path) {
                            Some(setting) => self.take(setting, setting.kind.read_toml(value.get_ref()), origin),
                            None => {
                                let nearest = nearest_key(&setting_path);
                                self.problems
                                    .push(Problem::new(origin, setting_path, Fault::Unknown { nearest }));
                            }
                        }
                    }
                }
                _ => {
                    let invalid = Invalid::new("is no table", format!("write `[{name}]` and its settings below"));
                    self.problems.push(Problem::new(origin, name, Fault::Invalid(invalid)));
                }
            }
        }
        tables
    }

    fn environment(&mut self, environment: &BTreeMap<String, String>) {
        for setting in SETTINGS {
            if setting.path == "server.listen" {
                self.port(environment);
            }
            let mut before: Option<(&str, Value)> = None;
            for (name, plain) in setting.variables {
                let Some(text) = environment.get(*name) else { continue };
                let means_something = match setting.kind {
                    Kind::List | Kind::Bool | Kind::Switch => true,
                    _ => !text.trim().is_empty(),
                };
                if !means_something {
                    continue;
                }
                if setting.path == "redis.port" && text.starts_with("tcp://") {
                    // Kubernetes sets it so in every container beside a service that is called `redis`.
                    self.warnings
                        .push(format!("{name}: names a service, not a port, and is not used"));
                    continue;
                }
                let value = setting.kind.read(text, *plain);
                if let (Some((other, first)), Ok(second)) = (&before, &value)
                    && first != second
                {
                    let fault = Fault::conflict(
                        format!("is {} by {other} and {} by {name}", first.show(), second.show()),
                        "set one of the two",
                    );
                    self.problems
                        .push(Problem::new(Origin::Variable((*name).to_owned()), setting.path, fault));
                    continue;
                }
                if let Ok(value) = &value {
                    before = Some((name, value.clone()));
                }
                self.take(setting, value, Origin::Variable((*name).to_owned()));
            }
        }
        self.unknown_variables(environment);
    }

    /// Platforms name the port alone: the host stays.
    fn port(&mut self, environment: &BTreeMap<String, String>) {
        let Some(text) = environment.get(PORT).map(|text| text.trim()) else {
            return;
        };
        let whole = environment
            .get("GATEWAYZ_LISTEN")
            .is_some_and(|text| !text.trim().is_empty());
        if text.is_empty() || whole {
            return;
        }
        let value = Kind::Count(1, 65535).read(text, Plain::No).map(|count| {
            let port = match count {
                Value::Count(port) => u16::try_from(port).unwrap_or_default(),
                _ => 0,
            };
            Value::Address(SocketAddr::new(self.values.address("server.listen").ip(), port))
        });
        if let Some(setting) = find("server.listen") {
            self.take(setting, value, Origin::Variable(PORT.to_owned()));
        }
    }

    fn unknown_variables(&mut self, environment: &BTreeMap<String, String>) {
        let known: Vec<&str> = SETTINGS
            .iter()
            .flat_map(|setting| setting.variables.iter().map(|(name, _)| *name))
            .chain(COMMAND_LINE.iter().copied())
            .filter(|name| name.starts_with(OWN))
            .collect();
        for (name, value) in environment {
            if !name.starts_with(OWN) || known.contains(&name.as_str()) || names_a_service(name, value) {
                continue;
            }
            let nearest = nearest(name, known.iter().copied()).map(str::to_owned);
            self.problems.push(Problem::new(
                Origin::Variable(name.clone()),
                name,
                Fault::Unknown { nearest },
            ));
        }
    }

    fn flags(&mut self, flags: &BTreeMap<String, String>) {
        for (path, text) in flags {
            match find(path) {
                Some(setting) => self.take(setting, setting.kind.read(text, Plain::No), Origin::Flag),
                None => {
                    let nearest = nearest_key(path);
                    self.problems
                        .push(Problem::new(Origin::Flag, path, Fault::Unknown { nearest }));
                }
            }
        }
    }

    fn providers(&mut self, environment: &BTreeMap<String, String>, tables: Option<&Tables<'_>>) -> Option<Providers> {
        match Reader::new(environment, &mut self.problems, &mut self.warnings) {
            Ok(mut reader) => {
                if let Some(tables) = tables {
                    reader.file(tables);
                }
                Some(reader.finish())
            }
            Err(error) => {
                let fault = Fault::Provider(error.to_string());
                self.problems.push(Problem::new(Origin::Default, "providers", fault));
                None
            }
        }
    }

    fn skip(&mut self, providers: Option<&Providers>) -> Vec<Slug> {
        let mut slugs = Vec::new();
        let Some(registry) = providers.map(|providers| &providers.config.registry) else {
            return slugs;
        };
        for name in self.values.list("sync.skip") {
            if let Some(provider) = registry.directory().resolve(&name) {
                if !slugs.contains(&provider.slug) {
                    slugs.push(provider.slug.clone());
                }
                continue;
            }
            let known = registry.directory().iter().flat_map(|provider| {
                let aliases = provider.aliases.iter().map(String::as_str);
                [provider.slug.as_str()].into_iter().chain(aliases)
            });
            let instead = match nearest(&name.to_ascii_lowercase(), known) {
                Some(known) => format!("did you mean `{known}`?"),
                None => "docs/providers.md has all names".to_owned(),
            };
            let what = format!("names {}, which is no provider", super::error::quoted(&name));
            self.problem("sync.skip", Fault::Invalid(Invalid::new(what, instead)));
        }
        slugs
    }

    fn store(&mut self) -> Option<StoreConfig> {
        let url = self.values.url("database.url")?;
        let text = url.expose();
        let postgres = text.starts_with("postgres://") || text.starts_with("postgresql://");
        // Whatever has no scheme would be a file of that name, also what was meant for a server.
        let guessed = !postgres && !text.starts_with("sqlite:") && text.contains(['@', '=']);
        let store = match StoreConfig::from_url(text) {
            Ok(_) if guessed => Err(Invalid::new(
                "is neither a file nor a URL of a server",
                "write `sqlite://FILE` or `postgres://user:password@host/database`",
            )),
            Ok(store) => Ok(store),
            Err(error) => {
                // It says both in one sentence and never quotes the URL.
                let text = error.to_string();
                let (what, instead) = text.split_once("; ").unwrap_or((&text, "write another URL"));
                Err(Invalid::new(what.trim_start_matches("the database URL "), instead))
            }
        };
        match store {
            Ok(store) => {
                let usual = if postgres { 16 } else { 4 };
                let connections = self.values.count_or("database.connections", usual);
                Some(store.with_connections(u16::try_from(connections).unwrap_or(u16::MAX)))
            }
            Err(invalid) => {
                self.problem("database.url", Fault::Invalid(invalid));
                None
            }
        }
    }

    fn redis(&mut self) -> Option<RedisConfig> {
        let password = self.values.secret("redis.password");
        let password = password.map(|password| RedisSecret::new(password.expose()));
        let host = self.values.text("redis.host");
        let endpoint = match self.values.url("redis.url") {
            Some(url) => match Endpoint::parse(url.expose()) {
                Ok(mut endpoint) => {
                    endpoint.password = endpoint.password.or(password);
                    endpoint
                }
                Err(error) => {
                    let text = error.to_string();
                    let what = text.trim_start_matches("redis setting `endpoint` ");
                    let (what, instead) = what
                        .split_once("; ")
                        .unwrap_or((what, "write it as in `redis://host:6379/0`"));
                    self.problem("redis.url", Fault::Invalid(Invalid::new(what, instead)));
                    return None;
                }
            },
            None if host.is_empty() => {
                for path in ["redis.port", "redis.db", "redis.password"] {
                    if self.is_set(path) {
                        let place = self.origin(path).place();
                        self.warnings.push(format!(
                            "{place}: `{path}` has no effect: neither `redis.url` nor `redis.host` is set"
                        ));
                    }
                }
                return None;
            }
            None => Endpoint::from(EndpointParts {
                host,
                port: u16::try_from(self.values.count("redis.port")).unwrap_or_default(),
                database: u8::try_from(self.values.count("redis.db")).unwrap_or_default(),
                password,
            }),
        };
        let values = &self.values;
        let mut redis = RedisConfig::new(endpoint);
        redis.max_connections = u32::try_from(values.count("redis.max_connections")).unwrap_or(u32::MAX);
        redis.socket_timeout = values.duration("redis.socket_timeout");
        redis.connect_timeout = values.duration("redis.connect_timeout");
        redis.retry_on_timeout = values.bool("redis.retry_on_timeout");
        redis.command_timeout = values.duration("redis.command_timeout");
        redis.lease_term = values.duration("redis.lease_term");
        redis.key_prefix = values.text("redis.key_prefix");
        redis.value_format = match values.word("redis.value_format") {
            "plain" => ValueFormat::Plain,
            _ => ValueFormat::Framed,
        };
        redis.compression = values.bool("redis.compression");
        redis.tracking = values.bool("redis.tracking");
        redis.tls_ca_file = values.path("redis.tls_ca_file");
        self.values.bool("redis.enabled").then_some(redis)
    }

    fn build(self, providers: Providers, store: StoreConfig, redis: Option<RedisConfig>, skip: Vec<Slug>) -> Loaded {
        let own_ttl = self.is_set("cache.full_ttl");
        let v = &self.values;
        let config = Config {
            server: v.server(),
            admin: AdminConfig {
                key: v.secret("admin.key"),
                listen: v.optional_address("admin.listen"),
                open: v.bool("admin.open"),
                key_secret: v.secret("admin.key_secret"),
            },
            store,
            redis,
            cache: CacheConfig {
                enabled: v.bool("cache.enabled"),
                full_ttl: own_ttl.then(|| v.duration("cache.full_ttl")),
                warm_on_startup: v.bool("cache.warm_on_startup"),
                warm_timeout: v.duration("cache.warm_timeout"),
                first_refresh: v.duration("cache.first_refresh"),
                refresh_interval: v.duration("cache.refresh_interval"),
                snapshot_memory: v.bytes("cache.snapshot_memory"),
                page_memory: v.bytes("cache.page_memory"),
                unknown_gateway: match v.word("catalog.unknown_gateway") {
                    "empty" => UnknownGateway::Empty,
                    _ => UnknownGateway::Error,
                },
            },
            sync: SyncConfig {
                enabled: v.bool("sync.enabled"),
                interval: v.duration("sync.interval"),
                on_startup: v.bool("sync.on_startup"),
                skip,
                seed: v.bool("sync.seed"),
            },
            providers: providers.config,
            log: LogConfig {
                format: match v.word("log.format") {
                    "json" => LogFormat::Json,
                    _ => LogFormat::Readable,
                },
                filter: v.text("log.filter"),
            },
            metrics: v.bool("metrics.enabled"),
            traces: TracesConfig {
                endpoint: v.url("traces.endpoint").map(|url| url.expose().to_owned()),
                service: v.text("traces.service").into(),
                one_in: v.count("traces.one_in"),
            },
            values: self.values,
            facts: providers.facts,
        };
        let origins = self.origins.into_iter().map(|(path, origin)| (path.to_owned(), origin));
        let provided = providers.rows.iter().map(|row| (row.path.clone(), row.origin.clone()));
        Loaded {
            config,
            origins: origins.chain(provided).collect(),
            warnings: self.warnings,
            provided: providers.rows,
        }
    }

    pub(super) fn origin(&self, path: &str) -> Origin {
        self.origins.get(path).cloned().unwrap_or(Origin::Default)
    }

    pub(super) fn is_set(&self, path: &str) -> bool {
        self.origin(path) != Origin::Default
    }

    /// Whether something was said against a setting already.
    pub(super) fn is_wrong(&self, path: &str) -> bool {
        self.problems.iter().any(|problem| problem.subject == path)
    }

    pub(super) fn problem(&mut self, path: &str, fault: Fault) {
        self.problems.push(Problem::new(self.origin(path), path, fault));
    }
}

/// The setting that is spelled most like a path, or that has the key of this name.
fn nearest_key(path: &str) -> Option<String> {
    let key = path.rsplit_once('.').map_or(path, |(_, key)| key);
    let same = SETTINGS.iter().find(|setting| setting.parts().1 == key);
    let paths = SETTINGS.iter().map(|setting| setting.path);
    let sections = SECTIONS.iter().map(|(section, _)| *section);
    let known: Vec<&str> = if path.contains('.') {
        paths.collect()
    } else {
        sections.chain(["providers"]).collect()
    };
    let spelled = nearest(path, known.iter().copied()).map(str::to_owned);
    let same = same.map(|setting| setting.path.to_owned());
    if path.contains('.') {
        spelled.or(same)
    } else {
        same.or(spelled)
    }
}

/// Kubernetes sets such variables in every container beside a service that is called `gatewayz`, or begins so.
fn names_a_service(name: &str, value: &str) -> bool {
    let url = value.contains("://");
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || (url && name.ends_with("_PORT"))
        || ["_TCP", "_UDP", "_SCTP"].iter().any(|protocol| {
            name.contains("_PORT_") && (name.ends_with(protocol) || name.contains(&format!("{protocol}_")))
        })
}
