//! From the array of objects in the shared tier back to a snapshot. The bytes that were fetched are kept as they are.

use std::sync::Arc;

use bytes::Bytes;
use gatewayz_cache_core::{Codec, CodecError};
use serde_json::value::RawValue;
use thiserror::Error;

use super::{Snapshot, build::rank, intern::Interner};
use crate::{
    listing::Abilities,
    model::{Model, ModelJson},
    pricing::Pricing,
    provider::Directory,
};

/// Why bytes are no snapshot.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum InvalidSnapshot {
    #[error("not an array of models: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the models do not stand in their order")]
    Order,
}

impl Snapshot {
    /// The form in the shared tier: a JSON array of objects, the documented value of `models:catalog:full`.
    pub(crate) fn encode(&self) -> Bytes {
        let objects = self.objects(0..u32::try_from(self.rows.len()).unwrap_or(u32::MAX));
        let mut out = Vec::with_capacity(objects.len() + 2);
        out.push(b'[');
        out.extend_from_slice(&objects);
        out.push(b']');
        Bytes::from(out)
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub(crate) fn decode(directory: Arc<Directory>, bytes: &[u8]) -> Result<Self, InvalidSnapshot> {
        let objects: Vec<&RawValue> = serde_json::from_slice(bytes)?;
        let mut names = Interner::default();
        let mut rows: Vec<Model> = Vec::with_capacity(objects.len());
        let mut offsets = Vec::with_capacity(objects.len() + 1);
        let mut json = Vec::with_capacity(bytes.len());
        for object in objects {
            // A provider that this node does not know, or has switched off, has no rows here.
            let Some(row) = read(&directory, serde_json::from_str(object.get())?, &mut names) else {
                continue;
            };
            if let Some(last) = rows.last()
                && (rank(&last.provider), &last.id) >= (rank(&row.provider), &row.id)
            {
                return Err(InvalidSnapshot::Order);
            }
            offsets.push(u32::try_from(json.len()).unwrap_or(u32::MAX));
            json.extend_from_slice(object.get().as_bytes());
            json.push(b',');
            rows.push(row);
        }
        offsets.push(u32::try_from(json.len()).unwrap_or(u32::MAX));
        Ok(Self::assemble(directory, rows, Bytes::from(json), offsets))
    }
}

fn read(directory: &Directory, object: ModelJson<'_>, names: &mut Interner) -> Option<Model> {
    let provider = directory
        .resolve(&object.source_gateway)
        .filter(|provider| provider.active)?;
    Some(Model {
        provider: Arc::clone(provider),
        id: object.id.as_ref().into(),
        name: object.name.as_ref().into(),
        canonical: names.text(&object.canonical_slug),
        developer: object.developer.as_deref().map(|developer| names.text(developer)),
        created: object.created,
        context_length: object.context_length,
        max_output: object.max_output_tokens,
        input: object.architecture.input_modalities,
        output: object.architecture.output_modalities,
        abilities: Abilities {
            streaming: object.supports_streaming,
            functions: object.supports_function_calling,
            vision: object.supports_vision,
            private: object.is_private,
            deprecated: object.is_deprecated,
        },
        parameters: names.parameters(&object.supported_parameters),
        pricing: names.pricing(object.pricing.map(Pricing::from).unwrap_or_default()),
        pricing_source: object.pricing_source,
        health: object.health_status,
        average_response_time_ms: object.average_response_time_ms,
        updated_at: object.updated_at,
    })
}

/// Snapshots in the shared tier: the documented array.
#[derive(Debug)]
pub(crate) struct SnapshotCodec {
    directory: Arc<Directory>,
}

impl SnapshotCodec {
    pub(crate) const fn new(directory: Arc<Directory>) -> Self {
        Self { directory }
    }
}

impl Codec<Snapshot> for SnapshotCodec {
    fn encode(&self, snapshot: &Snapshot) -> Result<Bytes, CodecError> {
        Ok(snapshot.encode())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Snapshot, CodecError> {
        Snapshot::decode(Arc::clone(&self.directory), bytes).map_err(|error| Arc::new(error) as CodecError)
    }
}
