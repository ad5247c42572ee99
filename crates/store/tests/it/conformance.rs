//! What `CatalogStore` promises.

use std::num::NonZeroU32;

use gatewayz_catalog::{
    Abilities, CatalogStore as _, Changes, HealthStatus, Listing, Modalities, Modality, ModelHealth, Price, Pricing,
    Priority, RowFilter, StoreError, Tier, WriteMode,
};
use gatewayz_store::{Store, UnixMillis};
use serde_json::value::RawValue;

use crate::support::{LATER, NOON, all, id, listing, listings, provider, shown, slug, versions, with_list};

const fn changes(added: u64, changed: u64, removed: u64, unchanged: u64) -> Changes {
    Changes {
        added,
        changed,
        removed,
        unchanged,
    }
}

pub(crate) async fn providers_are_written_where_they_differ(store: Store) {
    let mut zeta = provider("zeta");
    zeta.aliases = vec!["z".to_owned(), "last".to_owned()];
    zeta.priority = Priority::Fast;
    zeta.site_url = Some("https://zeta.example".to_owned());
    zeta.base_url = Some("https://api.zeta.example/v1".to_owned());
    zeta.api_key_env = Some("ZETA_API_KEY".to_owned());
    zeta.color = Some("#fff".to_owned());
    zeta.icon = Some("zap".to_owned());
    zeta.min_models = Some(12);
    zeta.flat_rate = true;
    zeta.active = false;
    let acme = provider("acme");
    let put = store.put_providers(&[zeta.clone(), acme.clone()]).await.unwrap();
    assert_eq!(put, changes(2, 0, 0, 0));
    assert_eq!(store.providers().await.unwrap(), [acme.clone(), zeta.clone()]);

    assert_eq!(store.put_providers(&[zeta.clone()]).await.unwrap(), changes(0, 0, 0, 1));
    let mut other = acme.clone();
    other.name = "Acme & Sons".to_owned();
    // The last row of a slug is the one that counts.
    let put = store
        .put_providers(&[acme, provider("new"), other.clone()])
        .await
        .unwrap();
    assert_eq!(put, changes(1, 1, 0, 0));
    assert_eq!(store.providers().await.unwrap(), [other, provider("new"), zeta]);
    assert_eq!(store.put_providers(&[]).await.unwrap(), Changes::default());
}

