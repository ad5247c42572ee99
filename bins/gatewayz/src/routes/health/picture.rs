//! How all gateways are at one moment, gathered once for all who ask within a second.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream};
use gatewayz_cache_core::{Tick, UnixMillis};
use gatewayz_catalog::{ListError, Outcome as Synced, Provider};
use gatewayz_providers::ProviderState;

use super::judge::{Facts, GatewayCounts, Standing, judge};
use crate::app::App;

/// How many providers' states are asked for at once: while Redis is about to be given up, each may wait a little.
const AT_ONCE: usize = 48;
/// How long a picture stands.
const STANDS: Duration = Duration::from_secs(1);
/// How much of an error's text is shown.
const LONGEST_ERROR: usize = 200;

/// How one gateway is.
#[derive(Clone, Debug)]
pub(crate) struct Gateway {
    pub(crate) provider: Arc<Provider>,
    pub(crate) state: ProviderState,
    pub(crate) standing: Standing,
    /// When its list came last, from whichever node.
    pub(crate) listed_at: Option<UnixMillis>,
    /// How long its list took last, if a scheduled sync fetched it.
    pub(crate) list_ms: Option<u64>,
    /// What is missing, or went wrong last.
    pub(crate) error: Option<String>,
    /// How many rows are cached.
    pub(crate) models: u32,
}

/// How all gateways are.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    /// When it was gathered.
    pub(crate) at: UnixMillis,
    /// All of them, by slug.
    pub(crate) gateways: Vec<Gateway>,
    pub(crate) counts: GatewayCounts,
}

impl Picture {
    /// When a list came last, from anybody.
    pub(crate) fn last_listed(&self) -> Option<UnixMillis> {
        self.gateways.iter().filter_map(|gateway| gateway.listed_at).max()
    }
}

/// The last picture.
#[derive(Debug, Default)]
pub(crate) struct LastPicture(tokio::sync::Mutex<Option<(Tick, Arc<Picture>)>>);

impl LastPicture {
    /// Lets the next one who asks see what has just changed.
    pub(crate) async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

/// How all gateways are now.
pub(crate) async fn picture(app: &Arc<App>) -> Arc<Picture> {
    let mut last = app.picture.0.lock().await;
    let now = app.node.time().now();
    if let Some((gathered, picture)) = &*last
        && now.since(*gathered) < STANDS
    {
        return Arc::clone(picture);
    }
    let picture = Arc::new(gather(app).await);
    *last = Some((app.node.time().now(), Arc::clone(&picture)));
    picture
}

async fn gather(app: &Arc<App>) -> Picture {
    let now = app.node.time().wall();
    let interval = app.config().sync.interval;
    let lists = app.lists.present();
    let snapshot = app.catalog.at_hand().and_then(|lookup| lookup.value);
    let scheduled: HashMap<_, _> = app.schedule.last().await.map_or_else(HashMap::new, |report| {
        let listed = report.providers.iter().map(|(slug, of)| {
            let came = matches!(of.outcome, Synced::Synced(_));
            (
                slug.clone(),
                (came.then_some(UnixMillis(report.started_at)), of.duration_ms),
            )
        });
        listed.collect()
    });
    let providers: Vec<Arc<Provider>> = app.catalog.directory().iter().cloned().collect();
    let states = stream::iter(providers).map(|provider| {
        let app = Arc::clone(app);
        async move {
            let state = app.lists.states().state(&provider.slug).await;
            (provider, state)
        }
    });
    let mut gateways: Vec<Gateway> = states
        .buffer_unordered(AT_ONCE)
        .map(|(provider, state)| {
            let check = lists.check(&provider.slug);
            let missing = match &check {
                Err(error @ ListError::NotConfigured { .. }) => Some(error.to_string()),
                _ => None,
            };
            let (listed, list_ms) = scheduled
                .get(&provider.slug)
                .map_or((None, None), |(at, took)| (*at, at.map(|_| *took)));
            let listed_at = listed.max(state.last_success);
            let standing = judge(&Facts {
                is_configured: missing.is_none(),
                in_error_state: state.in_error_state,
                has_failed: state.error.is_some(),
                breaker: state.breaker.state,
                list_age: listed_at.map(|at| now.since(at)),
                interval,
            });
            let rows = snapshot
                .as_ref()
                .map(|snapshot| snapshot.provider_rows(provider.slug.as_str()).len());
            let error = missing.or_else(|| state.error.clone());
            Gateway {
                standing,
                listed_at,
                list_ms,
                error: error.map(|text| text.chars().take(LONGEST_ERROR).collect()),
                models: u32::try_from(rows.unwrap_or(0)).unwrap_or(u32::MAX),
                provider,
                state,
            }
        })
        .collect()
        .await;
    gateways.sort_unstable_by(|a, b| a.provider.slug.cmp(&b.provider.slug));
    Picture {
        at: now,
        counts: GatewayCounts::of(gateways.iter().map(|gateway| gateway.standing)),
        gateways,
    }
}
