//! Faults of one node, for tests.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

#[derive(Debug, Default)]
struct State {
    stalled_until: Option<Instant>,
    ack_delay: Duration,
}

/// What goes wrong in this node.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<State>);

impl Faults {
    #[cfg(feature = "test-util")]
    pub(crate) fn stall(&self, by: Duration) {
        self.0.lock().stalled_until = Some(Instant::now() + by);
    }

    #[cfg(feature = "test-util")]
    pub(crate) fn delay_acks(&self, by: Duration) {
        self.0.lock().ack_delay = by;
    }

    /// Until when the applier takes no message.
    pub(crate) fn stalled_until(&self) -> Option<Instant> {
        let mut state = self.0.lock();
        if state.stalled_until.is_some_and(|until| until <= Instant::now()) {
            state.stalled_until = None;
        }
        state.stalled_until
    }

    /// How long an acknowledgement is held back.
    pub(crate) fn ack_delay(&self) -> Duration {
        self.0.lock().ack_delay
    }
}
