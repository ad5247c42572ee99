//! Servers: locks, refusals, and one that goes away.

use std::time::Duration;

use gatewayz_catalog::{CatalogStore as _, StoreError, WriteMode};
use gatewayz_store::{AccountStore as _, KeyDigest, MigrateError, NewKey, NewUser, Store, StoreConfig};
use gatewayz_testkit::{Postgres, eventually};
use tokio_postgres::{Client, NoTls};

use crate::support::{LATER, Place, listings, open, postgres_server, provider, shown, versions, with_list};

const SOON: Duration = Duration::from_secs(20);

/// A connection beside the store's.
async fn beside(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn impatient(url: &str) -> Store {
    let config = StoreConfig::from_url(url)
        .unwrap()
        .with_busy_limit(Duration::from_millis(200))
        .with_call_limit(Duration::from_millis(500));
    Store::open(config).await.unwrap()
}

#[tokio::test]
async fn an_unchanged_list_writes_nothing() {
    let Place { store, url, .. } = postgres_server().await;
    let acme = with_list(&store, &[("a", 1), ("b", 1)]).await;
    let beside = beside(&url).await;
    // Both change with a row, and the second also when one is locked.
    let rows = "SELECT string_agg(concat(ctid, xmin, xmax), ';' ORDER BY id) FROM
        (SELECT ctid, xmin, xmax, id FROM models UNION ALL SELECT ctid, xmin, xmax, -id FROM providers) AS all_rows";
    let state = async || beside.query_one(rows, &[]).await.unwrap().get::<_, String>(0);
    let before = state().await;
    for mode in [WriteMode::Apply, WriteMode::DryRun] {
        store
            .replace_models(&acme, &listings(&[("b", 1), ("a", 1)]), LATER, mode)
            .await
            .unwrap();
    }
    store.put_providers(&[provider("acme")]).await.unwrap();
    store
        .replace_models(&acme, &listings(&[("c", 1)]), LATER, WriteMode::DryRun)
        .await
        .unwrap();
    assert_eq!(state().await, before);
    store
        .replace_models(&acme, &listings(&[("a", 1), ("b", 2)]), LATER, WriteMode::Apply)
        .await
        .unwrap();
    let after = state().await;
    let (before, after): (Vec<_>, Vec<_>) = (before.split(';').collect(), after.split(';').collect());
    assert_eq!(
        before
            .iter()
            .zip(&after)
            .filter(|(before, after)| before != after)
            .count(),
        1,
        "only `b`"
    );
}

#[tokio::test]
async fn a_row_that_is_refused_takes_back_the_whole_list() {
    let Place { store, url, .. } = postgres_server().await;
    let acme = with_list(&store, &[("a", 1), ("b", 1)]).await;
    let poison = "ALTER TABLE models ADD CONSTRAINT poison CHECK (provider_model_id <> 'poison')";
    beside(&url).await.execute(poison, &[]).await.unwrap();
    // In another statement than the first rows.
    let mut list: Vec<_> = (0..2_500)
        .map(|n| crate::support::listing(&format!("m{n}"), 1))
        .collect();
    list.push(crate::support::listing("poison", 1));
    let refused = store
        .replace_models(&acme, &list, LATER, WriteMode::Apply)
        .await
        .unwrap_err();
    assert!(
        matches!(&refused, StoreError::Refused(why) if why.contains("poison")),
        "{refused}"
    );
    assert_eq!(shown(&store).await, versions(&[("a", 1), ("b", 1)]));
}

#[tokio::test]
async fn a_killed_server_is_unavailable_until_it_is_back() {
    let server = Postgres::start().await.unwrap();
    let store = open(&server.url()).await;
    with_list(&store, &[("a", 1)]).await;
    server.kill().await.unwrap();
    for _ in 0..3 {
        // The limits are one second for a connection, and five for all.
        let asked = tokio::time::timeout(Duration::from_secs(3), store.providers());
        let refused = asked.await.unwrap().unwrap_err();
        assert!(refused.is_transient(), "{refused}");
    }
    let away = store.migrate().await.unwrap_err();
    assert!(
        matches!(&away, MigrateError::Store(error) if error.is_transient()),
        "{away}"
    );
    server.restart().await.unwrap();
    eventually(SOON, || async { store.providers().await.is_ok() })
        .await
        .unwrap();
    assert_eq!(shown(&store).await, versions(&[("a", 1)]));
}

#[tokio::test]
async fn a_frozen_server_is_unavailable_within_the_limit() {
    let server = Postgres::start().await.unwrap();
    let acme = with_list(&open(&server.url()).await, &[("a", 1)]).await;
    let store = impatient(&server.url()).await;
    assert_eq!(shown(&store).await, versions(&[("a", 1)]));
    server.freeze().unwrap();
    let list = listings(&[("a", 2)]);
    for _ in 0..6 {
        let write = tokio::time::timeout(SOON, store.replace_models(&acme, &list, LATER, WriteMode::Apply));
        let refused = write.await.unwrap().unwrap_err();
        assert!(refused.is_transient(), "{refused}");
    }
    server.thaw().unwrap();
    let wrote = || async {
        store
            .replace_models(&acme, &list, LATER, WriteMode::Apply)
            .await
            .is_ok()
    };
    eventually(SOON, wrote).await.unwrap();
    assert_eq!(shown(&store).await, versions(&[("a", 2)]));
}

#[tokio::test]
async fn anothers_lock_is_waited_for_within_the_limit() {
    let place = postgres_server().await;
    let acme = with_list(&place.store, &[("a", 1)]).await;
    let store = impatient(&place.url).await;
    let beside = beside(&place.url).await;
    beside.batch_execute("BEGIN; LOCK TABLE models").await.unwrap();
    let refused = store.model(&acme, &crate::support::id("a")).await.unwrap_err();
    assert!(refused.is_transient(), "{refused}");
    beside.batch_execute("ROLLBACK").await.unwrap();
    assert!(store.model(&acme, &crate::support::id("a")).await.unwrap().is_some());
}

#[tokio::test]
async fn calls_wait_for_a_connection_in_turn() {
    let place = postgres_server().await;
    let config = StoreConfig::from_url(&place.url).unwrap().with_connections(1);
    let store = Store::open(config).await.unwrap();
    with_list(&store, &[("a", 1)]).await;
    let calls = (0..20).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.providers().await })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn what_the_server_refuses_is_not_tried_again() {
    let server = Postgres::shared().await.unwrap();
    let store = Store::open(StoreConfig::from_url(&server.url_of("absent")).unwrap())
        .await
        .unwrap();
    let refused = store.providers().await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::Refused(why) if why.contains("absent")),
        "{refused}"
    );

    let url = server.fresh_database().await.unwrap();
    let store = Store::open(StoreConfig::from_url(&url).unwrap()).await.unwrap();
    let refused = store.providers().await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::Refused(why) if why.contains("migrate")),
        "{refused}"
    );
}

