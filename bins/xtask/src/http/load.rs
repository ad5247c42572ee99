//! Load generators, and what they print.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::process;
use crate::report::Failure;

/// How long a generator may take beyond the time of its load.
const SLACK: Duration = Duration::from_secs(60);

/// A load as long as `seconds`, or as many requests as `requests`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [String],
    pub(crate) connections: usize,
    pub(crate) seconds: f64,
}

/// What a load did, without latencies of single requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Throughput {
    pub(crate) requests: f64,
    pub(crate) per_second: f64,
}

/// The programs that make load.
#[derive(Debug)]
pub(crate) struct Generators {
    pub(crate) wrk: Option<PathBuf>,
    pub(crate) http_load: PathBuf,
}

impl Generators {
    /// Asks as fast as the server answers: with `wrk`, or with our own client where that is missing.
    ///
    /// # Errors
    ///
    /// Returns a failure when anything but answers of 2xx and 3xx came.
    pub(crate) fn saturate(&self, load: &Load<'_>) -> Result<Throughput, Failure> {
        // As many threads as the server has: all share the processors, and none of them waits for one client thread.
        let threads = load.connections.min(2).to_string();
        let Some(wrk) = &self.wrk else {
            let phase = self.client(load, &["--threads", &threads])?;
            phase.check()?;
            return Ok(phase.throughput());
        };
        let mut command = Command::new(wrk);
        command
            .args(["-t", &threads, "-c", &load.connections.to_string()])
            .args(["-d", &format!("{}s", load.seconds.round().max(1.0))]);
        for header in load.headers {
            command.args(["-H", header]);
        }
        command.arg(format!("http://{}{}", load.address, load.path));
        let text = process::capture(&mut command)?;
        parse_wrk(&text).map_err(|why| Failure::new(format!("wrk on {}: {why}", load.path)))
    }

    /// Asks with our own client, which knows the latency of each request.
    ///
    /// # Errors
    ///
    /// Returns a failure when the client fails; what the server answers is for the caller to judge.
    pub(crate) fn client(&self, load: &Load<'_>, more: &[&str]) -> Result<Phase, Failure> {
        let mut command = self.command(load.address, load.headers);
        command
            .args(["--path", load.path, "--connections", &load.connections.to_string()])
            .args(["--seconds", &load.seconds.to_string()])
            .args(more);
        let text = process::capture(&mut command)?;
        let phases = parse_client(&text)?;
        phases
            .into_values()
            .next()
            .ok_or_else(|| Failure::new("the client reported nothing"))
    }

    /// Starts our own client on paths of a file, in the first of phases that the caller names.
    ///
    /// # Errors
    ///
    /// Returns a failure when it cannot start.
    pub(crate) fn phased(&self, address: SocketAddr, paths: &Path, connections: usize) -> Result<Phased, Failure> {
        let mut command = self.command(address, &[]);
        command
            .args(["--phases", "--connections", &connections.to_string(), "--paths"])
            .arg(paths);
        Phased::spawn(command)
    }

    /// Starts our own client with connections that do nothing, after one request if there is a path.
    ///
    /// # Errors
    ///
    /// Returns a failure when it cannot start.
    pub(crate) fn idle(&self, address: SocketAddr, count: usize, path: Option<&str>) -> Result<Phased, Failure> {
        let mut command = self.command(address, &[]);
        command.args(["--idle", &count.to_string()]);
        if let Some(path) = path {
            command.args(["--path", path]);
        }
        Phased::spawn(with_files(&command))
    }

    fn command(&self, address: SocketAddr, headers: &[String]) -> Command {
        let mut command = Command::new(&self.http_load);
        command.args(["--address", &address.to_string()]);
        for header in headers {
            command.args(["--header", header]);
        }
        command
    }
}

