//! Values to bytes and back, wherever that holds up nobody.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;

use crate::{cache::Shared, codec::CodecError, tier::Stored};

/// From this size on, values are encoded and decoded away from the runtime's own threads.
const LARGE: usize = 256 << 10;

pub(super) async fn encode<V: Send + Sync + 'static>(
    shared: &Shared<V>,
    value: Option<&Arc<V>>,
) -> Result<Option<Bytes>, CodecError> {
    let Some(value) = value else { return Ok(None) };
    // The values of a keyspace are alike, so the last one tells what to expect of this one.
    let encoded = if shared.last_len.load(Ordering::Relaxed) < LARGE {
        guard(|| shared.codec.encode(value))?
    } else {
        let (codec, value) = (Arc::clone(&shared.codec), Arc::clone(value));
        off_thread(move || codec.encode(&value)).await?
    };
    shared.last_len.store(encoded.len(), Ordering::Relaxed);
    Ok(Some(encoded))
}

pub(super) async fn decode<V: Send + Sync + 'static>(
    shared: &Shared<V>,
    stored: &Stored,
) -> Result<Option<Arc<V>>, CodecError> {
    let Some(payload) = &stored.payload else {
        return Ok(None);
    };
    shared.last_len.store(payload.len(), Ordering::Relaxed);
    if payload.len() < LARGE {
        return guard(|| shared.codec.decode(payload)).map(|value| Some(Arc::new(value)));
    }
    let (codec, payload) = (Arc::clone(&shared.codec), payload.clone());
    off_thread(move || codec.decode(&payload))
        .await
        .map(|value| Some(Arc::new(value)))
}

/// A codec that panics cannot read or write the value: that is all the callers need to know.
fn guard<T>(work: impl FnOnce() -> Result<T, CodecError>) -> Result<T, CodecError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_panic| Err(Arc::new(CodecPanicked)))
}

#[derive(Debug, thiserror::Error)]
#[error("the codec panicked")]
struct CodecPanicked;

/// Runs a codec where it holds up no other task.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CodecError> + Send + 'static,
) -> Result<T, CodecError> {
    #[expect(
        clippy::disallowed_methods,
        reason = "one codec call per flight, bounded by the flights"
    )]
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|gone| Err(Arc::new(gone)))
}
