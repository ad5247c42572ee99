//! Values that stand in the shared tier as bare text, as the earlier system wrote them.

use std::{str, sync::Arc};

use bytes::Bytes;
use gatewayz_cache_core::{Codec, CodecError};

/// Bare text.
#[derive(Debug)]
pub(crate) struct Text;

impl Codec<String> for Text {
    fn encode(&self, value: &String) -> Result<Bytes, CodecError> {
        Ok(Bytes::copy_from_slice(value.as_bytes()))
    }

    fn decode(&self, bytes: &[u8]) -> Result<String, CodecError> {
        str::from_utf8(bytes)
            .map(str::to_owned)
            .map_err(|error| Arc::new(error) as CodecError)
    }
}
