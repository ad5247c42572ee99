//! The commands of the real binary, on a SQLite file of their own.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test says by panicking what is not as it should be"
)]

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A list in the form of OpenRouter: one good row, a free one, and one that is none.
const LIST: &str = r#"{"data":[
    {"id":"openai/gpt-5","name":"GPT-5","created":1750000000,"context_length":400000,
     "architecture":{"input_modalities":["text","image"],"output_modalities":["text"]},
     "pricing":{"prompt":"0.00000125","completion":"0.00001"}},
    {"id":"meta-llama/llama-3.3-70b-instruct:free","name":"Llama 3.3 70B","context_length":131072,
     "pricing":{"prompt":"0","completion":"0"}},
    {"id":"","name":"nobody"}
]}"#;

/// A folder with nothing in it but what commands make there.
struct Place(TempDir);

/// What a command left behind.
struct Ended {
    code: i32,
    out: String,
    err: String,
}

impl Place {
    fn new() -> Self {
        Self(TempDir::new().expect("a temporary directory"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatewayz"));
        command
            .args(line.split_whitespace())
            .current_dir(self.path())
            .env_clear()
            .stdin(Stdio::null());
        command
    }

    fn run(&self, line: &str) -> Ended {
        Ended::of(&self.command(line).output().expect("the binary runs"))
    }

    /// Runs a command that must end well.
    #[track_caller]
    fn good(&self, line: &str) -> String {
        let ended = self.run(line);
        assert_eq!(ended.code, 0, "gatewayz {line}: {}{}", ended.out, ended.err);
        ended.out
    }

    /// Runs a command that must end well, and reads the JSON that it prints.
    #[track_caller]
    fn json(&self, line: &str) -> Value {
        let out = self.good(line);
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("gatewayz {line}: {error}: {out}"))
    }

    /// Runs a command that must end so, and say this.
    #[track_caller]
    fn bad(&self, line: &str, code: i32, said: &str) {
        let ended = self.run(line);
        assert_eq!(ended.code, code, "gatewayz {line}: {}{}", ended.out, ended.err);
        assert!(
            ended.err.contains(said),
            "gatewayz {line}: `{said}` is not in: {}",
            ended.err
        );
    }
}

impl Ended {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

#[test]
fn wrong_usage_ends_with_two() {
    let place = Place::new();
    place.bad("unknown", 2, "unrecognized subcommand 'unknown'");
    place.bad("serve --bogus", 2, "--bogus");
    place.bad("models --max-price cheap", 2, "cheap");
    place.bad("--config not-there.toml models", 2, "not-there.toml");
    place.bad("models --set server.listn=1", 2, "did you mean `server.listen`?");
    place.bad("models --gateway opnrouter", 2, "did you mean `openrouter`?");
    place.bad("cache status --url ftp://host", 2, "http");
    place.bad("cache status --key-file not-there", 2, "not-there");
    // None of them made anything.
    assert_eq!(fs::read_dir(place.path()).expect("it is there").count(), 0);
}

#[test]
fn a_gateway_that_is_not_there_ends_with_four() {
    let place = Place::new();
    place.bad(
        "cache status --url http://127.0.0.1:1",
        4,
        "there is no gateway at http://127.0.0.1:1",
    );
}

#[test]
fn the_configuration_is_checked_and_shown() {
    let place = Place::new();
    place.good("config check");
    fs::write(
        place.path().join("gatewayz.toml"),
        "[server]\nlisten = \"nowhere\"\n[sync]\nintervall = \"1h\"\n",
    )
    .expect("the file is written");
    place.bad("config check", 2, "for 2 reasons");
    let ended = place.run("config check --json");
    let checked: Value = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!((ended.code, &checked["ok"]), (2, &Value::Bool(false)));
    assert_eq!(checked["problems"].as_array().map(Vec::len), Some(2));
    fs::write(place.path().join("gatewayz.toml"), "[sync]\ninterval = \"1h\"\n").expect("the file is written");
    let shown = place
        .command("config show --json --set log.format=json")
        .env("ADMIN_API_KEY", "a-key-that-nobody-may-see")
        .output()
        .expect("the binary runs");
    let ended = Ended::of(&shown);
    assert!(!ended.out.contains("a-key-that-nobody-may-see"), "{}", ended.out);
    let rows: Value = serde_json::from_str(&ended.out).expect("JSON");
    let row = |path: &str| {
        let rows = rows.as_array().expect("a list");
        let row = rows.iter().find(|row| row["path"] == path).expect("the setting");
        (
            row["value"].as_str().map(str::to_owned),
            row["origin"].as_str().map(str::to_owned),
        )
    };
    let said = |value: &str, origin: &str| (Some(value.to_owned()), Some(origin.to_owned()));
    assert_eq!(row("sync.interval"), said("1h", "file gatewayz.toml:2"));
    assert_eq!(row("log.format"), said("json", "flag"));
    assert_eq!(row("admin.key"), said("(set)", "environment ADMIN_API_KEY"));
    assert!(place.good("config show").starts_with("setting"));
    assert_eq!(place.json("config schema")["title"], "gatewayz.toml");
    assert!(place.good("config reference").contains("# Configuration"));
}

#[test]
fn what_is_imported_is_listed() {
    let place = Place::new();
    place.bad("models", 1, "has nothing in it yet");
    assert_eq!(place.json("db status --json")["schema_version"], 0);
    assert_eq!(
        fs::read_dir(place.path()).expect("it is there").count(),
        0,
        "reading made a file"
    );

    let migrated = place.json("db migrate --json");
    assert_eq!(migrated["from"], 0);
    assert!(place.good("db migrate").contains("up to date"));
    fs::write(place.path().join("list.json"), LIST).expect("the file is written");
    let counted = place.json("import list.json --dry-run --json");
    assert_eq!(counted["report"]["total"]["added"], 2);
    assert_eq!(place.json("db status --json")["models"], 0);
    let imported = place.json("import list.json --json");
    assert_eq!(
        (&imported["format"], &imported["listings"], &imported["rows_left_out"]),
        (&"openrouter".into(), &2.into(), &1.into())
    );
    let again = place.good("import list.json --format openrouter");
    assert!(again.contains("unchanged"), "{again}");
    place.bad("import not-there.json", 1, "not-there.json");
    fs::write(place.path().join("other.json"), "{}").expect("the file is written");
    place.bad("import other.json", 1, "--format");

    let status = place.json("db status --json");
    assert_eq!((&status["kind"], &status["models"]), (&"SQLite".into(), &2.into()));
    assert!(status["size_bytes"].as_u64() > Some(0));

    let models = place.json("models --json");
    assert_eq!(models["total"], 2);
    let ids = |models: &Value| -> Vec<String> {
        let data = models["data"].as_array().expect("a list");
        data.iter()
            .filter_map(|model| model["id"].as_str().map(str::to_owned))
            .collect()
    };
    assert!(ids(&models).contains(&"openai/gpt-5".to_owned()));
    assert_eq!(
        ids(&place.json("models --json --free")),
        ["meta-llama/llama-3.3-70b-instruct:free"]
    );
    assert_eq!(
        ids(&place.json("models --json --search gpt --max-price 6")),
        ["openai/gpt-5"]
    );
    assert!(ids(&place.json("models --json --search gpt --max-price 5")).is_empty());
    assert_eq!(
        ids(&place.json("models --json --sort context --limit 1")),
        ["openai/gpt-5"]
    );
    assert_eq!(
        place.json("models --json --unique")["models"].as_array().map(Vec::len),
        Some(2)
    );
    let table = place.good("models --gateway openrouter");
    assert!(table.contains("400,000    1.25    10.00  text+image->text"), "{table}");
    assert!(place.good("models --unique --sort price").contains("openai/gpt-5"));

    let providers = place.json("providers --json");
    let providers = providers.as_array().expect("a list");
    let openrouter = providers
        .iter()
        .find(|provider| provider["slug"] == "openrouter")
        .expect("it is known");
    assert_eq!(
        (&openrouter["models"], &openrouter["key_set"]),
        (&2.into(), &false.into())
    );
    let with_key = place
        .command("providers groq --json")
        .env("GROQ_API_KEY", "gsk-that-nobody-may-see")
        .output()
        .expect("the binary runs");
    let with_key = Ended::of(&with_key);
    assert!(!with_key.out.contains("gsk-that-nobody-may-see"), "{}", with_key.out);
    let groq: Value = serde_json::from_str(&with_key.out).expect("JSON");
    assert_eq!((&groq["key_set"], &groq["state"]), (&true.into(), &"ready".into()));
    place.bad("sync groq", 1, "");
}

#[test]
fn what_needs_nothing_is_printed() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(
            place.good(&format!("completions {shell}")).contains("gatewayz"),
            "{shell}"
        );
    }
    assert_eq!(
        place.json("openapi")["openapi"].as_str().map(|version| &version[..4]),
        Some("3.1.")
    );
    assert!(place.good("--help").contains("Exit codes"));
    assert!(place.good("--version").starts_with("gatewayz "));
}

#[test]
fn a_reader_that_goes_is_no_failure() {
    let place = Place::new();
    let mut child = place
        .command("config reference")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let ended = Ended::of(&child.wait_with_output().expect("it ends"));
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
}
