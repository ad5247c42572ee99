//! What readers see.

use std::sync::atomic::Ordering;

use gatewayz_cache_core::{CacheStatus, Propagation};
use gatewayz_catalog::{CatalogError, Extras, SortBy, keyspaces::ModelKey};
use gatewayz_testkit::{FakeCluster, Ledger};
use serde_json::Value;

use crate::support::{MemoryStore, alone, catalog, json, listing, listings, node, of, slug};

#[tokio::test]
async fn a_page_is_rendered_once_and_then_at_hand() {
    let store = MemoryStore::new();
    store.put("groq", &listings("llama", 3, 1));
    let catalog = catalog(&alone(), &store);
    let first = catalog
        .page(&of("all"), &Extras::default())
        .await
        .unwrap()
        .value
        .unwrap();
    assert_eq!(json(&first)["total"], 3);
    let key = gatewayz_catalog::PageKey::new(&of("all"), &Extras::default());
    let again = catalog.page_at_hand(&key).unwrap().value.unwrap();
    assert!(std::sync::Arc::ptr_eq(&first, &again));
    let epoch = catalog.snapshot().await.unwrap().epoch();
    assert_eq!(json(&first)["_cache_key"], key.at(epoch).to_string());
}

#[tokio::test]
async fn a_snapshot_says_how_it_was_found() {
    let store = MemoryStore::new();
    store.put("groq", &listings("llama", 3, 1));
    let catalog = catalog(&alone(), &store);
    assert!(catalog.snapshot_at_hand().is_none());
    let first = catalog.snapshot_lookup().await.unwrap();
    assert_eq!(first.status, CacheStatus::Fill);
    let again = catalog.snapshot_at_hand().unwrap();
    assert_eq!(again.status, CacheStatus::LocalHit);
    assert!(std::sync::Arc::ptr_eq(&first.value.unwrap(), &again.value.unwrap()));
}

#[tokio::test]
async fn an_invalidated_provider_changes_its_own_pages_and_those_of_all_on_every_node() {
    let cluster = FakeCluster::new();
    let store = MemoryStore::new();
    store.put("groq", &listings("llama", 2, 1));
    store.put("together", &listings("qwen", 2, 1));
    let (here, there) = (catalog(&node(&cluster), &store), catalog(&node(&cluster), &store));
    for gateway in ["all", "groq", "together"] {
        for catalog in [&here, &there] {
            catalog.page(&of(gateway), &Extras::default()).await.unwrap();
        }
    }
    store.put("groq", &listings("llama", 5, 1));
    assert_eq!(
        here.invalidate_gateway_catalog("groq").await.unwrap(),
        Propagation::Acknowledged
    );

    for (gateway, total) in [("all", 7), ("groq", 5), ("together", 2)] {
        for catalog in [&here, &there] {
            let page = catalog
                .page(&of(gateway), &Extras::default())
                .await
                .unwrap()
                .value
                .unwrap();
            assert_eq!(json(&page)["total"], total, "{gateway}");
        }
    }
}

#[tokio::test]
async fn a_page_does_not_outlive_its_catalogue() {
    let store = MemoryStore::new();
    store.put("groq", &listings("llama", 2, 1));
    let catalog = catalog(&alone(), &store);
    let key = gatewayz_catalog::PageKey::new(&of("all"), &Extras::default());
    let first = catalog.page(&of("all"), &Extras::default()).await.unwrap();

    // Somebody writes past the caches; nobody says so. The catalogue is read anew because its time has come.
    store.put("groq", &listings("llama", 3, 1));
    catalog.reload().await.unwrap();
    assert!(catalog.page_at_hand(&key).is_none(), "the page of the old catalogue");
    let page = catalog.page(&of("all"), &Extras::default()).await.unwrap();
    assert_eq!(json(page.value.as_ref().unwrap())["total"], 3);

    // And back: what stands under the old catalogue's key is still true of it.
    store.put("groq", &listings("llama", 2, 1));
    catalog.reload().await.unwrap();
    let back = catalog.page_at_hand(&key).unwrap();
    assert_eq!(back.value.unwrap().etag(), first.value.unwrap().etag());
}

