//! What operators look at: rules, dashboards, log lines, and the examples of the documents.

use std::collections::BTreeSet;

use gatewayz_testkit::{RedisServer, SimulatedProvider, eventually, simulated::Reply};
use serde_json::Value;

use crate::gateway::{Gateway, SOON, Settings, only};

const ALERTS: &str = include_str!("../../../../docs/alerts.yml");
const DASHBOARD: &str = include_str!("../../../../docs/dashboard.json");
const OPERATIONS: &str = include_str!("../../../../docs/operations.md");

/// The names of metrics in an expression: the words with a `_`, as all have one, that are no function and no label.
fn names(expression: &str) -> BTreeSet<String> {
    let (mut names, mut word) = (BTreeSet::new(), String::new());
    // Labels stand in braces and behind `by`, ranges in brackets, texts in quotes.
    let (mut depth, mut quoted, mut labels) = (0_u32, false, false);
    for letter in expression.chars().chain([' ']) {
        if letter == '"' {
            quoted = !quoted;
        }
        if quoted {
            continue;
        }
        if letter.is_ascii_alphanumeric() || letter == '_' || letter == ':' {
            word.push(letter);
            continue;
        }
        let ended = std::mem::take(&mut word);
        if matches!(ended.as_str(), "by" | "without" | "on" | "ignoring") {
            labels = true;
        } else if depth == 0 && !labels && letter != '(' && ended.contains('_') {
            names.insert(ended);
        }
        match letter {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            ')' => labels = false,
            _ => {}
        }
    }
    names
}

/// The expressions of the rules, of which some go over several lines.
fn rules() -> Vec<String> {
    let mut rules: Vec<String> = Vec::new();
    let mut is_open = false;
    for line in ALERTS.lines() {
        if let Some(expression) = line.trim_start().strip_prefix("expr:") {
            is_open = expression.trim() == ">-";
            rules.push(if is_open { String::new() } else { expression.to_owned() });
        } else if is_open && line.starts_with("          ") {
            let rule = rules.last_mut().unwrap();
            rule.push(' ');
            rule.push_str(line.trim());
        } else {
            is_open = false;
        }
    }
    rules
}

