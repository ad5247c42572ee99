use std::{cmp::Ordering, collections::HashSet};

use proptest::prelude::*;

use super::*;
use crate::{
    Modalities, ModelHealth, Price,
    fixture::{
        arbitrary::{filter, query, rows, sort},
        listing, snapshot, stored,
    },
};

fn ids(snapshot: &Snapshot, query: &Query) -> Vec<String> {
    let id = |row: &u32| snapshot.rows()[*row as usize].id.to_string();
    snapshot.select(query).rows.iter().map(id).collect()
}

fn sorted_by(by: SortBy, descending: bool) -> Query {
    Query {
        sort: Sort { by, descending },
        ..Query::default()
    }
}

fn with_text(text: &str) -> Query {
    Query {
        filter: Filter {
            text: Some(text.to_owned()),
            ..Filter::default()
        },
        ..Query::default()
    }
}

#[test]
fn rows_without_a_price_come_last_in_both_directions() {
    let snapshot = snapshot(vec![
        stored(1, "groq", listing("cheap", Some("1"), Some("1"))),
        stored(2, "groq", listing("unknown", None, None)),
        stored(3, "groq", listing("dear", Some("2"), Some("2"))),
    ]);
    assert_eq!(
        ids(&snapshot, &sorted_by(SortBy::Price, false)),
        ["cheap", "dear", "unknown"]
    );
    assert_eq!(
        ids(&snapshot, &sorted_by(SortBy::Price, true)),
        ["dear", "cheap", "unknown"]
    );
}

#[test]
fn a_provider_with_two_rows_of_a_model_is_no_more_popular() {
    let snapshot = snapshot(vec![
        stored(1, "groq", listing("acme/twin", None, None)),
        stored(2, "groq", listing("acme/twin:free", None, None)),
        stored(3, "groq", listing("acme/everywhere", None, None)),
        stored(4, "together", listing("acme/everywhere", None, None)),
    ]);
    let order = ids(&snapshot, &sorted_by(SortBy::Popularity, true));
    assert_eq!(order[..2], ["acme/everywhere", "acme/everywhere"]);
    assert_eq!(snapshot.provider_count(&snapshot.rows()[1].canonical), 1);
}

#[test]
fn the_id_that_is_looked_for_comes_first_and_then_those_that_begin_with_it() {
    let snapshot = snapshot(vec![
        stored(1, "groq", listing("a/my-gpt-4", None, None)),
        stored(2, "groq", listing("openai/gpt-4-turbo", None, None)),
        stored(3, "together", listing("openai/GPT-4", None, None)),
        stored(4, "together", listing("gpt-4.1", None, None)),
    ]);
    let looked_for = ["openai/GPT-4", "openai/gpt-4-turbo", "gpt-4.1", "a/my-gpt-4"];
    assert_eq!(ids(&snapshot, &with_text("gpt-4")), looked_for);
    assert_eq!(ids(&snapshot, &with_text("openai/gpt-4"))[..2], looked_for[..2]);
    let mut backwards = with_text("gpt-4");
    backwards.sort.descending = true;
    assert!(ids(&snapshot, &backwards).iter().eq(looked_for.iter().rev()));
}

/// A search of another gateway took `%` for a wildcard: one request read the whole table.
#[test]
fn wildcards_in_a_text_are_plain_characters() {
    let snapshot = snapshot(vec![
        stored(1, "groq", listing("llama", None, None)),
        stored(2, "groq", listing("100%", None, None)),
    ]);
    assert_eq!(ids(&snapshot, &with_text("%")), ["100%"]);
    for text in ["l_ama", "l%a", "l.*a", "l*"] {
        assert!(ids(&snapshot, &with_text(text)).is_empty(), "{text}");
    }
}

