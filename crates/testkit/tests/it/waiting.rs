use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use gatewayz_testkit::{eventually, require_shared_data, shared_data};

#[tokio::test]
async fn a_condition_that_holds_is_seen_at_once() {
    let took = eventually(Duration::from_secs(5), || async { true }).await.unwrap();
    assert!(took < Duration::from_secs(1));
}

#[tokio::test]
async fn a_condition_is_looked_at_again() {
    let looks = AtomicU32::new(0);
    eventually(Duration::from_secs(5), || async {
        looks.fetch_add(1, Ordering::Relaxed) == 4
    })
    .await
    .unwrap();
    assert_eq!(looks.into_inner(), 5);
}

#[tokio::test]
async fn the_deadline_ends_it_also_when_the_look_hangs() {
    let limit = Duration::from_millis(60);
    let missed = eventually(limit, || async { false }).await.unwrap_err();
    assert!(missed.looks > 2, "{missed}");
    assert_eq!(missed.deadline, limit);
    let missed = eventually(limit, std::future::pending::<bool>).await.unwrap_err();
    assert_eq!(missed.looks, 1);
}

#[test]
fn absent_data_is_said_to_be_absent() {
    assert_eq!(shared_data("no/such/file"), None);
    // In CI, where a skipped test would be taken for one that passed, it is a panic.
    let in_ci = std::env::vars_os().any(|(name, value)| name == "CI" && value == "true");
    match std::panic::catch_unwind(|| require_shared_data("no/such/file")) {
        Ok(outcome) => {
            let error = outcome.unwrap_err();
            assert!(!in_ci);
            assert!(error.path.ends_with("shared/data/no/such/file"));
            assert!(error.to_string().contains("the tests that need it are skipped"));
        }
        Err(_panic) => assert!(in_ci),
    }
}

#[test]
fn present_data_is_found() {
    match require_shared_data("") {
        Ok(path) => assert!(path.is_dir()),
        Err(error) => eprintln!("{error}"),
    }
}
