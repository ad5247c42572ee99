//! What becomes of a sync whose writes do not end as they should.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use gatewayz_cache_core::Propagation;
use gatewayz_catalog::{Outcome, Phase, Sync, SyncOptions, WriteMode};
use gatewayz_testkit::{FakeCluster, eventually};

use crate::support::{Answer, Lists, MemoryStore, alone, catalog, listings, node, slug};

const MARK: &str = "models:sync:in_progress";

fn lists(of: &[&str]) -> Arc<Lists> {
    let lists = Lists::default();
    for provider in of {
        lists.set(provider, Answer::Rows(listings("a", 3, 1)));
    }
    Arc::new(lists)
}

/// No write begins before it is permitted.
fn hold_writes(store: &MemoryStore) {
    store.write_permits.forget_permits(usize::MAX >> 4);
}

#[tokio::test]
async fn a_sync_that_is_given_up_in_the_middle_leaves_nothing_half_known() {
    let cluster = FakeCluster::new();
    let store = MemoryStore::new();
    let (here, there) = (catalog(&node(&cluster), &store), catalog(&node(&cluster), &store));
    assert_eq!(there.snapshot().await.unwrap().len(), 0);
    hold_writes(&store);
    store.write_permits.add_permits(1);
    let sync = Sync::new(here, lists(&["groq", "together"]));
    let mut progress = sync.progress();
    let run = tokio::spawn(async move { sync.run(&SyncOptions::default()).await });
    progress
        .wait_for(|progress| progress.phase == Phase::Writing)
        .await
        .unwrap();
    let one_written = async || store.writes.load(Ordering::SeqCst) == 3;
    eventually(Duration::from_secs(5), one_written).await.unwrap();
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    store.write_permits.add_permits(10);
    let all_seen = async || there.snapshot().await.unwrap().len() == 6;
    eventually(Duration::from_secs(5), all_seen).await.unwrap();
    let open = async || cluster.stored(MARK).is_none();
    eventually(Duration::from_secs(5), open).await.unwrap();
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_taken_for_one_that_may_be_done() {
    let store = MemoryStore::new();
    let catalog = catalog(&alone(), &store);
    assert_eq!(catalog.snapshot().await.unwrap().len(), 0);
    store.loses_answers.store(true, Ordering::SeqCst);
    let sync = Sync::new(catalog.clone(), lists(&["groq"]));
    let report = sync.run(&SyncOptions::default()).await;
    assert!(matches!(&report.providers[&slug("groq")].outcome, Outcome::Failed { kind, .. } if kind == "store"));
    assert_eq!(report.invalidated, Some(true));
    assert_eq!(catalog.snapshot().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_store_that_panics_ends_one_write_and_not_the_run() {
    let cluster = FakeCluster::new();
    let store = MemoryStore::new();
    let catalog = catalog(&node(&cluster), &store);
    assert_eq!(catalog.snapshot().await.unwrap().len(), 0);
    store.panics.store(true, Ordering::SeqCst);
    let report = Sync::new(catalog.clone(), lists(&["groq"]))
        .run(&SyncOptions::default())
        .await;
    assert_eq!(report.failed, 4);
    assert!(cluster.stored(MARK).is_none(), "the gate is open");
    assert_eq!(catalog.snapshot().await.unwrap().len(), 3);
}

#[tokio::test]
async fn two_nodes_that_write_at_once_do_so_one_after_the_other() {
    let cluster = FakeCluster::new();
    let store = MemoryStore::new();
    let [here, there, reader] = [(), (), ()].map(|()| catalog(&node(&cluster), &store));
    hold_writes(&store);
    let closed = async || cluster.stored(MARK).is_some();
    let first = tokio::spawn({
        let sync = Sync::new(here, lists(&["groq"]));
        async move { sync.run(&SyncOptions::default()).await }
    });
    eventually(Duration::from_secs(5), closed).await.unwrap();
    let imported = ["openrouter", "together"].map(|provider| (slug(provider), listings("b", 3, 1)));
    let second = tokio::spawn(async move { there.import(imported.into(), WriteMode::Apply, false).await.unwrap() });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    store.write_permits.add_permits(1);
    assert_eq!(first.await.unwrap().total.added, 3);
    store.write_permits.add_permits(1);
    let half_written = async || store.writes.load(Ordering::SeqCst) == 6;
    eventually(Duration::from_secs(5), half_written).await.unwrap();
    // What stood between the two is forgotten, so that the store has to be asked.
    assert_eq!(reader.invalidate_full_catalog().await, Propagation::Acknowledged);
    let read = tokio::spawn(async move { reader.snapshot().await.unwrap().len() });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!read.is_finished(), "{:?}", read.await);
    store.write_permits.add_permits(10);
    assert_eq!(second.await.unwrap().total.added, 6);
    assert_eq!(read.await.unwrap(), 9);
}

#[tokio::test]
async fn what_is_imported_under_another_name_of_a_provider_is_its_own() {
    let store = MemoryStore::new();
    let catalog = catalog(&alone(), &store);
    catalog.cached_gateway_catalog("huggingface").await.unwrap();
    let imported = [(slug("hug"), listings("a", 3, 1))].into();
    let report = catalog.import(imported, WriteMode::Apply, false).await.unwrap();
    assert!(report.providers.contains_key(&slug("huggingface")));
    let index = catalog.cached_gateway_index("huggingface").await.unwrap();
    assert_eq!(&index.bytes()[..], br#"["a-0000","a-0001","a-0002"]"#);
    let sync = Sync::new(catalog, lists(&["huggingface"]));
    let report = sync.run(&SyncOptions::default()).await;
    assert_eq!(report.total.unchanged, 3);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_running_when_a_run_is_over() {
    let store = MemoryStore::new();
    let lists = lists(&["groq"]);
    lists.set("together", Answer::Hangs);
    let sync = Sync::new(catalog(&alone(), &store), lists);
    let mut options = SyncOptions::default();
    options.time_limit = Duration::from_secs(5);
    sync.run(&options).await;
    let progress = sync.progress().borrow().clone();
    assert_eq!((progress.phase, progress.running), (Phase::Idle, vec![]));
}

#[tokio::test]
async fn a_reader_that_was_under_way_during_a_whole_sync_reads_again() {
    let cluster = FakeCluster::new();
    let store = MemoryStore::new();
    let (here, there) = (catalog(&node(&cluster), &store), catalog(&node(&cluster), &store));
    store.read_permits.forget_permits(usize::MAX >> 4);
    hold_writes(&store);
    // It found the gate open, and has not read yet.
    let read = tokio::spawn(async move { there.snapshot().await.unwrap().len() });
    let asked = async || store.reads.load(Ordering::SeqCst) == 1;
    eventually(Duration::from_secs(5), asked).await.unwrap();
    let sync = Sync::new(here, lists(&["groq", "together"]));
    let run = tokio::spawn(async move { sync.run(&SyncOptions::default()).await });
    store.write_permits.add_permits(1);
    let half_written = async || store.writes.load(Ordering::SeqCst) == 3;
    eventually(Duration::from_secs(5), half_written).await.unwrap();
    store.read_permits.add_permits(1);
    let taken = async || store.read_permits.available_permits() == 0;
    eventually(Duration::from_secs(5), taken).await.unwrap();
    store.write_permits.add_permits(10);
    let open = async || store.writes.load(Ordering::SeqCst) == 6 && cluster.stored(MARK).is_none();
    eventually(Duration::from_secs(5), open).await.unwrap();
    store.read_permits.add_permits(100);
    assert_eq!(read.await.unwrap(), 6);
    assert_eq!(run.await.unwrap().total.added, 6);
}
