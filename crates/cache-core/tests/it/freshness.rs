use std::time::Duration;

use gatewayz_cache_core::{CacheStatus, Jitter, Keyspace, Pace, Policy, Refreshed, UnixMillis};
use gatewayz_testkit::{Behaviour, Gate, ManualClock, Op};

use crate::support::{Answer, Bed, POLICY, TTL, USERS, Users, got, secs, settle, until, user, version};

const STALE: Keyspace = keyspace(POLICY.with_stale(TTL));

const fn keyspace(policy: Policy) -> Keyspace {
    Keyspace { policy, ..USERS }
}

fn status(answer: &Answer) -> CacheStatus {
    answer.as_ref().expect("an answer").status
}

fn age(answer: &Answer) -> Duration {
    answer.as_ref().expect("an answer").age()
}

async fn read(users: &Users, bed: &Bed) -> Answer {
    users.get_or_load("ann", &bed.source).await
}

/// Waits until all refreshes that were started have ended.
async fn refreshed(users: &Users, loads: u64, bed: &Bed) {
    until(|| bed.source.loads() == loads && users.stats().warmer.in_flight == 0).await;
    settle().await;
}

#[tokio::test]
async fn a_fresh_value_is_served_from_memory_and_asks_nobody() {
    let bed = Bed::new();
    let node = bed.node();
    assert_eq!(status(&node.read("ann").await), CacheStatus::Fill);
    let gets = bed.cluster.calls(Op::Get);
    bed.clock.advance(secs(79));
    for _ in 0..10 {
        let answer = node.read("ann").await;
        assert_eq!((status(&answer), age(&answer)), (CacheStatus::LocalHit, secs(79)));
    }
    settle().await;
    assert_eq!((bed.source.loads(), bed.cluster.calls(Op::Get)), (1, gets));
}

#[tokio::test]
async fn a_hit_in_the_last_fifth_starts_exactly_one_refresh() {
    let bed = Bed::new();
    let users = bed.alone();
    assert_eq!(got(&read(&users, &bed).await), 0);
    bed.source.write(&user("ann"));
    bed.clock.advance(secs(80));
    let gate = bed.source.gate_then_read();
    for _ in 0..50 {
        let answer = read(&users, &bed).await;
        assert_eq!((status(&answer), got(&answer)), (CacheStatus::LocalHit, 0));
        settle().await;
    }
    gate.open();
    refreshed(&users, 2, &bed).await;
    let answer = read(&users, &bed).await;
    assert_eq!(
        (status(&answer), got(&answer), age(&answer)),
        (CacheStatus::LocalHit, 1, secs(0))
    );
    assert_eq!((bed.source.loads(), users.stats().warmer.refreshes), (2, 1));
}

#[tokio::test]
async fn without_refresh_ahead_the_last_fifth_is_like_the_first() {
    let bed = Bed::new();
    let users = bed.alone_of(keyspace(POLICY.without_refresh_ahead()));
    assert_eq!(got(&read(&users, &bed).await), 0);
    bed.clock.advance(secs(99));
    assert_eq!(status(&read(&users, &bed).await), CacheStatus::LocalHit);
    settle().await;
    assert_eq!(bed.source.loads(), 1);
}

#[tokio::test]
async fn a_stale_value_is_served_while_one_refresh_runs() {
    let bed = Bed::new();
    let users = bed.alone_of(STALE);
    assert_eq!(got(&read(&users, &bed).await), 0);
    bed.source.write(&user("ann"));
    bed.clock.advance(secs(199));
    let gate = bed.source.gate_then_read();
    for _ in 0..50 {
        let answer = read(&users, &bed).await;
        assert_eq!((status(&answer), got(&answer)), (CacheStatus::StaleHit, 0));
    }
    gate.open();
    refreshed(&users, 2, &bed).await;
    assert_eq!(got(&read(&users, &bed).await), 1);
    assert_eq!((bed.source.loads(), users.stats().local.stale_hits), (2, 50));
}

