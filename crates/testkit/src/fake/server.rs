//! The state of the fake server, and what each call does to it.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use gatewayz_cache_core::{Acquired, FillLease, Filled, Intent, Invalidation, NodePort, SharedKey, Stored, Tick, Time};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::faults::{Faults, Op};

/// A node of the cluster, by its place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct NodeId(usize);

/// The number of an invalidation.
pub(super) type Number = u64;

pub(super) struct Server {
    time: Time,
    pub(super) faults: Faults,
    state: Mutex<State>,
    /// Held while messages are applied, so that each node gets them in order. Taken before `state`.
    applier: Mutex<()>,
    progress: Notify,
    notices: Notify,
}

#[derive(Default)]
struct State {
    values: HashMap<String, Value>,
    leases: HashMap<String, Lease>,
    nodes: Vec<Node>,
    /// How often the server was started: its identity.
    starts: u64,
    number: Number,
    tokens: u64,
    held: bool,
    notices_lost: bool,
    calls: [u64; Op::COUNT],
    fenced: u64,
    unreadable: u64,
}

pub(super) struct Value {
    pub(super) stored: Stored,
    pub(super) damaged: bool,
    schema: u32,
    stored_by: String,
    expires: Tick,
}

struct Lease {
    token: String,
    expires: Tick,
}

#[derive(Default)]
struct Node {
    port: Option<NodePort>,
    attached: bool,
    /// Started while it was cut off: to be attached when healed.
    waits: bool,
    inbox: VecDeque<(Number, Invalidation)>,
    /// Invalidations that have not reached the server.
    journal: Vec<(Number, Invalidation)>,
    /// Whether one of them has failed: what the server holds may then be old.
    recovering: bool,
}

impl State {
    fn identity(&self) -> String {
        format!("fake-{}", self.starts)
    }

    /// The value that a reader of this key may have. One that it cannot read is deleted.
    fn readable(&mut self, key: &SharedKey, now: Tick) -> Option<Stored> {
        let identity = self.identity();
        let value = self.values.get(&key.name)?;
        if now >= value.expires {
            self.values.remove(&key.name);
            return None;
        }
        if value.damaged || value.schema != key.schema {
            self.values.remove(&key.name);
            self.unreadable += 1;
            return None;
        }
        (!key.coherent || value.stored_by == identity).then(|| value.stored.clone())
    }

    fn lease(&self, name: &str, now: Tick) -> Option<&Lease> {
        self.leases.get(name).filter(|lease| now < lease.expires)
    }

    fn has_lease(&self, name: &str, lease: &FillLease, now: Tick) -> bool {
        self.lease(name, now).is_some_and(|held| held.token == lease.token)
    }

    fn grant(&mut self, name: &str, term: Duration, now: Tick) -> FillLease {
        self.tokens += 1;
        let token = format!("token-{:06}", self.tokens);
        let lease = Lease {
            token: token.clone(),
            expires: now.after(term),
        };
        self.leases.insert(name.to_owned(), lease);
        FillLease {
            token,
            granted_by: self.identity(),
        }
    }

    fn drop_covered(&mut self, invalidation: &Invalidation) {
        self.values.retain(|name, _| !invalidation.covers(name));
        self.leases.retain(|name, _| !invalidation.covers(name));
    }

    fn post(&mut self, number: Number, invalidation: &Invalidation) {
        for node in &mut self.nodes {
            if node.port.is_some() && node.attached {
                node.inbox.push_back((number, invalidation.clone()));
            }
        }
    }

    /// Whether every node that may serve has applied a message.
    fn is_settled(&self, number: Number) -> bool {
        self.nodes
            .iter()
            .all(|node| node.port.is_none() || !node.attached || node.inbox.iter().all(|(next, _)| *next > number))
    }
}

impl Server {
    pub(super) fn new(time: Time) -> Self {
        Self {
            time,
            faults: Faults::default(),
            state: Mutex::new(State::default()),
            applier: Mutex::new(()),
            progress: Notify::new(),
            notices: Notify::new(),
        }
    }

    pub(super) fn add_node(&self) -> NodeId {
        let mut state = self.state.lock();
        state.nodes.push(Node::default());
        NodeId(state.nodes.len() - 1)
    }

    // Values and fill leases.

    pub(super) fn get(&self, key: &SharedKey) -> Option<Stored> {
        self.state.lock().readable(key, self.time.now())
    }

    pub(super) fn acquire(&self, key: &SharedKey, intent: Intent, term: Duration) -> Acquired {
        let now = self.time.now();
        let mut state = self.state.lock();
        if intent == Intent::Fill
            && let Some(stored) = state.readable(key, now)
        {
            return Acquired::Value(stored);
        }
        match state.lease(&key.name, now) {
            Some(lease) => Acquired::Busy(lease.expires.since(now)),
            None => Acquired::Lead(state.grant(&key.name, term, now)),
        }
    }

