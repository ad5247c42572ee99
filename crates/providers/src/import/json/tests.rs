use serde_json::value::RawValue;

use super::{Fields, OtherType, keep};

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

#[test]
fn a_field_is_read_as_it_is_written() {
    let json =
        raw(r#"{"a": 1.10e-07, "b": "0.5", "c": 2000000.0, "d": null, "e": [1], "f": true, "g": "x", "\u0061": 2}"#);
    let fields = Fields::of(&json).unwrap();
    assert_eq!(
        fields.decimal("a").unwrap().unwrap(),
        "2",
        "the last one of a name counts, however it is written"
    );
    assert_eq!(fields.decimal("b").unwrap().unwrap(), "0.5");
    assert_eq!(fields.count("c"), Ok(Some(2_000_000)));
    assert_eq!(fields.decimal("d"), Ok(None));
    assert_eq!(fields.decimal("e"), Err(OtherType));
    assert_eq!(fields.texts("e"), Err(OtherType));
    assert_eq!(fields.flag("f"), Ok(true));
    assert_eq!(fields.flag("g"), Err(OtherType));
    assert_eq!(fields.count("g"), Err(OtherType));
    assert_eq!(fields.text("missing"), Ok(None));
}

#[test]
fn what_is_kept_is_small_and_flat() {
    let check = |json: &str, expect: Option<&str>| {
        let json = raw(json);
        let fields = Fields::of(&json).unwrap();
        assert_eq!(keep(fields.iter()).map(|kept| kept.get().to_owned()).as_deref(), expect);
    };
    check(
        "{ \"a\" : { \"b c\" : [ 1e-07 , \"x \\\" y\" ] } }",
        Some(r#"{"a":{"b c":[1e-07,"x \" y"]}}"#),
    );
    check("{}", None);
    check(&format!("{{\"a\":{}{}}}", "[".repeat(9), "]".repeat(9)), None);
    check(
        &format!("{{\"a\":{}{}}}", "[".repeat(8), "]".repeat(8)),
        Some(r#"{"a":[[[[[[[[]]]]]]]]}"#),
    );
    check(&format!("{{\"a\":\"{}\"}}", "x".repeat(5000)), None);
}
