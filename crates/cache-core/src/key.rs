//! How typed keys become names in the shared tier, and back.
//!
//! A name is the keyspace's name, and for keyspaces with a variable part a colon and that part. In the variable
//! part `%`, `{`, `}`, spaces and control characters stand percent-encoded, so that a name never carries a hash tag
//! of its own, and two keys never share a name.

use std::{hash::Hash, sync::Arc};

/// A key of a cache: compared and hashed in memory, written as text in the shared tier.
///
/// # Laws
///
/// `decode(encode(k)) == Some(k)` for every key, hence `encode` is injective. `decode` of any text never panics.
pub trait CacheKey: Clone + Eq + Hash + Send + Sync + 'static {
    /// Whether keys of this type have a variable part. Only `()` has none.
    const VARIABLE: bool = true;

    /// Appends the variable part, encoded.
    fn encode(&self, out: &mut String);

    /// Reads a variable part back; `None` if no key is written so.
    fn decode(part: &str) -> Option<Self>;

    /// The bytes that this key holds outside its own size.
    fn heap_size(&self) -> usize {
        0
    }
}

/// Whether a byte may not stand for itself in a name.
fn reserved(byte: u8) -> bool {
    byte <= b' ' || matches!(byte, b'%' | b'{' | b'}' | 0x7f)
}

/// The same for keys of bytes, whose names are ASCII.
fn reserved_in_bytes(byte: u8) -> bool {
    reserved(byte) || !byte.is_ascii()
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

fn push_escape(out: &mut String, byte: u8) {
    out.push('%');
    out.push(char::from(HEX[usize::from(byte >> 4)]));
    out.push(char::from(HEX[usize::from(byte & 15)]));
}

/// Appends text, with the characters that may not stand in a name percent-encoded.
fn encode_text(text: &str, out: &mut String) {
    out.reserve(text.len());
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        if reserved(byte) {
            out.push_str(&text[plain..at]);
            push_escape(out, byte);
            plain = at + 1;
        }
    }
    out.push_str(&text[plain..]);
}

/// Appends bytes; what is not printable ASCII is percent-encoded.
fn encode_bytes(bytes: &[u8], out: &mut String) {
    out.reserve(bytes.len());
    for &byte in bytes {
        if reserved_in_bytes(byte) {
            push_escape(out, byte);
        } else {
            out.push(char::from(byte));
        }
    }
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The bytes that a part stands for; `None` if it is not the encoding of any.
fn decode_bytes(part: &str, encoded: impl Fn(u8) -> bool) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(part.len());
    let mut bytes = part.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let value = hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?;
            if !encoded(value) {
                return None;
            }
            out.push(value);
        } else if encoded(byte) {
            return None;
        } else {
            out.push(byte);
        }
    }
    Some(out)
}

fn decode_text(part: &str) -> Option<String> {
    String::from_utf8(decode_bytes(part, reserved)?).ok()
}

impl CacheKey for () {
    const VARIABLE: bool = false;

    fn encode(&self, _out: &mut String) {}

    fn decode(part: &str) -> Option<Self> {
        part.is_empty().then_some(())
    }
}

macro_rules! text_key {
    ($($text:ty),+) => {$(
        impl CacheKey for $text {
            fn encode(&self, out: &mut String) {
                encode_text(self, out);
            }

            fn decode(part: &str) -> Option<Self> {
                decode_text(part).map(Into::into)
            }

            fn heap_size(&self) -> usize {
                self.len()
            }
        }
    )+};
}
text_key!(String, Box<str>, Arc<str>);

macro_rules! bytes_key {
    ($($bytes:ty),+) => {$(
        impl CacheKey for $bytes {
            fn encode(&self, out: &mut String) {
                encode_bytes(self, out);
            }

            fn decode(part: &str) -> Option<Self> {
                decode_bytes(part, reserved_in_bytes).map(Into::into)
            }

            fn heap_size(&self) -> usize {
                self.len()
            }
        }
    )+};
}
bytes_key!(Vec<u8>, Box<[u8]>, Arc<[u8]>);

macro_rules! number_key {
    ($($number:ty),+) => {$(
        impl CacheKey for $number {
            fn encode(&self, out: &mut String) {
                out.push_str(&self.to_string());
            }

            fn decode(part: &str) -> Option<Self> {
                // One spelling per number: `+1` and `01` are not keys.
                part.parse::<Self>().ok().filter(|number| number.to_string() == part)
            }
        }
    )+};
}
number_key!(u32, u64, i32, i64);

/// 256-bit digests, written as 64 hexadecimal digits.
impl CacheKey for [u8; 32] {
    fn encode(&self, out: &mut String) {
        for byte in self {
            out.push(char::from(HEX[usize::from(byte >> 4)].to_ascii_lowercase()));
            out.push(char::from(HEX[usize::from(byte & 15)].to_ascii_lowercase()));
        }
    }

    fn decode(part: &str) -> Option<Self> {
        let digits = part.as_bytes();
        if digits.len() != 64 || digits.iter().any(u8::is_ascii_uppercase) {
            return None;
        }
        let mut out = [0; 32];
        for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
            let (high, low) = (pair[0].to_ascii_uppercase(), pair[1].to_ascii_uppercase());
            *byte = hex_digit(high)? << 4 | hex_digit(low)?;
        }
        Some(out)
    }
}

/// Appends an encoded part as the first of a pair, with the colon behind it: `%` and `:` are encoded once more.
pub(crate) fn encode_first_part(part: &str, out: &mut String) {
    for character in part.chars() {
        match character {
            '%' => out.push_str("%25"),
            ':' => out.push_str("%3A"),
            other => out.push(other),
        }
    }
    out.push(':');
}

/// Two parts joined by a colon; in the encoding of the first, `%` and `:` are encoded once more.
impl<A: CacheKey, B: CacheKey> CacheKey for (A, B) {
    fn encode(&self, out: &mut String) {
        let mut first = String::new();
        self.0.encode(&mut first);
        encode_first_part(&first, out);
        self.1.encode(out);
    }

    fn decode(part: &str) -> Option<Self> {
        let (first, second) = part.split_once(':')?;
        let first = decode_bytes(first, |byte| matches!(byte, b'%' | b':'))?;
        Some((A::decode(&String::from_utf8(first).ok()?)?, B::decode(second)?))
    }

    fn heap_size(&self) -> usize {
        self.0.heap_size() + self.1.heap_size()
    }
}

#[cfg(test)]
mod tests;
