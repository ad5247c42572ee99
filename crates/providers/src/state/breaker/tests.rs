use std::time::Duration;

use gatewayz_cache_core::Tick;
use proptest::{collection::vec, prelude::*};

use super::{Admission, Breaker, BreakerPolicy, BreakerState, Permit};

const SECOND: Duration = Duration::from_secs(1);

/// The law once more, as slow and plain as can be: from the whole history since the last change of state.
#[derive(Debug)]
struct Model {
    state: BreakerState,
    /// Outcomes since the state began, with their times.
    history: Vec<(Tick, bool)>,
    opened: Tick,
    epoch: u64,
}

impl Model {
    fn enter(&mut self, state: BreakerState) {
        self.state = state;
        self.history.clear();
        self.epoch += 1;
    }

    fn record(&mut self, epoch: u64, success: bool, now: Tick, policy: BreakerPolicy) {
        if epoch != self.epoch || self.state == BreakerState::Open {
            return;
        }
        self.history.push((now, success));
        let streak = self
            .history
            .iter()
            .rev()
            .take_while(|(_, other)| *other == success)
            .count();
        if self.state == BreakerState::HalfOpen {
            if !success {
                self.enter(BreakerState::Open);
                self.opened = now;
            } else if streak >= 2 {
                self.enter(BreakerState::Closed);
            }
            return;
        }
        let window: Vec<_> = self
            .history
            .iter()
            .filter(|(at, _)| now.since(*at) < policy.window)
            .collect();
        let failed = window.iter().filter(|(_, success)| !success).count();
        let often = window.len() >= 10 && failed * 2 >= window.len();
        if !success && (streak >= 5 || often) {
            self.enter(BreakerState::Open);
            self.opened = now;
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(u64),
    /// A call begins.
    Call,
    /// The nth call under way ends.
    End(usize, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        1 => (0_u64..90).prop_map(Step::Wait),
        6 => Just(Step::Call),
        6 => (0_usize..8, any::<bool>()).prop_map(|(n, success)| Step::End(n, success)),
        2 => Just(Step::End(0, false)),
    ];
    vec(step, 0..200)
}

proptest! {
    #[test]
    fn the_breaker_keeps_the_law(steps in steps()) {
        let policy = BreakerPolicy::default();
        let mut breaker = Breaker::new(policy);
        let mut model = Model { state: BreakerState::Closed, history: Vec::new(), opened: Tick::PAST, epoch: 0 };
        let mut now = Tick::PAST.after(3600 * SECOND);
        let mut running: Vec<Permit> = Vec::new();
        for step in steps {
            match step {
                Step::Wait(seconds) => now = now.after(Duration::from_secs(seconds)),
                Step::Call => {
                    let probing = running.iter().any(|permit| permit.probe && permit.epoch == model.epoch);
                    match breaker.ask(now) {
                        Admission::Pass(permit) => {
                            prop_assert_eq!(model.state, BreakerState::Closed);
                            running.push(permit);
                        }
                        Admission::Probe => {
                            let due = model.state == BreakerState::Open && now.since(model.opened) >= policy.open_for;
                            prop_assert!(due || model.state == BreakerState::HalfOpen);
                            if !probing {
                                if due {
                                    model.enter(BreakerState::HalfOpen);
                                }
                                running.push(breaker.probe());
                            }
                        }
                        Admission::Reject(left) => {
                            prop_assert_eq!(model.state, BreakerState::Open);
                            prop_assert_eq!(left, policy.open_for.checked_sub(now.since(model.opened)).unwrap());
                            prop_assert!(!left.is_zero());
                        }
                    }
                }
                Step::End(n, success) => {
                    if running.is_empty() {
                        continue;
                    }
                    let permit = running.remove(n % running.len());
                    model.record(permit.epoch, success, now, policy);
                    breaker.record(permit, success, now);
                }
            }
            prop_assert_eq!(breaker.state(), model.state);
        }
    }
}

#[test]
fn five_failures_in_a_row_open_it_and_two_probes_close_it() {
    let mut breaker = Breaker::new(BreakerPolicy::default());
    let mut now = Tick::PAST.after(3600 * SECOND);
    let pass = |breaker: &Breaker, now| match breaker.ask(now) {
        Admission::Pass(permit) => permit,
        other => panic!("{other:?}"),
    };
    for _ in 0..5 {
        assert_eq!(breaker.state(), BreakerState::Closed);
        let permit = pass(&breaker, now);
        breaker.record(permit, false, now);
    }
    assert_eq!(breaker.ask(now.after(59 * SECOND)), Admission::Reject(SECOND));
    now = now.after(60 * SECOND);
    assert_eq!(breaker.ask(now), Admission::Probe);
    for state in [BreakerState::HalfOpen, BreakerState::Closed] {
        let permit = breaker.probe();
        breaker.record(permit, true, now);
        assert_eq!(breaker.state(), state);
    }
}

#[test]
fn a_state_is_read_back_from_its_word() {
    for state in [BreakerState::Closed, BreakerState::Open, BreakerState::HalfOpen] {
        assert_eq!(BreakerState::parse(state.as_str()), Some(state));
    }
    assert_eq!(BreakerState::parse("ajar"), None);
}

/// The numbers of another node are whatever stands in the shared tier.
#[test]
fn absurd_counts_of_other_nodes_are_survived() {
    let now = Tick::PAST.after(3600 * SECOND);
    let mut breaker = Breaker::new(BreakerPolicy::default());
    breaker.adopt_counts(Some(u32::MAX), Some(u32::MAX));
    let permit = Permit { epoch: 0, probe: false };
    assert!(breaker.record(permit, false, now));
    assert_eq!(breaker.state(), BreakerState::Open);
    breaker.adopt(BreakerState::HalfOpen, now);
    assert_eq!(breaker.opened(), now, "it is known when a half-open breaker opened");
    breaker.adopt_counts(Some(u32::MAX), Some(u32::MAX));
    let permit = breaker.probe();
    assert!(breaker.record(permit, true, now));
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn the_calls_of_the_window_are_counted() {
    let policy = BreakerPolicy::default();
    let mut breaker = Breaker::new(policy);
    let start = Tick::from_nanos(1 << 60);
    for (at, success) in [(0, true), (30, false), (40, true), (50, false)] {
        let Admission::Pass(permit) = breaker.ask(start.after(SECOND * at)) else {
            panic!("it is closed")
        };
        breaker.record(permit, success, start.after(SECOND * at));
    }
    assert_eq!(breaker.recent(start.after(SECOND * 50)), (4, 2));
    assert_eq!(
        breaker.recent(start.after(SECOND * 75)),
        (3, 2),
        "the first is over a minute old"
    );
    assert_eq!(breaker.recent(start.after(SECOND * 200)), (0, 0));
}
