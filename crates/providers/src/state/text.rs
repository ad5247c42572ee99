//! Short values that stand in the shared tier as the earlier system wrote them: numbers and times bare.

use std::{str, sync::Arc};

use bytes::Bytes;
use gatewayz_cache_core::{Codec, CodecError};

/// Text that begins with a digit as it is, and other text as JSON does: where values have no frame, the shared tier takes
/// nothing for a value that does not begin like JSON.
#[derive(Debug)]
pub(crate) struct Text;

impl Codec<String> for Text {
    fn encode(&self, value: &String) -> Result<Bytes, CodecError> {
        if value.starts_with(|first: char| first.is_ascii_digit()) {
            return Ok(Bytes::copy_from_slice(value.as_bytes()));
        }
        serde_json::to_vec(value)
            .map(Bytes::from)
            .map_err(|error| Arc::new(error) as CodecError)
    }

    fn decode(&self, bytes: &[u8]) -> Result<String, CodecError> {
        if bytes.first() == Some(&b'"') {
            return serde_json::from_slice(bytes).map_err(|error| Arc::new(error) as CodecError);
        }
        str::from_utf8(bytes)
            .map(str::to_owned)
            .map_err(|error| Arc::new(error) as CodecError)
    }
}

#[cfg(test)]
mod tests {
    use gatewayz_cache_core::Codec as _;

    use super::Text;

    #[test]
    fn numbers_and_times_are_bare_and_words_are_quoted() {
        for (text, stored) in [
            ("900", "900"),
            ("2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
            ("open", "\"open\""),
        ] {
            assert_eq!(Text.encode(&text.to_owned()).unwrap(), stored);
            assert_eq!(Text.decode(stored.as_bytes()).unwrap(), text);
        }
        assert_eq!(Text.decode(b"half_open").unwrap(), "half_open");
        assert!(Text.decode(b"\xff").is_err() && Text.decode(b"\"open").is_err());
    }
}
