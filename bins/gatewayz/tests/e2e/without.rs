//! Without Redis, without a database, and with both coming and going.

use std::time::Duration;

use gatewayz_testkit::{Postgres, RedisServer, eventually};
use tokio::time::Instant;

use crate::{
    gateway::{Gateway, SOON, Settings},
    load::{Load, failures, percentile},
};

const ALL: &str = "/v1/models?gateway=all";

#[tokio::test]
async fn redis_may_come_later() {
    let redis = RedisServer::start().await.unwrap();
    redis.kill().await.unwrap();
    let gateway = Gateway::start(Settings::new().redis(&redis)).await;
    assert!(!gateway.redis_is_up().await);
    assert_eq!(gateway.get(ALL).await.status, 200);
    redis.restart_empty().await.unwrap();
    let took = eventually(SOON, async || gateway.redis_is_up().await).await.unwrap();
    eprintln!("attached {took:?} after Redis came");
    assert_eq!(gateway.get(ALL).await.status, 200);
}

async fn is_refused_soon(gateway: &Gateway, path: &str) -> Duration {
    let started = Instant::now();
    let answer = gateway.get(path).await;
    let took = started.elapsed();
    answer.is_problem(503, "SERVICE_UNAVAILABLE");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert!(took < Duration::from_secs(1), "{path}: {took:?}");
    took
}

