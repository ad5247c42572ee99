//! The coherence protocol as a state machine, for exhaustive search.
//!
//! # What is modelled
//!
//! One key, two nodes, a source, one Redis with the shared tier and the control plane, and a replica of it. A state is a value of
//! [`State`], a step is an [`Action`]; the search visits every order of steps. Each script is one step, since Redis runs it whole; so is
//! each thing a node does under one lock.
//!
//! | steps | stand for |
//! |---|---|
//! | `Commit`, `CleanOwn`, `Drop`, `Announce`, `Acknowledge` | a write and its `invalidate`, (1) to (5) |
//! | `Apply`, `Ack` | the applier, and what Redis hears of it |
//! | `Detach`, `RunOut`, `Renew` | the node lease by the node's clock, by Redis' clock, and renewed |
//! | `Join`, `Joined` (`Clear` in the page's order) | the return of a node that gave up or lost its lease |
//! | `Register`, `Ask`, `Refresh`, `Load`, `Fill`, `Land`; `LoadAlone`, `GiveUpFill`, `Die` | a flight; and what becomes of it without Redis |
//! | `ExpireLease`, `Evict`, `Deafen`, `Flush`, `EvictControl`, `Replicate`, `Failover` | faults |
//! | `Claim` | a writer that keeps the right to fill for the value it has written; only without the safeguard against it |
//! | `StrayAcquire`, `AbandonJoin`, `StrayJoin` | repetitions that run late; only without the safeguards against them |
//!
//! A replica is promoted with what Redis held at one earlier instant: `Replicate` chooses it, once for each promotion. A restart with old
//! data on disk is the same, a restart without data is a flush.
//!
//! **Readers** are not in the state. Whatever a reader that began *now* could be given is looked at in every state: the entry of a node
//! that may serve it, and the outcome of a flight it may join. A flight carries the greatest version that had been acknowledged when a
//! reader could last join it, which is what its youngest waiter is owed.
//!
//! **Time** is an order of events. A lease runs out at Redis at any moment after it ran out at the node, which is what the margin is for
//! ([`Safeguards::margin`] takes it away). Grace is over at any moment after every lease of an earlier epoch is dead at its node. Fill
//! leases run out at any moment, values are evicted at any moment, messages and answers take any time.
//!
//! **Versions** count the writes. With [`Measure::Loaded`] a value shows the version its loader was given, and the search proves P2. With
//! [`Measure::Begun`] it shows the version at the instant its fill began, however much later the loader answers: the search then proves
//! P1, and P2 with it, because a loader never answers less.
//!
//! # What is left out, and why that loses nothing
//!
//! - *Writer's time-outs and repetitions.* `drop` and `announce` twice do no more than once, late. A write that never moves on is one
//!   whose node died or that was `Deferred`: it is never acknowledged, so nothing is owed. After a change of epoch the model announces
//!   again and does not `drop` again: the tags make that unnecessary.
//! - *The refusal of `renew` to a node that lags.* It is there for progress; here every renewal in time is granted, which allows more.
//!   The wait of `invalidate` regards every lease as Redis has it at that moment. One that only sleeps until the deadlines it read
//!   at `announce` would forget renewals, and is [`Safeguards::wait_for_anyone`] switched off.
//! - *The answer of `renew` on its way.* An answer that comes late is the same as one that came at once and lapsed.
//! - *Tokens of dead flights, leases of abandoned names.* They block or delay others until they expire, that is, they allow less.
//! - *Gaps in the stream.* The applier takes numbers in order from the stream or the log, at any time; a node that does without gives up
//!   its lease, which it may do at any moment.
//! - *Degraded ttl.* It is zero. A keyspace that serves while not attached has P4 and not P2: that is [`Safeguards::lease_at_hit`] off.
//! - *Ages, stale windows, soft time-outs, negative entries, plain values, split brain.* Not part of P1 and P2, or excluded by the page.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use stateright::{Checker, Expectation, HasDiscoveries, Model, Property};

pub use self::state::{Flight, Join, Node, Stage, State, Stored, Version, Write};
pub use self::step::Action;

mod state;
mod step;

/// The property that must hold always.
pub const COHERENT: &str = "no read that begins after an acknowledgement gets an older version";

