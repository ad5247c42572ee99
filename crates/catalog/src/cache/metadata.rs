//! How many pages were rendered, per gateway, under the documented keys.

use std::collections::HashMap;

use gatewayz_cache_core::{Cache, InvalidKeyspace, Node};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::{keyspaces, query::Gateway};

/// What is known of a gateway's pages.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct PageMetadata {
    /// How many were rendered.
    pub total_cached: u64,
    /// How many bytes they had.
    pub total_size_bytes: u64,
    /// When the last one was rendered, milliseconds since 1970.
    pub last_cached_at: Option<u64>,
}

/// Counts on this node, and adds them to what all nodes share from time to time. Two nodes that add at the same moment
/// may lose one of the two additions: these are figures for people.
#[derive(Debug)]
pub(super) struct MetadataBook {
    node: Node,
    shared: Cache<String, PageMetadata>,
    pending: Mutex<HashMap<String, PageMetadata, foldhash::fast::RandomState>>,
}

impl MetadataBook {
    pub(super) fn new(node: &Node) -> Result<Self, InvalidKeyspace> {
        Ok(Self {
            node: node.clone(),
            shared: node.cache(keyspaces::METADATA).build()?,
            pending: Mutex::default(),
        })
    }

    pub(super) fn note(&self, gateway: &Gateway, bytes: usize) {
        let now = self.node.time().wall().0;
        let mut pending = self.pending.lock();
        let metadata = pending.entry(gateway.as_str().to_owned()).or_default();
        metadata.add(&PageMetadata {
            total_cached: 1,
            total_size_bytes: bytes as u64,
            last_cached_at: Some(now),
        });
    }

    pub(super) async fn read(&self, gateway: &Gateway) -> PageMetadata {
        let shared = self.shared.get(gateway.as_str()).await;
        let mut metadata = shared
            .and_then(|lookup| lookup.value)
            .map_or_else(PageMetadata::default, |value| (*value).clone());
        if let Some(pending) = self.pending.lock().get(gateway.as_str()) {
            metadata.add(pending);
        }
        metadata
    }

    pub(super) async fn write(&self) {
        let pending = std::mem::take(&mut *self.pending.lock());
        for (gateway, more) in pending {
            let shared = self.shared.get(gateway.as_str()).await.and_then(|lookup| lookup.value);
            let mut metadata = shared.map_or_else(PageMetadata::default, |value| (*value).clone());
            metadata.add(&more);
            let _propagation = self.shared.insert(gateway.as_str(), metadata).await;
        }
    }
}

impl PageMetadata {
    fn add(&mut self, more: &Self) {
        self.total_cached += more.total_cached;
        self.total_size_bytes += more.total_size_bytes;
        self.last_cached_at = self.last_cached_at.max(more.last_cached_at);
    }
}
