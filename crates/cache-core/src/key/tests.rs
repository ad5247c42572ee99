use proptest::prelude::*;

use super::CacheKey;

fn encoded<K: CacheKey>(key: &K) -> String {
    let mut out = String::new();
    key.encode(&mut out);
    out
}

#[track_caller]
fn check(key: &str, name: &str) {
    assert_eq!(encoded(&key.to_owned()), name);
    assert_eq!(String::decode(name).as_deref(), Some(key));
}

#[test]
fn documented_names_stand_as_they_are() {
    check("openrouter", "openrouter");
    check("openai/gpt-4:free", "openai/gpt-4:free");
    check("模型", "模型");
}

#[test]
fn a_name_never_carries_a_hash_tag_a_space_or_a_control_character() {
    check("{tag}", "%7Btag%7D");
    check("a b\n", "a%20b%0A");
    check("100%", "100%25");
}

#[test]
fn a_part_that_no_key_is_written_as_is_refused() {
    for part in ["%", "%4", "%41", "%zz", "a b", "{", "%7b"] {
        assert_eq!(String::decode(part), None, "{part}");
    }
    for part in ["+1", "01", "", "-0", "1 "] {
        assert_eq!(i64::decode(part), None, "{part}");
    }
    assert_eq!(<()>::decode("x"), None);
    assert_eq!(<[u8; 32]>::decode(&"AB".repeat(32)), None);
}

fn clean(name: &str) -> bool {
    !name
        .chars()
        .any(|c| matches!(c, '{' | '}' | ' ') || c.is_ascii_control())
}

proptest! {
    #[test]
    fn text_round_trips(key in ".*") {
        prop_assert!(clean(&encoded(&key)));
        prop_assert_eq!(String::decode(&encoded(&key)), Some(key));
    }

    #[test]
    fn bytes_round_trip(key in proptest::collection::vec(any::<u8>(), 0..64)) {
        prop_assert!(encoded(&key).is_ascii() && clean(&encoded(&key)));
        prop_assert_eq!(Vec::<u8>::decode(&encoded(&key)), Some(key));
    }

    #[test]
    fn digests_round_trip(key in any::<[u8; 32]>()) {
        prop_assert_eq!(<[u8; 32]>::decode(&encoded(&key)), Some(key));
    }

    #[test]
    fn pairs_round_trip_whatever_their_parts_hold(a in "[a%:{ 3A5]{0,8}", b in "[a%:{ 3A5]{0,8}", c in any::<i64>()) {
        let key = ((a, b), c);
        prop_assert_eq!(CacheKey::decode(&encoded(&key)), Some(key));
    }

    #[test]
    fn different_pairs_have_different_names(
        a in "[a:%]{0,4}", b in "[a:%]{0,4}", c in "[a:%]{0,4}", d in "[a:%]{0,4}",
    ) {
        let (left, right) = ((a, b), (c, d));
        prop_assert_eq!(encoded(&left) == encoded(&right), left == right);
    }

    #[test]
    fn decode_of_any_text_never_panics(part in ".*") {
        // A part that decodes is exactly what its key encodes to.
        if let Some(key) = String::decode(&part) {
            prop_assert_eq!(encoded(&key), part.clone());
        }
        if let Some(key) = <(String, Vec<u8>)>::decode(&part) {
            prop_assert_eq!(encoded(&key), part.clone());
        }
        if let Some(key) = u32::decode(&part) {
            prop_assert_eq!(encoded(&key), part);
        }
    }
}
