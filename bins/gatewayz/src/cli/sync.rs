//! `gatewayz sync`

use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};
use gatewayz_catalog::{Outcome, Phase, Progress, ProviderReport, Skipped, SyncReport, WriteMode};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::watch;

use super::{
    context::{Globals, block_on, open_for_reading, open_for_writing, provider},
    failure::{Exit, Failure},
    output,
    table::{Table, left, right, thousands},
};
use crate::{
    config::Loaded,
    engine::{Engine, sync_options},
};

pub(super) fn command() -> Command {
    Command::new("sync")
        .about("Fetches the providers' lists of models and writes them")
        .after_help(
            "Runs in this process, on the database of the configuration; where Redis is configured, running gateways \
             see the outcome at once. Providers that lack their key are left out unless they are named.\n\n\
             Ends with 0 where all lists came, 3 where some did not, 1 where none did.",
        )
        .arg(
            Arg::new("provider")
                .value_name("PROVIDER")
                .num_args(0..)
                .help("Whose lists, by slug or alias; otherwise those of all providers"),
        )
        .arg(dry_run())
        .arg(
            Arg::new("allow-shrink")
                .long("allow-shrink")
                .action(ArgAction::SetTrue)
                .help("Also takes lists with less than half of the models that are there"),
        )
}

/// The flag that leaves the database as it is.
pub(super) fn dry_run() -> Arg {
    Arg::new("dry-run")
        .long("dry-run")
        .action(ArgAction::SetTrue)
        .help("Only counts what would change")
}

/// What a run is asked for.
struct Wanted {
    names: Vec<String>,
    dry_run: bool,
    allow_shrink: bool,
    json: bool,
}

pub(super) fn run(globals: &Globals, matches: &ArgMatches) -> Result<Exit, Failure> {
    let loaded = globals.start()?;
    let names = matches.get_many::<String>("provider").into_iter().flatten();
    let wanted = Wanted {
        names: names.cloned().collect(),
        dry_run: matches.get_flag("dry-run"),
        allow_shrink: matches.get_flag("allow-shrink"),
        json: globals.json,
    };
    block_on(Box::pin(sync(&loaded, &wanted)))
}

async fn sync(loaded: &Loaded, wanted: &Wanted) -> Result<Exit, Failure> {
    let directory = loaded.config.providers.registry.directory();
    let mut options = sync_options(&loaded.config);
    let slugs: Result<Vec<_>, Failure> = wanted.names.iter().map(|name| provider(directory, name)).collect();
    let slugs = slugs?;
    let is_named = !slugs.is_empty();
    if is_named {
        options.providers = Some(slugs);
    }
    options.allow_shrink = wanted.allow_shrink;
    let engine = if wanted.dry_run {
        options.mode = WriteMode::DryRun;
        open_for_reading(loaded).await?
    } else {
        open_for_writing(&loaded.config).await?
    };
    let report = {
        let running = Box::pin(engine.sync.run(&options));
        attended(&engine, running).await?
    };
    engine.close().await;
    if wanted.json {
        output::json(&report)?;
    } else {
        let (table, unasked) = lists(&report, is_named);
        output::table(&table)?;
        if unasked > 0 {
            output::note(&format!(
                "{unasked} providers were not asked: they lack their key or have no list (`gatewayz providers`)"
            ));
        }
        tell(&report, loaded.config.redis.is_some());
    }
    Ok(ended(&report, is_named))
}

/// Runs it, with a bar for whoever looks on. An interrupt gives the fetches up, but never what is being written.
async fn attended(
    engine: &Engine,
    mut running: std::pin::Pin<Box<impl Future<Output = SyncReport>>>,
) -> Result<SyncReport, Failure> {
    let progress = engine.sync.progress();
    let writing = engine.sync.progress();
    let showing = show(progress);
    tokio::pin!(showing);
    loop {
        tokio::select! {
            report = &mut running => return Ok(report),
            () = &mut showing => {}
            _ = tokio::signal::ctrl_c() => {
                if writing.borrow().phase != Phase::Writing {
                    return Err(Failure::new(Exit::Failed, "interrupted; nothing was written"));
                }
                output::note("gatewayz: lists are being written; ending afterwards");
            }
        }
    }
}

