//! Private `redis-server` processes: one, a cluster, or a primary under Sentinel.

mod cluster;
mod resp;
mod sentinel;
mod server;
mod tls;

use std::time::Duration;

use crate::{
    error::ServerError,
    real_time::{Backoff, Deadline},
};

pub use self::{
    cluster::RedisCluster,
    resp::Reply,
    sentinel::RedisSentinel,
    server::{RedisServer, RedisServerBuilder},
    tls::Tls,
};

/// The name under which the sentinels know the primary.
const SERVICE: &str = "main";

/// For a group of servers to agree; on an idle machine they take two to four seconds.
const AGREE_LIMIT: Duration = Duration::from_secs(60);

/// Waits until every one of `servers` says that it is ready.
///
/// A look that fails counts as not ready: nodes close connections while they find each other.
async fn agreed<'a, F, Fut>(what: &'static str, servers: &'a [RedisServer], is_ready: F) -> Result<(), ServerError>
where
    F: Fn(&'a RedisServer) -> Fut + Sync,
    Fut: Future<Output = Result<bool, ServerError>> + Send,
{
    let deadline = Deadline::after(AGREE_LIMIT);
    for server in servers {
        let mut backoff = Backoff::new();
        while !is_ready(server).await.unwrap_or(false) {
            if deadline.remaining().is_none() {
                return Err(ServerError::NotReady {
                    what,
                    waited: AGREE_LIMIT,
                    log: server.log_end(),
                });
            }
            backoff.pause(&deadline).await;
        }
    }
    Ok(())
}

/// Returns `<scheme>first<query>node=second&node=third`.
fn url_of_many(scheme: &str, query: &str, servers: &[RedisServer]) -> String {
    let mut addrs = servers.iter().map(RedisServer::addr);
    let first = addrs.next().map(|addr| addr.to_string()).unwrap_or_default();
    let others: Vec<_> = addrs.map(|addr| format!("node={addr}")).collect();
    format!("{scheme}{first}{query}{}", others.join("&"))
        .trim_end_matches(['?', '&'])
        .to_owned()
}
