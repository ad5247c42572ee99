//! Values, leases and fences on one server.

use std::time::Duration;

use gatewayz_cache_core::{Acquired, Filled, Intent, Propagation, SharedTier};
use gatewayz_testkit::{RedisServer, Reply};

use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_goes_there_and_comes_back() -> Outcome {
    let server = RedisServer::start().await?;
    let (a, b) = (Peer::of(&server).await, Peer::of(&server).await);
    let k = key("models:provider:openrouter");
    assert_eq!(a.get(&k).await, None);
    a.fill(&k, r#"{"models":[]}"#).await;
    assert_eq!(b.get(&k).await.as_deref(), Some(r#"{"models":[]}"#));

    let head = redis(&server, &["GETRANGE", &k.name, "0", "80"]).await;
    let head = head.as_text().unwrap_or_default();
    assert!(
        head.starts_with("gz1 1 json ") && head.ends_with("900000 60000\n{\"models\":[]}"),
        "{head}"
    );
    let Reply::Int(ttl) = redis(&server, &["PTTL", &k.name]).await else {
        panic!("no ttl")
    };
    assert!((899_000..=900_000).contains(&ttl));

    assert_eq!(a.tier.invalidate(&names(&[&k.name])).await, Propagation::Acknowledged);
    assert_eq!(b.get(&k).await, None);
    assert_all_expire(&server).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fill_from_before_an_invalidation_is_fenced() -> Outcome {
    let server = RedisServer::start().await?;
    let (a, b) = (Peer::of(&server).await, Peer::of(&server).await);
    let k = key("models:provider:groq");
    let lease = a.lead(&k).await;
    assert_eq!(b.tier.invalidate(&names(&[&k.name])).await, Propagation::Acknowledged);
    assert_eq!(a.tier.fill(&k, lease, stored("\"old\"")).await?, Filled::Fenced);
    assert_eq!(b.get(&k).await, None);
    assert_all_expire(&server).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_fills_and_the_others_wait() -> Outcome {
    let server = RedisServer::start().await?;
    let (a, b) = (Peer::of(&server).await, Peer::of(&server).await);
    let k = key("models:stats");
    let lease = a.lead(&k).await;
    let busy = b.tier.acquire(&k, Intent::Fill, TERM).await?;
    assert!(
        matches!(busy, Acquired::Busy(left) if left > TERM / 2 && left <= TERM),
        "{busy:?}"
    );
    assert!(a.tier.extend(&k, &lease, TERM * 2).await?);
    let noticed = async {
        let begun = tokio::time::Instant::now();
        b.tier.filled(&k, SOON).await;
        begun.elapsed()
    };
    let (took, filled) = tokio::join!(noticed, async {
        tokio::task::yield_now().await;
        a.tier.fill(&k, lease, stored("[1]")).await
    });
    assert_eq!(filled?, Filled::Stored);
    assert!(took < SOON, "no notice");
    assert!(matches!(
        b.tier.acquire(&k, Intent::Fill, TERM).await?,
        Acquired::Value(_)
    ));
    assert!(matches!(
        b.tier.acquire(&k, Intent::Refresh, TERM).await?,
        Acquired::Lead(_)
    ));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_given_back_is_free() -> Outcome {
    let server = RedisServer::start().await?;
    let a = Peer::of(&server).await;
    let k = key("models:stats");
    let lease = a.lead(&k).await;
    a.tier.release(&k, lease.clone()).await?;
    assert!(!a.tier.extend(&k, &lease, TERM).await?);
    assert_eq!(a.tier.fill(&k, lease, stored("[1]")).await?, Filled::Fenced);
    drop(a.lead(&k).await);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_removes_the_value_and_fences_everyone_else() -> Outcome {
    let server = RedisServer::start().await?;
    let (a, b) = (Peer::of(&server).await, Peer::of(&server).await);
    let k = key("models:provider:x");
    a.fill(&k, "[1]").await;
    let slow = match b.tier.acquire(&k, Intent::Refresh, TERM).await? {
        Acquired::Lead(lease) => lease,
        other => panic!("{other:?}"),
    };
    let (told, lease) = a.tier.claim(&k, &names(&[&k.name, "models:stats"]), TERM).await;
    assert_eq!(told, Propagation::Acknowledged);
    let lease = lease.ok_or("no lease")?;
    assert_eq!(b.tier.fill(&k, slow, stored("[1]")).await?, Filled::Fenced);
    assert_eq!(b.get(&k).await, None);
    assert_eq!(a.tier.fill(&k, lease, stored("[2]")).await?, Filled::Stored);
    assert_eq!(b.get(&k).await.as_deref(), Some("[2]"));
    assert_all_expire(&server).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prefix_drops_values_and_fills_under_way() -> Outcome {
    let server = RedisServer::start().await?;
    let (a, b) = (Peer::of(&server).await, Peer::of(&server).await);
    let (x, y, odd) = (key("models:provider:x"), key("models:provider:y"), key("models:other"));
    a.fill(&x, "[1]").await;
    a.fill(&odd, "[1]").await;
    let lease = b.lead(&y).await;
    let all = gatewayz_cache_core::Invalidation::new().prefix("models:provider:");
    assert_eq!(a.tier.invalidate(&all).await, Propagation::Acknowledged);
    assert_eq!(a.get(&x).await, None);
    assert_eq!(a.get(&odd).await.as_deref(), Some("[1]"));
    assert_eq!(b.tier.fill(&y, lease, stored("[1]")).await?, Filled::Fenced);

    redis(&server, &["SET", "ratelimit:me", "7", "EX", "60"]).await;
    let everything = gatewayz_cache_core::Invalidation::new().prefix("");
    assert_eq!(a.tier.invalidate(&everything).await, Propagation::Acknowledged);
    assert_eq!(a.get(&odd).await, None);
    assert_eq!(
        redis(&server, &["GET", "ratelimit:me"]).await,
        Reply::text("7"),
        "it is none of ours"
    );
    assert!(a.is_attached() && b.is_attached());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_of_every_size_come_back() -> Outcome {
    let server = RedisServer::start().await?;
    let a = Peer::of(&server).await;
    for size in [0, 1, 5_000, 300_000, 3_000_000] {
        let k = key(&format!("models:provider:{size}"));
        // Half of it compresses.
        let payload: String = (0..size)
            .map(|i: u32| char::from(b'a' + u8::try_from(i % 977 % 13).unwrap_or(0)))
            .collect();
        a.fill(&k, &payload).await;
        assert!(a.get(&k).await == Some(payload), "{size}");
    }
    let loose = loose("models:provider:3000000");
    assert!(a.tier.get(&loose).await?.is_some());
    assert_eq!(a.stats().damaged, 0);
    assert_all_expire(&server).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_absence_and_what_is_left_of_a_ttl_are_stored() -> Outcome {
    let server = RedisServer::start().await?;
    let a = Peer::of(&server).await;
    let k = key("models:provider:none");
    let lease = a.lead(&k).await;
    let mut absent = stored("");
    absent.payload = None;
    absent.source_time = absent.source_time.before(Duration::from_secs(800));
    assert_eq!(a.tier.fill(&k, lease, absent.clone()).await?, Filled::Stored);
    assert_eq!(a.tier.get(&k).await?, Some(absent.clone()));
    let Reply::Int(ttl) = redis(&server, &["PTTL", &k.name]).await else {
        panic!("no ttl")
    };
    assert!((90_000..=100_000).contains(&ttl), "{ttl}");

    let k = key("models:provider:late");
    let lease = a.lead(&k).await;
    absent.source_time = absent.source_time.before(Duration::from_secs(800));
    assert_eq!(a.tier.fill(&k, lease, absent).await?, Filled::Fenced);
    drop(a.lead(&k).await);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_says_how_it_is() -> Outcome {
    let server = RedisServer::start().await?;
    let a = Peer::of(&server).await;
    let k = key("models:provider:openrouter");
    a.fill(&k, "[]").await;
    a.get(&k).await;
    let info = a.tier.server_info().await?;
    assert_eq!(info.role.as_deref(), Some("master"));
    assert!(info.connected_clients.is_some_and(|clients| clients > 0), "{info:?}");
    assert!(info.used_memory.is_some_and(|bytes| bytes > 100_000), "{info:?}");
    assert!(info.keyspace_hits.is_some_and(|hits| hits > 0), "{info:?}");
    assert!(
        info.hit_rate_percent()
            .is_some_and(|rate| (0.0..=100.0).contains(&rate))
    );
    Ok(())
}
