//! Keys: no text makes `decode` panic, what it accepts is exactly what `encode` writes, and any bytes round-trip.
#![no_main]

use gatewayz_cache_core::CacheKey;
use libfuzzer_sys::fuzz_target;

fn encoded<K: CacheKey>(key: &K) -> String {
    let mut out = String::new();
    key.encode(&mut out);
    out
}

fn accepts_only_what_it_writes<K: CacheKey>(part: &str) {
    if let Some(key) = K::decode(part) {
        assert_eq!(encoded(&key), part);
    }
}

fuzz_target!(|data: &[u8]| {
    let key = data.to_vec();
    let name = encoded(&key);
    assert!(name.bytes().all(|byte| byte > b' ' && byte < 0x7f && byte != b'{' && byte != b'}'));
    assert_eq!(Vec::<u8>::decode(&name), Some(key));

    if let Ok(text) = std::str::from_utf8(data) {
        assert_eq!(String::decode(&encoded(&text.to_owned())).as_deref(), Some(text));
        accepts_only_what_it_writes::<String>(text);
        accepts_only_what_it_writes::<Vec<u8>>(text);
        accepts_only_what_it_writes::<(String, String)>(text);
        accepts_only_what_it_writes::<((String, i64), Vec<u8>)>(text);
        accepts_only_what_it_writes::<[u8; 32]>(text);
        accepts_only_what_it_writes::<u64>(text);
    }
});
