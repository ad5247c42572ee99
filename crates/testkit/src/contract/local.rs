//! The laws of a local tier.

use std::{sync::Arc, time::Duration};

use gatewayz_cache_core::{Entry, Jitter, Lifetime, LocalTier, Origin, Policy, Tick};

/// Checks that a local tier keeps its contract. `make` gives an empty one each time, whose capacity is over 16 KiB and
/// at most 16 MiB.
///
/// # Panics
///
/// Where a law does not hold; the message says which.
pub fn local_tier<T: LocalTier<String, u64>>(make: impl Fn() -> T) {
    an_entry_is_held_as_it_was_given(&make());
    the_last_insert_of_a_key_counts(&make());
    a_removed_entry_is_gone_and_the_others_are_not(&make());
    retain_removes_what_it_refuses_and_nothing_else(&make());
    a_cleared_tier_is_empty(&make());
    any_text_is_a_key_of_its_own(&make());
    usage_grows_and_shrinks_with_what_is_held(&make());
    a_full_tier_evicts_and_stays_within_its_capacity(&make());
    an_overweight_entry_is_not_held_and_neither_is_the_one_it_replaces(&make());
    nothing_comes_back_after_a_removal_while_others_work(&make());
}

const POLICY: Policy = Policy::new(Duration::from_secs(60)).with_jitter(Jitter::NONE);

fn entry(value: Option<u64>, weight: u32) -> Entry<u64> {
    let lifetime = Lifetime {
        ttl: POLICY.ttl,
        stale: POLICY.stale,
    };
    let origin = Origin {
        age: Duration::ZERO,
        lifetime,
        weight,
    };
    Entry::new(value.map(Arc::new), origin, &POLICY, Tick::from_nanos(1 << 40), 0)
}

fn put(tier: &impl LocalTier<String, u64>, key: &str, value: u64) {
    tier.insert(key.to_owned(), entry(Some(value), 8));
}

fn value(tier: &impl LocalTier<String, u64>, key: &str) -> Option<u64> {
    tier.get(key).and_then(Entry::into_value).map(|value| *value)
}

fn an_entry_is_held_as_it_was_given(tier: &impl LocalTier<String, u64>) {
    assert!(tier.get("a").is_none(), "an empty tier holds nothing");
    let given = entry(Some(7), 100);
    tier.insert("a".to_owned(), given.clone());
    let held = tier.get("a");
    let same = held.as_ref().is_some_and(|held| {
        held.value() == given.value() && held.born() == given.born() && held.weight() == given.weight()
    });
    assert!(same, "what is held is what was given, ages and weight too: {held:?}");
    tier.insert("absent".to_owned(), entry(None, 0));
    let absent = tier.get("absent");
    assert!(
        absent.is_some_and(|entry| entry.value().is_none()),
        "a proven absence is held"
    );
}

fn the_last_insert_of_a_key_counts(tier: &impl LocalTier<String, u64>) {
    put(tier, "a", 1);
    put(tier, "a", 2);
    assert_eq!(value(tier, "a"), Some(2), "an insert replaces");
    assert_eq!(tier.usage().entries, 1, "a replaced entry is held no more");
}

fn a_removed_entry_is_gone_and_the_others_are_not(tier: &impl LocalTier<String, u64>) {
    put(tier, "a", 1);
    put(tier, "b", 2);
    tier.remove(&"a".to_owned());
    tier.remove(&"never there".to_owned());
    assert_eq!(value(tier, "a"), None, "a removed entry is gone");
    assert_eq!(value(tier, "b"), Some(2), "the other entry stays");
}

fn retain_removes_what_it_refuses_and_nothing_else(tier: &impl LocalTier<String, u64>) {
    for (key, number) in [("a:1", 1), ("a:2", 2), ("b:1", 3), ("", 4)] {
        put(tier, key, number);
    }
    tier.retain(|key| !key.starts_with("a:"));
    let left = ["a:1", "a:2", "b:1", ""].map(|key| value(tier, key));
    assert_eq!(
        left,
        [None, None, Some(3), Some(4)],
        "retain removes what it refuses, and nothing else"
    );
}

