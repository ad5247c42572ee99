use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use gatewayz_cache_core::{
    Acquired, Attachment, Filled, Intent, Invalidation, InvalidationSink, NodePort, Propagation, SharedError,
    SharedKey, SharedTier, Stored, Tick,
};
use parking_lot::Mutex;

use super::{FakeCluster, FakeShared, Fault, Op};
use crate::{ManualClock, source::Gate};

const TERM: Duration = Duration::from_secs(2);
const TTL: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
struct Ear {
    heard: Mutex<Vec<Invalidation>>,
    clears: Mutex<u32>,
}

impl InvalidationSink for Ear {
    fn apply(&self, invalidation: &Invalidation) {
        self.heard.lock().push(invalidation.clone());
    }
    fn clear_coherent(&self) {
        *self.clears.lock() += 1;
    }
    fn holds(&self, _name: &str) -> bool {
        false
    }
    fn prefixes(&self) -> Vec<String> {
        Vec::new()
    }
}

struct Bench {
    clock: ManualClock,
    cluster: FakeCluster,
}

struct Started {
    tier: FakeShared,
    ear: Arc<Ear>,
    attachment: Arc<Attachment>,
}

impl Bench {
    fn new() -> Self {
        let clock = ManualClock::new();
        let cluster = FakeCluster::on(&clock);
        Self { clock, cluster }
    }

    fn start(&self) -> Started {
        let tier = self.cluster.node();
        let (ear, attachment) = (Arc::new(Ear::default()), Arc::new(Attachment::detached()));
        tier.start(NodePort {
            sink: ear.clone(),
            attachment: attachment.clone(),
            time: self.clock.time(),
        });
        Started { tier, ear, attachment }
    }

    fn value(&self) -> Stored {
        Stored {
            payload: Some(Bytes::from_static(b"v")),
            source_time: gatewayz_cache_core::Clock::wall(&self.clock),
            ttl: TTL,
            stale: Duration::ZERO,
        }
    }
}

fn key() -> SharedKey {
    SharedKey {
        name: "k".to_owned(),
        schema: 1,
        coherent: true,
        ttl: Duration::from_secs(60),
        stale: Duration::ZERO,
    }
}

fn about_key() -> Invalidation {
    Invalidation::new().name("k")
}

#[tokio::test]
async fn a_lease_runs_out_by_the_clock_and_a_value_by_what_was_left_of_its_ttl() {
    let bench = Bench::new();
    let node = bench.start().tier;
    let Ok(Acquired::Lead(late)) = node.acquire(&key(), Intent::Fill, TERM).await else {
        panic!("the first leads")
    };
    bench.clock.advance(TERM);
    let Ok(Acquired::Lead(lease)) = node.acquire(&key(), Intent::Fill, TERM).await else {
        panic!("the term is over")
    };
    let value = bench.value();
    assert_eq!(node.fill(&key(), late, value.clone()).await.ok(), Some(Filled::Fenced));
    bench.clock.advance(TERM / 2);
    assert_eq!(node.fill(&key(), lease, value).await.ok(), Some(Filled::Stored));
    assert_eq!(bench.cluster.expires_in("k"), Some(TTL - TERM / 2));
    bench.clock.advance(TTL - TERM / 2);
    assert_eq!(node.get(&key()).await.ok(), Some(None));
}

#[tokio::test]
async fn an_invalidation_waits_for_the_nodes_whose_messages_are_held_but_not_for_detached_ones() {
    let bench = Bench::new();
    let (one, two) = (bench.start(), bench.start());
    bench.cluster.put("k", 1, bench.value());
    bench.cluster.hold_messages();
    let telling = tokio::spawn({
        let tier = one.tier.clone();
        async move { tier.invalidate(&about_key()).await }
    });
    while bench.cluster.held_messages() < 2 {
        tokio::task::yield_now().await;
    }
    assert!(!telling.is_finished());
    assert_eq!(bench.cluster.stored("k"), None);
    two.tier.detach();
    assert!(!two.attachment.holds(Tick::PAST));
    assert_eq!(bench.cluster.held_messages(), 1);
    bench.cluster.deliver();
    assert_eq!(telling.await.expect("no panic"), Propagation::Acknowledged);
    assert_eq!((one.ear.heard.lock().len(), two.ear.heard.lock().len()), (1, 0));
    two.tier.attach();
    assert!(two.attachment.holds(Tick::PAST));
    assert_eq!(*two.ear.clears.lock(), 2, "cleared at the start, and when it came back");
}

