use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn limits() -> RowLimits {
    RowLimits::of_bytes(1 << 20)
}

/// The rows of a document that comes in pieces of the given sizes, and what lay beside them.
fn read(path: &str, document: &[u8], sizes: &[usize]) -> Result<(Vec<Vec<u8>>, Envelope), ListError> {
    let mut reader = RowReader::new(path, limits());
    let mut rows = Vec::new();
    let (mut rest, mut sizes) = (document, sizes.iter().cycle());
    while !rest.is_empty() {
        let size = sizes.next().copied().unwrap_or(rest.len()).clamp(1, rest.len());
        let (piece, after) = rest.split_at(size);
        reader.push(piece, |cut| {
            rows.push(match cut {
                Cut::Row(row) => row.to_vec(),
                other => format!("{other:?}").into_bytes(),
            });
        })?;
        rest = after;
    }
    Ok((rows, reader.finish_page()?))
}

fn message(path: &str, document: &str) -> String {
    match read(path, document.as_bytes(), &[3]) {
        Ok((rows, _)) => panic!("{} rows", rows.len()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn rows_are_found_at_each_kind_of_place() {
    for (path, document, rows) in [
        ("data", r#"{"object":"list","data":[{"id":"a"}, {"id":"b"} ]}"#, 2),
        ("", " [ 1 , \"two\" , null, [3] ] ", 4),
        (
            "data.models",
            r#"{"models":[1],"data":{"x":[0],"models":[{"id":1}],"y":{"models":[5]}}}"#,
            1,
        ),
        ("models|data", r#"{"data":[1,2,3]}"#, 3),
        ("|data", "[1,2,3]", 3),
        ("|data", r#"{"data":[1,2]}"#, 2),
        ("data", "\u{feff}{\"d\\u0061ta\":[{}]}", 1),
        ("data", r#"{"data":[]}"#, 0),
        ("data", r#"{"nested":{"data":[9]},"list":[{"data":[8]}],"data":[7]}"#, 1),
    ] {
        for size in 1..8 {
            let (found, envelope) = read(path, document.as_bytes(), &[size]).unwrap();
            assert_eq!(found.len(), rows, "{path} {document}");
            assert_eq!(envelope.rows(), rows as u64);
        }
    }
}

#[test]
fn the_envelope_keeps_what_lies_beside_the_rows() {
    let document =
        br#"{"has_more":true,"data":[{"a":[1]}],"last":"x\"y","n":{"next":7,"none":null,"empty":""},"t":"12"}"#;
    let (_, envelope) = read("data", document, &[5]).unwrap();
    assert_eq!(envelope.flag("has_more"), Some(true));
    assert_eq!(envelope.text("last").as_deref(), Some("x\"y"));
    assert_eq!(envelope.text("n.next").as_deref(), Some("7"));
    assert_eq!(
        (
            envelope.text("n.none"),
            envelope.text("n.empty"),
            envelope.text("no.such")
        ),
        (None, None, None)
    );
    assert_eq!((envelope.number("n.next"), envelope.number("t")), (Some(7), Some(12)));
}

#[test]
fn what_is_no_list_is_named() {
    for (document, words) in [
        ("", "empty"),
        ("  \n", "empty"),
        ("<!DOCTYPE html><html>", "HTML"),
        ("\u{feff}oops", "no JSON"),
        ("\"data\"", "no JSON"),
        ("{}", "no array at `data`"),
        (r#"{"error":{"message":"no"}}"#, "error"),
        (r#"{"data":null}"#, "null is there"),
        (r#"{"data":"x"}"#, "a string is there"),
        (r#"{"data":{"a":1}}"#, "an object is there"),
        (r#"{"data":-1}"#, "a number is there"),
        ("[]", "a bare array is there"),
        (r#"{"data":[{"a":1}"#, "middle of the rows"),
        (r#"{"data":[{"a":1}]"#, "before it is closed"),
        (r#"{"data":[]}x"#, "follows its end"),
        (r#"{"data":[]}{"#, "follows its end"),
        (r#"{"data":[1,]}"#, "between the rows"),
        (r#"{"data":[,1]}"#, "between the rows"),
        (r#"{"data":[1 2]}"#, "between the rows"),
        (r#"{"data":[{]}]}"#, "another kind of bracket"),
        (r#"{"data":[1],"data":[2]}"#, "twice"),
        (r#"{"data":[1],"x":NaN}"#, "beside the rows"),
        ("]", "closes nothing"),
    ] {
        let said = message("data", document);
        assert!(said.contains(words), "{document}: {said}");
    }
}

#[test]
fn limits_hold() {
    let long = format!(r#"{{"data":["{}",{{"id":1}}]}}"#, "x".repeat(300 << 10));
    let (rows, _) = read("data", long.as_bytes(), &[1000]).unwrap();
    assert_eq!(rows, [b"TooLong".to_vec(), br#"{"id":1}"#.to_vec()]);

    let deep = format!("[{}{},1]", "[".repeat(100), "]".repeat(100));
    let (rows, _) = read("", deep.as_bytes(), &[7]).unwrap();
    assert_eq!(rows, [b"TooDeep".to_vec(), b"1".to_vec()]);

    assert!(message("data", &"[".repeat(70)).contains("deep"));
    assert!(message("data", &format!(r#"{{"x":"{}"}}"#, "y".repeat(70 << 10))).contains("beside the rows"));
    let many = format!("[{}0]", "0,".repeat(200_000));
    assert!(message("", &many).contains("more than 200000 rows"));

    let mut reader = RowReader::new("", RowLimits::of_bytes(4));
    reader.push(b"[1,2", |_| {}).unwrap();
    assert!(matches!(
        reader.push(b"]", |_| {}),
        Err(ListError::TooLarge { limit: 4 })
    ));
}

#[test]
fn pages_add_up() {
    let mut reader = RowReader::new("data", limits());
    for page in 1..=3 {
        reader.push(br#"{"data":[1,2],"page":3}"#, |_| {}).unwrap();
        let envelope = reader.finish_page().unwrap();
        assert_eq!((envelope.rows(), reader.rows()), (2, 2 * page));
    }
    assert_eq!(reader.bytes(), 3 * 23);
}

fn json() -> impl Strategy<Value = Value> {
    let text = prop_oneof!["[a-z\\[\\]{},:\"\\\\ ]{0,6}", any::<String>()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(
                prop_oneof![Just("data".to_owned()), Just("models".to_owned()), text.clone()],
                inner,
                0..5
            )
            .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    /// For any document and any pieces, the rows are those of a parser that sees all of it.
    #[test]
    fn rows_equal_those_of_a_whole_parser(
        value in json(),
        path in prop_oneof![Just(""), Just("data"), Just("data.models"), Just("data.data"), Just("models")],
        pretty in any::<bool>(),
        sizes in prop::collection::vec(1_usize..40, 1..6),
    ) {
        let document = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
        let value: Value = serde_json::from_slice(&document).unwrap();
        let keys: Vec<&str> = path.split('.').filter(|key| !key.is_empty()).collect();
        let expected = keys.iter().try_fold(&value, |value, key| value.as_object()?.get(*key)).and_then(Value::as_array);
        match (read(path, &document, &sizes), expected) {
            (Ok((rows, _)), Some(expected)) => {
                let rows: Vec<Value> = rows.iter().map(|row| serde_json::from_slice(row).unwrap()).collect();
                prop_assert_eq!(&rows, expected);
            }
            (Err(ListError::Malformed(_)), None) => {}
            (found, expected) => prop_assert!(false, "{:?} but {:?}", found, expected),
        }
    }

    /// No bytes make it panic, and the pieces make no difference.
    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "[\\[\\]{}\",:a1dt\\\\ \n]{0,80}".prop_map(String::into_bytes),
            "\\{\"data\":[\\[\\]{}\",:a1\\\\ ]{0,60}".prop_map(String::into_bytes),
        ],
        size in 1_usize..9,
    ) {
        for path in ["", "data", "data.models", "models|data", "|data"] {
            let whole = read(path, &bytes, &[]);
            let pieces = read(path, &bytes, &[size]);
            match (whole, pieces) {
                (Ok(whole), Ok(pieces)) => prop_assert_eq!(whole, pieces),
                (Err(_), Err(_)) => {}
                (whole, pieces) => prop_assert!(false, "{:?} but {:?}", whole, pieces),
            }
        }
    }
}
