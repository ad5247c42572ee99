//! A server that is gone, silent, full, or not what it should be.

use std::time::Duration;

use gatewayz_cache_core::{InvalidationSink, Propagation, SharedError, SharedTier};
use gatewayz_testkit::{Cut, FaultProxy, Fresh, RedisServer};
use tokio::time::Instant;

use crate::support::*;

/// What the issue allows after a server is back.
const BACK: Duration = Duration::from_secs(2);

async fn works(peer: &Peer) {
    let k = key("models:provider:again");
    peer.await_attached().await;
    peer.until("available", SOON, || peer.tier.is_available()).await;
    assert_eq!(
        peer.tier.invalidate(&names(&[&k.name])).await,
        Propagation::Acknowledged,
        "{:?}",
        peer.stats()
    );
    peer.fill(&k, "[1]").await;
    assert_eq!(peer.get(&k).await.as_deref(), Some("[1]"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn absent_at_start() -> Outcome {
    let server = RedisServer::start().await?;
    server.kill().await?;
    let a = Peer::start(config(&server.url()));
    let begun = Instant::now();
    for _ in 0..100 {
        assert!(matches!(a.tier.get(&key("x")).await, Err(SharedError::Unavailable(_))));
    }
    assert_eq!(a.tier.invalidate(&names(&["x"])).await, Propagation::Deferred);
    // The first one gives the server a moment to come up; then nobody waits for one that is not there.
    assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
    let begun = Instant::now();
    assert_eq!(a.tier.invalidate(&names(&["y"])).await, Propagation::Deferred);
    assert!(begun.elapsed() < Duration::from_millis(200), "{:?}", begun.elapsed());
    assert!(!a.is_attached() && !a.tier.is_available());
    server.restart_empty().await?;
    let took = a.until("attached", SOON, || a.is_attached()).await;
    assert!(took < BACK, "{took:?}");
    assert_eq!(a.stats().journal, 0);
    works(&a).await;
    assert_all_expire(&server).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_and_continued() -> Outcome {
    let server = RedisServer::start().await?;
    let (a, b) = (Peer::of(&server).await, Peer::of(&server).await);
    works(&a).await;
    b.sink.hold("x");
    server.freeze()?;
    let begun = Instant::now();
    let mut longest = Duration::ZERO;
    while begun.elapsed() < Duration::from_millis(1200) {
        let call = Instant::now();
        assert!(a.tier.get(&key("x")).await.is_err());
        longest = longest.max(call.elapsed());
        tokio::task::yield_now().await;
    }
    assert!(
        longest < Duration::from_millis(450),
        "a command's time-out and no more: {longest:?}"
    );
    assert!(!a.tier.is_available() && !a.is_attached() && !b.is_attached());
    assert_eq!(a.tier.invalidate(&names(&["x"])).await, Propagation::Deferred);
    server.thaw()?;
    let took = a
        .until("attached", SOON, || a.is_attached() && a.tier.is_available())
        .await;
    assert!(took < BACK, "{took:?}");
    works(&a).await;
    b.until("clean", SOON, || b.is_attached() && !b.sink.holds("x")).await;
    assert_all_expire(&server).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_and_restarted_empty() -> Outcome {
    let server = RedisServer::start().await?;
    let (a, b) = (Peer::of(&server).await, Peer::of(&server).await);
    works(&a).await;
    let (epoch, lease) = (a.stats().epoch, b.lead(&key("models:stats")).await);
    b.sink.hold("x");
    server.kill().await?;
    a.until("noticed", SOON, || !a.tier.is_available() && !a.is_attached())
        .await;
    server.restart_empty().await?;
    let took = a.until("attached", SOON, || a.is_attached()).await;
    assert!(took < BACK, "{took:?}");
    assert_ne!(a.stats().epoch, epoch);
    works(&a).await;
    b.await_attached().await;
    assert!(!b.sink.holds("x"));
    let filled = b.tier.fill(&key("models:stats"), lease, stored("[1]")).await?;
    assert_eq!(filled, gatewayz_cache_core::Filled::Fenced);
    assert_all_expire(&server).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_links() -> Outcome {
    let server = RedisServer::start().await?;
    let proxy = FaultProxy::start(server.addr()).await?;
    let a = Peer::attached(config(&server.url_at(proxy.addr()))).await;
    works(&a).await;
    // Old connections are dead, new ones work: only a new set of them helps.
    proxy.half_open(Fresh::Forwarded);
    a.until("detached", SOON, || !a.is_attached()).await;
    let took = a
        .until("attached", SOON, || a.is_attached() && a.tier.is_available())
        .await;
    assert!(took < BACK, "{took:?}");
    works(&a).await;

    // New ones are dead, too.
    proxy.half_open(Fresh::Swallowed);
    a.until("given up twice", Duration::from_secs(8), || {
        a.stats().reconnections >= 3
    })
    .await;
    proxy.heal();
    let took = a
        .until("attached", SOON, || a.is_attached() && a.tier.is_available())
        .await;
    assert!(took < BACK, "{took:?}");
    works(&a).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_with_large_values_under_way() -> Outcome {
    let server = RedisServer::start().await?;
    let proxy = FaultProxy::start(server.addr()).await?;
    let a = Peer::attached(config(&server.url_at(proxy.addr()))).await;
    let k = key("models:stats");
    let lease = a.lead(&k).await;
    let noise: String = (0..12_000_000u32)
        .map(|i| char::from(b'!' + u8::try_from(i.wrapping_mul(2_654_435_761) >> 26).unwrap_or(0)))
        .collect();
    proxy.half_open(Fresh::Forwarded);
    let (tier, held) = (a.tier.clone(), k.clone());
    let filling = tokio::spawn(async move { tier.fill(&held, lease, stored(&noise)).await });
    a.until("detached", SOON, || !a.is_attached()).await;
    let took = a.until("attached", SOON, || a.is_attached()).await;
    assert!(took < BACK, "{took:?}");
    works(&a).await;
    assert!(tokio::time::timeout(Duration::from_secs(6), filling).await??.is_err());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_cut_again_and_again() -> Outcome {
    let server = RedisServer::start().await?;
    let proxy = FaultProxy::start(server.addr()).await?;
    let a = Peer::attached(config(&server.url_at(proxy.addr()))).await;
    for how in [Cut::Reset, Cut::Finish, Cut::Reset] {
        proxy.cut(how);
        a.until("noticed", SOON, || !a.is_attached()).await;
        works(&a).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn out_of_memory() -> Outcome {
    let server = RedisServer::start().await?;
    let (a, b) = (Peer::of(&server).await, Peer::of(&server).await);
    let (there, new) = (key("models:provider:there"), key("models:provider:new"));
    a.fill(&there, "[1]").await;
    redis(&server, &["CONFIG", "SET", "maxmemory", "1"]).await;
    let refused = a.tier.acquire(&new, gatewayz_cache_core::Intent::Fill, TERM).await;
    assert!(matches!(refused, Err(SharedError::Refused(_))), "{refused:?}");
    assert_eq!(a.get(&there).await.as_deref(), Some("[1]"), "what is there is served");
    // Deletions and the control plane need no memory that a full server would refuse.
    b.sink.hold(&there.name);
    let (told, lease) = a.tier.claim(&there, &names(&[&there.name]), TERM).await;
    assert_eq!(told, Propagation::Acknowledged);
    assert!(lease.is_some());
    assert!(!b.sink.holds(&there.name));
    assert!(a.is_attached() && a.tier.is_available() && a.stats().errors >= 1);
    let full = Peer::of(&server).await;
    assert!(full.is_attached(), "a node can join a full server");
    redis(&server, &["CONFIG", "SET", "maxmemory", "0"]).await;
    works(&a).await;
    assert_all_expire(&server).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn made_a_replica_and_a_primary_again() -> Outcome {
    let (server, other) = (RedisServer::start().await?, RedisServer::start().await?);
    let a = Peer::of(&server).await;
    works(&a).await;
    let k = key("models:provider:again");
    let port = other.addr().port().to_string();
    redis(&server, &["CONFIG", "SET", "replica-read-only", "yes"]).await;
    redis(&server, &["REPLICAOF", "127.0.0.1", &port]).await;
    a.until("detached", SOON, || !a.is_attached()).await;
    assert_eq!(a.tier.invalidate(&names(&[&k.name])).await, Propagation::Deferred);
    assert!(
        a.tier
            .acquire(&k, gatewayz_cache_core::Intent::Fill, TERM)
            .await
            .is_err()
    );
    redis(&server, &["REPLICAOF", "NO", "ONE"]).await;
    a.until("attached", SOON, || a.is_attached() && a.stats().journal == 0)
        .await;
    works(&a).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_is_asked_for() -> Outcome {
    let server = RedisServer::builder().password("hunter2").start().await?;
    let stranger = Peer::start(config(&format!("redis://{}", server.addr())));
    let wrong = Peer::start(config(&format!("redis://:wrong@{}", server.addr())));
    let friend = Peer::of(&server).await;
    works(&friend).await;
    for peer in [&stranger, &wrong] {
        peer.until("refused", SOON, || peer.stats().errors > 0).await;
        assert!(peer.tier.get(&key("x")).await.is_err());
        assert_eq!(peer.tier.invalidate(&names(&["x"])).await, Propagation::Deferred);
        assert!(!peer.is_attached());
    }
    assert!(!format!("{friend:?} {:?}", friend.tier).contains("hunter2"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_tier_leaves_nothing_running() -> Outcome {
    let server = RedisServer::start().await?;
    let a = Peer::of(&server).await;
    drop(a);
    let gone = || async {
        let clients = redis(&server, &["CLIENT", "LIST"]).await;
        clients.as_text().unwrap_or_default().lines().count() == 1
    };
    gatewayz_testkit::eventually(SOON, gone).await?;
    let nodes = redis(&server, &["ZRANGE", "{gatewayz}:nodes", "0", "-1"]).await;
    assert_eq!(nodes.as_array().map(<[_]>::len), Some(1), "its lease is given back");
    Ok(())
}
