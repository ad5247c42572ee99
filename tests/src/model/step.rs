//! What can happen: the scripts, the steps of a node, the faults.

use super::state::{Flight, Join, Stage, State, Stored, Write};
use super::{Measure, Protocol};

/// One atomic step. `node`, `flight` and `write` are positions in the state.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Action {
    /// A write commits at the source; its invalidation is now owed.
    Commit(usize),
    /// `invalidate` (1): the writing node drops its entry, dirties its tickets, detaches its flights.
    CleanOwn(usize),
    /// `invalidate` (2): the script `drop`.
    Drop(usize),
    /// The same, and the writer has the right to fill, with what it has written.
    Claim(usize),
    /// `invalidate` (3): the script `announce`. Once more when the epoch has changed since.
    Announce(usize),
    /// `invalidate` (4) and (5): the wait is over, it returns `Acknowledged`.
    Acknowledge(usize),

    /// The applier takes the next message, from the stream or the log.
    Apply(usize),
    /// The script `ack`.
    Ack(usize),
    /// The lease runs out by the node's clock, or the node gives it up.
    Detach(usize),
    /// The lease runs out by Redis' clock. An answer to a join that is still on its way grants nothing any more.
    RunOut(usize),
    /// The script `renew`, granted, and its answer.
    Renew(usize),
    /// The local tier is cleared ahead of a join.
    Clear(usize),
    /// The script `join`.
    Join(usize),
    /// The answer of `join` reaches the node, which is attached from here on.
    Joined(usize),
    /// The script `join` is sent, and the node does not wait for it any longer.
    AbandonJoin(usize),
    /// That script runs.
    StrayJoin(usize),
    /// The subscriber connection dies silently.
    Deafen(usize),
    /// The subscriber connection is made anew; the log has what was missed.
    Reconnect(usize),

    /// A reader, or a refresh, starts a flight: the ticket is in the table.
    Register(usize),
    /// The script `get` or `acquire`: a hit, or the lead when nobody has it.
    Ask(usize),
    /// The script `acquire` for a refresh: the lead although a value is there.
    Refresh(usize),
    /// A repetition of the `acquire` that made this flight the leader runs, with the same token.
    StrayAcquire(usize),
    /// Redis does not answer, or another one leads for too long: the source is asked without a lease.
    LoadAlone(usize),
    /// The source answers.
    Load(usize),
    /// The script `fill`.
    Fill(usize),
    /// The answer of `fill` does not come in time: the value goes to the local tier, and the script may still run.
    GiveUpFill(usize),
    /// The value enters the local tier if the ticket is clean.
    Land(usize),
    /// A fill dies.
    Die(usize),

    /// The fill lease runs out.
    ExpireLease,
    /// Redis evicts the value, or it expires.
    Evict,
    /// Redis evicts the control plane, or a part of it.
    EvictControl,
    /// The replica is as far as here, and no farther when it is promoted.
    Replicate,
    /// `FLUSHALL`, or a restart without data.
    Flush,
    /// The replica is promoted; what it did not have is lost.
    Failover,
}

impl Protocol {
    /// Collects the steps that are possible.
    pub(super) fn enabled(&self, state: &State, actions: &mut Vec<Action>) {
        self.enabled_writes(state, actions);
        self.enabled_nodes(state, actions);
        self.enabled_flights(state, actions);
        self.enabled_faults(state, actions);
    }

    fn enabled_writes(&self, state: &State, actions: &mut Vec<Action>) {
        if state.source < self.writes {
            actions.extend((0..state.nodes.len()).map(Action::Commit));
        }
        for (write, step) in state.writes.iter().enumerate() {
            match *step {
                Write::Open | Write::Acknowledged => {}
                Write::Committed(_) => actions.push(Action::CleanOwn(write)),
                Write::Cleaned => {
                    actions.push(Action::Drop(write));
                    if !self.safeguards.load_after_lead && state.flights.iter().any(Option::is_none) {
                        actions.push(Action::Claim(write));
                    }
                    if !self.safeguards.drop_first {
                        actions.push(Action::Announce(write));
                    }
                }
                Write::Dropped => actions.push(Action::Announce(write)),
                Write::Announced { dropped: false, .. } => actions.push(Action::Drop(write)),
                Write::Announced { epoch, .. } if epoch != state.epoch => actions.push(Action::Announce(write)),
                Write::Announced { number, .. } => {
                    if self.is_settled(state, number) {
                        actions.push(Action::Acknowledge(write));
                    }
                }
            }
        }
    }