#[test]
fn fast_rows_are_those_below_the_bound_the_fastest_first() {
    let row = |key, id: &str, time| {
        let mut row = stored(key, "groq", listing(id, None, None));
        row.health = ModelHealth {
            average_response_time_ms: time,
            ..ModelHealth::default()
        };
        row
    };
    let snapshot = snapshot(vec![
        row(1, "a", Some(499)),
        row(2, "b", Some(500)),
        row(3, "c", Some(99)),
        row(4, "d", None),
        row(5, "e", Some(100)),
    ]);
    assert_eq!(snapshot.faster_than(LOW_LATENCY_MS), [2, 4, 0]);
    assert_eq!(snapshot.faster_than(ULTRA_LOW_LATENCY_MS), [2]);
}

#[test]
fn the_filters_that_were_applied_are_named_like_the_parameters() {
    let mut query = with_text("llama");
    query.filter.private = Some(false);
    query.filter.input = Modalities::TEXT;
    query.filter.max_price = Some(Price::from_steps(150_000_000));
    query.sort.by = SortBy::Price;
    assert_eq!(
        serde_json::to_value(AppliedFilters(&query)).unwrap(),
        serde_json::json!({
            "gateway": "all", "q": "llama", "is_private": false, "input_modalities": ["text"],
            "max_price": "0.00000015", "sort_by": "price", "order": "asc",
        })
    );
}

#[test]
fn rubbish_is_no_cursor() {
    for text in [
        "",
        "0",
        "zz",
        "+1+2",
        "30",
        "302f67726f71",
        "302f41422f78",
        &"30".repeat(4000),
        "é0",
    ] {
        assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor), "{text}");
    }
}

#[test]
fn a_cursor_of_a_provider_that_nobody_knows_goes_on_where_it_was() {
    let rows = || {
        (0..6)
            .map(|at| stored(at, "groq", listing(&format!("m{at}"), None, None)))
            .collect()
    };
    let snapshot = snapshot(rows());
    let cursor = Cursor::after(&snapshot, 2, 3).unwrap().to_string();
    // `3/groq/m2` becomes `3/gone/m2`.
    let cursor = cursor.replace("67726f71", "676f6e65").parse().unwrap();
    let query = Query {
        window: Window {
            start: Start::After(cursor),
            limit: None,
        },
        ..Query::default()
    };
    assert_eq!(snapshot.select(&query).rows, [3, 4, 5]);
}

/// The words of a filter, looked for in the plainest way.
fn naive_matches(row: &Model, filter: &Filter) -> bool {
    let contains = |text: &str, part: &str| text.to_ascii_lowercase().contains(&part.to_ascii_lowercase());
    let has_word = |word: &str| {
        [&row.id, &row.name, &row.canonical]
            .iter()
            .any(|text| contains(text, word))
    };
    let mean = row
        .pricing
        .prompt
        .zip(row.pricing.completion)
        .map(|(a, b)| (a.steps() + b.steps()) / 2);
    let context = row.context_length;
    let slug = row.provider.slug.as_str();
    let is_free = row.pricing.is_free() || (slug == "openrouter" && row.id.ends_with(":free"));
    let wanted = [
        filter.gateway == Gateway::All || filter.gateway.as_str() == slug,
        filter.private.is_none() || filter.private == Some(row.abilities.private),
        filter.free.is_none() || filter.free == Some(is_free),
        filter.input.iter().all(|modality| row.input.contains(modality)),
        filter.output.iter().all(|modality| row.output.contains(modality)),
        filter.min_context.is_none() || context.is_some_and(|context| Some(context) >= filter.min_context),
        filter
            .max_context
            .is_none_or(|most| context.is_some_and(|context| context <= most)),
        filter
            .min_price
            .is_none_or(|least| mean.is_some_and(|mean| mean >= least.steps())),
        filter
            .max_price
            .is_none_or(|most| mean.is_some_and(|mean| mean <= most.steps())),
        filter.developer.is_none() || filter.developer.as_deref() == row.developer.as_deref(),
        filter
            .parameters
            .iter()
            .all(|name| row.parameters.iter().any(|known| **known == **name)),
        filter.provider.as_deref().is_none_or(|provider| {
            slug == provider || row.developer.as_deref() == Some(provider) || contains(&row.id, provider)
        }),
        filter
            .text
            .as_deref()
            .is_none_or(|text| text.split_whitespace().all(has_word)),
    ];
    wanted.iter().all(|is_met| *is_met)
}

