//! A load on an HTTP server over connections that stay open, and the latency of every single answer.
//!
//! `wrk` is faster and says less: this one counts each status, survives errors and counts them, draws from many paths,
//! and tells phases apart, whose names it reads from its standard input while it runs. It prints one JSON object.

mod answer;
mod histogram;
mod load;

use std::{
    error::Error,
    io::{BufRead as _, Read as _, Write as _},
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use gatewayz_benches::WallTime;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncWriteExt as _, Interest},
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};

use self::load::{MAX_PHASES, Plan, Seen};

const USAGE: &str = "\
usage: http_load --address IP:PORT (--path PATH | --paths FILE).. [--header 'name: value'].. [--connections N]
                 [--threads N] (--seconds N | --requests N | --phases)
       http_load --address IP:PORT --idle N [--path PATH]

--phases: every line of the standard input begins a phase of that name; its end is the end of the load.
--idle: opens N connections, asks once for PATH on each if there is one, prints how many there are, and holds them
until the standard input ends; then it prints how many are still open.";

const POLL: Duration = Duration::from_millis(2);
/// How long requests under way may still take after the end.
const DRAIN: Duration = Duration::from_secs(35);
/// Connections are opened in batches, so that no backlog overflows.
const IDLE_BATCH: usize = 100;

#[derive(Debug)]
struct Options {
    address: SocketAddr,
    paths: Vec<String>,
    headers: Vec<String>,
    connections: usize,
    threads: usize,
    until: Option<Until>,
    idle: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
enum Until {
    Seconds(f64),
    Requests(u64),
    EndOfInput,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options(std::env::args().skip(1))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.threads)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match options.idle {
            Some(count) => idle(&options, count).await,
            None => load(&options).await,
        }
    })
}

fn options(mut given: impl Iterator<Item = String>) -> Result<Options, Box<dyn Error>> {
    let mut address = None;
    let mut options = Options {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        paths: Vec::new(),
        headers: Vec::new(),
        connections: 1,
        threads: 1,
        until: None,
        idle: None,
    };
    while let Some(option) = given.next() {
        if option == "--phases" {
            options.until = Some(Until::EndOfInput);
            continue;
        }
        let value = given.next().ok_or(USAGE)?;
        match option.as_str() {
            "--address" => address = Some(value.parse()?),
            "--path" => options.paths.push(value),
            "--paths" => options
                .paths
                .extend(std::fs::read_to_string(value)?.lines().map(str::to_owned)),
            "--header" => options.headers.push(value),
            "--connections" => options.connections = value.parse()?,
            "--threads" => options.threads = value.parse::<usize>()?.max(1),
            "--seconds" => options.until = Some(Until::Seconds(value.parse()?)),
            "--requests" => options.until = Some(Until::Requests(value.parse()?)),
            "--idle" => options.idle = Some(value.parse()?),
            _ => return Err(USAGE.into()),
        }
    }
    options.address = address.ok_or(USAGE)?;
    if options.idle.is_none() && (options.paths.is_empty() || options.until.is_none()) {
        return Err(USAGE.into());
    }
    Ok(options)
}

async fn load(options: &Options) -> Result<(), Box<dyn Error>> {
    let until = options.until.ok_or(USAGE)?;
    let plan = Arc::new(Plan {
        address: options.address,
        requests: options
            .paths
            .iter()
            .map(|path| load::request(options.address, path, &options.headers))
            .collect(),
        budget: AtomicU64::new(match until {
            Until::Requests(count) => count,
            Until::Seconds(_) | Until::EndOfInput => u64::MAX,
        }),
        is_over: AtomicBool::new(false),
        phase: AtomicUsize::new(0),
    });
    // Each phase with the time at which it began.
    let phases = Arc::new(Mutex::new(vec![("all".to_owned(), Duration::ZERO)]));
    let time = Arc::new(WallTime::start());
    let mut connections = JoinSet::new();
    for seed in 1..=options.connections as u64 {
        connections.spawn(load::connection(Arc::clone(&plan), seed));
    }
    match until {
        Until::Seconds(seconds) => sleep(Duration::from_secs_f64(seconds)).await,
        Until::Requests(_) => {}
        Until::EndOfInput => {
            let (shared, phases, time) = (Arc::clone(&plan), Arc::clone(&phases), Arc::clone(&time));
            std::thread::spawn(move || follow_input(&shared, &phases, &time));
            while !plan.is_over.load(Ordering::Relaxed) {
                sleep(POLL).await;
            }
        }
    }
    let is_counted = matches!(until, Until::Requests(_));
    if !is_counted {
        plan.is_over.store(true, Ordering::Relaxed);
    }
    let mut seen = vec![Seen::default(); MAX_PHASES];
    loop {
        let next = connections.join_next();
        let joined = if is_counted {
            Ok(next.await)
        } else {
            timeout(DRAIN, next).await
        };
        match joined {
            Ok(Some(joined)) => {
                for (sum, one) in seen.iter_mut().zip(&joined?) {
                    sum.merge(one);
                }
            }
            Ok(None) => break,
            Err(_) => return Err("requests do not end".into()),
        }
    }
    let phases = phases.lock().unwrap_or_else(PoisonError::into_inner);
    let entries = report(&phases, &seen, time.elapsed());
    say(&json!({ "connections": options.connections, "phases": entries }))?;
    Ok(())
}

