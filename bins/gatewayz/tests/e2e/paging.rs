//! Ten thousand rows, page by page, out of the lists of many providers.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use gatewayz_providers::Registry;
use gatewayz_testkit::{
    SimulatedProvider, eventually,
    simulated::{RecordedList, Reply, Request, Route, recorded_lists},
};
use serde_json::Value;

use crate::{
    client::Client,
    gateway::{Database, Gateway, SOON, Settings},
};

/// The main capture of each provider; of SiliconFlow there is only an older one.
fn lists() -> Option<Vec<RecordedList>> {
    match recorded_lists() {
        Ok(mut lists) => {
            lists.retain(|list| list.name == list.slug || list.slug == "siliconflow");
            Some(lists)
        }
        Err(error) => {
            eprintln!("{error}");
            None
        }
    }
}

/// All of them behind one address.
async fn upstream(lists: &[RecordedList]) -> SimulatedProvider {
    let upstream = SimulatedProvider::start().await.unwrap();
    upstream.serve(lists);
    // Of these, only a page that names a next one was recorded. The next one ends the list.
    for (slug, parameter) in [("cohere", "page_token"), ("fal", "cursor")] {
        let list = lists.iter().find(|list| list.slug == slug).unwrap();
        let body = list.pages[0].body.clone();
        let page = move |request: &Request| match request.query(parameter) {
            Some(_) => Reply::json(r#"{"models":[],"has_more":false}"#),
            None => Reply::json(body.clone()),
        };
        upstream.route(&list.path, Route::of(page));
    }
    upstream
}

/// A configuration in which these providers alone are asked, all of them there.
fn configuration(lists: &[RecordedList], upstream: &SimulatedProvider) -> String {
    let mut text = String::new();
    let registry = Registry::builtin().unwrap();
    for provider in registry.directory().iter() {
        let slug = provider.slug.as_str();
        let Some(list) = lists.iter().find(|list| list.slug == slug) else {
            writeln!(text, "[providers.{slug}]\nenabled = false").unwrap();
            continue;
        };
        // `{account}` and its kin stand for any segment.
        let segments = list
            .path
            .split('/')
            .map(|part| if part.contains('{') { "x" } else { part });
        let url = format!("{}{}", upstream.url(), segments.collect::<Vec<_>>().join("/"));
        writeln!(
            text,
            "[providers.{slug}]\nactive = true\nallow_private = true\nlist = {{ url = \"{url}\", auth = \"none\", \
             timeout_secs = 60 }}"
        )
        .unwrap();
    }
    text
}

fn settings(lists: &[RecordedList], upstream: &SimulatedProvider) -> Settings {
    Settings::new()
        .file(&configuration(lists, upstream))
        .env("GATEWAYZ_SEED", "false")
        .env("MODEL_SYNC_SKIP_PROVIDERS", "")
}

type Key = (String, String);

fn keys(page: &Value) -> Vec<Key> {
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    let rows = page["data"].as_array().unwrap().iter();
    rows.map(|row| (text(row, "source_gateway"), text(row, "id"))).collect()
}

async fn by_offset(client: &mut Client, limit: usize) -> Vec<Key> {
    let mut all: Vec<Key> = Vec::new();
    loop {
        let offset = all.len();
        let path = format!("/v1/models?gateway=all&limit={limit}&offset={offset}");
        let answer = client.get(&path).await.unwrap();
        assert_eq!(answer.status, 200);
        let page = answer.json();
        let rows = keys(&page);
        let total = usize::try_from(page["total"].as_u64().unwrap()).unwrap();
        assert_eq!((&page["offset"], &page["limit"]), (&offset.into(), &limit.into()));
        assert_eq!(page["returned"], rows.len());
        assert_eq!(rows.len(), limit.min(total - offset));
        all.extend(rows);
        let has_more = all.len() < total;
        assert_eq!(page["has_more"], has_more);
        let next = if has_more { all.len().into() } else { Value::Null };
        assert_eq!(page["next_offset"], next);
        if !has_more {
            return all;
        }
    }
}

async fn by_cursor(client: &mut Client, limit: usize) -> Vec<Key> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/models?gateway=all&limit={limit}&cursor={cursor}");
        let answer = client.get(&path).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        let page = answer.json();
        all.extend(keys(&page));
        match page["next_cursor"].as_str() {
            Some(next) => {
                assert_eq!(page["has_more"], true);
                cursor = percent_encoding::utf8_percent_encode(next, percent_encoding::NON_ALPHANUMERIC).to_string();
            }
            None => {
                assert_eq!(page["has_more"], false);
                return all;
            }
        }
    }
}

