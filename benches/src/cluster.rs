//! Nodes on one Redis, for the benches of what goes over the network.

use std::{error::Error, time::Duration};

use gatewayz_cache_core::Node;
use gatewayz_cache_redis::{RedisConfig, RedisTier};
use gatewayz_testkit::{RedisServer, eventually};

/// A private server, and nodes with a tier of their own each.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Node>,
    tiers: Vec<RedisTier>,
    _server: RedisServer,
}

impl Cluster {
    /// Starts a server and so many nodes, and waits until all are attached.
    ///
    /// # Errors
    ///
    /// When the server does not start, or a node does not attach within ten seconds.
    pub async fn start(nodes: usize) -> Result<Self, Box<dyn Error>> {
        let server = RedisServer::start().await?;
        let config = RedisConfig::from_url(&server.url())?;
        let tiers = (0..nodes).map(|_| RedisTier::new(config.clone()));
        let tiers: Vec<_> = tiers.collect::<Result<_, _>>()?;
        let nodes = tiers.iter().map(|tier| Node::builder().shared(tier.clone()).build());
        let nodes: Vec<_> = nodes.collect::<Result<_, _>>()?;
        eventually(Duration::from_secs(10), || async {
            nodes.iter().all(Node::is_attached)
        })
        .await?;
        Ok(Self {
            nodes,
            tiers,
            _server: server,
        })
    }

    /// The nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Ends the nodes, then the server.
    pub async fn stop(self) {
        for tier in &self.tiers {
            tier.shutdown().await;
        }
    }
}
