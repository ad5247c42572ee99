//! The control plane: numbers, leases, acknowledgements.

use std::time::Duration;

use gatewayz_cache_core::{Invalidation, InvalidationSink, Propagation, SharedTier};
use gatewayz_testkit::{RedisServer, Reply, eventually};
use tokio::time::Instant;

use crate::support::*;

/// A short term, so that what takes terms does not take seconds.
const SHORT: Duration = Duration::from_millis(300);

async fn short(server: &RedisServer) -> Peer {
    let mut config = config(&server.url());
    config.lease_term = SHORT;
    Peer::attached(config).await
}

async fn invalidate(peer: &Peer, name: &str) -> Duration {
    let begun = Instant::now();
    assert_eq!(
        peer.tier.invalidate(&names(&[name])).await,
        Propagation::Acknowledged,
        "{:?}",
        peer.stats()
    );
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_nodes_acknowledge_each_other() -> Outcome {
    let server = RedisServer::start().await?;
    let mut peers = Vec::new();
    for _ in 0..4 {
        peers.push(Peer::of(&server).await);
    }
    // The grace of the first term.
    invalidate(&peers[0], "x").await;
    let mut took = Vec::new();
    for i in 0..400 {
        for peer in &peers {
            peer.sink.hold("x");
        }
        took.push(invalidate(&peers[i % 4], "x").await);
        for peer in &peers {
            assert!(!peer.sink.holds("x"), "{:?}", peer.stats());
        }
    }
    took.sort_unstable();
    // Other tests run beside this one, without optimisation; the benches have the real figures.
    assert!(
        took[200] < Duration::from_millis(20),
        "p50 {:?} p99 {:?}",
        took[200],
        took[396]
    );
    for peer in &peers {
        let stats = peer.stats();
        assert_eq!((stats.applied, stats.announced), (401, 401));
        assert_eq!(peer.sink.applied(), 401);
    }
    assert_all_expire(&server).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_left_is_not_waited_for() -> Outcome {
    let server = RedisServer::start().await?;
    let mut long = config(&server.url());
    long.lease_term = Duration::from_secs(30);
    long.invalidation_deadline = Some(Duration::from_secs(60));
    let (a, b) = (Peer::attached(long.clone()).await, Peer::attached(long).await);
    b.tier.shutdown().await;
    assert!(!b.is_attached());
    assert_eq!(b.tier.invalidate(&names(&["x"])).await, Propagation::Deferred);
    // Had it not left, its lease would hold the number back for half a minute, and so does the grace of the epoch
    // hold back the answer: the settled number tells.
    let _told = tokio::time::timeout(Duration::from_millis(100), a.tier.invalidate(&names(&["x"]))).await;
    a.until("applied", SOON, || a.stats().applied == 1).await;
    let settled = || async { redis(&server, &["HGET", "{gatewayz}:acks", "s"]).await == Reply::text("1") };
    eventually(SOON, settled).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_node_delays_for_a_term_and_no_longer() -> Outcome {
    let server = RedisServer::start().await?;
    let (a, b) = (short(&server).await, short(&server).await);
    invalidate(&a, "x").await;
    b.tier.stall_applier(Duration::from_secs(60));
    b.sink.hold("x");
    let took = invalidate(&a, "x").await;
    assert!(
        took > SHORT / 3,
        "b has not applied it, so its lease has to end: {took:?}"
    );
    assert!(took < SHORT * 4, "{took:?}");
    assert!(!b.sink.holds("x") || !b.is_attached(), "{:?}", b.stats());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_applier_comes_back_clean() -> Outcome {
    let server = RedisServer::start().await?;
    let (a, b) = (short(&server).await, short(&server).await);
    b.tier.stall_applier(SHORT * 5);
    b.sink.hold("x");
    invalidate(&a, "x").await;
    b.until("attached again", SOON, || b.is_attached() && !b.sink.holds("x"))
        .await;
    invalidate(&a, "y").await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_acknowledgements_are_waited_for() -> Outcome {
    let server = RedisServer::start().await?;
    let (a, b) = (Peer::of(&server).await, Peer::of(&server).await);
    invalidate(&a, "x").await;
    b.tier.delay_acks(Duration::from_millis(60));
    assert!(invalidate(&a, "x").await >= Duration::from_millis(50));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_that_were_not_heard_are_read_from_the_log() -> Outcome {
    let server = RedisServer::start().await?;
    let (a, b) = (Peer::of(&server).await, Peer::of(&server).await);
    invalidate(&a, "x").await;
    for name in ["p", "q", "r"] {
        b.sink.hold(name);
        a.sink.hold(name);
    }
    // Announced by hand, without the publication: seen by the next renewal.
    redis(&server, &["XADD", "{gatewayz}:log", "2-0", "m", r#"{"k":["p"]}"#]).await;
    redis(&server, &["SET", "{gatewayz}:seq", "2", "EX", "60"]).await;
    b.until("told by a renewal", SOON, || !b.sink.holds("p")).await;
    // A gap: 3 is in the log only, 4 is heard.
    redis(&server, &["XADD", "{gatewayz}:log", "3-0", "m", r#"{"k":["q"]}"#]).await;
    redis(&server, &["SET", "{gatewayz}:seq", "3", "EX", "60"]).await;
    invalidate(&a, "r").await;
    for name in ["p", "q", "r"] {
        assert!(!a.sink.holds(name) && !b.sink.holds(name), "{name}");
    }
    assert_eq!((a.stats().rejoins, b.stats().rejoins), (0, 0));
    assert_eq!(b.stats().applied, 4);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_gone_makes_the_node_join_anew() -> Outcome {
    let server = RedisServer::start().await?;
    let a = Peer::of(&server).await;
    invalidate(&a, "x").await;
    a.sink.hold("p");
    redis(&server, &["DEL", "{gatewayz}:log"]).await;
    redis(&server, &["SET", "{gatewayz}:seq", "9", "EX", "60"]).await;
    a.until("joined anew", SOON, || a.stats().rejoins == 1 && a.is_attached())
        .await;
    assert!(!a.sink.holds("p"));
    assert_eq!(a.stats().applied, 9);
    invalidate(&a, "x").await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unparsable_message_makes_the_node_join_anew() -> Outcome {
    let server = RedisServer::start().await?;
    let a = Peer::of(&server).await;
    a.sink.hold("p");
    redis(&server, &["PUBLISH", "{gatewayz}:events:0", "what?"]).await;
    a.until("joined anew", SOON, || a.stats().rejoins == 1 && a.is_attached())
        .await;
    assert!(!a.sink.holds("p"));
    // Of an epoch that never was: looked into, and ignored.
    redis(
        &server,
        &["PUBLISH", "{gatewayz}:events:0", r#"i|77|0:0:1|{"k":["x"]}"#],
    )
    .await;
    invalidate(&a, "x").await;
    assert_eq!(a.stats().rejoins, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_makes_a_new_epoch_with_a_grace() -> Outcome {
    let server = RedisServer::start().await?;
    let (a, b) = (short(&server).await, short(&server).await);
    invalidate(&a, "x").await;
    let epoch = a.stats().epoch;
    for peer in [&a, &b] {
        peer.sink.hold("p");
    }
    redis(&server, &["FLUSHALL"]).await;
    let begun = Instant::now();
    let took = invalidate(&a, "y").await;
    assert!(
        took + Duration::from_millis(20) >= SHORT,
        "the nodes of the lost epoch may serve for a term: {took:?}"
    );
    assert!(begun.elapsed() < SHORT * 4);
    for peer in [&a, &b] {
        peer.until("in the new epoch", SOON, || {
            peer.is_attached() && peer.stats().epoch != epoch
        })
        .await;
        assert!(!peer.sink.holds("p"));
    }
    assert_eq!(a.stats().epoch, b.stats().epoch);
    assert!(invalidate(&b, "x").await < SHORT);
    assert_all_expire(&server).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_lost_key_of_the_control_plane_makes_a_new_epoch() -> Outcome {
    let server = RedisServer::start().await?;
    let a = short(&server).await;
    for lost in ["epoch", "seq", "nodes"] {
        let epoch = a.stats().epoch;
        redis(&server, &["DEL", &format!("{{gatewayz}}:{lost}")]).await;
        a.until("in a new epoch", SOON, || a.is_attached() && a.stats().epoch != epoch)
            .await;
    }
    // Without what the nodes have acknowledged, nobody keeps a lease; the epoch stays.
    let (epoch, rejoins) = (a.stats().epoch, a.stats().rejoins);
    redis(&server, &["DEL", "{gatewayz}:acks"]).await;
    a.until("joined anew", SOON, || a.is_attached() && a.stats().rejoins > rejoins)
        .await;
    assert_eq!(a.stats().epoch, epoch);
    invalidate(&a, "x").await;
    assert_all_expire(&server).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_of_messages_makes_the_node_join_anew() -> Outcome {
    let server = RedisServer::start().await?;
    let (a, b) = (Peer::of(&server).await, Peer::of(&server).await);
    invalidate(&a, "x").await;
    redis(&server, &["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    for peer in [&a, &b] {
        peer.until("joined anew", SOON, || peer.stats().rejoins >= 1 && peer.is_attached())
            .await;
    }
    a.sink.hold("x");
    invalidate(&b, "x").await;
    assert!(!a.sink.holds("x"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn databases_and_prefixes_keep_apart() -> Outcome {
    let server = RedisServer::start().await?;
    let zero = Peer::of(&server).await;
    let one = Peer::attached(config(&format!("{}/1", server.url()))).await;
    let mut prefixed = config(&server.url());
    prefixed.key_prefix = "gw1:".to_owned();
    let prefixed = Peer::attached(prefixed).await;
    let k = key("models:stats");
    for peer in [&zero, &one, &prefixed] {
        peer.fill(&k, "[0]").await;
        peer.sink.hold(&k.name);
    }
    assert_eq!(
        prefixed.tier.invalidate(&Invalidation::new().prefix("models:")).await,
        Propagation::Acknowledged
    );
    assert_eq!(prefixed.get(&k).await, None);
    for peer in [&zero, &one] {
        assert_eq!(peer.get(&k).await.as_deref(), Some("[0]"));
        assert!(peer.sink.holds(&k.name));
    }
    invalidate(&one, &k.name).await;
    assert_eq!(zero.get(&k).await.as_deref(), Some("[0]"));
    for peer in [&zero, &one, &prefixed] {
        assert_eq!(peer.stats().rejoins, 0);
    }
    assert_all_expire(&server).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tier_that_is_switched_off_is_alone() -> Outcome {
    let mut off = config("redis://localhost:1");
    off.enabled = false;
    let peer = Peer::attached(off).await;
    assert!(peer.tier.get(&key("x")).await.is_err());
    assert_eq!(peer.tier.invalidate(&names(&["x"])).await, Propagation::Acknowledged);
    Ok(())
}
