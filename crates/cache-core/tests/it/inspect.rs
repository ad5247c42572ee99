//! Looking at one entry, as an operator does.

use gatewayz_cache_core::{InspectError, Keyspace};
use gatewayz_testkit::Versioned;

use crate::support::{Bed, POLICY, TTL, got};

#[tokio::test]
async fn an_entry_is_shown_as_both_tiers_have_it() {
    let bed = Bed::new();
    let (one, two) = (bed.node(), bed.node());
    got(&one.read("7").await);

    let here = one.node.inspect("users:7").await.unwrap();
    assert!(here.held && here.is_shared);
    assert_eq!((here.name.as_str(), here.keyspace), ("users:7", "users"));
    let stored = here.stored.expect("it was filled");
    assert_eq!(stored.ttl, TTL);
    let value: Versioned = serde_json::from_slice(&stored.payload.unwrap()).unwrap();
    assert_eq!(Some(value.version), one.peek("7"));

    let there = two.node.inspect("users:7").await.unwrap();
    assert!(!there.held && there.stored.is_some(), "{there:?}");
    let missing = one.node.inspect("users:8").await.unwrap();
    assert!(!missing.held && missing.stored.is_none(), "{missing:?}");
    assert_eq!(one.users.stats().total_requests, 1, "looking counts nothing");
}

#[tokio::test]
async fn names_of_no_cache_and_secrets_are_refused() {
    const TOKENS: Keyspace = Keyspace::new("tokens", POLICY).secret();
    let bed = Bed::new();
    let node = bed.node();
    node.node.cache::<Versioned>(TOKENS).build::<String>().unwrap();
    for name in ["users", "user:7", "", "gz:users:7"] {
        let refused = node.node.inspect(name).await;
        assert!(matches!(refused, Err(InspectError::Unknown)), "{name}: {refused:?}");
    }
    let refused = node.node.inspect("tokens:google").await;
    assert!(matches!(refused, Err(InspectError::Secret("tokens"))), "{refused:?}");
}

#[tokio::test]
async fn values_that_are_not_shared_are_not_asked_for() {
    const LOCAL: Keyspace = Keyspace::new("local", POLICY);
    let bed = Bed::new();
    let node = bed.node();
    node.node.local_cache::<Versioned>(LOCAL).build::<String>().unwrap();
    let seen = node.node.inspect("local:1").await.unwrap();
    assert!(!seen.is_shared && seen.stored.is_none() && !seen.held);
}
