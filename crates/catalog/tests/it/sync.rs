//! What a sync does to the store, and what readers see of it.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use gatewayz_cache_core::UnixMillis;
use gatewayz_catalog::{
    CatalogStore, Changes, ListError, Outcome, Phase, RowFilter, Schedule, ScheduledSync, Slug, Sync, SyncOptions,
    SyncReport, WriteMode,
};
use gatewayz_testkit::{FakeCluster, eventually};

use crate::support::{Answer, Lists, MemoryStore, alone, catalog, listing, listings, node, slug};

fn outcome<'a>(report: &'a SyncReport, provider: &str) -> &'a Outcome {
    &report.providers[&slug(provider)].outcome
}

fn failed_with(report: &SyncReport, provider: &str, word: &str) -> bool {
    matches!(outcome(report, provider), Outcome::Failed { kind, .. } if kind == word)
}

fn lists(of: &[(&str, Answer)]) -> Arc<Lists> {
    let lists = Lists::default();
    for (provider, answer) in of {
        lists.set(provider, answer.clone());
    }
    Arc::new(lists)
}

#[tokio::test]
async fn the_second_sync_writes_nothing_and_invalidates_nothing() {
    let store = MemoryStore::new();
    let lists = lists(&[("groq", Answer::Rows(listings("llama", 40, 1)))]);
    let catalog = catalog(&alone(), &store);
    let sync = Sync::new(catalog.clone(), lists);
    let first = sync.run(&SyncOptions::default()).await;
    assert_eq!(
        first.total,
        Changes {
            added: 40,
            ..Changes::default()
        }
    );
    assert_eq!(first.invalidated, Some(true));
    let snapshot = catalog.snapshot().await.unwrap();
    let second = sync.run(&SyncOptions::default()).await;
    assert_eq!(
        second.total,
        Changes {
            unchanged: 40,
            ..Changes::default()
        }
    );
    assert_eq!(second.invalidated, None);
    assert_eq!(store.writes.load(Ordering::SeqCst), 40);
    assert!(Arc::ptr_eq(&snapshot, &catalog.snapshot().await.unwrap()));
}

#[tokio::test]
async fn a_sync_is_seen_on_every_node_when_it_is_over() {
    let cluster = FakeCluster::new();
    let store = MemoryStore::new();
    store.put("groq", &listings("llama", 2, 1));
    let (here, there) = (catalog(&node(&cluster), &store), catalog(&node(&cluster), &store));
    assert_eq!(there.snapshot().await.unwrap().len(), 2);
    let sync = Sync::new(here, lists(&[("groq", Answer::Rows(listings("llama", 9, 1)))]));
    let report = sync.run(&SyncOptions::default()).await;
    assert_eq!(
        report.total,
        Changes {
            added: 7,
            unchanged: 2,
            ..Changes::default()
        }
    );
    assert_eq!(there.snapshot().await.unwrap().len(), 9);
}

#[tokio::test(start_paused = true)]
async fn a_provider_without_a_usable_list_keeps_its_rows_and_says_why() {
    let store = MemoryStore::new();
    for provider in ["groq", "huggingface", "openrouter", "together"] {
        store.put(provider, &listings("llama", 30, 1));
    }
    let status = ListError::Status {
        status: 500,
        message: "oops".to_owned(),
        retry_after: None,
    };
    let lists = lists(&[
        ("groq", Answer::Fails(status)),
        ("huggingface", Answer::Hangs),
        ("openrouter", Answer::Fails(ListError::Malformed("html".to_owned()))),
        ("together", Answer::Rows(listings("llama", 31, 1))),
    ]);
    let catalog = catalog(&alone(), &store);
    let report = Sync::new(catalog.clone(), lists).run(&SyncOptions::default()).await;
    assert!(failed_with(&report, "groq", "status"));
    assert!(failed_with(&report, "huggingface", "timed-out"));
    assert!(failed_with(&report, "openrouter", "malformed"));
    assert_eq!((report.failed, report.synced()), (3, 1));
    assert_eq!(catalog.snapshot().await.unwrap().len(), 30 * 3 + 31);
}

#[tokio::test]
async fn a_list_that_lost_most_of_its_rows_is_not_believed_unless_told_so() {
    let store = MemoryStore::new();
    store.put("groq", &listings("llama", 40, 1));
    let lists = lists(&[("groq", Answer::Rows(listings("llama", 19, 1)))]);
    let sync = Sync::new(catalog(&alone(), &store), lists);
    let refused = sync.run(&SyncOptions::default()).await;
    assert!(failed_with(&refused, "groq", "too-few"));
    assert_eq!(store.writes.load(Ordering::SeqCst), 0);
    let mut options = SyncOptions::default();
    options.allow_shrink = true;
    let told = sync.run(&options).await;
    assert_eq!(
        told.total,
        Changes {
            removed: 21,
            unchanged: 19,
            ..Changes::default()
        }
    );
}

