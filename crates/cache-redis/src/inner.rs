//! What the calls of a tier and its supervisor share.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use arc_swap::ArcSwapOption;
use fred::types::Value;
use gatewayz_cache_core::{Invalidation, NodePort, SharedError, Time};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::{
    breaker::Breaker,
    config::RedisConfig,
    fault::{Fault, Kind},
    faults::Faults,
    journal::{Journal, Recent},
    link::{Blueprint, Lane, Link, Request},
    names::Names,
    scripts::Script,
    seen::Seen,
    stats::{Meters, Op, TierStats},
    waiters::Waiters,
};

/// How far all live nodes have come, in one epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) epoch: String,
    pub(crate) number: u64,
}

/// What was said last about the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reported {
    Nothing,
    Gone,
    Attached,
}

/// The state of a tier.
pub(crate) struct Inner {
    pub(crate) config: RedisConfig,
    pub(crate) names: Names,
    /// The name of the present membership. Every join draws a fresh one: a join that is carried out late must not
    /// answer for a node that has joined again.
    pub(crate) node: Mutex<String>,
    pub(crate) breaker: Breaker,
    pub(crate) meters: Meters,
    pub(crate) faults: Faults,
    pub(crate) waiters: Waiters,
    pub(crate) seen: Seen,
    pub(crate) settled: watch::Sender<Settled>,
    pub(crate) recent: Mutex<Recent>,
    /// Asks the supervisor to look at the server now.
    pub(crate) look: Notify,
    pub(crate) link: ArcSwapOption<Link>,
    pub(crate) port: Mutex<Option<NodePort>>,
    pub(crate) view: Mutex<TierStats>,
    pub(crate) warned_plain: AtomicBool,
    reported: Mutex<Reported>,
    blueprint: Blueprint,
    journal: Mutex<Journal>,
    recovering: AtomicBool,
}

impl Inner {
    pub(crate) fn new(config: RedisConfig, blueprint: Blueprint) -> Self {
        Self {
            names: Names::new(&config.key_prefix, config.endpoint.database),
            node: Mutex::default(),
            breaker: Breaker::open(config.breaker.failures),
            meters: Meters::new(),
            faults: Faults::default(),
            waiters: Waiters::default(),
            seen: Seen::default(),
            settled: watch::Sender::default(),
            recent: Mutex::new(Recent::new(config.journal_bound)),
            look: Notify::new(),
            link: ArcSwapOption::empty(),
            port: Mutex::new(None),
            view: Mutex::default(),
            warned_plain: AtomicBool::new(false),
            reported: Mutex::new(Reported::Nothing),
            blueprint,
            journal: Mutex::default(),
            recovering: AtomicBool::new(false),
            config,
        }
    }

    /// Gives up the connections for new ones.
    pub(crate) fn relink(&self) -> Option<Arc<Link>> {
        let link = Arc::new(self.blueprint.open()?);
        if self.link.swap(Some(Arc::clone(&link))).is_some() {
            self.view.lock().reconnections += 1;
        }
        Some(link)
    }

    /// The connections, for a call that another one could answer.
    pub(crate) fn gate(&self) -> Result<Arc<Link>, SharedError> {
        if self.breaker.is_open() {
            return Err(SharedError::Unavailable(None));
        }
        self.link.load_full().ok_or(SharedError::Unavailable(None))
    }

    /// The same for a call whose answer may be older than what this node has invalidated and not told yet.
    pub(crate) fn gate_to_values(&self) -> Result<Arc<Link>, SharedError> {
        let link = self.gate()?;
        if self.recovering.load(Ordering::Acquire) {
            return Err(SharedError::Recovering);
        }
        Ok(link)
    }

    /// Counts what became of a command, for the meters and the breaker.
    pub(crate) fn note<T>(&self, op: Op, outcome: &Result<T, Fault>) {
        self.meters.command(op, outcome);
        match outcome {
            Ok(_) => self.breaker.succeeded(),
            Err(fault) => {
                self.meters.error(fault);
                if fault.kind == Kind::Timeout && self.meters.may_warn(fault.kind) {
                    tracing::warn!("Cache operation timeout: {}: Redis is slow", op.as_str());
                }
                if fault.kind.is_silence() {
                    self.breaker.failed();
                    self.look.notify_one();
                } else if fault.kind.is_refusal() {
                    self.breaker.succeeded();
                }
            }
        }
    }

