//! What is measured, row by row. Every row has servers of its own.

use std::path::Path;
use std::time::Duration;

use super::client::Answer;
use super::figures::{Name, Unit, Who};
use super::gateway::{Extras, Gateway, HEALTH, MODELS, READY};
use super::load::{self, Load};
use super::server::{Scratch, Server};
use super::{Bench, client, peers, proc};
use crate::process;
use crate::redis::PrivateRedis;
use crate::report::{Failure, Stopwatch, say};

const PAGE: &str = "/v1/models?gateway=all&limit=100";
/// The documented limit is the second; the first is there in case a gateway has all of them in one answer.
const LIST_LIMITS: [u64; 4] = [MODELS, 10_000, 5_000, 1_000];
const SMALL_BODY: usize = 30 * 1024;
const THROUGHPUT_CONNECTIONS: usize = 32;
const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// A row by its name on the command line.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&mut Bench<'_>) -> Result<(), Failure>,
}

pub(crate) const ROWS: [Row; 7] = [
    Row {
        name: "page",
        run: page,
    },
    Row {
        name: "page30k",
        run: small_page,
    },
    Row {
        name: "list",
        run: list,
    },
    Row {
        name: "start",
        run: start,
    },
    Row {
        name: "memory",
        run: memory,
    },
    Row {
        name: "redis",
        run: redis,
    },
    Row {
        name: "idle",
        run: idle,
    },
];

fn page(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let scratch = Scratch::make("http-page")?;
    let gateway = bench.launcher.start(&scratch, &Extras::default())?;
    compare_page(bench, &scratch, &gateway, "page", PAGE)
}

fn small_page(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let scratch = Scratch::make("http-page30k")?;
    let gateway = bench.launcher.start(&scratch, &Extras::default())?;
    let path = page_of(&gateway, SMALL_BODY)?;
    compare_page(bench, &scratch, &gateway, "page30k", &path)
}

/// Returns the page whose body is nearest to the size.
fn page_of(gateway: &Gateway, size: usize) -> Result<String, Failure> {
    let path = |limit: usize| format!("/v1/models?gateway=all&limit={limit}");
    let model = gateway.get(PAGE, &[])?.body.len() / 100;
    let guess = (size / model.max(1)).clamp(1, 100);
    let mut best: Option<(usize, String)> = None;
    for limit in guess.saturating_sub(4).max(1)..=guess + 4 {
        let length = gateway.get(&path(limit), &[])?.body.len();
        let distance = length.abs_diff(size);
        if best.as_ref().is_none_or(|(known, _)| distance < *known) {
            best = Some((distance, path(limit)));
        }
    }
    best.map(|(_, path)| path)
        .ok_or_else(|| Failure::new("no page was asked for"))
}

/// One who takes part in turns.
struct Contestant {
    who: Who,
    server: Server,
    cpu: Vec<f64>,
    rates: Vec<f64>,
}

/// Measures processor time for each request, and requests per second, on the same bytes from everybody.
fn compare_page(
    bench: &mut Bench<'_>,
    scratch: &Scratch,
    gateway: &Gateway,
    row: &str,
    path: &str,
) -> Result<(), Failure> {
    // The second answer is a hit, and has its headers.
    gateway.get(path, &[])?;
    let answer = gateway.get(path, &[])?;
    let kilobytes = answer.body.len() / 1000;
    let cpu_key = format!("{row}/cpu");
    let cpu_what = format!("`{path}` ({kilobytes} kB): processor time per request");
    let cpu = Name {
        key: &cpu_key,
        what: &cpu_what,
        unit: Unit::Micros,
    };
    let rate_key = format!("{row}/rate");
    let rate_what = format!("the same, {THROUGHPUT_CONNECTIONS} connections: requests/s");
    let rate = Name {
        key: &rate_key,
        what: &rate_what,
        unit: Unit::PerSecond,
    };

    let mut peers: Vec<Contestant> = Vec::new();
    for who in [Who::Bare, Who::Nginx, Who::Varnish] {
        let backend = peers.iter().find(|peer| peer.who == Who::Nginx);
        match start_peer(bench, scratch, who, backend, path, &answer) {
            Ok(server) => peers.push(Contestant {
                who,
                server,
                cpu: Vec::new(),
                rates: Vec::new(),
            }),
            Err(why) => {
                bench.figures.missing(rate, who, &why);
                if who == Who::Bare {
                    bench.figures.missing(cpu, who, &why);
                }
            }
        }
    }
    let (mut own_cpu, mut own_rates) = (Vec::new(), Vec::new());
    for round in 0..=bench.pace.rounds {
        // The first round warms all of them up, and does not count.
        let counts = round > 0;
        let (per_request, per_second) = saturated(bench, gateway.address(), gateway.pid(), path, counts)?;
        if counts {
            own_cpu.push(per_request);
            own_rates.push(per_second);
        }
        for peer in &mut peers {
            let (per_request, per_second) = saturated(bench, peer.server.address(), peer.server.pid(), path, counts)
                .map_err(|failure| Failure::new(format!("{}: {failure}", peer.who)))?;
            if counts {
                peer.cpu.push(per_request);
                peer.rates.push(per_second);
            }
        }
    }
    bench.figures.add(cpu, Who::Gateway, own_cpu);
    bench.figures.add(rate, Who::Gateway, own_rates);
    for peer in peers {
        // Those of nginx and Varnish work in processes of their own.
        if peer.who == Who::Bare {
            bench.figures.add(cpu, peer.who, peer.cpu);
        }
        bench.figures.add(rate, peer.who, peer.rates);
    }
    Ok(())
}

