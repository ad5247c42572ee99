use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// The same value, read by the other parser.
fn value(node: &Node<'_>) -> Value {
    match node {
        Node::Null => Value::Null,
        Node::Bool(yes) => Value::from(*yes),
        Node::Number(text) => serde_json::from_str(text).unwrap(),
        Node::Text(text) => Value::from(&**text),
        Node::Array(_, items) => items.iter().map(value).collect(),
        Node::Object(_, fields) => Value::Object(fields.iter().map(|(key, of)| (key.to_string(), value(of))).collect()),
    }
}

#[test]
fn numbers_stay_as_they_were_written() {
    for text in [
        "0",
        "-1",
        "5e-07",
        "2.5999999999999996",
        "1E400",
        "0.10",
        "NaN",
        "Infinity",
        "-Infinity",
    ] {
        assert_eq!(Node::parse(text), Ok(Node::Number(text)));
    }
    for text in [
        "", "01", "1.", ".5", "+1", "1e", "-", "-NaN", "nan", "0x1", "1 2", "[1,]", "{\"a\":}", "{a:1}", "\"\t\"",
    ] {
        assert_eq!(Node::parse(text), Err(NotJson), "{text}");
    }
}

#[test]
fn counts_are_whole_and_over_zero() {
    for (text, count) in [
        ("131072", Some(131_072)),
        ("\"128,000\"", Some(128_000)),
        ("4096.0", Some(4096)),
        ("0", None),
        ("-1", None),
        ("1.5", None),
        ("1e5", None),
        ("\"unlimited\"", None),
        ("99999999999999999999999", None),
        ("null", None),
    ] {
        assert_eq!(Node::parse(text).unwrap().count(), count, "{text}");
    }
}

#[test]
fn halves_of_characters_do_not_cost_the_row() {
    assert_eq!(Node::parse(r#""\ud83d\ude00""#), Ok(Node::Text("😀".into())));
    assert_eq!(Node::parse(r#""a\ud83db""#), Ok(Node::Text("a\u{fffd}b".into())));
    assert_eq!(Node::parse(r#""\ud83d\u0041""#), Ok(Node::Text("\u{fffd}A".into())));
}

proptest! {
    /// What one parser takes, the other takes, and finds the same; but for numbers that no float can hold.
    #[test]
    fn it_reads_what_serde_json_reads(text in "[\\[\\]{}\",:0-9a-f.eE+\\-\\\\ trufalsn]{0,24}") {
        let ours = Node::parse(&text);
        match serde_json::from_str::<Value>(&text) {
            Ok(theirs) => prop_assert_eq!(value(&ours.unwrap()), theirs),
            Err(error) => prop_assert!(
                ours.is_err() || error.to_string().contains("out of range") || text.contains("\\u"),
                "{} {:?}", text, ours
            ),
        }
    }

    #[test]
    fn it_reads_what_serde_json_writes(texts in prop::collection::vec(any::<String>(), 0..4), numbers in prop::collection::vec(any::<f64>(), 0..4)) {
        let document = serde_json::json!({ "texts": texts, "numbers": numbers, "nested": { "a": [[], {}, null, true] } });
        for text in [serde_json::to_string(&document).unwrap(), serde_json::to_string_pretty(&document).unwrap()] {
            let node = Node::parse(&text).unwrap();
            prop_assert_eq!(value(&node), serde_json::from_str::<Value>(&text).unwrap());
            let mut written = String::new();
            node.write(&mut written);
            prop_assert_eq!(Node::parse(&written).map(|node| value(&node)), Ok(value(&node)));
        }
    }
}