/// Returns the command with room for more open files than any default allows: 30,000, or as many as this user may have.
pub(crate) fn with_files(command: &Command) -> Command {
    const SCRIPT: &str = "(ulimit -n 30000) 2>/dev/null && ulimit -n 30000 || ulimit -n \"$(ulimit -Hn)\"; exec \"$@\"";
    let mut shell = Command::new("sh");
    shell
        .args(["-c", SCRIPT, "sh"])
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

/// A client that is told what goes on, and tells in the end what it saw. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Phased {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Phased {
    fn spawn(mut command: Command) -> Result<Self, Failure> {
        let failed = |why: String| Failure::new(format!("the client cannot be started: {why}"));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        match child.stdout.take() {
            Some(out) => Ok(Self {
                child,
                out: BufReader::new(out),
            }),
            None => {
                process::stop(&mut child);
                Err(failed("it has no output".to_owned()))
            }
        }
    }

    /// Begins the next phase.
    ///
    /// # Errors
    ///
    /// Returns a failure when the client is gone.
    pub(crate) fn phase(&mut self, name: &str) -> Result<(), Failure> {
        let gone = || Failure::new("the client ended too early");
        let input = self.child.stdin.as_mut().ok_or_else(gone)?;
        writeln!(input, "{name}").map_err(|error| Failure::new(format!("the client ended too early: {error}")))
    }

    /// Returns whether the client is at work.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for one line of the client.
    ///
    /// # Errors
    ///
    /// Returns a failure when it ends without one.
    pub(crate) fn line(&mut self) -> Result<Value, Failure> {
        let mut line = String::new();
        self.out
            .read_line(&mut line)
            .map_err(|error| Failure::new(format!("the client: {error}")))?;
        serde_json::from_str(&line).map_err(|error| Failure::new(format!("the client said {line:?}: {error}")))
    }

    /// Ends the load and returns the rest of what the client prints.
    ///
    /// # Errors
    ///
    /// Returns a failure when the client fails.
    pub(crate) fn finish(mut self) -> Result<String, Failure> {
        drop(self.child.stdin.take());
        let mut text = String::new();
        self.out
            .read_to_string(&mut text)
            .map_err(|error| Failure::new(format!("the client: {error}")))?;
        let watch = crate::report::Stopwatch::start();
        while self.runs() && watch.read() < SLACK {
            process::pause();
        }
        Ok(text)
    }
}

impl Drop for Phased {
    fn drop(&mut self) {
        process::stop(&mut self.child);
    }
}

/// What our own client saw in one phase.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Phase {
    pub(crate) seconds: f64,
    pub(crate) requests: f64,
    pub(crate) statuses: BTreeMap<u16, f64>,
    pub(crate) errors: f64,
    /// In microseconds.
    pub(crate) mean: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Phase {
    pub(crate) fn throughput(&self) -> Throughput {
        Throughput {
            requests: self.requests,
            per_second: self.requests / self.seconds,
        }
    }

    /// Returns how many answers were of 500 and more.
    pub(crate) fn server_errors(&self) -> f64 {
        self.statuses.range(500..).fold(0.0, |sum, (_, count)| sum + count)
    }

    /// # Errors
    ///
    /// Returns a failure when anything but answers of 200 came, or nothing at all.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let is_clean = self.errors == 0.0 && self.statuses.keys().all(|status| *status == 200) && self.requests > 0.0;
        if is_clean {
            Ok(())
        } else {
            Err(Failure::new(format!(
                "{} requests, by status {:?}, {} errors",
                self.requests, self.statuses, self.errors
            )))
        }
    }
}

/// Reads the report of our own client: the phases by name.
///
/// # Errors
///
/// Returns a failure when it is none.
pub(crate) fn parse_client(text: &str) -> Result<BTreeMap<String, Phase>, Failure> {
    let understood = || -> Option<BTreeMap<String, Phase>> {
        let json: Value = serde_json::from_str(text.trim()).ok()?;
        let phases = json.get("phases")?.as_array()?;
        phases.iter().map(parse_phase).collect()
    };
    understood().ok_or_else(|| Failure::new(format!("the client's report is not understood: {text:?}")))
}

fn parse_phase(json: &Value) -> Option<(String, Phase)> {
    let latency = |name: &str| json.get("latency_us")?.get(name)?.as_f64();
    let counts = |name: &str| -> Option<Vec<(&String, f64)>> {
        let counts = json.get(name)?.as_object()?;
        counts
            .iter()
            .map(|(name, count)| Some((name, count.as_f64()?)))
            .collect()
    };
    let phase = Phase {
        seconds: json.get("seconds")?.as_f64()?,
        requests: json.get("requests")?.as_f64()?,
        statuses: counts("statuses")?
            .into_iter()
            .map(|(status, count)| Some((status.parse().ok()?, count)))
            .collect::<Option<_>>()?,
        errors: counts("errors")?.iter().fold(0.0, |sum, (_, count)| sum + count),
        mean: latency("mean")?,
        p50: latency("p50")?,
        p99: latency("p99")?,
        max: latency("max")?,
    };
    Some((json.get("name")?.as_str()?.to_owned(), phase))
}

