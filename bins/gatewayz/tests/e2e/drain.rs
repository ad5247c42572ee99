//! The end: everything that was asked is answered.

use std::time::Duration;

use gatewayz_testkit::{Postgres, eventually};
use rustix::process::Signal;
use tokio::time::Instant;

use crate::{
    client::{Client, Response},
    gateway::{Gateway, KEY, SOON, Settings},
    load::Load,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_that_was_sent_is_answered() {
    let mut gateway = Gateway::start(Settings::new()).await;
    let load = Load::start(gateway.addr, 32, |n| {
        format!("/v1/models?gateway=all&limit={}", n % 50 + 1)
    });
    load.goes_on(1000).await;
    gateway.signal(Signal::TERM);
    let told = Instant::now();
    let shots = load.over().await;
    let status = gateway.ended(SOON).await;
    eprintln!("ended {:?} after the signal, {} requests", told.elapsed(), shots.len());
    assert_eq!(status.code(), Some(0));
    assert!(told.elapsed() < Duration::from_secs(10), "{:?}", told.elapsed());
    // A connection that was begun after the signal may find nobody any more.
    let lost: Vec<_> = shots
        .iter()
        .filter(|shot| shot.outcome != Ok(200) && !(shot.is_first && shot.at > told))
        .collect();
    assert!(lost.is_empty(), "{lost:?}");
    assert!(gateway.log().contains("\"ended\""), "it did not say that it ended");
}

/// A caller that rests learns from its answer that it was the last; one that goes on resting is let go.
#[tokio::test]
async fn callers_that_rest_are_told_or_let_go() {
    let mut gateway = Gateway::start(Settings::new()).await;
    let (mut asks, mut rests, mut silent) = (
        gateway.connect().await,
        gateway.connect().await,
        gateway.connect().await,
    );
    asks.get("/health").await.unwrap();
    rests.get("/health").await.unwrap();
    gateway.signal(Signal::TERM);
    gateway.logs(&["ending"]).await;
    let last = asks.get("/health/ready").await.unwrap();
    assert_eq!((last.status, last.header("connection")), (503, Some("close")));
    assert_eq!(last.json()["status"], "draining");
    assert!(asks.closed(SOON).await && rests.closed(SOON).await && silent.closed(SOON).await);
    assert_eq!(gateway.ended(SOON).await.code(), Some(0));
    assert!(Client::connect(gateway.addr).await.is_err());
}

/// A list that waits for the database when the end begins is answered when the database answers.
#[tokio::test]
async fn what_is_under_way_is_answered_while_postgres_takes_its_time() {
    let (postgres, mut gateway, slow) = reading_while_postgres_is_frozen("").await;
    gateway.signal(Signal::TERM);
    gateway.logs(&["ending"]).await;
    let refuses = async || Client::connect(gateway.addr).await.is_err();
    eventually(SOON, refuses).await.unwrap();
    assert!(!slow.is_finished());
    postgres.thaw().unwrap();
    let answer = slow.await.unwrap().unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.json()["models_count"].as_u64().unwrap() >= 60);
    assert_eq!(gateway.ended(SOON).await.code(), Some(0));
}

/// A gateway that reads its database for an administrator, while that does not answer.
async fn reading_while_postgres_is_frozen(
    file: &str,
) -> (Postgres, Gateway, tokio::task::JoinHandle<std::io::Result<Response>>) {
    let postgres = Postgres::start().await.unwrap();
    let settings = Settings::new()
        .file("[cache]\nwarm_on_startup = false")
        .file(file)
        .database(postgres.url());
    // The first one fills the store, and has read it by then.
    drop(Gateway::start(settings.clone()).await);
    let gateway = Gateway::start(settings).await;
    postgres.freeze().unwrap();
    let mut client = gateway.connect().await;
    let slow = tokio::spawn(async move { refresh(&mut client).await });
    let waits = async || gateway.metric("concurrency_active_requests", &[]).await > 0.0;
    eventually(SOON, waits).await.unwrap();
    (postgres, gateway, slow)
}

/// Has the database read. Callers of a list are refused after a second; an administrator waits for the outcome.
async fn refresh(client: &mut Client) -> std::io::Result<Response> {
    let key = format!("Bearer {KEY}");
    let headers = [("authorization", key.as_str()), ("content-length", "0")];
    client.send("POST", "/cache/refresh?gateway=all", &headers).await
}

/// What takes longer than it may is cut off, and the process ends all the same.
#[tokio::test]
async fn the_end_comes_in_time_while_postgres_is_frozen() {
    let (_postgres, mut gateway, slow) = reading_while_postgres_is_frozen("[server]\ndrain_timeout = \"1s\"").await;
    gateway.signal(Signal::TERM);
    let told = Instant::now();
    assert_eq!(gateway.ended(SOON).await.code(), Some(0));
    eprintln!("ended {:?} after the signal", told.elapsed());
    assert!(told.elapsed() < Duration::from_secs(8), "{:?}", told.elapsed());
    assert!(slow.await.unwrap().is_err());
    assert!(gateway.log().contains("cut off"));
}
