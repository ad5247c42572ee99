//! Writes from outside.

use std::time::Duration;

use gatewayz_cache_core::{InvalidationSink, Propagation, SharedTier};
use gatewayz_testkit::{RedisServer, Reply, eventually};

use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_deleted_by_hand_is_forgotten_by_all() -> Outcome {
    let server = RedisServer::start().await?;
    let (a, b) = (Peer::of(&server).await, Peer::of(&server).await);
    tracks(&server, 2).await;
    let k = key("models:provider:x");
    a.fill(&k, "[1]").await;
    assert!(b.get(&k).await.is_some());
    for peer in [&a, &b] {
        peer.sink.hold(&k.name);
    }
    redis(&server, &["DEL", &k.name]).await;
    for peer in [&a, &b] {
        peer.until("forgotten", SOON, || !peer.sink.holds(&k.name)).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_writes_and_expiry_are_no_hints() -> Outcome {
    let server = RedisServer::start().await?;
    let a = Peer::of(&server).await;
    tracks(&server, 1).await;
    let (kept, expired, last) = (
        key("models:provider:kept"),
        key("models:provider:expired"),
        key("models:provider:last"),
    );
    for k in [&kept, &expired, &last] {
        a.sink.hold(&k.name);
        a.fill(k, "[1]").await;
    }
    // As if its ttl had ended: it was stored to end in a moment.
    let mut short = stored("[1]");
    short.ttl = Duration::from_millis(5);
    assert_eq!(
        a.tier.invalidate(&names(&[&expired.name])).await,
        Propagation::Acknowledged
    );
    a.sink.hold(&expired.name);
    let lease = a.lead(&expired).await;
    a.tier.fill(&expired, lease, short).await?;
    eventually(SOON, || async {
        redis(&server, &["EXISTS", &expired.name]).await == Reply::Int(0)
    })
    .await?;
    // Pushes come in order, so this one comes after the others.
    redis(&server, &["DEL", &last.name]).await;
    a.until("forgotten", SOON, || !a.sink.holds(&last.name)).await;
    assert!(a.sink.holds(&kept.name), "a value that is there is no hint");
    assert!(
        a.sink.holds(&expired.name),
        "memory may serve what expired while it is refreshed"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_connection_looks_again() -> Outcome {
    let server = RedisServer::start().await?;
    let a = Peer::of(&server).await;
    tracks(&server, 1).await;
    let k = key("models:provider:x");
    a.sink.hold("models:stats");
    redis(&server, &["CLIENT", "KILL", "TYPE", "normal"]).await;
    a.until("cleared on doubt", SOON, || !a.sink.holds("models:stats"))
        .await;
    a.await_attached().await;
    tracks(&server, 1).await;
    a.fill(&k, "[1]").await;
    a.sink.hold(&k.name);
    redis(&server, &["DEL", &k.name]).await;
    a.until("forgotten", SOON, || !a.sink.holds(&k.name)).await;
    Ok(())
}