#[tokio::test]
async fn a_value_is_never_served_past_its_ttl_and_stale_window() {
    for (keyspace, end) in [(USERS, secs(100)), (STALE, secs(200))] {
        let bed = Bed::new();
        let users = bed.alone_of(keyspace);
        assert_eq!(got(&read(&users, &bed).await), 0);
        bed.source.write(&user("ann"));
        bed.clock.advance(end);
        assert!(users.peek("ann").is_none());
        let answer = read(&users, &bed).await;
        assert_eq!((status(&answer), got(&answer)), (CacheStatus::Fill, 1));
    }
}

#[tokio::test]
async fn past_its_end_a_value_is_not_served_even_when_the_source_fails() {
    let bed = Bed::new();
    let users = bed.alone_of(STALE);
    assert_eq!(got(&read(&users, &bed).await), 0);
    bed.source.set(Behaviour::Fail);
    bed.clock.advance(secs(199));
    assert_eq!(
        got(&read(&users, &bed).await),
        0,
        "inside the window it is better than an error"
    );
    refreshed(&users, 2, &bed).await;
    bed.clock.advance(secs(1));
    assert!(read(&users, &bed).await.is_err());
}

#[tokio::test]
async fn a_refresh_that_failed_is_counted_and_comes_again_after_the_interval() {
    let bed = Bed::new();
    let users = bed.alone_of(STALE);
    assert_eq!(got(&read(&users, &bed).await), 0);
    bed.source.set(Behaviour::Fail);
    bed.clock.advance(secs(80));
    assert_eq!(got(&read(&users, &bed).await), 0);
    refreshed(&users, 2, &bed).await;
    bed.clock.advance(secs(29));
    assert_eq!(got(&read(&users, &bed).await), 0);
    settle().await;
    assert_eq!(bed.source.loads(), 2, "not twice within the interval of 30 seconds");
    bed.clock.advance(secs(1));
    assert_eq!(got(&read(&users, &bed).await), 0);
    refreshed(&users, 3, &bed).await;
    assert_eq!(users.stats().warmer.errors, 2);
}

#[tokio::test]
async fn a_refresh_is_skipped_within_the_interval_unless_forced() {
    let bed = Bed::new();
    let users = bed.alone();
    let refresh = async |pace| users.refresh("ann", &bed.source, pace).await.expect("a value");
    assert!(matches!(refresh(Pace::Interval).await, Refreshed::Done(_)));
    assert!(matches!(refresh(Pace::Interval).await, Refreshed::Skipped));
    let new = bed.source.write(&user("ann"));
    let Refreshed::Done(found) = refresh(Pace::Force).await else {
        panic!("a forced refresh is done")
    };
    assert_eq!(version(&found), Some(new));
    bed.clock.advance(secs(30));
    assert!(matches!(refresh(Pace::Interval).await, Refreshed::Done(_)));
    assert_eq!(bed.source.loads(), 3);
    let warmer = users.stats().warmer;
    assert_eq!((warmer.refreshes, warmer.skipped, warmer.in_flight), (3, 1, 0));
}

#[tokio::test]
async fn refreshes_at_once_coalesce_into_one_load() {
    let bed = Bed::new();
    let users = bed.alone();
    let gate = bed.source.gate_then_read();
    let refreshes: Vec<_> = (0..20)
        .map(|_| {
            let (users, source) = (users.clone(), bed.source.clone());
            tokio::spawn(async move { users.refresh("ann", &source, Pace::Force).await })
        })
        .collect();
    gate.reached(1).await;
    until(|| users.stats().warmer.coalesced == 19).await;
    gate.open();
    let mut done = 0;
    for refresh in refreshes {
        match refresh.await.expect("no panic").expect("a value") {
            Refreshed::Done(_) => done += 1,
            other => assert!(matches!(other, Refreshed::Coalesced(_))),
        }
    }
    assert_eq!((done, bed.source.loads()), (1, 1));
}

#[tokio::test]
async fn a_refresh_that_fails_leaves_the_old_value() {
    let bed = Bed::new();
    let node = bed.node();
    assert_eq!(got(&node.read("ann").await), 0);
    bed.source.set(Behaviour::Fail);
    let failed = node.users.refresh("ann", &bed.source, Pace::Force).await;
    assert!(failed.is_err());
    assert_eq!((node.peek("ann"), bed.stored_version("users:ann")), (Some(0), Some(0)));
    assert!(!bed.cluster.is_leased("users:ann"));
}

