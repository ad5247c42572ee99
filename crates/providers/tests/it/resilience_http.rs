//! What goes wrong on the way, and how often it is tried.

use std::{
    net::{Ipv4Addr, TcpListener},
    time::Duration,
};

use bytes::Bytes;
use gatewayz_catalog::ListError;
use gatewayz_providers::SendError;
use gatewayz_testkit::{
    Cut,
    simulated::{Fault, Reply},
};
use http::Request;
use tokio::time::Instant;

use crate::fetch_support::{LIST, Setup, World, client, ids};

async fn world(retries: u32) -> World {
    Setup {
        retries,
        ..Setup::list("auth = \"none\"\ntimeout_secs = 1")
    }
    .start()
    .await
}

#[tokio::test]
async fn a_connection_that_is_refused_is_tried_again() {
    // A port that was free a moment ago.
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap();
    let url = Box::leak(format!("http://{free}/v1/models").into_boxed_str());
    let world = Setup {
        url,
        ..Setup::list("auth = \"none\"")
    }
    .start()
    .await;
    let error = world.list().await.unwrap_err();
    assert!(
        matches!(&error, ListError::Connect(why) if why.contains("refused")),
        "{error}"
    );
}

#[tokio::test]
async fn what_breaks_on_the_way_is_told() {
    let world = world(0).await;
    let broken: &[(Fault, &str)] = &[
        (Fault::Hang, "timed-out"),
        (Fault::HangAfter(0), "timed-out"),
        (Fault::HangAfter(10), "timed-out"),
        (Fault::Late(Duration::from_secs(30)), "timed-out"),
        (Fault::Drip(1, Duration::from_millis(100)), "timed-out"),
        (Fault::Drop(Cut::Finish), "connect"),
        (Fault::Drop(Cut::Reset), "connect"),
        (Fault::CutAfter(0, Cut::Finish), "connect"),
        (Fault::CutAfter(10, Cut::Finish), "connect"),
        (Fault::ContentLength(1000), "connect"),
        (Fault::ContentLength(10), "malformed"),
        (
            Fault::Rubbish(Bytes::from_static(b"220 mail.example ESMTP\r\n")),
            "malformed",
        ),
    ];
    for (fault, expected) in broken {
        world.provider.fault(LIST, fault.clone());
        let begun = Instant::now();
        let error = world.list_anew().await.unwrap_err();
        let took = begun.elapsed();
        assert_eq!(error.as_str(), *expected, "{fault:?}: {error}");
        assert!(took < Duration::from_millis(1900), "{fault:?} took {took:?}");
    }
    // A reset may overtake what came before it.
    world.provider.fault(LIST, Fault::CutAfter(10, Cut::Reset));
    assert_eq!(world.list_anew().await.unwrap_err().as_str(), "connect");
    world.provider.heal_all();
    assert_eq!(ids(&world.list_anew().await.unwrap()), ["a", "b"]);
}

