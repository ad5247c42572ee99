//! The trail of administration: one line of the log for each change that somebody asked for.

use std::net::SocketAddr;

use gatewayz_cache_core::{Clock as _, KernelClock, Propagation, Tick};

use crate::http::{Call, Code, Problem, RequestId};

/// A change on its way. Dropped without a word, it was broken off; that is told as well.
#[derive(Debug)]
#[must_use]
pub(crate) struct Deed {
    what: &'static str,
    on: String,
    who: String,
    peer: SocketAddr,
    id: RequestId,
    started: Tick,
    told: bool,
}

/// How a change ended.
enum End<'e> {
    Done(Option<Propagation>),
    Failed(&'e str),
    BrokenOff,
}

impl Deed {
    /// Notes who asks for what, and on what.
    pub(crate) fn begin(call: &Call, what: &'static str, on: impl Into<String>) -> Self {
        Self {
            what,
            on: on.into(),
            who: call.caller.name().to_owned(),
            peer: call.peer.address,
            id: call.id.clone(),
            started: KernelClock.now(),
            told: false,
        }
    }

    /// It is done; `None`: there was nothing that other nodes have to hear of.
    pub(crate) fn done(mut self, propagation: Option<Propagation>) {
        self.tell(&End::Done(propagation));
    }

    /// It could not be done.
    pub(crate) fn failed(mut self, why: &str) {
        self.tell(&End::Failed(why));
    }

    fn tell(&mut self, end: &End<'_>) {
        self.told = true;
        let took = KernelClock.now().since(self.started);
        macro_rules! line {
            ($level:ident, $propagation:expr, $error:expr) => {
                tracing::$level!(
                    who = self.who,
                    what = self.what,
                    on = self.on,
                    propagation = $propagation,
                    error = $error,
                    request_id = %self.id,
                    peer = %self.peer,
                    duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                    "admin"
                )
            };
        }
        let nothing: Option<&str> = None;
        match end {
            End::Done(Some(Propagation::Deferred)) => {
                line!(warn, Propagation::Deferred.as_str(), nothing);
            }
            End::Done(Some(propagation)) => line!(info, propagation.as_str(), nothing),
            End::Done(None) => line!(info, "none", nothing),
            End::Failed(why) => line!(warn, "none", Some(*why)),
            End::BrokenOff => line!(warn, "none", Some("broken off")),
        }
    }
}

impl Drop for Deed {
    fn drop(&mut self) {
        if !self.told {
            self.tell(&End::BrokenOff);
        }
    }
}

/// Does it in a task of its own: whoever asked may go, and a change of several steps is not left half done.
pub(crate) async fn carry_out<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    let ended = tokio::spawn(work).await;
    ended.unwrap_or_else(|_ended| {
        Err(Problem::new(
            Code::Internal,
            "the work ended by a bug; the log says more",
        ))
    })
}
