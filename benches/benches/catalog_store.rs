//! The catalogue on its stores: reading all of it, finding that nothing changed, and a hit on a page.
#![expect(
    clippy::expect_used,
    reason = "a bench that cannot be set up has no other way to say so"
)]

use std::{
    hint::black_box,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use criterion::{Criterion, criterion_group, criterion_main};
use gatewayz_benches::{CpuTime, WallTime, models};
use gatewayz_cache_core::{InvalidationGraph, Node};
use gatewayz_catalog::{
    CacheOptions, Catalog, CatalogStore as _, Extras, PageKey, Query, WriteMode, enrich::ManualPrices, keyspaces,
};
use gatewayz_store::{Store, StoreConfig, UnixMillis};
use gatewayz_testkit::Postgres;
use tokio::runtime::Runtime;

const NOW: UnixMillis = UnixMillis(1_770_638_400_000);

/// A store with all models, and a catalogue on it.
async fn filled(url: &str) -> Catalog<Store> {
    let store = Store::open(StoreConfig::from_url(url).expect("an address"))
        .await
        .expect("a store");
    store.migrate().await.expect("a schema");
    let directory = models::directory();
    let providers: Vec<_> = directory.iter().map(|provider| (**provider).clone()).collect();
    store.put_providers(&providers).await.expect("providers are written");
    for (slug, list) in models::lists() {
        store
            .replace_models(&slug, &list, NOW, WriteMode::Apply)
            .await
            .expect("a list is written");
    }
    let graph = keyspaces::declare(InvalidationGraph::new());
    let node = Node::builder().graph(graph).build().expect("a graph");
    let catalog = Catalog::new(
        &node,
        Arc::new(store),
        directory,
        ManualPrices::builtin(),
        CacheOptions::default(),
    );
    let catalog = catalog.expect("keyspaces of its own");
    assert_eq!(catalog.snapshot().await.expect("a catalogue").len(), models::MODELS);
    catalog
}

fn on_store(criterion: &mut Criterion, runtime: &Runtime, name: &str, catalog: &Catalog<Store>) {
    let mut group = criterion.benchmark_group(format!("catalog/{name}"));
    group.sample_size(20);
    group.bench_function("rebuild", |bencher| {
        bencher.iter_custom(|times| {
            runtime.block_on(async {
                let mut sum = Duration::ZERO;
                for _ in 0..times {
                    let time = WallTime::start();
                    catalog.reload().await.expect("the store is there");
                    sum += time.elapsed();
                }
                sum
            })
        });
    });
    let lists = models::lists();
    group.bench_function("unchanged_sync", |bencher| {
        bencher.iter_custom(|times| {
            runtime.block_on(async {
                let time = WallTime::start();
                for _ in 0..times {
                    for (slug, list) in &lists {
                        let written = catalog.store().replace_models(slug, list, NOW, WriteMode::Apply).await;
                        assert_eq!(written.expect("the store is there").written(), 0);
                    }
                }
                time.elapsed()
            })
        });
    });
    group.finish();
}

fn first_poll<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("a hit waits for nothing"),
    }
}

fn hit(criterion: &mut Criterion, runtime: &Runtime, catalog: &Catalog<Store>) {
    let (query, extras) = (Query::default(), Extras::default());
    runtime.block_on(catalog.page(&query, &extras)).expect("a page");
    let key = PageKey::new(&query, &extras);
    let mut group = criterion.benchmark_group("catalog/hit");
    group.bench_function("page_by_query", |bencher| {
        bencher.iter_custom(|times| {
            let time = CpuTime::start();
            for _ in 0..times {
                black_box(first_poll(catalog.page(black_box(&query), &extras)).expect("a page"));
            }
            time.elapsed()
        });
    });
    group.bench_function("page_by_key", |bencher| {
        bencher.iter_custom(|times| {
            let time = CpuTime::start();
            for _ in 0..times {
                black_box(catalog.page_at_hand(black_box(&key)).expect("a hit"));
            }
            time.elapsed()
        });
    });
    group.bench_function("snapshot", |bencher| {
        bencher.iter_custom(|times| {
            let time = CpuTime::start();
            for _ in 0..times {
                black_box(catalog.peek().expect("a hit"));
            }
            time.elapsed()
        });
    });
    group.finish();
}

fn stores(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bench.db");
    let sqlite = runtime.block_on(filled(file.to_str().expect("a path of text")));
    on_store(criterion, &runtime, "sqlite", &sqlite);
    hit(criterion, &runtime, &sqlite);

    let server = runtime.block_on(Postgres::start()).expect("a server");
    let url = runtime.block_on(server.fresh_database()).expect("a database");
    let postgres = runtime.block_on(filled(&url));
    on_store(criterion, &runtime, "postgres", &postgres);
}

criterion_group!(benches, stores);
criterion_main!(benches);
