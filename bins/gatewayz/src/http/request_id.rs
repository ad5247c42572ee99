//! The name of a request in answers and log lines.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header that carries it, both ways.
const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Longer ones of callers are replaced.
const LONGEST: usize = 128;

/// The caller's name for a request, or a random one.
#[derive(Clone)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    /// That of a request. One that could not stand in a log line as it is is replaced.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let fits = |value: &&HeaderValue| {
            let bytes = value.as_bytes();
            let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@".contains(byte);
            (1..=LONGEST).contains(&bytes.len()) && bytes.iter().all(is_plain)
        };
        headers
            .get(HEADER)
            .filter(fits)
            .map_or_else(Self::random, |value| Self(value.clone()))
    }

    /// A random one: 128 bits.
    pub(crate) fn random() -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut bits = rand::random::<u128>();
        let mut text = [0; 32];
        for digit in &mut text {
            *digit = DIGITS[(bits & 15) as usize];
            bits >>= 4;
        }
        Self(HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("unknown")))
    }

    /// Writes it into the head of an answer.
    pub(crate) fn echo(&self, headers: &mut HeaderMap) {
        headers.insert(HEADER, self.0.clone());
    }

    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or("unknown")
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
