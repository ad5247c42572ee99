//! How many at once.

use std::time::Duration;

use gatewayz_testkit::{Postgres, eventually};
use tokio::time::Instant;

use crate::gateway::{Gateway, SOON, Settings};

#[tokio::test]
async fn a_connection_too_many_is_refused_in_words() {
    let gateway = Gateway::start(Settings::new().file("[server]\nmax_connections = 10")).await;
    // That which asked whether it is ready has been given back.
    let mut open = Vec::new();
    let all = async {
        while open.len() < 10 {
            let mut client = gateway.connect().await;
            if client.get("/health").await.unwrap().status == 200 {
                open.push(client);
            }
        }
    };
    tokio::time::timeout(SOON, all).await.unwrap();
    for _ in 0..20 {
        let refused = gateway.get("/health").await;
        refused.is_problem(503, "SERVER_OVERLOAD");
        assert_eq!(refused.header("retry-after"), Some("5"));
        assert_eq!(refused.header("connection"), Some("close"));
    }
    for client in &mut open {
        assert_eq!(client.get("/health").await.unwrap().status, 200);
    }
    open.pop();
    let served = async || gateway.get("/health").await.status == 200;
    eventually(SOON, served).await.unwrap();
}

/// With a database that does not answer, an administrator who wants it read has to wait, and who comes then as well.
#[tokio::test]
async fn a_request_too_many_is_refused_in_words_while_postgres_is_frozen() {
    let postgres = Postgres::start().await.unwrap();
    let limits = "[server]\nconcurrency_limit = 1\nconcurrency_queue = 1\nconcurrency_wait = \"30s\"\n\
                  [cache]\nwarm_on_startup = false";
    let settings = Settings::new().file(limits).database(postgres.url());
    // The first one fills the store, and has read it by then.
    drop(Gateway::start(settings.clone()).await);
    let gateway = Gateway::start(settings).await;
    postgres.freeze().unwrap();
    let list = async || {
        let started = Instant::now();
        let answer = gateway.get("/v1/models?gateway=all").await;
        (answer, started.elapsed())
    };
    let waiting = async |name: &str, n: f64| gateway.metric(name, &[]).await >= n;
    let others = async {
        eventually(SOON, || waiting("concurrency_active_requests", 1.0))
            .await
            .unwrap();
        let second = list();
        let third = async {
            eventually(SOON, || waiting("concurrency_queued_requests", 1.0))
                .await
                .unwrap();
            let (answer, took) = list().await;
            assert!(took < Duration::from_secs(1), "{took:?}");
            answer.is_problem(503, "SERVER_OVERLOAD");
            assert_eq!(answer.header("retry-after"), Some("5"));
            // What needs no place has one.
            assert_eq!(gateway.get("/health").await.status, 200);
            postgres.thaw().unwrap();
        };
        tokio::join!(second, third).0
    };
    let refresh = gateway.admin("POST", "/cache/refresh?gateway=all");
    let (first, (second, _)) = tokio::join!(refresh, others);
    assert_eq!((first.status, second.status), (200, 200));
    let full = gateway.metric("concurrency_rejected_total", &["queue_full"]).await;
    assert!((full - 1.0).abs() < f64::EPSILON, "{full}");
}