fn rich() -> Listing {
    let raw = |text: &str| Some(RawValue::from_string(text.to_owned()).unwrap());
    let mut listing = Listing::new(id("meta-llama/Llama-3:free ü"));
    listing.name = "Llama \0 \u{1f999} \"3\" \\ '; DROP TABLE models; --".to_owned();
    listing.developer = Some("meta-llama".to_owned());
    listing.created = Some(-1);
    listing.description = Some("line\nline\ttab\u{0}nul".to_owned());
    listing.context_length = NonZeroU32::new(u32::MAX);
    listing.max_output = NonZeroU32::new(1);
    listing.input = [Modality::Text, Modality::Image].into_iter().collect();
    listing.output = Modalities::NONE;
    listing.tokenizer = Some("Llama3".to_owned());
    listing.instruct_type = Some(String::new());
    listing.pricing = pricing();
    listing.pricing_raw = raw(r#"{"prompt": "0.10", "n": 1e400, "nul": "\u0000", "b": [1.0, 1.00]}"#);
    listing.imported_from = Some("models.dev".to_owned());
    listing.supported_parameters = vec!["seed".to_owned(), "tools".to_owned()];
    listing.default_parameters = raw("{}");
    listing.per_request_limits = raw(r#"{"a":  {"b" : 3}}"#);
    listing.tags = vec!["a".to_owned(), String::new()];
    listing.hugging_face_id = Some("meta-llama/Meta-Llama-3".to_owned());
    listing.abilities = Abilities {
        streaming: true,
        functions: true,
        vision: true,
        private: true,
        deprecated: true,
    };
    listing
}

fn pricing() -> Pricing {
    Pricing {
        prompt: Some(Price::from_steps(1)),
        completion: Some(Price::from_steps(10_000_000_000_000_000_000)),
        input_cache_read: Some(Price::FREE),
        input_cache_write: Some(Price::from_steps(123_456_789_012_345_678)),
        internal_reasoning: None,
        audio: Some(Price::from_steps(999_999_999_999_999)),
        request: Some(Price::from_steps(1_000_000_000_000_000)),
        image: Some(Price::from_steps(10)),
        web_search: Some(Price::from_steps(4_000_000_000_000)),
        tiers: vec![Tier {
            above: 200_000,
            prompt: Some(Price::from_steps(3)),
            ..Tier::default()
        }],
    }
}

pub(crate) async fn a_listing_comes_back_as_it_was(store: Store) {
    let acme = with_list(&store, &[]).await;
    let listed = [rich(), Listing::new(id("plain"))];
    let written = store
        .replace_models(&acme, &listed, NOON, WriteMode::Apply)
        .await
        .unwrap();
    assert_eq!(written, changes(2, 0, 0, 0));
    let rows = all(&store, false).await;
    assert_eq!(rows.len(), 2);
    for (row, listing) in rows.iter().zip(&listed) {
        assert_eq!(row.listing.digest(), listing.digest());
        assert_eq!(format!("{:?}", row.listing), format!("{listing:?}"));
        assert_eq!(row.provider, acme);
        assert_eq!((row.removed_at, row.updated_at), (None, NOON));
        assert_eq!(
            (row.health, row.operator_pricing.as_ref()),
            (ModelHealth::default(), None)
        );
    }
    let one = store.model(&acme, &listed[0].id).await.unwrap().unwrap();
    assert_eq!((one.key, one.listing.digest()), (rows[0].key, listed[0].digest()));
    assert!(store.model(&acme, &id("absent")).await.unwrap().is_none());
    assert!(store.model(&slug("absent"), &listed[0].id).await.unwrap().is_none());
    let again = store
        .replace_models(&acme, &listed, LATER, WriteMode::Apply)
        .await
        .unwrap();
    assert_eq!(again, changes(0, 0, 0, 2));
}

pub(crate) async fn a_list_is_compared_with_what_is_there(store: Store) {
    let acme = with_list(&store, &[("a", 1), ("b", 1), ("c", 1)]).await;
    let next = listings(&[("d", 1), ("c", 1), ("b", 2)]);
    let replaced = store
        .replace_models(&acme, &next, LATER, WriteMode::Apply)
        .await
        .unwrap();
    assert_eq!(replaced, changes(1, 1, 1, 1));
    assert_eq!(shown(&store).await, versions(&[("b", 2), ("c", 1), ("d", 1)]));

    let a = store.model(&acme, &id("a")).await.unwrap().unwrap();
    assert_eq!((a.removed_at, a.updated_at), (Some(LATER), LATER));
    let times = all(&store, true).await.into_iter().map(|row| row.updated_at);
    assert_eq!(times.collect::<Vec<_>>(), [LATER, LATER, NOON, LATER]);
}

pub(crate) async fn a_row_that_comes_back_counts_as_changed(store: Store) {
    let acme = with_list(&store, &[("a", 1), ("b", 1)]).await;
    let key = store.model(&acme, &id("a")).await.unwrap().unwrap().key;
    let one = listings(&[("b", 1)]);
    assert_eq!(
        store
            .replace_models(&acme, &one, LATER, WriteMode::Apply)
            .await
            .unwrap(),
        changes(0, 0, 1, 1)
    );
    // It is gone already, so nothing is removed any more.
    assert_eq!(
        store
            .replace_models(&acme, &one, LATER, WriteMode::Apply)
            .await
            .unwrap(),
        changes(0, 0, 0, 1)
    );

    let both = listings(&[("a", 1), ("b", 1)]);
    assert_eq!(
        store
            .replace_models(&acme, &both, LATER, WriteMode::Apply)
            .await
            .unwrap(),
        changes(0, 1, 0, 1)
    );
    let a = store.model(&acme, &id("a")).await.unwrap().unwrap();
    assert_eq!((a.key, a.removed_at), (key, None));
}

pub(crate) async fn a_dry_run_counts_the_same_and_writes_nothing(store: Store) {
    let acme = with_list(&store, &[("a", 1), ("b", 1), ("c", 1)]).await;
    let before = format!("{:?}", all(&store, true).await);
    let next = listings(&[("d", 1), ("c", 1), ("b", 2), ("d", 2)]);
    let counted = store
        .replace_models(&acme, &next, LATER, WriteMode::DryRun)
        .await
        .unwrap();
    assert_eq!(format!("{:?}", all(&store, true).await), before);
    assert_eq!(
        store
            .replace_models(&acme, &next, LATER, WriteMode::Apply)
            .await
            .unwrap(),
        counted
    );
}

pub(crate) async fn the_last_of_two_rows_with_one_id_wins(store: Store) {
    let acme = with_list(&store, &[("a", 1), ("b", 1), ("a", 2)]).await;
    assert_eq!(shown(&store).await, versions(&[("a", 2), ("b", 1)]));
    let again = listings(&[("a", 3), ("a", 2), ("b", 1)]);
    assert_eq!(
        store
            .replace_models(&acme, &again, LATER, WriteMode::Apply)
            .await
            .unwrap(),
        changes(0, 0, 0, 2)
    );
}

pub(crate) async fn lists_of_unknown_providers_are_refused(store: Store) {
    for mode in [WriteMode::Apply, WriteMode::DryRun] {
        for list in [&[][..], &[listing("a", 1)]] {
            let refused = store
                .replace_models(&slug("nobody"), list, NOON, mode)
                .await
                .unwrap_err();
            assert!(
                matches!(&refused, StoreError::UnknownProvider(who) if who.as_str() == "nobody"),
                "{refused}"
            );
            assert!(!refused.is_transient());
        }
    }
    assert!(
        store
            .models_page(&one_provider("nobody", true), None, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

pub(crate) async fn an_empty_list_ends_all_rows(store: Store) {
    let acme = with_list(&store, &[("a", 1), ("b", 1)]).await;
    store.put_providers(&[provider("other")]).await.unwrap();
    let other = listings(&[("a", 7)]);
    store
        .replace_models(&slug("other"), &other, NOON, WriteMode::Apply)
        .await
        .unwrap();
    assert_eq!(
        store.replace_models(&acme, &[], LATER, WriteMode::Apply).await.unwrap(),
        changes(0, 0, 2, 0)
    );
    assert_eq!(shown(&store).await, versions(&[("a", 7)]));
}

fn one_provider(text: &str, inactive: bool) -> RowFilter {
    RowFilter {
        provider: Some(slug(text)),
        inactive,
    }
}

pub(crate) async fn the_catalogue_is_of_one_moment(store: Store) {
    const ROWS: usize = 300;
    const TURNS: u32 = 20;
    let ids: Vec<String> = (0..ROWS).map(|at| format!("model-{at:03}")).collect();
    let list = |version| -> Vec<Listing> { ids.iter().map(|id| listing(id, version)).collect() };
    let acme = with_list(&store, &[]).await;
    store
        .replace_models(&acme, &list(0), NOON, WriteMode::Apply)
        .await
        .unwrap();
    let writer = {
        let (store, lists) = (store.clone(), (1..=TURNS).map(list).collect::<Vec<_>>());
        tokio::spawn(async move {
            for list in lists {
                store
                    .replace_models(&acme, &list, LATER, WriteMode::Apply)
                    .await
                    .unwrap();
            }
        })
    };
    loop {
        let is_last = writer.is_finished();
        let rows = store.catalogue(&RowFilter::default()).await.unwrap();
        assert_eq!(rows.len(), ROWS);
        let version = rows[0].listing.description.clone();
        assert!(
            rows.iter().all(|row| row.listing.description == version),
            "rows of two lists"
        );
        if is_last {
            assert_eq!(version.unwrap(), format!("version {TURNS}"));
            break;
        }
    }
    writer.await.unwrap();
}

pub(crate) async fn pages_go_by_rising_keys(store: Store) {
    let acme = with_list(&store, &[("c", 1), ("a", 1), ("d", 1), ("b", 1)]).await;
    let filter = RowFilter::default();
    let first = store.models_page(&filter, None, 3).await.unwrap();
    // A list's new rows have keys in its order.
    assert_eq!(
        first.iter().map(|row| row.listing.id.as_str()).collect::<Vec<_>>(),
        ["c", "a", "d"]
    );
    assert!(first.is_sorted_by(|a, b| a.key < b.key));

    // A row that goes does not shift the next page, and a new one comes at its end.
    let list = listings(&[("a", 1), ("b", 1), ("d", 1), ("e", 1)]);
    store
        .replace_models(&acme, &list, LATER, WriteMode::Apply)
        .await
        .unwrap();
    let second = store
        .models_page(&filter, first.last().map(|row| row.key), 3)
        .await
        .unwrap();
    assert_eq!(
        second.iter().map(|row| row.listing.id.as_str()).collect::<Vec<_>>(),
        ["b", "e"]
    );
    assert!(
        store
            .models_page(&filter, second.last().map(|row| row.key), 3)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(store.models_page(&filter, None, 0).await.unwrap().is_empty());
    assert_eq!(store.models_page(&filter, None, u32::MAX).await.unwrap().len(), 4);
}

pub(crate) async fn a_page_has_what_the_filter_says(store: Store) {
    let acme = with_list(&store, &[("gone", 1), ("here", 1)]).await;
    store
        .replace_models(&acme, &listings(&[("here", 1)]), LATER, WriteMode::Apply)
        .await
        .unwrap();
    let mut off = provider("off");
    off.active = false;
    store.put_providers(&[off]).await.unwrap();
    store
        .replace_models(&slug("off"), &listings(&[("dark", 1)]), NOON, WriteMode::Apply)
        .await
        .unwrap();

    let ids = async |filter: RowFilter| {
        let rows = store.models_page(&filter, None, 10).await.unwrap();
        rows.iter().map(|row| row.listing.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(ids(RowFilter::default()).await, ["here"]);
    assert_eq!(
        ids(RowFilter {
            provider: None,
            inactive: true
        })
        .await,
        ["gone", "here"]
    );
    assert_eq!(ids(one_provider("acme", false)).await, ["here"]);
    assert_eq!(ids(one_provider("acme", true)).await, ["gone", "here"]);
    // Asked for by name, a provider is shown also where it is switched off.
    assert_eq!(ids(one_provider("off", false)).await, ["dark"]);
}

pub(crate) async fn operators_prices_are_exact_and_stay(store: Store) {
    let acme = with_list(&store, &[("a", 1), ("b", 1)]).await;
    let (a, set) = (id("a"), pricing());
    assert!(store.set_operator_pricing(&acme, &a, Some(&set), LATER).await.unwrap());
    let row = store.model(&acme, &a).await.unwrap().unwrap();
    assert_eq!((row.operator_pricing.as_ref(), row.updated_at), (Some(&set), LATER));
    assert_eq!(
        store.model(&acme, &id("b")).await.unwrap().unwrap().operator_pricing,
        None
    );

    // A new list, and an absence from it, leave them alone.
    store.replace_models(&acme, &[], LATER, WriteMode::Apply).await.unwrap();
    store
        .replace_models(&acme, &listings(&[("a", 2)]), LATER, WriteMode::Apply)
        .await
        .unwrap();
    assert_eq!(all(&store, false).await[0].operator_pricing.as_ref(), Some(&set));

    let unknown = Pricing::default();
    assert!(
        store
            .set_operator_pricing(&acme, &a, Some(&unknown), LATER)
            .await
            .unwrap()
    );
    assert_eq!(
        store.model(&acme, &a).await.unwrap().unwrap().operator_pricing,
        Some(unknown)
    );
    assert!(store.set_operator_pricing(&acme, &a, None, LATER).await.unwrap());
    assert_eq!(store.model(&acme, &a).await.unwrap().unwrap().operator_pricing, None);

    assert!(
        !store
            .set_operator_pricing(&acme, &id("absent"), Some(&set), LATER)
            .await
            .unwrap()
    );
    assert!(
        !store
            .set_operator_pricing(&slug("nobody"), &a, None, LATER)
            .await
            .unwrap()
    );
}

pub(crate) async fn health_is_written_without_the_listing(store: Store) {
    let acme = with_list(&store, &[("a", 1)]).await;
    for status in [
        HealthStatus::Degraded,
        HealthStatus::Down,
        HealthStatus::Healthy,
        HealthStatus::Unknown,
    ] {
        let health = ModelHealth {
            status,
            average_response_time_ms: (status != HealthStatus::Unknown).then_some(u32::MAX),
            checked_at: (status != HealthStatus::Unknown).then_some(LATER),
        };
        assert!(store.set_model_health(&acme, &id("a"), &health).await.unwrap());
        let row = store.model(&acme, &id("a")).await.unwrap().unwrap();
        assert_eq!((row.health, row.updated_at), (health, NOON));
    }
    assert!(
        !store
            .set_model_health(&acme, &id("b"), &ModelHealth::default())
            .await
            .unwrap()
    );
}

pub(crate) async fn many_rows_are_written_and_read(store: Store) {
    let acme = with_list(&store, &[]).await;
    let listed: Vec<_> = (0..3_000).map(|n| listing(&format!("model-{n}"), 1)).collect();
    let written = store
        .replace_models(&acme, &listed, UnixMillis(u64::MAX), WriteMode::Apply)
        .await
        .unwrap();
    assert_eq!(written, changes(3_000, 0, 0, 0));
    let rows = store.models_page(&RowFilter::default(), None, 5_000).await.unwrap();
    assert!(
        rows.iter()
            .map(|row| &row.listing.id)
            .eq(listed.iter().map(|row| &row.id))
    );
    // What no calendar has is as late as any can show.
    assert_eq!(rows[0].updated_at, UnixMillis(253_402_300_799_999));
    let half = store
        .replace_models(&acme, &listed[..1_500], LATER, WriteMode::Apply)
        .await
        .unwrap();
    assert_eq!(half, changes(0, 0, 1_500, 1_500));
}

pub(crate) async fn replacing_at_once_serializes(store: Store) {
    with_list(&store, &[]).await;
    let lists = [1, 2].map(|version| (0..200).map(|n| listing(&format!("m{n}"), version)).collect::<Vec<_>>());
    let writers: Vec<_> = (0..8)
        .map(|n| {
            let (store, list) = (store.clone(), lists[n % 2].clone());
            tokio::spawn(async move {
                let list = if n < 4 { list } else { list[..100].to_vec() };
                store
                    .replace_models(&slug("acme"), &list, NOON, WriteMode::Apply)
                    .await
                    .unwrap()
            })
        })
        .collect();
    let mut added = 0;
    for writer in writers {
        added += writer.await.unwrap().added;
    }
    assert_eq!(added, 200, "each row is new once");
    let shown = shown(&store).await;
    assert!(shown.len() == 100 || shown.len() == 200, "{}", shown.len());
    assert!(shown.iter().all(|(_id, version)| *version == shown[0].1), "{shown:?}");
}

pub(crate) async fn a_dropped_call_wrote_all_or_nothing(store: Store) {
    let acme = with_list(&store, &[]).await;
    let mut wrote = 0;
    for round in 0..40_u32 {
        let list: Vec<_> = (0..100).map(|n| listing(&format!("m{n}"), round)).collect();
        let call = store.replace_models(&acme, &list, NOON, WriteMode::Apply);
        // From at once to long enough.
        let patience = std::time::Duration::from_micros(u64::from(round * round) * 10);
        wrote += u32::from(tokio::time::timeout(patience, call).await.is_ok());
        let shown = shown(&store).await;
        assert!(shown.is_empty() || shown.len() == 100, "{}", shown.len());
        assert!(shown.iter().all(|(_id, version)| *version == shown[0].1), "{shown:?}");
    }
    // Whatever was dropped, the store goes on.
    let last = store
        .replace_models(&acme, &listings(&[("z", 1)]), LATER, WriteMode::Apply)
        .await
        .unwrap();
    assert_eq!(last.added, 1, "{wrote} calls were not dropped");
}

pub(crate) async fn a_schema_is_made_once(store: Store) {
    let version = store.schema_version().await.unwrap();
    assert!(version > 0);
    let again = store.migrate().await.unwrap();
    assert_eq!((again.from, again.to), (version, version));
}
