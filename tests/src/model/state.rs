//! What the model remembers: the source, Redis, the nodes, the flights, the invalidations.

use super::Safeguards;

/// A state of the source of the one key: how many writes it has committed.
pub type Version = u8;

/// The number of nodes.
const NODES: usize = 2;
/// The greatest number of flights at one time.
const FLIGHTS: usize = 3;
/// The greatest number of writes.
const WRITES: usize = 3;

/// Everything at one instant.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct State {
    /// The version the source holds.
    pub source: Version,
    /// The greatest version whose invalidation returned `Acknowledged`: what every read that begins now must reach.
    pub acknowledged: Version,
    /// The value in the shared tier.
    pub value: Option<Stored>,
    /// The identity of the server that holds the value and the fill lease; another one after a failover.
    pub server: u8,
    /// The epoch of the control plane; another one after a flush or a failover.
    pub epoch: u8,
    /// The number of the last invalidation announced in this epoch.
    pub seq: u8,
    /// The value as the replica has it that will be promoted. The fill lease's copy is in the flights.
    pub replica: Option<Option<Stored>>,
    /// A failover has brought back a value whose invalidation was acknowledged. Only watched, never acted upon.
    pub lost_drop: bool,
    /// The nodes.
    pub nodes: [Node; NODES],
    /// The flights of all nodes, sorted, so that slots are interchangeable.
    pub flights: [Option<Flight>; FLIGHTS],
    /// The invalidation of each write; the one at index `i` belongs to version `i + 1`.
    pub writes: [Write; WRITES],
}

/// A value in the shared tier.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Stored {
    /// What it shows of the source.
    pub version: Version,
    /// The identity of the server under which it was filled.
    pub tag: u8,
}

/// A process with a local tier.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Node {
    /// The local entry.
    pub entry: Option<Version>,
    /// By the node's own clock its lease lives.
    pub attached: bool,
    /// By Redis' clock its lease lives, in the present epoch.
    pub alive: bool,
    /// How far a join has come.
    pub join: Join,
    /// The subscriber connection is dead and the node does not know.
    pub deaf: bool,
    /// The last number the applier has applied.
    pub applied: u8,
    /// The last number Redis knows it has applied.
    pub acked: u8,
    /// A `join` it has given up waiting for has not yet run.
    pub stray_join: bool,
    /// The epoch of its last join.
    pub epoch: u8,
    /// The identity of the server at its last join.
    pub server: u8,
}

/// How far a node's join has come.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Join {
    /// No join runs.
    #[default]
    None,
    /// The local tier has been cleared ahead of the script: the order the page gives.
    Cleared,
    /// The script has run at Redis; the answer is on its way.
    Answered,
}

/// One fill of the key, or the reading of it from the shared tier.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Flight {
    /// The node it runs in.
    pub node: u8,
    /// How far it has come.
    pub stage: Stage,
    /// The ticket is clean, and the flight is in the node's table.
    pub clean: bool,
    /// Redis holds this flight's token.
    pub lease: bool,
    /// The replica holds this flight's token.
    pub lease_copied: bool,
    /// The identity of the server that granted the token.
    pub server: u8,
    /// The greatest version that had been acknowledged when a reader joined.
    pub noted: Version,
}

/// How far a flight has come.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Stage {
    /// Registered; Redis has not been asked, or said that another one leads.
    Asking,
    /// The token is granted; the source has not answered.
    Leading,
    /// The source has answered; the fill has not reached Redis.
    Loaded(Version),
    /// The value is there, to be committed and handed to the waiters.
    Landed(Version),
}

/// How far the invalidation of one write has come.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Write {
    /// Not written.
    #[default]
    Open,
    /// The source has it; the node that writes has not yet dropped its own entry.
    Committed(u8),
    /// The writing node's own local tier is clean.
    Cleaned,
    /// `drop` has run.
    Dropped,
    /// `announce` has run, and gave this number in this epoch.
    Announced {
        /// The number.
        number: u8,
        /// The epoch.
        epoch: u8,
        /// `drop` has run.
        dropped: bool,
    },
    /// `invalidate` has returned.
    Acknowledged,
}

