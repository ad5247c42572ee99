use proptest::prelude::*;

use super::*;

const IDENTITY: &str = "0123456789abcdef";

fn stored(payload: Option<Vec<u8>>) -> Stored {
    Stored {
        payload: payload.map(Bytes::from),
        source_time: UnixMillis(1_763_700_000_123),
        ttl: Duration::from_secs(900),
        stale: Duration::from_secs(3600),
    }
}

fn encoding(compress: bool) -> Encoding {
    Encoding { schema: 3, compress }
}

fn decoding(largest: usize) -> Decoding {
    Decoding { schema: 3, largest }
}

#[track_caller]
fn refuses(bytes: &[u8], damage: Damage) {
    assert_eq!(decode(&Bytes::copy_from_slice(bytes), decoding(1 << 20)), Err(damage));
}

#[test]
fn a_header_is_readable_in_eighty_bytes() {
    let bytes = encode(&stored(Some(b"{\"a\":1}".to_vec())), IDENTITY, encoding(true));
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap();
    assert_eq!(line, b"gz1 3 json 0123456789abcdef 1763700000123 900000 3600000");
    assert!(line.len() <= 80);
}

#[test]
fn broken_values_are_told_apart() {
    refuses(b"", Damage::Format);
    refuses(b"gz1 3 json", Damage::Format);
    refuses(b"gz2 3 json x 1 1 1\n{}", Damage::Format);
    refuses(b"gz1 3 xml x 1 1 1\n<a/>", Damage::Format);
    refuses(b"gz1 3 json x 1 1 1 1\n{}", Damage::Format);
    refuses(b"gz1 3 json x 1 1 -1\n{}", Damage::Format);
    refuses(b"gz1 4 json x 1 1 1\n{}", Damage::Schema);
    refuses(b"gz1 3 json+zstd x 1 1 1\nnot zstd", Damage::Compression);
}

#[test]
fn a_large_payload_is_compressed_only_where_it_helps() {
    let text = vec![b'a'; 10_000];
    assert!(encode(&stored(Some(text.clone())), IDENTITY, encoding(true)).len() < 200);
    assert!(encode(&stored(Some(text.clone())), IDENTITY, encoding(false)).len() > 10_000);
    assert!(encode(&stored(Some(vec![b'a'; 4096])), IDENTITY, encoding(true)).len() > 4096);
}

#[test]
fn a_bomb_is_refused() {
    let bytes = encode(&stored(Some(vec![0; 1 << 20])), IDENTITY, encoding(true));
    assert!(bytes.len() < 1 << 10);
    assert_eq!(decode(&bytes, decoding((1 << 20) - 1)), Err(Damage::Size));
    assert!(decode(&bytes, decoding(1 << 20)).is_ok());
}

proptest! {
    #[test]
    fn decode_undoes_encode(
        payload in proptest::option::of(prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..64),
            (any::<u8>(), 4000usize..9000).prop_map(|(byte, len)| vec![byte; len]),
        ]),
        source_time: u64, ttl in 0u64..1 << 40, stale in 0u64..1 << 40, compress: bool,
    ) {
        let value = Stored {
            payload: payload.map(Bytes::from),
            source_time: UnixMillis(source_time),
            ttl: Duration::from_millis(ttl),
            stale: Duration::from_millis(stale),
        };
        let bytes = encode(&value, IDENTITY, encoding(compress));
        prop_assert!(is_framed(&bytes));
        prop_assert_eq!(decode(&bytes, decoding(1 << 20)), Ok(value));
    }

    #[test]
    fn any_bytes_decode_to_something(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _either = decode(&Bytes::from(bytes), decoding(1 << 10));
    }

    #[test]
    fn nearly_good_bytes_decode_to_something(
        head in "gz1 [0-9]{0,3} (json|absent|json\\+zstd) [0-9a-f]{0,16} [0-9]{0,22} [0-9]{0,22} [0-9]{0,22}\n?",
        tail in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let bytes: Vec<u8> = head.into_bytes().into_iter().chain(tail).collect();
        let _either = decode(&Bytes::from(bytes), decoding(1 << 10));
    }
}