#[tokio::test]
async fn postgres_may_come_later() {
    let postgres = Postgres::start().await.unwrap();
    postgres.kill().await.unwrap();
    let gateway = Gateway::start(Settings::new().database(postgres.url()).unready()).await;
    let health = gateway.get("/health").await;
    assert_eq!(health.status, 200);
    assert_eq!(health.json()["mode"], "degraded");
    let ready = gateway.get("/health/ready").await;
    assert_eq!((ready.status, &ready.json()["status"]), (503, &"starting".into()));
    let took = is_refused_soon(&gateway, ALL).await;
    eprintln!("without a database, 503 after {took:?}");
    // A caller that got a 503 is worth a line, a balancer that got one is not.
    gateway.logs(&["WARN", "request failed", "listModels"]).await;
    assert!(!gateway.log().contains(r#""route":"ready""#), "{}", gateway.log());
    postgres.restart().await.unwrap();
    gateway.ready().await;
    let list = gateway.get(ALL).await;
    assert_eq!(list.status, 200);
    assert!(list.json()["total"].as_u64().unwrap() >= 60);
    let connected = async || gateway.get("/health").await.json()["database"] == "connected";
    eventually(SOON, connected).await.unwrap();
}

/// A database that accepts connections and says nothing.
#[tokio::test]
async fn postgres_may_be_frozen() {
    let postgres = Postgres::start().await.unwrap();
    postgres.freeze().unwrap();
    let gateway = Gateway::start(Settings::new().database(postgres.url()).unready()).await;
    let started = Instant::now();
    let answer = gateway.get(ALL).await;
    eprintln!(
        "with a frozen database, {} after {:?}",
        answer.status,
        started.elapsed()
    );
    answer.is_problem(503, "SERVICE_UNAVAILABLE");
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    postgres.thaw().unwrap();
    gateway.ready().await;
    assert_eq!(gateway.get(ALL).await.status, 200);
}

/// The same where connections were open: what is cached is answered at once, the rest refused after a second, every
/// time.
#[tokio::test]
async fn postgres_may_freeze_later() {
    let postgres = Postgres::start().await.unwrap();
    let gateway = Gateway::start(Settings::new().database(postgres.url())).await;
    assert_eq!(gateway.get(ALL).await.status, 200);
    postgres.freeze().unwrap();
    let started = Instant::now();
    assert_eq!(gateway.get(ALL).await.status, 200);
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(gateway.admin("POST", "/cache/clear").await.status, 200);
    for path in [ALL, "/v1/models/search?q=gpt", "/v1/models/unique", ALL] {
        let started = Instant::now();
        let answer = gateway.get(path).await;
        let took = started.elapsed();
        eprintln!("503 after {took:?}");
        answer.is_problem(503, "SERVICE_UNAVAILABLE");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert!(took < Duration::from_secs(3), "{path}: {took:?}");
    }
    postgres.thaw().unwrap();
    let served = async || gateway.get(ALL).await.status == 200;
    eventually(SOON, served).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_cached_is_served_while_postgres_is_dead() {
    let postgres = Postgres::start().await.unwrap();
    let gateway = Gateway::start(Settings::new().database(postgres.url())).await;
    // Pages that are at hand, and pages that are cut out of what is in memory.
    let load = Load::start(gateway.addr, 4, |n| {
        format!("/v1/models?gateway=all&limit={}", n % 50 + 1)
    });
    load.goes_on(500).await;
    postgres.kill().await.unwrap();
    let killed = Instant::now();
    load.lasts(Duration::from_secs(3)).await;
    load.goes_on(500).await;
    postgres.restart().await.unwrap();
    load.goes_on(500).await;
    let shots = load.end().await;
    assert_eq!(failures(&shots), Vec::<String>::new());
    let during = shots.iter().filter(|shot| shot.at > killed);
    eprintln!(
        "{} requests, p99 {:?} from the kill on",
        shots.len(),
        percentile(during, 99)
    );
}

/// Nothing that is not in memory can be had: that is said soon.
#[tokio::test]
async fn what_is_not_cached_is_refused_soon_while_postgres_is_dead() {
    let postgres = Postgres::start().await.unwrap();
    let gateway = Gateway::start(Settings::new().database(postgres.url())).await;
    postgres.kill().await.unwrap();
    let cleared = gateway.admin("POST", "/cache/clear").await;
    assert_eq!(cleared.status, 200);
    for _ in 0..3 {
        let took = is_refused_soon(&gateway, ALL).await;
        eprintln!("503 after {took:?}");
    }
    postgres.restart().await.unwrap();
    let served = async || gateway.get(ALL).await.status == 200;
    eventually(SOON, served).await.unwrap();
}

/// Sixteen callers, of whom none sees anything but 200 whatever becomes of Redis.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_dies_freezes_and_comes_back_under_load() {
    let redis = RedisServer::start().await.unwrap();
    let gateway = Gateway::start(Settings::new().redis(&redis)).await;
    eventually(SOON, async || gateway.redis_is_up().await).await.unwrap();
    let load = Load::start(gateway.addr, 16, |n| {
        format!("/v1/models?gateway=all&limit={}", n % 200 + 1)
    });
    load.lasts(Duration::from_secs(3)).await;
    let mut moments = vec![("before", Instant::now())];
    let mut at = |name: &'static str| moments.push((name, Instant::now()));
    let is_down = async || !gateway.redis_is_up().await;
    let is_up = async || gateway.redis_is_up().await;

    redis.kill().await.unwrap();
    eventually(SOON, is_down).await.unwrap();
    load.lasts(Duration::from_secs(3)).await;
    load.goes_on(100).await;
    at("killed");
    redis.restart_empty().await.unwrap();
    eventually(SOON, is_up).await.unwrap();
    load.goes_on(100).await;
    at("back");
    redis.freeze().unwrap();
    eventually(SOON, is_down).await.unwrap();
    load.lasts(Duration::from_secs(3)).await;
    load.goes_on(100).await;
    at("frozen");
    redis.thaw().unwrap();
    eventually(SOON, is_up).await.unwrap();
    load.goes_on(100).await;
    at("thawed");
    let shots = load.end().await;
    let mut from = None;
    for (name, until) in moments {
        let these: Vec<_> = shots
            .iter()
            .filter(|shot| shot.at < until && from.is_none_or(|from| shot.at >= from))
            .collect();
        let of = |percent| percentile(these.iter().copied(), percent);
        eprintln!(
            "{name}: {} requests, p50 {:?}, p99 {:?}, max {:?}",
            these.len(),
            of(50),
            of(99),
            of(100)
        );
        from = Some(until);
    }
    assert_eq!(failures(&shots), Vec::<String>::new());
    let slowest = percentile(&shots, 100);
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
}
