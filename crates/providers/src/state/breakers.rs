//! The circuit breakers of all providers, known to every node.

use std::{collections::HashMap, convert::Infallible, fmt, sync::Arc, time::Duration};

use foldhash::fast::RandomState;
use gatewayz_cache_core::{
    Cache, CacheKey, InvalidKeyspace, Jitter, Keyspace, Loaded, Node, Policy, Propagation, Tick, Time, UnixMillis,
    loader_fn,
};
use gatewayz_catalog::Slug;
use parking_lot::Mutex;
use tokio::time::timeout;

use super::{
    breaker::{Admission, Breaker, BreakerPolicy, BreakerState, Permit},
    replicated::Replicated,
    text::Text,
};

/// `circuit_breaker:{provider}:{state|failure_count|success_count|opened_at|probe}`: numbers bare, words in quotes.
const BREAKERS: Keyspace = Keyspace::new(
    "circuit_breaker",
    Policy::new(Duration::from_secs(3600))
        .with_negative(Duration::from_secs(300))
        .with_jitter(Jitter::NONE)
        .without_refresh_ahead()
        .with_timeouts(Duration::from_millis(50), Duration::from_secs(2)),
);
/// A probe that does not come back is given up after this.
const PROBE_TERM: Duration = Duration::from_secs(30);
/// Who is refused because another one probes may ask again after this.
const PROBED: Duration = Duration::from_secs(1);
/// The shared tier is not waited for longer when a probe is claimed or given back.
const CLAIM_LIMIT: Duration = Duration::from_millis(250);

/// One shared part of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Part {
    State,
    FailureCount,
    SuccessCount,
    OpenedAt,
    Probe,
}

impl Part {
    const ALL: [Self; 5] = [
        Self::State,
        Self::FailureCount,
        Self::SuccessCount,
        Self::OpenedAt,
        Self::Probe,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::FailureCount => "failure_count",
            Self::SuccessCount => "success_count",
            Self::OpenedAt => "opened_at",
            Self::Probe => "probe",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key(Slug, Part);

impl CacheKey for Key {
    fn encode(&self, out: &mut String) {
        out.push_str(self.0.as_str());
        out.push(':');
        out.push_str(self.1.as_str());
    }

    fn decode(part: &str) -> Option<Self> {
        let (slug, part) = part.split_once(':')?;
        let part = Part::ALL.into_iter().find(|known| known.as_str() == part)?;
        Some(Self(Slug::new(slug).ok()?, part))
    }

    fn heap_size(&self) -> usize {
        self.0.as_str().len()
    }
}

/// A circuit breaker per provider. Its state is shared; the calls of the last minute each node counts for itself.
///
/// Half-open, one call at a time goes through in the whole cluster, as long as the shared tier answers; without it, one
/// per node.
#[derive(Clone)]
pub struct Breakers(Arc<Inner>);

struct Inner {
    policy: BreakerPolicy,
    time: Time,
    own: Mutex<HashMap<Slug, Breaker, RandomState>>,
    shared: Replicated<Key, String>,
    cache: Cache<Key, String>,
}

/// A breaker as it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerView {
    /// Whether calls go through.
    pub state: BreakerState,
    /// Failures in a row.
    pub failure_count: u32,
    /// Successful probes in a row.
    pub success_count: u32,
    /// When it opened last, while it is not closed.
    pub opened_at: Option<UnixMillis>,
    /// For how long calls are refused from now on; zero where one may go.
    pub retry_in: Duration,
    /// How many calls this node made within the window in which failures are counted.
    pub recent_calls: u32,
    /// How many of those failed.
    pub recent_failures: u32,
}

impl Breakers {
    pub(crate) fn new(node: &Node, time: Time, policy: BreakerPolicy) -> Result<Self, InvalidKeyspace> {
        let cache: Cache<Key, String> = node.cache(BREAKERS).codec(Text).build()?;
        Ok(Self(Arc::new(Inner {
            policy,
            time: time.clone(),
            own: Mutex::default(),
            shared: Replicated::new(cache.clone(), time),
            cache,
        })))
    }

