//! How long the views of a catalogue of 12,543 made-up rows take: `cargo run --release -p gatewayz-catalog --example views`.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]
#![expect(clippy::expect_used, reason = "the rows are made up here")]

use std::{hint::black_box, num::NonZeroU32, sync::Arc, time::Duration};

use gatewayz_cache_core::UnixMillis;
use gatewayz_catalog::{
    Abilities, Criterion, Directory, Encoding, Extras, Filter, Listing, ModelHealth, ModelId, Page, Price, Priority,
    Provider, Query, Quote, RowKey, Slug, Snapshot, Sort, SortBy, StoredModel, UniqueQuery, UniqueShape, UniqueSortBy,
    Window, enrich::ManualPrices,
};

const ROWS: u32 = 12_543;
const PROVIDERS: u32 = 40;

fn provider(at: u32) -> Provider {
    Provider {
        priority: if at < 15 { Priority::Fast } else { Priority::Slow },
        site_url: Some(format!("https://provider-{at}.example")),
        ..Provider::new(slug(at), format!("Provider {at}"))
    }
}

fn slug(at: u32) -> Slug {
    Slug::new(&format!("provider-{at}")).expect("a slug")
}

/// Half of the rows are of 400 models that many serve, the others of models that few do.
fn row(at: u32) -> StoredModel {
    let of_provider = at / PROVIDERS;
    let model = if of_provider.is_multiple_of(2) {
        of_provider
    } else {
        1000 + at % 4999
    };
    let id = format!("developer-{}/model-{model}-instruct", model % 60);
    let mut listing = Listing::new(ModelId::new(&id).expect("an id"));
    listing.name = format!("Developer {}: Model {model} Instruct", model % 60);
    listing.developer = Some(format!("developer-{}", model % 60));
    listing.created = Some(1_700_000_000 + i64::from(model) * 1000);
    listing.description = Some("A model for conversations, code and reasoning, with long contexts. ".repeat(5));
    listing.context_length = NonZeroU32::new(8192 << (model % 6));
    let price = |price: u32| Quote::UsdPerMillion.price(&format!("0.{price:03}")).expect("a price");
    if !at.is_multiple_of(11) {
        listing.pricing.prompt = price(at % 997);
        listing.pricing.completion = price((at * 3) % 997);
    }
    listing.supported_parameters = ["max_tokens", "seed", "stop", "temperature", "tools", "top_p"]
        .map(str::to_owned)
        .into();
    listing.abilities = Abilities {
        streaming: true,
        functions: true,
        ..Abilities::default()
    };
    StoredModel {
        key: RowKey(at.into()),
        provider: slug(at % PROVIDERS),
        listing,
        operator_pricing: None,
        health: ModelHealth {
            average_response_time_ms: Some(40 + at % 2000),
            ..ModelHealth::default()
        },
        removed_at: None,
        updated_at: UnixMillis(1_770_638_400_000),
    }
}

/// Prints the shortest of some runs: the machine is shared.
#[expect(clippy::disallowed_methods, reason = "a stopwatch")]
fn measure<T>(what: &str, runs: u32, mut run: impl FnMut() -> T) {
    let mut best = Duration::MAX;
    for _ in 0..runs {
        let start = std::time::Instant::now();
        black_box(run());
        best = best.min(start.elapsed());
    }
    println!("{what:<58} {best:>12.1?}");
}

fn main() {
    let directory = Arc::new(Directory::new((0..PROVIDERS).map(provider)).expect("providers"));
    let rows: Vec<StoredModel> = (0..ROWS).map(row).collect();
    let manual = ManualPrices::builtin();
    let build = || Snapshot::build(Arc::clone(&directory), &manual, rows.clone());
    let snapshot = build();
    println!(
        "{} rows, {} models, {} MB",
        snapshot.len(),
        snapshot.unique_count(),
        snapshot.weight() >> 20
    );

    measure("snapshot build, with a copy of the rows", 5, build);
    let mut fresh: Vec<Snapshot> = (0..5).map(|_| build()).collect();
    measure("unique index build", 5, || {
        let snapshot = fresh.pop().expect("one per run");
        let count = snapshot.unique_count();
        (count, snapshot)
    });
    let unique = UniqueQuery::default();
    measure("unique: select 100 of all, ordered before", 200, || {
        snapshot.unique(&unique).models.len()
    });
    let cheapest = UniqueQuery {
        sort_by: UniqueSortBy::CheapestPrice,
        descending: false,
        ..unique.clone()
    };
    measure("unique page of 100, most providers (4,000 offers)", 50, || {
        Page::render_unique(&snapshot, &unique, UniqueShape::Models).len()
    });
    measure("unique page of 100, cheapest", 50, || {
        Page::render_unique(&snapshot, &cheapest, UniqueShape::Models).len()
    });
    measure("unique, whole array", 5, || snapshot.unique_json().len());

    let filtered = |filter: Filter, by, limit| Query {
        filter,
        sort: Sort { by, descending: false },
        window: Window {
            limit: Some(limit),
            ..Window::default()
        },
    };
    let plain = filtered(Filter::default(), SortBy::Default, 100);
    measure("page of 100, no filter", 200, || {
        Page::render(&snapshot, &plain, &Extras::default()).len()
    });
    let contexts = Filter {
        min_context: NonZeroU32::new(65_536),
        max_price: Some(Price::from_steps(300_000_000)),
        ..Filter::default()
    };
    let by_price = filtered(contexts, SortBy::Price, 100);
    measure("select by context and price, by price", 200, || {
        snapshot.select(&by_price).total
    });
    measure("page of the same", 200, || {
        Page::render(&snapshot, &by_price, &Extras::default()).len()
    });
    for text in ["model-123", "instruct", "no such model"] {
        let text = filtered(
            Filter {
                text: Some(text.to_owned()),
                ..Filter::default()
            },
            SortBy::Default,
            20,
        );
        let what = format!("search for {:?}", text.filter.text.as_deref().unwrap_or_default());
        measure(&what, 100, || Page::render_search(&snapshot, &text).len());
    }
    for encoding in [Encoding::Zstd, Encoding::Gzip] {
        let what = format!("page of 100 with its {} form", encoding.as_str().unwrap_or_default());
        measure(&what, 20, || {
            Page::render(&snapshot, &plain, &Extras::default()).compressed(encoding)
        });
    }
    let popular = snapshot.unique(&unique).models[0].canonical();
    measure("compare one model's 40 offers, as JSON", 100, || {
        serde_json::to_vec(&snapshot.compare(popular, Criterion::Price)).map(|json| json.len())
    });
    measure("stats", 20, || snapshot.stats());
    measure("provider summaries", 100, || snapshot.provider_summaries());
    measure("rows under 500 ms", 100, || snapshot.faster_than(500));
}
