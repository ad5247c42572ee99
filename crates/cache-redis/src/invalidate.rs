//! An invalidation on its way to the server and to every node.

use std::time::Duration;

use fred::types::Value;
use gatewayz_cache_core::{FillLease, Invalidation, Propagation};
use tokio::time::Instant;

use crate::{
    answer::{Parts, text},
    fault::{Fault, Kind},
    inner::{Inner, random_word},
    link::{Link, Request},
    scripts,
    stats::Op,
};

/// How often the settled number is asked for, where the notice of it is lost.
const POLL: Duration = Duration::from_millis(25);
/// Names dropped by one command.
const BATCH: usize = 500;

/// The right to fill a key that its invalidation takes at the same time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim<'a> {
    pub(crate) name: &'a str,
    pub(crate) term: Duration,
}

/// What the server says of an announcement.
#[derive(Debug)]
struct Announced {
    epoch: String,
    number: u64,
    settled: u64,
    grace: Duration,
    lease: Option<FillLease>,
}

/// How a wait for all nodes ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waited {
    Settled,
    /// The control plane is another one: nobody knows who has heard.
    EpochLost,
    /// The server is gone, or there is no time left.
    GivenUp,
}

impl Inner {
    /// Carries an invalidation out, or keeps it for later.
    pub(crate) async fn invalidate(
        &self,
        invalidation: &Invalidation,
        claim: Option<Claim<'_>>,
    ) -> (Propagation, Option<FillLease>) {
        let begun = Instant::now();
        self.recent.lock().add(self.time().now(), invalidation);
        match self
            .carry_out(invalidation, claim, begun + self.config.deadline())
            .await
        {
            Some(lease) => {
                self.meters.acknowledged(begun.elapsed());
                (Propagation::Acknowledged, lease)
            }
            None => {
                self.defer(invalidation.clone());
                (Propagation::Deferred, None)
            }
        }
    }

