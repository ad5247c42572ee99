//! Values that are kept as the JSON they are served as.

use std::sync::Arc;

use bytes::Bytes;
use gatewayz_cache_core::{Codec, CodecError};
use serde::de::IgnoredAny;

/// A JSON value, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered(Bytes);

impl Rendered {
    /// Takes bytes that are one JSON value.
    pub(crate) fn new(json: impl Into<Bytes>) -> Self {
        Self(json.into())
    }

    /// An array of values that are joined by commas already.
    pub(crate) fn array(values: &[u8]) -> Self {
        let mut json = Vec::with_capacity(values.len() + 2);
        json.push(b'[');
        json.extend_from_slice(values);
        json.push(b']');
        Self(json.into())
    }

    /// The JSON. Cheap to clone.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.0
    }

    pub(crate) fn weight(&self) -> usize {
        self.0.len()
    }
}

/// The value as it is.
#[derive(Debug)]
pub(crate) struct RenderedCodec;

impl Codec<Rendered> for RenderedCodec {
    fn encode(&self, value: &Rendered) -> Result<Bytes, CodecError> {
        Ok(value.0.clone())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Rendered, CodecError> {
        serde_json::from_slice::<IgnoredAny>(bytes).map_err(|error| Arc::new(error) as CodecError)?;
        Ok(Rendered(Bytes::copy_from_slice(bytes)))
    }
}
