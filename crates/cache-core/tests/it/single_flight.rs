use std::{convert::Infallible, sync::Arc};

use futures_util::future::join_all;
use gatewayz_cache_core::{CacheStatus, LoadError, Loaded, Pace, loader_fn};
use gatewayz_testkit::{Behaviour, Fault, Gate, Op, Versioned};
use tokio::time::Instant;

use crate::support::{
    Answer, Bed, POLICY, TestNode, USERS, failed_load, got, millis, pass, secs, settle, spawn_read, until, user,
    version,
};

async fn all(readers: Vec<tokio::task::JoinHandle<Answer>>) -> Vec<Answer> {
    join_all(readers)
        .await
        .into_iter()
        .map(|reader| reader.expect("a reader does not panic"))
        .collect()
}

fn misses(nodes: &[TestNode]) -> u64 {
    nodes.iter().map(|node| node.users.stats().local.misses).sum()
}

#[tokio::test]
async fn two_hundred_tasks_that_miss_a_key_load_it_once() {
    let bed = Bed::new();
    let users = bed.alone();
    let gate = bed.source.gate_then_read();
    let readers = (0..200).map(|_| spawn_read(&users, &bed.source, "ann")).collect();
    until(|| users.stats().local.misses == 200).await;
    gate.open();
    let answers = all(readers).await;
    assert!(answers.iter().all(|answer| got(answer) == 0));
    let leaders = answers
        .iter()
        .flatten()
        .filter(|found| found.status == CacheStatus::Fill);
    assert_eq!(leaders.count(), 1, "one asked, the others shared its load");
    assert_eq!(bed.source.loads(), 1);
    assert_eq!(users.stats().coalesced, 199);
}

