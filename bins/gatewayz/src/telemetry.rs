//! What the gateway says of itself: metrics and log lines.

mod log;
mod recorder;
mod requests;
#[cfg(feature = "traces")]
mod traces;

#[cfg(feature = "traces")]
pub(crate) use self::traces::{Context, Span, Traces};
pub(crate) use self::{
    log::start_log,
    recorder::{Recorder, install_recorder},
    requests::{HttpMetrics, RouteMetrics},
};