fn start_peer(
    bench: &Bench<'_>,
    scratch: &Scratch,
    who: Who,
    nginx: Option<&Contestant>,
    path: &str,
    answer: &Answer,
) -> Result<Server, String> {
    let started = match who {
        Who::Gateway => Err(Failure::new("the gateway is no peer of itself")),
        Who::Bare => peers::bare(&bench.programs.bare, scratch, path, answer),
        Who::Nginx => peers::nginx(
            bench.programs.nginx.as_ref().map_err(Clone::clone)?,
            scratch,
            path,
            answer,
        ),
        Who::Varnish => {
            let program = bench.programs.varnish.as_ref().map_err(Clone::clone)?;
            let backend = nginx.ok_or("Varnish needs nginx behind it")?;
            peers::varnish(program, scratch, backend.server.address(), path, answer)
        }
    };
    started.map_err(|failure| failure.to_string())
}

/// Returns the microseconds of processor time for each request, and the requests per second.
fn saturated(
    bench: &Bench<'_>,
    address: std::net::SocketAddr,
    pid: u32,
    path: &str,
    counts: bool,
) -> Result<(f64, f64), Failure> {
    let before = proc::cpu_time(pid)?;
    let load = Load {
        address,
        path,
        headers: &[],
        connections: THROUGHPUT_CONNECTIONS,
        seconds: if counts { bench.pace.seconds } else { 1.0 },
    };
    let throughput = bench.programs.generators.saturate(&load)?;
    let spent = proc::cpu_time(pid)?.saturating_sub(before);
    Ok((spent.as_secs_f64() * 1e6 / throughput.requests, throughput.per_second))
}

