//! The control plane: numbers, leases, acknowledgements.

use gatewayz_cache_core::{Propagation, SharedTier};
use gatewayz_testkit::RedisServer;

use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_nodes_acknowledge_each_other_fast() -> Outcome {
    let server = RedisServer::start().await?;
    let mut peers = Vec::new();
    for _ in 0..4 {
        peers.push(Peer::of(&server).await);
    }
    // The grace of the first term.
    assert_eq!(
        peers[0].tier.invalidate(&names(&["x"])).await,
        Propagation::Acknowledged
    );
    let mut took = Vec::new();
    for i in 0..1000 {
        for peer in &peers {
            peer.sink.hold("x");
        }
        let begun = tokio::time::Instant::now();
        assert_eq!(
            peers[i % 4].tier.invalidate(&names(&["x"])).await,
            Propagation::Acknowledged
        );
        took.push(begun.elapsed());
        for peer in &peers {
            use gatewayz_cache_core::InvalidationSink;
            assert!(!peer.sink.holds("x"));
        }
    }
    took.sort_unstable();
    println!(
        "acknowledged: p50 {:?} p99 {:?} most {:?}",
        took[500], took[990], took[999]
    );
    for peer in &peers {
        assert_eq!(peer.stats().applied, 1001);
        assert_eq!(peer.stats().rejoins, 0);
        assert_eq!(peer.sink.cleared(), 1);
    }
    assert_all_expire(&server).await;
    Ok(())
}