#[tokio::test]
async fn what_could_not_be_told_is_told_when_healed_and_its_node_gets_no_answer_until_then() {
    let bench = Bench::new();
    let (one, two) = (bench.start(), bench.start());
    bench.cluster.put("k", 1, bench.value());
    one.tier.fail_op(Op::Invalidate, Fault::Unavailable);
    assert_eq!(one.tier.invalidate(&about_key()).await, Propagation::Deferred);
    assert!(matches!(one.tier.get(&key()).await, Err(SharedError::Recovering)));
    assert!(two.tier.get(&key()).await.is_ok_and(|value| value.is_some()));
    bench.cluster.heal();
    assert_eq!(two.ear.heard.lock().as_slice(), &[about_key()]);
    assert_eq!(one.tier.get(&key()).await.ok(), Some(None));
}

#[tokio::test]
async fn after_a_restart_old_values_are_for_incoherent_keys_only() {
    let bench = Bench::new();
    let node = bench.start();
    bench.cluster.put("k", 1, bench.value());
    bench.cluster.restart();
    assert_eq!(node.tier.get(&key()).await.ok(), Some(None));
    let incoherent = SharedKey {
        coherent: false,
        ..key()
    };
    assert_eq!(node.tier.get(&incoherent).await.ok(), Some(Some(bench.value())));
    assert_eq!(*node.ear.clears.lock(), 2);
    assert!(node.attachment.holds(Tick::PAST));
}

#[tokio::test]
async fn a_damaged_value_is_a_miss_counted_and_deleted() {
    let bench = Bench::new();
    let node = bench.start().tier;
    bench.cluster.put("k", 1, bench.value());
    assert!(bench.cluster.damage("k"));
    assert!(!bench.cluster.damage("other"));
    assert_eq!(node.get(&key()).await.ok(), Some(None));
    assert_eq!((bench.cluster.unreadable(), bench.cluster.names().len()), (1, 0));
}

#[tokio::test]
async fn a_dead_node_leaves_its_lease_until_the_term_ends_and_keeps_nobody_waiting() {
    let bench = Bench::new();
    let (one, two) = (bench.start(), bench.start());
    assert!(matches!(
        one.tier.acquire(&key(), Intent::Fill, TERM).await,
        Ok(Acquired::Lead(_))
    ));
    one.tier.kill();
    assert!(one.tier.get(&key()).await.is_err());
    assert!(matches!(two.tier.acquire(&key(), Intent::Fill, TERM).await, Ok(Acquired::Busy(left)) if left == TERM));
    assert_eq!(
        two.tier.invalidate(&Invalidation::new().name("x")).await,
        Propagation::Acknowledged
    );
    assert_eq!(one.ear.heard.lock().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn each_fault_shows_as_it_says() {
    let bench = Bench::new();
    let node = bench.start().tier;
    let gate = Gate::closed();
    for (fault, kind) in [
        (Fault::Unavailable, "unavailable"),
        (Fault::Backpressure, "backpressure"),
        (Fault::Refused, "refused"),
        (Fault::Never(TERM), "timeout"),
        (Fault::Lost, "timeout"),
    ] {
        node.fail_op(Op::Get, fault);
        assert_eq!(node.get(&key()).await.map_err(|error| error.kind()), Err(kind));
    }
    node.fail_op(Op::Get, Fault::Gate(gate.clone()));
    let stopped = tokio::spawn({
        let node = node.clone();
        async move { node.get(&key()).await }
    });
    gate.reached(1).await;
    bench.cluster.put("k", 1, bench.value());
    gate.pass(1);
    assert_eq!(stopped.await.expect("no panic").ok(), Some(Some(bench.value())));
    assert_eq!(bench.cluster.calls(Op::Get), 6);
}

#[tokio::test]
async fn a_node_that_starts_while_cut_off_is_attached_when_healed() {
    let bench = Bench::new();
    bench.cluster.fail(Fault::Unavailable);
    let node = bench.start();
    assert!(!node.attachment.holds(Tick::PAST) && !node.tier.is_available());
    bench.cluster.heal();
    assert!(node.attachment.holds(Tick::PAST) && node.tier.is_available());
}
