//! `gatewayz import`

use std::{
    fs::File,
    io::{self, Read},
    path::PathBuf,
};

use clap::{Arg, ArgAction, ArgMatches, Command, builder::PossibleValuesParser, value_parser};
use gatewayz_catalog::{Skipped, SyncReport, WriteMode};
use gatewayz_providers::import::{self, Catalogue, ImportError, Imported};
use serde::Serialize;

use super::{
    context::{Globals, block_on, open_for_reading, open_for_writing},
    failure::{Exit, Failure},
    output, sync,
};
use crate::config::Loaded;

const FORMATS: [(&str, Catalogue); 3] = [
    ("models.dev", Catalogue::ModelsDev),
    ("litellm", Catalogue::LiteLlm),
    ("openrouter", Catalogue::OpenRouter),
];

pub(super) fn command() -> Command {
    Command::new("import")
        .about("Fills the catalogue from a file: a public catalogue of models, for a gateway without a way out")
        .after_help(
            "Known are api.json of models.dev, model_prices_and_context_window.json of LiteLLM and the list of \
             OpenRouter, each also packed with gzip. A provider that has its own list keeps it.",
        )
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("The file; `-` is standard input"),
        )
        .arg(
            Arg::new("format")
                .long("format")
                .value_name("FORMAT")
                .value_parser(PossibleValuesParser::new(FORMATS.map(|(word, _)| word)))
                .help("Which catalogue it is; otherwise its first entries tell"),
        )
        .arg(sync::dry_run())
        .arg(
            Arg::new("overwrite")
                .long("overwrite")
                .action(ArgAction::SetTrue)
                .help("Also replaces what providers' own lists brought"),
        )
}

/// What an import did.
#[derive(Debug, Serialize)]
struct Done<'a> {
    format: &'static str,
    rows: u64,
    listings: usize,
    rows_left_out: u64,
    left_out: &'a Skipped,
    unknown_providers: &'a std::collections::BTreeMap<String, u64>,
    report: &'a SyncReport,
}

pub(super) fn run(globals: &Globals, matches: &ArgMatches) -> Result<Exit, Failure> {
    let loaded = globals.start()?;
    let path = matches.get_one::<PathBuf>("file").cloned().unwrap_or_default();
    let format = matches.get_one::<String>("format");
    let format = FORMATS
        .iter()
        .find(|(word, _)| format.is_some_and(|format| format == word));
    let imported = read(&loaded, &path, format.map(|(_, catalogue)| *catalogue));
    let imported = imported.map_err(|error| {
        let hint = match error {
            ImportError::Unrecognised => "; name it with `--format`",
            _ => "",
        };
        let failure = Failure::because(&format!("`{}` was not imported", path.display()), &error);
        Failure::new(Exit::Failed, format!("{failure}{hint}"))
    })?;
    let (dry_run, overwrite) = (matches.get_flag("dry-run"), matches.get_flag("overwrite"));
    block_on(Box::pin(write(&loaded, imported, [dry_run, overwrite, globals.json])))
}

fn read(loaded: &Loaded, path: &std::path::Path, format: Option<Catalogue>) -> Result<Imported, ImportError> {
    let source: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(ImportError::Unreadable)?)
    };
    let directory = loaded.config.providers.registry.directory();
    match format {
        None => import::read_any(source, directory),
        Some(catalogue) => import::read(catalogue, &import::unpack(source)?, directory),
    }
}

async fn write(loaded: &Loaded, imported: Imported, [dry_run, overwrite, json]: [bool; 3]) -> Result<Exit, Failure> {
    let (engine, mode) = if dry_run {
        (open_for_reading(loaded).await?, WriteMode::DryRun)
    } else {
        (open_for_writing(&loaded.config).await?, WriteMode::Apply)
    };
    let listings = imported.listings();
    let report = engine.catalog.import(imported.lists, mode, overwrite).await;
    let report = report.map_err(|error| Failure::because("the database cannot be read", &error))?;
    engine.close().await;
    if json {
        output::json(&Done {
            format: imported.catalogue.as_str(),
            rows: imported.rows,
            listings,
            rows_left_out: imported.rows_left_out,
            left_out: &imported.skipped,
            unknown_providers: &imported.unknown_providers,
            report: &report,
        })?;
    } else {
        let (table, _) = sync::lists(&report, true);
        output::table(&table)?;
        if imported.skipped.count() > 0 {
            output::note(&format!("left out: {}", sync::left_out(&imported.skipped)));
        }
        if !imported.unknown_providers.is_empty() {
            let names: Vec<&str> = imported.unknown_providers.keys().map(String::as_str).collect();
            output::note(&format!(
                "{} providers of the file are not known here: {}",
                names.len(),
                shortened(&names)
            ));
        }
        sync::tell(&report, loaded.config.redis.is_some());
    }
    Ok(sync::ended(&report, true))
}

fn shortened(names: &[&str]) -> String {
    const SHOWN: usize = 12;
    let mut text = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(", …");
    }
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
