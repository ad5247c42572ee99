//! What is in a page's key: everything.

use std::{collections::HashSet, num::NonZeroU32};

use gatewayz_cache_core::CacheKey as _;

use crate::{
    Cursor, Extras, Filter, Gateway, Modalities, Modality, PageKey, Price, Query, Slug, Sort, SortBy, Start,
    UniqueQuery, UniqueShape, UniqueSortBy, Window,
    fixture::{listing, snapshot, stored},
    page::etag,
};

/// Other gateways left parameters out of their keys: two different requests shared an answer.
#[test]
fn no_parameter_is_outside_of_the_key() {
    // A new field does not compile here until the list below has it.
    let Query { filter, sort, window } = Query::default();
    let Filter {
        gateway: _,
        provider: _,
        developer: _,
        text: _,
        private: _,
        free: _,
        input: _,
        output: _,
        min_context: _,
        max_context: _,
        min_price: _,
        max_price: _,
        parameters: _,
    } = filter;
    let (Sort { by: _, descending: _ }, Window { start: _, limit: _ }) = (sort, window);
    let changes: [fn(&mut Filter); 22] = [
        |_| {},
        |filter| filter.gateway = Gateway::Provider(Slug::new("groq").unwrap()),
        |filter| filter.provider = Some("x".to_owned()),
        |filter| filter.provider = Some(String::new()),
        |filter| filter.developer = Some("x".to_owned()),
        |filter| filter.text = Some("x".to_owned()),
        |filter| filter.text = Some("X".to_owned()),
        |filter| filter.private = Some(true),
        |filter| filter.private = Some(false),
        |filter| filter.free = Some(true),
        |filter| filter.free = Some(false),
        |filter| filter.input = Modalities::TEXT,
        |filter| filter.output = Modalities::TEXT,
        |filter| filter.output = Modalities::NONE.with(Modality::Score),
        |filter| filter.min_context = NonZeroU32::new(1),
        |filter| filter.max_context = NonZeroU32::new(1),
        |filter| filter.min_price = Some(Price::from_steps(1)),
        |filter| filter.max_price = Some(Price::from_steps(1)),
        |filter| filter.max_price = Some(Price::FREE),
        |filter| filter.parameters = vec!["a".to_owned()],
        |filter| filter.parameters = vec!["a".to_owned(), "b".to_owned()],
        |filter| filter.parameters = vec!["ab".to_owned()],
    ];
    let rows = snapshot(vec![
        stored(1, "groq", listing("a", None, None)),
        stored(2, "groq", listing("b", None, None)),
        stored(3, "together", listing("a", None, None)),
    ]);
    let after = |row, offset| Start::After(Cursor::after(&rows, row, offset).unwrap());
    let starts = [
        Start::Offset(0),
        Start::Offset(1),
        after(0, 1),
        after(0, 2),
        after(1, 1),
        after(2, 1),
    ];
    let mut queries: Vec<Query> = Vec::new();
    for change in changes {
        let mut query = Query::default();
        change(&mut query.filter);
        queries.push(query);
    }
    for (by, descending) in SortBy::ALL.into_iter().flat_map(|by| [(by, false), (by, true)]).skip(1) {
        let sort = Sort { by, descending };
        queries.push(Query {
            sort,
            ..Query::default()
        });
    }
    for start in starts {
        for limit in [None, Some(0), Some(99), Some(100)] {
            let window = Window {
                start: start.clone(),
                limit,
            };
            queries.push(Query {
                window,
                ..Query::default()
            });
        }
    }
    queries.retain({
        let mut seen = HashSet::new();
        move |query| seen.insert(query.clone())
    });

    let base = UniqueQuery::default();
    let UniqueQuery {
        filter: _,
        min_providers: _,
        include_inactive: _,
        sort_by: _,
        descending: _,
        offset: _,
        limit: _,
    } = base.clone();
    let mut unique: Vec<UniqueQuery> = Vec::new();
    for change in changes {
        let mut query = base.clone();
        change(&mut query.filter);
        unique.push(query);
    }
    let more: [fn(&mut UniqueQuery); 8] = [
        |query| query.min_providers = NonZeroU32::new(1),
        |query| query.min_providers = NonZeroU32::new(2),
        |query| query.include_inactive = true,
        |query| query.sort_by = UniqueSortBy::Name,
        |query| query.sort_by = UniqueSortBy::CheapestPrice,
        |query| query.descending = false,
        |query| query.offset = 1,
        |query| query.limit = None,
    ];
    for change in more {
        let mut query = base.clone();
        change(&mut query);
        unique.push(query);
    }

    let Extras {
        include_huggingface: _,
        note: _,
    } = Extras::default();
    let extras =
        [(false, None), (true, None), (false, Some("a")), (false, Some(""))].map(|(include_huggingface, note)| {
            Extras {
                include_huggingface,
                note,
            }
        });
    let mut keys = Vec::new();
    for query in &queries {
        keys.extend(extras.iter().map(|extras| PageKey::new(query, extras)));
        keys.push(PageKey::search(query));
    }
    for query in &unique {
        keys.extend(
            extras
                .iter()
                .map(|extras| PageKey::unique(query, UniqueShape::Rows(*extras))),
        );
        keys.push(PageKey::unique(query, UniqueShape::Models));
    }
    let names: HashSet<String> = keys.iter().map(ToString::to_string).collect();
    assert_eq!(names.len(), keys.len());
    let tags: HashSet<Box<str>> = keys.iter().map(|key| etag(rows.epoch(), key)).collect();
    assert_eq!(tags.len(), keys.len());
    for key in keys {
        let mut part = String::new();
        key.encode(&mut part);
        assert_eq!(PageKey::decode(&part), Some(key));
    }
}

#[test]
fn pages_of_models_stand_with_those_of_all_providers() {
    let mut query = UniqueQuery::default();
    query.filter.gateway = Gateway::Provider(Slug::new("groq").unwrap());
    let key = PageKey::unique(&query, UniqueShape::Models).to_string();
    assert!(key.starts_with("catalog:v2:all:"), "{key}");
    let key = PageKey::search(&Query {
        filter: query.filter,
        ..Query::default()
    })
    .to_string();
    assert!(key.starts_with("catalog:v2:groq:"), "{key}");
}