#[tokio::test]
async fn every_cached_form_follows_the_store_after_one_invalidation() {
    let store = MemoryStore::new();
    store.put("groq", &[listing("llama", 1)]);
    let catalog = catalog(&alone(), &store);
    for dollars in [1, 2] {
        store.put("groq", &[listing("llama", dollars)]);
        assert_eq!(
            catalog.invalidate_gateway_catalog("groq").await.unwrap(),
            Propagation::Acknowledged
        );
        let price = format!("0.00000{dollars}");
        let model = catalog
            .cached_model(&ModelKey::Id("llama".to_owned()))
            .await
            .unwrap()
            .unwrap();
        let model: Value = serde_json::from_slice(model.bytes()).unwrap();
        assert_eq!(model["pricing"]["prompt"], price.as_str());
        let of = catalog
            .cached_model(&ModelKey::Of(slug("groq"), "llama".to_owned()))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(serde_json::from_slice::<Value>(of.bytes()).unwrap(), model);
        let pricing = catalog.cached_pricing("llama").await.unwrap().unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(pricing.bytes()).unwrap(),
            model["pricing"]
        );
        let list = catalog.cached_gateway_catalog("groq").await.unwrap();
        assert_eq!(serde_json::from_slice::<Value>(list.bytes()).unwrap()[0], model);
        assert_eq!(
            catalog.cached_provider_catalog(&slug("groq")).await.unwrap().bytes(),
            list.bytes()
        );
        let index = catalog.cached_gateway_index("groq").await.unwrap();
        assert_eq!(&index.bytes()[..], br#"["llama"]"#);
        assert_eq!(catalog.cached_full_catalog().await.unwrap().len(), 1);
        assert_eq!(catalog.cached_catalog_stats().await.unwrap().total_models, 1);
        let unique = catalog.cached_unique_models().await.unwrap();
        let unique: Value = serde_json::from_slice(unique.bytes()).unwrap();
        assert_eq!(unique[0]["providers"][0]["pricing"]["prompt"], price.as_str());
    }
    assert!(
        catalog
            .cached_model(&ModelKey::Id("nothing".to_owned()))
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn aliases_mean_their_provider_before_any_key_is_made() {
    let store = MemoryStore::new();
    store.put("huggingface", &[listing("llama", 1)]);
    let catalog = catalog(&alone(), &store);
    let by_slug = catalog.cached_gateway_catalog("huggingface").await.unwrap();
    let by_alias = catalog.cached_gateway_catalog("HUG").await.unwrap();
    assert!(std::sync::Arc::ptr_eq(&by_slug, &by_alias));
    let unknown = catalog.cached_gateway_catalog("nobody").await.unwrap_err();
    assert!(matches!(unknown, CatalogError::UnknownProvider(_)) && !unknown.is_transient());
}

#[tokio::test]
async fn a_store_that_is_down_reaches_no_reader_of_what_is_cached() {
    let store = MemoryStore::new();
    store.put("groq", &listings("llama", 3, 1));
    let catalog = catalog(&alone(), &store);
    catalog.page(&of("all"), &Extras::default()).await.unwrap();
    store.down.store(true, Ordering::SeqCst);
    assert!(catalog.page(&of("all"), &Extras::default()).await.is_ok());
    // A page that was never made is made of the snapshot in memory.
    let mut other = of("groq");
    other.sort.by = SortBy::Price;
    assert!(catalog.page(&other, &Extras::default()).await.is_ok());
    // What was invalidated may not be served, and cannot be read.
    assert_eq!(catalog.invalidate_full_catalog().await, Propagation::Acknowledged);
    assert!(
        catalog
            .page(&of("all"), &Extras::default())
            .await
            .unwrap_err()
            .is_transient()
    );
    store.down.store(false, Ordering::SeqCst);
    assert!(catalog.page(&of("all"), &Extras::default()).await.is_ok());
}

#[tokio::test]
async fn one_miss_costs_one_load_of_the_store_in_the_whole_cluster() {
    let cluster = FakeCluster::new();
    let store = MemoryStore::new();
    store.put("groq", &listings("llama", 30, 1));
    let catalogs: Vec<_> = (0..4).map(|_| catalog(&node(&cluster), &store)).collect();
    let readers = catalogs
        .iter()
        .flat_map(|catalog| std::iter::repeat_n(catalog, 20))
        .map(|catalog| async {
            let page = catalog
                .page(&of("all"), &Extras::default())
                .await
                .unwrap()
                .value
                .unwrap();
            json(&page)["total"].clone()
        });
    let totals = futures_util::future::join_all(readers).await;
    assert!(totals.iter().all(|total| *total == 30));
    assert_eq!(store.reads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn statistics_have_the_documented_fields_and_count() {
    let store = MemoryStore::new();
    store.put("groq", &listings("llama", 3, 1));
    let catalog = catalog(&alone(), &store);
    catalog.cached_gateway_catalog("groq").await.unwrap();
    catalog.cached_gateway_catalog("groq").await.unwrap();
    let stats = serde_json::to_value(catalog.catalog_cache_stats()).unwrap();
    let fields: Vec<&str> = stats.as_object().unwrap().keys().map(String::as_str).collect();
    for field in [
        "hits",
        "misses",
        "sets",
        "errors",
        "invalidations",
        "hit_rate_percent",
        "total_requests",
        "redis_available",
        "full_catalog_cached",
        "provider_catalogs_count",
        "models_cached_count",
        "pricing_cached_count",
    ] {
        assert!(fields.contains(&field), "{field}");
    }
    assert_eq!(stats["full_catalog_cached"], true);
    assert_eq!(stats["provider_catalogs_count"], 1);
    assert_eq!(stats["hits"], 1);
    assert_eq!(stats["misses"], 3, "the alias, the list and the catalogue");
}

#[tokio::test]
async fn rendered_pages_are_counted_per_gateway_for_all_nodes() {
    let cluster = FakeCluster::new();
    let store = MemoryStore::new();
    store.put("groq", &listings("llama", 3, 1));
    let (here, there) = (catalog(&node(&cluster), &store), catalog(&node(&cluster), &store));
    here.page(&of("all"), &Extras::default()).await.unwrap();
    let mut second = of("all");
    second.window.limit = Some(1);
    there.page(&second, &Extras::default()).await.unwrap();
    here.maintain().await;
    there.maintain().await;
    let metadata = here.gateway_cache_metadata("all").await.unwrap();
    assert_eq!(metadata.total_cached, 2);
    assert!(metadata.total_size_bytes > 1000 && metadata.last_cached_at.is_some());
    assert_eq!(here.gateway_cache_metadata("groq").await.unwrap().total_cached, 0);
}

#[tokio::test]
async fn several_providers_are_invalidated_at_once() {
    let store = MemoryStore::new();
    let catalog = catalog(&alone(), &store);
    let done = catalog.invalidate_gateway_catalogs(&["groq", "hug"]).await.unwrap();
    assert!(done.success && done.cascade);
    assert_eq!(done.providers_invalidated, 2);
    assert!(catalog.invalidate_gateway_catalogs(&["groq", "nobody"]).await.is_err());
}

#[tokio::test]
async fn hits_and_sizes_of_each_gateway_are_in_the_metrics() {
    let ledger = Ledger::default();
    let store = MemoryStore::new();
    store.put("groq", &listings("llama", 3, 1));
    let catalog = metrics::with_local_recorder(&ledger, || catalog(&alone(), &store));
    for gateway in ["all", "groq", "groq", "groq"] {
        catalog.page(&of(gateway), &Extras::default()).await.unwrap();
    }
    catalog.maintain().await;
    for (name, value) in [
        ("catalog_cache_hits{gateway=all}", 0),
        ("catalog_cache_misses{gateway=all}", 1),
        ("catalog_cache_hits{gateway=groq}", 2),
        ("catalog_cache_misses{gateway=groq}", 1),
        ("gateway_model_count{gateway=all}", 3),
        ("gateway_model_count{gateway=groq}", 3),
        ("gateway_model_count{gateway=together}", 0),
    ] {
        assert_eq!(ledger.value(name), Some(value), "{name} in {ledger:?}");
    }
}
