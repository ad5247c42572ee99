//! What all commands share: flags, the configuration, a runtime, the parts below the server.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use gatewayz_catalog::{Directory, Slug};
use gatewayz_store::Store;

use super::{
    failure::{Exit, Failure},
    output,
};
use crate::{
    config::{Config, Loaded, Origin, Sources},
    engine::Engine,
    spelling,
    telemetry::start_log,
};

/// How long a command waits for Redis to take it in: without, gateways would not hear of what it does.
const ATTACH: Duration = Duration::from_secs(3);
const FILTER: &str = "log.filter";

/// Flags of all commands.
#[derive(Clone, Debug, Default)]
pub(super) struct Globals {
    file: Option<PathBuf>,
    flags: BTreeMap<String, String>,
    /// Whether the output is for programs.
    pub(super) json: bool,
}

impl Globals {
    /// What they are called.
    pub(super) fn args() -> [Arg; 4] {
        [
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .global(true)
                .help(
                    "The configuration file [default: what GATEWAYZ_CONFIG names, else gatewayz.toml if it is there]",
                ),
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .global(true)
                .help("Writes JSON to standard output"),
            Arg::new("verbose")
                .short('v')
                .long("verbose")
                .action(ArgAction::Count)
                .global(true)
                .help("Logs more; twice: even more"),
            Arg::new("set")
                .long("set")
                .value_name("PATH=VALUE")
                .value_parser(setting)
                .action(ArgAction::Append)
                .global(true)
                .help("Sets a value of the configuration, as in `--set sync.interval=1h`; not for secrets"),
        ]
    }

    /// What was given.
    pub(super) fn of(matches: &ArgMatches) -> Self {
        let set = matches.get_many::<(String, String)>("set").into_iter().flatten();
        let mut flags: BTreeMap<String, String> = set.cloned().collect();
        let filter = match matches.get_count("verbose") {
            0 => None,
            1 => Some("info,gatewayz=debug"),
            2 => Some("debug,gatewayz=trace"),
            _ => Some("trace"),
        };
        if let Some(filter) = filter {
            flags.entry(FILTER.to_owned()).or_insert_with(|| filter.to_owned());
        }
        Self {
            file: matches.get_one::<PathBuf>("config").cloned(),
            flags,
            json: matches.get_flag("json"),
        }
    }

    /// With a value of a flag that is a setting of its own.
    pub(super) fn with(mut self, path: &str, value: Option<&String>) -> Self {
        if let Some(value) = value {
            self.flags.insert(path.to_owned(), value.clone());
        }
        self
    }

    /// What was said on the command line.
    pub(super) const fn flags(&self) -> &BTreeMap<String, String> {
        &self.flags
    }

    /// The configuration file that was named.
    pub(super) const fn file(&self) -> Option<&PathBuf> {
        self.file.as_ref()
    }

    /// Everything that values come from.
    pub(super) fn sources(&self) -> Result<Sources, Failure> {
        Ok(Sources::gather(self.flags.clone(), self.file.clone())?)
    }

    /// The configuration.
    pub(super) fn load(&self) -> Result<Loaded, Failure> {
        Ok(Config::load(&self.sources()?)?)
    }

    /// The configuration of a command that answers and ends: it logs warnings only, unless more was asked for.
    pub(super) fn start(&self) -> Result<Loaded, Failure> {
        let loaded = self.load()?;
        let mut log = loaded.config.log.clone();
        if loaded
            .origins
            .get(FILTER)
            .is_none_or(|origin| *origin == Origin::Default)
        {
            "warn,gatewayz_providers=error".clone_into(&mut log.filter);
        }
        start_log(&log).map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
        for warning in &loaded.warnings {
            output::note(&format!("gatewayz: warning: {warning}"));
        }
        Ok(loaded)
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((path, value)) if !path.trim().is_empty() => Ok((path.trim().to_owned(), value.to_owned())),
        _ => Err("write it as PATH=VALUE, as in `log.format=json`".to_owned()),
    }
}

/// Runs a command that waits.
pub(super) fn block_on(work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    runtime()?.block_on(work)
}

/// The runtime of the background, also of the server.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("gatewayz")
        .enable_all()
        .build()
        .map_err(|error| Failure::because("the operating system refuses", &error))
}

/// Where the source of truth is, as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Database {
    /// `SQLite` or `PostgreSQL`.
    pub(super) kind: &'static str,
    /// Its URL, without its password.
    pub(super) url: String,
    /// The file, where it is one.
    pub(super) file: Option<PathBuf>,
}

