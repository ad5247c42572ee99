use std::{sync::Arc, time::Duration};

use proptest::prelude::*;

use super::{Entry, Freshness, Lifetime, Origin};
use crate::{
    clock::Tick,
    keyspace::{Jitter, Policy},
};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const NOW: Tick = Tick::from_nanos(1 << 60);

fn entry(age: Duration) -> Entry<u8> {
    let policy = Policy::new(secs(100)).with_jitter(Jitter::NONE);
    let lifetime = Lifetime {
        ttl: secs(100),
        stale: secs(50),
    };
    Entry::new(
        Some(Arc::new(1)),
        Origin {
            age,
            lifetime,
            weight: 1,
        },
        &policy,
        NOW,
        0,
    )
}

#[track_caller]
fn check(age: u64, later: u64, expect: Freshness) {
    assert_eq!(entry(secs(age)).freshness(NOW.after(secs(later))), expect);
}

#[test]
fn a_value_ages_through_four_states() {
    check(0, 79, Freshness::Fresh);
    check(0, 80, Freshness::Aging);
    check(0, 100, Freshness::Stale);
    check(0, 149, Freshness::Stale);
    check(0, 150, Freshness::Expired);
}

#[test]
fn promotion_keeps_the_age() {
    check(70, 9, Freshness::Fresh);
    check(70, 10, Freshness::Aging);
    check(70, 30, Freshness::Stale);
    check(70, 80, Freshness::Expired);
    assert_eq!(entry(secs(70)).age(NOW.after(secs(5))), secs(75));
}

#[test]
fn a_value_that_arrives_expired_is_never_served() {
    check(150, 0, Freshness::Expired);
    check(1_000_000, 0, Freshness::Expired);
}

proptest! {
    #[test]
    fn no_jitter_serves_past_ttl_and_stale(
        age in 0u64..300, ttl in 1u64..200, stale in 0u64..100, chance in any::<u32>(), later in 0u64..300,
    ) {
        let policy = Policy::new(secs(ttl)).with_jitter(Jitter::percent(50).unwrap());
        let lifetime = Lifetime { ttl: secs(ttl), stale: secs(stale) };
        let entry = Entry::new(Some(Arc::new(())), Origin { age: secs(age), lifetime, weight: 1 }, &policy, NOW, chance);
        let freshness = entry.freshness(NOW.after(secs(later)));
        if age + later >= ttl + stale {
            prop_assert_eq!(freshness, Freshness::Expired);
        }
        if matches!(freshness, Freshness::Fresh | Freshness::Aging) {
            prop_assert!(age + later < ttl);
        }
    }
}
