//! What the tests stand on: a cluster in memory, a source that counts, a clock that the test moves.

use std::time::Duration;

use gatewayz_cache_core::{Cache, Invalidation, Jitter, Keyspace, LoadError, Lookup, Node, Policy, Propagation};
use gatewayz_testkit::{CountingSource, FakeCluster, FakeShared, ManualClock, SourceError, Versioned};
use tokio::task::JoinHandle;

pub(crate) const TTL: Duration = secs(100);
pub(crate) const POLICY: Policy = Policy::new(TTL).with_jitter(Jitter::NONE);
pub(crate) const USERS: Keyspace = Keyspace::new("users", POLICY);

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) type Users = Cache<String, Versioned>;
pub(crate) type Answer = Result<Lookup<Versioned>, LoadError>;

/// One server, one source and one clock for any number of nodes.
pub(crate) struct Bed {
    pub(crate) clock: ManualClock,
    pub(crate) cluster: FakeCluster,
    pub(crate) source: CountingSource,
}

impl Bed {
    /// Time moves only when the test moves it.
    pub(crate) fn new() -> Self {
        Self::on(ManualClock::new())
    }

    /// Ages and leases move along with tokio's paused clock.
    pub(crate) fn with_tokio() -> Self {
        Self::on(ManualClock::with_tokio())
    }

    fn on(clock: ManualClock) -> Self {
        Self {
            cluster: FakeCluster::on(&clock),
            source: CountingSource::new(),
            clock,
        }
    }

    pub(crate) fn node(&self) -> TestNode {
        self.node_of(USERS)
    }

    pub(crate) fn node_of(&self, keyspace: Keyspace) -> TestNode {
        let tier = self.cluster.node();
        let node = Node::builder()
            .shared(tier.clone())
            .time(&self.clock)
            .build()
            .expect("no graph");
        let users = node.cache(keyspace).build().expect("a valid keyspace");
        TestNode {
            node,
            tier,
            users,
            source: self.source.clone(),
        }
    }

    pub(crate) fn alone(&self) -> Users {
        self.alone_of(USERS)
    }

    pub(crate) fn alone_of(&self, keyspace: Keyspace) -> Users {
        let node = Node::builder().time(&self.clock).build().expect("no graph");
        node.cache(keyspace).build().expect("a valid keyspace")
    }

    /// The version that the shared tier holds.
    pub(crate) fn stored_version(&self, name: &str) -> Option<u64> {
        let payload = self.cluster.stored(name)?.payload?;
        let value: Versioned = serde_json::from_slice(&payload).expect("a stored value decodes");
        Some(value.version)
    }
}

/// A node with one cache of users.
pub(crate) struct TestNode {
    pub(crate) node: Node,
    pub(crate) tier: FakeShared,
    pub(crate) users: Users,
    source: CountingSource,
}

impl TestNode {
    pub(crate) async fn read(&self, key: &str) -> Answer {
        self.users.get_or_load(key, &self.source).await
    }

    pub(crate) fn spawn_read(&self, key: &str) -> JoinHandle<Answer> {
        spawn_read(&self.users, &self.source, key)
    }

    pub(crate) fn peek(&self, key: &str) -> Option<u64> {
        self.users.peek(key).and_then(|found| version(&found))
    }
}

pub(crate) fn spawn_read(users: &Users, source: &CountingSource, key: &str) -> JoinHandle<Answer> {
    let (users, source, key) = (users.clone(), source.clone(), key.to_owned());
    tokio::spawn(async move { users.get_or_load(&key, &source).await })
}

pub(crate) fn version(lookup: &Lookup<Versioned>) -> Option<u64> {
    lookup.value.as_ref().map(|value| value.version)
}

/// The version that was read, which must be there.
#[track_caller]
pub(crate) fn got(answer: &Answer) -> u64 {
    let lookup = answer.as_ref().expect("an answer");
    version(lookup).expect("a value")
}

/// The number of the load that failed, when the answer is the source's own error.
pub(crate) fn failed_load(answer: &Answer) -> Option<u64> {
    let error = answer.as_ref().err()?;
    error.loader::<SourceError>().map(|error| error.load)
}

pub(crate) fn user(name: &str) -> String {
    name.to_owned()
}

#[track_caller]
pub(crate) fn acknowledged(reached: Propagation) {
    assert_eq!(reached, Propagation::Acknowledged);
}

pub(crate) fn about(key: &str) -> Invalidation {
    Invalidation::new().key(&USERS, &key.to_owned())
}

/// Lets all other tasks run until `condition` holds. Moves no clock: a runtime with a task that yields is not idle.
#[track_caller]
pub(crate) fn until(condition: impl Fn() -> bool) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        for _ in 0..1_000_000 {
            if condition() {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("the condition at {caller} never held");
    }
}

/// Lets this much time pass on tokio's paused clock, with all that is due in it.
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Lets all tasks run that can, without moving time.
pub(crate) async fn settle() {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}