impl Database {
    /// That of a configuration.
    pub(super) fn of(loaded: &Loaded) -> Self {
        let shown = loaded.show();
        let row = shown.rows.into_iter().find(|row| row.path == "database.url");
        Self::named(row.map(|row| row.value).unwrap_or_default())
    }

    fn named(url: String) -> Self {
        let (kind, file) = match url.strip_prefix("sqlite:") {
            Some(path) => ("SQLite", Some(path.strip_prefix("//").unwrap_or(path))),
            None if url.contains("://") => ("PostgreSQL", None),
            None => ("SQLite", Some(url.as_str())),
        };
        let file = file.filter(|path| *path != ":memory:").map(PathBuf::from);
        Self { kind, url, file }
    }

    /// Whether it is a file that is not there, or memory: whatever opens it makes it.
    pub(super) fn is_new(&self) -> bool {
        self.kind == "SQLite" && !self.file.as_deref().is_some_and(Path::exists)
    }
}

/// The parts below the server.
pub(super) async fn open(config: &Config) -> Result<Engine, Failure> {
    let engine = Box::pin(Engine::open(config))
        .await
        .map_err(|error| Failure::because("", &error))?;
    if let Some(tier) = &engine.tier {
        let attached = async {
            while !tier.stats().attached {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(ATTACH, attached).await.is_err() {
            output::note("gatewayz: warning: Redis does not answer; running gateways say and hear nothing");
        }
    }
    Ok(engine)
}

/// The parts below the server for a command that writes: the schema is brought up to date, and the store told of the
/// providers.
pub(super) async fn open_for_writing(config: &Config) -> Result<Engine, Failure> {
    let engine = open(config).await?;
    engine
        .migrate()
        .await
        .map_err(|error| Failure::because("the schema was not brought up to date", &error))?;
    engine
        .sync
        .put_providers()
        .await
        .map_err(|error| Failure::because("the providers were not written", &error))?;
    Ok(engine)
}

/// The parts below the server for a command that only reads the database: nothing is made, and Redis is not asked.
pub(super) async fn open_for_reading(loaded: &Loaded) -> Result<Engine, Failure> {
    let database = Database::of(loaded);
    let none = || {
        Failure::new(
            Exit::Failed,
            format!(
                "the database `{}` has nothing in it yet; run `gatewayz serve`, `gatewayz sync` or `gatewayz db migrate`",
                database.url
            ),
        )
    };
    if database.is_new() {
        return Err(none());
    }
    let mut config = loaded.config.clone();
    config.redis = None;
    let engine = open(&config).await?;
    match schema_version(&engine.store).await? {
        0 => Err(none()),
        _ => Ok(engine),
    }
}

/// The provider of a slug or an alias.
pub(super) fn provider(directory: &Directory, name: &str) -> Result<Slug, Failure> {
    if let Some(provider) = directory.resolve(name) {
        return Ok(provider.slug.clone());
    }
    let known = directory.iter().map(|provider| provider.slug.as_str());
    let hint = match spelling::nearest(name, known).first() {
        Some(slug) => format!("did you mean `{slug}`?"),
        None => "`gatewayz providers` lists them".to_owned(),
    };
    Err(Failure::new(
        Exit::Usage,
        format!("there is no provider `{name}`; {hint}"),
    ))
}

/// The version of the schema.
pub(super) async fn schema_version(store: &Store) -> Result<u32, Failure> {
    let version = store.schema_version().await;
    version.map_err(|error| Failure::because("the database cannot be read", &error))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Database, setting};

    #[test]
    fn settings_have_a_path_and_a_value() {
        assert_eq!(
            setting("log.filter=info,gatewayz=debug"),
            Ok(("log.filter".to_owned(), "info,gatewayz=debug".to_owned()))
        );
        assert!(setting("log.filter").is_err() && setting("=x").is_err());
    }

    #[test]
    fn databases_are_told_apart() {
        for (url, kind, file) in [
            ("sqlite://gatewayz.db", "SQLite", Some("gatewayz.db")),
            ("sqlite:///var/lib/g.db", "SQLite", Some("/var/lib/g.db")),
            ("sqlite:g.db", "SQLite", Some("g.db")),
            ("g.db", "SQLite", Some("g.db")),
            ("sqlite::memory:", "SQLite", None),
            ("postgres://u:***@host/db", "PostgreSQL", None),
        ] {
            let database = Database::named(url.to_owned());
            assert_eq!((database.kind, database.file), (kind, file.map(PathBuf::from)), "{url}");
        }
    }
}