/// What rows are ordered by: `None` where it is not known.
fn naive_rank(snapshot: &Snapshot, by: SortBy, row: &Model) -> Option<(u64, String)> {
    let number = |number: u64| Some((number, String::new()));
    match by {
        SortBy::Default => number(0),
        SortBy::Name => Some((0, row.name.to_string())),
        SortBy::Price => number((row.pricing.prompt?.steps() + row.pricing.completion?.steps()) / 2),
        SortBy::Context => number(row.context_length?.get().into()),
        SortBy::Created => number(row.created?.cast_unsigned()),
        SortBy::Popularity => {
            let same = snapshot.rows().iter().filter(|other| other.canonical == row.canonical);
            number(same.map(|other| &other.provider.slug).collect::<HashSet<_>>().len() as u64)
        }
    }
}

fn naive_matching(snapshot: &Snapshot, filter: &Filter, sort: Sort) -> Vec<u32> {
    let row = |at: u32| &snapshot.rows()[at as usize];
    let mut matching: Vec<u32> = (0..)
        .take(snapshot.len())
        .filter(|&at| naive_matches(row(at), filter))
        .collect();
    let turn = |order: Ordering| if sort.descending { order.reverse() } else { order };
    let far = |at: u32| {
        let text = filter.text.as_deref().unwrap_or_default().to_ascii_lowercase();
        let id = row(at).id.to_ascii_lowercase();
        let spellings = [id.as_str(), id.rsplit('/').next().unwrap()];
        match spellings {
            _ if filter.text.is_none() || spellings.contains(&text.as_str()) => 0,
            _ if spellings.iter().any(|id| id.starts_with(&text)) => 1,
            _ => 2,
        }
    };
    matching.sort_by(|&a, &b| {
        if sort.by == SortBy::Default {
            return turn((far(a), a).cmp(&(far(b), b)));
        }
        match (
            naive_rank(snapshot, sort.by, row(a)),
            naive_rank(snapshot, sort.by, row(b)),
        ) {
            (Some(left), Some(right)) => turn(left.cmp(&right)).then(a.cmp(&b)),
            (left, right) => left.is_none().cmp(&right.is_none()).then(a.cmp(&b)),
        }
    });
    matching
}

/// All rows of a query, page by page; `next` says where the next page begins.
fn walk(snapshot: &Snapshot, query: &Query, next: impl Fn(&Selection) -> Start) -> Vec<u32> {
    let mut query = query.clone();
    query.window.start = Start::Offset(0);
    let mut seen = Vec::new();
    loop {
        let page = snapshot.select(&query);
        assert_eq!(page.offset as usize, seen.len());
        seen.extend(&page.rows);
        if !page.has_more() {
            return seen;
        }
        assert!(!page.rows.is_empty(), "a page with more behind it has a row");
        query.window.start = next(&page);
    }
}