/// Begins a phase with every line, and ends the load with the input.
fn follow_input(plan: &Plan, phases: &Mutex<Vec<(String, Duration)>>, time: &WallTime) {
    let mut is_first = true;
    for line in std::io::stdin().lock().lines() {
        let Ok(name) = line else { break };
        let mut phases = phases.lock().unwrap_or_else(PoisonError::into_inner);
        if is_first && let Some((first, _)) = phases.first_mut() {
            *first = name;
        } else {
            phases.push((name, time.elapsed()));
            plan.phase.store(phases.len() - 1, Ordering::Relaxed);
        }
        is_first = false;
    }
    plan.is_over.store(true, Ordering::Relaxed);
}

fn report(phases: &[(String, Duration)], seen: &[Seen], end: Duration) -> Vec<Value> {
    let ends = phases.iter().skip(1).map(|(_, start)| *start).chain([end]);
    phases
        .iter()
        .zip(ends)
        .zip(seen)
        .map(|(((name, start), end), seen)| seen.to_json(name, end.saturating_sub(*start)))
        .collect()
}

async fn idle(options: &Options, count: usize) -> Result<(), Box<dyn Error>> {
    let request = options
        .paths
        .first()
        .map(|path| load::request(options.address, path, &options.headers));
    let mut open = Vec::with_capacity(count);
    let mut failed = 0_usize;
    while open.len() + failed < count {
        let mut batch = JoinSet::new();
        for _ in 0..IDLE_BATCH.min(count - open.len() - failed) {
            batch.spawn(open_one(options.address, request.clone()));
        }
        while let Some(joined) = batch.join_next().await {
            match joined? {
                Some(stream) => open.push(stream),
                None => failed += 1,
            }
        }
    }
    say(&json!({ "opened": open.len(), "failed": failed }))?;
    let (done, mut is_done) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        std::io::stdin().lock().read_to_end(&mut Vec::new()).ok();
        done.send(()).ok();
    });
    (&mut is_done).await.ok();
    let mut still = 0_usize;
    for stream in &open {
        let ready = timeout(Duration::ZERO, stream.ready(Interest::READABLE)).await;
        // Nothing to read is an open connection; an end, or bytes that nobody asked for, is none.
        let is_open = ready.is_err()
            || matches!(stream.try_read(&mut [0; 1]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock);
        still += usize::from(is_open);
    }
    say(&json!({ "open": still }))?;
    Ok(())
}

/// Opens a connection, and asks once if there is something to ask. The buffer for the answer is not kept.
async fn open_one(address: SocketAddr, request: Option<Vec<u8>>) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    if let Some(request) = request {
        stream.write_all(&request).await.ok()?;
        let answer = answer::Answers::new(&mut stream).next().await.ok()?;
        if answer.status != 200 || !answer.is_open {
            return None;
        }
    }
    Some(stream)
}

fn say(value: &Value) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{value}")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Seen, options, report};

    fn parse(line: &str) -> Result<super::Options, String> {
        options(line.split_whitespace().map(str::to_owned)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_load_needs_a_path_and_an_end() {
        assert!(parse("--address 127.0.0.1:1 --path / --seconds 0.5").is_ok());
        assert!(parse("--address 127.0.0.1:1 --idle 5").is_ok());
        assert!(parse("--address 127.0.0.1:1 --path /").is_err());
        assert!(parse("--address 127.0.0.1:1 --seconds 1").is_err());
        assert!(parse("--path / --seconds 1").is_err());
    }

    #[test]
    fn phases_last_until_the_next() {
        let phases = [
            ("before".to_owned(), Duration::ZERO),
            ("after".to_owned(), Duration::from_secs(3)),
        ];
        let seen = vec![Seen::default(); 2];
        let entries = report(&phases, &seen, Duration::from_secs(5));
        assert_eq!(entries[0]["name"], "before");
        assert_eq!(
            (&entries[0]["seconds"], &entries[1]["seconds"]),
            (&3.0.into(), &2.0.into())
        );
    }
}
