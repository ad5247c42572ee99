//! The recorded lists of all providers over HTTP, through a sync and a store, to the pages that callers read.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fmt::Write as _, sync::Arc, time::Duration};

use gatewayz_cache_core::{InvalidationGraph, Node, Time};
use gatewayz_cache_redis::{RedisConfig, RedisTier};
use gatewayz_catalog::{
    CacheOptions, Catalog, CatalogStore as _, Extras, Filter, Gateway, Outcome, Query, Slug, Sync, SyncOptions,
    SyncReport, UniqueQuery, WriteMode, enrich::ManualPrices, keyspaces,
};
use gatewayz_providers::{Client, ClientConfig, EgressPolicy, HttpLists, Registry, Settings, import};
use gatewayz_store::{Store, StoreConfig};
use gatewayz_testkit::{
    Postgres, RedisServer, SimulatedProvider,
    simulated::{Fault, RecordedList, Reply, Request, Route, recorded_lists},
};
use serde_json::Value;

/// The main capture of each provider; of SiliconFlow there is only an older one.
fn main_captures() -> Option<Vec<RecordedList>> {
    match recorded_lists() {
        Ok(lists) => Some(
            lists
                .into_iter()
                .filter(|list| list.name == list.slug || list.slug == "siliconflow")
                .collect(),
        ),
        Err(error) => {
            eprintln!("{error}");
            None
        }
    }
}

/// All recorded providers behind one address, and a catalogue that syncs from there.
struct World {
    lists: Vec<RecordedList>,
    upstream: SimulatedProvider,
    http: HttpLists,
    catalog: Catalog<Store>,
    sync: Sync<Store, HttpLists>,
}

impl World {
    async fn new(lists: Vec<RecordedList>, store: Store, node: &Node) -> Self {
        let upstream = SimulatedProvider::start().await.unwrap();
        upstream.serve(&lists);
        // Of these, only a page that names a next one was recorded. The next one ends the list.
        for (slug, parameter) in [("cohere", "page_token"), ("fal", "cursor")] {
            let list = lists.iter().find(|list| list.slug == slug).unwrap();
            let body = list.pages[0].body.clone();
            let last = r#"{"models":[],"has_more":false}"#;
            let page = move |request: &Request| match request.query(parameter) {
                Some(_) => Reply::json(last),
                None => Reply::json(body.clone()),
            };
            upstream.route(&list.path, Route::of(page));
        }
        let mut overrides = String::new();
        for list in &lists {
            // `{account}` and its kin stand for any segment.
            let segments = list
                .path
                .split('/')
                .map(|part| if part.contains('{') { "x" } else { part });
            let path = segments.collect::<Vec<_>>().join("/");
            // One second for groq, which a test makes hang.
            let seconds = if list.slug == "groq" { 1 } else { 30 };
            writeln!(
                overrides,
                "[{}]\nactive = true\nlist = {{ url = \"{}{path}\", auth = \"none\", timeout_secs = {seconds} }}",
                list.slug,
                upstream.url(),
            )
            .unwrap();
        }
        let registry = Registry::builtin().unwrap().with_overrides(&overrides).unwrap();
        let directory = Arc::new(registry.directory().clone());
        let mut config = ClientConfig::default();
        config.egress = EgressPolicy::new().with_allowed_host("127.0.0.1");
        let client = Client::new(&config).unwrap();
        let http = HttpLists::new(node, Time::default(), registry, client, Settings::new()).unwrap();
        store.migrate().await.unwrap();
        let catalog = Catalog::new(
            node,
            Arc::new(store),
            directory,
            ManualPrices::builtin(),
            CacheOptions::default(),
        )
        .unwrap();
        let sync = Sync::new(catalog.clone(), Arc::new(http.clone()));
        sync.put_providers().await.unwrap();
        Self {
            lists,
            upstream,
            http,
            catalog,
            sync,
        }
    }

    async fn sync(&self) -> SyncReport {
        let mut options = SyncOptions::default();
        options.providers = Some(self.lists.iter().map(|list| Slug::new(&list.slug).unwrap()).collect());
        self.sync.run(&options).await
    }

    fn path(&self, slug: &str) -> &str {
        &self.lists.iter().find(|list| list.slug == slug).unwrap().path
    }

    async fn page(&self, query: &Query) -> Value {
        let page = self
            .catalog
            .page(query, &Extras::default())
            .await
            .unwrap()
            .value
            .unwrap();
        let body: Vec<u8> = page.parts().flat_map(|part| part.to_vec()).collect();
        serde_json::from_slice(&body).unwrap()
    }
}

