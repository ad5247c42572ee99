//! What no node may serve any more once an invalidation was acknowledged, whatever happened in between.

use std::time::Duration;

use gatewayz_cache_core::{InvalidationGraph, Node, Propagation};
use gatewayz_catalog::{
    Catalog, CatalogStore, Extras, Query, SortBy,
    keyspaces::{self, ModelKey},
};
use gatewayz_testkit::{FakeCluster, eventually};
use serde_json::Value;

use crate::support::{MemoryStore, alone, catalog, json, listing, listings, node, of, slug};

async fn total(catalog: &Catalog<MemoryStore>, query: &Query) -> Value {
    body(catalog, query).await["total"].clone()
}

async fn body(catalog: &Catalog<MemoryStore>, query: &Query) -> Value {
    let page = catalog.page(query, &Extras::default()).await.unwrap().value.unwrap();
    json(&page)
}

#[tokio::test]
async fn what_a_node_makes_before_it_hears_of_an_invalidation_is_gone_when_all_have_heard() {
    let cluster = FakeCluster::new();
    let store = MemoryStore::new();
    store.put("groq", &listings("llama", 2, 1));
    let (here, there) = (catalog(&node(&cluster), &store), catalog(&node(&cluster), &store));
    assert_eq!(there.snapshot().await.unwrap().len(), 2);
    // A list that is only copied: it has been cut before.
    there.cached_provider_catalog(&slug("groq")).await.unwrap();

    // Each step in which the nodes are told is held back until the other node has made everything of what it has.
    store.put("groq", &listings("llama", 5, 1));
    cluster.hold_messages();
    let invalidated = tokio::spawn({
        let here = here.clone();
        async move { here.invalidate_gateway_catalog("groq").await.unwrap() }
    });
    let id = ModelKey::Id("llama-0004".to_owned());
    while !invalidated.is_finished() {
        let told = async || cluster.held_messages() > 0 || invalidated.is_finished();
        eventually(Duration::from_secs(5), told).await.unwrap();
        there.page(&Query::default(), &Extras::default()).await.unwrap();
        there.page(&of("groq"), &Extras::default()).await.unwrap();
        there.cached_model(&id).await.unwrap();
        there.cached_catalog_stats().await.unwrap();
        there.cached_unique_models().await.unwrap();
        there.cached_gateway_catalog("groq").await.unwrap();
        there.cached_gateway_index("groq").await.unwrap();
        cluster.deliver();
        cluster.hold_messages();
        tokio::task::yield_now().await;
    }
    assert_eq!(invalidated.await.unwrap(), Propagation::Acknowledged);
    cluster.deliver();

    for catalog in [&here, &there] {
        assert_eq!(catalog.snapshot().await.unwrap().len(), 5);
        assert_eq!(total(catalog, &Query::default()).await, 5);
        assert_eq!(total(catalog, &of("groq")).await, 5);
        assert!(catalog.cached_model(&id).await.unwrap().is_some());
        assert_eq!(catalog.cached_catalog_stats().await.unwrap().total_models, 5);
        let lists = [
            catalog.cached_unique_models().await.unwrap(),
            catalog.cached_gateway_catalog("groq").await.unwrap(),
            catalog.cached_gateway_index("groq").await.unwrap(),
        ];
        for list in lists {
            let list: Value = serde_json::from_slice(list.bytes()).unwrap();
            assert_eq!(list.as_array().unwrap().len(), 5);
        }
    }
}

#[tokio::test]
async fn what_a_detached_node_makes_of_what_it_has_reaches_no_other_node() {
    let cluster = FakeCluster::new();
    let store = MemoryStore::new();
    store.put("groq", &listings("llama", 2, 1));
    let deaf = cluster.node();
    let graph = keyspaces::declare(InvalidationGraph::new());
    let there = Node::builder().shared(deaf.clone()).graph(graph).build().unwrap();
    let (here, there) = (catalog(&node(&cluster), &store), catalog(&there, &store));
    there.snapshot().await.unwrap();
    there.cached_provider_catalog(&slug("groq")).await.unwrap();
    // It hears nothing any more, but can still store what it makes.
    deaf.detach();
    store.put("groq", &listings("llama", 5, 1));
    assert_eq!(here.invalidate_full_catalog().await, Propagation::Acknowledged);
    assert_eq!(
        total(&there, &Query::default()).await,
        2,
        "its own snapshot, for a moment"
    );
    there.cached_gateway_catalog("groq").await.unwrap();
    there.cached_catalog_stats().await.unwrap();
    assert_eq!(total(&here, &Query::default()).await, 5);
    assert_eq!(here.cached_catalog_stats().await.unwrap().total_models, 5);
    let list = here.cached_gateway_catalog("groq").await.unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(list.bytes())
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        5
    );
}

