//! What the caches of a gateway do, as they do it.

use std::{collections::BTreeMap, time::Duration};

use gatewayz_cache_core::{Clock as _, KernelClock};
use http::Method;
use serde::Serialize;
use serde_json::Value;

use super::{LOOK, Remote};
use crate::cli::{
    failure::{Exit, Failure},
    output,
    table::{Table, left, right},
};

/// What is counted, and where a cache says it.
const COUNTS: [(&str, &str); 5] = [
    ("hits", "/hits"),
    ("misses", "/misses"),
    ("fills", "/loads"),
    ("stale", "/local/stale_hits"),
    ("invalidations", "/invalidations"),
];

type Counts = [u64; COUNTS.len()];

/// What one cache did per second.
type Rates = BTreeMap<&'static str, f64>;

/// What all of them did since the time before: those that were ever asked for something.
#[derive(Debug, Serialize)]
struct Turn {
    timestamp: String,
    seconds: f64,
    caches: BTreeMap<String, Rates>,
}

/// Shows it until interrupted.
pub(super) async fn watch(remote: &Remote, interval: Duration, json: bool) -> Result<Exit, Failure> {
    let mut before = read(&ask(remote).await?);
    let mut then = KernelClock.now();
    let mut drawn = 0;
    let mut turns = tokio::time::interval(interval);
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    turns.tick().await;
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Fine),
            _ = turns.tick() => {}
        }
        let after = match ask(remote).await {
            Ok(answer) => read(&answer),
            // It may be starting anew.
            Err(failure) if failure.exit == Exit::Unreachable => {
                output::note(&format!("gatewayz: {failure}"));
                drawn = 0;
                continue;
            }
            Err(failure) => return Err(failure),
        };
        let now = KernelClock.now();
        let turn = Turn {
            timestamp: KernelClock.wall().to_string(),
            seconds: now.since(then).as_secs_f64(),
            caches: rates(&before, &after, now.since(then)),
        };
        (before, then) = (after, now);
        if json {
            output::json_line(&turn)?;
        } else if output::is_terminal() {
            drawn = redraw(&turn, drawn)?;
        } else {
            let lines = lines(&turn);
            if !lines.is_empty() {
                output::text(&lines)?;
            }
        }
    }
}

async fn ask(remote: &Remote) -> Result<Value, Failure> {
    remote.call(Method::GET, "/cache/stats", &[], LOOK).await
}

fn read(answer: &Value) -> BTreeMap<String, Counts> {
    let caches = answer.get("caches").and_then(Value::as_object);
    let count = |cache: &Value, at: &str| cache.pointer(at).and_then(Value::as_u64).unwrap_or(0);
    let counts = |(name, cache): (&String, &Value)| (name.clone(), COUNTS.map(|(_, at)| count(cache, at)));
    caches.into_iter().flatten().map(counts).collect()
}

/// What changed per second. A count that is less than before began anew.
#[expect(
    clippy::cast_precision_loss,
    reason = "figures for people; counts stay far below 2^52"
)]
fn rates(
    before: &BTreeMap<String, Counts>,
    after: &BTreeMap<String, Counts>,
    took: Duration,
) -> BTreeMap<String, Rates> {
    let took = took.as_secs_f64().max(0.001);
    let mut all = BTreeMap::new();
    for (name, now) in after.iter().filter(|(_, now)| now.iter().any(|count| *count > 0)) {
        let then = before.get(name).copied().unwrap_or_default();
        let mut rates = Rates::new();
        for (((what, _), now), then) in COUNTS.iter().zip(now).zip(then) {
            let more = now.checked_sub(then).unwrap_or(*now);
            rates.insert(what, (more as f64 / took * 10.0).round() / 10.0);
        }
        all.insert(name.clone(), rates);
    }
    all
}

/// Draws the table over the last one, which had so many lines.
fn redraw(turn: &Turn, drawn: usize) -> Result<usize, Failure> {
    let mut columns = vec![left("cache")];
    columns.extend(COUNTS.iter().map(|(what, _)| right(what)));
    let mut table = Table::new(columns);
    for (name, rates) in &turn.caches {
        let cells = COUNTS.iter().map(|(what, _)| format!("{:.1}", of(rates, what)));
        table.row(std::iter::once(name.clone()).chain(cells));
    }
    let drawing = format!("per second, {}\n{}", turn.timestamp, table.render(output::width()));
    let back = if drawn > 0 {
        format!("\u{1b}[{drawn}A\u{1b}[J")
    } else {
        String::new()
    };
    output::text(&format!("{back}{drawing}"))?;
    Ok(drawing.lines().count())
}

/// A line per cache that did something.
fn lines(turn: &Turn) -> String {
    let mut out = String::new();
    for (name, rates) in &turn.caches {
        if rates.values().all(|rate| *rate == 0.0) {
            continue;
        }
        let figures: Vec<String> = COUNTS
            .iter()
            .map(|(what, _)| format!("{what}/s={:.1}", of(rates, what)))
            .collect();
        out.push_str(&format!("{} {name} {}\n", turn.timestamp, figures.join(" ")));
    }
    out
}

fn of(rates: &Rates, what: &str) -> f64 {
    rates.get(what).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::{Turn, lines, rates, read};

    #[test]
    fn figures_are_per_second_and_survive_a_new_start() {
        let before = read(&json!({ "caches": { "full": { "hits": 100, "misses": 50 },
            "resting": { "hits": 7 } } }));
        let after = read(&json!({ "caches": {
            "full": { "hits": 150, "misses": 5, "loads": 5, "local": { "stale_hits": 1 }, "invalidations": 2 },
            "new": { "hits": 3 },
            "idle": { "hits": 0 },
            "resting": { "hits": 7 },
        } }));
        let turn = Turn {
            timestamp: "now".to_owned(),
            seconds: 2.0,
            caches: rates(&before, &after, Duration::from_secs(2)),
        };
        let expected = "now full hits/s=25.0 misses/s=2.5 fills/s=2.5 stale/s=0.5 invalidations/s=1.0\n\
                        now new hits/s=1.5 misses/s=0.0 fills/s=0.0 stale/s=0.0 invalidations/s=0.0\n";
        assert_eq!(lines(&turn), expected);
        assert!(turn.caches.contains_key("resting") && !turn.caches.contains_key("idle"));
    }
}
