//! How values become bytes for the shared tier.

use std::{error::Error, marker::PhantomData, sync::Arc};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

/// Turns values into bytes and back.
pub trait Codec<V>: Send + Sync + 'static {
    /// The bytes of a value.
    ///
    /// # Errors
    ///
    /// When the value has no such form; it is then kept in memory only.
    fn encode(&self, value: &V) -> Result<Bytes, CodecError>;

    /// The value of some bytes. Never panics, whatever they are.
    ///
    /// # Errors
    ///
    /// When they are not a value's form: a miss.
    fn decode(&self, bytes: &[u8]) -> Result<V, CodecError>;
}

/// Why a value could not be encoded or decoded.
pub type CodecError = Arc<dyn Error + Send + Sync>;

/// Values as JSON, readable with `redis-cli`.
#[derive(Debug)]
pub struct Json<V>(PhantomData<fn() -> V>);

impl<V> Default for Json<V> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<V: Serialize + DeserializeOwned + 'static> Codec<V> for Json<V> {
    fn encode(&self, value: &V) -> Result<Bytes, CodecError> {
        serde_json::to_vec(value)
            .map(Bytes::from)
            .map_err(|error| Arc::new(error) as CodecError)
    }

    fn decode(&self, bytes: &[u8]) -> Result<V, CodecError> {
        serde_json::from_slice(bytes).map_err(|error| Arc::new(error) as CodecError)
    }
}