fn once_each(rows: &[Key]) -> BTreeSet<&Key> {
    let mut seen = BTreeMap::new();
    for row in rows {
        *seen.entry(row).or_insert(0) += 1;
    }
    let twice: Vec<_> = seen.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    seen.into_keys().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_is_on_one_page() {
    let Some(lists) = lists() else { return };
    let upstream = upstream(&lists).await;
    let gateway = Gateway::start(settings(&lists, &upstream)).await;
    let synced = gateway.admin("POST", "/admin/model-sync/all").await;
    assert_eq!(synced.status, 200, "{synced:?}");
    let mut client = gateway.connect().await;
    let total = async || {
        gateway.get("/v1/models?gateway=all&limit=1").await.json()["total"]
            .as_u64()
            .unwrap()
    };
    eventually(SOON, async || total().await > 10_000).await.unwrap();

    let all = by_offset(&mut client, 1000).await;
    assert!(
        all.len() > 10_000 && lists.len() >= 35,
        "{} rows of {} lists",
        all.len(),
        lists.len()
    );
    let every = once_each(&all);
    assert_eq!(by_offset(&mut client, 10_000).await, all);
    assert_eq!(by_cursor(&mut client, 997).await, all);
    let past = client
        .get("/v1/models?gateway=all&offset=1000000")
        .await
        .unwrap()
        .json();
    assert_eq!(
        (&past["returned"], &past["has_more"], &past["next_offset"]),
        (&0.into(), &false.into(), &Value::Null)
    );

    // While rows come and go, a cursor shows those that stay once each.
    let database = Database::Sqlite(&gateway);
    let leaving = "id % 7 = 3";
    let comes_and_goes = async {
        for turn in 0..4 {
            database.hide(leaving, turn % 2 == 0).await;
            assert_eq!(gateway.admin("POST", "/cache/clear").await.status, 200);
        }
    };
    let mut counts = BTreeSet::new();
    let reading = async {
        for _ in 0..4 {
            let rows = by_cursor(&mut client, 500).await;
            let seen = once_each(&rows);
            counts.insert(seen.len());
            assert!(seen.is_subset(&every));
            assert!(seen.len() > every.len() * 5 / 7, "{} of {}", seen.len(), every.len());
        }
    };
    tokio::join!(comes_and_goes, reading);
    eprintln!("{} rows; while some came and went: {counts:?}", every.len());
    // Everything is back.
    assert_eq!(by_cursor(&mut client, 1000).await, all);

    // So do syncs, of lists that lose rows and win them back.
    let xai = lists.iter().find(|list| list.slug == "xai").unwrap();
    let mut shorter: Value = serde_json::from_slice(&xai.pages[0].body).unwrap();
    shorter["data"].as_array_mut().unwrap().pop();
    let syncing = async {
        for turn in 0..2 {
            let body = if turn == 0 {
                shorter.to_string().into()
            } else {
                xai.pages[0].body.clone()
            };
            upstream.route(&xai.path, Reply::json(body));
            let synced = gateway.admin("POST", "/admin/model-sync/all").await;
            assert_eq!(synced.status, 200, "{synced:?}");
        }
    };
    let reading = async {
        for _ in 0..3 {
            let rows = by_cursor(&mut client, 1000).await;
            let seen = once_each(&rows);
            assert!(seen.is_subset(&every) && seen.len() >= every.len() - 1);
        }
    };
    tokio::join!(syncing, reading);
    assert_eq!(by_cursor(&mut client, 1000).await, all);
}