fn a_cleared_tier_is_empty(tier: &impl LocalTier<String, u64>) {
    put(tier, "a", 1);
    tier.clear();
    assert_eq!(value(tier, "a"), None, "a cleared tier holds nothing");
    let usage = tier.usage();
    assert_eq!(
        (usage.entries, usage.weight),
        (0, 0),
        "a cleared tier weighs nothing: {usage:?}"
    );
    put(tier, "a", 2);
    assert_eq!(value(tier, "a"), Some(2), "a cleared tier can be filled again");
}

fn any_text_is_a_key_of_its_own(tier: &impl LocalTier<String, u64>) {
    let keys = ["", " ", "a", "A", "a\0", "a:b", "a%3Ab", "é", "e\u{301}", "\u{10ffff}"];
    for (number, key) in (0..).zip(keys) {
        put(tier, key, number);
    }
    for (number, key) in (0..).zip(keys) {
        assert_eq!(value(tier, key), Some(number), "key {key:?} has a value of its own");
    }
}

fn usage_grows_and_shrinks_with_what_is_held(tier: &impl LocalTier<String, u64>) {
    let empty = tier.usage();
    assert_eq!(
        (empty.entries, empty.evictions),
        (0, 0),
        "a new tier is empty: {empty:?}"
    );
    tier.insert("a".to_owned(), entry(Some(1), 1_000));
    let one = tier.usage();
    assert_eq!(one.entries, 1, "one entry counts as one: {one:?}");
    assert!(one.weight >= 1_000, "an entry weighs at least what was said: {one:?}");
    tier.insert("a".to_owned(), entry(Some(1), 10));
    let lighter = tier.usage();
    assert!(
        lighter.weight < one.weight,
        "a lighter value makes the tier lighter: {lighter:?}"
    );
    tier.remove(&"a".to_owned());
    let none = tier.usage();
    assert_eq!(
        (none.entries, none.weight),
        (0, 0),
        "a removed entry weighs nothing: {none:?}"
    );
}

fn a_full_tier_evicts_and_stays_within_its_capacity(tier: &impl LocalTier<String, u64>) {
    let capacity = tier.usage().capacity;
    let weight = u32::try_from(capacity / 256).unwrap_or(u32::MAX);
    for number in 0..1_024_u64 {
        tier.insert(number.to_string(), entry(Some(number), weight));
        let usage = tier.usage();
        assert!(
            usage.weight <= capacity,
            "a tier never weighs more than its capacity: {usage:?}"
        );
    }
    let usage = tier.usage();
    assert!(
        usage.entries > 0 && usage.entries < 1_024,
        "a full tier holds some and not all: {usage:?}"
    );
    assert!(usage.evictions > 0, "evictions are counted: {usage:?}");
    let wrong = (0..1_024_u64).find(|number| value(tier, &number.to_string()).is_some_and(|held| held != *number));
    assert_eq!(wrong, None, "an evicted key's place never shows another's value");
}

fn an_overweight_entry_is_not_held_and_neither_is_the_one_it_replaces(tier: &impl LocalTier<String, u64>) {
    assert!(
        tier.usage().capacity < u64::from(u32::MAX),
        "the contract is run on a small tier"
    );
    tier.insert("heavy".to_owned(), entry(Some(1), u32::MAX));
    assert_eq!(value(tier, "heavy"), None, "an entry over the capacity is not held");
    put(tier, "a", 1);
    tier.insert("a".to_owned(), entry(Some(2), u32::MAX));
    assert_eq!(
        value(tier, "a"),
        None,
        "an entry over the capacity takes the old one away"
    );
    put(tier, "a", 3);
    assert_eq!(value(tier, "a"), Some(3), "its key can be held again");
}

fn nothing_comes_back_after_a_removal_while_others_work(tier: &impl LocalTier<String, u64>) {
    std::thread::scope(|scope| {
        for other in ["x", "y"] {
            scope.spawn(move || {
                for number in 0..2_000 {
                    put(tier, other, number);
                    value(tier, "a");
                    tier.retain(|key| key != other);
                    assert_eq!(value(tier, other), None, "nothing comes back after retain returned");
                }
            });
        }
        for number in 0..2_000 {
            put(tier, "a", number);
            tier.remove(&"a".to_owned());
            assert_eq!(value(tier, "a"), None, "nothing comes back after remove returned");
        }
    });
}