/// A bounded instance of the protocol.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Protocol {
    /// What protects it. All of it, unless one is to be shown necessary.
    pub safeguards: Safeguards,
    /// What the version of a value means.
    pub measure: Measure,
    /// How many writes there are, at most three.
    pub writes: u8,
    /// How many flights there are at one time on all nodes, at most three.
    pub flights: u8,
    /// The epochs before this one may end by a flush, or because Redis evicts the control plane.
    pub flushes: u8,
    /// How often a replica is promoted.
    pub failovers: u8,
    /// The value is on another server than the control plane, as in a cluster; that one fails over, the control plane does not.
    pub values_apart: bool,
    /// Subscriber connections die silently. Without this their messages are late, as late as can be.
    pub streams_break: bool,
    /// Flights may replace a value that is still there. Without this they begin when it is gone.
    pub refreshes: bool,
    /// `ack` is a step of its own after the applier's. Together they allow more, apart they are closer to the code.
    pub acks_apart: bool,
    /// States that differ by the names of the nodes are one. Halves the search, and makes traces hard to read.
    pub mirror: bool,
}

/// What the version of a value means.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Measure {
    /// What the source held when the fill began: P1.
    Begun,
    /// What the source answered: P2.
    Loaded,
}

/// The parts of the protocol that can be taken away one at a time.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Safeguards {
    /// `invalidate` waits for other nodes. Off: Redis' reply to `announce` is the acknowledgement.
    pub wait_for_anyone: bool,
    /// It waits for every live lease. Off: for the connected subscribers.
    pub wait_for_leases: bool,
    /// `fill` is refused without the token.
    pub fence: bool,
    /// A dirty ticket commits nothing to the local tier.
    pub ticket: bool,
    /// An entry is served by an attached node only.
    pub lease_at_hit: bool,
    /// A flight takes new waiters on an attached node only.
    pub lease_at_flight: bool,
    /// A value of another server is a miss.
    pub value_tag: bool,
    /// In a new epoch `invalidate` waits until leases of earlier ones are dead.
    pub grace: bool,
    /// Loads see what is committed. Off: a replica of the source that is one write behind.
    pub primary_source: bool,
    /// A lease ends at its node first. Off: clock rates that eat the margin.
    pub margin: bool,
    /// A node clears after the answer of `join`, before it serves. Off: before the script.
    pub clear_after_join: bool,
    /// It also dirties the tickets then. Off: the entries only.
    pub dirty_after_join: bool,
    /// `fill` is refused when the server is not the one that granted the token.
    pub tag_of_acquire: bool,
    /// The tag is compared in the script. Off: by the node, with the server of its last join.
    pub verified_get: bool,
    /// A value that a writer stores was read after its right to fill was granted. Off: it stores what it has written.
    pub load_after_lead: bool,
    /// `drop` has run when `announce` runs. Off: they may overtake one another.
    pub drop_first: bool,
    /// Every sending of `acquire` carries its own token. Off: a repetition carries the same, and may run late.
    pub fresh_token: bool,
    /// Every sending of `join` carries its own name of the node. Off: an abandoned one may run late.
    pub fresh_name: bool,
    /// When Redis evicts any part of the control plane, a new epoch begins. Off: the node set can vanish alone.
    pub whole_control: bool,
}

/// Where a search stops if it is not done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// The number of threads. One makes a trace the shortest there is.
    pub threads: usize,
    /// The number of steps to try, about.
    pub steps: Option<NonZeroUsize>,
}

/// What a search has found.
#[derive(Clone, Debug)]
pub struct Report {
    /// Every reachable state has been visited.
    pub complete: bool,
    /// The number of different states.
    pub states: usize,
    /// The number of steps tried.
    pub steps: usize,
    /// The length of the longest of the shortest ways to a state.
    pub depth: usize,
    /// How long it took.
    pub elapsed: Duration,
    /// A way to a state that breaks [`COHERENT`], if there is one.
    pub violation: Option<Vec<Action>>,
    /// For each thing that must be able to happen, a way to it, or `None` when it was not found.
    pub examples: Vec<(&'static str, Option<Vec<Action>>)>,
}

impl Safeguards {
    /// Everything switched on.
    pub const ALL: Self = Self {
        wait_for_anyone: true,
        wait_for_leases: true,
        fence: true,
        ticket: true,
        lease_at_hit: true,
        lease_at_flight: true,
        value_tag: true,
        grace: true,
        primary_source: true,
        margin: true,
        clear_after_join: true,
        dirty_after_join: true,
        tag_of_acquire: true,
        verified_get: true,
        load_after_lead: true,
        drop_first: true,
        fresh_token: true,
        fresh_name: true,
        whole_control: true,
    };
}

impl Protocol {
    /// Returns named instances for a long search, too large for every run of the tests.
    #[must_use]
    pub fn long() -> [(&'static str, Self); 4] {
        let base = Self {
            mirror: true,
            ..Self::default()
        };
        [
            (
                "a write, two flushes and a failover",
                Self {
                    writes: 1,
                    flushes: 2,
                    failovers: 1,
                    ..base
                },
            ),
            ("two writes and a flush", Self { flushes: 1, ..base }),
            ("two writes and a failover", Self { failovers: 1, ..base }),
            ("three writes", Self { writes: 3, ..base }),
        ]
    }
}

impl Default for Safeguards {
    fn default() -> Self {
        Self::ALL
    }
}

impl Default for Limits {
    /// Returns one thread and no other limit.
    fn default() -> Self {
        Self {
            threads: 1,
            steps: None,
        }
    }
}

impl Default for Protocol {
    /// Returns two writes and two flights, with every fault of nodes, fills and values, and none of a server.
    fn default() -> Self {
        Self {
            safeguards: Safeguards::ALL,
            measure: Measure::Begun,
            writes: 2,
            flights: 2,
            flushes: 0,
            failovers: 0,
            values_apart: false,
            streams_break: false,
            refreshes: false,
            acks_apart: false,
            mirror: false,
        }
    }
}

impl Model for Protocol {
    type Action = Action;
    type State = State;