#[tokio::test]
async fn prices_that_were_taken_from_another_provider_follow_it() {
    let store = MemoryStore::new();
    let mut unpriced = listing("meta-llama/llama-3.3-70b-instruct", 1);
    unpriced.pricing = gatewayz_catalog::Pricing::default();
    store.put("groq", &[unpriced]);
    let catalog = catalog(&alone(), &store);
    for dollars in [1, 2] {
        store.put("openrouter", &[listing("meta-llama/llama-3.3-70b-instruct", dollars)]);
        assert_eq!(
            catalog.invalidate_gateway_catalog("openrouter").await.unwrap(),
            Propagation::Acknowledged
        );
        let price = format!("0.00000{dollars}");
        assert_eq!(
            body(&catalog, &of("groq")).await["data"][0]["pricing"]["prompt"],
            price.as_str()
        );
        let list = catalog.cached_gateway_catalog("groq").await.unwrap();
        let list: Value = serde_json::from_slice(list.bytes()).unwrap();
        assert_eq!(list[0]["pricing"]["prompt"], price.as_str());
    }
}

#[tokio::test]
async fn the_popularity_of_a_providers_models_follows_the_other_providers() {
    let store = MemoryStore::new();
    store.put("groq", &[listing("openai/gpt-4o", 1), listing("openai/o1", 1)]);
    store.put("together", &[listing("openai/gpt-4o", 1)]);
    let catalog = catalog(&alone(), &store);
    let mut query = of("groq");
    query.sort.by = SortBy::Popularity;
    query.sort.descending = true;
    assert_eq!(body(&catalog, &query).await["data"][0]["id"], "openai/gpt-4o");
    store.put("together", &[listing("openai/o1", 1)]);
    assert_eq!(
        catalog.invalidate_gateway_catalog("together").await.unwrap(),
        Propagation::Acknowledged
    );
    assert_eq!(body(&catalog, &query).await["data"][0]["id"], "openai/o1");
}

#[tokio::test]
async fn invalidating_one_form_reads_the_store_anew() {
    let store = MemoryStore::new();
    store.put("groq", &[listing("llama", 1)]);
    let catalog = catalog(&alone(), &store);
    let id = ModelKey::Id("llama".to_owned());
    catalog.cached_model(&id).await.unwrap();
    catalog.cached_pricing("llama").await.unwrap();
    catalog.cached_catalog_stats().await.unwrap();
    catalog.cached_unique_models().await.unwrap();
    total(&catalog, &of("groq")).await;
    store.put("groq", &[listing("llama", 7)]);
    assert_eq!(
        catalog.invalidate_model(&slug("groq"), "llama").await,
        Propagation::Acknowledged
    );
    let of_model = catalog.cached_model(&id).await.unwrap().unwrap();
    let of_model: Value = serde_json::from_slice(of_model.bytes()).unwrap();
    assert_eq!(of_model["pricing"]["prompt"], "0.000007");
    let pricing = catalog.cached_pricing("llama").await.unwrap().unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(pricing.bytes()).unwrap(),
        of_model["pricing"]
    );
    assert_eq!(
        body(&catalog, &of("groq")).await["data"][0],
        of_model,
        "nor do pages lag behind"
    );

    store.put("groq", &listings("llama", 3, 1));
    assert_eq!(catalog.invalidate_catalog_stats().await, Propagation::Acknowledged);
    assert_eq!(catalog.cached_catalog_stats().await.unwrap().total_models, 3);
    store.put("groq", &listings("llama", 4, 1));
    assert_eq!(catalog.invalidate_unique_models().await, Propagation::Acknowledged);
    let unique = catalog.cached_unique_models().await.unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(unique.bytes())
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        4
    );
}

#[tokio::test]
async fn what_is_put_in_place_is_what_everything_is_cut_out_of() {
    let store = MemoryStore::new();
    store.put("groq", &listings("llama", 2, 1));
    let here = catalog(&alone(), &store);
    total(&here, &of("groq")).await;
    let before = here.cached_gateway_catalog("groq").await.unwrap();
    store.put("groq", &listings("llama", 5, 1));
    let other = catalog(&alone(), &store);
    let list = other.cached_gateway_catalog("groq").await.unwrap();
    assert_eq!(
        here.cache_gateway_catalog("groq", (*list).clone()).await.unwrap(),
        Propagation::Acknowledged
    );
    let after = here.cached_gateway_catalog("groq").await.unwrap();
    assert_ne!(after, before, "its other name follows");
    let read = store.catalogue(&gatewayz_catalog::RowFilter::default()).await.unwrap();
    let manual = gatewayz_catalog::enrich::ManualPrices::default();
    let snapshot = gatewayz_catalog::Snapshot::build(crate::support::directory(), &manual, read);
    assert_eq!(here.cache_full_catalog(snapshot).await, Propagation::Acknowledged);
    assert_eq!(total(&here, &of("groq")).await, 5);
}
