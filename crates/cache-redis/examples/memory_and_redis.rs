//! Two nodes with memory in front and one Redis behind. Here they are in one process; usually they are not.
//!
//! `cargo run -p gatewayz-cache-redis --example memory_and_redis -- redis://localhost:6379`
#![expect(clippy::print_stdout, reason = "it is an example")]

use std::{
    convert::Infallible,
    env,
    error::Error,
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use gatewayz_cache_core::{Cache, CacheStatus, Keyspace, Loaded, Node, Policy, Propagation, loader_fn};
use gatewayz_cache_redis::{RedisConfig, RedisTier};

const PRICES: Keyspace = Keyspace::new("price", Policy::new(Duration::from_secs(60)));

/// How often the source was asked, by both nodes together.
static ASKED: AtomicU32 = AtomicU32::new(0);

async fn price_in_the_database(_model: String) -> Result<Loaded<u32>, Infallible> {
    let change = ASKED.fetch_add(1, Ordering::Relaxed);
    Ok(Loaded::found(250 + change))
}

/// A node, its way to Redis, and its cache.
struct Member {
    tier: RedisTier,
    node: Node,
    prices: Cache<String, u32>,
}

impl Member {
    fn join(url: &str) -> Result<Self, Box<dyn Error>> {
        let mut config = RedisConfig::from_url(url)?;
        // For this run alone.
        config.key_prefix = format!("example:{}:", process::id());
        let tier = RedisTier::new(config)?;
        let node = Node::builder().shared(tier.clone()).build()?;
        let prices = node.cache(PRICES).build()?;
        Ok(Self { tier, node, prices })
    }

    /// Waits until the node holds its lease. Nobody has to: before, and whenever Redis is away, the cache asks the
    /// source and keeps the answer for a few seconds only.
    async fn attached(&self) -> Result<(), Box<dyn Error>> {
        let lease = async {
            while !self.node.is_attached() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let limit = Duration::from_secs(10);
        tokio::time::timeout(limit, lease)
            .await
            .map_err(|_elapsed| "Redis does not answer")?;
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = url().ok_or("say where Redis is: `-- redis://localhost:6379`, or REDIS_URL")?;
    let (one, other) = (Member::join(&url)?, Member::join(&url)?);
    one.attached().await?;
    other.attached().await?;
    let source = loader_fn(price_in_the_database);

    // Both miss the key at the same moment: one of them asks the source.
    let (here, there) = tokio::try_join!(
        one.prices.get_or_load("gpt-4o", &source),
        other.prices.get_or_load("gpt-4o", &source),
    )?;
    assert_eq!(
        (here.value.as_deref(), there.value.as_deref()),
        (Some(&250), Some(&250))
    );
    assert_eq!(ASKED.load(Ordering::Relaxed), 1);
    println!(
        "one node: {}, the other: {}, 1 load",
        here.status.as_str(),
        there.status.as_str()
    );

    // Then both answer from memory.
    for member in [&one, &other] {
        assert_eq!(
            member.prices.get_or_load("gpt-4o", &source).await?.status,
            CacheStatus::LocalHit
        );
    }

    // One invalidates. When that is acknowledged, no node serves the old price, from memory or from Redis.
    assert_eq!(one.prices.invalidate(["gpt-4o"]).await, Propagation::Acknowledged);
    assert!(other.prices.peek("gpt-4o").is_none());
    let fresh = other.prices.get_or_load("gpt-4o", &source).await?;
    assert_eq!((fresh.value.as_deref(), fresh.status), (Some(&251), CacheStatus::Fill));
    println!("after an invalidation: {}, {:?}", fresh.status.as_str(), fresh.value);

    // Gives the leases back, so that nobody has to wait for them to run out.
    one.tier.shutdown().await;
    other.tier.shutdown().await;
    Ok(())
}

/// The first argument, or `REDIS_URL`. Only programs read their environment; the crates take a `RedisConfig`.
#[expect(
    clippy::disallowed_methods,
    reason = "this is a program, and the only place where it is configured"
)]
fn url() -> Option<String> {
    env::args().nth(1).or_else(|| env::var("REDIS_URL").ok())
}