#[tokio::test]
async fn silence_in_the_middle_ends_sooner_than_the_deadline() {
    let world = Setup::list("auth = \"none\"\ntimeout_secs = 60").start().await;
    world.provider.fault(LIST, Fault::HangAfter(10));
    let begun = Instant::now();
    let error = world.list().await.unwrap_err();
    assert!(
        matches!(error, ListError::TimedOut(stall) if stall == Duration::from_millis(300)),
        "{error}"
    );
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_status_is_told_with_its_words_and_its_wait() {
    let world = world(0).await;
    let said = |status, body: &'static str| Reply::status(status).body(body);
    let cases = [
        (
            Reply::redirect(302, "http://169.254.169.254/"),
            "redirects are not followed",
            None,
        ),
        (Reply::redirect(308, "/elsewhere"), "redirects are not followed", None),
        (said(401, r#"{"detail":"Invalid API Key"}"#), "Invalid API Key", None),
        (said(403, "forbidden\r\n\tby rule"), "forbidden by rule", None),
        (
            said(429, "slow down").header("retry-after", "42"),
            "slow down",
            Some(42_000),
        ),
        (
            said(429, r#"{"error":{"message":"Please retry in 48.9s."}}"#),
            "Please retry",
            Some(48_900),
        ),
        (said(500, ""), "", None),
        (said(503, "busy").header("retry-after-ms", "2500"), "busy", Some(2_500)),
        (
            Reply::json(r#"{"error":{"message":"packed"}}"#)
                .with_status(500)
                .gzip()
                .unwrap(),
            "packed",
            None,
        ),
    ];
    for (reply, words, wait) in cases {
        world.provider.route(LIST, reply.clone());
        match world.list_anew().await.unwrap_err() {
            ListError::Status {
                message, retry_after, ..
            } => {
                assert!(message.contains(words), "{message}");
                assert_eq!(retry_after, wait.map(Duration::from_millis), "{reply:?}");
            }
            other => panic!("{reply:?}: {other}"),
        }
    }
    assert!(world.provider.requests_to("/elsewhere").is_empty());
    world.provider.route(
        LIST,
        said(429, r#"{"error":{"code":"insufficient_quota","message":"spent"}}"#),
    );
    assert!(matches!(world.list_anew().await.unwrap_err(), ListError::Quota(why) if why == "spent"));
}

#[tokio::test]
async fn an_error_whose_words_do_not_end_is_told_with_those_that_came() {
    let world = Setup::list("auth = \"none\"").start().await;
    world.provider.route(LIST, Reply::status(500).body(vec![b'x'; 100]));
    world.provider.fault(LIST, Fault::HangAfter(5));
    match world.list().await.unwrap_err() {
        ListError::Status {
            status: 500, message, ..
        } => assert_eq!(message, "xxxxx"),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn only_what_may_help_is_tried_again_and_at_most_twice() {
    let cases: &[(Fault, u64, usize)] = &[
        // fault, how often, requests in all
        (Fault::instead(Reply::status(500)), 1, 2),
        (Fault::instead(Reply::status(502)), 2, 3),
        (Fault::instead(Reply::status(503)), 9, 3),
        (Fault::instead(Reply::status(503).header("retry-after", "0")), 1, 2),
        (Fault::instead(Reply::status(429).header("retry-after-ms", "20")), 1, 2),
        (Fault::instead(Reply::status(429).header("retry-after", "120")), 9, 1),
        (Fault::instead(Reply::status(503).header("retry-after", "120")), 9, 1),
        (Fault::instead(Reply::status(429)), 9, 1),
        (Fault::instead(Reply::status(429).body(r#"{"code":"Arrearage"}"#)), 9, 1),
        (Fault::instead(Reply::status(401)), 9, 1),
        (Fault::instead(Reply::status(404)), 9, 1),
        (Fault::instead(Reply::redirect(301, "/")), 9, 1),
        (Fault::instead(Reply::html("<html>")), 9, 1),
        (Fault::Drop(Cut::Finish), 1, 2),
        (Fault::CutAfter(10, Cut::Finish), 9, 1),
    ];
    for (fault, times, n_requests) in cases {
        let world = world(2).await;
        world.provider.fault_times(LIST, *times, fault.clone());
        let sound = world.list().await.is_ok();
        assert_eq!(world.n_requests(), *n_requests, "{fault:?}");
        assert_eq!(sound, (*n_requests as u64) > *times, "{fault:?}");
    }
}

#[tokio::test]
async fn a_wait_that_ends_after_the_deadline_is_not_begun() {
    let world = world(2).await;
    world
        .provider
        .fault(LIST, Fault::instead(Reply::status(503).header("retry-after", "3")));
    let begun = Instant::now();
    assert!(matches!(
        world.list().await.unwrap_err(),
        ListError::Status { status: 503, .. }
    ));
    assert!(begun.elapsed() < Duration::from_millis(900));
    assert_eq!(world.n_requests(), 1);
}

#[tokio::test]
async fn a_pooled_connection_that_was_closed_costs_nothing() {
    for cut in [Cut::Finish, Cut::Reset] {
        let world = world(0).await;
        world.list().await.unwrap();
        world.list().await.unwrap();
        assert_eq!(world.provider.open_connections(), 1, "the connection is used again");
        // The peer reads the request on the connection that it has, and closes that.
        world.provider.fault_times(LIST, 1, Fault::Drop(cut));
        assert_eq!(ids(&world.list().await.unwrap()), ["a", "b"]);
        assert_eq!(world.n_requests(), 4);
        // On a new connection it is an error like any other.
        world.provider.fault(LIST, Fault::Drop(cut));
        assert_eq!(world.list().await.unwrap_err().as_str(), "connect");
    }
}

#[tokio::test]
async fn what_may_not_be_repeated_is_sent_once() {
    let world = world(0).await;
    let client = client();
    let url = format!("{}{LIST}", world.provider.url());
    let post = || Request::post(&url).body(Bytes::from_static(b"{}")).unwrap();
    let mut answer = client.send(post()).await.unwrap();
    while answer.body_mut().chunk().await.unwrap().is_some() {}
    world.provider.fault_times(LIST, 1, Fault::Drop(Cut::Finish));
    let error = client.send(post()).await.unwrap_err();
    assert!(matches!(error, SendError::Broken(_)), "{error}");
    assert_eq!(world.n_requests(), 2);
}

#[tokio::test]
async fn a_body_that_nobody_reads_to_its_end_closes_its_connection() {
    let world = world(0).await;
    world.provider.route(LIST, Reply::models(2_000_000));
    let answer = client()
        .send(
            Request::get(format!("{}{LIST}", world.provider.url()))
                .body(Bytes::new())
                .unwrap(),
        )
        .await
        .unwrap();
    assert_eq!(world.provider.open_connections(), 1);
    drop(answer);
    gatewayz_testkit::eventually(Duration::from_secs(5), || async {
        world.provider.open_connections() == 0
    })
    .await
    .unwrap();
}