#[tokio::test]
async fn a_dry_run_counts_the_same_and_writes_nothing() {
    let store = MemoryStore::new();
    store.put("groq", &listings("llama", 4, 1));
    let mut list = listings("llama", 3, 1);
    list.push(listing("new", 2));
    list[0] = listing("llama-0000", 9);
    let sync = Sync::new(catalog(&alone(), &store), lists(&[("groq", Answer::Rows(list))]));
    let mut options = SyncOptions::default();
    options.mode = WriteMode::DryRun;
    let dry = sync.run(&options).await;
    assert!(dry.dry_run && dry.invalidated.is_none());
    assert_eq!(store.writes.load(Ordering::SeqCst), 0);
    let wet = sync.run(&SyncOptions::default()).await;
    assert_eq!(dry.total, wet.total);
    assert_eq!(
        wet.total,
        Changes {
            added: 1,
            changed: 1,
            removed: 1,
            unchanged: 2
        }
    );
}

#[tokio::test]
async fn no_reader_sees_half_of_a_sync() {
    let cluster = FakeCluster::new();
    let store = MemoryStore::new();
    let old = |prefix| listings(prefix, 1, 1);
    for provider in ["groq", "openrouter", "together"] {
        store.put(provider, &old("a"));
    }
    let new = Answer::Rows(listings("a", 3, 1));
    let lists = lists(&[("groq", new.clone()), ("openrouter", new.clone()), ("together", new)]);
    let (here, there) = (catalog(&node(&cluster), &store), catalog(&node(&cluster), &store));
    // Two of three providers are written; the third write waits.
    store.write_permits.forget_permits(usize::MAX >> 4);
    store.write_permits.add_permits(2);
    let sync = Sync::new(here.clone(), lists);
    let mut progress = sync.progress();
    let run = tokio::spawn(async move { sync.run(&SyncOptions::default()).await });
    progress
        .wait_for(|progress| progress.phase == Phase::Writing)
        .await
        .unwrap();
    let two_written = async || store.writes.load(Ordering::SeqCst) == 4;
    eventually(Duration::from_secs(5), two_written).await.unwrap();
    // Both nodes have nothing cached, and ask now.
    let readers = [here.clone(), there.clone()]
        .map(|catalog| tokio::spawn(async move { catalog.snapshot().await.unwrap().len() }));
    tokio::task::yield_now().await;
    assert!(readers.iter().all(|reader| !reader.is_finished()));
    store.write_permits.add_permits(10);
    for reader in readers {
        assert_eq!(reader.await.unwrap(), 9);
    }
    assert_eq!(run.await.unwrap().total.added, 6);
}

