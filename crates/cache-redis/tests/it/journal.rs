//! Invalidations that the server did not take.

use std::time::Duration;

use gatewayz_cache_core::{Filled, InvalidationSink, Propagation, SharedError, SharedTier};
use gatewayz_testkit::{FaultProxy, Fresh, RedisServer};

use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deferred_invalidation_goes_out_first() -> Outcome {
    let server = RedisServer::start().await?;
    let proxy = FaultProxy::start(server.addr()).await?;
    let a = Peer::attached(config(&server.url_at(proxy.addr()))).await;
    let b = Peer::of(&server).await;
    let k = key("models:provider:x");
    a.fill(&k, "[1]").await;
    b.sink.hold(&k.name);
    let lease = match b.tier.acquire(&k, gatewayz_cache_core::Intent::Refresh, TERM).await? {
        gatewayz_cache_core::Acquired::Lead(lease) => lease,
        other => panic!("{other:?}"),
    };

    proxy.half_open(Fresh::Swallowed);
    let begun = tokio::time::Instant::now();
    assert_eq!(a.tier.invalidate(&names(&[&k.name])).await, Propagation::Deferred);
    assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
    assert_eq!(a.stats().journal, 1);
    // The others are there for b: its value is good as far as anyone could know.
    assert_eq!(b.get(&k).await.as_deref(), Some("[1]"));
    assert!(a.tier.get(&k).await.is_err());

    proxy.heal();
    a.until("told", SOON, || a.stats().journal == 0).await;
    assert_eq!(b.get(&k).await, None);
    assert_eq!(b.tier.fill(&k, lease, stored("[1]")).await?, Filled::Fenced);
    b.until("applied", SOON, || !b.sink.holds(&k.name)).await;
    a.await_attached().await;
    assert_eq!(a.get(&k).await, None);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn until_it_is_told_no_value_is_asked_for() -> Outcome {
    let server = RedisServer::start().await?;
    let a = Peer::of(&server).await;
    let k = key("models:provider:x");
    a.fill(&k, "[1]").await;
    // The server answers, but takes no deletion.
    redis(&server, &["ACL", "SETUSER", "default", "-unlink"]).await;
    assert_eq!(a.tier.invalidate(&names(&[&k.name])).await, Propagation::Deferred);
    assert!(matches!(a.tier.get(&k).await, Err(SharedError::Recovering)));
    assert!(a.is_attached());
    redis(&server, &["ACL", "SETUSER", "default", "+unlink"]).await;
    a.until("told", SOON, || a.stats().journal == 0).await;
    assert_eq!(a.get(&k).await, None);
    assert_eq!(a.stats().rejoins, 0);
    Ok(())
}