#[tokio::test]
async fn words_that_are_not_known_let_nobody_in() {
    let Place { store, url, .. } = postgres_server().await;
    let user = store
        .create_user(&NewUser::new("ann", "ann@example.org"))
        .await
        .unwrap();
    let digest = KeyDigest::new([1; 32]);
    store.create_key(&NewKey::new(user, digest, "")).await.unwrap();
    let beside = beside(&url).await;
    beside.execute("UPDATE users SET role = 'root'", &[]).await.unwrap();
    let refused = store.key_by_digest(digest).await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::Refused(why) if why.contains("users.role")),
        "{refused}"
    );
}

#[tokio::test]
async fn refusals_show_no_values() {
    let Place { store, url, .. } = postgres_server().await;
    let user = store
        .create_user(&NewUser::new("ann", "ann@example.org"))
        .await
        .unwrap();
    let poison = "ALTER TABLE api_keys_new ADD CONSTRAINT poison CHECK (last4 <> 'wxyz')";
    beside(&url).await.execute(poison, &[]).await.unwrap();
    let refused = store
        .create_key(&NewKey::new(user, KeyDigest::new([7; 32]), "wxyz"))
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("poison") && !refused.to_string().contains("0707"),
        "{refused}"
    );
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn a_server_without_encryption_is_refused_where_it_is_required() {
    let server = Postgres::shared().await.unwrap();
    let url = format!("{}?sslmode=require", server.fresh_database().await.unwrap());
    let store = Store::open(StoreConfig::from_url(&url).unwrap()).await.unwrap();
    let refused = store.providers().await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::Refused(why) if why.contains("TLS")),
        "{refused}"
    );
}

/// A server that takes encrypted connections, and its URL; its authority is in `ca.pem` of its folder.
#[cfg(feature = "tls")]
async fn encrypted_server() -> (Postgres, String) {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};

    let server = Postgres::start().await.unwrap();
    let dir = server.socket_dir();
    let files = gatewayz_testkit::Tls::self_signed(dir).unwrap();
    // The server reads its key only if it owns it and nobody else may.
    let owner = std::fs::metadata(dir).unwrap();
    for file in [&files.key, &files.cert] {
        chown(file, Some(owner.uid()), Some(owner.gid())).unwrap();
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    for (name, file) in [("ssl_cert_file", &files.cert), ("ssl_key_file", &files.key)] {
        server
            .query(&format!("ALTER SYSTEM SET {name} = '{}'", file.display()))
            .await
            .unwrap();
    }
    server.query("ALTER SYSTEM SET ssl = on").await.unwrap();
    server.query("SELECT pg_reload_conf()").await.unwrap();
    let url = format!("{}?sslrootcert={}", server.url(), files.ca.display());
    let required = format!("{url}&sslmode=require");
    let encrypts = || async {
        let store = Store::open(StoreConfig::from_url(&required).unwrap()).await.unwrap();
        store.schema_version().await.is_ok()
    };
    eventually(SOON, encrypts).await.unwrap();
    (server, url)
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn encrypted_connections_are_verified() {
    let (server, url) = encrypted_server().await;
    let encrypted = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE ssl AND application_name = 'gatewayz'";
    let beside = beside(&server.url()).await;
    for mode in ["prefer", "require", "verify-full"] {
        let store = open(&format!("{url}&sslmode={mode}&application_name=gatewayz")).await;
        with_list(&store, &[("a", 1)]).await;
        assert_eq!(shown(&store).await, versions(&[("a", 1)]));
        let encrypted: i64 = beside.query_one(encrypted, &[]).await.unwrap().get(0);
        assert!(encrypted > 0, "{mode}");
    }
    // The system does not know this authority.
    for mode in ["prefer", "require"] {
        let store = Store::open(StoreConfig::from_url(&format!("{}?sslmode={mode}", server.url())).unwrap())
            .await
            .unwrap();
        let refused = store.providers().await.unwrap_err();
        assert!(
            matches!(&refused, StoreError::Refused(why) if why.contains("certificate")),
            "{refused}"
        );
    }
    let plain = open(&format!("{}?sslmode=disable", server.url())).await;
    assert_eq!(shown(&plain).await, versions(&[("a", 1)]));

    let absent = StoreConfig::from_url(&format!("{}?sslrootcert=/absent.pem", server.url())).unwrap();
    let refused = Store::open(absent).await.unwrap_err();
    assert!(
        matches!(&refused, gatewayz_store::OpenError::Tls(why) if why.contains("absent")),
        "{refused}"
    );
}