fn list(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let scratch = Scratch::make("http-list")?;
    let gateway = bench.launcher.start(&scratch, &Extras::default())?;
    let (path, answer) = whole_list(&gateway)?;
    let bare = peers::bare(&bench.programs.bare, &scratch, &path, &answer);
    for (connections, word) in [(1, "connection"), (4, "connections")] {
        let key = format!("list/time_{connections}");
        let megabytes = answer.body.len() / 1_000_000;
        let what = format!("`{path}` ({megabytes} MB), {connections} {word}: mean time of a request");
        let name = Name {
            key: &key,
            what: &what,
            unit: Unit::Millis,
        };
        let bare = match &bare {
            Ok(server) => Some(server),
            Err(why) => {
                bench.figures.missing(name, Who::Bare, &why.to_string());
                None
            }
        };
        let (mut own, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..=bench.pace.rounds {
            let contestants = [(Some(&gateway.server), &mut own), (bare, &mut theirs)];
            for (server, times) in contestants {
                let Some(server) = server else { continue };
                let load = Load {
                    address: server.address(),
                    path: &path,
                    headers: &[],
                    connections,
                    seconds: if round == 0 { 1.0 } else { bench.pace.seconds },
                };
                let phase = bench.programs.generators.client(&load, &[])?;
                phase.check()?;
                if round > 0 {
                    times.push(phase.mean / 1000.0);
                }
            }
        }
        bench.figures.add(name, Who::Gateway, own);
        if bare.is_some() {
            bench.figures.add(name, Who::Bare, theirs);
        }
    }
    cheaper_forms(bench, &gateway, &path, &answer)
}

/// Returns the longest list that the gateway gives in one answer.
fn whole_list(gateway: &Gateway) -> Result<(String, Answer), Failure> {
    let mut refused = String::new();
    for limit in LIST_LIMITS {
        let path = format!("/v1/models?gateway=all&limit={limit}");
        match gateway.get(&path, &[]) {
            // Once more: the second has the headers of a hit.
            Ok(_) => return gateway.get(&path, &[]).map(|answer| (path, answer)),
            Err(failure) => refused = failure.to_string(),
        }
    }
    Err(Failure::new(refused))
}

/// Measures what asks for less than all the bytes: a list that did not change, and a compressed one.
fn cheaper_forms(bench: &mut Bench<'_>, gateway: &Gateway, path: &str, answer: &Answer) -> Result<(), Failure> {
    let not_modified = Name {
        key: "list/304",
        what: "the whole list, not changed since: 304/s",
        unit: Unit::PerSecond,
    };
    let zstd = Name {
        key: "list/zstd",
        what: "the whole list in zstd: requests/s",
        unit: Unit::PerSecond,
    };
    match answer.header("etag").map(str::to_owned) {
        Some(tag) => {
            let told = client::get(gateway.address(), path, &[("if-none-match", &tag)]);
            match told.map(|answer| answer.status) {
                Ok(304) => form(bench, gateway, path, not_modified, format!("if-none-match: {tag}"))?,
                Ok(status) => {
                    bench
                        .figures
                        .missing(not_modified, Who::Gateway, &format!("it is answered with {status}"))
                }
                Err(error) => bench.figures.missing(not_modified, Who::Gateway, &error.to_string()),
            }
        }
        None => bench.figures.missing(not_modified, Who::Gateway, "there is no ETag"),
    }
    let packed = gateway.get(path, &[("accept-encoding", "zstd")])?;
    if packed.header("content-encoding") == Some("zstd") {
        form(bench, gateway, path, zstd, "accept-encoding: zstd".to_owned())
    } else {
        bench.figures.missing(zstd, Who::Gateway, "it does not come compressed");
        Ok(())
    }
}

fn form(bench: &mut Bench<'_>, gateway: &Gateway, path: &str, name: Name<'_>, header: String) -> Result<(), Failure> {
    let headers = [header];
    let load = Load {
        address: gateway.address(),
        path,
        headers: &headers,
        connections: THROUGHPUT_CONNECTIONS,
        seconds: bench.pace.seconds,
    };
    // With `wrk` only: our own client checks for answers of 200.
    if bench.programs.generators.wrk.is_none() {
        bench.figures.missing(name, Who::Gateway, "wrk is missing");
        return Ok(());
    }
    let rates: Result<Vec<f64>, Failure> = (0..bench.pace.rounds)
        .map(|_| Ok(bench.programs.generators.saturate(&load)?.per_second))
        .collect();
    match rates {
        Ok(rates) => bench.figures.add(name, Who::Gateway, rates),
        Err(failure) => bench.figures.missing(name, Who::Gateway, &failure.to_string()),
    }
    Ok(())
}

fn start(bench: &mut Bench<'_>) -> Result<(), Failure> {
    const STARTS: usize = 7;
    let scratch = Scratch::make("http-start")?;
    let store = bench.launcher.copy_store(scratch.path())?;
    let (mut health, mut ready, mut empty) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..STARTS {
        let times = time_start(bench, scratch.path(), &store, &[HEALTH, READY])?;
        health.extend(times.first());
        ready.extend(times.get(1));
        let fresh = scratch.path().join(format!("empty-{round}.db"));
        empty.extend(time_start(bench, scratch.path(), &fresh, &[HEALTH])?);
    }
    let name = |key, what| Name {
        key,
        what,
        unit: Unit::Millis,
    };
    let figures = &mut bench.figures;
    figures.add(
        name("start/health", "start until `/health` is 200"),
        Who::Gateway,
        health,
    );
    let what = "start until `/health/ready` is 200, 12,543 models stored";
    figures.add(name("start/ready", what), Who::Gateway, ready);
    let what = "start until `/health` is 200, no store yet";
    figures.add(name("start/empty", what), Who::Gateway, empty);
    Ok(())
}

/// Returns the milliseconds from the start until each path is answered with 200, one after another.
fn time_start(bench: &Bench<'_>, folder: &Path, store: &Path, paths: &[&str]) -> Result<Vec<f64>, Failure> {
    const LIMIT: Duration = Duration::from_secs(20);
    const BRIEF: Duration = Duration::from_micros(300);
    let watch = Stopwatch::start();
    let mut server = bench.launcher.spawn(folder, store)?;
    let mut times = Vec::new();
    for path in paths {
        while !client::get(server.address(), path, &[]).is_ok_and(|answer| answer.status == 200) {
            if !server.runs() {
                return Err(Failure::new(format!("the gateway ended: {}", server.log())));
            }
            if watch.read() > LIMIT {
                return Err(Failure::new(format!(
                    "{path} is not 200 after {LIMIT:?}: {}",
                    server.log()
                )));
            }
            process::pause_for(BRIEF);
        }
        times.push(watch.read().as_secs_f64() * 1000.0);
    }
    Ok(times)
}

#[expect(clippy::cast_precision_loss, reason = "memory is far below 2^52 bytes")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / MEBIBYTE
}