#[tokio::test]
async fn no_more_lists_are_fetched_at_a_time_than_allowed() {
    let store = MemoryStore::new();
    let rows = Answer::Rows(listings("a", 1, 1));
    let all = ["groq", "huggingface", "openrouter", "together"].map(|provider| (provider, rows.clone()));
    let lists = lists(&all);
    let mut options = SyncOptions::default();
    options.parallel = 2;
    let report = Sync::new(catalog(&alone(), &store), Arc::clone(&lists))
        .run(&options)
        .await;
    assert_eq!(report.synced(), 4);
    assert_eq!(lists.most_running.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn the_whole_run_ends_in_time_with_what_it_has() {
    let store = MemoryStore::new();
    let lists = lists(&[
        ("groq", Answer::Rows(listings("a", 1, 1))),
        ("huggingface", Answer::Hangs),
        ("openrouter", Answer::Hangs),
        ("together", Answer::Hangs),
    ]);
    let mut options = SyncOptions::default();
    options.parallel = 1;
    options.time_limit = Duration::from_secs(20);
    let start = tokio::time::Instant::now();
    let report = Sync::new(catalog(&alone(), &store), lists).run(&options).await;
    assert!(start.elapsed() < Duration::from_secs(21));
    assert_eq!((report.failed, report.synced()), (3, 1));
}

#[tokio::test]
async fn only_named_providers_are_synced_and_skipped_ones_are_not() {
    let store = MemoryStore::new();
    let rows = Answer::Rows(listings("a", 1, 1));
    let all = ["groq", "huggingface", "openrouter", "together"].map(|provider| (provider, rows.clone()));
    let sync = Sync::new(catalog(&alone(), &store), lists(&all));
    let mut skipping = SyncOptions::default();
    skipping.skip = vec![slug("together")];
    let report = sync.run(&skipping).await;
    assert!(!report.providers.contains_key(&slug("together")) && report.synced() == 3);
    let mut named = SyncOptions::default();
    named.providers = Some(vec![slug("together")]);
    let report = sync.run(&named).await;
    assert_eq!(report.providers.keys().collect::<Vec<&Slug>>(), [&slug("together")]);
}

#[tokio::test]
async fn a_store_that_goes_away_fails_the_run_and_keeps_the_catalogue() {
    let store = MemoryStore::new();
    store.put("groq", &listings("a", 2, 1));
    let catalog = catalog(&alone(), &store);
    catalog.snapshot().await.unwrap();
    let sync = Sync::new(catalog.clone(), lists(&[("groq", Answer::Rows(listings("a", 3, 1)))]));
    store.down.store(true, Ordering::SeqCst);
    let report = sync.run(&SyncOptions::default()).await;
    assert!(failed_with(&report, "groq", "store"));
    assert_eq!(report.invalidated, None);
    assert_eq!(catalog.snapshot().await.unwrap().len(), 2);
}

#[tokio::test]
async fn one_node_of_many_runs_the_scheduled_sync() {
    let cluster = FakeCluster::new();
    let store = MemoryStore::new();
    let lists = lists(&[("groq", Answer::Rows(listings("a", 3, 1)))]);
    let schedules: Vec<_> = (0..4)
        .map(|_| {
            let node = node(&cluster);
            let catalog = catalog(&node, &store);
            let sync = Sync::new(catalog.clone(), Arc::clone(&lists));
            let mut options = SyncOptions::default();
            options.providers = Some(vec![slug("groq")]);
            ScheduledSync::new(&catalog, sync, options, Schedule::default()).unwrap()
        })
        .collect();
    let reports = futures_util::future::join_all(schedules.iter().map(ScheduledSync::due)).await;
    assert_eq!(lists.asked.load(Ordering::SeqCst), 1);
    assert!(reports.iter().all(|report| report.as_ref().unwrap().total.added == 3));
    assert_eq!(schedules[3].last().await.unwrap().total.added, 3);
}

#[tokio::test]
async fn an_import_fills_what_is_empty_and_leaves_a_providers_own_list_alone() {
    let store = MemoryStore::new();
    store.put("groq", &listings("own", 2, 1));
    let catalog = catalog(&alone(), &store);
    let imported = |count| {
        let mut rows = listings("imported", count, 1);
        for row in &mut rows {
            row.imported_from = Some("models.dev".to_owned());
        }
        rows
    };
    let lists = |count| [(slug("groq"), imported(count)), (slug("together"), imported(count))].into();
    let report = catalog.import(lists(3), WriteMode::Apply, false).await.unwrap();
    assert_eq!(outcome(&report, "groq"), &Outcome::Kept);
    assert_eq!(
        report.total,
        Changes {
            added: 3,
            ..Changes::default()
        }
    );
    let snapshot = catalog.snapshot().await.unwrap();
    assert_eq!(snapshot.len(), 5);
    let row = snapshot.find(&slug("together"), "imported-0000").unwrap();
    let source = snapshot.rows()[row as usize]
        .pricing_source
        .as_ref()
        .unwrap()
        .to_string();
    assert_eq!(source, "import:models.dev");
    // Imported rows give way to a newer import.
    let report = catalog.import(lists(4), WriteMode::Apply, false).await.unwrap();
    assert_eq!(report.total.added, 1);
    let report = catalog.import(lists(4), WriteMode::Apply, true).await.unwrap();
    assert_eq!((report.total.added, report.total.removed), (4, 2));
}

#[tokio::test]
async fn removed_models_are_kept_as_inactive_with_the_time() {
    let store = MemoryStore::new();
    store.put("groq", &listings("a", 2, 1));
    let sync = Sync::new(
        catalog(&alone(), &store),
        lists(&[("groq", Answer::Rows(listings("a", 1, 1)))]),
    );
    let report = sync.run(&SyncOptions::default()).await;
    assert_eq!(report.total.removed, 1);
    let filter = RowFilter {
        provider: Some(slug("groq")),
        inactive: true,
    };
    let rows = store.models_page(&filter, None, 10).await.unwrap();
    let removed: Vec<Option<UnixMillis>> = rows.iter().map(|row| row.removed_at).collect();
    assert_eq!((removed.len(), removed[0]), (2, None));
    assert!(removed[1].is_some_and(|at| at.0 >= report.started_at));
}

#[tokio::test(start_paused = true)]
async fn a_sync_that_is_broken_off_is_not_under_way_any_more() {
    let store = MemoryStore::new();
    let sync = Sync::new(catalog(&alone(), &store), lists(&[("groq", Answer::Hangs)]));
    let mut progress = sync.progress();
    let options = SyncOptions::default();
    let given_up = tokio::time::timeout(Duration::from_secs(1), sync.run(&options)).await;
    assert!(given_up.is_err());
    let progress = progress.borrow_and_update();
    assert_eq!((progress.phase, progress.running.len()), (Phase::Idle, 0));
}
