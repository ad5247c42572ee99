//! The one task of a node: reaches the server, joins, and does so again whenever something went wrong.

use std::{sync::Arc, time::Duration};

use fred::interfaces::EventInterface;
use gatewayz_cache_core::NodePort;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout},
};

use crate::{
    fault::{Fault, Kind},
    inner::Inner,
    link::{Lane, Link, Request},
    scripts, session,
    stats::{End, Op},
    tracking,
};

/// The pause before joining again, after an end that may come again at once.
const PAUSE: Duration = Duration::from_millis(10);
/// A silence that is not worth a line in the log.
const HICCUP: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

impl Inner {
    /// How long a server may be silent before its connections are given up: a link may be dead and not say so, and the
    /// client's own ways to notice it do not work while commands are being written.
    pub(crate) fn patience(&self) -> Duration {
        (self.config.command_timeout * 4).max(Duration::from_secs(1))
    }
}

/// A task that ends with its owner.
pub(crate) struct Task(JoinHandle<()>);

impl Task {
    pub(crate) fn new(task: JoinHandle<()>) -> Self {
        Self(task)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs until `stop` says so.
pub(crate) async fn run(inner: Arc<Inner>, port: NodePort, mut stop: watch::Receiver<bool>) {
    let stopped = async move {
        // An error means that the tier is gone, which is the same.
        let _stop = stop.wait_for(|stop| *stop).await;
    };
    tokio::select! {
        () = stopped => {}
        () = supervise(&inner, &port) => {}
    }
    detach(&inner, &port);
    inner.breaker.trip();
    if let Some(link) = inner.link.swap(None) {
        let node = inner.node.lock().clone();
        let args = inner.control_args([node.into()]);
        let leave = link.script(Lane::Commands, &scripts::LEAVE, inner.names.control(), args);
        // The lease runs out by itself if this is not heard.
        let _left = timeout(inner.config.command_timeout, leave).await;
    }
}

async fn supervise(inner: &Arc<Inner>, port: &NodePort) {
    let mut epoch = String::new();
    let mut pause = PAUSE;
    'link: loop {
        let Some(link) = inner.relink() else {
            // Cannot be: the configuration is checked when the tier is made.
            tracing::error!("redis client cannot be built");
            return;
        };
        let opened = Instant::now();
        let _tracking = tracking::spawn(inner, &link, port);
        let mut errors = link.commands.error_rx();
        loop {
            if !reach(inner, &link, opened, &mut errors).await {
                continue 'link;
            }
            let begun = Instant::now();
            let end = session::run(inner, &link, port, &mut epoch).await;
            let was_attached = inner.view.lock().attached;
            detach(inner, port);
            if was_attached {
                inner.view.lock().rejoins += 1;
                inner.meters.rejoin(end);
            }
            tracing::debug!(reason = end.as_str(), "node lease given up");
            let is_old = opened.elapsed() >= inner.patience();
            match end {
                End::Unreachable => {
                    inner.breaker.trip();
                    if is_old {
                        // It has been silent for as long as that: new connections are soon made.
                        continue 'link;
                    }
                    continue;
                }
                // The other connections may be as dead as that of the messages, and not know it yet.
                End::Deaf if is_old => continue 'link,
                // A replica keeps its clients after a failover; the name may lead elsewhere now.
                End::Refused if is_old => {
                    tokio::time::sleep(LONGEST_PAUSE).await;
                    continue 'link;
                }
                _ => {}
            }
            pause = if begun.elapsed() > LONGEST_PAUSE {
                PAUSE
            } else {
                (pause * 2).min(LONGEST_PAUSE)
            };
            tokio::time::sleep(pause).await;
        }
    }
}

fn detach(inner: &Inner, port: &NodePort) {
    port.attachment.give_up();
    inner.meters.set_attached(false);
    inner.view.lock().attached = false;
}

/// Asks until the server answers; `false` when the connections have been silent for too long.
async fn reach(
    inner: &Inner,
    link: &Link,
    opened: Instant,
    errors: &mut tokio::sync::broadcast::Receiver<(fred::error::Error, Option<fred::types::config::Server>)>,
) -> bool {
    let begun = Instant::now();
    loop {
        while let Ok((error, _)) = errors.try_recv() {
            let fault = Fault::from(error);
            if fault.kind.is_refusal() {
                inner.meters.error(&fault);
            }
        }
        let key = inner.names.value("{gatewayz}:epoch");
        let request = Request::new("EXISTS", &key, vec![key.as_str().into()]);
        let answer = link.call(Lane::Commands, request).await;
        inner.meters.command(Op::Control, &answer);
        match answer {
            Ok(_) => {
                inner.breaker.close();
                inner.meters.set_up(true);
                return true;
            }
            Err(fault) => {
                if fault.kind.is_refusal() {
                    inner.meters.error(&fault);
                }
                inner.meters.set_up(false);
                inner.breaker.trip();
                if begun.elapsed() > HICCUP {
                    inner.report_gone(&fault);
                }
                // The connections are asked for as long as they say at least that there is nobody.
                let silent = fault.kind != Kind::Loading && opened.elapsed() >= inner.patience();
                if silent && begun.elapsed() >= inner.patience() {
                    return false;
                }
            }
        }
        tokio::time::sleep(inner.config.breaker.probe_interval).await;
    }
}
