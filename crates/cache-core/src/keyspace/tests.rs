use std::time::Duration;

use proptest::prelude::*;

use super::{InvalidKeyspace, Jitter, Keyspace, Policy};

const TTL: Duration = Duration::from_secs(900);

#[test]
fn names_are_the_documented_ones() {
    let provider = Keyspace::new("models:provider", Policy::new(TTL));
    let full = Keyspace::new("models:catalog:full", Policy::new(TTL));
    assert_eq!(
        provider.shared_name(&"openrouter".to_owned()),
        "models:provider:openrouter"
    );
    assert_eq!(full.shared_name(&()), "models:catalog:full");
    assert_eq!(
        provider.key::<String>("models:provider:openrouter").as_deref(),
        Some("openrouter")
    );
    assert_eq!(full.key::<()>("models:catalog:full"), Some(()));
}

#[test]
fn a_foreign_name_is_no_key() {
    let provider = Keyspace::new("models:provider", Policy::new(TTL));
    for name in ["models:provider", "models:providers:x", "models:x", ""] {
        assert_eq!(provider.key::<String>(name), None, "{name}");
    }
    assert_eq!(provider.key::<()>("models:provider:"), None);
}

#[track_caller]
fn refused(name: &'static str, policy: Policy) -> InvalidKeyspace {
    Keyspace::new(name, policy)
        .check()
        .expect_err("the keyspace is refused")
}

#[test]
fn a_keyspace_that_cannot_work_is_refused_by_name() {
    for name in ["", "a b", ":a", "a:", "{a}", "a*"] {
        assert_eq!(refused(name, Policy::new(TTL)), InvalidKeyspace::Name { name });
    }
    let name = "lease:x";
    assert_eq!(refused(name, Policy::new(TTL)), InvalidKeyspace::ReservedName { name });
}

#[test]
fn a_policy_that_contradicts_itself_is_refused() {
    let ok = Policy::new(TTL);
    assert!(Keyspace::new("a", ok).check().is_ok());
    for policy in [
        Policy::new(Duration::ZERO),
        ok.with_negative(Duration::ZERO),
        ok.with_max_loads(0),
        ok.with_timeouts(Duration::ZERO, Duration::ZERO),
        ok.with_fill_term(Duration::from_millis(1)),
        ok.with_stale(Duration::MAX),
    ] {
        assert!(matches!(
            refused("a", policy),
            InvalidKeyspace::Policy { name: "a", .. }
        ));
    }
}

proptest! {
    #[test]
    fn jitter_only_shortens_and_by_no_more_than_it_says(
        percent in 0u8..=50, millis in 0u64..10_000_000, chance in any::<u32>(),
    ) {
        let jitter = Jitter::percent(percent).unwrap();
        let ttl = Duration::from_millis(millis);
        let short = jitter.shorten(ttl, chance);
        prop_assert!(short <= ttl);
        prop_assert!(short >= ttl.mul_f64(1.0 - f64::from(percent) / 100.0).saturating_sub(Duration::from_micros(1)));
    }
}

#[test]
fn jitter_over_half_is_refused() {
    assert!(Jitter::percent(51).is_none());
    assert_eq!(Jitter::NONE.shorten(TTL, u32::MAX), TTL);
}
