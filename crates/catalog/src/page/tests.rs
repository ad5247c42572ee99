mod keys;

use std::{collections::HashSet, io::Read as _, num::NonZeroU32};

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::{
    Start, UniqueQuery, UniqueSortBy,
    fixture::{
        arbitrary::{query, rows},
        listing, snapshot, stored,
    },
};

fn body(page: &Page) -> Vec<u8> {
    page.parts().flatten().collect()
}

fn json(page: &Page) -> Value {
    serde_json::from_slice(&body(page)).unwrap()
}

/// Whether a value has one of these types; `?` stands for `null`.
fn is_of(value: &Value, types: &str) -> bool {
    types.split('|').any(|word| match word {
        "string" => value.is_string(),
        "int" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "bool" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "?" => value.is_null(),
        _ => false,
    })
}

/// Whether an object has exactly these fields, of these types.
fn assert_fields(object: &Value, fields: &[(&str, &str)]) {
    let object = object.as_object().unwrap();
    for (name, types) in fields {
        let value = object.get(*name).unwrap_or_else(|| panic!("{name} is missing"));
        assert!(is_of(value, types), "{name} is {value}, which is none of {types}");
    }
    let known: HashSet<&str> = fields.iter().map(|(name, _)| *name).collect();
    let more: Vec<_> = object.keys().filter(|name| !known.contains(name.as_str())).collect();
    assert!(more.is_empty(), "{more:?} is not documented");
}

const STAMP: [(&str, &str); 5] = [
    ("timestamp", "string"),
    ("_cached_at", "string"),
    ("_cache_ttl", "int"),
    ("_cache_key", "string"),
    ("epoch", "string"),
];
const ROWS: [(&str, &str); 12] = [
    ("object", "string"),
    ("data", "array"),
    ("total", "int"),
    ("returned", "int"),
    ("offset", "int"),
    ("limit", "int|?"),
    ("has_more", "bool"),
    ("next_offset", "int|?"),
    ("next_cursor", "string|?"),
    ("include_huggingface", "bool"),
    ("gateway", "string"),
    ("note", "string|?"),
];
const UNIQUE: [(&str, &str); 6] = [
    ("models", "array"),
    ("total", "int"),
    ("limit", "int|?"),
    ("offset", "int"),
    ("filters", "object"),
    ("sort", "object"),
];
const SEARCH: [(&str, &str); 3] = [("success", "bool"), ("data", "array"), ("meta", "object")];

/// Each kind of page of one question.
fn pages(snapshot: &Snapshot, query: &Query, unique: &UniqueQuery) -> [Page; 4] {
    [
        Page::render(snapshot, query, &Extras::default()),
        Page::render_search(snapshot, query),
        Page::render_unique(snapshot, unique, UniqueShape::Models),
        Page::render_unique(snapshot, unique, UniqueShape::Rows(Extras::default())),
    ]
}

