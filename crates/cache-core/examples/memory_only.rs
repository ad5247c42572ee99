//! The smallest embedding: one process, memory only.
//!
//! `cargo run -p gatewayz-cache-core --example memory_only`
#![expect(clippy::print_stdout, reason = "it is an example")]

use std::{
    convert::Infallible,
    error::Error,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use gatewayz_cache_core::{Cache, CacheStatus, Keyspace, Loaded, Node, Policy, Propagation, loader_fn};

/// Fresh for a minute; for ten more, the old answer is served at once while a new one is fetched.
const MINUTE: Policy = Policy::new(Duration::from_secs(60)).with_stale(Duration::from_secs(600));
const PRICES: Keyspace = Keyspace::new("demo:price", MINUTE);

/// How often the source was asked.
static ASKED: AtomicU32 = AtomicU32::new(0);

async fn price_in_the_database(model: String) -> Result<Loaded<u32>, Infallible> {
    ASKED.fetch_add(1, Ordering::Relaxed);
    // Long enough for everybody to come and ask for the same.
    tokio::time::sleep(Duration::from_millis(20)).await;
    Ok(Loaded::found(if model.ends_with("-mini") { 15 } else { 250 }))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let node = Node::alone();
    let prices: Cache<String, u32> = node.cache(PRICES).build()?;
    let source = loader_fn(price_in_the_database);

    // A hundred tasks miss the same key at once: one asks the source, the others wait for its answer.
    let readers = (0..100).map(|_| {
        let (prices, source) = (prices.clone(), source.clone());
        tokio::spawn(async move { prices.get_or_load("gpt-4o-mini", &source).await })
    });
    for reader in Vec::from_iter(readers) {
        assert_eq!(reader.await??.value.as_deref(), Some(&15));
    }
    assert_eq!(ASKED.load(Ordering::Relaxed), 1);
    println!("100 readers, {} question to the source", ASKED.load(Ordering::Relaxed));

    // From now on it is a look-up in memory: no allocation, no await that could wait.
    let again = prices.get_or_load("gpt-4o-mini", &source).await?;
    assert_eq!(again.status, CacheStatus::LocalHit);
    println!(
        "then {}: {:?}, {:?} old",
        again.status.as_str(),
        again.value,
        again.age()
    );

    // Whoever changes the source says so. Nobody sees the old value after that.
    assert_eq!(prices.invalidate(["gpt-4o-mini"]).await, Propagation::Acknowledged);
    let fresh = prices.get_or_load("gpt-4o-mini", &source).await?;
    assert_eq!(fresh.status, CacheStatus::Fill);
    println!("after the invalidation: {}", fresh.status.as_str());

    let stats = prices.stats();
    assert_eq!((stats.loads, stats.local.entries), (2, 1));
    let (loads, coalesced) = (stats.loads, stats.coalesced);
    println!("in all {loads} loads; {coalesced} readers waited for another's");
    Ok(())
}
