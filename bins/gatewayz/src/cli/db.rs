//! `gatewayz db`

use clap::{ArgMatches, Command};
use gatewayz_catalog::{CatalogStore as _, RowFilter};
use serde::Serialize;

use super::{
    context::{Database, Globals, block_on, open, schema_version},
    failure::{Exit, Failure},
    output,
    table::{Table, left, thousands},
};
use crate::config::Loaded;

pub(super) fn command() -> Command {
    Command::new("db")
        .about("Looks after the database")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("migrate").about("Brings the schema and the providers up to date (`serve` does it by itself)"),
        )
        .subcommand(Command::new("status").about("Shows what kind it is and what is in it; never its password"))
}

pub(super) fn run(globals: &Globals, matches: &ArgMatches) -> Result<Exit, Failure> {
    let loaded = globals.start()?;
    match matches.subcommand_name() {
        Some("migrate") => block_on(Box::pin(migrate(&loaded, globals.json))),
        _ => block_on(Box::pin(status(&loaded, globals.json))),
    }
}

#[derive(Debug, Serialize)]
struct Brought {
    from: u32,
    to: u32,
}

async fn migrate(loaded: &Loaded, json: bool) -> Result<Exit, Failure> {
    let mut config = loaded.config.clone();
    config.redis = None;
    let engine = open(&config).await?;
    let migrated = engine.store.migrate().await;
    let migrated = migrated.map_err(|error| Failure::because("the schema was not brought up to date", &error))?;
    let put = engine.sync.put_providers().await;
    put.map_err(|error| Failure::because("the providers were not written", &error))?;
    let (from, to) = (migrated.from, migrated.to);
    if json {
        output::json(&Brought { from, to })?;
    } else if from == to {
        output::text(&format!("the schema is up to date: version {to}"))?;
    } else {
        output::text(&format!("the schema was brought from version {from} to version {to}"))?;
    }
    Ok(Exit::Fine)
}

/// What is in a database.
#[derive(Debug, Serialize)]
struct Status {
    kind: &'static str,
    url: String,
    /// 0: nothing is there yet.
    schema_version: u32,
    providers: usize,
    models: usize,
    /// Models that are no longer listed.
    models_removed: usize,
    /// For SQLite.
    size_bytes: Option<u64>,
}

async fn status(loaded: &Loaded, json: bool) -> Result<Exit, Failure> {
    let database = Database::of(loaded);
    let is_new = database.is_new();
    let mut status = Status {
        kind: database.kind,
        url: database.url,
        schema_version: 0,
        providers: 0,
        models: 0,
        models_removed: 0,
        size_bytes: None,
    };
    if !is_new {
        let mut config = loaded.config.clone();
        config.redis = None;
        let engine = open(&config).await?;
        status.schema_version = schema_version(&engine.store).await?;
        if status.schema_version > 0 {
            let unreadable = |error| Failure::because("the database cannot be read", &error);
            let filter = RowFilter {
                provider: None,
                inactive: true,
            };
            let rows = engine.store.catalogue(&filter).await.map_err(unreadable)?;
            status.models = rows.iter().filter(|row| row.removed_at.is_none()).count();
            status.models_removed = rows.len() - status.models;
            status.providers = engine.store.providers().await.map_err(unreadable)?.len();
        }
        status.size_bytes = database.file.as_deref().map(size);
    }
    if json {
        output::json(&status)?;
        return Ok(Exit::Fine);
    }
    let mut table = Table::new([left("what"), left("value")]);
    let version = match (status.schema_version, is_new) {
        (0, true) => "none: it is made when something is written".to_owned(),
        (0, false) => "none: run `gatewayz db migrate`".to_owned(),
        (version, _) => version.to_string(),
    };
    table.row(["kind", status.kind]);
    table.row(["url", &status.url]);
    table.row(["schema version", &version]);
    table.row(["providers", &status.providers.to_string()]);
    table.row(["models", &thousands(status.models as u64)]);
    table.row(["models no longer listed", &thousands(status.models_removed as u64)]);
    if let Some(bytes) = status.size_bytes {
        table.row(["size", &format!("{} KiB", thousands(bytes.div_ceil(1024)))]);
    }
    output::table(&table)?;
    Ok(Exit::Fine)
}

/// The size of a file with what SQLite keeps beside it.
fn size(file: &std::path::Path) -> u64 {
    let beside = |suffix: &str| {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        std::fs::metadata(name).map_or(0, |metadata| metadata.len())
    };
    ["", "-wal", "-shm"].into_iter().map(beside).sum()
}
