//! A primary and its replica under three sentinels.

use std::{net::SocketAddr, time::Duration};

use super::{
    SERVICE, agreed,
    resp::Reply,
    server::{RedisServer, RedisServerBuilder, Role},
};
use crate::error::ServerError;

const N_SENTINELS: usize = 3;
/// How long a primary may be silent, for each sentinel.
///
/// The second one makes the quorum, so half a second counts. Were they equal, all three might ask for votes at once, each vote
/// for itself, and start again four seconds later.
const DOWN_AFTER: [Duration; N_SENTINELS] = [
    Duration::from_millis(350),
    Duration::from_millis(500),
    Duration::from_millis(850),
];
/// Makes a sentinel look more often than usual, in milliseconds.
///
/// Without the first, a sentinel sends its first `PING` to a new primary after the very time that makes a silent one down, so
/// each failover may start another one. Below 200 ms it does harm: a replica is fit to be promoted only if its last `INFO`, asked
/// for each second, is not older than five of these.
const QUICK: [&str; 8] = [
    "SENTINEL",
    "DEBUG",
    "PING-PERIOD",
    "250",
    "INFO-PERIOD",
    "500",
    "PUBLISH-PERIOD",
    "200",
];
/// For one sentinel's opinion.
const OPINION_LIMIT: Duration = Duration::from_millis(500);

/// A primary, one replica, and three sentinels that put the replica in the primary's place about two seconds after its death; seldom six, when an election has to be repeated.
///
/// Two sentinels must agree, which they do when the primary has been silent for half a second.
#[derive(Debug)]
pub struct RedisSentinel {
    sentinels: Vec<RedisServer>,
    /// The primary at the start, and its replica.
    servers: [RedisServer; 2],
}

impl RedisSentinel {
    /// Starts all five, and returns when the replica is in step and the sentinels know it and each other.
    ///
    /// # Errors
    ///
    /// As [`RedisServerBuilder::start`]; and [`ServerError::NotReady`] when they do not agree within a minute.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future kills and reaps what was started.
    pub async fn start() -> Result<Self, ServerError> {
        let primary = RedisServer::start().await?;
        let addr = primary.addr();
        let replica = RedisServer::builder()
            .arg("replicaof", &format!("{} {}", addr.ip(), addr.port()))
            .start()
            .await?;
        let servers = [primary, replica];
        agreed("the replica is not in step", &servers[1..], |replica| async move {
            Ok(replica.info(["INFO", "replication"], "master_link_status").await? == "up")
        })
        .await?;
        agreed(
            "the primary does not know its replica",
            &servers[..1],
            |primary| async move {
                Ok(primary
                    .info(["INFO", "replication"], "slave0")
                    .await?
                    .contains("state=online"))
            },
        )
        .await?;

        let mut sentinels = Vec::new();
        for down_after in DOWN_AFTER {
            let sentinel = RedisServerBuilder::new(Role::Sentinel {
                primary: addr,
                down_after,
            })
            .start()
            .await?;
            // Refused before 7.0, where all takes some seconds more.
            sentinel.command(&QUICK).await?;
            sentinels.push(sentinel);
        }
        agreed(
            "the sentinels do not know the replica and each other",
            &sentinels,
            knows_all,
        )
        .await?;
        Ok(Self { sentinels, servers })
    }

    /// Returns the server that was the primary at the start.
    #[must_use]
    pub const fn primary(&self) -> &RedisServer {
        let [primary, _] = &self.servers;
        primary
    }

    /// Returns the server that was the replica at the start.
    #[must_use]
    pub const fn replica(&self) -> &RedisServer {
        let [_, replica] = &self.servers;
        replica
    }

    /// Returns the sentinels.
    #[must_use]
    pub fn sentinels(&self) -> &[RedisServer] {
        &self.sentinels
    }

    /// Returns the primary's address in the opinion of most sentinels, or `None` while there is no such opinion.
    ///
    /// # Cancel safety
    ///
    /// It only reads.
    pub async fn current_primary(&self) -> Option<SocketAddr> {
        let mut opinions = Vec::new();
        for sentinel in &self.sentinels {
            // A sentinel that is frozen or dead has no opinion.
            let answer = sentinel
                .command_within(OPINION_LIMIT, &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE])
                .await;
            opinions.extend(answer.ok().as_ref().and_then(addr_of));
        }
        opinions
            .iter()
            .copied()
            .find(|opinion| opinions.iter().filter(|other| *other == opinion).count() * 2 > N_SENTINELS)
    }

    /// Kills whichever server is the primary now, and returns its address.
    ///
    /// To wait for the failover, wait until [`current_primary`](Self::current_primary) is another one.
    ///
    /// # Errors
    ///
    /// Returns [`ServerError::NotRunning`] when the sentinels agree on no primary.
    ///
    /// # Cancel safety
    ///
    /// The server may or may not be killed.
    pub async fn kill_primary(&self) -> Result<SocketAddr, ServerError> {
        let addr = self.current_primary().await.ok_or(ServerError::NotRunning)?;
        let primary = self
            .servers
            .iter()
            .find(|server| server.addr() == addr)
            .ok_or(ServerError::NotRunning)?;
        primary.kill().await?;
        Ok(addr)
    }

    /// Returns `redis-sentinel://host:port/0?sentinelServiceName=main&node=host:port&..`, the form that fred reads.
    ///
    /// All addresses in it are those of sentinels.
    #[must_use]
    pub fn url(&self) -> String {
        super::url_of_many(
            "redis-sentinel://",
            &format!("/0?sentinelServiceName={SERVICE}&"),
            &self.sentinels,
        )
    }
}

/// Whether this sentinel could lead a failover now.
async fn knows_all(sentinel: &RedisServer) -> Result<bool, ServerError> {
    let primary = sentinel.order(&["SENTINEL", "MASTER", SERVICE]).await?;
    let others = (N_SENTINELS - 1).to_string();
    if primary.field("num-other-sentinels").as_deref() != Some(&others)
        || primary.field("flags").as_deref() != Some("master")
    {
        return Ok(false);
    }
    let replicas = sentinel.order(&["SENTINEL", "REPLICAS", SERVICE]).await?;
    let replicas = replicas.as_array().unwrap_or_default();
    let is_ready = |replica: &Reply| {
        replica.field("flags").as_deref() == Some("slave")
            && replica.field("master-link-status").as_deref() == Some("ok")
    };
    Ok(replicas.len() == 1 && replicas.iter().all(is_ready))
}

fn addr_of(answer: &Reply) -> Option<SocketAddr> {
    let [ip, port] = answer.as_array()? else {
        return None;
    };
    Some(SocketAddr::new(
        ip.as_text()?.parse().ok()?,
        port.as_text()?.parse().ok()?,
    ))
}
