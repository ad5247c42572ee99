//! Bars over rounds, and the tables.

use super::{Bar, Figures, Name, Unit, Who, interval, parse, thousands};
use crate::bars::Verdict;

const RATE: Name<'_> = Name {
    key: "page/rate",
    what: "a page",
    unit: Unit::PerSecond,
};
const START: Name<'_> = Name {
    key: "start/health",
    what: "start",
    unit: Unit::Millis,
};

fn bars() -> Vec<Bar> {
    parse(
        r#"[{"name": "ahead of nginx", "figure": "page/rate", "over": "nginx", "at_least": 1},
            {"name": "start", "figure": "start/health", "at_most": 150},
            {"name": "other", "figure": "other/row", "at_most": 0}]"#,
    )
    .unwrap()
}

#[test]
fn ratios_are_taken_round_by_round() {
    let mut figures = Figures::default();
    figures.row("page", None);
    // The machine is slower by half in the second round, for both.
    figures.add(RATE, Who::Gateway, vec![1100.0, 550.0, 1100.0]);
    figures.add(RATE, Who::Nginx, vec![1000.0, 500.0, 1000.0]);
    let held = figures.judge(&bars());
    assert_eq!(held.len(), 1, "only bars of rows that ran count");
    let outcome = held[0].outcome.as_ref().unwrap();
    assert_eq!((outcome.verdict, outcome.measured.as_str()), (Verdict::Holds, "1.10 ×"));
}

#[test]
fn a_peer_that_is_missing_passes_nothing() {
    let mut figures = Figures::default();
    figures.row("page", None);
    figures.add(RATE, Who::Gateway, vec![1.0]);
    figures.missing(RATE, Who::Nginx, "nginx is not installed");
    let held = figures.judge(&bars());
    assert_eq!(held[0].outcome.as_ref().unwrap_err(), "nginx is not installed");
    let json = figures.to_json(&held);
    assert!(json["bars"][0]["holds"].is_null());
}

#[test]
fn a_row_that_failed_says_why() {
    let mut figures = Figures::default();
    figures.row("start", Some("gateway does not come up: no such file".to_owned()));
    let held = figures.judge(&bars());
    assert_eq!(
        held[0].outcome.as_ref().unwrap_err(),
        "gateway does not come up: no such file"
    );
    let text = figures.markdown(&held);
    assert!(
        text.contains("\nThe row `start` could not be measured to its end: gateway does not"),
        "{text}"
    );
}

#[test]
fn noise_is_told_from_a_miss() {
    let verdict = |values: &[f64]| {
        let mut figures = Figures::default();
        figures.row("start", None);
        figures.add(START, Who::Gateway, values.to_vec());
        figures.judge(&bars())[0].outcome.as_ref().unwrap().verdict
    };
    assert_eq!(verdict(&[140.0, 149.0, 160.0]), Verdict::Holds);
    assert_eq!(verdict(&[140.0, 151.0, 160.0]), Verdict::WithinNoise);
    assert_eq!(verdict(&[151.0, 152.0, 160.0]), Verdict::Missed);
    // One good round among bad ones is no excuse.
    assert_eq!(verdict(&[100.0, 200.0, 210.0]), Verdict::Missed);
    assert_eq!(verdict(&[f64::NAN]), Verdict::Missed);
}

#[test]
fn the_tables_are_markdown() {
    let mut figures = Figures::default();
    figures.row("page", None);
    figures.row("start", None);
    figures.add(RATE, Who::Gateway, vec![12_345.0]);
    figures.missing(RATE, Who::Nginx, "no\nnginx | here");
    figures.ours(START, 98.76);
    assert_eq!(
        figures.markdown(&figures.judge(&bars())),
        "| what | measured | bar | holds | gateway | peer |\n\
         |---|--:|--:|---|--:|--:|\n\
         | ahead of nginx | – | ≥ 1 | not measured: no nginx \\| here | | |\n\
         | start | 98.8 ms | ≤ 150 ms | yes | 98.8 ms | – |\n\
         \n\
         | figure | gateway | bare hyper | nginx | Varnish |\n\
         |---|--:|--:|--:|--:|\n\
         | a page | 12,345/s | – | no nginx \\| here | – |\n\
         | start | 98.8 ms | – | – | – |\n"
    );
}

#[test]
fn medians_and_numbers() {
    let median = interval(&[3.0, 1.0, 2.0]);
    assert_eq!((median.low, median.point, median.high), (1.0, 2.0, 3.0));
    assert_eq!(interval(&[4.0, 1.0, 2.0, 3.0]).point, 2.5);
    assert!(interval(&[]).point.is_nan());
    assert_eq!(thousands("1234567.89"), "1,234,567.89");
    assert_eq!(
        (thousands("-123"), thousands("-1234")),
        ("-123".to_owned(), "-1,234".to_owned())
    );
}

#[test]
fn bars_say_one_thing() {
    for text in [
        "{}",
        r#"[{"name": "a", "figure": "b"}]"#,
        r#"[{"name": "a", "figure": "b", "at_most": 1, "at_least": 1}]"#,
        r#"[{"name": "a", "figure": "b", "over": "apache", "at_most": 1}]"#,
        r#"[{"figure": "b", "at_most": 1}]"#,
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
    assert!(
        !parse(include_str!("../../../../../benches/http_bars.json"))
            .unwrap()
            .is_empty()
    );
}
