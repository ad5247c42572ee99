//! Fetching many lists at a time.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::Instant,
};

use super::{Progress, SyncOptions};
use crate::{
    provider::Slug,
    source::{FetchedList, ListError, ListSource},
};

/// What became of the fetch of one list.
pub(super) struct Fetch {
    pub(super) outcome: Result<FetchedList, ListError>,
    pub(super) took: Duration,
}

/// Fetches all lists, each within its own time and all within that of the run.
pub(super) async fn all<L: ListSource>(
    lists: &Arc<L>,
    wanted: Vec<Slug>,
    options: &SyncOptions,
    progress: &watch::Sender<Progress>,
) -> Vec<(Slug, Fetch)> {
    let places = Arc::new(Semaphore::new(options.parallel.max(1)));
    let end = Instant::now() + options.time_limit;
    let mut missing = wanted.clone();
    let mut tasks = JoinSet::new();
    for slug in wanted {
        let (lists, places, progress) = (Arc::clone(lists), Arc::clone(&places), progress.clone());
        tasks.spawn(async move {
            let _place = places.acquire().await;
            let fetch = one(&*lists, &slug, &progress).await;
            (slug, fetch)
        });
    }
    let mut fetched = Vec::with_capacity(missing.len());
    while let Ok(Some(joined)) = tokio::time::timeout_at(end, tasks.join_next()).await {
        // A fetch that panicked is told below as one that did not answer.
        if let Ok((slug, fetch)) = joined {
            missing.retain(|other| *other != slug);
            fetched.push((slug, fetch));
        }
    }
    // Dropping the set ends what still runs.
    drop(tasks);
    let late = missing.into_iter().map(|slug| {
        let outcome = Err(ListError::TimedOut(options.time_limit));
        let took = options.time_limit;
        (slug, Fetch { outcome, took })
    });
    fetched.extend(late);
    fetched
}

async fn one<L: ListSource>(lists: &L, slug: &Slug, progress: &watch::Sender<Progress>) -> Fetch {
    progress.send_modify(|progress| progress.running.push(slug.clone()));
    let start = Instant::now();
    let limit = lists.time_limit(slug);
    let outcome = tokio::time::timeout(limit, lists.list(slug))
        .await
        .unwrap_or(Err(ListError::TimedOut(limit)));
    progress.send_modify(|progress| {
        progress.running.retain(|other| other != slug);
        match &outcome {
            Ok(list) => {
                progress.fetched += 1;
                progress.rows += list.listings.len() as u64;
            }
            Err(_) => progress.failed += 1,
        }
    });
    Fetch {
        outcome,
        took: start.elapsed(),
    }
}
