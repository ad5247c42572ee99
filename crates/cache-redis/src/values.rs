//! The calls about one value.

use std::{sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use fred::types::Value;
use gatewayz_cache_core::{Acquired, FillLease, Filled, Intent, SharedError, SharedKey, Stored, UnixMillis};

use crate::{
    answer::{Parts, bytes, number},
    config::ValueFormat,
    envelope::{self, Damage, Decoding, Encoding},
    fault::{Fault, Kind},
    inner::{Inner, random_word},
    link::{Lane, Link, Request},
    scripts,
    seen::LARGE,
    stats::Op,
};

/// As much of a value as tells it from another one.
const HEAD: usize = 160;

/// What a script that looks for a value says.
const NOTHING: u64 = 0;
const VALUE: u64 = 1;
const WRONG_TYPE: u64 = 2;
const GRANTED: u64 = 3;
const BUSY: u64 = 4;

fn flag(set: bool) -> Value {
    Value::from(if set { "1" } else { "0" })
}

fn millis(duration: Duration) -> Value {
    Value::from(i64::try_from(duration.as_millis().max(1)).unwrap_or(i64::MAX))
}

impl Inner {
    fn is_plain(&self) -> bool {
        self.config.value_format == ValueFormat::Plain
    }

    pub(crate) async fn get(&self, key: &SharedKey) -> Result<Option<Stored>, SharedError> {
        let link = self.gate_to_values()?;
        let place = self.names.value(&key.name);
        let lane = self.lane(&key.name);
        if key.coherent {
            let args = vec![flag(true), flag(self.is_plain())];
            let answer = self
                .script(
                    Op::Get,
                    (&link, lane),
                    &scripts::READ,
                    vec![place.as_str().into()],
                    args,
                )
                .await?;
            return self.found(&link, key, Parts::of(answer)?).await;
        }
        // Nobody has to vouch for the value: a plain command costs the server a fifth of a script.
        let request = Request::new("GET", &place, vec![place.as_str().into()]);
        match self.call(Op::Get, &link, lane, request).await {
            Ok(Value::Null) => Ok(None),
            Ok(value) => {
                let value = bytes(value)?;
                let left = if envelope::is_framed(&value) {
                    0
                } else {
                    let request = Request::new("PTTL", &place, vec![place.as_str().into()]);
                    let left = self.call(Op::Get, &link, Lane::Commands, request).await?;
                    left.as_i64().unwrap_or(-1)
                };
                self.read(&link, key, value, left).await
            }
            Err(fault) if fault.kind == Kind::WrongType => {
                self.meters.damaged(Damage::Type);
                let request = Request::new("UNLINK", &place, vec![place.as_str().into()]);
                self.call(Op::Discard, &link, Lane::Commands, request).await?;
                Ok(None)
            }
            Err(fault) => Err(fault.into()),
        }
    }

    /// What a script that looks for a value found, read.
    async fn found(&self, link: &Link, key: &SharedKey, mut answer: Parts) -> Result<Option<Stored>, SharedError> {
        match answer.number()? {
            NOTHING => Ok(None),
            WRONG_TYPE => {
                self.meters.damaged(Damage::Type);
                Ok(None)
            }
            VALUE => self.found_value(link, key, answer).await,
            _ => Err(Fault::protocol("an unknown answer of a script").into()),
        }
    }

    async fn found_value(
        &self,
        link: &Link,
        key: &SharedKey,
        mut answer: Parts,
    ) -> Result<Option<Stored>, SharedError> {
        let value = answer.bytes()?;
        let left = answer.value().as_i64().unwrap_or(0);
        self.read(link, key, value, left).await
    }

    /// Reads a value that expires in `left` milliseconds. One that cannot be read is counted and deleted.
    async fn read(&self, link: &Link, key: &SharedKey, value: Bytes, left: i64) -> Result<Option<Stored>, SharedError> {
        match self.understand(key, &value, left).await {
            Ok(stored) => {
                self.note_seen(key, &value, &stored);
                Ok(Some(stored))
            }
            Err(damage) => {
                self.meters.damaged(damage);
                let head = value.slice(..value.len().min(HEAD));
                let length = i64::try_from(value.len()).unwrap_or(i64::MAX);
                self.script(
                    Op::Discard,
                    (link, Lane::Commands),
                    &scripts::DISCARD,
                    vec![self.names.value(&key.name).into()],
                    vec![length.into(), Value::Bytes(head)],
                )
                .await?;
                Ok(None)
            }
        }
    }

    fn note_seen(&self, key: &SharedKey, value: &Bytes, stored: &Stored) {
        let ttl = u64::try_from(stored.ttl.as_millis()).unwrap_or(u64::MAX);
        let expires = UnixMillis(stored.source_time.0.saturating_add(ttl));
        self.seen.note(&key.name, value.len(), expires, self.time().wall());
    }

    async fn understand(&self, key: &SharedKey, value: &Bytes, left: i64) -> Result<Stored, Damage> {
        if !envelope::is_framed(value) && envelope::is_plain(value, self.is_plain()) {
            return self.understand_plain(key, value, left);
        }
        let decoding = Decoding {
            schema: key.schema,
            largest: self.config.largest_value,
        };
        if value.len() <= LARGE {
            return envelope::decode(value, decoding);
        }
        let value = value.clone();
        off_thread(move || envelope::decode(&value, decoding))
            .await
            .unwrap_or(Err(Damage::Format))
    }

    /// A value of the earlier system says nothing of itself: its age is what its keyspace's ttl has lost until it
    /// expires.
    fn understand_plain(&self, key: &SharedKey, value: &Bytes, left: i64) -> Result<Stored, Damage> {
        let left = match u64::try_from(left) {
            Ok(left) => Duration::from_millis(left),
            Err(_negative) => return Err(Damage::Endless),
        };
        if value.len() > self.config.largest_value {
            return Err(Damage::Size);
        }
        if key.coherent && !self.warned_plain.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "plain values are taken in coherent keyspaces: one that outlived a failover may come back until it expires"
            );
        }
        let age = key.ttl.saturating_sub(left);
        Ok(Stored {
            payload: Some(value.clone()),
            source_time: self.time().wall().before(age),
            // One that expires later than our own would is as good as new, and ends when it expires.
            ttl: key.ttl.max(left),
            stale: key.stale,
        })
    }

    pub(crate) async fn acquire(
        &self,
        key: &SharedKey,
        intent: Intent,
        term: Duration,
    ) -> Result<Acquired, SharedError> {
        let link = self.gate_to_values()?;
        let mut fill = intent == Intent::Fill;
        loop {
            let token = random_word() + &random_word();
            let keys = vec![self.names.value(&key.name).into(), self.names.lease(&key.name).into()];
            let args = vec![
                flag(key.coherent),
                flag(self.is_plain()),
                flag(fill),
                token.as_str().into(),
                millis(term),
            ];
            let lane = self.lane(&key.name);
            let answer = self
                .script(Op::Acquire, (&link, lane), &scripts::ACQUIRE, keys, args)
                .await?;
            let mut answer = Parts::of(answer)?;
            match answer.number()? {
                VALUE => {
                    if let Some(stored) = self.found_value(&link, key, answer).await? {
                        return Ok(Acquired::Value(stored));
                    }
                    // It could not be read and is gone: ask for the lease, whatever has come in its place.
                    fill = false;
                }
                GRANTED => {
                    let granted_by = answer.text()?;
                    if answer.number()? == WRONG_TYPE {
                        self.meters.damaged(Damage::Type);
                    }
                    return Ok(Acquired::Lead(FillLease { token, granted_by }));
                }
                BUSY => return Ok(Acquired::Busy(Duration::from_millis(answer.number().unwrap_or(0)))),
                _ => return Err(Fault::protocol("an unknown answer of a script").into()),
            }
        }
    }

    pub(crate) async fn extend(&self, key: &SharedKey, lease: &FillLease, term: Duration) -> Result<bool, SharedError> {
        let link = self.gate()?;
        let keys = vec![self.names.lease(&key.name).into()];
        let args = vec![
            lease.token.as_str().into(),
            lease.granted_by.as_str().into(),
            millis(term),
        ];
        let answer = self
            .script(Op::Extend, (&link, Lane::Commands), &scripts::EXTEND, keys, args)
            .await?;
        Ok(number(&answer)? == 1)
    }

    pub(crate) async fn fill(&self, key: &SharedKey, lease: FillLease, stored: Stored) -> Result<Filled, SharedError> {
        let link = self.gate_to_values()?;
        let left = (stored.ttl).saturating_sub(self.time().wall().since(stored.source_time));
        if left < Duration::from_millis(1) {
            // Nothing is left of it: there is nothing to store.
            self.give_back(&link, key, &lease).await?;
            return Ok(Filled::Fenced);
        }
        let life = Stored {
            payload: None,
            ..stored
        };
        let value = if self.is_plain() {
            match stored.payload {
                Some(payload) => payload,
                // The plain form has no word for an absence; it is kept in memory only.
                None => {
                    let held = self.give_back(&link, key, &lease).await?;
                    return Ok(if held { Filled::Stored } else { Filled::Fenced });
                }
            }
        } else {
            self.encode(key, &lease, stored).await?
        };
        self.note_seen(key, &value, &life);
        let lane = if value.len() > LARGE {
            Lane::Bulk
        } else {
            Lane::Commands
        };
        let keys = vec![self.names.value(&key.name).into(), self.names.lease(&key.name).into()];
        let args = vec![
            lease.token.into(),
            lease.granted_by.into(),
            millis(left),
            self.names.filled.as_str().into(),
            key.name.as_str().into(),
            Value::Bytes(value),
        ];
        let answer = self.script(Op::Fill, (&link, lane), &scripts::FILL, keys, args).await?;
        Ok(if number(&answer)? == 1 {
            Filled::Stored
        } else {
            Filled::Fenced
        })
    }

    async fn encode(&self, key: &SharedKey, lease: &FillLease, stored: Stored) -> Result<Bytes, SharedError> {
        let encoding = Encoding {
            schema: key.schema,
            compress: self.config.compression,
        };
        if stored.payload.as_ref().is_none_or(|payload| payload.len() <= LARGE) {
            return Ok(envelope::encode(&stored, &lease.granted_by, encoding));
        }
        let identity = lease.granted_by.clone();
        off_thread(move || envelope::encode(&stored, &identity, encoding))
            .await
            .ok_or_else(|| Fault::protocol("the encoder was stopped").into())
    }

    pub(crate) async fn release(&self, key: &SharedKey, lease: &FillLease) -> Result<(), SharedError> {
        let link = self.gate()?;
        self.give_back(&link, key, lease).await?;
        Ok(())
    }

    /// Gives a lease back; `false` if it was void.
    async fn give_back(&self, link: &Link, key: &SharedKey, lease: &FillLease) -> Result<bool, SharedError> {
        let keys = vec![self.names.lease(&key.name).into()];
        let args = vec![
            lease.token.as_str().into(),
            self.names.filled.as_str().into(),
            key.name.as_str().into(),
        ];
        let answer = self
            .script(Op::Release, (link, Lane::Commands), &scripts::RELEASE, keys, args)
            .await?;
        Ok(number(&answer)? == 1)
    }

    pub(crate) async fn discard(&self, key: &SharedKey) -> Result<(), SharedError> {
        let link = self.gate()?;
        let place = self.names.value(&key.name);
        let request = Request::new("UNLINK", &place, vec![place.as_str().into()]);
        self.call(Op::Discard, &link, Lane::Commands, request).await?;
        Ok(())
    }
}

/// Runs what takes milliseconds away from the runtime's own threads; `None` if the runtime ends first.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    #[expect(
        clippy::disallowed_methods,
        reason = "compression of megabytes holds a thread for milliseconds; fills bound how many run at once"
    )]
    let task = tokio::task::spawn_blocking(work);
    task.await.ok()
}