fn of_unique(query: &Query, by: usize) -> UniqueQuery {
    let Start::Offset(offset) = query.window.start else {
        unreachable!()
    };
    UniqueQuery {
        filter: query.filter.clone(),
        min_providers: NonZeroU32::new(offset % 3),
        include_inactive: false,
        sort_by: UniqueSortBy::ALL[by],
        descending: query.sort.descending,
        offset,
        limit: query.window.limit,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_page_is_json_with_the_documented_fields(rows in rows(), query in query(), by in 0_usize..3) {
        let snapshot = snapshot(rows);
        let unique = of_unique(&query, by);
        let [listed, found, models, grouped] = pages(&snapshot, &query, &unique).map(|page| json(&page));
        let selection = snapshot.select(&query);

        for page in [&listed, &grouped] {
            assert_fields(page, &[&ROWS[..], &STAMP].concat());
            prop_assert_eq!(page["data"].as_array().unwrap().len() as u64, page["returned"].as_u64().unwrap());
            prop_assert_eq!(page["has_more"].as_bool().unwrap(), !page["next_offset"].is_null());
        }
        prop_assert_eq!(listed["total"].as_u64().unwrap(), u64::from(selection.total));
        let ids: Vec<_> = selection.rows.iter().map(|&at| &*snapshot.rows()[at as usize].id).collect();
        for page in [&listed, &found] {
            let listed: Vec<_> = page["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
            prop_assert_eq!(&listed, &ids);
        }
        assert_fields(&found, &[&SEARCH[..], &STAMP].concat());
        prop_assert_eq!(found["meta"]["returned"].as_u64().unwrap(), ids.len() as u64);
        assert_fields(&models, &[&UNIQUE[..], &STAMP].concat());
        prop_assert_eq!(&models["models"], &grouped["data"]);
        prop_assert_eq!(&models["total"], &grouped["total"]);
    }

    #[test]
    fn equal_questions_give_equal_bytes_and_tags(rows in rows(), query in query(), by in 0_usize..3) {
        let (one, other) = (snapshot(rows.clone()), snapshot(rows));
        let unique = of_unique(&query, by);
        for (one, other) in pages(&one, &query, &unique).iter().zip(&pages(&other, &query, &unique)) {
            prop_assert_eq!(body(one), body(other));
            prop_assert_eq!(one.etag(), other.etag());
        }
    }

    #[test]
    fn the_shared_form_gives_the_page_back(rows in rows(), query in query(), by in 0_usize..3) {
        let snapshot = snapshot(rows);
        for page in pages(&snapshot, &query, &of_unique(&query, by)) {
            let shared = PageCodec.encode(&page).unwrap();
            let back = PageCodec.decode(&shared).unwrap();
            prop_assert_eq!(body(&back), body(&page));
            prop_assert_eq!(back.etag(), page.etag());
            // A page that was cut off is none.
            for at in [1, shared.len() / 2, shared.len() - 1] {
                prop_assert!(PageCodec.decode(&shared[at..]).is_err());
                prop_assert!(PageCodec.decode(&shared[..at]).is_err());
            }
        }
    }

    #[test]
    fn rubbish_is_no_page(bytes in proptest::collection::vec(any::<u8>(), 0..600), text in "\\PC{0,300}") {
        prop_assert!(PageCodec.decode(&bytes).is_err());
        for text in [
            text.clone(),
            format!("{{\"data\":[{text}"),
            format!("{{\"data\":[],\"_cache_key\":\"catalog:v2:{text}\",\"epoch\":\"{text}\"}}"),
            format!("{{\"data\":[],\"_cache_key\":\"catalog:v2:all:{}\",\"epoch\":\"{text}\"}}", "0".repeat(64)),
        ] {
            prop_assert!(PageCodec.decode(text.as_bytes()).is_err());
        }
    }
}

#[test]
fn descriptions_of_any_language_may_stand_before_the_ending() {
    // The slice in which the ending is looked for begins within a character.
    for more in 0..8 {
        let mut listing = listing("m", None, None);
        listing.tags = vec!["模型".repeat(40) + &"x".repeat(more)];
        let snapshot = snapshot(vec![stored(1, "groq", listing)]);
        let page = Page::render(&snapshot, &Query::default(), &Extras::default());
        let back = PageCodec.decode(&PageCodec.encode(&page).unwrap()).unwrap();
        assert_eq!(back.etag(), page.etag());
    }
}

#[test]
fn compressed_forms_hold_the_same_body_under_tags_of_their_own() {
    let rows = (0..300)
        .map(|at| stored(at, "groq", listing(&format!("model-{at}"), Some("1"), Some("2"))))
        .collect();
    let snapshot = snapshot(rows);
    let page = Page::render(&snapshot, &Query::default(), &Extras::default());
    let whole = body(&page);
    assert_eq!(page.compressed(Encoding::Identity), None);
    assert!(!page.is_ready(Encoding::Gzip) && !page.is_ready(Encoding::Zstd));

    let gzip = page.compressed(Encoding::Gzip).unwrap();
    let mut back = Vec::new();
    flate2::read::GzDecoder::new(&gzip[..]).read_to_end(&mut back).unwrap();
    assert_eq!(back, whole);
    assert_eq!(
        zstd::decode_all(&page.compressed(Encoding::Zstd).unwrap()[..]).unwrap(),
        whole
    );
    assert!(page.is_ready(Encoding::Gzip) && page.is_ready(Encoding::Zstd) && gzip.len() < whole.len() / 4);

    let tags = [Encoding::Identity, Encoding::Gzip, Encoding::Zstd].map(|encoding| page.etag_of(encoding));
    assert_eq!(tags.iter().collect::<HashSet<_>>().len(), 3);
    for tag in tags {
        assert!(
            tag.starts_with('"')
                && tag.ends_with('"')
                && tag[1..tag.len() - 1].bytes().all(|byte| byte > b' ' && byte != b'"')
        );
    }
}

/// The whole list shares the bytes of the snapshot: three parts, one answer.
#[test]
fn a_large_page_is_not_copied_and_reads_the_same() {
    let rows = (0..2500)
        .map(|at| stored(at, "groq", listing(&format!("model-{at:04}"), Some("1"), Some("2"))))
        .collect();
    let snapshot = snapshot(rows);
    let mut query = Query::default();
    query.window.limit = None;
    let page = Page::render(&snapshot, &query, &Extras::default());
    assert_eq!(page.parts().count(), 3);
    assert_eq!(json(&page)["data"].as_array().unwrap().len(), 2500);
    assert_eq!(PageCodec.encode(&page).unwrap(), body(&page));
}

/// A slice keeps the whole in memory, which is weighed as the slice only.
#[test]
fn a_large_page_that_is_a_small_part_of_the_snapshot_is_copied() {
    let row = |provider: &'static str| {
        move |at| stored(at, provider, listing(&format!("model-{at:04}"), Some("1"), Some("2")))
    };
    let rows = (0..2500)
        .map(row("groq"))
        .chain((0..5000).map(row("together")))
        .collect();
    let snapshot = snapshot(rows);
    let mut query = Query::default();
    query.window.limit = Some(2500);
    let page = Page::render(&snapshot, &query, &Extras::default());
    assert!(page.len() >= SHARED_ROWS);
    assert_eq!(page.parts().count(), 1);
    assert_eq!(json(&page)["data"].as_array().unwrap().len(), 2500);
}

#[test]
fn another_catalogue_has_another_tag() {
    let tag = |id: &str| {
        let snapshot = snapshot(vec![stored(1, "groq", listing(id, None, None))]);
        Page::render(&snapshot, &Query::default(), &Extras::default())
            .etag()
            .to_owned()
    };
    assert_ne!(tag("a"), tag("b"));
    assert_eq!(tag("a"), tag("a"));
}