fn node() -> gatewayz_cache_core::NodeBuilder {
    Node::builder().graph(keyspaces::declare(InvalidationGraph::new()))
}

fn failures(report: &SyncReport) -> Vec<String> {
    let failed = |outcome: &Outcome| matches!(outcome, Outcome::Failed { .. });
    let failures = report
        .providers
        .iter()
        .filter(|(_, provider)| failed(&provider.outcome));
    failures
        .map(|(slug, provider)| format!("{slug}: {:?}", provider.outcome))
        .collect()
}

/// Everything is fetched, stored, published and queried; the second time nothing is written.
async fn all_lists_become_one_catalogue(world: &World) {
    let first = world.sync().await;
    assert_eq!(failures(&first), Vec::<String>::new());
    assert!(first.total.added > 10_000, "{:?}", first.total);
    assert_eq!(
        (first.total.changed, first.total.removed, first.invalidated),
        (0, 0, Some(true))
    );
    let snapshot = world.catalog.snapshot().await.unwrap();
    assert_eq!(snapshot.len() as u64, first.total.added);

    let all = world.page(&Query::default()).await;
    assert_eq!(all["total"], first.total.added);
    assert_eq!(all["data"].as_array().unwrap().len(), 100);
    let mut of_openrouter = Query::default();
    of_openrouter.filter.gateway = Gateway::Provider(Slug::new("openrouter").unwrap());
    let page = world.page(&of_openrouter).await;
    assert_eq!(page["total"], 348);
    let claude = Query {
        filter: Filter {
            text: Some("claude sonnet".to_owned()),
            ..Filter::default()
        },
        ..Query::default()
    };
    assert!(world.page(&claude).await["total"].as_u64().unwrap() > 10);
    let unique = snapshot.unique(&UniqueQuery::default());
    assert!(unique.models[0].provider_count() > 5, "{:?}", unique.models[0]);

    let second = world.sync().await;
    assert_eq!(failures(&second), Vec::<String>::new());
    assert_eq!(second.total.written(), 0, "{second:?}");
    assert_eq!(second.total.unchanged, first.total.added);
    assert_eq!(second.invalidated, None);
    assert!(Arc::ptr_eq(&snapshot, &world.catalog.snapshot().await.unwrap()));
}

/// Lists that fail in the middle of a sync leave their rows; what others changed is published.
async fn failing_lists_leave_their_rows(world: &World) {
    let before = world.catalog.snapshot().await.unwrap();
    let count = |snapshot: &gatewayz_catalog::Snapshot, slug: &str| snapshot.provider_rows(slug).len();
    world
        .upstream
        .fault(world.path("mistral"), Fault::instead(Reply::status(500)));
    world.upstream.fault(world.path("groq"), Fault::HangAfter(300));
    world.upstream.fault(
        world.path("together"),
        Fault::instead(Reply::html("<html>sorry</html>")),
    );
    world
        .upstream
        .fault(world.path("novita"), Fault::instead(Reply::json("{\"data\":[]}")));
    world.upstream.fault(
        world.path("nebius"),
        Fault::CutAfter(1000, gatewayz_testkit::Cut::Reset),
    );
    // One list goes on: it has lost one row and won another.
    let xai = world.lists.iter().find(|list| list.slug == "xai").unwrap();
    let mut body: Value = serde_json::from_slice(&xai.pages[0].body).unwrap();
    let rows = body["data"].as_array_mut().unwrap();
    rows.pop();
    rows.push(serde_json::json!({"id": "grok-of-tomorrow", "object": "model"}));
    world.upstream.route(world.path("xai"), Reply::json(body.to_string()));

    let report = world.sync().await;
    let kind = |slug: &str| match &report.providers[&Slug::new(slug).unwrap()].outcome {
        Outcome::Failed { kind, .. } => kind.clone(),
        other => format!("{other:?}"),
    };
    assert_eq!(kind("mistral"), "status");
    assert_eq!(kind("groq"), "timed-out");
    assert_eq!(kind("together"), "malformed");
    assert_eq!(kind("novita"), "too-few");
    assert!(
        ["malformed", "connect"].contains(&kind("nebius").as_str()),
        "{}",
        kind("nebius")
    );
    assert_eq!(report.failed, 5);
    assert_eq!((report.total.added, report.total.removed), (1, 1));

    let after = world.catalog.snapshot().await.unwrap();
    for slug in ["mistral", "groq", "together", "novita", "nebius"] {
        assert_eq!(count(&before, slug), count(&after, slug), "{slug}");
        assert!(count(&after, slug) > 0, "{slug}");
        let state = world.http.states().state(&Slug::new(slug).unwrap()).await;
        assert!(state.in_error_state && state.error.is_some(), "{slug}: {state:?}");
    }
    assert!(after.find(&Slug::new("xai").unwrap(), "grok-of-tomorrow").is_some());
}

