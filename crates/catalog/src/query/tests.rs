use super::*;
use crate::fixture::{listing, snapshot, stored};

#[test]
fn rows_without_a_price_come_last_in_both_directions() {
    let snapshot = snapshot(vec![
        stored(1, "groq", listing("cheap", Some("1"), Some("1"))),
        stored(2, "groq", listing("unknown", None, None)),
        stored(3, "groq", listing("dear", Some("2"), Some("2"))),
    ]);
    let ids = |descending| {
        let sort = Sort {
            by: SortBy::Price,
            descending,
        };
        let query = Query {
            sort,
            ..Query::default()
        };
        let ids = |row: &u32| snapshot.rows()[*row as usize].id.to_string();
        snapshot.select(&query).rows.iter().map(ids).collect::<Vec<_>>()
    };
    assert_eq!(ids(false), ["cheap", "dear", "unknown"]);
    assert_eq!(ids(true), ["dear", "cheap", "unknown"]);
}
