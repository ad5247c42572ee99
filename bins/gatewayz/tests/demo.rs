//! The demonstration: everything that it prints works when it is pasted, and it leaves nothing behind.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test says by panicking what is not as it should be"
)]

use std::{fs, path::Path, process::Stdio, time::Duration};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// A demonstration that runs.
struct Demo {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    printed: Vec<String>,
}

impl Demo {
    fn start(directory: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gatewayz"))
            .arg("demo")
            .args(arguments)
            .current_dir(directory)
            // What would break a real gateway breaks no demonstration.
            .env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing")
            .env("REDIS_URL", "redis://127.0.0.1:1")
            .env("TMPDIR", directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary runs");
        let out = child.stdout.take().expect("its output is piped");
        Self {
            child,
            lines: BufReader::new(out).lines(),
            printed: Vec::new(),
        }
    }

    /// Reads up to the line that has this text.
    async fn until(&mut self, text: &str) {
        let reading = async {
            loop {
                let line = self.lines.next_line().await.expect("its output can be read");
                let Some(line) = line else {
                    panic!("it ended without `{text}`: {:#?}", self.printed);
                };
                let is_last = line.contains(text);
                self.printed.push(line);
                if is_last {
                    return;
                }
            }
        };
        timeout(LONG, reading).await.expect("it comes in time");
    }

    /// Tells it to end, and returns its exit code.
    async fn end(mut self) -> Option<i32> {
        let id = self.child.id().expect("it runs").to_string();
        run("kill", &["-s", "TERM", &id]).await;
        let status = timeout(LONG, self.child.wait()).await.expect("it ends in time");
        status.expect("it is waited for").code()
    }
}

/// Runs a program that must succeed, and returns what it prints.
async fn run(program: &str, arguments: &[&str]) -> String {
    let running = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = timeout(LONG, running).await.expect("it ends in time").expect("it runs");
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{program} {arguments:?}: {out}{err}");
    out.into_owned()
}

/// Whether there is anything in an answer.
fn has_data(answer: &Value) -> bool {
    match answer {
        Value::Object(fields) => fields.values().any(|value| match value {
            Value::Array(items) => !items.is_empty(),
            Value::Object(fields) => !fields.is_empty(),
            _ => false,
        }),
        _ => false,
    }
}

#[tokio::test]
async fn everything_that_is_printed_works_and_nothing_is_left() {
    let directory = TempDir::new().expect("a temporary directory");
    let mut demo = Demo::start(directory.path(), &["--listen", "127.0.0.1:0"]);
    demo.until("Ctrl-C ends it").await;
    let printed = demo.printed.join("\n");
    assert!(
        printed.contains("made up") && printed.contains("no network is needed"),
        "{printed}"
    );
    assert_eq!(
        fs::read_dir(directory.path()).expect("it is there").count(),
        1,
        "{printed}"
    );

    let commands: Vec<&str> = demo.printed.iter().map(|line| line.trim()).collect();
    let commands: Vec<&str> = commands.into_iter().filter(|line| line.starts_with("curl ")).collect();
    assert_eq!(commands.len(), 5, "{printed}");
    for command in commands {
        let answer = run("sh", &["-c", command]).await;
        let answer: Value =
            serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{command}: {error}: {answer}"));
        assert!(has_data(&answer), "{command}: {answer}");
    }

    // The command line gets to it as well, with the key in a file.
    let word = |before: &str| {
        let rest = printed.split_once(before).map(|(_, rest)| rest).unwrap_or_default();
        rest.split_whitespace()
            .next()
            .unwrap_or_default()
            .trim_end_matches(',')
            .to_owned()
    };
    let (url, key) = (word("Serving on "), word("for this run only: "));
    let key_file = directory.path().join("key");
    fs::write(&key_file, format!("{key}\n")).expect("the key is written");
    let gatewayz = env!("CARGO_BIN_EXE_gatewayz");
    let key_file = key_file.to_string_lossy();
    for command in ["stats", "status", "clear", "refresh", "warm"] {
        let arguments = [
            "cache",
            command,
            "--json",
            "--url",
            url.as_str(),
            "--key-file",
            &*key_file,
        ];
        let answer = run(gatewayz, &arguments).await;
        let answer: Value =
            serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{command}: {error}: {answer}"));
        assert!(answer.is_object(), "{command}: {answer}");
    }
    let table = run(gatewayz, &["cache", "stats", "--url", &url, "--key-file", &key_file]).await;
    assert!(table.contains("hits") && table.lines().count() > 3, "{table}");

    assert_eq!(demo.end().await, Some(0));
    let left: Vec<_> = fs::read_dir(directory.path()).expect("it is there").flatten().collect();
    assert_eq!(left.len(), 1, "only the key is left, not {left:?}");
}

#[tokio::test]
async fn one_that_is_ended_before_its_lists_are_there_leaves_nothing_either() {
    let directory = TempDir::new().expect("a temporary directory");
    let mut demo = Demo::start(directory.path(), &["--listen", "127.0.0.1:0"]);
    demo.until("Fetching their lists").await;
    assert_eq!(demo.end().await, Some(0));
    assert_eq!(fs::read_dir(directory.path()).expect("it is there").count(), 0);
}
