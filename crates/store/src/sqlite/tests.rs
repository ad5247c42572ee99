use super::*;

const FIRST: Migration = Migration {
    version: 1,
    name: "first",
    sql: "CREATE TABLE a (x TEXT)",
};
/// More than the disk has room for.
const LARGE: Migration = Migration {
    version: 2,
    name: "large",
    sql: "CREATE TABLE b (y TEXT);
        INSERT INTO b SELECT hex(zeroblob(1000)) FROM a JOIN a AS b JOIN a AS c",
};
const BOTH: &[Migration] = &[FIRST, LARGE];

async fn set_room(store: &SqliteStore, pages: u32) {
    let set = move |connection: &mut Connection| {
        let set = |_row: &rusqlite::Row<'_>| Ok(());
        Ok(connection.pragma_update_and_check(None, "max_page_count", pages, set)?)
    };
    store.0.writer.run(set).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_takes_back_a_step_and_is_no_fault_of_it() {
    let store = SqliteStore::memory(&StoreConfig::from_url("sqlite::memory:").unwrap()).unwrap();
    store.migrate(&BOTH[..1]).await.unwrap();
    let fill = |connection: &Connection| Ok(connection.execute_batch("INSERT INTO a VALUES (1), (2), (3), (4)")?);
    store.write(fill).await.unwrap();
    set_room(&store, 12).await;
    for _again in 0..2 {
        let failed = store.migrate(BOTH).await.unwrap_err();
        assert!(
            matches!(&failed, MigrateError::Store(error) if error.is_transient()),
            "{failed}"
        );
        assert_eq!(store.schema_version().await.unwrap(), 1);
    }
    set_room(&store, 10_000).await;
    let migrated = store.migrate(BOTH).await.unwrap();
    assert_eq!((migrated.from, migrated.to), (1, 2));
}
