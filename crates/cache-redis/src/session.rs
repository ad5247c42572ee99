//! The time from one join to the next: the applier, the renewals and the acknowledgements of one node.
//!
//! Everything that a message needs happens in one task, so that nothing stands between it and its acknowledgement.

mod join;

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use fred::{
    interfaces::EventInterface,
    types::{Message as Push, Value},
};
use gatewayz_cache_core::{Invalidation, NodePort, Tick};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use self::join::{connected, flush};
use crate::{
    answer::Parts,
    fault::Fault,
    inner::Inner,
    link::Link,
    message::{Message, body},
    scripts,
    stats::End,
};

/// How long messages that a renewal knows of may be under way before the log is read instead.
const UNDER_WAY: Duration = Duration::from_millis(20);
/// How soon a renewal that brought no answer is tried again.
const AGAIN: Duration = Duration::from_millis(50);
/// So many in a row, and the connections are given up.
const FAILURES: u32 = 4;
/// Clocks that differ by more than this have not run side by side.
const ASLEEP: Duration = Duration::from_millis(50);
/// So many numbers in a row that were in the log and not heard, and the connection of messages is given up.
const UNHEARD: u32 = 3;
/// Messages applied before an acknowledgement is sent.
const BATCH: usize = 256;

type Answer = Pin<Box<dyn Future<Output = Result<Value, Fault>> + Send>>;

/// A renewal under way.
struct Renewal {
    sent: Tick,
    slept: Duration,
    answer: Answer,
}

/// One membership of a node.
pub(crate) struct Session<'a> {
    inner: &'a Arc<Inner>,
    link: &'a Arc<Link>,
    port: &'a NodePort,
    node: String,
    epoch: String,
    /// The number of the last invalidation applied here.
    applied: u64,
    /// The last number that the server is known to have from us.
    acked: u64,
    /// The last number that the server has told us of.
    known: u64,
    behind_since: Option<Instant>,
    unheard: u32,
    failures: u32,
    answered: Instant,
    renew_now: bool,
    /// A message that came while the applier was stalled.
    stash: Option<Push>,
}

/// Joins, and stays until something ends it.
pub(crate) async fn run(inner: &Arc<Inner>, link: &Arc<Link>, port: &NodePort, last_epoch: &mut String) -> End {
    if let Err(end) = connected(link).await {
        return end;
    }
    let mut pushes = link.events.message_rx();
    // The first connection is announced before the client says that it is connected: what comes now is another one.
    let mut breaks = link.events.error_rx();
    let mut reconnections = link.events.reconnect_rx();
    let mut session = match Session::join(inner, link, port, &mut pushes, last_epoch).await {
        Ok(session) => session,
        Err(end) => return end,
    };
    tokio::select! {
        end = session.serve(&mut pushes) => end,
        _ = breaks.recv() => End::Disconnected,
        _ = reconnections.recv() => End::Disconnected,
    }
}