/// Reads what `wrk` prints.
///
/// # Errors
///
/// Returns what is wrong: with the text, or with the answers that `wrk` got.
pub(crate) fn parse_wrk(text: &str) -> Result<Throughput, String> {
    let (mut requests, mut per_second) = (None, None);
    for line in text.lines().map(str::trim) {
        if line.starts_with("Non-2xx or 3xx responses:") || line.starts_with("Socket errors:") {
            return Err(line.to_owned());
        } else if let Some(rate) = line.strip_prefix("Requests/sec:") {
            per_second = rate.trim().parse::<f64>().ok();
        } else if let Some((count, _)) = line.split_once(" requests in ") {
            requests = count.parse::<f64>().ok();
        }
    }
    match (requests, per_second) {
        (Some(requests), Some(per_second)) if requests > 0.0 => Ok(Throughput { requests, per_second }),
        (Some(_), Some(_)) => Err("no request was answered".to_owned()),
        _ => Err(format!("not understood: {text:?}")),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{parse_client, parse_wrk, with_files};
    use crate::process;

    const WRK: &str = "Running 3s test @ http://127.0.0.1:8000/\n  2 threads and 32 connections\n  \
        Thread Stats   Avg      Stdev     Max   +/- Stdev\n    Latency   519.00us  120.00us   9.00ms   90.00%\n    \
        Req/Sec    30.00k     2.00k   33.00k    70.00%\n  180060 requests in 3.00s, 5.12GB read\n\
        Requests/sec:  60012.34\nTransfer/sec:      1.71GB\n";

    #[test]
    fn what_wrk_prints_is_read() {
        let throughput = parse_wrk(WRK).unwrap();
        assert!((throughput.requests - 180_060.0).abs() < 1e-9);
        assert!((throughput.per_second - 60_012.34).abs() < 1e-9);
    }

    #[test]
    fn errors_that_wrk_saw_are_errors() {
        let line = "Non-2xx or 3xx responses: 7";
        assert_eq!(parse_wrk(&format!("{WRK}  {line}\n")), Err(line.to_owned()));
        let line = "Socket errors: connect 0, read 3, write 0, timeout 0";
        assert_eq!(parse_wrk(&format!("  {line}\n{WRK}")), Err(line.to_owned()));
        assert!(parse_wrk("unable to connect to 127.0.0.1:1 Connection refused").is_err());
        let nothing = "  0 requests in 3.00s, 0.00B read\nRequests/sec:      0.00\n";
        assert_eq!(parse_wrk(nothing), Err("no request was answered".to_owned()));
    }

    #[test]
    fn the_report_of_the_client_is_read() {
        let text = r#"{"connections":2,"phases":[{"name":"during","seconds":2.0,"requests":10,"bytes":1,
            "statuses":{"200":8,"503":2},"errors":{"connect":1,"timeout":2},"closed":0,
            "latency_us":{"mean":5.5,"p50":5,"p90":8,"p99":9,"p999":9,"max":12}}]}"#;
        let phases = parse_client(text).unwrap();
        let during = &phases["during"];
        assert!((during.server_errors() - 2.0).abs() < 1e-9);
        assert!((during.errors - 3.0).abs() < 1e-9);
        assert!((during.p99 - 9.0).abs() < 1e-9 && (during.throughput().per_second - 5.0).abs() < 1e-9);
        assert!(during.check().is_err());
        assert!(parse_client("{}").is_err());
    }

    #[test]
    fn a_command_gets_room_for_files() {
        let mut command = Command::new("sh");
        command
            .args(["-c", "printf '%s %s %s' \"$(ulimit -n)\" \"$(ulimit -Hn)\" \"$TOLD\""])
            .env("TOLD", "so");
        let text = process::capture(&mut with_files(&command)).unwrap();
        let words: Vec<&str> = text.split(' ').collect();
        // As many as there may be: the limit was raised as far as it goes.
        assert_eq!((words[0], words[2]), (words[1], "so"), "{text}");
    }
}
