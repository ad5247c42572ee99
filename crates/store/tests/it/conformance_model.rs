//! The store against a map: any sequence of lists.

use std::collections::{BTreeMap, BTreeSet};

use gatewayz_catalog::{CatalogStore as _, Changes, WriteMode};
use gatewayz_store::{Store, UnixMillis};
use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};

use crate::support::{all, listing, provider, slug};

const PROVIDERS: [&str; 2] = ["left", "right"];

#[derive(Clone, Debug)]
struct Step {
    provider: usize,
    list: Vec<(u8, u32)>,
    dry_first: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..PROVIDERS.len(), vec((0..6_u8, 0..3_u32), 0..8), any::<bool>());
    let step = step.prop_map(|(provider, list, dry_first)| Step {
        provider,
        list,
        dry_first,
    });
    vec(step, 1..12)
}

/// Per provider and id: the version, and since when it is gone.
type Model = BTreeMap<(usize, u8), (u32, Option<UnixMillis>)>;

fn apply(model: &mut Model, step: &Step, now: UnixMillis) -> Changes {
    let list: BTreeMap<u8, u32> = step.list.iter().copied().collect();
    let mut changes = Changes::default();
    for (&id, &version) in &list {
        match model.insert((step.provider, id), (version, None)) {
            None => changes.added += 1,
            Some(before) if before == (version, None) => changes.unchanged += 1,
            Some(_) => changes.changed += 1,
        }
    }
    for ((provider, id), (_version, gone)) in model.iter_mut() {
        if *provider == step.provider && gone.is_none() && !list.contains_key(id) {
            *gone = Some(now);
            changes.removed += 1;
        }
    }
    changes
}

async fn seen(store: &Store) -> BTreeSet<(String, String, String, Option<UnixMillis>)> {
    let rows = all(store, true).await.into_iter().map(|row| {
        let version = row.listing.description.clone().unwrap_or_default();
        (
            row.provider.to_string(),
            row.listing.id.to_string(),
            version,
            row.removed_at,
        )
    });
    rows.collect()
}

pub(crate) async fn any_sequence_of_lists_shows_what_a_map_shows(store: Store) {
    let mut runner = TestRunner::new(Config::default());
    let mut now = 1_000;
    // The lists of one case are the past of the next: only its providers are new.
    for case in 0..25 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        let names = PROVIDERS.map(|name| format!("{name}-{case}"));
        store
            .put_providers(&names.clone().map(|name| provider(&name)))
            .await
            .unwrap();
        let others = seen(&store).await;
        let mut model = Model::new();
        for step in &steps {
            now += 1;
            let who = slug(&names[step.provider]);
            let list: Vec<_> = step
                .list
                .iter()
                .map(|(id, version)| listing(&format!("m{id}"), *version))
                .collect();
            let expected = apply(&mut model, step, UnixMillis(now));
            if step.dry_first {
                let counted = store
                    .replace_models(&who, &list, UnixMillis(now), WriteMode::DryRun)
                    .await
                    .unwrap();
                assert_eq!(counted, expected, "{steps:#?}");
            }
            let done = store
                .replace_models(&who, &list, UnixMillis(now), WriteMode::Apply)
                .await
                .unwrap();
            assert_eq!(done, expected, "{steps:#?}");
            let mut shown = others.clone();
            shown.extend(model.iter().map(|(&(provider, id), &(version, gone))| {
                (
                    names[provider].clone(),
                    format!("m{id}"),
                    format!("version {version}"),
                    gone,
                )
            }));
            assert_eq!(seen(&store).await, shown, "{steps:#?}");
        }
    }
}