fn memory(bench: &mut Bench<'_>) -> Result<(), Failure> {
    const REFRESHES: usize = 3;
    let scratch = Scratch::make("http-memory")?;
    let gateway = bench.launcher.start(&scratch, &Extras::default())?;
    let name = |key, what| Name {
        key,
        what,
        unit: Unit::Mebibytes,
    };
    let ready = proc::settled_memory(gateway.pid())?;
    bench
        .figures
        .ours(name("memory/ready", "memory when ready"), mebibytes(ready.now));
    warm(&gateway)?;
    let warm_memory = proc::settled_memory(gateway.pid())?;
    let what = "memory, catalogue loaded, 200 pages warm, settled";
    bench
        .figures
        .ours(name("memory/warm", what), mebibytes(warm_memory.now));
    bench
        .figures
        .ours(name("memory/peak", "the most until then"), mebibytes(warm_memory.peak));
    let refreshed: Result<(), Failure> = (0..REFRESHES).try_for_each(|_| {
        gateway.refresh()?;
        warm(&gateway)
    });
    let after = name("memory/refreshed", "after 3 refreshes of the catalogue");
    let after_peak = name("memory/refreshed_peak", "the most until then, refreshes included");
    match refreshed.and_then(|()| proc::settled_memory(gateway.pid())) {
        Ok(memory) => {
            bench.figures.ours(after, mebibytes(memory.now));
            bench.figures.ours(after_peak, mebibytes(memory.peak));
        }
        Err(failure) => bench.figures.missing(after, Who::Gateway, &failure.to_string()),
    }
    if bench.soak_minutes > 0 {
        let soaked = soak(bench, &scratch, &gateway);
        bench
            .figures
            .row("soak", soaked.err().map(|failure| failure.to_string()));
    }
    Ok(())
}

/// Asks for 200 different pages, and for the first one compressed in both ways.
fn warm(gateway: &Gateway) -> Result<(), Failure> {
    for at in 0..200 {
        // Twice 100 pages that do not begin at the same models.
        let offset = if at < 100 { at * 100 } else { (at - 100) * 100 + 50 };
        gateway.get(&format!("{PAGE}&offset={offset}"), &[])?;
    }
    for encoding in ["gzip", "zstd"] {
        gateway.get(PAGE, &[("accept-encoding", encoding)])?;
    }
    Ok(())
}

/// Returns paths for a load: every other one the first page, the rest anywhere in the catalogue.
fn varied_paths() -> String {
    const PATHS: usize = 1000;
    let mut state = 12_345_u64;
    (0..PATHS)
        .map(|at| {
            if at.is_multiple_of(2) {
                return format!("{PAGE}\n");
            }
            // The numbers of a linear congruence, as good as any for this.
            state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345) % (1 << 31);
            format!("{PAGE}&offset={}\n", (state >> 8) % (MODELS - 100))
        })
        .collect()
}