#[tokio::test]
async fn a_forced_refresh_replaces_the_value_in_both_tiers() {
    let bed = Bed::new();
    let node = bed.node();
    assert_eq!(got(&node.read("ann").await), 0);
    let new = bed.source.write(&user("ann"));
    bed.clock.advance(secs(10));
    let done = node
        .users
        .refresh("ann", &bed.source, Pace::Force)
        .await
        .expect("a value");
    assert!(matches!(done, Refreshed::Done(found) if version(&found) == Some(new)));
    assert_eq!(
        (node.peek("ann"), bed.stored_version("users:ann")),
        (Some(new), Some(new))
    );
    assert_eq!(bed.cluster.expires_in("users:ann"), Some(TTL));
}

#[tokio::test]
async fn a_forced_refresh_loads_also_where_only_the_shared_tier_has_the_value() {
    let bed = Bed::new();
    let (one, two) = (bed.node(), bed.node());
    assert_eq!(got(&one.read("ann").await), 0);
    let new = bed.source.write(&user("ann"));
    let done = two
        .users
        .refresh("ann", &bed.source, Pace::Force)
        .await
        .expect("a value");
    assert!(matches!(done, Refreshed::Done(found) if version(&found) == Some(new)));
}

#[tokio::test]
async fn two_nodes_whose_entries_age_together_refresh_once() {
    let bed = Bed::new();
    let (one, two) = (bed.node(), bed.node());
    for node in [&one, &two] {
        assert_eq!(got(&node.read("ann").await), 0);
    }
    bed.source.write(&user("ann"));
    bed.clock.advance(secs(85));
    let gate = bed.source.gate_then_read();
    for node in [&one, &two] {
        assert_eq!(got(&node.read("ann").await), 0);
    }
    gate.reached(1).await;
    settle().await;
    gate.open();
    for node in [&one, &two] {
        until(|| node.peek("ann") == Some(1)).await;
    }
    assert_eq!(bed.source.loads(), 2);
}

#[tokio::test]
async fn a_refresh_that_an_invalidation_overtakes_is_not_kept() {
    let bed = Bed::new();
    let node = bed.node();
    assert_eq!(got(&node.read("ann").await), 0);
    bed.clock.advance(secs(85));
    let gate = bed.source.read_then_gate();
    assert_eq!(got(&node.read("ann").await), 0);
    gate.reached(1).await;
    bed.source.write(&user("ann"));
    let reached = node.users.invalidate(["ann"]).await;
    assert_eq!(reached.as_str(), "acknowledged");
    gate.open();
    until(|| node.users.stats().warmer.in_flight == 0).await;
    assert_eq!((node.peek("ann"), bed.cluster.names().len()), (None, 0));
    bed.source.set(Behaviour::Answer);
    assert_eq!(got(&node.read("ann").await), 1);
}

#[tokio::test]
async fn no_refresh_is_under_way_after_it_failed_in_any_way() {
    for behaviour in [Behaviour::Fail, Behaviour::Panic, Behaviour::Absent] {
        let bed = Bed::new();
        let users = bed.alone();
        bed.source.set(behaviour);
        let refreshed = users.refresh("ann", &bed.source, Pace::Force).await;
        drop(refreshed);
        assert_eq!(users.stats().warmer.in_flight, 0);
    }
}

#[tokio::test]
async fn an_entry_keeps_its_age_when_another_node_takes_it_over() {
    let bed = Bed::new();
    let (one, two) = (bed.node(), bed.node());
    assert_eq!(got(&one.read("ann").await), 0);
    bed.clock.advance(secs(70));
    let promoted = two.read("ann").await;
    assert_eq!((status(&promoted), age(&promoted)), (CacheStatus::SharedHit, secs(70)));
    bed.clock.advance(secs(29));
    assert_eq!(age(&two.read("ann").await), secs(99));
    refreshed(&two.users, 2, &bed).await;

    let bed = Bed::new();
    let (one, two) = (bed.node(), bed.node());
    assert_eq!(got(&one.read("ann").await), 0);
    bed.clock.advance(secs(70));
    assert_eq!(status(&two.read("ann").await), CacheStatus::SharedHit);
    bed.clock.advance(secs(30));
    assert!(
        two.users.peek("ann").is_none(),
        "it expires by its age, not by when it came here"
    );
    assert_eq!(status(&two.read("ann").await), CacheStatus::Fill);
}