    pub(crate) async fn call(&self, op: Op, link: &Link, lane: Lane, request: Request) -> Result<Value, Fault> {
        let outcome = link.call(lane, request).await;
        self.note(op, &outcome);
        outcome
    }

    pub(crate) async fn script(
        &self,
        op: Op,
        (link, lane): (&Link, Lane),
        script: &Script,
        keys: Vec<Value>,
        args: Vec<Value>,
    ) -> Result<Value, Fault> {
        let outcome = link.script(lane, script, keys, args).await;
        self.note(op, &outcome);
        outcome
    }

    /// The first arguments of every script of the control plane.
    pub(crate) fn control_args(&self, more: impl IntoIterator<Item = Value>) -> Vec<Value> {
        let mut args = vec![Value::from(random_word()), Value::from(self.names.events.as_str())];
        args.extend(more);
        args
    }

    /// Says once that the server is gone.
    pub(crate) fn report_gone(&self, fault: &Fault) {
        self.meters.set_up(false);
        if std::mem::replace(&mut *self.reported.lock(), Reported::Gone) != Reported::Gone {
            tracing::error!(
                kind = fault.kind.as_str(),
                "Redis connection failed: {fault}; the cache in memory serves for a short while, then the source"
            );
        }
    }

    /// Says once that the node is attached.
    pub(crate) fn report_attached(&self) {
        self.meters.set_attached(true);
        if std::mem::replace(&mut *self.reported.lock(), Reported::Attached) != Reported::Attached {
            tracing::info!("attached to Redis: coherent entries are served from memory");
        }
    }

    /// Runs a script of the control plane.
    pub(crate) async fn control(
        &self,
        link: &Link,
        script: &Script,
        more: impl IntoIterator<Item = Value> + Send,
    ) -> Result<Value, Fault> {
        let args = self.control_args(more);
        self.script(Op::Control, (link, Lane::Commands), script, self.names.control(), args)
            .await
    }

    /// Tells the waiting invalidations how far all nodes have come.
    pub(crate) fn settle(&self, epoch: &str, number: u64) {
        self.settled.send_if_modified(|settled| {
            if settled.epoch != epoch {
                *settled = Settled {
                    epoch: epoch.to_owned(),
                    number,
                };
                return true;
            }
            let risen = number > settled.number;
            settled.number = settled.number.max(number);
            risen
        });
    }

    /// Keeps an invalidation that the server has not taken. Until it has, its values are not asked for.
    pub(crate) fn defer(&self, invalidation: Invalidation) {
        let mut journal = self.journal.lock();
        self.recovering.store(true, Ordering::Release);
        journal.add(invalidation, self.config.journal_bound, || self.prefixes());
        self.view.lock().journal = journal.len() as u64;
    }

    /// What is to be told before anything else.
    pub(crate) fn send_journal(&self) -> Invalidation {
        self.journal.lock().send()
    }

    /// The server has what was sent: ends the recovery, unless something was added meanwhile.
    pub(crate) fn flushed(&self) {
        let mut journal = self.journal.lock();
        journal.sent();
        if journal.is_empty() {
            self.recovering.store(false, Ordering::Release);
        }
        self.view.lock().journal = journal.len() as u64;
    }

    pub(crate) fn is_recovering(&self) -> bool {
        self.recovering.load(Ordering::Acquire)
    }

    /// The names of the coherent keyspaces, as far as they are known.
    pub(crate) fn prefixes(&self) -> Vec<String> {
        let port = self.port.lock().clone();
        port.map(|port| port.sink.prefixes()).unwrap_or_default()
    }

    pub(crate) fn time(&self) -> Time {
        self.port.lock().as_ref().map_or(Time::Kernel, |port| port.time.clone())
    }

    /// The connection on which the value of `name` is likely to be served well.
    pub(crate) fn lane(&self, name: &str) -> Lane {
        if self.seen.is_large(name) {
            Lane::Bulk
        } else {
            Lane::Commands
        }
    }
}

/// Sixteen random hexadecimal digits.
pub(crate) fn random_word() -> String {
    format!("{:016x}", rand::random::<u64>())
}
