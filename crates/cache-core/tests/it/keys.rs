use std::collections::HashMap;

use gatewayz_cache_core::{Cache, CacheKey, Keyspace};
use gatewayz_testkit::Versioned;
use proptest::prelude::*;

use crate::support::{Bed, POLICY, acknowledged};

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(test);
}

fn encoded<K: CacheKey>(key: &K) -> String {
    let mut out = String::new();
    key.encode(&mut out);
    out
}

/// Reads every key on two nodes, forgets one, and reads all again: each key always has its own value.
async fn check<K: CacheKey>(keys: &[K]) {
    const BLOBS: Keyspace = Keyspace::new("blobs", POLICY);
    let bed = Bed::new();
    let nodes = [bed.node(), bed.node()];
    let caches: Vec<Cache<K, Versioned>> = nodes
        .iter()
        .map(|node| node.node.cache(BLOBS).build().expect("a valid keyspace"))
        .collect();
    let mut versions: HashMap<String, u64> = HashMap::new();
    for key in keys {
        versions.insert(encoded(key), bed.source.write(key));
    }
    for round in 0..2 {
        for key in keys {
            for cache in &caches {
                let found = cache.get_or_load(key, &bed.source).await.expect("an answer");
                let value = found.value.expect("a value");
                assert_eq!((&value.key, value.version), (&encoded(key), versions[&encoded(key)]));
            }
        }
        if round == 0 {
            assert_eq!(
                bed.source.loads(),
                versions.len() as u64,
                "one load for each different key"
            );
            assert_eq!(bed.cluster.names().len(), versions.len());
            acknowledged(caches[0].invalidate([&keys[0]]).await);
            assert!(caches.iter().all(|cache| cache.peek(&keys[0]).is_none()));
            assert_eq!(
                bed.cluster.names().len(),
                versions.len() - 1,
                "one key and no other is forgotten"
            );
        }
    }
}

/// Bytes in which what an encoding must mind is frequent.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![any::<u8>(), prop::sample::select(b"%{}:* \r\n\0?[]\\25AF3ab".to_vec()),];
    prop::collection::vec(byte, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_key_of_their_own(keys in prop::collection::vec(bytes(), 1..12)) {
        run(check(&keys));
    }

    #[test]
    fn any_text_is_a_key_of_its_own(keys in prop::collection::vec(any::<String>(), 1..12)) {
        run(check(&keys));
    }

    #[test]
    fn any_pair_is_a_key_of_its_own(keys in prop::collection::vec((bytes(), bytes()), 1..12)) {
        run(check(&keys));
    }
}

#[test]
fn keys_that_differ_only_at_their_far_end_are_different() {
    let long = "k".repeat(10_000);
    run(check(&[format!("{long}1"), format!("{long}2"), long]));
}

#[test]
fn keys_that_would_be_alike_without_escapes_are_different() {
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    run(check(&[
        pair("a", "b:c"),
        pair("a:b", "c"),
        pair("a%3Ab", "c"),
        pair("a%", "3Ab:c"),
        pair("", ":"),
    ]));
}