impl Flight {
    /// Returns the version it will hand to its waiters, once that is fixed.
    #[must_use]
    pub const fn version(&self) -> Option<Version> {
        match self.stage {
            Stage::Asking | Stage::Leading => None,
            Stage::Loaded(version) | Stage::Landed(version) => Some(version),
        }
    }
}

impl State {
    /// Returns the start: both nodes attached, everything empty.
    #[must_use]
    pub fn new() -> Self {
        let node = Node {
            attached: true,
            alive: true,
            ..Node::default()
        };
        Self {
            nodes: [node; NODES],
            ..Self::default()
        }
    }

    /// Returns whether a reader that begins now at the flight's node would become its waiter.
    #[must_use]
    pub fn is_joinable(&self, flight: &Flight, safeguards: &Safeguards) -> bool {
        flight.clean && (!safeguards.lease_at_flight || self.nodes[usize::from(flight.node)].attached)
    }

    /// Returns whether somebody has the right to fill.
    #[must_use]
    pub fn is_leased(&self) -> bool {
        self.flights.iter().flatten().any(|flight| flight.lease)
    }

    /// Returns whether some read that began after an acknowledgement gets something older.
    ///
    /// Readers are not in the state: whatever a reader *could* be given is looked at in every state.
    #[must_use]
    pub fn serves_stale(&self, safeguards: &Safeguards) -> bool {
        let by_entry = self.nodes.iter().any(|node| {
            (node.attached || !safeguards.lease_at_hit) && node.entry.is_some_and(|version| version < self.acknowledged)
        });
        by_entry
            || self
                .flights
                .iter()
                .flatten()
                .any(|flight| flight.version().is_some_and(|v| v < flight.noted))
    }

    /// Removes a node's entry, dirties its tickets and detaches its flights: what an invalidation does under one lock.
    pub(super) fn clean(&mut self, node: usize) {
        self.nodes[node].entry = None;
        self.dirty(node);
    }

    /// Dirties a node's tickets and detaches its flights.
    pub(super) fn dirty(&mut self, node: usize) {
        for flight in self.flights.iter_mut().flatten() {
            if usize::from(flight.node) == node {
                flight.clean = false;
            }
        }
    }

    /// Takes the value and the fill lease away, as `drop`, a flush and an empty restart do.
    pub(super) fn drop_value(&mut self) {
        self.value = None;
        self.revoke();
    }

    /// Takes the fill lease away.
    pub(super) fn revoke(&mut self) {
        for flight in self.flights.iter_mut().flatten() {
            flight.lease = false;
        }
    }

    /// Returns the same state with the names of the two nodes exchanged.
    pub(super) fn mirrored(&self) -> Self {
        let mut other = *self;
        other.nodes.reverse();
        for flight in other.flights.iter_mut().flatten() {
            flight.node = 1 - flight.node;
        }
        for write in &mut other.writes {
            if let Write::Committed(node) = write {
                *node = 1 - *node;
            }
        }
        other.flights.sort_unstable();
        other
    }

    /// Brings what readers may have noted up to date, and forgets what can no longer matter.
    pub(super) fn settle(&mut self, safeguards: &Safeguards) {
        let before = *self;
        for slot in &mut self.flights {
            let Some(flight) = slot else { continue };
            if before.is_joinable(flight, safeguards) {
                flight.noted = before.acknowledged;
            }
            if let Some(version) = flight.version()
                && flight.noted <= version
            {
                // What is served is new enough for everybody there; a later joiner sets the mark anew.
                flight.noted = 0;
                let landed = matches!(flight.stage, Stage::Landed(_));
                if landed && !flight.clean && safeguards.ticket {
                    *slot = None;
                }
            }
        }
        for node in &mut self.nodes {
            if !node.alive {
                node.acked = 0;
                node.applied = 0;
                if !node.attached && node.join != Join::Answered && safeguards.verified_get {
                    node.epoch = 0;
                    node.server = 0;
                }
            }
        }
        self.flights.sort_unstable();
    }
}