#[tokio::test]
async fn hits_never_extend_a_value_in_the_shared_tier() {
    let bed = Bed::new();
    let (one, two) = (bed.node(), bed.node());
    assert_eq!(got(&one.read("ann").await), 0);
    assert_eq!(bed.cluster.expires_in("users:ann"), Some(TTL));
    bed.clock.advance(secs(60));
    assert_eq!(got(&two.read("ann").await), 0);
    assert_eq!(got(&one.read("ann").await), 0);
    assert_eq!(bed.cluster.expires_in("users:ann"), Some(secs(40)));
}

#[tokio::test]
async fn jitter_shortens_freshness_and_moves_no_end() {
    let half = Jitter::percent(50).expect("at most 50");
    let bed = Bed::new();
    let users = bed.alone_of(keyspace(POLICY.with_stale(TTL).with_jitter(half)));
    let keys: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    for key in &keys {
        users.get_or_load(key, &bed.source).await.expect("an answer");
    }
    let stale = || {
        let found = keys.iter().filter_map(|key| users.peek(key));
        found.filter(|found| found.status == CacheStatus::StaleHit).count()
    };
    let held = || keys.iter().filter(|key| users.peek(key.as_str()).is_some()).count();
    bed.clock.advance(secs(49));
    assert_eq!(stale(), 0, "no more than half is taken away");
    bed.clock.advance(secs(26));
    let in_between = stale();
    assert!(
        in_between > 20 && in_between < 180,
        "{in_between} of 200 at three quarters"
    );
    bed.clock.advance(secs(25));
    assert_eq!(stale(), 200, "no freshness is longer than the ttl");
    bed.clock.advance(secs(99));
    assert_eq!(held(), 200, "the end is where it was");
    bed.clock.advance(secs(1));
    assert_eq!(held(), 0);
}

#[tokio::test]
async fn absence_is_remembered_only_where_the_policy_says_for_how_long() {
    let bed = Bed::new();
    let node = bed.node();
    bed.source.remove(&user("ann"));
    for loads in 1..4 {
        assert!(node.read("ann").await.expect("absence is no error").value.is_none());
        assert_eq!(bed.source.loads(), loads);
    }
    assert_eq!(bed.cluster.names().len(), 0);
    assert!(!bed.cluster.is_leased("users:ann"));
}

#[tokio::test]
async fn remembered_absence_is_shared_and_has_an_end_without_a_stale_window() {
    let bed = Bed::new();
    let negative = keyspace(POLICY.with_stale(TTL).with_negative(secs(10)));
    let (one, two) = (bed.node_of(negative), bed.node_of(negative));
    bed.source.remove(&user("ann"));
    let first = one.read("ann").await;
    assert_eq!(status(&first), CacheStatus::Fill);
    let other = two.read("ann").await;
    assert_eq!(status(&other), CacheStatus::SharedHit);
    assert!(other.expect("an answer").value.is_none());
    assert_eq!(bed.cluster.expires_in("users:ann"), Some(secs(10)));
    bed.clock.advance(secs(7));
    assert_eq!(status(&one.read("ann").await), CacheStatus::LocalHit);
    assert_eq!(bed.source.loads(), 1);
    bed.clock.advance(secs(3));
    bed.source.write(&user("ann"));
    assert_eq!(got(&one.read("ann").await), 1);
}

#[tokio::test]
async fn a_written_key_is_found_although_its_absence_was_remembered() {
    let bed = Bed::new();
    let negative = keyspace(POLICY.with_negative(secs(10)));
    let (one, two) = (bed.node_of(negative), bed.node_of(negative));
    bed.source.remove(&user("ann"));
    for node in [&one, &two] {
        assert!(node.read("ann").await.expect("absence is no error").value.is_none());
    }
    bed.source.write(&user("ann"));
    assert_eq!(one.users.invalidate(["ann"]).await.as_str(), "acknowledged");
    for node in [&one, &two] {
        assert_eq!(got(&node.read("ann").await), 1);
    }
}

