//! `gatewayz cache`

mod remote;
mod watch;

use std::{path::PathBuf, time::Duration};

use clap::{Arg, ArgMatches, Command, value_parser};
use http::Method;
use serde_json::{Map, Value};

use self::remote::Remote;
pub(crate) use self::remote::near;
use super::{
    context::{Globals, block_on},
    failure::{Exit, Failure},
    output,
    table::{Table, left, right, thousands},
};

/// How long a gateway may take that only looks.
const LOOK: Duration = Duration::from_secs(10);
/// How long one may take that reads lists or the database anew.
const WORK: Duration = Duration::from_secs(120);

pub(super) fn command() -> Command {
    let gateway = || {
        Arg::new("gateway")
            .value_name("GATEWAY")
            .help("Whose: a provider; otherwise all")
    };
    Command::new("cache")
        .about("Looks at the caches of a running gateway, and makes them forget or read anew")
        .after_help(
            "The key of administrators is ADMIN_API_KEY or `admin.key` of the configuration, or in a file: on the \
             command line, everybody on this machine could read it.",
        )
        .subcommand_required(true)
        .arg_required_else_help(true)
        .args([
            Arg::new("url")
                .long("url")
                .value_name("URL")
                .global(true)
                .help("Where the gateway is [default: GATEWAYZ_URL, else where the configuration listens]"),
            Arg::new("key-file")
                .long("key-file")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .global(true)
                .help("A file with the key of administrators"),
        ])
        .subcommands([
            Command::new("status").about("What is cached of each provider"),
            Command::new("stats").about("What the caches have done since the start"),
            Command::new("get").about("What is cached under a key").arg(
                Arg::new("key")
                    .value_name("KEY")
                    .required(true)
                    .help("The key, as in models:catalog:full"),
            ),
            Command::new("clear")
                .about("Forgets what is cached, on all gateways")
                .arg(gateway()),
            Command::new("refresh")
                .about("Reads the database anew, for all gateways")
                .arg(gateway()),
            Command::new("warm").about("Makes what will be asked for before it is"),
            Command::new("watch")
                .about("Shows what the caches do, until interrupted")
                .arg(
                    Arg::new("interval")
                        .long("interval")
                        .value_name("TIME")
                        .default_value("1s")
                        .value_parser(duration)
                        .help("How often, as in 500ms or 5s"),
                ),
        ])
}

/// A time with its unit.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write a number and its unit, one of ms, s, m, as in 500ms".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_invalid| wrong())?;
    let milliseconds = match unit.trim() {
        "ms" => number,
        "s" => number.saturating_mul(1000),
        "m" => number.saturating_mul(60_000),
        _ => return Err(wrong()),
    };
    if (50..=3_600_000).contains(&milliseconds) {
        Ok(Duration::from_millis(milliseconds))
    } else {
        Err("it is between 50ms and 60m".to_owned())
    }
}

pub(super) fn run(globals: &Globals, matches: &ArgMatches) -> Result<Exit, Failure> {
    let Some((name, inner)) = matches.subcommand() else {
        return Err(Failure::new(
            Exit::Usage,
            "name what to do with the cache: `gatewayz cache --help`",
        ));
    };
    let url = inner.get_one::<String>("url").cloned();
    let remote = Remote::of(globals, url, inner.get_one::<PathBuf>("key-file"))?;
    let json = globals.json;
    let text = |name: &str| inner.try_get_one::<String>(name).ok().flatten().cloned();
    let gateway = text("gateway");
    block_on(Box::pin(async move {
        let whose: Vec<(&str, &str)> = gateway.iter().map(|gateway| ("gateway", gateway.as_str())).collect();
        let (post, get) = (Method::POST, Method::GET);
        let answer = match name {
            "watch" => {
                let interval = inner.get_one::<Duration>("interval").copied();
                return watch::watch(&remote, interval.unwrap_or(Duration::from_secs(1)), json).await;
            }
            "status" => remote.call(get, "/cache/status", &[], LOOK).await?,
            "stats" => remote.call(get, "/cache/stats", &[], LOOK).await?,
            "get" => {
                let key = text("key").unwrap_or_default();
                remote.call(get, "/cache/entry", &[("key", &key)], LOOK).await?
            }
            "clear" => remote.call(post, "/cache/clear", &whose, WORK).await?,
            "refresh" => {
                let whose = [("gateway", gateway.as_deref().unwrap_or("all"))];
                remote.call(post, "/cache/refresh", &whose, WORK).await?
            }
            _ => remote.call(post, "/api/system/cache/warm", &[], WORK).await?,
        };
        if json {
            output::json(&answer)?;
        } else {
            let table = shown(name, &answer);
            output::table(&table)?;
            if name == "status" && table.len() == 0 {
                output::note("nothing is cached at present");
            }
        }
        let refused = answer.get("success") == Some(&Value::Bool(false));
        Ok(if refused { Exit::Failed } else { Exit::Fine })
    }))
}

