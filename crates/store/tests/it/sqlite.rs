//! Files: other processes, damage, and a program that is killed.

mod crash;

use std::{fs, path::PathBuf, time::Duration};

use gatewayz_catalog::{CatalogStore as _, StoreError, WriteMode};
use gatewayz_store::{AccountStore as _, KeyDigest, NewKey, NewUser, OpenError, Store, StoreConfig};
use gatewayz_testkit::eventually;
use rusqlite::Connection;

use crate::support::{LATER, NOON, Place, all, listings, open, shown, slug, sqlite_file, versions, with_list};

const SOON: Duration = Duration::from_secs(10);

fn path(place: &Place) -> PathBuf {
    place.url.strip_prefix("sqlite:").unwrap().into()
}

/// A connection beside the store's, as another process would have it.
fn beside(place: &Place) -> Connection {
    Connection::open(path(place)).unwrap()
}

#[tokio::test]
async fn an_unchanged_list_writes_nothing() {
    let place = sqlite_file().await;
    let acme = with_list(&place.store, &[("a", 1), ("b", 1)]).await;
    let beside = beside(&place);
    // It changes when any other connection commits a change.
    let version = || {
        beside
            .query_row("PRAGMA data_version", [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    let before = version();
    for mode in [WriteMode::Apply, WriteMode::DryRun] {
        place
            .store
            .replace_models(&acme, &listings(&[("b", 1), ("a", 1)]), LATER, mode)
            .await
            .unwrap();
    }
    let dry = listings(&[("c", 1)]);
    place
        .store
        .replace_models(&acme, &dry, LATER, WriteMode::DryRun)
        .await
        .unwrap();
    assert_eq!(version(), before);
    place
        .store
        .replace_models(&acme, &dry, LATER, WriteMode::Apply)
        .await
        .unwrap();
    assert_ne!(version(), before);
}

#[tokio::test]
async fn a_row_that_is_refused_takes_back_the_whole_list() {
    let place = sqlite_file().await;
    let acme = with_list(&place.store, &[("a", 1), ("b", 1)]).await;
    let poison = "CREATE TRIGGER poison BEFORE INSERT ON models WHEN NEW.provider_model_id = 'poison'
        BEGIN SELECT RAISE(ABORT, 'poisoned'); END";
    beside(&place).execute_batch(poison).unwrap();
    let list = listings(&[("a", 2), ("c", 1), ("poison", 1), ("d", 1)]);
    let refused = place
        .store
        .replace_models(&acme, &list, LATER, WriteMode::Apply)
        .await
        .unwrap_err();
    assert!(
        matches!(&refused, StoreError::Refused(why) if why.contains("poisoned")),
        "{refused}"
    );
    assert_eq!(shown(&place.store).await, versions(&[("a", 1), ("b", 1)]));
    let list = listings(&[("a", 2)]);
    assert_eq!(
        place
            .store
            .replace_models(&acme, &list, LATER, WriteMode::Apply)
            .await
            .unwrap()
            .written(),
        2
    );
}

#[tokio::test]
async fn a_locked_file_is_unavailable_and_can_still_be_read() {
    let place = sqlite_file().await;
    let acme = with_list(&place.store, &[("a", 1)]).await;
    let config = StoreConfig::from_url(&place.url)
        .unwrap()
        .with_busy_limit(Duration::from_millis(50));
    let store = Store::open(config).await.unwrap();
    let beside = beside(&place);
    beside.execute_batch("BEGIN IMMEDIATE").unwrap();
    let list = listings(&[("a", 2)]);
    let write = tokio::time::timeout(SOON, store.replace_models(&acme, &list, LATER, WriteMode::Apply));
    let refused = write.await.unwrap().unwrap_err();
    assert!(refused.is_transient(), "{refused}");
    assert_eq!(shown(&store).await, versions(&[("a", 1)]));
    beside.execute_batch("ROLLBACK").unwrap();
    store
        .replace_models(&acme, &list, LATER, WriteMode::Apply)
        .await
        .unwrap();
    assert_eq!(
        shown(&place.store).await,
        versions(&[("a", 2)]),
        "the other store sees it at once"
    );
}

#[tokio::test]
async fn a_call_that_waits_too_long_is_given_up_and_not_done_later() {
    let place = sqlite_file().await;
    let acme = with_list(&place.store, &[("a", 1)]).await;
    let config = StoreConfig::from_url(&place.url)
        .unwrap()
        .with_busy_limit(Duration::from_secs(30))
        .with_call_limit(Duration::from_millis(50));
    let store = Store::open(config).await.unwrap();
    let beside = beside(&place);
    beside.execute_batch("BEGIN IMMEDIATE").unwrap();
    let list = listings(&[("a", 2)]);
    for _queued in 0..3 {
        let refused = store
            .replace_models(&acme, &list, LATER, WriteMode::Apply)
            .await
            .unwrap_err();
        assert!(refused.is_transient(), "{refused}");
    }
    beside.execute_batch("ROLLBACK").unwrap();
    // Once it writes again, what was given up is over.
    let wrote = || async {
        let list = listings(&[("a", 3)]);
        store
            .replace_models(&acme, &list, LATER, WriteMode::Apply)
            .await
            .is_ok()
    };
    eventually(SOON, wrote).await.unwrap();
    assert_eq!(shown(&place.store).await, versions(&[("a", 3)]));
}

#[tokio::test]
async fn what_is_no_database_is_refused_with_advice() {
    let place = sqlite_file().await;
    let file = path(&place).with_file_name("other.db");
    fs::write(
        &file,
        "not a database at all, but long enough to be looked at\n".repeat(100),
    )
    .unwrap();
    let url = format!("sqlite:{}", file.display());
    let refused = Store::open(StoreConfig::from_url(&url).unwrap()).await.unwrap_err();
    let OpenError::Store(StoreError::Refused(why)) = &refused else {
        panic!("{refused}");
    };
    assert!(why.contains("other.db") && why.contains("restore a backup"), "{why}");

    let url = format!("sqlite:{}", file.join("inside").display());
    let refused = Store::open(StoreConfig::from_url(&url).unwrap()).await.unwrap_err();
    assert!(
        matches!(&refused, OpenError::Store(error) if error.is_transient()),
        "{refused}"
    );
}

#[tokio::test]
async fn a_damaged_file_is_refused_with_advice() {
    let place = sqlite_file().await;
    let many: Vec<_> = (0..500)
        .map(|n| crate::support::listing(&format!("model-{n}"), 1))
        .collect();
    let acme = with_list(&place.store, &[]).await;
    place
        .store
        .replace_models(&acme, &many, NOON, WriteMode::Apply)
        .await
        .unwrap();
    beside(&place)
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_row| Ok(()))
        .unwrap();
    let copy = path(&place).with_file_name("copy.db");
    let mut bytes = fs::read(path(&place)).unwrap();
    // The first pages have the schema.
    let rows = bytes.len() / 2;
    bytes[rows..].fill(0xa5);
    fs::write(&copy, bytes).unwrap();
    let store = Store::open(StoreConfig::from_url(copy.to_str().unwrap()).unwrap())
        .await
        .unwrap();
    let refused = store.models_page(&Default::default(), None, 1_000).await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::Refused(why) if why.contains("restore a backup")),
        "{refused}"
    );
}

