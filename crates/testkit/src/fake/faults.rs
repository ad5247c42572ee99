//! What a call of the fake meets before it is done.

use std::{collections::HashMap, sync::Arc, time::Duration};

use gatewayz_cache_core::SharedError;
use parking_lot::Mutex;

use super::server::NodeId;
use crate::source::Gate;

/// The kinds of calls of a shared tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// [`SharedTier::get`](gatewayz_cache_core::SharedTier::get).
    Get,
    /// [`SharedTier::acquire`](gatewayz_cache_core::SharedTier::acquire).
    Acquire,
    /// [`SharedTier::extend`](gatewayz_cache_core::SharedTier::extend).
    Extend,
    /// [`SharedTier::fill`](gatewayz_cache_core::SharedTier::fill).
    Fill,
    /// [`SharedTier::release`](gatewayz_cache_core::SharedTier::release).
    Release,
    /// [`SharedTier::discard`](gatewayz_cache_core::SharedTier::discard).
    Discard,
    /// [`SharedTier::invalidate`](gatewayz_cache_core::SharedTier::invalidate).
    Invalidate,
    /// [`SharedTier::claim`](gatewayz_cache_core::SharedTier::claim).
    Claim,
}

impl Op {
    pub(super) const COUNT: usize = 8;

    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

/// What happens to a call. An invalidation that fails is deferred until [`heal`](super::FakeCluster::heal), and its
/// node gets no answers until then.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// It fails at once: there is no connection.
    Unavailable,
    /// It fails at once: too many calls wait.
    Backpressure,
    /// It fails at once: the server refuses, as when it is out of memory.
    Refused,
    /// It fails after this time by tokio's timers, as a tier with that time-out does on a silent server.
    Never(Duration),
    /// It takes this long by tokio's timers.
    Slow(Duration),
    /// It stops at the gate, and is done after that.
    Gate(Gate),
    /// It is done, and its answer stops at the gate.
    GateAnswer(Gate),
    /// It is done, and its answer is lost: the caller sees a time-out.
    Lost,
}

/// What happens to the answer.
pub(super) enum Stop {
    None,
    Gate(Gate),
    Lost,
}

/// The refusal of a fake server.
#[derive(Debug, thiserror::Error)]
#[error("OOM command not allowed when used memory > 'maxmemory'")]
struct Refusal;

type Scope = (Option<NodeId>, Option<Op>);

/// The faults that are set, by node and kind of call.
#[derive(Default)]
pub(super) struct Faults(Mutex<HashMap<Scope, Fault>>);

impl Faults {
    pub(super) fn set(&self, node: Option<NodeId>, op: Option<Op>, fault: Fault) {
        self.0.lock().insert((node, op), fault);
    }

    pub(super) fn clear(&self) {
        self.0.lock().clear();
    }

    fn find(&self, scopes: &[Scope]) -> Option<Fault> {
        let faults = self.0.lock();
        scopes.iter().find_map(|scope| faults.get(scope).cloned())
    }

    /// Meets the fault that is set most closely for a call. An error is the call's answer.
    pub(super) async fn meet(&self, node: NodeId, op: Op) -> Result<Stop, SharedError> {
        let scopes = [
            (Some(node), Some(op)),
            (Some(node), None),
            (None, Some(op)),
            (None, None),
        ];
        match self.find(&scopes) {
            None => Ok(Stop::None),
            Some(Fault::Unavailable) => Err(SharedError::Unavailable(None)),
            Some(Fault::Backpressure) => Err(SharedError::Backpressure),
            Some(Fault::Refused) => Err(SharedError::Refused(Arc::new(Refusal))),
            Some(Fault::Never(limit)) => {
                tokio::time::sleep(limit).await;
                Err(SharedError::Timeout)
            }
            Some(Fault::Slow(time)) => {
                tokio::time::sleep(time).await;
                Ok(Stop::None)
            }
            Some(Fault::Gate(gate)) => {
                gate.enter().await;
                Ok(Stop::None)
            }
            Some(Fault::GateAnswer(gate)) => Ok(Stop::Gate(gate)),
            Some(Fault::Lost) => Ok(Stop::Lost),
        }
    }

    /// Whether no call of a node gets through.
    pub(super) fn cuts_off(&self, node: NodeId) -> bool {
        matches!(
            self.find(&[(Some(node), None), (None, None)]),
            Some(Fault::Unavailable | Fault::Never(_))
        )
    }
}
