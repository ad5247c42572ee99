//! What is done to Redis, to the network and to the nodes while they work.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use gatewayz_testkit::{Cut, Direction, FaultProxy, Fresh, RedisServer};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    CheckerError, Faults,
    node::{Hand, NodeFault},
};

/// The kinds of faults, with their weight: the heavier, the more often.
const KINDS: [(Kind, u32); 12] = [
    (Kind::KillConnections, 6),
    (Kind::KillSubscribers, 6),
    (Kind::FreezeServer, 3),
    (Kind::FreezeServerLong, 1),
    (Kind::RestartEmpty, 1),
    (Kind::Flush, 3),
    (Kind::FreezeNode, 4),
    (Kind::StallApplier, 5),
    (Kind::DelayMessages, 4),
    (Kind::CutProxy, 4),
    (Kind::HalfOpen, 1),
    (Kind::ForgetScripts, 1),
];

#[derive(Clone, Copy, Debug)]
enum Kind {
    KillConnections,
    KillSubscribers,
    FreezeServer,
    FreezeServerLong,
    RestartEmpty,
    Flush,
    FreezeNode,
    StallApplier,
    DelayMessages,
    CutProxy,
    HalfOpen,
    ForgetScripts,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::KillConnections => "connections_killed",
            Self::KillSubscribers => "subscribers_killed",
            Self::FreezeServer => "server_frozen",
            Self::FreezeServerLong => "server_frozen_long",
            Self::RestartEmpty => "server_restarted_empty",
            Self::Flush => "flushed",
            Self::FreezeNode => "node_frozen",
            Self::StallApplier => "applier_stalled",
            Self::DelayMessages => "messages_delayed",
            Self::CutProxy => "link_cut",
            Self::HalfOpen => "link_half_open",
            Self::ForgetScripts => "scripts_forgotten",
        }
    }
}

/// Injects one fault after the other.
#[derive(Debug)]
pub(super) struct Injector {
    random: Option<StdRng>,
    server: Arc<RedisServer>,
    proxies: Vec<Arc<FaultProxy>>,
    nodes: Vec<Hand>,
    counts: BTreeMap<&'static str, u64>,
}

impl Injector {
    pub(super) fn new(
        faults: Faults,
        server: Arc<RedisServer>,
        proxies: Vec<Arc<FaultProxy>>,
        nodes: Vec<Hand>,
    ) -> Self {
        let random = match faults {
            Faults::All { seed } => Some(StdRng::seed_from_u64(seed)),
            Faults::None => None,
        };
        Self {
            random,
            server,
            proxies,
            nodes,
            counts: BTreeMap::new(),
        }
    }

    pub(super) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.counts.clone()
    }

    /// Injects faults until then.
    pub(super) async fn run_until(&mut self, end: Instant) -> Result<(), CheckerError> {
        let Some(mut random) = self.random.take() else {
            sleep_until(end).await;
            return Ok(());
        };
        // Every kind once, whatever the draw, then by weight.
        let mut first: Vec<Kind> = KINDS.iter().map(|(kind, _)| *kind).collect();
        while Instant::now() < end {
            let kind = first.pop().unwrap_or_else(|| draw(&mut random));
            self.inject(kind, &mut random).await?;
            *self.counts.entry(kind.as_str()).or_default() += 1;
            sleep(Duration::from_millis(random.random_range(20..400))).await;
        }
        Ok(())
    }

    async fn inject(&self, kind: Kind, random: &mut StdRng) -> Result<(), CheckerError> {
        let which = random.random_range(0..self.proxies.len());
        let (proxy, node) = (&self.proxies[which], &self.nodes[which]);
        let short = Duration::from_millis(random.random_range(50..400));
        let long = Duration::from_millis(random.random_range(500..1_500));
        match kind {
            Kind::KillConnections => {
                self.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
                    .await?
            }
            Kind::KillSubscribers => self.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).await?,
            Kind::FreezeServer | Kind::FreezeServerLong => {
                let length = if matches!(kind, Kind::FreezeServer) {
                    short
                } else {
                    long
                };
                self.server.freeze()?;
                sleep(length).await;
                self.server.thaw()?;
            }
            Kind::RestartEmpty => {
                self.server.kill().await?;
                sleep(short).await;
                self.server.restart_empty().await?;
            }
            Kind::Flush => self.command(&["FLUSHALL"]).await?,
            Kind::FreezeNode => node.inject(NodeFault::Freeze(long)).await?,
            Kind::StallApplier => node.inject(NodeFault::StallApplier(long)).await?,
            Kind::DelayMessages => {
                proxy.delay(Direction::ToClient, short);
                sleep(long).await;
                proxy.heal();
            }
            Kind::CutProxy => proxy.cut(Cut::Reset),
            Kind::HalfOpen => {
                proxy.half_open(Fresh::Forwarded);
                sleep(long).await;
                proxy.heal();
            }
            Kind::ForgetScripts => self.command(&["SCRIPT", "FLUSH"]).await?,
        }
        Ok(())
    }

    async fn command(&self, words: &[&str]) -> Result<(), CheckerError> {
        self.server.command(words).await?;
        Ok(())
    }

    /// Takes every fault back that lasts.
    pub(super) async fn heal(&self) -> Result<(), CheckerError> {
        for proxy in &self.proxies {
            proxy.heal();
            // Links that were half open stay dead otherwise: bytes are missing in them.
            proxy.cut(Cut::Reset);
        }
        self.command(&["PING"]).await
    }
}

fn draw(random: &mut StdRng) -> Kind {
    let total: u32 = KINDS.iter().map(|(_, weight)| weight).sum();
    let mut left = random.random_range(0..total);
    for (kind, weight) in KINDS {
        if left < weight {
            return kind;
        }
        left -= weight;
    }
    Kind::KillConnections
}