    pub(super) fn extend(&self, key: &SharedKey, lease: &FillLease, term: Duration) -> bool {
        let now = self.time.now();
        let mut state = self.state.lock();
        let holds = state.has_lease(&key.name, lease, now);
        if holds && let Some(held) = state.leases.get_mut(&key.name) {
            held.expires = now.after(term);
        }
        holds
    }

    pub(super) fn fill(&self, key: &SharedKey, lease: &FillLease, stored: Stored) -> Filled {
        {
            let now = self.time.now();
            let mut state = self.state.lock();
            if !state.has_lease(&key.name, lease, now) {
                state.fenced += 1;
                return Filled::Fenced;
            }
            state.leases.remove(&key.name);
            self.store(&mut state, &key.name, key.schema, stored);
        }
        self.notice();
        Filled::Stored
    }

    fn store(&self, state: &mut State, name: &str, schema: u32, stored: Stored) {
        let age = self.time.wall().since(stored.source_time);
        let value = Value {
            damaged: false,
            schema,
            stored_by: state.identity(),
            expires: self.time.now().after(stored.ttl.saturating_sub(age)),
            stored,
        };
        state.values.insert(name.to_owned(), value);
    }

    pub(super) fn release(&self, key: &SharedKey, lease: &FillLease) {
        {
            let mut state = self.state.lock();
            if !state.has_lease(&key.name, lease, self.time.now()) {
                return;
            }
            state.leases.remove(&key.name);
        }
        self.notice();
    }

    pub(super) fn discard(&self, key: &SharedKey) {
        self.state.lock().values.remove(&key.name);
    }

    fn notice(&self) {
        if !self.state.lock().notices_lost {
            self.notices.notify_waiters();
        }
    }

    /// Waits for the next notice of any key: too early for some, which the contract allows.
    pub(super) async fn filled(&self, key: &SharedKey, longest: Duration) {
        let notice = self.notices.notified();
        if self.state.lock().lease(&key.name, self.time.now()).is_none() {
            // The fill came between the caller's question and this wait.
            return;
        }
        // The time being up is an answer like the notice.
        drop(tokio::time::timeout(longest, notice).await);
    }

    // Invalidations.

    /// Keeps an invalidation until it is announced.
    pub(super) fn defer(&self, NodeId(node): NodeId, invalidation: &Invalidation) -> Number {
        let mut state = self.state.lock();
        state.number += 1;
        let number = state.number;
        if let Some(node) = state.nodes.get_mut(node) {
            node.journal.push((number, invalidation.clone()));
        }
        number
    }

    pub(super) fn is_recovering(&self, NodeId(node): NodeId) -> bool {
        let state = self.state.lock();
        state.nodes.get(node).is_some_and(|node| node.recovering)
    }

    /// Remembers that an invalidation of a node did not get through.
    pub(super) fn missed(&self, NodeId(node): NodeId) {
        if let Some(node) = self.state.lock().nodes.get_mut(node) {
            node.recovering = !node.journal.is_empty();
        }
    }

    /// Removes what a node's journal names up to and with this number, and posts it to all nodes.
    pub(super) fn announce(
        &self,
        NodeId(node): NodeId,
        number: Number,
        claim: Option<(&SharedKey, Duration)>,
    ) -> Option<FillLease> {
        let now = self.time.now();
        let mut state = self.state.lock();
        let journal = match state.nodes.get_mut(node) {
            Some(node) => std::mem::take(&mut node.journal),
            None => Vec::new(),
        };
        let (due, later): (Vec<_>, Vec<_>) = journal.into_iter().partition(|(queued, _)| *queued <= number);
        for (queued, invalidation) in due {
            state.drop_covered(&invalidation);
            state.post(queued, &invalidation);
        }
        if let Some(node) = state.nodes.get_mut(node) {
            node.recovering &= !later.is_empty();
            node.journal = later;
        }
        claim.map(|(key, term)| state.grant(&key.name, term, now))
    }

    /// Waits until every node that may serve has applied a message.
    pub(super) async fn settled(&self, number: Number) {
        loop {
            let progress = self.progress.notified();
            if self.state.lock().is_settled(number) {
                return;
            }
            progress.await;
        }
    }

    /// Applies the messages that are not held back, in order.
    pub(super) fn pump(&self) {
        let _in_order = self.applier.lock();
        while let Some((node, port, number, invalidation)) = self.next_message() {
            port.sink.apply(&invalidation);
            let mut state = self.state.lock();
            if let Some(node) = state.nodes.get_mut(node) {
                // Removed only now that it is applied. A restart may have emptied the inbox meanwhile.
                if node.inbox.front().is_some_and(|(first, _)| *first == number) {
                    node.inbox.pop_front();
                }
            }
        }
        self.progress.notify_waiters();
    }

    fn next_message(&self) -> Option<(usize, NodePort, Number, Invalidation)> {
        let state = self.state.lock();
        if state.held {
            return None;
        }
        state.nodes.iter().enumerate().find_map(|(id, node)| {
            let port = node.port.clone()?;
            let (number, invalidation) = node.inbox.front()?;
            Some((id, port, *number, invalidation.clone()))
        })
    }

