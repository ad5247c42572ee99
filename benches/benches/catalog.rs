//! The catalogue: building a snapshot, the first render of a page, a hit on one, unique models.

use std::{hint::black_box, sync::Arc};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use gatewayz_benches::models;
use gatewayz_catalog::{
    Encoding, Extras, Filter, Page, PageKey, Query, Snapshot, Sort, SortBy, Start, enrich::ManualPrices,
};

fn snapshot() -> Snapshot {
    Snapshot::build(models::directory(), &ManualPrices::default(), models::stored())
}

fn publish(criterion: &mut Criterion) {
    let (directory, manual) = (models::directory(), ManualPrices::builtin());
    let mut group = criterion.benchmark_group("catalog/snapshot");
    group.sample_size(20);
    group.bench_function("build", |bencher| {
        bencher.iter_batched(
            models::stored,
            |rows| Snapshot::build(Arc::clone(&directory), &manual, rows),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn page(criterion: &mut Criterion) {
    let snapshot = snapshot();
    let extras = Extras::default();
    let whole = Query::default();
    let mut deep = Query::default();
    deep.window.start = Start::Offset(7_700);
    let by_price = Query {
        sort: Sort {
            by: SortBy::Price,
            descending: false,
        },
        ..Query::default()
    };
    let filtered = Query {
        filter: Filter {
            text: Some("qwen instruct".to_owned()),
            ..Filter::default()
        },
        ..Query::default()
    };
    let mut group = criterion.benchmark_group("catalog/page");
    for (name, query) in [
        ("render_first_100", &whole),
        ("render_deep_100", &deep),
        ("render_100_by_price", &by_price),
        ("render_100_of_search", &filtered),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| Page::render(&snapshot, black_box(query), &extras))
        });
    }
    let mut all = Query::default();
    all.window.limit = None;
    group.bench_function("render_all", |bencher| {
        bencher.iter(|| Page::render(&snapshot, black_box(&all), &extras))
    });
    group.bench_function("key", |bencher| {
        bencher.iter(|| PageKey::new(black_box(&whole), &extras))
    });
    group.sample_size(20);
    for (name, encoding) in [("gzip_100", Encoding::Gzip), ("zstd_100", Encoding::Zstd)] {
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || Page::render(&snapshot, &whole, &extras),
                |page| page.compressed(encoding),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, publish, page);
criterion_main!(benches);
