//! What the tier has done, for tests, administration and `metrics`.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use gatewayz_cache_core::{Clock, KernelClock, Tick};
use metrics::{
    Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use parking_lot::Mutex;

use crate::{
    envelope::Damage,
    fault::{Fault, Kind},
};

/// The state of a tier at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TierStats {
    /// Whether the node has a lease, as far as the tier knows.
    pub attached: bool,
    /// The epoch of the control plane, empty before the first join.
    pub epoch: String,
    /// The number of the last invalidation that this node has applied.
    pub applied: u64,
    /// The number of the last invalidation that this node has heard of.
    pub announced: u64,
    /// How often the node has lost its lease, and had to join again.
    pub rejoins: u64,
    /// Whether calls are refused without being tried.
    pub breaker_open: bool,
    /// Names in the recovery journal.
    pub journal: u64,
    /// Values that could not be read.
    pub damaged: u64,
    /// Commands that brought no answer.
    pub errors: u64,
    /// Sets of connections that were given up for new ones.
    pub reconnections: u64,
}

/// What is asked of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Get,
    Acquire,
    Extend,
    Fill,
    Release,
    Discard,
    Invalidate,
    Control,
}

impl Op {
    const ALL: [Self; 8] = [
        Self::Get,
        Self::Acquire,
        Self::Extend,
        Self::Fill,
        Self::Release,
        Self::Discard,
        Self::Invalidate,
        Self::Control,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Acquire => "acquire",
            Self::Extend => "extend",
            Self::Fill => "fill",
            Self::Release => "release",
            Self::Discard => "discard",
            Self::Invalidate => "invalidate",
            Self::Control => "control",
        }
    }
}

/// Why a node joins again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The server does not answer.
    Unreachable,
    /// The connection for messages broke.
    Disconnected,
    /// Messages do not come back.
    Deaf,
    /// More messages than there was room for.
    Overrun,
    /// Messages are missing, and the log no longer has them.
    Trimmed,
    /// A message that is none.
    Unparsable,
    /// The control plane is another one.
    Epoch,
    /// The lease has run out.
    Lapsed,
    /// This node applied too slowly.
    Lagged,
    /// The machine was suspended.
    Suspended,
    /// The server refused a command of the control plane.
    Refused,
}

impl End {
    const ALL: [Self; 11] = [
        Self::Unreachable,
        Self::Disconnected,
        Self::Deaf,
        Self::Overrun,
        Self::Trimmed,
        Self::Unparsable,
        Self::Epoch,
        Self::Lapsed,
        Self::Lagged,
        Self::Suspended,
        Self::Refused,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Disconnected => "disconnected",
            Self::Deaf => "deaf",
            Self::Overrun => "overrun",
            Self::Trimmed => "trimmed",
            Self::Unparsable => "unparsable",
            Self::Epoch => "epoch",
            Self::Lapsed => "lapsed",
            Self::Lagged => "lagged",
            Self::Suspended => "suspended",
            Self::Refused => "refused",
        }
    }
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        if fault.kind.is_refusal() {
            Self::Refused
        } else {
            Self::Unreachable
        }
    }
}

const OUTCOMES: [&str; 5] = ["ok", "refused", "timeout", "unavailable", "backpressure"];
/// How often one kind of refusal is warned of.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// Handles registered once, and the counts behind [`TierStats`].
pub(crate) struct Meters {
    commands: [[Counter; OUTCOMES.len()]; Op::ALL.len()],
    errors: [Counter; Kind::ALL.len()],
    damaged: [Counter; Damage::ALL.len()],
    rejoins: [Counter; End::ALL.len()],
    up: Gauge,
    attached: Gauge,
    acknowledgement: Histogram,
    pub(crate) n_damaged: AtomicU64,
    pub(crate) n_errors: AtomicU64,
    warned: Mutex<[Option<Tick>; Kind::ALL.len()]>,
}