    /// Asks whether a call may go. In the normal case one look-up in memory.
    ///
    /// # Errors
    ///
    /// How long to wait, when it may not.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future after a probe was claimed keeps others from probing for half a minute.
    pub async fn admit(&self, provider: &Slug) -> Result<Permit, Duration> {
        let inner = &*self.0;
        inner.learn(provider).await;
        match inner.with(provider, |breaker, now| breaker.ask(now)) {
            Admission::Pass(permit) => Ok(permit),
            Admission::Reject(left) => Err(left),
            Admission::Probe => {
                if !inner.claim(provider).await {
                    return Err(PROBED);
                }
                let (permit, begun) = inner.with(provider, |breaker, _| {
                    let before = breaker.state();
                    (breaker.probe(), breaker.state() != before)
                });
                if begun {
                    let _told_later_where_deferred = inner.publish(provider).await;
                }
                Ok(permit)
            }
        }
    }

    /// Tells how a call ended. What was wrong with the request itself is no failure.
    pub async fn record(&self, provider: &Slug, permit: Permit, success: bool) {
        let inner = &*self.0;
        if !success || permit.probe {
            // Others may have seen outcomes that this node has not.
            inner.learn_counts(provider).await;
        }
        if inner.with(provider, |breaker, now| breaker.record(permit, success, now)) {
            let _told_later_where_deferred = inner.publish(provider).await;
        }
        if permit.probe {
            inner.release(provider).await;
        }
    }

    /// Gives a permit back unused.
    pub async fn give_back(&self, provider: &Slug, permit: Permit) {
        if permit.probe {
            self.0.release(provider).await;
        }
    }

    /// Closes a breaker. Says whether every node knows.
    pub async fn reset(&self, provider: &Slug) -> Propagation {
        let inner = &*self.0;
        inner.own.lock().insert(provider.clone(), Breaker::new(inner.policy));
        let told = inner.publish(provider).await;
        inner.release(provider).await;
        told
    }

    /// A breaker as it stands.
    pub async fn view(&self, provider: &Slug) -> BreakerView {
        let inner = &*self.0;
        inner.learn(provider).await;
        inner.learn_counts(provider).await;
        let wall = inner.time.wall();
        inner.with(provider, |breaker, now| {
            let (recent_calls, recent_failures) = breaker.recent(now);
            BreakerView {
                state: breaker.state(),
                failure_count: breaker.failures(),
                success_count: breaker.successes(),
                opened_at: (breaker.state() != BreakerState::Closed).then(|| wall.before(now.since(breaker.opened()))),
                retry_in: match breaker.ask(now) {
                    Admission::Reject(left) => left,
                    Admission::Pass(_) | Admission::Probe => Duration::ZERO,
                },
                recent_calls,
                recent_failures,
            }
        })
    }
}

impl Inner {
    fn with<T>(&self, provider: &Slug, change: impl FnOnce(&mut Breaker, Tick) -> T) -> T {
        let now = self.time.now();
        let mut own = self.own.lock();
        match own.get_mut(provider) {
            Some(breaker) => change(breaker, now),
            None => change(
                own.entry(provider.clone()).or_insert_with(|| Breaker::new(self.policy)),
                now,
            ),
        }
    }

    async fn part(&self, provider: &Slug, part: Part) -> Option<String> {
        let found = self.shared.read(&Key(provider.clone(), part)).await;
        found.map(|(value, _age)| value)
    }

    /// Takes over the state that the cluster knows.
    async fn learn(&self, provider: &Slug) {
        let state = self.part(provider, Part::State).await;
        let state = state.as_deref().and_then(BreakerState::parse).unwrap_or_default();
        if self.with(provider, |breaker, _| breaker.state() == state) {
            return;
        }
        let opened = self
            .part(provider, Part::OpenedAt)
            .await
            .and_then(|text| read_time(&text));
        let wall = self.time.wall();
        self.with(provider, |breaker, now| {
            // A clock that is ahead opens it no longer than from now on.
            let age = opened.map_or(Duration::ZERO, |opened| wall.since(opened));
            breaker.adopt(state, now.before(age));
        });
    }

