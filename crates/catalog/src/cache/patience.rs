//! How long readers wait for a load: for a slow store, as long as it takes; for one that does not answer, a second.

use std::{sync::Arc, time::Duration};

use gatewayz_cache_core::LoadError;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use crate::source::CatalogStore;

/// How long a reader waits before it wonders whether the store answers at all.
const PATIENCE: Duration = Duration::from_millis(800);
/// How long the store may take to show that it does.
const SIGN: Duration = Duration::from_millis(200);

/// Whether the store answers, asked by those who have waited long, one at a time.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    last: Mutex<Option<(Instant, bool)>>,
}

impl Pulse {
    /// Waits for a load while the store answers.
    pub(super) async fn while_it_beats<T, S: CatalogStore>(
        &self,
        store: &Arc<S>,
        loading: impl Future<Output = Result<T, LoadError>> + Send,
    ) -> Result<T, LoadError> {
        tokio::pin!(loading);
        loop {
            if let Ok(loaded) = timeout(PATIENCE, &mut loading).await {
                return loaded;
            }
            if !self.beats(store).await {
                return Err(LoadError::TimedOut(PATIENCE + SIGN));
            }
        }
    }

    async fn beats<S: CatalogStore>(&self, store: &Arc<S>) -> bool {
        let mut last = self.last.lock().await;
        if let Some((at, beats)) = *last
            && at.elapsed() < PATIENCE
        {
            return beats;
        }
        let sign = timeout(SIGN, store.providers()).await;
        let beats = matches!(sign, Ok(Ok(_)));
        *last = Some((Instant::now(), beats));
        beats
    }
}