    fn init_states(&self) -> Vec<State> {
        vec![State::new()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.enabled(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        self.after(state, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(COHERENT, |it: &Self, state: &State| !state.serves_stale(&it.safeguards)),
            Property::sometimes(
                "an invalidation is acknowledged and both nodes live",
                |it: &Self, state: &State| {
                    state.acknowledged == it.writes && state.nodes.iter().all(|node| node.attached && node.alive)
                },
            ),
            Property::sometimes("a local hit after an acknowledgement", |_, state: &State| {
                let serves =
                    |node: &Node| node.attached && node.entry.is_some_and(|version| version >= state.acknowledged);
                state.acknowledged > 0 && state.nodes.iter().any(serves)
            }),
            Property::sometimes("a stale fill is about to be fenced", |_, state: &State| {
                let fenced = |flight: &Flight| {
                    matches!(flight.stage, Stage::Loaded(version) if version < state.acknowledged) && !flight.lease
                };
                state.flights.iter().flatten().any(fenced)
            }),
            Property::sometimes(
                "a node that missed an acknowledged invalidation comes back",
                |_, state: &State| {
                    let back = |node: &Node| {
                        let stale = node.entry.is_some_and(|version| version < state.acknowledged);
                        node.alive && node.join == Join::Answered && stale
                    };
                    state.nodes.iter().any(back)
                },
            ),
        ];
        if self.flushes > 0 || (self.failovers > 0 && !self.values_apart) {
            properties.push(Property::sometimes(
                "both nodes have joined a new epoch",
                |_, state: &State| {
                    state.epoch > 0
                        && state
                            .nodes
                            .iter()
                            .all(|node| node.attached && node.epoch == state.epoch)
                },
            ));
        }
        if self.failovers > 0 && self.writes > 1 {
            properties.push(Property::sometimes(
                "a failover loses a drop, and a later write is acknowledged",
                |it: &Self, state: &State| state.lost_drop && state.acknowledged == it.writes,
            ));
        }
        properties
    }
}

/// Searches all reachable states, or until the limits are reached or [`COHERENT`] is broken.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the time a search takes is for the person who waits"
)]
pub fn explore(protocol: &Protocol, limits: &Limits) -> Report {
    let begun = Instant::now();
    let mut builder = protocol
        .checker()
        .threads(limits.threads)
        .finish_when(HasDiscoveries::AnyFailures);
    if let Some(steps) = limits.steps {
        builder = builder.target_state_count(steps.get());
    }
    let checker = builder.spawn_bfs().join();
    let mut found: HashMap<_, _> = checker
        .discoveries()
        .into_iter()
        .map(|(name, path)| (name, path.into_actions()))
        .collect();
    let violation = found.remove(COHERENT);
    let cut = limits.steps.is_some_and(|steps| checker.state_count() >= steps.get());
    let examples = protocol
        .properties()
        .into_iter()
        .filter(|property| property.expectation == Expectation::Sometimes)
        .map(|property| (property.name, found.remove(property.name)))
        .collect();
    Report {
        complete: checker.is_done() && violation.is_none() && !cut,
        states: checker.unique_state_count(),
        steps: checker.state_count(),
        depth: checker.max_depth(),
        elapsed: begun.elapsed(),
        violation,
        examples,
    }
}