    async fn learn_counts(&self, provider: &Slug) {
        let failures = self.part(provider, Part::FailureCount).await;
        let successes = self.part(provider, Part::SuccessCount).await;
        let number = |text: Option<String>| text?.parse().ok();
        let (failures, successes) = (number(failures), number(successes));
        self.with(provider, |breaker, _| breaker.adopt_counts(failures, successes));
    }

    /// Tells the cluster. The state comes last: who reads it finds the rest.
    async fn publish(&self, provider: &Slug) -> Propagation {
        let wall = self.time.wall();
        let (state, failures, successes, opened) = self.with(provider, |breaker, now| {
            let opened = wall.before(now.since(breaker.opened()));
            (breaker.state(), breaker.failures(), breaker.successes(), opened)
        });
        let opened = (state != BreakerState::Closed).then(|| write_time(opened));
        let parts = [
            (Part::FailureCount, Some(failures.to_string())),
            (Part::SuccessCount, Some(successes.to_string())),
            (Part::OpenedAt, opened),
            (Part::State, Some(state.as_str().to_owned())),
        ];
        let parts = parts.map(|(part, value)| (Key(provider.clone(), part), value));
        let differs = |(key, value): &(Key, Option<String>)| !self.shared.knows(key, value.as_ref());
        self.shared.write(parts.into_iter().filter(differs)).await
    }

    /// Claims the one probe: whoever fills the key has it.
    async fn claim(&self, provider: &Slug) -> bool {
        let token = format!("{:032x}", rand::random::<u128>());
        let mine = token.clone();
        let claim = loader_fn(move |_key| {
            let token = token.clone();
            async move { Ok::<_, Infallible>(Loaded::found(token).with_ttl(PROBE_TERM)) }
        });
        let key = Key(provider.clone(), Part::Probe);
        match timeout(CLAIM_LIMIT, self.cache.get_or_load(&key, &claim)).await {
            Ok(Ok(lookup)) => lookup.value.as_deref() == Some(&mine),
            _ => false,
        }
    }

    async fn release(&self, provider: &Slug) {
        let key = Key(provider.clone(), Part::Probe);
        // What is not done in time is done all the same.
        drop(timeout(CLAIM_LIMIT, self.cache.invalidate([&key])).await);
    }
}

/// Unix seconds with three decimals, as the earlier system wrote them.
fn write_time(time: UnixMillis) -> String {
    format!("{}.{:03}", time.0 / 1000, time.0 % 1000)
}

fn read_time(text: &str) -> Option<UnixMillis> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let millis: u64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    Some(UnixMillis(
        seconds.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(millis)?,
    ))
}

impl fmt::Debug for Breakers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breakers").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use gatewayz_cache_core::{CacheKey as _, UnixMillis};
    use gatewayz_catalog::Slug;

    use super::{BREAKERS, Key, Part, read_time, write_time};

    #[test]
    fn the_parts_stand_under_their_documented_names() {
        let key = |part| BREAKERS.shared_name(&Key(Slug::new("openrouter").unwrap(), part));
        assert_eq!(key(Part::State), "circuit_breaker:openrouter:state");
        assert_eq!(key(Part::FailureCount), "circuit_breaker:openrouter:failure_count");
        assert_eq!(key(Part::SuccessCount), "circuit_breaker:openrouter:success_count");
        assert_eq!(key(Part::OpenedAt), "circuit_breaker:openrouter:opened_at");
        for part in Part::ALL {
            let key = Key(Slug::new("x-1").unwrap(), part);
            let mut name = String::new();
            key.encode(&mut name);
            assert_eq!(Key::decode(&name), Some(key));
        }
        assert_eq!(Key::decode("x:ajar"), None);
    }

    #[test]
    fn times_are_read_back() {
        let time = UnixMillis(1_735_689_600_042);
        assert_eq!(write_time(time), "1735689600.042");
        assert_eq!(read_time("1735689600.042"), Some(time));
        assert_eq!(read_time("1735689600.0421234"), Some(time));
        assert_eq!(read_time("1735689600"), Some(UnixMillis(1_735_689_600_000)));
        assert_eq!(read_time("yesterday"), None);
        assert_eq!(read_time("1.é"), None);
    }
}