    pub(super) fn hold(&self, held: bool) {
        self.state.lock().held = held;
    }

    pub(super) fn held_messages(&self) -> usize {
        self.state.lock().nodes.iter().map(|node| node.inbox.len()).sum()
    }

    pub(super) fn lose_notices(&self) {
        self.state.lock().notices_lost = true;
    }

    /// Announces what was deferred, and attaches the nodes that could not be.
    pub(super) fn recover(&self) {
        let nodes = self.state.lock().nodes.len();
        for node in (0..nodes).map(NodeId) {
            self.announce(node, Number::MAX, None);
        }
        self.pump();
        let waiting: Vec<NodeId> = {
            let state = self.state.lock();
            let waiting = state.nodes.iter().enumerate().filter(|(_, node)| node.waits);
            waiting.map(|(id, _)| NodeId(id)).collect()
        };
        for node in waiting {
            self.attach(node);
        }
    }

    // Nodes.

    pub(super) fn start(&self, node: NodeId, port: NodePort, reachable: bool) {
        {
            let mut state = self.state.lock();
            if let Some(node) = state.nodes.get_mut(node.0) {
                node.port = Some(port);
                node.waits = !reachable;
            }
        }
        if reachable {
            self.attach(node);
        }
    }

    pub(super) fn attach(&self, NodeId(node): NodeId) {
        let _in_order = self.applier.lock();
        let Some(port) = self.port(node) else { return };
        // Cleared before the right is given, so that whoever has it has heard everything. Messages from here on are
        // posted to it.
        {
            let mut state = self.state.lock();
            if let Some(node) = state.nodes.get_mut(node) {
                node.inbox.clear();
                node.attached = true;
                node.waits = false;
            }
        }
        port.sink.clear_coherent();
        port.attachment.prolong(Tick::NEVER);
        self.progress.notify_waiters();
    }

    pub(super) fn detach(&self, NodeId(node): NodeId) {
        if let Some(port) = self.port(node) {
            port.attachment.give_up();
        }
        if let Some(node) = self.state.lock().nodes.get_mut(node) {
            node.attached = false;
            node.inbox.clear();
        }
        self.progress.notify_waiters();
    }

    pub(super) fn kill(&self, NodeId(node): NodeId) {
        self.detach(NodeId(node));
        if let Some(node) = self.state.lock().nodes.get_mut(node) {
            *node = Node::default();
        }
    }

    fn port(&self, node: usize) -> Option<NodePort> {
        self.state.lock().nodes.get(node).and_then(|node| node.port.clone())
    }

    pub(super) fn restart(&self, empty: bool) {
        let nodes = {
            let mut state = self.state.lock();
            state.starts += 1;
            state.leases.clear();
            if empty {
                state.values.clear();
            }
            let attached = state.nodes.iter().enumerate().filter(|(_, node)| node.attached);
            attached.map(|(id, _)| NodeId(id)).collect::<Vec<_>>()
        };
        for node in nodes {
            if let Some(port) = self.port(node.0) {
                port.attachment.give_up();
            }
            self.attach(node);
        }
    }

    // What tests look at.

    pub(super) fn put(&self, name: &str, schema: u32, stored: Stored) {
        let mut state = self.state.lock();
        self.store(&mut state, name, schema, stored);
    }

    pub(super) fn change(&self, name: &str, change: impl FnOnce(&mut Value)) -> bool {
        let mut state = self.state.lock();
        let value = state.values.get_mut(name);
        value.map(change).is_some()
    }

    pub(super) fn stored(&self, name: &str) -> Option<Stored> {
        let now = self.time.now();
        let state = self.state.lock();
        let value = state.values.get(name).filter(|value| now < value.expires);
        value.map(|value| value.stored.clone())
    }

    pub(super) fn names(&self) -> Vec<String> {
        let now = self.time.now();
        let state = self.state.lock();
        let live = state.values.iter().filter(|(_, value)| now < value.expires);
        let mut names: Vec<String> = live.map(|(name, _)| name.clone()).collect();
        names.sort_unstable();
        names
    }

    pub(super) fn expires_in(&self, name: &str) -> Option<Duration> {
        let now = self.time.now();
        let state = self.state.lock();
        let value = state.values.get(name).filter(|value| now < value.expires);
        value.map(|value| value.expires.since(now))
    }

    pub(super) fn is_leased(&self, name: &str) -> bool {
        self.state.lock().lease(name, self.time.now()).is_some()
    }

    pub(super) fn count(&self, op: Op) {
        self.state.lock().calls[op.index()] += 1;
    }

    pub(super) fn calls(&self, op: Op) -> u64 {
        self.state.lock().calls[op.index()]
    }

    pub(super) fn fenced(&self) -> u64 {
        self.state.lock().fenced
    }

    pub(super) fn unreadable(&self) -> u64 {
        self.state.lock().unreadable
    }
}