#[tokio::test]
async fn a_loaders_own_ttl_counts_in_both_tiers() {
    let bed = Bed::new();
    let node = bed.node();
    bed.source.set_own_ttl(Some(secs(5)));
    assert_eq!(got(&node.read("ann").await), 0);
    assert_eq!(bed.cluster.expires_in("users:ann"), Some(secs(5)));
    bed.clock.advance(secs(3));
    assert_eq!(status(&node.read("ann").await), CacheStatus::LocalHit);
    bed.clock.advance(secs(2));
    assert_eq!(status(&node.read("ann").await), CacheStatus::Fill);
}

#[tokio::test]
async fn a_loaders_own_ttl_may_be_longer_than_any_clock() {
    let bed = Bed::new();
    let node = bed.node();
    bed.source.set_own_ttl(Some(Duration::MAX));
    assert_eq!(got(&node.read("ann").await), 0);
    bed.clock.advance(secs(10_000_000));
    assert_eq!(status(&node.read("ann").await), CacheStatus::LocalHit);
}

#[tokio::test]
async fn a_value_with_a_ttl_of_zero_is_served_to_those_who_wait_and_kept_nowhere() {
    let bed = Bed::new();
    let node = bed.node_of(STALE);
    bed.source.set_own_ttl(Some(Duration::ZERO));
    let gate = bed.source.gate_then_read();
    let readers: Vec<_> = (0..5).map(|_| node.spawn_read("ann")).collect();
    until(|| node.users.stats().local.misses == 5).await;
    gate.open();
    for reader in readers {
        assert_eq!(got(&reader.await.expect("no panic")), 0);
    }
    assert_eq!((node.peek("ann"), bed.cluster.names().len()), (None, 0));
    assert!(!bed.cluster.is_leased("users:ann"));
    assert_eq!(got(&node.read("ann").await), 0);
    assert_eq!(bed.source.loads(), 2);
}

#[tokio::test]
async fn an_absence_with_a_ttl_of_its_own_is_kept_only_where_absence_is_kept_at_all() {
    for (policy, loads) in [(POLICY, 2), (POLICY.with_negative(secs(10)), 1)] {
        let bed = Bed::new();
        let node = bed.node_of(keyspace(policy));
        bed.source.set(Behaviour::Absent);
        bed.source.set_own_ttl(Some(secs(50)));
        for _ in 0..2 {
            bed.clock.advance(secs(20));
            assert!(node.read("ann").await.expect("absence is no error").value.is_none());
        }
        assert_eq!(bed.source.loads(), loads);
    }
}

#[tokio::test]
async fn a_machine_whose_wall_is_wrong_neither_keeps_a_value_longer_nor_fails() {
    for wall in [-3_600_000_i64, 3_600_000] {
        let bed = Bed::new();
        let one = bed.node();
        assert_eq!(got(&one.read("ann").await), 0);
        bed.source.write(&user("ann"));
        let wrong = ManualClock::new();
        let shown = gatewayz_cache_core::Clock::wall(&wrong).0.saturating_add_signed(wall);
        wrong.set_wall(UnixMillis(shown));
        let tier = bed.cluster.node();
        let node = gatewayz_cache_core::Node::builder()
            .shared(tier)
            .time(&wrong)
            .build()
            .expect("no graph");
        let two: Users = node.cache(USERS).build().expect("a valid keyspace");
        let answer = two.get_or_load("ann", &bed.source).await;
        assert_eq!(got(&answer), 0, "what the shared tier holds is no older than its ttl");
        assert!(age(&answer) <= TTL, "{:?}", age(&answer));
        wrong.advance(TTL);
        assert!(two.peek("ann").is_none());
    }
}

#[tokio::test]
async fn the_time_that_a_load_takes_is_not_part_of_the_age_before_the_source_answered() {
    let bed = Bed::new();
    let node = bed.node();
    let gate = Gate::closed();
    bed.source.set(Behaviour::GateThenRead(gate.clone()));
    let reader = node.spawn_read("ann");
    gate.reached(1).await;
    bed.clock.advance(secs(1));
    gate.open();
    let answer = reader.await.expect("no panic");
    assert_eq!(age(&answer), secs(0));
    assert_eq!(bed.cluster.expires_in("users:ann"), Some(TTL));
}
