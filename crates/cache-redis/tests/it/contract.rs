//! The laws of every shared tier.

use gatewayz_cache_core::Time;
use gatewayz_cache_redis::RedisTier;
use gatewayz_testkit::{
    RedisServer,
    contract::{SharedNode, shared_tier},
};

use crate::support::{Outcome, config};

fn node(url: &str) -> SharedNode<RedisTier> {
    SharedNode::start(RedisTier::new(config(url)).unwrap(), Time::Kernel)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_server_keeps_them() -> Outcome {
    let server = RedisServer::start().await?;
    let (first, second) = (node(&server.url()), node(&server.url()));
    shared_tier(&first, &second, async || server.keys_without_expiry().await.unwrap()).await;
    Ok(())
}
