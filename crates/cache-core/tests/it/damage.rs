use std::sync::Arc;

use bytes::Bytes;
use gatewayz_cache_core::{Cache, CacheStatus, Codec, CodecError, Keyspace, LoadError};
use gatewayz_testkit::{Fault, Op, Versioned};

use crate::support::{Answer, Bed, POLICY, USERS, got, secs, user};

fn status(answer: &Answer) -> CacheStatus {
    answer.as_ref().expect("an answer").status
}

#[tokio::test]
async fn a_value_that_does_not_decode_is_a_miss_counted_deleted_and_loaded_anew() {
    let bed = Bed::new();
    let (one, two) = (bed.node(), bed.node());
    assert_eq!(got(&one.read("ann").await), 0);
    assert!(bed.cluster.damage_payload("users:ann"));
    let answer = two.read("ann").await;
    assert_eq!((status(&answer), got(&answer)), (CacheStatus::Fill, 0));
    assert_eq!(two.users.stats().undecodable, 1);
    assert_eq!(bed.cluster.calls(Op::Discard), 1);
    assert_eq!((bed.source.loads(), bed.stored_version("users:ann")), (2, Some(0)));
}

#[tokio::test]
async fn a_value_that_does_not_decode_is_a_miss_for_a_lookup_in_the_tiers_alone() {
    let bed = Bed::new();
    let (one, two) = (bed.node(), bed.node());
    assert_eq!(got(&one.read("ann").await), 0);
    assert!(bed.cluster.damage_payload("users:ann"));
    assert!(two.users.get("ann").await.is_none());
    assert_eq!(bed.cluster.names().len(), 0);
}

#[tokio::test]
async fn a_value_that_does_not_decode_and_cannot_be_deleted_is_still_no_error() {
    let bed = Bed::new();
    let (one, two) = (bed.node(), bed.node());
    assert_eq!(got(&one.read("ann").await), 0);
    assert!(bed.cluster.damage_payload("users:ann"));
    bed.cluster.fail_op(Op::Discard, Fault::Refused);
    assert_eq!(got(&two.read("ann").await), 0);
    assert_eq!(bed.source.loads(), 2);
}

#[tokio::test]
async fn a_damaged_value_is_a_miss() {
    let bed = Bed::new();
    let (one, two) = (bed.node(), bed.node());
    assert_eq!(got(&one.read("ann").await), 0);
    assert!(bed.cluster.damage("users:ann"));
    assert_eq!(status(&two.read("ann").await), CacheStatus::Fill);
    assert_eq!(bed.cluster.unreadable(), 1);
}

#[tokio::test]
async fn a_value_of_another_schema_version_is_a_miss() {
    let bed = Bed::new();
    let old = bed.node();
    let new = bed.node_of(USERS.with_schema(2));
    assert_eq!(got(&old.read("ann").await), 0);
    bed.source.write(&user("ann"));
    let answer = new.read("ann").await;
    assert_eq!((status(&answer), got(&answer)), (CacheStatus::Fill, 1));
}

#[tokio::test]
async fn a_refresh_replaces_a_value_that_does_not_decode() {
    let bed = Bed::new();
    let node = bed.node();
    assert_eq!(got(&node.read("ann").await), 0);
    assert!(bed.cluster.damage_payload("users:ann"));
    bed.source.write(&user("ann"));
    bed.clock.advance(secs(85));
    assert_eq!(got(&node.read("ann").await), 0);
    crate::support::until(|| node.peek("ann") == Some(1)).await;
    assert_eq!(bed.stored_version("users:ann"), Some(1));
}

/// Fails to encode odd versions.
struct EvenOnly;

impl Codec<Versioned> for EvenOnly {
    fn encode(&self, value: &Versioned) -> Result<Bytes, CodecError> {
        match value.version % 2 {
            0 => Ok(Bytes::from(value.version.to_string())),
            _ => Err(Arc::new(std::fmt::Error)),
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<Versioned, CodecError> {
        let text = std::str::from_utf8(bytes).map_err(|error| Arc::new(error) as CodecError)?;
        let version = text.parse().map_err(|error| Arc::new(error) as CodecError)?;
        Ok(Versioned {
            key: String::new(),
            version,
        })
    }
}

#[tokio::test]
async fn a_value_that_cannot_be_encoded_is_served_and_kept_in_memory_only() {
    let bed = Bed::new();
    let node = bed.node();
    let odd: Cache<String, Versioned> = node
        .node
        .cache(Keyspace::new("odd", POLICY))
        .codec(EvenOnly)
        .build()
        .expect("a valid keyspace");
    bed.source.write(&user("ann"));
    assert_eq!(got(&odd.get_or_load("ann", &bed.source).await), 1);
    assert!(odd.peek("ann").is_some());
    assert_eq!(bed.cluster.names().len(), 0);
    assert!(!bed.cluster.is_leased("odd:ann"));
    assert_eq!(odd.stats().errors, 1);
}

/// Panics on what its author did not think of.
struct Careless;

impl Codec<Versioned> for Careless {
    fn encode(&self, _value: &Versioned) -> Result<Bytes, CodecError> {
        panic!("a value that its author did not think of")
    }

    fn decode(&self, _bytes: &[u8]) -> Result<Versioned, CodecError> {
        panic!("bytes that their author did not think of")
    }
}

#[tokio::test(start_paused = true)]
async fn a_codec_that_panics_costs_its_callers_an_error_or_a_value_and_not_a_load_per_retry() {
    let bed = Bed::with_tokio();
    let node = bed.node();
    let careless: Cache<String, Versioned> = node
        .node
        .cache(Keyspace::new("careless", POLICY))
        .codec(Careless)
        .build()
        .expect("a valid keyspace");
    let answer = careless.get_or_load("ann", &bed.source).await;
    assert!(!matches!(answer, Err(LoadError::Abandoned)), "{answer:?}");
    assert_eq!(bed.source.loads(), 1);
    assert!(
        !bed.cluster.is_leased("careless:ann"),
        "the right to fill is given back"
    );
}