impl<'a> Session<'a> {
    async fn serve(&mut self, pushes: &mut Receiver<Push>) -> End {
        let mut ticks = interval(self.inner.config.lease_term / 3);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.reset();
        let mut flushes = interval(AGAIN);
        flushes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ack: Option<(u64, Answer)> = None;
        let mut renewal: Option<Renewal> = None;
        let mut retry: Option<Instant> = None;
        loop {
            if ack.is_none() && self.applied > self.acked {
                ack = Some((self.applied, self.ack()));
            }
            if renewal.is_none() && std::mem::take(&mut self.renew_now) {
                renewal = Some(self.renew());
            }
            let stalled = self.inner.faults.stalled_until();
            if stalled.is_none()
                && let Some(push) = self.stash.take()
            {
                if let Err(end) = self.take(Ok(push), pushes).await {
                    return end;
                }
                continue;
            }
            let step = tokio::select! {
                push = pushes.recv(), if stalled.is_none() => self.take(push, pushes).await,
                answer = ready(ack.as_mut().map(|(_, answer)| answer)), if ack.is_some() => {
                    let number = ack.take().map_or(0, |(number, _)| number);
                    self.acknowledged(number, answer)
                }
                answer = ready(renewal.as_mut().map(|renewal| &mut renewal.answer)), if renewal.is_some() => {
                    match renewal.take() {
                        Some(renewal) => self.renewed(&renewal, answer, &mut retry),
                        None => Ok(()),
                    }
                }
                _ = ticks.tick() => self.due(),
                () = self.inner.look.notified() => self.due(),
                () = until(retry), if retry.is_some() => {
                    retry = None;
                    self.due()
                }
                () = until(self.behind_since.map(|since| since + UNDER_WAY)),
                    if self.behind_since.is_some() && stalled.is_none() => self.catch_up().await,
                () = until(stalled), if stalled.is_some() => Ok(()),
                _ = flushes.tick(), if self.inner.is_recovering() => {
                    // What could not be told before goes out now; if it cannot, the next tick tries again.
                    let _told = flush(self.inner, self.link).await;
                    Ok(())
                }
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "one shape for all steps")]
    fn due(&mut self) -> Result<(), End> {
        self.renew_now = true;
        Ok(())
    }

    /// Applies a message, and all that wait behind it.
    async fn take(&mut self, push: Result<Push, RecvError>, pushes: &mut Receiver<Push>) -> Result<(), End> {
        let mut push = push.map_err(lost)?;
        if self.inner.faults.stalled_until().is_some() {
            self.stash = Some(push);
            return Ok(());
        }
        self.unheard = 0;
        for _ in 0..BATCH {
            self.apply_push(push).await?;
            push = match pushes.try_recv() {
                Ok(next) => next,
                Err(tokio::sync::broadcast::error::TryRecvError::Lagged(_)) => return Err(End::Overrun),
                Err(_empty) => break,
            };
        }
        Ok(())
    }

    async fn apply_push(&mut self, push: Push) -> Result<(), End> {
        let text = push.value.into_string().ok_or(End::Unparsable)?;
        if *push.channel == *self.inner.names.filled {
            self.inner.waiters.wake(&text);
            return Ok(());
        }
        match Message::parse(&text).ok_or(End::Unparsable)? {
            Message::Announced { number, epoch, body } => self.announced(number, epoch, body).await,
            Message::Settled { number, epoch } => {
                if epoch == self.epoch {
                    self.inner.settle(epoch, number);
                }
                Ok(())
            }
            Message::Canary(_) => Ok(()),
        }
    }

    async fn announced(&mut self, number: u64, epoch: &str, text: &str) -> Result<(), End> {
        if epoch != self.epoch {
            // A late message of an epoch that is over, or the first of one that we are not part of: a renewal tells.
            self.renew_now = true;
            return Ok(());
        }
        if number <= self.applied {
            return Ok(());
        }
        self.known = self.known.max(number);
        if number > self.applied + 1 {
            return self.replay().await;
        }
        let invalidation = body(text).ok_or(End::Unparsable)?;
        self.apply(number, &invalidation);
        Ok(())
    }

    fn apply(&mut self, number: u64, invalidation: &Invalidation) {
        self.port.sink.apply(invalidation);
        self.applied = number;
        if self.applied >= self.known {
            self.behind_since = None;
        }
        let mut view = self.inner.view.lock();
        view.applied = number;
        view.announced = self.known;
    }

    /// Reads what a renewal knows of and no message has told.
    async fn catch_up(&mut self) -> Result<(), End> {
        self.unheard += 1;
        if self.unheard >= UNHEARD {
            return Err(End::Deaf);
        }
        self.replay().await
    }

    /// Reads the log from the last number applied.
    async fn replay(&mut self) -> Result<(), End> {
        self.behind_since = None;
        while self.applied < self.known {
            let from = number_value(self.applied + 1);
            let args = [self.epoch.as_str().into(), from];
            let answer = self.inner.control(self.link, &scripts::REPLAY, args).await;
            let mut answer = answer.and_then(Parts::of)?;
            if answer.number()? != 1 {
                return Err(End::Epoch);
            }
            self.known = self.known.max(answer.number()?);
            let before = self.applied;
            while !answer.is_empty() {
                let (found, entry) = (answer.number()?, answer.text()?);
                if found != self.applied + 1 {
                    return Err(End::Trimmed);
                }
                let invalidation = body(&entry).ok_or(End::Unparsable)?;
                self.apply(found, &invalidation);
            }
            if self.applied == before {
                return Err(End::Trimmed);
            }
        }
        Ok(())
    }

    fn ack(&self) -> Answer {
        let args = [
            self.node.as_str().into(),
            number_value(self.applied),
            self.epoch.as_str().into(),
        ];
        let (inner, link) = (Arc::clone(self.inner), Arc::clone(self.link));
        let delay = inner.faults.ack_delay();
        Box::pin(async move {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            inner.control(&link, &scripts::ACK, args).await
        })
    }

    #[expect(clippy::unnecessary_wraps, reason = "one shape for all steps")]
    fn acknowledged(&mut self, applied: u64, answer: Result<Value, Fault>) -> Result<(), End> {
        // Whatever came of it, this number is not sent again: the next renewal carries it.
        self.acked = applied;
        match answer.and_then(read_ack) {
            Ok(Some(settled)) => self.inner.settle(&self.epoch, settled),
            Ok(None) | Err(_) => self.renew_now = true,
        }
        Ok(())
    }

    fn renew(&self) -> Renewal {
        // An acknowledgement that a test holds back does not go out with a renewal either.
        let told = if self.inner.faults.ack_delay().is_zero() {
            self.applied
        } else {
            self.acked
        };
        let args = [
            self.node.as_str().into(),
            millis(self.inner.config.lease_term),
            number_value(told),
            self.epoch.as_str().into(),
        ];
        let (inner, link) = (Arc::clone(self.inner), Arc::clone(self.link));
        Renewal {
            sent: self.port.time.now(),
            slept: slept(self.port),
            answer: Box::pin(async move { inner.control(&link, &scripts::RENEW, args).await }),
        }
    }

    fn renewed(
        &mut self,
        renewal: &Renewal,
        answer: Result<Value, Fault>,
        retry: &mut Option<Instant>,
    ) -> Result<(), End> {
        let mut parts = match answer.and_then(Parts::of) {
            Ok(parts) => parts,
            Err(fault) if fault.kind.is_silence() => {
                self.failures += 1;
                *retry = Some(Instant::now() + AGAIN);
                let gone = self.failures >= FAILURES || self.answered.elapsed() >= self.inner.patience();
                return if gone { Err(End::Unreachable) } else { Ok(()) };
            }
            Err(fault) => return Err(fault.into()),
        };
        if parts.number()? == 0 {
            return Err(match parts.text()?.as_str() {
                "epoch" => End::Epoch,
                "lagged" => End::Lagged,
                _ => End::Lapsed,
            });
        }
        self.failures = 0;
        self.answered = Instant::now();
        self.inner.breaker.close();
        self.known = self.known.max(parts.number()?);
        if self.applied < self.known && self.behind_since.is_none() {
            self.behind_since = Some(Instant::now());
        }
        self.inner.settle(&self.epoch, parts.number()?);
        self.prolong(renewal.sent, renewal.slept)
    }

    /// Takes the lease, unless the machine slept since it was asked for.
    fn prolong(&self, sent: Tick, slept_before: Duration) -> Result<(), End> {
        if slept(self.port).abs_diff(slept_before) > ASLEEP {
            return Err(End::Suspended);
        }
        let term = self.inner.config.lease_term;
        self.port.attachment.prolong(sent.after(term - term / 10));
        Ok(())
    }
}

/// How far the clock that counts sleep is ahead of the one that does not.
fn slept(port: &NodePort) -> Duration {
    port.time.boot().since(port.time.now())
}

/// The settled number, `None` if this node has no lease.
fn read_ack(answer: Value) -> Result<Option<u64>, Fault> {
    let mut parts = Parts::of(answer)?;
    Ok(if parts.number()? == 0 {
        None
    } else {
        Some(parts.number()?)
    })
}

fn lost(error: RecvError) -> End {
    match error {
        RecvError::Lagged(_) => End::Overrun,
        RecvError::Closed => End::Disconnected,
    }
}

fn millis(duration: Duration) -> Value {
    Value::from(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

fn number_value(number: u64) -> Value {
    Value::from(i64::try_from(number).unwrap_or(i64::MAX))
}

/// Waits for what may not be there; then for ever.
async fn ready(answer: Option<&mut Answer>) -> Result<Value, Fault> {
    match answer {
        Some(answer) => answer.await,
        None => std::future::pending().await,
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
