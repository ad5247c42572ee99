use gatewayz_testkit::Postgres;
use tempfile::TempDir;

use super::*;
use crate::{error::MigrateError, migrate::Migration};

const fn migration(version: u32, name: &'static str, sql: &'static str) -> Migration {
    Migration { version, name, sql }
}

const FIRST: Migration = migration(1, "first", "CREATE TABLE a (x INTEGER); INSERT INTO a (x) VALUES (1)");
const SECOND: Migration = migration(2, "second", "CREATE TABLE b (y INTEGER)");
/// Fails after it has done something.
const BROKEN: Migration = migration(
    2,
    "broken",
    "CREATE TABLE b (y INTEGER); INSERT INTO nowhere VALUES (1)",
);

const ONE: &[Migration] = &[FIRST];
const TWO: &[Migration] = &[FIRST, SECOND];
const HALF: &[Migration] = &[FIRST, BROKEN];
const EDITED: &[Migration] = &[migration(1, "first", "CREATE TABLE a (x TEXT)"), SECOND];

async fn open(url: &str) -> Store {
    Store::open(StoreConfig::from_url(url).unwrap()).await.unwrap()
}

async fn migrate(store: &Store, migrations: &'static [Migration]) -> Result<Migrated, MigrateError> {
    on!(store, store => store.migrate(migrations).await)
}

/// Where nothing was opened yet. The folder has to outlive it.
async fn places() -> (TempDir, [String; 2]) {
    let dir = TempDir::new().unwrap();
    let file = format!("sqlite:{}", dir.path().join("store.db").display());
    let server = Postgres::shared().await.unwrap().fresh_database().await.unwrap();
    (dir, [file, server])
}

#[tokio::test]
async fn postgres_and_sqlite_keep_the_old_schema_where_a_step_fails() {
    let (_dir, urls) = places().await;
    for url in urls {
        let store = open(&url).await;
        assert_eq!(store.schema_version().await.unwrap(), 0);
        let failed = migrate(&store, HALF).await.unwrap_err();
        let MigrateError::Step { version, name, .. } = &failed else {
            panic!("{failed}");
        };
        assert_eq!((*version, name.as_str()), (2, "broken"));
        assert!(
            failed.to_string().contains("stays at 1") && failed.to_string().contains("nowhere"),
            "{failed}"
        );
        // The first step was done, and of the second there is nothing: the right one applies.
        assert_eq!(store.schema_version().await.unwrap(), 1);
        let repaired = migrate(&store, TWO).await.unwrap();
        assert_eq!((repaired.from, repaired.to), (1, 2));
    }
}

#[tokio::test]
async fn postgres_and_sqlite_refuse_a_newer_and_an_altered_schema() {
    let (_dir, urls) = places().await;
    for url in urls {
        let store = open(&url).await;
        let made = migrate(&store, TWO).await.unwrap();
        assert_eq!((made.from, made.to), (0, 2));
        let newer = migrate(&store, ONE).await.unwrap_err();
        assert!(
            matches!(
                newer,
                MigrateError::Newer {
                    database: 2,
                    program: 1
                }
            ),
            "{newer}"
        );
        let altered = migrate(&store, EDITED).await.unwrap_err();
        assert!(
            matches!(&altered, MigrateError::Altered { version: 1, .. }),
            "{altered}"
        );
        assert_eq!(store.schema_version().await.unwrap(), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_and_sqlite_migrate_once_where_several_begin() {
    let (_dir, urls) = places().await;
    for url in urls {
        let begin = (0..4).map(|_| {
            let url = url.clone();
            tokio::spawn(async move { open(&url).await.migrate().await.unwrap() })
        });
        let mut made = 0;
        for migrated in begin.collect::<Vec<_>>() {
            let migrated = migrated.await.unwrap();
            assert!(migrated.to > 0);
            made += u32::from(migrated.from < migrated.to);
        }
        // Each step was applied by one, and all saw its end.
        assert!(
            (1..=migrate::SQLITE.len()).contains(&usize::try_from(made).unwrap()),
            "{made}"
        );
    }
}

#[test]
fn steps_are_numbered_and_named_in_order_and_the_same_in_both_dialects() {
    for dialect in [migrate::SQLITE, migrate::POSTGRES] {
        for (migration, number) in dialect.iter().zip(1..) {
            assert_eq!(migration.version, number);
            assert!(
                migration.name.starts_with(&format!("{number:04}_")),
                "{}",
                migration.name
            );
        }
    }
    let names = |dialect: &[Migration]| dialect.iter().map(|step| step.name).collect::<Vec<_>>();
    assert_eq!(names(migrate::SQLITE), names(migrate::POSTGRES));
}
