//! Other ways to a server: Sentinel, Cluster, a unix socket, TLS.

use std::time::Duration;

use gatewayz_cache_core::{Filled, Invalidation, InvalidationSink, Propagation, SharedTier};
use gatewayz_testkit::{RedisCluster, RedisSentinel, RedisServer, Tls, eventually};

use crate::support::*;

/// Elections take seconds.
const FAILOVER: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unix_socket() -> Outcome {
    let server = RedisServer::start().await?;
    let url = format!("unix://{}?db=2", server.unix_socket().display());
    let (a, b) = (Peer::attached(config(&url)).await, Peer::attached(config(&url)).await);
    let k = key("models:stats");
    a.fill(&k, "[1]").await;
    assert_eq!(b.get(&k).await.as_deref(), Some("[1]"));
    assert_eq!(a.tier.invalidate(&names(&[&k.name])).await, Propagation::Acknowledged);
    assert_eq!(b.get(&k).await, None);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn encrypted_and_verified() -> Outcome {
    let dir = tempfile::tempdir()?;
    let Ok(tls) = Tls::self_signed(dir.path()) else {
        // Without the `openssl` program there is no certificate to test with.
        return Ok(());
    };
    let ca = tls.ca.clone();
    let server = RedisServer::builder().tls(tls)?.start().await?;
    let mut trusting = config(&server.url());
    trusting.tls_ca_file = Some(ca);
    let a = Peer::attached(trusting.clone()).await;
    let k = key("models:stats");
    a.fill(&k, "[1]").await;
    assert_eq!(a.tier.invalidate(&names(&[&k.name])).await, Propagation::Acknowledged);

    // An authority that did not sign the server's certificate.
    let other = tempfile::tempdir()?;
    trusting.tls_ca_file = Some(Tls::self_signed(other.path())?.ca);
    let stranger = Peer::start(trusting.clone());
    stranger
        .until("refused", SOON, || stranger.stats().reconnections >= 1)
        .await;
    assert!(!stranger.is_attached());

    trusting.tls_ca_file = Some("/nonexistent".into());
    let error = gatewayz_cache_redis::RedisTier::new(trusting).unwrap_err();
    assert_eq!(error.field(), "tls_ca_file");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster() -> Outcome {
    let cluster = RedisCluster::start(3).await?;
    let (a, b) = (
        Peer::attached(config(&cluster.url())).await,
        Peer::attached(config(&cluster.url())).await,
    );
    let keys: Vec<_> = (0..30).map(|i| key(&format!("models:provider:{i}"))).collect();
    for k in &keys {
        a.fill(k, "[1]").await;
        b.sink.hold(&k.name);
        assert_eq!(b.get(k).await.as_deref(), Some("[1]"));
    }
    let some: Vec<&str> = keys.iter().take(10).map(|k| k.name.as_str()).collect();
    assert_eq!(a.tier.invalidate(&names(&some)).await, Propagation::Acknowledged);
    for (i, k) in keys.iter().enumerate() {
        assert_eq!(b.get(k).await.is_some(), i >= 10);
        assert_eq!(b.sink.holds(&k.name), i >= 10);
    }
    let lease = b.lead(&keys[0]).await;
    let all = Invalidation::new().prefix("models:provider:");
    assert_eq!(a.tier.invalidate(&all).await, Propagation::Acknowledged);
    assert_eq!(b.tier.fill(&keys[0], lease, stored("[0]")).await?, Filled::Fenced);
    for k in &keys {
        assert_eq!(b.get(k).await, None);
    }
    let (told, lease) = a
        .tier
        .claim(&keys[3], &names(&["models:provider:3", "models:stats"]), TERM)
        .await;
    assert_eq!(told, Propagation::Acknowledged);
    assert_eq!(
        a.tier.fill(&keys[3], lease.ok_or("no lease")?, stored("[3]")).await?,
        Filled::Stored
    );

    // Hints come from every primary, not from one.
    for primary in cluster.primaries() {
        tracks(primary, 2).await;
    }
    for k in &keys[4..] {
        a.fill(k, "[1]").await;
        a.sink.hold(&k.name);
        let owner = cluster.owner(&k.name).await?;
        redis(owner, &["DEL", &k.name]).await;
    }
    let forgotten = || keys[4..].iter().all(|k| !a.sink.holds(&k.name));
    a.until("forgotten", SOON, forgotten).await;
    for primary in cluster.primaries() {
        assert_all_expire(primary).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_brings_nothing_back() -> Outcome {
    let group = RedisSentinel::start().await?;
    let (a, b) = (
        Peer::attached(config(&group.url())).await,
        Peer::attached(config(&group.url())).await,
    );
    let (dropped, kept) = (key("models:provider:dropped"), key("models:provider:kept"));
    a.fill(&dropped, "[1]").await;
    a.fill(&kept, "[1]").await;
    // The replica has both, and then hears no more: what is dropped now, it will bring back.
    let has = |name: String| {
        let replica = group.replica();
        async move { redis(replica, &["EXISTS", &name]).await == gatewayz_testkit::Reply::Int(1) }
    };
    eventually(SOON, || async {
        has(dropped.name.clone()).await && has(kept.name.clone()).await
    })
    .await?;
    group.replica().freeze()?;
    assert_eq!(
        a.tier.invalidate(&names(&[&dropped.name])).await,
        Propagation::Acknowledged
    );
    let epoch = a.stats().epoch;
    b.sink.hold(&kept.name);
    group.primary().kill().await?;
    group.replica().thaw()?;
    for peer in [&a, &b] {
        let moved = || peer.is_attached() && peer.stats().epoch != epoch;
        peer.until("attached to the new primary", FAILOVER, moved).await;
    }
    assert!(!b.sink.holds(&kept.name));
    for peer in [&a, &b] {
        assert_eq!(peer.get(&dropped).await, None, "its removal was acknowledged");
        assert_eq!(peer.get(&kept).await, None, "nobody vouches for it");
    }
    assert!(b.get(&loose(&kept.name)).await.is_some());
    assert_eq!(
        b.get(&loose(&dropped.name)).await,
        None,
        "the last seconds' invalidations are told again"
    );
    assert_eq!(b.tier.invalidate(&names(&["x"])).await, Propagation::Acknowledged);
    b.fill(&dropped, "[2]").await;
    assert_eq!(a.get(&dropped).await.as_deref(), Some("[2]"));
    assert_all_expire(group.replica()).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_loses_the_primary_of_the_control_plane() -> Outcome {
    let cluster = RedisCluster::with_replicas(3).await?;
    let (a, b) = (
        Peer::attached(config(&cluster.url())).await,
        Peer::attached(config(&cluster.url())).await,
    );
    let k = key("models:provider:x");
    a.fill(&k, "[1]").await;
    b.sink.hold(&k.name);
    let epoch = a.stats().epoch;
    cluster.owner("{gatewayz}:epoch").await?.kill().await?;
    for peer in [&a, &b] {
        let moved = || peer.is_attached() && peer.stats().epoch != epoch;
        peer.until("attached to the new primary", FAILOVER, moved).await;
    }
    assert!(!b.sink.holds(&k.name));
    assert_eq!(a.tier.invalidate(&names(&[&k.name])).await, Propagation::Acknowledged);
    assert_eq!(b.get(&k).await, None);
    a.fill(&k, "[2]").await;
    assert_eq!(b.get(&k).await.as_deref(), Some("[2]"));
    Ok(())
}
