//! Values as they lie on the server, good and bad.

use std::time::Duration;

use gatewayz_cache_core::{Acquired, Clock, Filled, Intent, KernelClock, Propagation, SharedTier};
use gatewayz_cache_redis::ValueFormat;
use gatewayz_testkit::{RedisServer, Reply};

use crate::support::*;

/// Puts something under a key by hand.
async fn put(server: &RedisServer, name: &str, value: &str) {
    redis(server, &["SET", name, value, "PX", "100000"]).await;
}

async fn exists(server: &RedisServer, name: &str) -> bool {
    redis(server, &["EXISTS", name]).await == Reply::Int(1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_a_miss_counted_and_deleted() -> Outcome {
    let server = RedisServer::start().await?;
    let a = Peer::of(&server).await;
    let name = "models:stats";
    let id = a.lead(&key("other")).await.granted_by;
    let bad = [
        "nonsense".to_owned(),
        "gz2 1 json x 1 1 1\n{}".to_owned(),
        format!("gz1 1 xml {id} 1 1 1\n<a/>"),
        format!("gz1 7 json {id} 1 1 1\n{{}}"),
        format!("gz1 1 json+zstd {id} 1 1 1\nnot zstd"),
        format!("gz1 1 json {id} 1 1"),
    ];
    let mut damaged = 0;
    for value in &bad {
        for k in [key(name), loose(name)] {
            put(&server, name, value).await;
            assert_eq!(a.tier.get(&k).await?, None, "{value}");
            damaged += 1;
            assert_eq!(a.stats().damaged, damaged, "{value}");
            assert!(!exists(&server, name).await, "{value}");

            put(&server, name, value).await;
            let lease = a.lead(&k).await;
            damaged += 1;
            assert_eq!(a.stats().damaged, damaged, "{value}");
            a.tier.release(&k, lease).await?;
        }
    }
    assert_eq!(a.stats().errors, 0);
    assert_all_expire(&server).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_another_type_is_a_miss_and_deleted() -> Outcome {
    let server = RedisServer::start().await?;
    let a = Peer::of(&server).await;
    for (i, k) in [key("models:stats"), loose("models:stats")].iter().enumerate() {
        let before = 2 * u64::try_from(i)?;
        redis(&server, &["RPUSH", &k.name, "1"]).await;
        assert_eq!(a.tier.get(k).await?, None);
        assert_eq!(a.stats().damaged, before + 1);
        assert!(!exists(&server, &k.name).await);
        redis(&server, &["RPUSH", &k.name, "1"]).await;
        let lease = a.lead(k).await;
        assert_eq!(a.stats().damaged, before + 2);
        assert_eq!(a.tier.fill(k, lease, stored("[1]")).await?, Filled::Stored);
        assert_eq!(a.get(k).await.as_deref(), Some("[1]"));
        a.tier.discard(k).await?;
    }
    assert_all_expire(&server).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_server_that_stored_a_coherent_value_vouches_for_it() -> Outcome {
    let server = RedisServer::start().await?;
    let a = Peer::of(&server).await;
    let foreign = "gz1 1 json 00000000deadbeef 1763700000000 900000 0\n[7]";
    put(&server, "models:stats", foreign).await;
    assert_eq!(a.get(&key("models:stats")).await, None);
    assert_eq!(a.get(&loose("models:stats")).await.as_deref(), Some("[7]"));
    assert_eq!(a.stats().damaged, 0);

    // It counts as absent for a lease, too, and a lease of another server stores nothing.
    let mut lease = a.lead(&key("models:stats")).await;
    lease.granted_by = "00000000deadbeef".to_owned();
    assert!(!a.tier.extend(&key("models:stats"), &lease, TERM).await?);
    assert_eq!(
        a.tier.fill(&key("models:stats"), lease, stored("[8]")).await?,
        Filled::Fenced
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neighbours_are_read_in_keyspaces_that_are_not_coherent() -> Outcome {
    let server = RedisServer::start().await?;
    let a = Peer::of(&server).await;
    put(&server, "models:stats", r#"{"n":1}"#).await;
    let found = a.tier.get(&loose("models:stats")).await?.ok_or("no value")?;
    assert_eq!(found.payload.as_deref(), Some(br#"{"n":1}"#.as_slice()));
    assert!(found.ttl <= Duration::from_secs(100) && found.ttl > Duration::from_secs(95));
    assert!(matches!(
        a.tier.acquire(&loose("models:stats"), Intent::Fill, TERM).await?,
        Acquired::Value(_)
    ));
    assert_eq!(a.get(&key("models:stats")).await, None);
    assert!(exists(&server, "models:stats").await, "it is the neighbour's");

    redis(&server, &["SET", "models:stats", "[1]"]).await;
    assert_eq!(a.tier.get(&loose("models:stats")).await?, None);
    assert!(!exists(&server, "models:stats").await, "nothing may live for ever");
    assert_eq!(a.stats().damaged, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_plain_form_is_shared_with_neighbours() -> Outcome {
    let server = RedisServer::start().await?;
    let mut plain = config(&server.url());
    plain.value_format = ValueFormat::Plain;
    let a = Peer::attached(plain).await;
    let k = key("models:stats");
    let long = format!("[\"{}\"]", "x".repeat(10_000));
    for payload in [r#"{"n":2}"#, "7", "\"text\"", "null", long.as_str()] {
        a.fill(&k, payload).await;
        assert_eq!(redis(&server, &["GET", &k.name]).await, Reply::text(payload));
        assert_eq!(a.get(&k).await.as_deref(), Some(payload));
        assert_eq!(a.tier.invalidate(&names(&[&k.name])).await, Propagation::Acknowledged);
        assert_eq!(a.get(&k).await, None);
    }
    let mut absent = stored("");
    absent.payload = None;
    let lease = a.lead(&k).await;
    assert_eq!(a.tier.fill(&k, lease.clone(), absent.clone()).await?, Filled::Stored);
    assert_eq!(a.tier.fill(&k, lease, absent).await?, Filled::Fenced);
    assert!(
        !exists(&server, &k.name).await,
        "the plain form has no word for an absence"
    );
    assert_eq!(a.stats().damaged, 0);
    assert_all_expire(&server).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_neighbours_value_is_as_old_as_its_expiry_says() -> Outcome {
    let server = RedisServer::start().await?;
    let a = Peer::of(&server).await;
    let k = loose("models:stats");
    // A third of its minute is left.
    redis(&server, &["SET", &k.name, "[1]", "PX", "20000"]).await;
    let stored = a.tier.get(&k).await?.ok_or("a neighbour's value")?;
    let age = KernelClock.wall().since(stored.source_time);
    assert!(
        age >= Duration::from_secs(40) && age < Duration::from_secs(45),
        "{age:?}"
    );
    assert_eq!(stored.ttl, k.ttl);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_key_without_an_end_holds_nobody_up() -> Outcome {
    let server = RedisServer::start().await?;
    let a = Peer::of(&server).await;
    redis(&server, &["SET", "lease:{models:stats}", "somebody"]).await;
    drop(a.lead(&key("models:stats")).await);
    assert_all_expire(&server).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_that_the_server_forgot_are_sent_again() -> Outcome {
    let server = RedisServer::start().await?;
    let a = Peer::of(&server).await;
    let k = key("models:stats");
    a.fill(&k, "[1]").await;
    redis(&server, &["SCRIPT", "FLUSH"]).await;
    assert_eq!(a.get(&k).await.as_deref(), Some("[1]"));
    redis(&server, &["SCRIPT", "FLUSH"]).await;
    let (told, lease) = a.tier.claim(&k, &names(&[&k.name]), TERM).await;
    assert_eq!(told, Propagation::Acknowledged);
    assert!(lease.is_some());
    assert_eq!(a.get(&k).await, None);
    assert_eq!(a.stats().rejoins, 0);
    Ok(())
}
