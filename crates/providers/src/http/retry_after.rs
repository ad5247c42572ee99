//! When a provider may be asked again, in the many ways in which they say it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gatewayz_cache_core::UnixMillis;
use http::HeaderMap;
use serde_json::Value;

/// Nobody is waited for longer, whatever it says.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// What the headers say: milliseconds, seconds, or a date.
pub(crate) fn from_headers(headers: &HeaderMap, now: UnixMillis) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    // Azure sends `retry-after-ms: 0` beside `retry-after: 1`.
    let precise = text("retry-after-ms")
        .and_then(|text| seconds(text, 1e-3))
        .filter(|wait| !wait.is_zero());
    precise.or_else(|| {
        let plain = text("retry-after")?;
        seconds(plain, 1.0).or_else(|| until(plain, now))
    })
}

/// What the error says: `retryDelay` in its details, or a sentence such as "Please retry in 48.9s".
pub(crate) fn from_body(body: &Value, message: &str) -> Option<Duration> {
    let details = body.pointer("/error/details").and_then(Value::as_array);
    let delay = details.and_then(|details| details.iter().find_map(|detail| detail.get("retryDelay")?.as_str()));
    delay.and_then(span).or_else(|| from_text(message))
}

fn from_text(message: &str) -> Option<Duration> {
    let message = message.to_ascii_lowercase();
    ["retry in ", "try again in ", "retry after ", "try again after "]
        .iter()
        .find_map(|words| span(&message[message.find(words)? + words.len()..]))
}

/// A time such as `48.9s`, `1m30s`, `20 seconds` or `250ms`, at the beginning of a text.
fn span(text: &str) -> Option<Duration> {
    let mut total: Option<Duration> = None;
    let mut rest = text.trim_start();
    loop {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let number = number.trim_end_matches('.');
        if number.is_empty() {
            return total;
        }
        let after = after.trim_start();
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, tail) = after.split_at(letters);
        let unit = match unit {
            "ms" | "milliseconds" => 1e-3,
            "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
            "m" | "min" | "minute" | "minutes" => 60.0,
            "h" | "hour" | "hours" => 3600.0,
            _ => return total,
        };
        let part = seconds(number, unit)?;
        total = Some((total.unwrap_or_default() + part).min(LONGEST));
        rest = tail;
    }
}

fn seconds(number: &str, unit: f64) -> Option<Duration> {
    let number: f64 = number.parse().ok()?;
    let seconds = number * unit;
    (seconds.is_finite() && seconds >= 0.0).then(|| Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64())))
}

fn until(date: &str, now: UnixMillis) -> Option<Duration> {
    let date: SystemTime = httpdate::parse_http_date(date).ok()?;
    let then = date.duration_since(UNIX_EPOCH).ok()?;
    Some(then.saturating_sub(Duration::from_millis(now.0)).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gatewayz_cache_core::UnixMillis;
    use http::{HeaderMap, HeaderName, HeaderValue};
    use serde_json::json;

    use super::{LONGEST, from_body, from_headers, from_text};

    /// 1994-11-15 12:45:26 GMT.
    const NOW: UnixMillis = UnixMillis(784_903_526_000);

    fn headers(pairs: &[(&'static str, &'static str)]) -> Option<Duration> {
        let map: HeaderMap = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        from_headers(&map, NOW)
    }

    #[test]
    fn headers_may_say_it_in_three_ways() {
        type Pairs = &'static [(&'static str, &'static str)];
        let cases: &[(Pairs, Option<u64>)] = &[
            (&[("retry-after", "7")], Some(7_000)),
            (&[("retry-after", "0.5")], Some(500)),
            (&[("retry-after", "Tue, 15 Nov 1994 12:45:56 GMT")], Some(30_000)),
            (&[("retry-after", "Tue, 15 Nov 1994 12:45:00 GMT")], Some(0)),
            (&[("retry-after-ms", "1500"), ("retry-after", "2")], Some(1_500)),
            (&[("retry-after-ms", "0"), ("retry-after", "1")], Some(1_000)),
            (&[("retry-after", "soon")], None),
            (&[("retry-after", "-1")], None),
            (&[("retry-after", "NaN")], None),
            (&[], None),
        ];
        for (pairs, expected) in cases {
            let found = headers(pairs);
            assert_eq!(found, expected.map(Duration::from_millis), "{pairs:?}");
        }
        assert_eq!(headers(&[("retry-after", "1e300")]), Some(LONGEST));
    }

    #[test]
    fn texts_may_say_it_in_many_ways() {
        let cases = [
            ("You exceeded your current quota. Please retry in 48.9s.", Some(48_900)),
            ("Please try again in 1m30.5s. Visit ..", Some(90_500)),
            ("Rate limit reached, try again in 250ms", Some(250)),
            ("Please retry after 20 seconds.", Some(20_000)),
            ("retry in a while", None),
            ("retry in 5 apples", None),
            ("nothing", None),
        ];
        for (text, expected) in cases {
            assert_eq!(from_text(text), expected.map(Duration::from_millis), "{text}");
        }
        let body = json!({"error": {"details": [{"@type": "x"}, {"retryDelay": "48s"}]}});
        assert_eq!(from_body(&body, ""), Some(Duration::from_secs(48)));
    }
}