fn soak(bench: &mut Bench<'_>, scratch: &Scratch, gateway: &Gateway) -> Result<(), Failure> {
    const EACH: Duration = Duration::from_secs(10);
    const CONNECTIONS: usize = 16;
    let paths = scratch.write("paths", varied_paths().as_bytes())?;
    let length = Duration::from_secs(bench.soak_minutes.saturating_mul(60));
    let mut client = bench
        .programs
        .generators
        .phased(gateway.address(), &paths, CONNECTIONS)?;
    let watch = Stopwatch::start();
    let mut samples = Vec::new();
    while watch.read() < length {
        process::pause_for(EACH);
        if !client.runs() {
            return Err(Failure::new("the load ended before its time"));
        }
        samples.push(mebibytes(proc::memory(gateway.pid())?.now));
    }
    let phases = load::parse_client(&client.finish()?)?;
    for phase in phases.values() {
        phase.check()?;
    }
    let (second, last) = quarters(&samples);
    let name = |key, what, unit| Name { key, what, unit };
    let what = "memory under load, median of the second quarter";
    bench.figures.ours(name("soak/second", what, Unit::Mebibytes), second);
    let what = "the same, last quarter";
    bench.figures.ours(name("soak/last", what, Unit::Mebibytes), last);
    let what = format!("last over second quarter of {} minutes", bench.soak_minutes);
    bench
        .figures
        .ours(name("soak/growth", &what, Unit::Times), last / second);
    Ok(())
}

/// Returns the medians of the second and of the last quarter.
fn quarters(samples: &[f64]) -> (f64, f64) {
    let quarter = samples.len().div_ceil(4);
    let median = |samples: &[f64]| super::figures::interval(samples).point;
    let second = samples
        .get(quarter..(2 * quarter).min(samples.len()))
        .unwrap_or_default();
    let last = samples.get(samples.len().saturating_sub(quarter)..).unwrap_or_default();
    (median(second), median(last))
}

fn redis(bench: &mut Bench<'_>) -> Result<(), Failure> {
    const CONNECTIONS: usize = 16;
    const GONE: Duration = Duration::from_secs(5);
    const RECOVERY_LIMIT: Duration = Duration::from_secs(20);
    let scratch = Scratch::make("http-redis")?;
    let mut redis = PrivateRedis::start()?;
    let extras = Extras {
        redis: Some(redis.url()),
        ..Extras::default()
    };
    let gateway = bench.launcher.start(&scratch, &extras)?;
    wait_for_redis(&gateway, true, RECOVERY_LIMIT)?;
    let paths = scratch.write("paths", varied_paths().as_bytes())?;
    let calm = Duration::from_secs_f64(bench.pace.seconds * 2.0);

    let mut client = bench
        .programs
        .generators
        .phased(gateway.address(), &paths, CONNECTIONS)?;
    client.phase("warm-up")?;
    process::pause_for(Duration::from_secs(1));
    client.phase("before")?;
    process::pause_for(calm);
    client.phase("during")?;
    let watch = Stopwatch::start();
    redis.kill();
    let noticed = wait_for_redis(&gateway, false, GONE);
    process::pause_for(GONE.saturating_sub(watch.read()));
    // Who never missed Redis cannot be seen to find it again.
    let was_missed = !gateway.has_redis()?;
    client.phase("after")?;
    redis.restart()?;
    let recovered = if was_missed {
        wait_for_redis(&gateway, true, RECOVERY_LIMIT)
    } else {
        Err(Failure::new("the gateway did not say that Redis was gone"))
    };
    process::pause_for(calm);
    let phases = load::parse_client(&client.finish()?)?;

    let phase = |name: &str| {
        phases
            .get(name)
            .ok_or_else(|| Failure::new(format!("the client had no phase `{name}`")))
    };
    let (before, during, after) = (phase("before")?, phase("during")?, phase("after")?);
    let sum = |of: fn(&load::Phase) -> f64| phases.values().map(of).fold(0.0, |sum, one| sum + one);
    let name = |key, what, unit| Name { key, what, unit };
    let figures = &mut bench.figures;
    let count = Unit::Count;
    figures.ours(
        name("redis/requests", "Redis killed: requests in all", count),
        sum(|phase| phase.requests),
    );
    figures.ours(
        name("redis/5xx", "Redis killed: answers of 5xx", count),
        sum(load::Phase::server_errors),
    );
    let others = sum(|phase| phase.requests - phase.statuses.get(&200).copied().unwrap_or_default());
    figures.ours(
        name("redis/not_200", "Redis killed: answers other than 200", count),
        others,
    );
    figures.ours(
        name("redis/errors", "Redis killed: connection errors", count),
        sum(|phase| phase.errors),
    );
    for (key, what, phase) in [
        ("redis/p99_before", "p99 before", before),
        ("redis/p99_during", "p99 while Redis is gone", during),
        ("redis/p99_after", "p99 after", after),
    ] {
        figures.ours(name(key, what, Unit::Millis), phase.p99 / 1000.0);
    }
    let what = "the longest request while Redis is gone";
    figures.ours(name("redis/max_during", what, Unit::Millis), during.max / 1000.0);
    let what = "p50 before, for comparison";
    figures.ours(name("redis/p50_before", what, Unit::Millis), before.p50 / 1000.0);
    let what = "p99 while Redis is gone, above before";
    figures.ours(
        name("redis/p99_added", what, Unit::Millis),
        (during.p99 - before.p99) / 1000.0,
    );
    for (key, what, waited) in [
        ("redis/noticed", "killed until the gateway says so", noticed),
        (
            "redis/recovery",
            "Redis answers again until the gateway uses it",
            recovered,
        ),
    ] {
        let name = name(key, what, Unit::Millis);
        match waited {
            Ok(waited) => figures.ours(name, waited.as_secs_f64() * 1000.0),
            Err(failure) => figures.missing(name, Who::Gateway, &failure.to_string()),
        }
    }
    Ok(())
}