    /// `None` if not every node is known to have heard.
    async fn carry_out(
        &self,
        invalidation: &Invalidation,
        claim: Option<Claim<'_>>,
        deadline: Instant,
    ) -> Option<Option<FillLease>> {
        let begun = Instant::now();
        let patience = self.config.command_timeout * 2;
        loop {
            let Ok(link) = self.gate() else {
                // A breaker that has just opened may close again before anybody has to be told.
                if self.breaker.open_for() >= patience || begun.elapsed() >= patience {
                    return None;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            };
            match self.tell(&link, invalidation, claim).await {
                Ok(announced) => match self.wait(&link, &announced, deadline).await {
                    Waited::Settled => return Some(announced.lease),
                    Waited::EpochLost => {}
                    Waited::GivenUp => return None,
                },
                Err(fault) if fault.kind.is_silence() && self.config.retry_on_timeout => {
                    // A connection that is just being made anew is worth a moment.
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Err(_refused) => return None,
            }
            if Instant::now() >= deadline {
                return None;
            }
        }
    }

    /// Drops and announces, without the wait.
    pub(crate) async fn tell_again(&self, link: &Link, invalidation: &Invalidation) -> Result<(), Fault> {
        if invalidation.is_empty() {
            return Ok(());
        }
        self.tell(link, invalidation, None).await.map(drop)
    }

    /// Drops the values and the leases, then announces. Both may be repeated.
    async fn tell(
        &self,
        link: &Link,
        invalidation: &Invalidation,
        claim: Option<Claim<'_>>,
    ) -> Result<Announced, Fault> {
        for prefix in invalidation.prefixes() {
            self.drop_prefix(link, prefix).await?;
        }
        let message =
            serde_json::to_string(invalidation).map_err(|_hidden| Fault::protocol("an unwritable message"))?;
        // Each attempt has a token of its own: one that the server carries out late, after another invalidation, must
        // not make the lease good again that this one's caller holds.
        let claim = claim.map(|claim| (claim, random_word() + &random_word()));
        let ours = claim.as_ref().map(|(claim, token)| (*claim, token.as_str()));
        let answers = match self.send(link, invalidation, ours, &message).await {
            Err(fault) if fault.kind == Kind::NoScript => {
                // All answers of this attempt are there, so that nothing of it is carried out late.
                link.load(&[&scripts::ANNOUNCE, &scripts::CLAIM]).await?;
                self.send(link, invalidation, ours, &message).await
            }
            answers => answers,
        };
        self.note(Op::Invalidate, &answers);
        let mut answers = answers?;
        let announcement = answers.pop().unwrap_or(Value::Null);
        let lease = match (claim, answers.pop()) {
            (Some((_, token)), Some(identity)) => Some(FillLease {
                token,
                granted_by: text(identity)?,
            }),
            _ => None,
        };
        let mut parts = Parts::of(announcement)?;
        Ok(Announced {
            epoch: parts.text()?,
            number: parts.number()?,
            settled: parts.number()?,
            grace: Duration::from_millis(parts.number()?),
            lease,
        })
    }

    /// The last answer is that of the announcement, the one before it that of the claim.
    async fn send(
        &self,
        link: &Link,
        invalidation: &Invalidation,
        claim: Option<(Claim<'_>, &str)>,
        message: &str,
    ) -> Result<Vec<Value>, Fault> {
        let mut requests = self.drops(link, invalidation, claim.map(|(claim, _)| claim.name));
        if let Some((claim, token)) = claim {
            let keys = vec![self.names.value(claim.name).into(), self.names.lease(claim.name).into()];
            let term = i64::try_from(claim.term.as_millis().max(1)).unwrap_or(i64::MAX);
            let args = vec![token.into(), term.into()];
            requests.push(Request::script(&scripts::CLAIM, keys, args));
        }
        let term = i64::try_from(self.config.lease_term.as_millis()).unwrap_or(i64::MAX);
        let args = self.control_args([term.into(), message.into()]);
        let announcement = Request::script(&scripts::ANNOUNCE, self.names.control(), args);
        if !link.clustered {
            // One connection and one server: it drops before it announces, in one round trip.
            requests.push(announcement);
            let mut answers = link.pipeline(requests).await?;
            // Only the last two matter.
            return Ok(answers.split_off(answers.len().saturating_sub(2)));
        }
        let mut answers = link.pipeline(requests).await?;
        answers = answers.split_off(answers.len().saturating_sub(1));
        answers.extend(link.pipeline(vec![announcement]).await?);
        Ok(answers)
    }

    /// Deletes values with their leases: all at once on one server, slot by slot in Cluster.
    fn drops(&self, link: &Link, invalidation: &Invalidation, claimed: Option<&str>) -> Vec<Request> {
        let names: Vec<&str> = invalidation.keys().filter(|name| Some(*name) != claimed).collect();
        let size = if link.clustered { 1 } else { BATCH };
        names
            .chunks(size)
            .map(|names| {
                let mut args = Vec::with_capacity(names.len() * 2);
                for name in names {
                    args.push(self.names.value(name).into());
                    args.push(self.names.lease(name).into());
                }
                let first = names.first().map(|name| self.names.value(name)).unwrap_or_default();
                Request::new("UNLINK", &first, args)
            })
            .collect()
    }

    /// Deletes all that a prefix covers: the leases first, on every server, then the values. A fill under way has
    /// either lost its lease or stored its value before the second look.
    async fn drop_prefix(&self, link: &Link, prefix: &str) -> Result<(), Fault> {
        let primaries = link.primaries();
        if primaries.is_empty() {
            return Err(Fault::new(Kind::Disconnected, "no primary of the cluster is known"));
        }
        for (pattern, are_values) in self.names.patterns(prefix).into_iter().zip([false, true]) {
            for primary in &primaries {
                let mut cursor = "0".to_owned();
                loop {
                    let page = link.scan(primary.as_ref(), &cursor, &pattern).await;
                    self.note(Op::Invalidate, &page);
                    let (next, keys) = page?;
                    let requests = self.sweep(link, &keys, are_values && prefix.is_empty());
                    link.pipeline(requests).await?;
                    if next == "0" {
                        break;
                    }
                    cursor = next;
                }
            }
        }
        if prefix.is_empty() {
            // Plain values do not say that they are ours; those of our keyspaces are.
            for keyspace in self.prefixes() {
                let request = Request::new(
                    "UNLINK",
                    &self.names.value(&keyspace),
                    vec![self.names.value(&keyspace).into(), self.names.lease(&keyspace).into()],
                );
                link.pipeline(vec![request]).await?;
                Box::pin(self.drop_prefix(link, &format!("{keyspace}:"))).await?;
            }
        }
        Ok(())
    }

    /// Deletes keys that a scan has found; with `only_ours`, those whose values say that they are.
    fn sweep(&self, link: &Link, keys: &[String], only_ours: bool) -> Vec<Request> {
        let keys: Vec<&str> = keys
            .iter()
            .map(String::as_str)
            .filter(|key| !self.names.is_control(key))
            .collect();
        if only_ours {
            let sweep = |key: &&str| Request::evaluate_text(&scripts::SWEEP, vec![Value::from(*key)]);
            return keys.iter().map(sweep).collect();
        }
        let size = if link.clustered { 1 } else { BATCH };
        keys.chunks(size)
            .filter_map(|keys| {
                let first = keys.first()?;
                Some(Request::new(
                    "UNLINK",
                    first,
                    keys.iter().map(|key| Value::from(*key)).collect(),
                ))
            })
            .collect()
    }

    /// Waits until every node has applied an announcement or has lost its lease.
    async fn wait(&self, link: &Link, announced: &Announced, deadline: Instant) -> Waited {
        let grace_ends = Instant::now() + announced.grace;
        if announced.settled < announced.number {
            let waited = self.wait_for_number(link, announced, deadline).await;
            if waited != Waited::Settled {
                return waited;
            }
        }
        if announced.grace.is_zero() {
            return Waited::Settled;
        }
        // The nodes of the epoch before may serve until their leases end, and nobody knows which they are.
        if grace_ends > deadline {
            return Waited::GivenUp;
        }
        tokio::time::sleep_until(grace_ends).await;
        match self.ask_settled(link, &announced.epoch).await {
            Ok(Some(_)) => Waited::Settled,
            Ok(None) => Waited::EpochLost,
            Err(_) => Waited::GivenUp,
        }
    }

    async fn wait_for_number(&self, link: &Link, announced: &Announced, deadline: Instant) -> Waited {
        let mut settled = self.settled.subscribe();
        loop {
            let notice =
                settled.wait_for(|settled| settled.epoch == announced.epoch && settled.number >= announced.number);
            match tokio::time::timeout(POLL, notice).await {
                Ok(Ok(_)) => return Waited::Settled,
                // The sender lives in `self`.
                Ok(Err(_)) => return Waited::GivenUp,
                Err(_elapsed) => {}
            }
            match self.ask_settled(link, &announced.epoch).await {
                Ok(Some(number)) if number >= announced.number => return Waited::Settled,
                Ok(Some(_)) => {}
                Ok(None) => return Waited::EpochLost,
                Err(fault) if fault.kind.is_refusal() || self.breaker.is_open() => return Waited::GivenUp,
                Err(_silence) => {}
            }
            if Instant::now() >= deadline {
                return Waited::GivenUp;
            }
        }
    }

    /// The settled number of an epoch; `None` if that epoch is over.
    async fn ask_settled(&self, link: &Link, epoch: &str) -> Result<Option<u64>, Fault> {
        let answer = self.control(link, &scripts::SETTLED, [epoch.into()]).await?;
        let mut answer = Parts::of(answer)?;
        if answer.number()? == 0 {
            return Ok(None);
        }
        let settled = answer.number()?;
        self.settle(epoch, settled);
        Ok(Some(settled))
    }
}
