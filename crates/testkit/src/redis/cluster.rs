//! A private cluster.

use super::{
    AGREE_LIMIT, agreed,
    resp::Reply,
    server::{RedisServer, RedisServerBuilder, Role},
};
use crate::error::ServerError;

const SLOTS: usize = 16_384;
/// A node that is silent for so long is down, in milliseconds; shorter and a busy machine makes failovers of its own.
const NODE_TIMEOUT: &str = "2000";

/// A cluster of the test's own, whose primaries share all slots evenly.
///
/// Each node is a [`RedisServer`], so it can be frozen, killed and restarted; a node restarted empty keeps its identity and its
/// slots.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
    n_primaries: usize,
}

impl RedisCluster {
    /// Starts a cluster of `n_primaries` primaries, and returns when every node says that the cluster is well.
    ///
    /// Takes two to three seconds: a new node waits so long before it serves.
    ///
    /// # Errors
    ///
    /// As [`RedisServerBuilder::start`]; and [`ServerError::NotReady`] when the nodes do not agree within a minute.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future kills and reaps what was started.
    pub async fn start(n_primaries: usize) -> Result<Self, ServerError> {
        Self::start_nodes(n_primaries, 0).await
    }

    /// As [`start`](Self::start), with one replica for each primary, which is in step on return.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future kills and reaps what was started.
    pub async fn with_replicas(n_primaries: usize) -> Result<Self, ServerError> {
        Self::start_nodes(n_primaries, n_primaries).await
    }

    async fn start_nodes(n_primaries: usize, n_replicas: usize) -> Result<Self, ServerError> {
        let mut nodes = Vec::new();
        for _ in 0..n_primaries + n_replicas {
            nodes.push(
                RedisServerBuilder::new(Role::ClusterNode)
                    .arg("cluster-node-timeout", NODE_TIMEOUT)
                    .start()
                    .await?,
            );
        }
        let cluster = Self { nodes, n_primaries };
        cluster.introduce().await?;
        cluster.share_slots().await?;
        cluster.attach_replicas().await?;
        agreed(
            "the cluster's state is not ok on every node",
            &cluster.nodes,
            async |node| Ok(node.info(["CLUSTER", "INFO"], "cluster_state").await? == "ok"),
        )
        .await?;
        Ok(cluster)
    }

    /// Makes every node known to every other one.
    async fn introduce(&self) -> Result<(), ServerError> {
        for (idx, node) in self.nodes.iter().enumerate() {
            // Equal epochs would be sorted out later, one by one.
            node.order(&["CLUSTER", "SET-CONFIG-EPOCH", &(idx + 1).to_string()])
                .await?;
        }
        for node in self.nodes.iter().skip(1) {
            if let Some(first) = self.nodes.first() {
                let addr = node.addr();
                first
                    .order(&["CLUSTER", "MEET", &addr.ip().to_string(), &addr.port().to_string()])
                    .await?;
            }
        }
        let n_nodes = self.nodes.len();
        agreed(
            "the cluster's nodes do not know each other",
            &self.nodes,
            move |node| async move {
                let nodes = cluster_nodes(node).await?;
                Ok(nodes.lines().filter(|line| !line.contains("handshake")).count() == n_nodes)
            },
        )
        .await
    }

    async fn share_slots(&self) -> Result<(), ServerError> {
        for (idx, node) in self.primaries().iter().enumerate() {
            let slots = SLOTS * idx / self.n_primaries..SLOTS * (idx + 1) / self.n_primaries;
            let (first, last) = (slots.start.to_string(), (slots.end - 1).to_string());
            let range = node.command(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]).await?;
            if matches!(range, Reply::Error(_)) {
                // Before 7.0 slots are named one by one.
                let words = ["CLUSTER".to_owned(), "ADDSLOTS".to_owned()].into_iter();
                node.order(&words.chain(slots.map(|slot| slot.to_string())).collect::<Vec<_>>())
                    .await?;
            }
        }
        Ok(())
    }

    async fn attach_replicas(&self) -> Result<(), ServerError> {
        for (primary, replica) in self.primaries().iter().zip(self.replicas()) {
            let id = primary.order(&["CLUSTER", "MYID"]).await?;
            replica
                .order(&["CLUSTER", "REPLICATE", &id.as_text().unwrap_or_default()])
                .await?;
        }
        agreed("the replicas are not in step", self.replicas(), |replica| async move {
            Ok(replica.info(["INFO", "replication"], "master_link_status").await? == "up")
        })
        .await?;
        let n_replicas = self.replicas().len();
        agreed(
            "not every node knows the replicas",
            &self.nodes,
            move |node| async move {
                Ok(cluster_nodes(node)
                    .await?
                    .lines()
                    .filter(|line| line.contains("slave"))
                    .count()
                    == n_replicas)
            },
        )
        .await
    }

    /// Returns all nodes: the primaries in the order of their slots, then their replicas in the same order.
    ///
    /// The roles are those at the start; a failover changes them.
    #[must_use]
    pub fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// Returns the nodes that were primaries at the start.
    #[must_use]
    pub fn primaries(&self) -> &[RedisServer] {
        self.nodes.get(..self.n_primaries).unwrap_or_default()
    }

    /// Returns the nodes that were replicas at the start; none without [`with_replicas`](Self::with_replicas).
    #[must_use]
    pub fn replicas(&self) -> &[RedisServer] {
        self.nodes.get(self.n_primaries..).unwrap_or_default()
    }

    /// Returns the node that serves `key` now, as the nodes see it.
    ///
    /// # Errors
    ///
    /// Returns [`ServerError::NotReady`] when no node that answers is the primary of the key's slot within a minute.
    ///
    /// # Cancel safety
    ///
    /// It only reads.
    pub async fn owner(&self, key: &str) -> Result<&RedisServer, ServerError> {
        let deadline = crate::real_time::Deadline::after(AGREE_LIMIT);
        let mut backoff = crate::real_time::Backoff::new();
        loop {
            for node in &self.nodes {
                // Only the owner answers; others redirect, and the dead do not answer at all.
                let limit = std::time::Duration::from_millis(500);
                if matches!(node.command_within(limit, &["EXISTS", key]).await, Ok(Reply::Int(_))) {
                    return Ok(node);
                }
            }
            if deadline.remaining().is_none() {
                return Err(ServerError::NotReady {
                    what: "no node owns the key",
                    waited: AGREE_LIMIT,
                    log: String::new(),
                });
            }
            backoff.pause(&deadline).await;
        }
    }

    /// Returns the URL of each node.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(RedisServer::url).collect()
    }

    /// Returns `redis-cluster://host:port?node=host:port&..`, the form that fred reads.
    #[must_use]
    pub fn url(&self) -> String {
        super::url_of_many("redis-cluster://", "?", &self.nodes)
    }
}

async fn cluster_nodes(node: &RedisServer) -> Result<String, ServerError> {
    let nodes = node.order(&["CLUSTER", "NODES"]).await?;
    Ok(nodes.as_text().unwrap_or_default().into_owned())
}
