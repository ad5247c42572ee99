//! Answers that are no lists, and rows that are no models: a typed error or a counted row, and never a panic.

use gatewayz_catalog::{FetchedList, ListError};
use gatewayz_providers::{Adapter, Registry};

use crate::prices::{fixture_bytes, registry};

fn read(adapter: &Adapter, answer: &[u8]) -> Result<FetchedList, ListError> {
    let mut reader = adapter.reader();
    reader.push(answer)?;
    reader.finish_page()?;
    reader.into_list()
}

/// Adapters of lists, with the first place at which each looks for its rows.
fn lists(registry: &Registry) -> Vec<(&Adapter, String)> {
    let place = |adapter: &Adapter| Some(adapter.list()?.rows.split('|').next()?.trim().to_owned());
    registry
        .iter()
        .filter_map(|adapter| Some((adapter, place(adapter)?)))
        .collect()
}

/// An answer with these rows where the adapter looks for them.
fn answer(place: &str, rows: &str) -> String {
    let keys: Vec<&str> = place.split('.').filter(|key| !key.is_empty()).collect();
    let open: String = keys.iter().map(|key| format!("{{\"{key}\":")).collect();
    format!("{open}[{rows}]{}", "}".repeat(keys.len()))
}

/// A row in which every field that any adapter reads for an id or a price has this value.
fn row(id: &str, value: &str) -> String {
    let ids = [
        "id",
        "name",
        "model_id",
        "modelId",
        "model_name",
        "modelName",
        "endpoint_id",
        "invoke_name",
    ];
    let ids: String = ids.iter().map(|key| format!("\"{key}\":\"{id}\",")).collect();
    let both = format!(r#"{{"prompt":{value},"completion":{value},"input":{value},"output":{value},"usd":{value}}}"#);
    let nested = format!(r#"{{"usd":{value}}}"#);
    let amount = format!(r#"{{"amount":{value},"scale":9,"currency":"USD"}}"#);
    let list = format!(r#"[{{"value":{value},"unit":"perMTokens","currency":"USD"}}]"#);
    format!(
        r#"{{{ids}"status":1,"isGraduated":true,"pricing":{both},"price":{value},"price_usd":{both},
        "pricings":{{"prompt":{list},"completion":{list}}},"input_price":{value},"output_price":{value},
        "cost_in":{value},"cost_out":{value},"input_token_price":{value},"output_token_price":{value},
        "input_token_price_per_m":{value},"output_token_price_per_m":{value},"sale_input_cost":{value},
        "prompt_text_token_price":{value},"inputCostPerToken":{amount},"outputCostPerToken":{amount},
        "metadata":{{"pricing":{{"input_tokens":{value},"output_tokens":{value}}}}},
        "model_spec":{{"pricing":{{"input":{nested},"output":{nested}}}}},
        "context_length":{value},"created":{value},"architecture":{value},"tags":{value},"description":{value}}}"#
    )
}

#[test]
fn what_is_no_list_is_refused() {
    let registry = registry();
    for (adapter, place) in lists(&registry) {
        let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
        let nan = answer(&place, "").replace('[', "NaN").replace(']', "");
        for rubbish in [
            "",
            " ",
            "<!doctype html><html></html>",
            "null",
            "7",
            "\"x\"",
            "{",
            "{}}",
            "\u{0}",
            &deep,
            &nan,
        ] {
            let error = read(adapter, rubbish.as_bytes()).unwrap_err();
            assert!(
                matches!(error, ListError::Malformed(_) | ListError::TooFew { .. }),
                "{}: {error}",
                adapter.slug()
            );
        }
        for value in ["null", "{}", "\"x\"", "1", "true"] {
            let wrong = answer(&place, "@").replace("[@]", value);
            assert!(
                matches!(read(adapter, wrong.as_bytes()), Err(ListError::Malformed(_))),
                "{}",
                adapter.slug()
            );
        }
        let empty = read(adapter, answer(&place, "").as_bytes());
        assert!(
            matches!(empty, Err(ListError::TooFew { rows: 0, least: 1 })),
            "{}",
            adapter.slug()
        );
    }
}

#[test]
fn a_list_that_is_cut_off_is_refused() {
    let registry = registry();
    for (adapter, place) in lists(&registry) {
        let rows: Vec<String> = (0..4).map(|at| row(&format!("model-{at}"), "0.5")).collect();
        let whole = answer(&place, &rows.join(","));
        assert!(read(adapter, whole.as_bytes()).is_ok(), "{}", adapter.slug());
        for end in (0..whole.len()).step_by(97) {
            let cut = read(adapter, &whole.as_bytes()[..end]);
            assert!(
                matches!(cut, Err(ListError::Malformed(_))),
                "{} at {end}: {cut:?}",
                adapter.slug()
            );
        }
    }
}

#[test]
fn rows_that_are_no_models_are_counted() {
    let registry = registry();
    for (adapter, place) in lists(&registry) {
        let good: Vec<String> = (0..16).map(|at| row(&format!("good-{at}"), "0.5")).collect();
        let long = row(&"x".repeat(10_000), "1");
        let control = row("a\\u0000b", "1");
        let deep = format!("{{\"id\":{}{}}}", "[".repeat(100), "]".repeat(100));
        let rows = [
            "null",
            "7",
            "\"text\"",
            "[]",
            "{}",
            "{\"id\":null}",
            &long,
            &control,
            &deep,
            "{\"id\":\"\\x\"}",
            "{\"id\" 1}",
            &row("good-3", "0.25"),
        ];
        let list = read(
            adapter,
            answer(&place, &format!("{},{}", good.join(","), rows.join(","))).as_bytes(),
        )
        .unwrap();
        let count = |reason: &str| list.skipped.reasons.get(reason).map_or(0, |rows| rows.count);
        assert_eq!(list.listings.len(), 16, "{}", adapter.slug());
        assert_eq!(count("row-not-object"), 4, "{}", adapter.slug());
        // Where rows with a field are left out that rows without it are: they are counted as such.
        let without = count("id-missing") + count("not-served");
        assert_eq!(
            (without, count("id-invalid")),
            (2, 2),
            "{}: {:?}",
            adapter.slug(),
            list.skipped
        );
        assert_eq!(
            (count("row-too-deep"), count("row-unreadable"), count("duplicate")),
            (1, 2, 1),
            "{}",
            adapter.slug()
        );
        assert!(
            list.skipped
                .reasons
                .values()
                .flat_map(|rows| &rows.samples)
                .all(|sample| sample.len() <= 320)
        );
    }
}

/// A price that is none leaves the row in its place, and no price.
#[test]
fn prices_that_are_none_are_unknown() {
    let registry = registry();
    for (adapter, place) in lists(&registry) {
        for value in [
            "NaN",
            "Infinity",
            "-Infinity",
            "-1",
            "1e400",
            "\"-1\"",
            "\"1e400\"",
            "\"free\"",
            "{}",
            "[]",
            "true",
            "null",
            "\"\"",
        ] {
            let list = read(adapter, answer(&place, &row("model", value)).as_bytes()).unwrap();
            let [listing] = &list.listings[..] else {
                panic!("{}", adapter.slug())
            };
            assert!(
                listing.pricing.is_unknown(),
                "{} {value}: {:?}",
                adapter.slug(),
                listing.pricing
            );
            assert_eq!(
                (listing.context_length, listing.created),
                (None, None),
                "{} {value}",
                adapter.slug()
            );
        }
    }
}

#[test]
fn formats_that_changed_are_refused() {
    let registry = registry();
    let adapter = registry.resolve("openai").unwrap();
    let rows: String = (0..10).map(|at| format!(",{{\"model\":\"m{at}\"}}")).collect();
    let error = read(adapter, answer("data", &format!("{{\"id\":\"a\"}}{rows}")).as_bytes()).unwrap_err();
    assert!(error.to_string().contains("10 rows cannot be read, 1 can"), "{error}");
    // Half of what a provider is known to have is the least.
    let few = Registry::builtin()
        .unwrap()
        .with_overrides("[openai]\nmin_models = 5")
        .unwrap();
    let error = read(few.resolve("openai").unwrap(), br#"{"data":[{"id":"a"},{"id":"b"}]}"#).unwrap_err();
    assert!(matches!(error, ListError::TooFew { rows: 2, least: 3 }));
    assert!(
        read(
            few.resolve("openai").unwrap(),
            br#"{"data":[{"id":"a"},{"id":"b"},{"id":"c"}]}"#
        )
        .is_ok()
    );
}

#[test]
fn a_list_larger_than_any_is_refused() {
    let small = registry().with_overrides("[openai.list]\nmax_bytes = 100").unwrap();
    let error = read(small.resolve("openai").unwrap(), &[b' '; 101]).unwrap_err();
    assert!(matches!(error, ListError::TooLarge { limit: 100 }));
}

#[test]
fn bytes_that_are_no_text_cost_their_row_only() {
    let registry = registry();
    let answer = b"{\"data\":[{\"id\":\"a\"},{\"id\":\"\xff\xfe\"},{\"id\":\"\\ud800\"}]}";
    let list = read(registry.resolve("openai").unwrap(), answer).unwrap();
    assert_eq!(list.listings.len(), 2);
    assert_eq!(list.skipped.reasons["row-unreadable"].count, 1);
}

#[test]
fn fixtures_that_are_cut_off_are_refused() {
    let registry = registry();
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(adapter) = name.strip_suffix(".json").and_then(|slug| registry.resolve(slug)) else {
            continue;
        };
        let whole = fixture_bytes(adapter.slug().as_str());
        let end = whole.trim_ascii_end().len();
        for end in (0..end).step_by(7) {
            assert!(
                matches!(read(adapter, &whole[..end]), Err(ListError::Malformed(_))),
                "{name} at {end}"
            );
        }
    }
}

/// Two ids that look the same are not to be told apart by people, and one that is written backwards deceives them.
#[test]
fn ids_that_do_not_look_as_they_are_read_are_left_out() {
    let registry = registry();
    let adapter = registry.resolve("openai").unwrap();
    let ids = [
        "gpt\u{200b}-4",
        "\u{202e}4-tpg",
        "gpt-4\u{2066}",
        "gpt-4\u{feff}",
        "soft\u{ad}hyphen",
    ];
    let bad: String = ids.iter().map(|id| format!(",{{\"id\":\"{id}\"}}")).collect();
    let good: String = (0..9).map(|at| format!(",{{\"id\":\"модель-{at}\"}}")).collect();
    let list = read(
        adapter,
        answer("data", &format!("{{\"id\":\"a\"}}{good}{bad}")).as_bytes(),
    )
    .unwrap();
    assert_eq!(list.listings.len(), 10);
    assert_eq!(list.skipped.reasons["id-invalid"].count, 5);
}