    /// Returns whether an invalidation of this epoch need not wait any longer.
    fn is_settled(&self, state: &State, number: u8) -> bool {
        if !self.safeguards.wait_for_anyone {
            return true;
        }
        if !self.safeguards.wait_for_leases {
            return state.nodes.iter().all(|node| node.deaf || node.applied >= number);
        }
        let acked = state.nodes.iter().all(|node| !node.alive || node.acked >= number);
        // Grace: a lease of an earlier epoch is nowhere written down, but it is dead one term later.
        let of_old = |epoch| epoch != state.epoch;
        let in_grace = state
            .nodes
            .iter()
            .any(|node| (node.attached || node.join == Join::Answered) && of_old(node.epoch));
        acked && !(self.safeguards.grace && in_grace)
    }

    fn enabled_nodes(&self, state: &State, actions: &mut Vec<Action>) {
        for (node, it) in state.nodes.iter().enumerate() {
            let member = it.alive && it.epoch == state.epoch && it.join != Join::Answered;
            if member && !it.deaf && it.applied < state.seq {
                actions.push(Action::Apply(node));
            }
            if member && it.acked < it.applied {
                actions.push(Action::Ack(node));
            }
            if it.attached {
                actions.push(Action::Detach(node));
            }
            if (it.alive || it.join == Join::Answered) && !(it.attached && self.safeguards.margin) {
                actions.push(Action::RunOut(node));
            }
            if member && !it.attached {
                actions.push(Action::Renew(node));
            }
            if !it.attached && it.join == Join::None && !it.stray_join && !self.safeguards.fresh_name {
                actions.push(Action::AbandonJoin(node));
            }
            if it.stray_join {
                actions.push(Action::StrayJoin(node));
            }
            if !it.attached {
                match it.join {
                    Join::None if !self.safeguards.clear_after_join => actions.push(Action::Clear(node)),
                    Join::None | Join::Cleared => actions.push(Action::Join(node)),
                    Join::Answered => actions.push(Action::Joined(node)),
                }
            }
            if it.deaf {
                actions.push(Action::Reconnect(node));
            } else if self.streams_break {
                actions.push(Action::Deafen(node));
            }
        }
    }

    fn enabled_flights(&self, state: &State, actions: &mut Vec<Action>) {
        let running = state.flights.iter().flatten().count();
        if running < usize::from(self.flights) {
            for node in 0..state.nodes.len() {
                let joins =
                    |flight: &Flight| usize::from(flight.node) == node && state.is_joinable(flight, &self.safeguards);
                if !state.flights.iter().flatten().any(joins) {
                    actions.push(Action::Register(node));
                }
            }
        }
        for (flight, it) in state.flights.iter().enumerate() {
            let Some(it) = it else { continue };
            let leads = matches!(it.stage, Stage::Leading | Stage::Loaded(_));
            if leads && !self.safeguards.fresh_token && state.value.is_none() && !state.is_leased() {
                actions.push(Action::StrayAcquire(flight));
            }
            match it.stage {
                Stage::Asking => {
                    actions.push(Action::Ask(flight));
                    if self.refreshes && state.value.is_some() && !state.is_leased() {
                        actions.push(Action::Refresh(flight));
                    }
                    actions.push(Action::LoadAlone(flight));
                }
                Stage::Leading => actions.extend([Action::Load(flight), Action::Die(flight)]),
                Stage::Loaded(_) => {
                    actions.extend([Action::Fill(flight), Action::Die(flight)]);
                    if it.clean {
                        actions.push(Action::GiveUpFill(flight));
                    }
                }
                Stage::Landed(_) => actions.push(Action::Land(flight)),
            }
        }
    }

    fn enabled_faults(&self, state: &State, actions: &mut Vec<Action>) {
        if state.is_leased() {
            actions.push(Action::ExpireLease);
        }
        if state.value.is_some() {
            actions.push(Action::Evict);
        }
        if state.server < self.failovers {
            if state.replica.is_none() {
                actions.push(Action::Replicate);
            } else {
                actions.push(Action::Failover);
            }
        }
        if state.epoch < self.flushes {
            actions.extend([Action::Flush, Action::EvictControl]);
        }
    }

