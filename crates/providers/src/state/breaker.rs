//! The circuit breaker's law, without clock and network.

use std::{collections::VecDeque, time::Duration};

use gatewayz_cache_core::Tick;

/// When a breaker opens and closes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct BreakerPolicy {
    /// So many failures in a row open it.
    pub failure_threshold: u32,
    /// So many successful probes in a row close it.
    pub success_threshold: u32,
    /// How long it stays open before it lets a probe through.
    pub open_for: Duration,
    /// The time over which the part of failures is counted.
    pub window: Duration,
    /// So great a part of failures opens it ..
    pub failure_rate: f64,
    /// .. of at least so many calls.
    pub least_calls: u32,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self {
            failure_threshold: 5,
            success_threshold: 2,
            open_for: Duration::from_secs(60),
            window: Duration::from_secs(60),
            failure_rate: 0.5,
            least_calls: 10,
        }
    }
}

/// Whether calls go through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// They do.
    #[default]
    Closed,
    /// They do not.
    Open,
    /// One at a time does, to find out.
    HalfOpen,
}

impl BreakerState {
    /// The word under which it is shared and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }

    /// The state of a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Closed, Self::Open, Self::HalfOpen]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// The right to make one call, to be given back with its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Permit {
    pub(crate) epoch: u64,
    pub(crate) probe: bool,
}

/// What a breaker says to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It may go.
    Pass(Permit),
    /// It may go if nobody else probes.
    Probe,
    /// It may not, for this long.
    Reject(Duration),
}

/// Outcomes of so many calls are kept at most.
const MOST_CALLS: usize = 1024;

/// One breaker.
#[derive(Clone, Debug)]
pub(crate) struct Breaker {
    policy: BreakerPolicy,
    state: BreakerState,
    /// In a row.
    failures: u32,
    /// Of probes, in a row.
    successes: u32,
    opened: Tick,
    /// Grows with every change of state: outcomes of calls from before do not count.
    epoch: u64,
    calls: VecDeque<(Tick, bool)>,
}

impl Breaker {
    pub(crate) fn new(policy: BreakerPolicy) -> Self {
        Self {
            policy,
            state: BreakerState::Closed,
            failures: 0,
            successes: 0,
            opened: Tick::PAST,
            epoch: 0,
            calls: VecDeque::new(),
        }
    }

    pub(crate) const fn state(&self) -> BreakerState {
        self.state
    }

    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }

    pub(crate) const fn successes(&self) -> u32 {
        self.successes
    }

    pub(crate) const fn opened(&self) -> Tick {
        self.opened
    }

    /// How many calls the window has, and how many of them failed.
    pub(crate) fn recent(&self, now: Tick) -> (u32, u32) {
        let since = now.before(self.policy.window);
        let within = self.calls.iter().filter(|(at, _)| *at > since);
        within.fold((0, 0), |(calls, failures), (_, success)| {
            (calls + 1, failures + u32::from(!success))
        })
    }

    /// What it says to a call now. Changes nothing.
    pub(crate) fn ask(&self, now: Tick) -> Admission {
        match self.state {
            BreakerState::Closed => Admission::Pass(Permit {
                epoch: self.epoch,
                probe: false,
            }),
            BreakerState::HalfOpen => Admission::Probe,
            BreakerState::Open => match self.policy.open_for.saturating_sub(now.since(self.opened)) {
                Duration::ZERO => Admission::Probe,
                left => Admission::Reject(left),
            },
        }
    }

    /// Lets a probe through that nobody else makes.
    pub(crate) fn probe(&mut self) -> Permit {
        if self.state == BreakerState::Open {
            self.change(BreakerState::HalfOpen);
        }
        Permit {
            epoch: self.epoch,
            probe: true,
        }
    }

    /// Takes note of an outcome. Whether anything changed that others want to know.
    pub(crate) fn record(&mut self, permit: Permit, success: bool, now: Tick) -> bool {
        if permit.epoch != self.epoch {
            return false;
        }
        match (self.state, success) {
            (BreakerState::Open, _) => false,
            (BreakerState::HalfOpen, true) => {
                self.successes = self.successes.saturating_add(1);
                if self.successes >= self.policy.success_threshold {
                    self.change(BreakerState::Closed);
                }
                true
            }
            (BreakerState::HalfOpen, false) => {
                self.open(now);
                true
            }
            (BreakerState::Closed, true) => {
                self.count(now, true);
                std::mem::take(&mut self.failures) > 0
            }
            (BreakerState::Closed, false) => {
                self.count(now, false);
                // What another node says may be any number.
                self.failures = self.failures.saturating_add(1);
                if self.failures >= self.policy.failure_threshold || self.fails_too_often() {
                    self.open(now);
                }
                true
            }
        }
    }

    /// Takes over what another node says.
    pub(crate) fn adopt(&mut self, state: BreakerState, opened: Tick) {
        if state != self.state {
            self.change(state);
        }
        if state != BreakerState::Closed {
            self.opened = opened;
        }
    }

    /// Takes over how many failures in a row, and successes of probes, the cluster has seen.
    pub(crate) fn adopt_counts(&mut self, failures: Option<u32>, successes: Option<u32>) {
        match self.state {
            BreakerState::Closed => self.failures = failures.unwrap_or(self.failures),
            BreakerState::HalfOpen => self.successes = successes.unwrap_or(self.successes),
            BreakerState::Open => {}
        }
    }

    fn open(&mut self, now: Tick) {
        let failures = self.failures;
        self.change(BreakerState::Open);
        self.failures = failures;
        self.opened = now;
    }

    fn change(&mut self, state: BreakerState) {
        self.state = state;
        self.epoch += 1;
        self.failures = 0;
        self.successes = 0;
        self.calls.clear();
    }

    fn count(&mut self, now: Tick, success: bool) {
        let since = now.before(self.policy.window);
        while self.calls.front().is_some_and(|(at, _)| *at <= since) || self.calls.len() >= MOST_CALLS {
            self.calls.pop_front();
        }
        self.calls.push_back((now, success));
    }

    fn fails_too_often(&self) -> bool {
        let n_calls = self.calls.len();
        let n_failures = self.calls.iter().filter(|(_, success)| !success).count();
        let enough = u32::try_from(n_calls).is_ok_and(|n_calls| n_calls >= self.policy.least_calls);
        // At most a thousand: exact in a float.
        #[expect(clippy::cast_precision_loss, reason = "at most 1024")]
        let rate = n_failures as f64 / n_calls as f64;
        enough && rate >= self.policy.failure_rate
    }
}

#[cfg(test)]
mod tests;