#[tokio::test]
async fn without_a_schema_it_says_what_to_do() {
    let place = sqlite_file().await;
    let url = format!("sqlite:{}", path(&place).with_file_name("new.db").display());
    let store = Store::open(StoreConfig::from_url(&url).unwrap()).await.unwrap();
    let refused = store.providers().await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::Refused(why) if why.contains("migrate")),
        "{refused}"
    );
}

#[tokio::test]
async fn words_and_lists_that_are_not_known_let_nobody_in() {
    let place = sqlite_file().await;
    let user = place
        .store
        .create_user(&NewUser::new("ann", "ann@example.org"))
        .await
        .unwrap();
    let digest = KeyDigest::new([1; 32]);
    place.store.create_key(&NewKey::new(user, digest, "")).await.unwrap();
    let beside = beside(&place);
    for (column, table, wrong, right) in [
        ("role", "users", "root", "user"),
        ("role", "users", "Admin", "user"),
        ("subscription_status", "users", "", "active"),
        ("environment_tag", "api_keys_new", "prod", "live"),
        ("ip_allowlist", "api_keys_new", "10.0.0.1", "[]"),
    ] {
        let set = format!("UPDATE {table} SET {column} = ?1");
        beside.execute(&set, [wrong]).unwrap();
        let refused = place.store.key_by_digest(digest).await.unwrap_err();
        let named = format!("{table}.{column}");
        assert!(
            matches!(&refused, StoreError::Refused(why) if why.contains(&named)),
            "{refused}"
        );
        beside.execute(&set, [right]).unwrap();
    }
    assert!(place.store.key_by_digest(digest).await.unwrap().is_some());
    beside.execute("UPDATE models SET listing = '{'", []).unwrap();
    let acme = with_list(&place.store, &[("a", 1)]).await;
    beside.execute("UPDATE models SET listing = '{'", []).unwrap();
    let refused = place.store.model(&acme, &crate::support::id("a")).await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::Refused(why) if why.contains("models.listing")),
        "{refused}"
    );
}

#[tokio::test]
async fn two_stores_share_a_file() {
    let place = sqlite_file().await;
    let other = open(&place.url).await;
    let acme = with_list(&other, &[("a", 1)]).await;
    assert_eq!(shown(&place.store).await, versions(&[("a", 1)]));
    let writers = (0..8_u32).map(|n| {
        let store = if n % 2 == 0 { place.store.clone() } else { other.clone() };
        tokio::spawn(async move {
            let list = listings(&[("a", n), ("b", n)]);
            store
                .replace_models(&slug("acme"), &list, LATER, WriteMode::Apply)
                .await
                .unwrap()
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let (here, there) = (all(&place.store, true).await, all(&other, true).await);
    assert_eq!(format!("{here:?}"), format!("{there:?}"));
    assert_eq!(here[0].listing.description, here[1].listing.description);
    assert_eq!(here[0].provider, acme);
}

#[tokio::test]
async fn the_file_is_closed_with_the_last_handle() {
    let place = sqlite_file().await;
    with_list(&place.store, &[("a", 1)]).await;
    let wal = path(&place).with_file_name("store.db-wal");
    assert!(wal.exists());
    let Place { store, url, _dir } = place;
    let clone = store.clone();
    drop(store);
    assert_eq!(shown(&clone).await, versions(&[("a", 1)]));
    drop(clone);
    // The last connection writes the log back and removes it.
    eventually(SOON, || async { !wal.exists() }).await.unwrap();
    assert_eq!(shown(&open(&url).await).await, versions(&[("a", 1)]));
}
