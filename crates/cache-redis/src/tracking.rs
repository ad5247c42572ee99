//! Looks out for writes from outside, such as `redis-cli DEL key`. An accelerator, never the guarantee.
//!
//! The server pushes the name of every key that is written, by us too: its way to leave a client's own writes out does
//! not cover scripts. So a push says only that something happened, and only names that this node holds are looked at:
//! a value that is gone before its time has been removed by somebody.

use std::{sync::Arc, time::Duration};

use fred::{
    clients::Client,
    interfaces::{ClientLike, EventInterface, TrackingInterface},
    types::{client::Invalidation as Push, config::Server},
};
use gatewayz_cache_core::{Invalidation, NodePort};
use tokio::{
    sync::broadcast::{
        Receiver,
        error::{RecvError, TryRecvError},
    },
    time::{interval, sleep, timeout},
};

use crate::{
    envelope,
    inner::Inner,
    link::{Link, Request},
    supervisor::Task,
};

/// How often new keyspaces are looked for.
const LOOK: Duration = Duration::from_secs(1);
const AGAIN: Duration = Duration::from_millis(100);
/// Pushes taken together.
const BATCH: usize = 512;
/// As much of a value as shows whether it is one.
const HEAD: &str = "2";

/// Starts to look, as long as the task is held.
pub(crate) fn spawn(inner: &Arc<Inner>, link: &Arc<Link>, port: &NodePort) -> Option<Task> {
    let client = link.tracking.clone()?;
    let watch = Watch {
        inner: Arc::clone(inner),
        link: Arc::clone(link),
        port: port.clone(),
        client,
    };
    Some(Task::new(tokio::spawn(watch.run())))
}

/// Why the server has to be told again what to push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rearm {
    /// Pushes may be lost.
    Doubt,
    /// There are other keyspaces.
    Keyspaces,
}

struct Watch {
    inner: Arc<Inner>,
    link: Arc<Link>,
    port: NodePort,
    client: Client,
}

impl Watch {
    async fn run(self) {
        let mut doubt = false;
        loop {
            if !self.client.is_connected() {
                // Either way the state is looked at again.
                let _connected = timeout(LOOK, self.client.wait_for_connect()).await;
                continue;
            }
            let prefixes = self.prefixes();
            if prefixes.is_empty() {
                sleep(AGAIN).await;
                continue;
            }
            let mut pushes = self.client.invalidation_rx();
            let mut reconnections = self.client.reconnect_rx();
            let mut errors = self.client.error_rx();
            let primaries = self.link.primaries_of(&self.client);
            if self.link.track(&self.client, &primaries, &prefixes).await.is_err() {
                sleep(AGAIN).await;
                continue;
            }
            if std::mem::take(&mut doubt) {
                self.port.sink.clear_coherent();
            }
            let rearm = tokio::select! {
                rearm = self.listen(&mut pushes, &prefixes, &primaries) => rearm,
                _ = reconnections.recv() => Rearm::Doubt,
                _ = errors.recv() => Rearm::Doubt,
            };
            doubt = rearm == Rearm::Doubt;
        }
    }

    async fn listen(&self, pushes: &mut Receiver<Push>, prefixes: &[String], primaries: &[Option<Server>]) -> Rearm {
        let mut looks = interval(LOOK);
        loop {
            tokio::select! {
                push = pushes.recv() => match self.collect(push, pushes) {
                    Ok(names) => self.look(names).await,
                    Err(rearm) => return rearm,
                },
                _ = looks.tick() => {
                    if self.link.primaries_of(&self.client) != primaries {
                        return Rearm::Doubt;
                    }
                    if self.prefixes() != prefixes {
                        return Rearm::Keyspaces;
                    }
                }
            }
        }
    }

    /// The names in all waiting pushes that matter to this node.
    fn collect(&self, push: Result<Push, RecvError>, pushes: &mut Receiver<Push>) -> Result<Invalidation, Rearm> {
        let mut names = Invalidation::new();
        let mut next = push.map_err(|_lagged| Rearm::Doubt)?;
        for _ in 0..BATCH {
            if next.keys.is_empty() {
                return Err(Rearm::Doubt);
            }
            for key in &next.keys {
                let name = key.as_str().and_then(|key| self.inner.names.documented(key));
                if let Some(name) = name.filter(|name| self.port.sink.holds(name)) {
                    names = names.name(name);
                }
            }
            next = match pushes.try_recv() {
                Ok(next) => next,
                Err(TryRecvError::Lagged(_)) => return Err(Rearm::Doubt),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            };
        }
        Ok(names)
    }

    /// Forgets what somebody has removed.
    async fn look(&self, names: Invalidation) {
        let held: Vec<&str> = names.keys().collect();
        let requests = held
            .iter()
            .map(|name| {
                let place = self.inner.names.value(name);
                Request::new("GETRANGE", &place, vec![place.as_str().into(), "0".into(), HEAD.into()])
            })
            .collect();
        let Ok(answers) = self.link.pipeline(requests).await else {
            // A value of another type, or no answer: the control plane is there for that.
            return;
        };
        let now = self.port.time.wall();
        let mut removed = Invalidation::new();
        for (name, answer) in held.into_iter().zip(answers) {
            let head = answer.as_bytes().unwrap_or_default();
            // An expired value is no news: memory may serve its entry while it is refreshed.
            let is_removed = head.is_empty() && self.inner.seen.is_early(name, now);
            let is_replaced = !head.is_empty() && !envelope::is_framed(head);
            if is_removed || is_replaced {
                removed = removed.name(name);
            }
        }
        if !removed.is_empty() {
            self.port.sink.apply(&removed);
        }
    }

    /// The prefixes of the coherent keyspaces; none that begins with another one, which the server refuses.
    fn prefixes(&self) -> Vec<String> {
        let mut all = self.port.sink.prefixes();
        all.sort_unstable();
        let mut prefixes: Vec<String> = Vec::with_capacity(all.len());
        for name in all {
            let prefix = self.inner.names.value(&name);
            if !prefixes.last().is_some_and(|last| prefix.starts_with(last.as_str())) {
                prefixes.push(prefix);
            }
        }
        prefixes
    }
}
