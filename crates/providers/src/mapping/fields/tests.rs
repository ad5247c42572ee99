use super::*;

#[test]
fn times_are_read_as_utc() {
    assert_eq!(iso("1970-01-01"), Some(0));
    assert_eq!(iso("2026-06-07T00:00:00Z"), Some(1_780_790_400));
    assert_eq!(iso("2000-02-29T23:59:59.123+00:00"), Some(951_868_799));
    for text in [
        "",
        "2026",
        "2026-13-01",
        "not a date",
        "2026-06-07Tnoon....",
        "２026-06-07",
    ] {
        assert_eq!(iso(text), None, "{text}");
    }
}

#[test]
fn texts_are_cut_at_characters() {
    assert_eq!(clean("  äöü ", 4, false).as_deref(), Some("äö"));
    assert_eq!(clean("a\u{0}b\nc", 10, false).as_deref(), Some("a b c"));
    assert_eq!(clean("a\nb", 10, true).as_deref(), Some("a\nb"));
    assert_eq!(clean(" \n ", 10, true), None);
    assert_eq!(
        clean("gpt\u{202e}4-tpg\u{2066}", 20, false).as_deref(),
        Some("gpt4-tpg")
    );
}

#[test]
fn developers_are_slugs() {
    assert_eq!(slug("Mistral AI").as_deref(), Some("mistral-ai"));
    assert_eq!(slug("no-reply@sambanova.ai"), None);
    assert_eq!(slug("@cf").as_deref(), Some("cf"));
    assert_eq!(slug("模型"), None);
}
