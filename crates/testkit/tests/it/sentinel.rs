use std::time::Duration;

use gatewayz_testkit::{RedisSentinel, Reply, eventually};

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn the_replica_takes_the_place_of_a_killed_primary_and_back() {
    let group = RedisSentinel::start().await.unwrap();
    let (first, second) = (group.primary(), group.replica());
    let [a, b, c] = group.sentinels() else {
        panic!("three sentinels")
    };
    let url = format!(
        "redis-sentinel://{}/0?sentinelServiceName=main&node={}&node={}",
        a.addr(),
        b.addr(),
        c.addr()
    );
    assert_eq!(group.url(), url);
    assert_eq!(group.current_primary().await, Some(first.addr()));
    first.command(&["SET", "a", "b"]).await.unwrap();
    eventually(LONG, || async {
        second
            .command(&["GET", "a"])
            .await
            .is_ok_and(|reply| reply == Reply::text("b"))
    })
    .await
    .unwrap();

    assert_eq!(group.kill_primary().await.unwrap(), first.addr());
    let took = eventually(LONG, || async { group.current_primary().await == Some(second.addr()) })
        .await
        .unwrap();
    eprintln!("failover took {took:?}");
    eventually(LONG, || async {
        second
            .command(&["SET", "a", "c"])
            .await
            .is_ok_and(|reply| reply == Reply::ok())
    })
    .await
    .unwrap();

    // The old primary comes back as a replica of the new one.
    first.restart_empty().await.unwrap();
    eventually(LONG, || async {
        first
            .command(&["GET", "a"])
            .await
            .is_ok_and(|reply| reply == Reply::text("c"))
    })
    .await
    .unwrap();
    assert!(
        matches!(first.command(&["SET", "a", "d"]).await.unwrap(), Reply::Error(text) if text.starts_with("READONLY"))
    );
}

#[tokio::test]
async fn a_frozen_primary_is_replaced_and_one_frozen_sentinel_does_no_harm() {
    let group = RedisSentinel::start().await.unwrap();
    group.sentinels()[0].freeze().unwrap();
    group.primary().freeze().unwrap();
    eventually(LONG, || async {
        group.current_primary().await == Some(group.replica().addr())
    })
    .await
    .unwrap();
}
