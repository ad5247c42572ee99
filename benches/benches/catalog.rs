//! The catalogue: building a snapshot, the first render of a page, a hit on one.
//!
//! Processor time of the thread where nothing waits: what else the machine does is left out.

use std::{hint::black_box, sync::Arc, time::Duration};

use criterion::{Bencher, Criterion, criterion_group, criterion_main};
use gatewayz_benches::{CpuTime, WallTime, models};
use gatewayz_catalog::{
    Encoding, Extras, Filter, Page, PageKey, Query, Snapshot, Sort, SortBy, Start, UniqueQuery, enrich::ManualPrices,
};

/// Measures calls whose results are dropped outside of the measured time.
fn cpu<T, R>(bencher: &mut Bencher<'_>, mut prepare: impl FnMut() -> T, run: impl Fn(T) -> R) {
    bencher.iter_custom(|calls| {
        (0..calls).fold(Duration::ZERO, |sum, _| {
            let input = prepare();
            let time = CpuTime::start();
            let output = black_box(run(black_box(input)));
            let took = time.elapsed();
            drop(output);
            sum + took
        })
    });
}

/// Measures many short calls at once.
fn cpu_short<R>(bencher: &mut Bencher<'_>, run: impl Fn() -> R) {
    bencher.iter_custom(|calls| {
        let time = CpuTime::start();
        for _ in 0..calls {
            black_box(run());
        }
        time.elapsed()
    });
}

fn snapshot() -> Snapshot {
    Snapshot::build(models::directory(), &ManualPrices::default(), models::stored())
}

fn publish(criterion: &mut Criterion) {
    let (directory, manual) = (models::directory(), ManualPrices::builtin());
    let mut group = criterion.benchmark_group("catalog/snapshot");
    group.sample_size(10);
    // By the clock: two threads build it.
    group.bench_function("build", |bencher| {
        bencher.iter_custom(|calls| {
            (0..calls).fold(Duration::ZERO, |sum, _| {
                let rows = models::stored();
                let time = WallTime::start();
                let snapshot = black_box(Snapshot::build(Arc::clone(&directory), &manual, rows));
                let took = time.elapsed();
                drop(snapshot);
                sum + took
            })
        });
    });
    group.bench_function("unique_index", |bencher| {
        cpu(bencher, snapshot, |snapshot| {
            let total = snapshot.unique(&UniqueQuery::default()).total;
            (snapshot, total)
        });
    });
    group.finish();
}

fn page(criterion: &mut Criterion) {
    let snapshot = snapshot();
    let extras = Extras::default();
    let first = Query::default();
    let mut deep = Query::default();
    deep.window.start = Start::Offset(7_700);
    let mut all = Query::default();
    all.window.limit = None;
    let by_price = Query {
        sort: Sort {
            by: SortBy::Price,
            descending: false,
        },
        ..Query::default()
    };
    let search = Query {
        filter: Filter {
            text: Some("qwen instruct".to_owned()),
            ..Filter::default()
        },
        ..Query::default()
    };
    let mut group = criterion.benchmark_group("catalog/page");
    for (name, query) in [
        ("first_render_100", &first),
        ("first_render_100_deep", &deep),
        ("first_render_100_by_price", &by_price),
        ("first_render_100_of_search", &search),
        ("first_render_all", &all),
    ] {
        group.bench_function(name, |bencher| {
            cpu_short(bencher, || Page::render(&snapshot, black_box(query), &extras))
        });
    }
    group.bench_function("key", |bencher| {
        cpu_short(bencher, || PageKey::new(black_box(&first), &extras))
    });
    let unique = UniqueQuery::default();
    group.bench_function("unique_100", |bencher| {
        cpu_short(bencher, || snapshot.unique(black_box(&unique)))
    });
    group.sample_size(20);
    for (name, encoding) in [("gzip_100", Encoding::Gzip), ("zstd_100", Encoding::Zstd)] {
        let render = || Page::render(&snapshot, &first, &extras);
        group.bench_function(name, |bencher| cpu(bencher, render, |page| page.compressed(encoding)));
    }
    group.finish();
}

criterion_group!(benches, publish, page);
criterion_main!(benches);
