//! The source of truth: one version a key.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use gatewayz_cache_core::{Loaded, Loader};

/// The versions of all keys. Clones are the same truth.
#[derive(Clone, Debug)]
pub(super) struct Truth {
    versions: Arc<[AtomicU64]>,
    loads: Arc<AtomicU64>,
    /// Whether reading the truth is counted as a load.
    counted: bool,
}

impl Truth {
    pub(super) fn new(keys: usize) -> Self {
        Self {
            versions: (0..keys).map(|_| AtomicU64::new(1)).collect(),
            loads: Arc::default(),
            counted: true,
        }
    }

    /// The same truth for readers whose loads are not of interest.
    pub(super) fn uncounted(&self) -> Self {
        Self {
            counted: false,
            ..self.clone()
        }
    }

    /// Commits a write, and says which version it made.
    pub(super) fn write(&self, key: u32) -> u64 {
        self.versions[key as usize].fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Reads a version, and answers after a while that differs from time to time: the answer is old by then.
    pub(super) async fn read(&self, key: u32) -> u64 {
        if self.counted {
            self.loads.fetch_add(1, Ordering::Relaxed);
        }
        let version = self.versions[key as usize].load(Ordering::SeqCst);
        match rand::random_range(0..4_u8) {
            0 => {}
            1 => tokio::task::yield_now().await,
            n => tokio::time::sleep(Duration::from_millis(u64::from(n) - 1)).await,
        }
        version
    }

    pub(super) fn loads(&self) -> u64 {
        self.loads.load(Ordering::Relaxed)
    }
}

impl Loader<u32, u64> for Truth {
    type Error = Infallible;

    async fn load(&self, key: &u32) -> Result<Loaded<u64>, Infallible> {
        Ok(Loaded::found(self.read(*key).await))
    }
}