    /// Returns the state after a step, or `None` when the step changes nothing.
    pub(super) fn after(&self, before: &State, action: Action) -> Option<State> {
        let mut state = *before;
        match action {
            Action::Commit(_)
            | Action::CleanOwn(_)
            | Action::Drop(_)
            | Action::Claim(_)
            | Action::Announce(_)
            | Action::Acknowledge(_) => self.write_step(&mut state, action),
            Action::Apply(_)
            | Action::Ack(_)
            | Action::Detach(_)
            | Action::RunOut(_)
            | Action::Renew(_)
            | Action::Clear(_)
            | Action::Join(_)
            | Action::Joined(_)
            | Action::AbandonJoin(_)
            | Action::StrayJoin(_)
            | Action::Deafen(_)
            | Action::Reconnect(_) => self.node_step(&mut state, action),
            Action::Register(_)
            | Action::Ask(_)
            | Action::Refresh(_)
            | Action::StrayAcquire(_)
            | Action::LoadAlone(_)
            | Action::Load(_)
            | Action::Fill(_)
            | Action::GiveUpFill(_)
            | Action::Land(_)
            | Action::Die(_) => self.flight_step(&mut state, action),
            Action::ExpireLease
            | Action::Evict
            | Action::EvictControl
            | Action::Replicate
            | Action::Flush
            | Action::Failover => {
                self.fault(&mut state, action);
            }
        }
        state.settle(&self.safeguards);
        if self.mirror {
            state = state.min(state.mirrored());
        }
        (state != *before).then_some(state)
    }

    fn write_step(&self, state: &mut State, action: Action) {
        match action {
            Action::Commit(node) => {
                state.writes[usize::from(state.source)] = Write::Committed(id(node));
                state.source += 1;
            }
            Action::CleanOwn(write) => {
                if let Write::Committed(node) = state.writes[write] {
                    state.clean(usize::from(node));
                }
                state.writes[write] = Write::Cleaned;
            }
            Action::Drop(write) => {
                state.drop_value();
                if let Write::Announced { dropped, .. } = &mut state.writes[write] {
                    *dropped = true;
                } else {
                    state.writes[write] = Write::Dropped;
                }
            }
            Action::Claim(write) => {
                state.drop_value();
                state.writes[write] = Write::Dropped;
                let flight = Flight {
                    node: 0,
                    stage: Stage::Loaded(id(write) + 1),
                    clean: false,
                    lease: true,
                    lease_copied: false,
                    server: state.server,
                    noted: 0,
                };
                if let Some(slot) = state.flights.iter_mut().find(|slot| slot.is_none()) {
                    *slot = Some(flight);
                }
            }
            Action::Announce(write) => {
                state.seq += 1;
                state.writes[write] = Write::Announced {
                    number: state.seq,
                    epoch: state.epoch,
                    dropped: state.writes[write] != Write::Cleaned,
                };
            }
            Action::Acknowledge(write) => {
                state.acknowledged = state.acknowledged.max(id(write) + 1);
                state.writes[write] = Write::Acknowledged;
            }
            _ => {}
        }
    }

    fn node_step(&self, state: &mut State, action: Action) {
        let (epoch, server, seq) = (state.epoch, state.server, state.seq);
        match action {
            Action::Apply(node) => {
                state.clean(node);
                state.nodes[node].applied += 1;
                if !self.acks_apart {
                    state.nodes[node].acked = state.nodes[node].applied;
                }
            }
            Action::Ack(node) => state.nodes[node].acked = state.nodes[node].applied,
            Action::Detach(node) => state.nodes[node].attached = false,
            Action::RunOut(node) => {
                state.nodes[node].alive = false;
                state.nodes[node].join = Join::None;
            }
            Action::Renew(node) => state.nodes[node].attached = true,
            Action::Clear(node) => {
                state.clean(node);
                state.nodes[node].join = Join::Cleared;
            }
            Action::Join(node) => {
                let it = &mut state.nodes[node];
                it.alive = true;
                it.join = Join::Answered;
                (it.epoch, it.server) = (epoch, server);
                (it.applied, it.acked) = (seq, seq);
            }
            Action::Joined(node) => {
                if self.safeguards.clear_after_join {
                    state.nodes[node].entry = None;
                    if self.safeguards.dirty_after_join {
                        state.dirty(node);
                    }
                }
                state.nodes[node].attached = true;
                state.nodes[node].join = Join::None;
            }
            Action::AbandonJoin(node) => state.nodes[node].stray_join = true,
            Action::StrayJoin(node) => {
                let it = &mut state.nodes[node];
                (it.stray_join, it.alive, it.acked) = (false, true, seq);
            }
            Action::Deafen(node) => state.nodes[node].deaf = true,
            Action::Reconnect(node) => state.nodes[node].deaf = false,
            _ => {}
        }
    }