/// Returns how long it took until the gateway said so.
fn wait_for_redis(gateway: &Gateway, available: bool, limit: Duration) -> Result<Duration, Failure> {
    let watch = Stopwatch::start();
    while watch.read() < limit {
        if gateway.has_redis()? == available {
            return Ok(watch.read());
        }
        process::pause();
    }
    Err(Failure::new(format!(
        "redis_available is not {available} within {limit:?}"
    )))
}

fn idle(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let unused = "memory of a connection that was never used, of 10,000";
    idle_connections(bench, "idle/unused", unused, None)?;
    let used = "memory of an idle connection that had one request, of 10,000";
    idle_connections(bench, "idle/used", used, Some(PAGE))
}

#[expect(clippy::cast_precision_loss, reason = "memory is far below 2^52 bytes")]
fn idle_connections(bench: &mut Bench<'_>, key: &str, what: &str, path: Option<&str>) -> Result<(), Failure> {
    const CONNECTIONS: u32 = 10_000;
    let scratch = Scratch::make("http-idle")?;
    let extras = Extras {
        many_files: true,
        ..Extras::default()
    };
    let gateway = bench.launcher.start(&scratch, &extras)?;
    gateway.get(PAGE, &[])?;
    gateway.get(PAGE, &[])?;
    let before = proc::memory(gateway.pid())?.now;
    let mut client = bench
        .programs
        .generators
        .idle(gateway.address(), CONNECTIONS as usize, path)?;
    let count = |json: &serde_json::Value, field: &str| json.get(field).and_then(serde_json::Value::as_f64);
    let opened = count(&client.line()?, "opened").unwrap_or_default();
    // What a request left behind may be given back in a moment.
    process::pause_for(Duration::from_millis(500));
    let after = proc::memory(gateway.pid())?.now;
    let report = client.finish()?;
    let report: serde_json::Value = serde_json::from_str(report.trim())
        .map_err(|error| Failure::new(format!("the client's report {report:?}: {error}")))?;
    let open = count(&report, "open").unwrap_or_default();
    let name = Name {
        key,
        what,
        unit: Unit::Kibibytes,
    };
    if opened < f64::from(CONNECTIONS) || open < opened {
        let why = format!("of {CONNECTIONS} connections {opened} were opened, and {open} still were so in the end");
        say(&why);
        bench.figures.missing(name, Who::Gateway, &why);
    } else {
        bench
            .figures
            .ours(name, after.saturating_sub(before) as f64 / 1024.0 / opened);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{PAGE, quarters, varied_paths};

    #[test]
    fn half_of_the_paths_are_the_hot_one() {
        let paths = varied_paths();
        let hot = paths.lines().filter(|path| *path == PAGE).count();
        let distinct: std::collections::BTreeSet<&str> = paths.lines().collect();
        assert_eq!((hot, paths.lines().count()), (500, 1000));
        assert!(distinct.len() > 450, "{}", distinct.len());
    }

    #[test]
    fn quarters_are_compared_by_their_medians() {
        let samples = [9.0, 9.0, 1.0, 2.0, 9.0, 9.0, 4.0, 6.0];
        assert_eq!(quarters(&samples), (1.5, 5.0));
        assert!(quarters(&[]).0.is_nan());
    }
}