/// A catalogue on a file of its own, of which nothing is known yet.
async fn empty(folder: &tempfile::TempDir) -> Catalog<Store> {
    let config = StoreConfig::from_url(folder.path().join("gatewayz.db").to_str().unwrap()).unwrap();
    let store = Store::open(config).await.unwrap();
    store.migrate().await.unwrap();
    let directory = Arc::new(Registry::builtin().unwrap().directory().clone());
    let known: Vec<_> = directory.iter().map(|provider| (**provider).clone()).collect();
    store.put_providers(&known).await.unwrap();
    let node = node().build().unwrap();
    Catalog::new(
        &node,
        Arc::new(store),
        directory,
        ManualPrices::builtin(),
        CacheOptions::default(),
    )
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_without_network_shows_something_real() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = empty(&folder).await;
    assert!(catalog.snapshot().await.unwrap().is_empty());
    let seed = gatewayz_providers::seed::builtin().unwrap();
    let report = catalog.import(seed.clone(), WriteMode::Apply, false).await.unwrap();
    assert_eq!(failures(&report), Vec::<String>::new());
    let snapshot = catalog.snapshot().await.unwrap();
    assert!(snapshot.len() >= 60 && snapshot.providers().len() >= 15, "{snapshot:?}");
    assert!(snapshot.rows().iter().all(|row| row.pricing_source.is_some()));
    let again = catalog.import(seed, WriteMode::Apply, false).await.unwrap();
    assert_eq!(again.total.written(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn public_catalogues_fill_a_gateway_without_network() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = empty(&folder).await;
    for (file, least) in [
        ("catalogs/litellm.2026-06-04.json.gz", 1_500),
        ("catalogs/models-dev.api.2026-01-09.json.gz", 1_500),
        ("provider-models/openrouter.json", 340),
    ] {
        let path = match gatewayz_testkit::require_shared_data(file) {
            Ok(path) => path,
            Err(error) => return eprintln!("{error}"),
        };
        let imported = import::read_any(std::fs::File::open(path).unwrap(), catalog.directory()).unwrap();
        let report = catalog.import(imported.lists, WriteMode::Apply, true).await.unwrap();
        assert_eq!(failures(&report), Vec::<String>::new(), "{file}");
        let rows: u64 = report.providers.values().map(|provider| provider.rows).sum();
        assert!(rows >= least, "{file}: {rows} rows");
        let snapshot = catalog.snapshot().await.unwrap();
        // Rows of providers that are not active are stored, and not shown.
        assert!(snapshot.len() as u64 >= least * 4 / 5, "{file}: {snapshot:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_lists_through_sqlite() {
    let Some(lists) = main_captures() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gatewayz.db");
    let config = StoreConfig::from_url(file.to_str().unwrap()).unwrap();
    let store = Store::open(config).await.unwrap();
    let world = World::new(lists, store, &node().build().unwrap()).await;
    Box::pin(all_lists_become_one_catalogue(&world)).await;
    failing_lists_leave_their_rows(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_lists_through_postgres_and_redis() {
    let Some(lists) = main_captures() else { return };
    let postgres = Postgres::start().await.unwrap();
    let redis = RedisServer::start().await.unwrap();
    let url = postgres.fresh_database().await.unwrap();
    let store = Store::open(StoreConfig::from_url(&url).unwrap()).await.unwrap();
    let tier = RedisTier::new(RedisConfig::from_url(&redis.url()).unwrap()).unwrap();
    let node = node().shared(tier).build().unwrap();
    let attached = async || node.is_attached();
    gatewayz_testkit::eventually(Duration::from_secs(10), attached)
        .await
        .unwrap();
    let world = World::new(lists, store, &node).await;
    Box::pin(all_lists_become_one_catalogue(&world)).await;
    another_node_takes_it_from_redis(&world, &redis, &url).await;
    failing_lists_leave_their_rows(&world).await;
}

/// A node that starts later asks the store for nothing, and answers the same bytes.
async fn another_node_takes_it_from_redis(world: &World, redis: &RedisServer, url: &str) {
    let tier = RedisTier::new(RedisConfig::from_url(&redis.url()).unwrap()).unwrap();
    let node = node().shared(tier).build().unwrap();
    let attached = async || node.is_attached();
    gatewayz_testkit::eventually(Duration::from_secs(10), attached)
        .await
        .unwrap();
    let store = Store::open(StoreConfig::from_url(url).unwrap()).await.unwrap();
    let directory = Arc::clone(world.catalog.directory());
    let manual = ManualPrices::builtin();
    let other = Catalog::new(&node, Arc::new(store), directory, manual, CacheOptions::default()).unwrap();
    let here = world.catalog.snapshot().await.unwrap();
    let there = other.snapshot().await.unwrap();
    assert_eq!((there.epoch(), there.len()), (here.epoch(), here.len()));
    let stats = node.stats();
    let (_, full) = stats.iter().find(|(name, _)| *name == "models:catalog:full").unwrap();
    assert_eq!((full.loads, full.shared_hits), (0, 1), "{full:?}");
    let pages = [&world.catalog, &other].map(|catalog| async {
        let page = catalog
            .page(&Query::default(), &Extras::default())
            .await
            .unwrap()
            .value
            .unwrap();
        (
            page.etag().to_owned(),
            page.parts().flat_map(|part| part.to_vec()).collect::<Vec<u8>>(),
        )
    });
    let pages = futures_util::future::join_all(pages).await;
    assert_eq!(pages[0], pages[1]);
}

/// What callers read goes on, and stays right, whatever happens to the servers behind it.
#[tokio::test(flavor = "multi_thread")]
async fn readers_outlive_postgres_and_redis() {
    let postgres = Postgres::start().await.unwrap();
    let redis = RedisServer::start().await.unwrap();
    let url = postgres.fresh_database().await.unwrap();
    let store = Store::open(StoreConfig::from_url(&url).unwrap()).await.unwrap();
    store.migrate().await.unwrap();
    let directory = Arc::new(Registry::builtin().unwrap().directory().clone());
    let known: Vec<_> = directory.iter().map(|provider| (**provider).clone()).collect();
    store.put_providers(&known).await.unwrap();
    let tier = RedisTier::new(RedisConfig::from_url(&redis.url()).unwrap()).unwrap();
    let node = node().shared(tier).build().unwrap();
    let attached = async || node.is_attached();
    let limit = Duration::from_secs(10);
    gatewayz_testkit::eventually(limit, attached).await.unwrap();
    let catalog = Catalog::new(
        &node,
        Arc::new(store),
        directory,
        ManualPrices::builtin(),
        CacheOptions::default(),
    )
    .unwrap();
    let mut seed = gatewayz_providers::seed::builtin().unwrap();
    catalog.import(seed.clone(), WriteMode::Apply, false).await.unwrap();
    let rows = catalog.snapshot().await.unwrap().len();
    let read = async || {
        let start = Time::default().now();
        let page = catalog.page(&Query::default(), &Extras::default()).await;
        let took = Time::default().now().since(start);
        assert!(page.is_ok() && took < Duration::from_secs(1), "{took:?}, {page:?}");
    };

    postgres.kill().await.unwrap();
    read().await;
    // A write says that the store is away, and changes nothing.
    let refused = catalog.import(seed.clone(), WriteMode::Apply, false).await;
    assert!(refused.is_err_and(|error| error.is_transient()));
    postgres.restart().await.unwrap();

    redis.freeze().unwrap();
    read().await;
    redis.thaw().unwrap();
    gatewayz_testkit::eventually(limit, attached).await.unwrap();
    redis.restart_empty().await.unwrap();
    read().await;
    gatewayz_testkit::eventually(limit, attached).await.unwrap();

    // With all back, a change is written and seen.
    let openai = Slug::new("openai").unwrap();
    let dropped = seed.get_mut(&openai).unwrap().pop().unwrap();
    let again = async || {
        let report = catalog.import(seed.clone(), WriteMode::Apply, false).await;
        report.is_ok_and(|report| report.failed == 0)
    };
    gatewayz_testkit::eventually(limit, again).await.unwrap();
    let snapshot = catalog.snapshot().await.unwrap();
    assert_eq!(snapshot.len(), rows - 1);
    assert_eq!(snapshot.find(&openai, dropped.id.as_str()), None);
    read().await;
}