fn shown(name: &str, answer: &Value) -> Table {
    let named = match name {
        "status" => answer.get("data").and_then(Value::as_object).map(status),
        "stats" => answer.get("caches").and_then(Value::as_object).map(stats),
        _ => None,
    };
    named.unwrap_or_else(|| facts(answer))
}

/// What is cached of each provider that has something.
fn status(data: &Map<String, Value>) -> Table {
    let mut table = Table::new([
        left("gateway"),
        left("status"),
        right("models"),
        right("age"),
        right("ttl"),
        left("last refresh"),
    ]);
    for (gateway, state) in data {
        let count = state.get("models_cached").or_else(|| state.get("providers_cached"));
        let count = count.and_then(Value::as_u64).unwrap_or(0);
        let seconds = |field: &str| {
            let seconds = state.get(field).and_then(Value::as_u64);
            seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds}s"))
        };
        if count == 0 && data.len() > 20 {
            continue;
        }
        table.row([
            gateway.as_str(),
            state.get("status").and_then(Value::as_str).unwrap_or("-"),
            &thousands(count),
            &seconds("cache_age_seconds"),
            &seconds("ttl_seconds"),
            state.get("last_refresh").and_then(Value::as_str).unwrap_or("-"),
        ]);
    }
    table
}

/// What each cache has done.
fn stats(caches: &Map<String, Value>) -> Table {
    let mut table = Table::new([
        left("cache"),
        right("hits"),
        right("misses"),
        right("rate"),
        right("fills"),
        right("coalesced"),
        right("stale"),
        right("invalidations"),
        right("errors"),
        right("entries"),
    ]);
    for (name, cache) in caches {
        let count = |pointer: &str| thousands(cache.pointer(pointer).and_then(Value::as_u64).unwrap_or(0));
        let rate = cache
            .pointer("/hit_rate_percent")
            .and_then(Value::as_f64)
            .unwrap_or(0.0);
        table.row([
            name.as_str(),
            &count("/hits"),
            &count("/misses"),
            &format!("{rate:.2}%"),
            &count("/loads"),
            &count("/coalesced"),
            &count("/local/stale_hits"),
            &count("/invalidations"),
            &count("/errors"),
            &count("/local/entries"),
        ]);
    }
    table
}

/// Any answer, flat: a path and a value per line.
fn facts(answer: &Value) -> Table {
    let mut table = Table::new([left("what"), left("value")]);
    flatten("", answer, &mut table);
    table
}

fn flatten(path: &str, value: &Value, table: &mut Table) {
    let below = |key: &str| {
        if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        }
    };
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                flatten(&below(key), value, table);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            for (at, item) in items.iter().enumerate() {
                flatten(&below(&at.to_string()), item, table);
            }
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            table.row([path, &items.join(", ")]);
        }
        other => table.row([path, &plain(other)]),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::{duration, shown};

    #[test]
    fn times_have_a_unit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("1m"), Ok(Duration::from_secs(60)));
        for wrong in ["", "1", "s", "1h", "-1s", "1ms", "99999999999999999999s", "2000m"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn answers_become_tables() {
        let status = json!({ "data": { "groq": { "status": "healthy", "models_cached": 1234, "cache_age_seconds": 3,
            "ttl_seconds": 900, "last_refresh": null } } });
        let text = shown("status", &status).render(None);
        assert!(text.contains("groq     healthy   1,234   3s  900s  -"), "{text}");
        let stats = json!({ "caches": { "models:full": { "hits": 1000, "misses": 1, "hit_rate_percent": 99.9,
            "local": { "stale_hits": 7 } } } });
        let text = shown("stats", &stats).render(None);
        assert!(text.contains("models:full  1,000       1  99.90%"), "{text}");
        let other = json!({ "success": true, "warmed": { "full": 3, "names": ["a", "b"] }, "list": [{ "x": null }] });
        let text = shown("warm", &other).render(None);
        for line in [
            "success       true",
            "warmed.full   3",
            "warmed.names  a, b",
            "list.0.x      -",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
