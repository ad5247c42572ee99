//! What comes before a membership: listening, telling what was not told, and the join itself.

use std::{sync::Arc, time::Duration};

use fred::{
    interfaces::{ClientLike, PubsubInterface},
    types::Message as Push,
};
use gatewayz_cache_core::NodePort;
use tokio::{
    sync::broadcast::Receiver,
    time::{Instant, timeout},
};

use super::{Session, lost, millis, slept};
use crate::{
    answer::Parts,
    fault::Fault,
    inner::{Inner, random_word},
    link::{Lane, Link, Request},
    scripts,
    stats::{End, Op},
};

/// How long a message to oneself may take.
const ECHO: Duration = Duration::from_millis(100);
const ECHOES: u32 = 10;

impl<'a> Session<'a> {
    pub(super) async fn join(
        inner: &'a Arc<Inner>,
        link: &'a Arc<Link>,
        port: &'a NodePort,
        pushes: &mut Receiver<Push>,
        last_epoch: &mut String,
    ) -> Result<Self, End> {
        listen(inner, link, pushes).await?;
        flush(inner, link).await?;
        let term = inner.config.lease_term;
        let slept = slept(port);
        // The node counts from before the question, the server from after it: the node always stops first.
        let sent = port.time.now();
        let node = random_word();
        let former = std::mem::replace(&mut *inner.node.lock(), node.clone());
        let args = [node.as_str().into(), millis(term), former.into()];
        let mut answer = Parts::of(inner.control(link, &scripts::JOIN, args).await?)?;
        let (epoch, seq) = (answer.text()?, answer.number()?);
        // Only now: what was announced between a clearing before the question and the server's answer would be lost,
        // since messages up to `seq` are not applied.
        port.sink.clear_coherent();
        if !last_epoch.is_empty() && *last_epoch != epoch {
            // The new control plane may have lost what the old one was told.
            let recent = inner.recent.lock().merged(port.time.now());
            inner.tell_again(link, &recent).await?;
        }
        last_epoch.clone_from(&epoch);
        inner.settle(&epoch, 0);
        let mut view = inner.view.lock();
        view.epoch.clone_from(&epoch);
        (view.applied, view.announced, view.attached) = (seq, seq, true);
        drop(view);
        let session = Self {
            inner,
            link,
            port,
            node,
            epoch,
            applied: seq,
            acked: seq,
            known: seq,
            behind_since: None,
            unheard: 0,
            failures: 0,
            answered: Instant::now(),
            renew_now: false,
            stash: None,
        };
        session.prolong(sent, slept)?;
        inner.report_attached();
        Ok(session)
    }
}

/// Waits for the connection of messages, a little.
pub(super) async fn connected(link: &Link) -> Result<(), End> {
    for _ in 0..ECHOES {
        if link.events.is_connected() {
            return Ok(());
        }
        // Either way the state is looked at again.
        let _connected = timeout(ECHO, link.events.wait_for_connect()).await;
    }
    Err(End::Deaf)
}

/// Subscribes, and waits until a message to oneself has come back: the client says nothing of when a subscription
/// begins.
async fn listen(inner: &Arc<Inner>, link: &Link, pushes: &mut Receiver<Push>) -> Result<(), End> {
    let names = &inner.names;
    let word = random_word();
    let canary = format!("c|{word}");
    for _ in 0..ECHOES {
        let channels = vec![names.events.as_str(), names.filled.as_str()];
        link.events.subscribe(channels).await.map_err(Fault::from)?;
        let args = vec![names.events.as_str().into(), canary.as_str().into()];
        let request = Request::new("PUBLISH", &names.events, args);
        inner.call(Op::Control, link, Lane::Commands, request).await?;
        let echo = async {
            loop {
                let push = pushes.recv().await.map_err(lost)?;
                if push.value.as_str().as_deref() == Some(canary.as_str()) {
                    return Ok(());
                }
            }
        };
        if let Ok(heard) = timeout(ECHO, echo).await {
            return heard;
        }
    }
    Err(End::Deaf)
}

/// Tells the server what it has not been told yet.
pub(super) async fn flush(inner: &Inner, link: &Link) -> Result<(), End> {
    if !inner.is_recovering() {
        return Ok(());
    }
    let pending = inner.send_journal();
    match inner.tell_again(link, &pending).await {
        Ok(()) => {
            inner.flushed();
            Ok(())
        }
        // It stays in the journal.
        Err(fault) => Err(fault.into()),
    }
}