/// Takes the bar away when it goes.
struct Bar(ProgressBar);

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Never ends.
async fn show(mut progress: watch::Receiver<Progress>) {
    if !output::is_attended() {
        return std::future::pending().await;
    }
    let bar = Bar(ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr()));
    if let Ok(style) = ProgressStyle::with_template("{spinner} {bar:30} {pos}/{len} {wide_msg}") {
        bar.0.set_style(style);
    }
    bar.0.enable_steady_tick(Duration::from_millis(120));
    loop {
        let now = progress.borrow_and_update().clone();
        bar.0.set_length(now.total as u64);
        bar.0.set_position((now.fetched + now.failed) as u64);
        let running: Vec<&str> = now.running.iter().map(gatewayz_catalog::Slug::as_str).collect();
        bar.0.set_message(match now.phase {
            Phase::Writing => format!("writing {} models", thousands(now.rows)),
            _ => running.join(", "),
        });
        if progress.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// Whether a list was not even asked for, because something is missing that nobody promised.
fn is_unasked(report: &ProviderReport) -> bool {
    matches!(&report.outcome, Outcome::Failed { kind, .. } if kind == "not-configured" || kind == "no-list")
}

/// What became of each list, and how many were not asked for.
pub(super) fn lists(report: &SyncReport, is_named: bool) -> (Table, usize) {
    let mut table = Table::new([
        left("provider"),
        right("models"),
        right("added"),
        right("changed"),
        right("removed"),
        right("time"),
        left("outcome"),
        left("left out"),
    ]);
    let mut unasked = 0;
    for (slug, list) in &report.providers {
        if !is_named && is_unasked(list) {
            unasked += 1;
            continue;
        }
        let (changes, outcome) = match &list.outcome {
            Outcome::Synced(changes) if changes.written() == 0 => (Some(*changes), "unchanged".to_owned()),
            Outcome::Synced(changes) if report.dry_run => (Some(*changes), "would change".to_owned()),
            Outcome::Synced(changes) => (Some(*changes), "written".to_owned()),
            Outcome::Kept => (None, "kept: it has the provider's own list".to_owned()),
            Outcome::Failed { message, .. } => (None, format!("failed: {message}")),
        };
        let count = |of: fn(gatewayz_catalog::Changes) -> u64| changes.map(of).map(thousands).unwrap_or_default();
        table.row([
            slug.as_str(),
            &thousands(list.rows),
            &count(|changes| changes.added),
            &count(|changes| changes.changed),
            &count(|changes| changes.removed),
            &seconds(list.duration_ms),
            &outcome,
            &left_out(&list.skipped),
        ]);
    }
    (table, unasked)
}

/// Why rows and fields are not there.
pub(super) fn left_out(skipped: &Skipped) -> String {
    let reasons = skipped.reasons.iter();
    let reasons: Vec<String> = reasons
        .map(|(reason, rows)| format!("{} {reason}", rows.count))
        .collect();
    reasons.join(", ")
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{}s", milliseconds / 1000, milliseconds % 1000 / 100)
}

/// What there is to say of the whole.
pub(super) fn tell(report: &SyncReport, has_redis: bool) {
    match (report.dry_run, report.invalidated) {
        (true, _) => output::note("nothing was written: this was a dry run"),
        (false, Some(true)) if has_redis => {}
        (false, Some(false)) if has_redis => output::note(
            "gatewayz: warning: not every gateway has heard of it; those serve what they have until it expires",
        ),
        (false, Some(_)) => output::note(
            "no Redis is configured: a running gateway sees this when it next reads the database, or after \
             `gatewayz cache refresh`",
        ),
        (false, None) => {}
    }
}

/// How a command ends that wrote lists.
pub(super) fn ended(report: &SyncReport, is_named: bool) -> Exit {
    let failed = report.providers.values().filter(|list| {
        let failed = matches!(list.outcome, Outcome::Failed { .. });
        failed && (is_named || !is_unasked(list))
    });
    let kept = report.providers.values().any(|list| list.outcome == Outcome::Kept);
    match (failed.count(), report.synced()) {
        (0, 1..) => Exit::Fine,
        (0, 0) if kept => Exit::Fine,
        (_, 0) => Exit::Failed,
        _ => Exit::Partly,
    }
}

#[cfg(test)]
mod tests {
    use gatewayz_catalog::SyncReport;
    use serde_json::{Value, json};

    use super::{Exit, ended, lists};

    fn report(outcomes: &[(&str, Value)]) -> SyncReport {
        let list = |outcome: &Value| {
            json!({
                "outcome": outcome, "rows": 12, "bytes": 0, "pages": 1, "duration_ms": 1234,
                "skipped": { "reasons": { "no id": { "count": 2, "samples": [] } } },
            })
        };
        let providers: serde_json::Map<String, Value> = outcomes
            .iter()
            .map(|(slug, outcome)| ((*slug).to_owned(), list(outcome)))
            .collect();
        let changes = json!({ "added": 0, "changed": 0, "removed": 0, "unchanged": 0 });
        serde_json::from_value(json!({
            "started_at": 0, "duration_ms": 0, "dry_run": false, "providers": providers,
            "total": changes, "failed": 0, "invalidated": null,
        }))
        .expect("a report")
    }

    fn synced() -> Value {
        json!({ "synced": { "added": 1, "changed": 2, "removed": 3, "unchanged": 6 } })
    }

    fn failed(kind: &str) -> Value {
        json!({ "failed": { "kind": kind, "message": "no answer", "transient": true } })
    }

    #[test]
    fn the_end_says_how_many_lists_came() {
        for (outcomes, is_named, exit) in [
            (vec![("groq", synced())], false, Exit::Fine),
            (vec![("groq", json!("kept"))], false, Exit::Fine),
            (
                vec![("groq", synced()), ("xai", failed("connect"))],
                false,
                Exit::Partly,
            ),
            (vec![("groq", failed("connect"))], false, Exit::Failed),
            (vec![], false, Exit::Failed),
            // Nobody promised a key for it.
            (
                vec![("groq", synced()), ("xai", failed("not-configured"))],
                false,
                Exit::Fine,
            ),
            (
                vec![("groq", synced()), ("xai", failed("not-configured"))],
                true,
                Exit::Partly,
            ),
            (vec![("xai", failed("not-configured"))], true, Exit::Failed),
        ] {
            assert_eq!(ended(&report(&outcomes), is_named), exit, "{outcomes:?}");
        }
    }

    #[test]
    fn every_list_has_a_row_and_its_reasons() {
        let report = report(&[
            ("groq", synced()),
            ("xai", failed("not-configured")),
            ("zai", failed("connect")),
        ]);
        let (table, unasked) = lists(&report, false);
        let text = table.render(None);
        assert_eq!((table.len(), unasked), (2, 1));
        assert!(
            text.contains("1.2s  written") && text.contains("2 no id") && text.contains("failed: no answer"),
            "{text}"
        );
    }
}
