//! The arithmetic of ratios and noise.

use super::{Bar, Limit, Median, Verdict, parse};

fn median(low: f64, point: f64, high: f64) -> Median {
    Median { low, point, high }
}

#[track_caller]
fn check(limit: Limit, ours: Median, reference: Median, value: f64, verdict: Verdict) {
    let bar = Bar {
        name: "hit".to_owned(),
        ours: "ours".to_owned(),
        limit,
    };
    let outcome = bar
        .hold(|name| match name {
            "ours" => Some(ours),
            "theirs" => Some(reference),
            _ => None,
        })
        .unwrap();
    assert!((outcome.value - value).abs() < 1e-9, "{outcome:?}");
    assert_eq!(outcome.verdict, verdict);
    assert_eq!(outcome.holds(), verdict != Verdict::Missed);
}

fn at_most(bar: f64) -> Limit {
    Limit::AtMost {
        reference: "theirs".to_owned(),
        bar,
    }
}

fn at_least(bar: f64) -> Limit {
    Limit::AtLeast {
        reference: "theirs".to_owned(),
        bar,
    }
}

#[test]
fn at_most_divides_ours_by_the_reference() {
    let reference = median(99.0, 100.0, 101.0);
    check(
        at_most(1.4),
        median(129.0, 130.0, 131.0),
        reference,
        1.3,
        Verdict::Holds,
    );
    check(
        at_most(1.4),
        median(140.0, 140.0, 140.0),
        reference,
        1.4,
        Verdict::Holds,
    );
    check(
        at_most(1.4),
        median(149.0, 150.0, 151.0),
        reference,
        1.5,
        Verdict::Missed,
    );
}

#[test]
fn at_most_forgives_what_the_intervals_explain() {
    // The lower end is 141 / 101 = 1.396: the bar may hold.
    let reference = median(99.0, 100.0, 101.0);
    check(
        at_most(1.4),
        median(141.0, 142.0, 143.0),
        reference,
        1.42,
        Verdict::WithinNoise,
    );
    // The lower end is 142 / 101 = 1.406: it does not.
    check(
        at_most(1.4),
        median(142.0, 142.0, 143.0),
        reference,
        1.42,
        Verdict::Missed,
    );
    // An uncertain reference forgives as well as uncertain ours.
    check(
        at_most(1.4),
        median(142.0, 142.0, 143.0),
        median(80.0, 100.0, 120.0),
        1.42,
        Verdict::WithinNoise,
    );
}

#[test]
fn at_least_divides_the_reference_by_ours() {
    let reference = median(297.0, 300.0, 303.0);
    check(
        at_least(3.0),
        median(90.0, 90.0, 90.0),
        reference,
        300.0 / 90.0,
        Verdict::Holds,
    );
    check(
        at_least(3.0),
        median(100.0, 100.0, 100.0),
        reference,
        3.0,
        Verdict::Holds,
    );
    // The upper end is 303 / 100 = 3.03, then 303 / 102 = 2.97.
    check(
        at_least(3.0),
        median(100.0, 102.0, 103.0),
        reference,
        300.0 / 102.0,
        Verdict::WithinNoise,
    );
    check(
        at_least(3.0),
        median(102.0, 103.0, 104.0),
        reference,
        300.0 / 103.0,
        Verdict::Missed,
    );
}

#[test]
fn millis_are_absolute() {
    let none = median(1.0, 1.0, 1.0);
    check(
        Limit::Millis(1.0),
        median(0.8e6, 0.9e6, 1.2e6),
        none,
        0.9,
        Verdict::Holds,
    );
    check(
        Limit::Millis(1.0),
        median(0.9e6, 1.1e6, 1.2e6),
        none,
        1.1,
        Verdict::WithinNoise,
    );
    check(
        Limit::Millis(1.0),
        median(1.01e6, 1.1e6, 1.2e6),
        none,
        1.1,
        Verdict::Missed,
    );
}

#[test]
fn a_measurement_that_is_no_number_misses() {
    let broken = median(f64::NAN, f64::NAN, f64::NAN);
    let bar = |limit| Bar {
        name: "hit".to_owned(),
        ours: "ours".to_owned(),
        limit,
    };
    for limit in [at_most(1.4), at_least(1.4), Limit::Millis(1.0)] {
        assert_eq!(bar(limit).hold(|_| Some(broken)).unwrap().verdict, Verdict::Missed);
    }
}

#[test]
fn a_benchmark_without_a_measurement_is_named() {
    let bar = Bar {
        name: "hit".to_owned(),
        ours: "ours".to_owned(),
        limit: at_most(1.4),
    };
    let one = median(1.0, 1.0, 1.0);
    assert_eq!(bar.hold(|_| None), Err("ours".to_owned()));
    assert_eq!(
        bar.hold(|name| (name == "ours").then_some(one)),
        Err("theirs".to_owned())
    );
}

#[test]
fn declarations_are_read() {
    let bars = parse(
        r#"[{"name": "a", "ours": "hit/ours", "reference": "hit/raw", "bar": 1.4, "kind": "at_most"},
            {"name": "b", "ours": "hit/ours", "reference": "hit/moka", "bar": 3, "kind": "at_least"},
            {"name": "c", "ours": "page", "bar_ms": 0.5}]"#,
    );
    let bar = |name: &str, ours: &str, limit| Bar {
        name: name.to_owned(),
        ours: ours.to_owned(),
        limit,
    };
    let most = Limit::AtMost {
        reference: "hit/raw".to_owned(),
        bar: 1.4,
    };
    let least = Limit::AtLeast {
        reference: "hit/moka".to_owned(),
        bar: 3.0,
    };
    let expect = vec![
        bar("a", "hit/ours", most),
        bar("b", "hit/ours", least),
        bar("c", "page", Limit::Millis(0.5)),
    ];
    assert_eq!(bars, Ok(expect));
}

#[test]
fn declarations_that_say_nothing_fail() {
    for text in [
        "",
        "{}",
        r#"[{"name": "a"}]"#,
        r#"[{"name": "a", "ours": "x", "reference": "y", "bar": 1.4}]"#,
        r#"[{"name": "a", "ours": "x", "reference": "y", "bar": 1.4, "kind": "below"}]"#,
        r#"[{"name": "a", "ours": "x", "reference": "y", "bar": -1, "kind": "at_most"}]"#,
        r#"[{"name": "a", "ours": "x", "reference": "y", "bar_ms": 1}]"#,
        r#"[{"ours": "x", "bar_ms": 1}]"#,
        r#"[{"name": "a", "bar_ms": 1}]"#,
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn results_are_written() {
    let bar = Bar {
        name: "hit".to_owned(),
        ours: "ours".to_owned(),
        limit: at_most(1.4),
    };
    let outcome = bar.hold(|name| {
        Some(if name == "ours" {
            median(3.0, 3.0, 3.0)
        } else {
            median(2.0, 2.0, 2.0)
        })
    });
    let expect = r#"{"bar":1.4,"holds":false,"name":"hit","ours":3.0,"ratio":1.5,"reference":2.0}"#;
    assert_eq!(outcome.unwrap().to_json().to_string(), expect);
}