    fn flight_step(&self, state: &mut State, action: Action) {
        match action {
            Action::Register(node) => {
                let flight = Flight {
                    node: id(node),
                    stage: Stage::Asking,
                    clean: true,
                    lease: false,
                    lease_copied: false,
                    server: 0,
                    noted: state.acknowledged,
                };
                if let Some(slot) = state.flights.iter_mut().find(|slot| slot.is_none()) {
                    *slot = Some(flight);
                }
            }
            Action::Ask(flight) => self.ask(state, flight),
            Action::Refresh(flight) => self.lead(state, flight),
            Action::StrayAcquire(flight) => edit(state, flight, |it| it.lease = true),
            Action::LoadAlone(flight) => {
                let version = self.loaded(state);
                edit(state, flight, |it| it.stage = Stage::Landed(version));
            }
            Action::Load(flight) => {
                let version = self.loaded(state);
                edit(state, flight, |it| it.stage = Stage::Loaded(version));
            }
            Action::Fill(flight) => self.fill(state, flight),
            Action::GiveUpFill(flight) => {
                self.land(state, flight);
                edit(state, flight, |it| it.clean = false);
            }
            Action::Land(flight) => {
                self.land(state, flight);
                state.flights[flight] = None;
            }
            Action::Die(flight) => state.flights[flight] = None,
            _ => {}
        }
    }

    /// Returns what the source answers now.
    fn loaded(&self, state: &State) -> u8 {
        if self.safeguards.primary_source {
            state.source
        } else {
            state.source.saturating_sub(1)
        }
    }

    /// The scripts `get` and `acquire`.
    fn ask(&self, state: &mut State, flight: usize) {
        let Some(it) = state.flights[flight] else {
            return;
        };
        let current = if self.safeguards.verified_get {
            state.server
        } else {
            state.nodes[usize::from(it.node)].server
        };
        let hit = state
            .value
            .filter(|value| !self.safeguards.value_tag || value.tag == current);
        if let Some(value) = hit {
            edit(state, flight, |it| it.stage = Stage::Landed(value.version));
        } else if !state.is_leased() {
            self.lead(state, flight);
        }
    }

    /// Grants the token.
    fn lead(&self, state: &mut State, flight: usize) {
        let (server, version) = (state.server, self.loaded(state));
        edit(state, flight, |it| {
            it.lease = true;
            it.server = server;
            it.stage = match self.measure {
                Measure::Begun => Stage::Loaded(version),
                Measure::Loaded => Stage::Leading,
            };
        });
    }

    /// The script `fill`, and what its answer makes of the flight.
    fn fill(&self, state: &mut State, flight: usize) {
        let Some(it) = state.flights[flight] else {
            return;
        };
        let Stage::Loaded(version) = it.stage else {
            return;
        };
        let same_server = it.server == state.server || !self.safeguards.tag_of_acquire;
        if (it.lease && same_server) || !self.safeguards.fence {
            let tag = state.server;
            state.value = Some(Stored { version, tag });
            // Without a fence the script would delete whatever lease it finds.
            state.revoke();
            edit(state, flight, |it| {
                it.stage = Stage::Landed(version);
                it.lease_copied = false;
                it.server = 0;
            });
        } else {
            state.flights[flight] = None;
        }
    }

    /// Commits a flight's value to the local tier, if its ticket lets it.
    fn land(&self, state: &mut State, flight: usize) {
        let Some(it) = state.flights[flight] else {
            return;
        };
        if it.clean || !self.safeguards.ticket {
            state.nodes[usize::from(it.node)].entry = it.version();
        }
    }

    fn fault(&self, state: &mut State, action: Action) {
        match action {
            Action::ExpireLease => state.revoke(),
            Action::Evict => state.value = None,
            Action::EvictControl if self.safeguards.whole_control => lose_control(state),
            Action::EvictControl => lose_nodes(state),
            Action::Replicate => {
                state.replica = Some(state.value);
                for flight in state.flights.iter_mut().flatten() {
                    flight.lease_copied = flight.lease;
                }
            }
            Action::Flush => {
                state.drop_value();
                lose_control(state);
            }
            Action::Failover => {
                state.value = state.replica.take().flatten();
                state.server += 1;
                state.lost_drop |= state.value.is_some_and(|value| value.version < state.acknowledged);
                for flight in state.flights.iter_mut().flatten() {
                    flight.lease = flight.lease_copied;
                    flight.lease_copied = false;
                }
                if !self.values_apart {
                    lose_control(state);
                }
            }
            _ => {}
        }
    }
}

/// Begins a new epoch: numbers, log and node set are gone.
fn lose_control(state: &mut State) {
    state.epoch += 1;
    state.seq = 0;
    lose_nodes(state);
}

/// Forgets every lease.
fn lose_nodes(state: &mut State) {
    for node in &mut state.nodes {
        node.alive = false;
    }
}

fn edit(state: &mut State, flight: usize, change: impl FnOnce(&mut Flight)) {
    if let Some(it) = &mut state.flights[flight] {
        change(it);
    }
}

/// Narrows a position, of which there are at most three.
fn id(position: usize) -> u8 {
    u8::try_from(position).unwrap_or(u8::MAX)
}