fn name(row: &Model) -> (String, String) {
    (row.provider.slug.to_string(), row.id.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_selection_is_what_a_plain_scan_finds(rows in rows(), query in query()) {
        let snapshot = snapshot(rows);
        let all = naive_matching(&snapshot, &query.filter, query.sort);
        let Start::Offset(offset) = query.window.start else { unreachable!() };
        let start = (offset as usize).min(all.len());
        let end = query.window.limit.map_or(all.len(), |limit| (start + limit as usize).min(all.len()));
        let selection = snapshot.select(&query);
        prop_assert_eq!(&selection.rows, &all[start..end]);
        prop_assert_eq!(selection.total as usize, all.len());
        prop_assert_eq!(selection.offset as usize, start);
        prop_assert_eq!(selection.has_more(), end < all.len());
        for pair in all.windows(2) {
            let order = snapshot.compare_rows(&query.filter, query.sort, pair[0], pair[1]);
            prop_assert_eq!(order, Ordering::Less, "{:?}", pair);
        }
    }

    #[test]
    fn pages_visit_each_row_once_by_offset_and_by_cursor(rows in rows(), query in query(), limit in 1_u32..7) {
        let snapshot = snapshot(rows);
        let mut query = query;
        query.window.limit = Some(limit);
        let all = naive_matching(&snapshot, &query.filter, query.sort);
        prop_assert_eq!(&walk(&snapshot, &query, |page| Start::Offset(page.end())), &all);
        let by_cursor = walk(&snapshot, &query, |page| {
            let cursor = Cursor::after(&snapshot, *page.rows.last().unwrap(), page.end()).unwrap();
            let text = cursor.to_string();
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric()));
            assert_eq!(text.parse(), Ok(cursor));
            Start::After(text.parse().unwrap())
        });
        prop_assert_eq!(&by_cursor, &all);
    }

    /// In the default order even when the cursor's own row is gone; in the others as long as it is there.
    #[test]
    fn a_cursor_survives_rows_that_come_and_go(
        before in rows(),
        after in rows(),
        filter in filter(),
        sort in sort(&[SortBy::Default, SortBy::Name, SortBy::Context, SortBy::Created]),
        seen in 1_usize..12,
        keeps in proptest::collection::vec(any::<bool>(), 40),
    ) {
        let old = snapshot(before.clone());
        let matching = naive_matching(&old, &filter, sort);
        prop_assume!(!matching.is_empty());
        let seen = &matching[..seen.min(matching.len())];
        let last = *seen.last().unwrap();
        let cursor = Cursor::after(&old, last, u32::try_from(seen.len()).unwrap()).unwrap();

        // Rows that both have are equal in both: the first of two is the one that counts.
        let is_kept = |(at, row): &(usize, &crate::StoredModel)| {
            let is_last = row.provider.as_str() == old.rows()[last as usize].provider.slug.as_str()
                && row.listing.id.as_str() == &*old.rows()[last as usize].id;
            keeps[*at] || (is_last && sort.by != SortBy::Default)
        };
        let kept: Vec<_> = before.iter().enumerate().filter(is_kept).map(|(_, row)| row.clone()).collect();
        let known: HashSet<_> = old.rows().iter().map(name).collect();
        let is_new = |row: &crate::StoredModel| {
            !known.contains(&(row.provider.to_string(), row.listing.id.to_string()))
        };
        let first = |row: &crate::StoredModel| {
            before.iter().find(|other| other.provider == row.provider && other.listing.id == row.listing.id)
                .unwrap().clone()
        };
        let new = snapshot(kept.iter().map(first).chain(after.into_iter().filter(is_new)).collect());

        let query = Query { filter, sort, window: Window { start: Start::After(cursor), limit: None } };
        let page = snapshot_names(&new, &new.select(&query).rows);
        let all = snapshot_names(&new, &new.matching(&query.filter, sort));
        let seen: HashSet<_> = snapshot_names(&old, seen).into_iter().collect();
        let unseen: HashSet<_> = snapshot_names(&old, &matching).into_iter().filter(|row| !seen.contains(row)).collect();
        prop_assert!(page.iter().all(|row| !seen.contains(row)), "no row twice");
        prop_assert!(all.iter().filter(|row| unseen.contains(*row)).all(|row| page.contains(row)), "none left out");
        prop_assert!(all.ends_with(&page), "the rest of the order");
    }

    #[test]
    fn a_cursor_reads_what_it_wrote_and_no_text_panics(text in "\\PC{0,80}", offset in any::<u32>()) {
        if let Ok(cursor) = text.parse::<Cursor>() {
            prop_assert_eq!(cursor.to_string(), text.to_ascii_lowercase());
        }
        let digits: String = format!("{offset}/groq/{text}").bytes().map(|byte| format!("{byte:02x}")).collect();
        let cursor: Cursor = digits.parse().unwrap();
        prop_assert_eq!(cursor.to_string(), digits);
    }
}

fn snapshot_names(snapshot: &Snapshot, rows: &[u32]) -> Vec<(String, String)> {
    rows.iter().map(|&at| name(&snapshot.rows()[at as usize])).collect()
}