#[tokio::test]
async fn eight_nodes_with_two_hundred_tasks_each_load_a_key_once() {
    let bed = Bed::new();
    let nodes: Vec<_> = (0..8).map(|_| bed.node()).collect();
    let gate = bed.source.gate_then_read();
    let readers = nodes.iter().flat_map(|node| (0..200).map(|_| node.spawn_read("ann")));
    let readers = readers.collect();
    until(|| misses(&nodes) == 1_600).await;
    gate.reached(1).await;
    gate.open();
    assert!(all(readers).await.iter().all(|answer| got(answer) == 0));
    assert_eq!((bed.source.loads(), bed.source.max_running()), (1, 1));
    assert!(nodes.iter().all(|node| node.peek("ann") == Some(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_nodes_on_several_threads_load_a_key_once_without_a_gate() {
    for _ in 0..20 {
        let bed = Bed::new();
        let nodes: Vec<_> = (0..8).map(|_| bed.node()).collect();
        let readers = nodes.iter().flat_map(|node| (0..50).map(|_| node.spawn_read("ann")));
        assert!(all(readers.collect()).await.iter().all(|answer| got(answer) == 0));
        assert_eq!(bed.source.loads(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_that_is_alone_loads_a_key_once_on_several_threads() {
    for _ in 0..100 {
        let bed = Bed::new();
        let users = bed.alone();
        let readers = (0..50).map(|_| spawn_read(&users, &bed.source, "ann")).collect();
        assert!(all(readers).await.iter().all(|answer| got(answer) == 0));
        assert_eq!(
            bed.source.loads(),
            1,
            "also for whoever looked just before the value came"
        );
    }
}

#[tokio::test]
async fn a_load_goes_on_when_its_caller_leaves() {
    let bed = Bed::new();
    let node = bed.node();
    let gate = bed.source.gate_then_read();
    let leader = node.spawn_read("ann");
    gate.reached(1).await;
    let waiter = node.spawn_read("ann");
    until(|| node.users.stats().local.misses == 2).await;
    leader.abort();
    assert!(leader.await.is_err());
    gate.open();
    assert_eq!(got(&waiter.await.expect("no panic")), 0);
    assert_eq!(bed.source.loads(), 1);
}

#[tokio::test]
async fn a_load_whose_every_caller_left_is_kept_in_both_tiers() {
    let bed = Bed::new();
    let node = bed.node();
    let gate = bed.source.gate_then_read();
    let leader = node.spawn_read("ann");
    gate.reached(1).await;
    leader.abort();
    gate.open();
    until(|| node.peek("ann") == Some(0)).await;
    assert_eq!(bed.stored_version("users:ann"), Some(0));
    assert_eq!(got(&node.read("ann").await), 0);
    assert_eq!(bed.source.loads(), 1);
}

#[tokio::test]
async fn a_waiter_that_leaves_disturbs_nobody() {
    let bed = Bed::new();
    let node = bed.node();
    let gate = bed.source.gate_then_read();
    let readers: Vec<_> = (0..10).map(|_| node.spawn_read("ann")).collect();
    until(|| node.users.stats().local.misses == 10).await;
    readers[5..].iter().for_each(tokio::task::JoinHandle::abort);
    gate.open();
    let answers = join_all(readers).await;
    let served = answers.iter().flatten().filter(|answer| answer.is_ok()).count();
    assert_eq!(served, 5);
    assert_eq!(bed.source.loads(), 1);
}

/// After a failed load no tier knows the key, nobody has the right to fill it, and the next caller loads anew.
async fn check_nothing_is_left_of_the_failure(bed: &Bed, node: &TestNode) {
    assert_eq!(node.peek("ann"), None);
    assert_eq!(bed.cluster.names(), Vec::<String>::new());
    assert!(
        !bed.cluster.is_leased("users:ann"),
        "the fill lease is given back at once"
    );
    assert_eq!(bed.source.running(), 0);
    bed.source.set(Behaviour::Answer);
    let failed = bed.source.loads();
    assert_eq!(got(&node.read("ann").await), 0);
    assert_eq!(bed.source.loads(), failed + 1);
}

#[tokio::test]
async fn a_loaders_error_reaches_every_waiter_and_is_not_remembered() {
    let bed = Bed::new();
    let node = bed.node();
    let gate = Gate::closed();
    bed.source.set(Behaviour::GateThenFail(gate.clone()));
    let readers = (0..50).map(|_| node.spawn_read("ann")).collect();
    until(|| node.users.stats().local.misses == 50).await;
    gate.open();
    let answers = all(readers).await;
    assert!(
        answers.iter().all(|answer| failed_load(answer) == Some(1)),
        "{answers:?}"
    );
    check_nothing_is_left_of_the_failure(&bed, &node).await;
}

#[tokio::test]
async fn a_loaders_panic_reaches_every_waiter_and_is_not_remembered() {
    let bed = Bed::new();
    let node = bed.node();
    bed.source.set(Behaviour::Panic);
    let readers = (0..50).map(|_| node.spawn_read("ann")).collect();
    let answers = all(readers).await;
    assert!(
        answers.iter().all(|answer| matches!(answer, Err(LoadError::Panicked))),
        "{answers:?}"
    );
    assert_eq!(bed.source.loads(), 1);
    check_nothing_is_left_of_the_failure(&bed, &node).await;
}

#[tokio::test]
async fn a_loader_that_panics_before_its_future_is_made_is_no_different() {
    let bed = Bed::new();
    let node = bed.node();
    let loader = loader_fn(|key: String| {
        assert!(key.is_empty(), "a panic in the call, not in the future");
        async { Ok::<_, Infallible>(Loaded::<Versioned>::absent()) }
    });
    let answer = node.users.get_or_load("ann", &loader).await;
    assert!(matches!(answer, Err(LoadError::Panicked)), "{answer:?}");
    check_nothing_is_left_of_the_failure(&bed, &node).await;
}

#[tokio::test(start_paused = true)]
async fn a_loader_that_hangs_is_given_up_after_the_load_timeout() {
    let bed = Bed::with_tokio();
    let policy = POLICY.with_timeouts(millis(100), secs(3)).with_fill_term(millis(500));
    let node = bed.node_of(gatewayz_cache_core::Keyspace { policy, ..USERS });
    bed.source.set(Behaviour::Hang);
    let begun = Instant::now();
    let readers = (0..50).map(|_| node.spawn_read("ann")).collect();
    let answers = all(readers).await;
    let timed_out = |answer: &Answer| matches!(answer, Err(LoadError::TimedOut(after)) if *after == secs(3));
    assert!(answers.iter().all(timed_out), "{answers:?}");
    assert!(begun.elapsed() < millis(3_010), "{:?}", begun.elapsed());
    assert_eq!(bed.source.loads(), 1);
    check_nothing_is_left_of_the_failure(&bed, &node).await;
}

#[tokio::test(start_paused = true)]
async fn a_load_that_takes_longer_than_the_fill_term_is_still_the_only_one() {
    let bed = Bed::with_tokio();
    let policy = POLICY.with_fill_term(secs(1)).with_timeouts(millis(100), secs(30));
    let keyspace = gatewayz_cache_core::Keyspace { policy, ..USERS };
    let (one, two) = (bed.node_of(keyspace), bed.node_of(keyspace));
    let gate = bed.source.gate_then_read();
    let readers = vec![one.spawn_read("ann"), two.spawn_read("ann")];
    gate.reached(1).await;
    pass(secs(20)).await;
    gate.open();
    assert!(all(readers).await.iter().all(|answer| got(answer) == 0));
    assert_eq!(bed.source.loads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_node_waits_for_anothers_load_no_longer_than_its_own_would_take() {
    let bed = Bed::with_tokio();
    let (slow, fast) = (
        bed.node_of(gatewayz_cache_core::Keyspace {
            policy: POLICY.with_timeouts(millis(100), secs(60)),
            ..USERS
        }),
        bed.node_of(gatewayz_cache_core::Keyspace {
            policy: POLICY.with_timeouts(millis(100), secs(5)),
            ..USERS
        }),
    );
    bed.source.set(Behaviour::Hang);
    let hung = slow.spawn_read("ann");
    bed.source.asked(1).await;
    bed.source.set(Behaviour::Answer);
    let begun = Instant::now();
    let answer = fast.read("ann").await;
    assert_eq!(got(&answer), 0);
    assert_eq!(answer.expect("an answer").status, CacheStatus::Degraded);
    assert!(
        begun.elapsed() >= secs(5) && begun.elapsed() < millis(5_200),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(
        fast.peek("ann"),
        None,
        "a load without the right to fill is kept nowhere"
    );
    assert_eq!(bed.cluster.names().len(), 0);
    bed.source.release();
    assert_eq!(got(&hung.await.expect("no panic")), 0);
}

#[tokio::test]
async fn after_an_error_the_other_nodes_ask_for_themselves_one_at_a_time() {
    let bed = Bed::new();
    let nodes: Vec<_> = (0..4).map(|_| bed.node()).collect();
    let gate = Gate::closed();
    bed.source.set(Behaviour::GateThenFail(gate.clone()));
    let readers = nodes.iter().flat_map(|node| (0..20).map(|_| node.spawn_read("ann")));
    let readers = readers.collect();
    until(|| misses(&nodes) == 80).await;
    gate.open();
    let answers = all(readers).await;
    assert!(answers.iter().all(|answer| failed_load(answer).is_some()));
    assert_eq!((bed.source.loads(), bed.source.max_running()), (4, 1));
}

#[test]
fn when_the_leading_node_dies_in_the_middle_of_its_load_there_are_exactly_two() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime")
    };
    let bed = Bed::new();
    let doomed = runtime();
    let gate = bed.source.gate_then_read();
    let dead = doomed.block_on(async {
        let node = bed.node();
        let reader = node.spawn_read("ann");
        gate.reached(1).await;
        drop(reader);
        node
    });
    // With its runtime go all tasks of the node: nobody gives the lease back.
    drop(doomed);
    dead.tier.kill();
    assert_eq!(bed.source.running(), 0);
    assert!(bed.cluster.is_leased("users:ann"));
    gate.open();
    runtime().block_on(async {
        let nodes: Vec<_> = (0..7).map(|_| bed.node()).collect();
        let readers = nodes.iter().flat_map(|node| (0..200).map(|_| node.spawn_read("ann")));
        let readers = readers.collect();
        until(|| misses(&nodes) == 1_400).await;
        assert_eq!(bed.source.loads(), 1, "the dead node's lease holds the others up");
        bed.clock.advance(POLICY.fill_term);
        assert!(all(readers).await.iter().all(|answer| got(answer) == 0));
    });
    assert_eq!(bed.source.loads(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_node_is_woken_by_the_fill_and_polls_when_the_notice_is_lost() {
    for lost in [false, true] {
        let bed = Bed::with_tokio();
        if lost {
            bed.cluster.lose_notices();
        }
        let (one, two) = (bed.node(), bed.node());
        let gate = bed.source.gate_then_read();
        let leader = one.spawn_read("ann");
        gate.reached(1).await;
        let waiter = two.spawn_read("ann");
        pass(millis(1_500)).await;
        let opened = Instant::now();
        gate.open();
        let answer = waiter.await.expect("no panic");
        assert_eq!(got(&answer), 0);
        assert_eq!(answer.expect("an answer").status, CacheStatus::SharedHit);
        assert!(
            opened.elapsed() <= millis(if lost { 100 } else { 1 }),
            "{:?}",
            opened.elapsed()
        );
        assert!(leader.await.is_ok_and(|answer| answer.is_ok()));
        assert_eq!(bed.source.loads(), 1);
    }
}

#[tokio::test]
async fn a_lookup_in_the_tiers_alone_does_not_take_a_reader_down() {
    let bed = Bed::new();
    let node = bed.node();
    let gate = Gate::closed();
    node.tier.fail_op(Op::Get, Fault::GateAnswer(gate.clone()));
    let looking = tokio::spawn({
        let users = node.users.clone();
        async move { users.get("ann").await }
    });
    gate.reached(1).await;
    bed.cluster.heal();
    let reader = node.spawn_read("ann");
    until(|| node.users.stats().local.misses >= 1).await;
    settle().await;
    gate.open();
    // The reader did not wait for it, so by now memory has what the shared tier had not.
    assert_eq!(looking.await.expect("no panic").as_ref().and_then(version), Some(0));
    assert_eq!(got(&reader.await.expect("no panic")), 0);
}

#[tokio::test]
async fn a_lookup_in_the_tiers_alone_that_is_dropped_does_not_take_a_reader_down() {
    let bed = Bed::new();
    let node = bed.node();
    let gate = Gate::closed();
    node.tier.fail_op(Op::Get, Fault::GateAnswer(gate.clone()));
    let looking = tokio::spawn({
        let users = node.users.clone();
        async move { users.get("ann").await }
    });
    gate.reached(1).await;
    bed.cluster.heal();
    let reader = node.spawn_read("ann");
    until(|| node.users.stats().local.misses >= 1).await;
    settle().await;
    looking.abort();
    assert_eq!(got(&reader.await.expect("no panic")), 0);
}

#[tokio::test]
async fn loads_of_different_keys_run_at_once_up_to_the_bound() {
    let bed = Bed::new();
    let policy = POLICY.with_max_loads(3);
    let users = bed.alone_of(gatewayz_cache_core::Keyspace { policy, ..USERS });
    let gate = bed.source.gate_then_read();
    let readers = (0..10).map(|number| spawn_read(&users, &bed.source, &number.to_string()));
    let readers: Vec<_> = readers.collect();
    until(|| users.stats().local.misses == 10).await;
    gate.reached(3).await;
    settle().await;
    assert_eq!(bed.source.running(), 3);
    gate.open();
    for (number, answer) in all(readers).await.into_iter().enumerate() {
        let value = answer.expect("an answer").value.expect("a value");
        assert_eq!(value.key, number.to_string());
    }
    assert_eq!((bed.source.loads(), bed.source.max_running()), (10, 3));
}

#[tokio::test]
async fn the_waiters_share_one_value_in_memory() {
    let bed = Bed::new();
    let users = bed.alone();
    let (first, second) = tokio::join!(
        users.get_or_load("ann", &bed.source),
        users.get_or_load("ann", &bed.source)
    );
    let (first, second) = (first.expect("an answer").value, second.expect("an answer").value);
    assert!(Arc::ptr_eq(&first.expect("a value"), &second.expect("a value")));
    assert_eq!(bed.source.loads_of(&user("ann")), 1);
}

#[tokio::test(start_paused = true)]
async fn many_lookups_in_the_tiers_alone_do_not_starve_a_reader() {
    let bed = Bed::with_tokio();
    let node = bed.node();
    bed.source.set(Behaviour::Fail);
    // Every lookup takes a moment, and nothing is ever there to be found.
    bed.cluster.fail_op(Op::Get, Fault::Slow(millis(1)));
    let lookups: Vec<_> = (0..20)
        .map(|_| {
            let users = node.users.clone();
            tokio::spawn(async move {
                for _ in 0..200 {
                    users.get("ann").await;
                }
            })
        })
        .collect();
    for _ in 0..20 {
        pass(millis(5)).await;
        let answer = node.read("ann").await;
        assert!(failed_load(&answer).is_some(), "the source was to be asked: {answer:?}");
    }
    lookups.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_refresh_beside_a_lookup_in_the_tiers_alone_is_done() {
    let bed = Bed::new();
    let node = bed.node();
    let gate = Gate::closed();
    node.tier.fail_op(Op::Get, Fault::GateAnswer(gate.clone()));
    let looking = tokio::spawn({
        let users = node.users.clone();
        async move { users.get("ann").await }
    });
    gate.reached(1).await;
    bed.cluster.heal();
    let refreshing = tokio::spawn({
        let (users, source) = (node.users.clone(), bed.source.clone());
        async move { users.refresh("ann", &source, Pace::Force).await }
    });
    settle().await;
    gate.open();
    // The refresh did not wait for it, so by now memory has what the shared tier had not.
    assert_eq!(looking.await.expect("no panic").as_ref().and_then(version), Some(0));
    let refreshed = refreshing.await.expect("no panic");
    assert!(refreshed.is_ok(), "{refreshed:?}");
    assert_eq!(bed.source.loads(), 1);
}

#[test]
fn when_the_runtime_of_a_load_goes_its_waiters_on_another_load_for_themselves() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
    };
    let bed = Bed::new();
    let users = bed.alone();
    let gate = bed.source.gate_then_read();
    let (doomed, other) = (runtime(), runtime());
    doomed.block_on(async {
        drop(spawn_read(&users, &bed.source, "ann"));
        gate.reached(1).await;
    });
    let waiter = {
        let _entered = other.enter();
        spawn_read(&users, &bed.source, "ann")
    };
    other.block_on(until(|| users.stats().local.misses == 2));
    drop(doomed);
    gate.open();
    let answer = other.block_on(waiter).expect("no panic");
    assert_eq!(got(&answer), 0);
    assert_eq!(bed.source.loads(), 2);
}