impl Meters {
    pub(crate) fn new() -> Self {
        describe_counter!("cache_shared_commands", "Commands to the shared tier, by outcome.");
        describe_counter!(
            "cache_shared_errors",
            "Commands to the shared tier that brought no answer, by kind."
        );
        describe_counter!(
            "cache_shared_damaged",
            "Values of the shared tier that could not be read."
        );
        describe_counter!(
            "cache_rejoins",
            "How often this node had to join the control plane again."
        );
        describe_gauge!("redis_up", "Whether Redis answers.");
        describe_gauge!("cache_attached", "Whether this node may serve its coherent entries.");
        describe_histogram!(
            "cache_acknowledgement_duration",
            metrics::Unit::Seconds,
            "From an invalidation's start until every node has applied it."
        );
        Self {
            commands: Op::ALL.map(|op| {
                OUTCOMES.map(|outcome| counter!("cache_shared_commands", "op" => op.as_str(), "outcome" => outcome))
            }),
            errors: Kind::ALL.map(|kind| counter!("cache_shared_errors", "kind" => kind.as_str())),
            damaged: Damage::ALL.map(|damage| counter!("cache_shared_damaged", "reason" => damage.as_str())),
            rejoins: End::ALL.map(|end| counter!("cache_rejoins", "reason" => end.as_str())),
            up: gauge!("redis_up"),
            attached: gauge!("cache_attached"),
            acknowledgement: histogram!("cache_acknowledgement_duration"),
            n_damaged: AtomicU64::new(0),
            n_errors: AtomicU64::new(0),
            warned: Mutex::new([None; Kind::ALL.len()]),
        }
    }

    pub(crate) fn command<T>(&self, op: Op, outcome: &Result<T, Fault>) {
        let index = match outcome {
            Ok(_) => 0,
            Err(fault) => match fault.kind {
                Kind::Timeout => 2,
                Kind::Disconnected => 3,
                Kind::Backpressure => 4,
                _ => 1,
            },
        };
        // Enums index their own tables.
        if let Some(counter) = self.commands.get(op as usize).and_then(|outcomes| outcomes.get(index)) {
            counter.increment(1);
        }
    }

    /// Counts an error, and warns of a refusal at most once a minute for each kind.
    pub(crate) fn error(&self, fault: &Fault) {
        self.n_errors.fetch_add(1, Ordering::Relaxed);
        if let Some(counter) = self.errors.get(fault.kind as usize) {
            counter.increment(1);
        }
        if fault.kind.is_refusal() && fault.kind != Kind::NoScript && self.may_warn(fault.kind) {
            tracing::warn!(kind = fault.kind.as_str(), error = %fault, "Redis refuses; its share of the cache is served from the source");
        }
    }

    pub(crate) fn may_warn(&self, kind: Kind) -> bool {
        let now = KernelClock.now();
        let mut warned = self.warned.lock();
        let Some(last) = warned.get_mut(kind as usize) else {
            return false;
        };
        let due = last.is_none_or(|last| now.since(last) >= WARN_EVERY);
        if due {
            *last = Some(now);
        }
        due
    }

    pub(crate) fn damaged(&self, damage: Damage) {
        self.n_damaged.fetch_add(1, Ordering::Relaxed);
        if let Some(counter) = self.damaged.get(damage as usize) {
            counter.increment(1);
        }
    }

    pub(crate) fn rejoin(&self, end: End) {
        if let Some(counter) = self.rejoins.get(end as usize) {
            counter.increment(1);
        }
    }

    pub(crate) fn set_up(&self, up: bool) {
        self.up.set(if up { 1.0 } else { 0.0 });
    }

    pub(crate) fn set_attached(&self, attached: bool) {
        self.attached.set(if attached { 1.0 } else { 0.0 });
    }

    pub(crate) fn acknowledged(&self, took: Duration) {
        self.acknowledgement.record(took);
    }
}