fn expressions(of: &Value, found: &mut Vec<String>) {
    match of {
        Value::Object(fields) => {
            if let Some(expression) = fields.get("expr").and_then(Value::as_str) {
                found.push(expression.to_owned());
            }
            fields.values().for_each(|field| expressions(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        _ => {}
    }
}

#[test]
fn names_are_told_from_functions_labels_and_times() {
    let found = names(
        r#"sum by (le, cache) (rate(a_total{code=~"5.."}[5m])) / on (x_y) > 1.5 * b_c offset 1h and d_e == 0 or f_g{h_i="j_k"}"#,
    );
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    assert_eq!(found, ["a_total", "b_c", "d_e", "f_g"]);
}

/// Every metric that a rule, a panel or the table of the operations names is one that a gateway with Redis has.
#[tokio::test]
async fn what_is_watched_is_measured() {
    let mut watched = rules();
    assert!(watched.len() >= 10, "{watched:?}");
    let panels = &mut Vec::new();
    expressions(&serde_json::from_str(DASHBOARD).unwrap(), panels);
    assert!(panels.len() >= 10, "{panels:?}");
    watched.append(panels);
    let table = OPERATIONS.split("## What to watch").nth(1).unwrap();
    let cells = table
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('`'));
    watched.extend(cells.flat_map(|line| line.split('`').skip(1).step_by(2).map(str::to_owned)));
    let watched: BTreeSet<String> = watched.iter().flat_map(|expression| names(expression)).collect();

    let redis = RedisServer::start().await.unwrap();
    let gateway = Gateway::start(Settings::new().redis(&redis)).await;
    // A request, a page of the cache, and something that waits for all nodes.
    gateway.get("/v1/models?gateway=all").await;
    gateway.admin("POST", "/cache/clear").await;
    let missing = async || -> Vec<String> {
        let text = gateway.get("/metrics").await.text();
        let known: BTreeSet<&str> = text.lines().filter_map(|line| line.split(['{', ' ']).next()).collect();
        // A histogram may be named as a whole.
        let is_known = |name: &str| known.contains(name) || known.contains(format!("{name}_bucket").as_str());
        watched.iter().filter(|name| !is_known(name)).cloned().collect()
    };
    let measured = eventually(SOON, async || missing().await.is_empty()).await;
    assert!(measured.is_ok(), "no gateway measures {:?}", missing().await);
}

/// Every line names the application; the cache speaks at the levels that operators filter by.
#[tokio::test]
async fn log_lines_say_what_the_cache_does() {
    let redis = RedisServer::start().await.unwrap();
    let settings = Settings::new().redis(&redis);
    let debug = settings.clone().env("GATEWAYZ_LOG", "info,gatewayz_catalog=debug");
    let gateway = Gateway::start(debug).await;
    gateway.get("/v1/models?gateway=all&limit=1").await;
    gateway.get("/v1/models?gateway=all&limit=1").await;
    gateway.admin("POST", "/cache/clear").await;
    redis.kill().await.unwrap();
    for words in [
        ["DEBUG", "Cache MISS: all"],
        ["DEBUG", "Cache HIT: all"],
        ["INFO", "Cache SET: Full model catalog ("],
        ["INFO", "Cache INVALIDATE: Full model catalog"],
        ["INFO", "Catalog build time: "],
        ["ERROR", "Redis connection failed: "],
    ] {
        gateway.logs(&words).await;
    }
    let log = gateway.log();
    assert!(log.lines().all(|line| line.contains(r#""app":"gatewayz""#)), "{log}");

    let usual = Gateway::start(settings.without("REDIS_URL")).await;
    usual.get("/v1/models?gateway=all&limit=1").await;
    usual.get("/v1/models?gateway=all&limit=1").await;
    let log = usual.log();
    assert!(!log.contains("Cache HIT") && !log.contains("Cache MISS"), "{log}");
}

/// The configuration that the first page shows is one that works as it stands.
#[tokio::test]
async fn the_example_of_the_first_page_works() {
    let readme = include_str!("../../../../README.md");
    let example = readme.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(
        example.contains("[admin]") && example.contains("[providers."),
        "{example}"
    );
    let gateway = Gateway::start(Settings::new().without("ADMIN_API_KEY").file(example)).await;
    let providers = gateway.get("/v1/gateways").await.text();
    assert!(providers.contains("my-models"), "{providers}");
}

/// A start that cannot be says what to change.
#[tokio::test]
async fn a_database_that_cannot_be_opened_says_what_it_needs() {
    let settings = Settings::new().database("sqlite:nowhere/gatewayz.db");
    let refused = Gateway::try_start(&settings).await.unwrap_err();
    assert_eq!(refused.status.code(), Some(1), "{}", refused.log);
    let log = &refused.log;
    assert!(log.contains("nowhere/gatewayz.db") && log.contains("writable"), "{log}");
}

#[tokio::test]
async fn scheduled_syncs_are_counted() {
    let upstream = SimulatedProvider::start().await.unwrap();
    upstream.route("/v1/models", Reply::models(5));
    let settings = Settings::new()
        .file(&only(&["groq"], &format!("{}/v1/models", upstream.url())))
        .env("ENABLE_SCHEDULED_MODEL_SYNC", "true");
    let gateway = Gateway::start(settings).await;
    let labels = ["job=\"sync\"", "outcome=\"ok\""];
    let counted = async || gateway.metric("background_runs_total", &labels).await >= 1.0;
    eventually(SOON, counted).await.unwrap();
    let stats = gateway.admin("GET", "/cache/stats").await.json();
    let jobs = stats["jobs"].as_array().unwrap();
    let sync = jobs.iter().find(|job| job["job"] == "sync").unwrap();
    assert_eq!((&sync["failures"], &sync["last_error"]), (&0.into(), &Value::Null));
    assert!(sync["last_run"].is_string(), "{sync}");
}
