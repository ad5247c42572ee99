//! What the server says of itself.

use fred::types::Value;
use gatewayz_cache_core::SharedError;

use crate::{
    answer::text,
    inner::Inner,
    link::{Lane, Request},
    stats::Op,
};

/// Figures of a server, from its `INFO`. A figure that it does not name is absent. In a cluster, those of one primary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerInfo {
    /// Its version; that of Redis with which it says it is compatible.
    pub version: Option<String>,
    /// `master` or `slave`.
    pub role: Option<String>,
    /// How long it has been running, in seconds.
    pub uptime_secs: Option<u64>,
    /// Clients that are connected.
    pub connected_clients: Option<u64>,
    /// The memory that it has given out, in bytes.
    pub used_memory: Option<u64>,
    /// The memory that the operating system has given to it, in bytes.
    pub used_memory_rss: Option<u64>,
    /// The most memory that it may give out, in bytes; 0: as much as there is.
    pub max_memory: Option<u64>,
    /// Commands since its start.
    pub commands_processed: Option<u64>,
    /// Keys that expired since its start.
    pub expired_keys: Option<u64>,
    /// Keys that it dropped for room since its start.
    pub evicted_keys: Option<u64>,
    /// Reads that found their key, since its start.
    pub keyspace_hits: Option<u64>,
    /// Reads that did not.
    pub keyspace_misses: Option<u64>,
}

impl ServerInfo {
    /// Reads the answer to `INFO`. What is not known is left alone.
    pub(crate) fn parse(text: &str) -> Self {
        let mut info = Self::default();
        for line in text.lines() {
            let Some((name, value)) = line.trim_end().split_once(':') else {
                continue;
            };
            let number = || value.parse().ok();
            match name {
                "redis_version" => info.version = Some(value.to_owned()),
                "role" => info.role = Some(value.to_owned()),
                "uptime_in_seconds" => info.uptime_secs = number(),
                "connected_clients" => info.connected_clients = number(),
                "used_memory" => info.used_memory = number(),
                "used_memory_rss" => info.used_memory_rss = number(),
                "maxmemory" => info.max_memory = number(),
                "total_commands_processed" => info.commands_processed = number(),
                "expired_keys" => info.expired_keys = number(),
                "evicted_keys" => info.evicted_keys = number(),
                "keyspace_hits" => info.keyspace_hits = number(),
                "keyspace_misses" => info.keyspace_misses = number(),
                _ => {}
            }
        }
        info
    }

    /// The part of reads that found their key since the server's start, in percent; `None` before the first read.
    #[must_use]
    pub fn hit_rate_percent(&self) -> Option<f64> {
        let (hits, misses) = (self.keyspace_hits?, self.keyspace_misses?);
        let reads = hits.checked_add(misses).filter(|reads| *reads > 0)?;
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let rate = hits as f64 / reads as f64;
        Some(rate * 100.0)
    }
}

impl Inner {
    pub(crate) async fn server_info(&self) -> Result<ServerInfo, SharedError> {
        let link = self.gate()?;
        let args: Vec<Value> = Vec::new();
        let answer = self
            .call(Op::Control, &link, Lane::Commands, Request::new("INFO", "", args))
            .await?;
        Ok(ServerInfo::parse(&text(answer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::ServerInfo;

    /// Recorded from Redis 7.0.15.
    const RECORDED: &str = "# Server\r\nredis_version:7.0.15\r\nredis_git_sha1:00000000\r\nredis_mode:standalone\r\n\
        os:Linux 6.1.0 x86_64\r\nuptime_in_seconds:86\r\nuptime_in_days:0\r\nexecutable:/usr/bin/redis-server\r\n\
        config_file:\r\n\r\n# Clients\r\nconnected_clients:9\r\ncluster_connections:0\r\nmaxclients:10000\r\n\r\n\
        # Memory\r\nused_memory:1570960\r\nused_memory_human:1.50M\r\nused_memory_rss:10993664\r\n\
        maxmemory:0\r\nmaxmemory_human:0B\r\nmaxmemory_policy:noeviction\r\n\r\n# Stats\r\n\
        total_connections_received:12\r\ntotal_commands_processed:4711\r\ninstantaneous_ops_per_sec:3\r\n\
        expired_keys:5\r\nexpired_stale_perc:0.00\r\nevicted_keys:2\r\nkeyspace_hits:75\r\n\
        keyspace_misses:25\r\n\r\n# Replication\r\nrole:master\r\nconnected_slaves:0\r\n\r\n\
        # Keyspace\r\ndb0:keys=3,expires=3,avg_ttl=0\r\n";

    #[test]
    fn what_the_server_says_is_read() {
        let info = ServerInfo::parse(RECORDED);
        assert_eq!(
            info,
            ServerInfo {
                version: Some("7.0.15".to_owned()),
                role: Some("master".to_owned()),
                uptime_secs: Some(86),
                connected_clients: Some(9),
                used_memory: Some(1_570_960),
                used_memory_rss: Some(10_993_664),
                max_memory: Some(0),
                commands_processed: Some(4711),
                expired_keys: Some(5),
                evicted_keys: Some(2),
                keyspace_hits: Some(75),
                keyspace_misses: Some(25),
            }
        );
        assert_eq!(info.hit_rate_percent(), Some(75.0));
    }

    #[test]
    fn what_it_does_not_say_is_absent() {
        for text in ["", "# Stats", "used_memory:many\r\nused_memory_rss", ":::\n\u{0}"] {
            assert_eq!(ServerInfo::parse(text), ServerInfo::default(), "{text:?}");
        }
        let idle = ServerInfo::parse("keyspace_hits:0\nkeyspace_misses:0\n");
        assert_eq!(idle.hit_rate_percent(), None);
    }
}
