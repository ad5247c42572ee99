//! The metrics of requests, read: how long answers took, how many there were, how many went wrong.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    app::App,
    http::{Access, Call, Code, Deadline, Handler, Outcome, Payload, Problem, Route, Verb, json},
    openapi::{Answers, Shape as _, shape},
};

pub(crate) static ROUTES: &[&Route] = &[&PARSED];

static PARSED: Route = Route {
    name: "parsedMetrics",
    verb: Verb::Get,
    paths: &["/api/metrics/parsed"],
    access: Access::Local,
    deadline: Deadline::Usual,
    params: &[],
    payload: Payload::None,
    handler: Handler::Now(parsed),
    chapter: "About",
    summary: "How long answers took, how many there were, and how many went wrong, by route.",
    answers: Answers::json(ParsedMetrics::schema).or(&[Code::NotFound]),
};

shape! {
    /// What is known of requests, by the usual path of their route.
    struct ParsedMetrics {
        /// In seconds. Percentiles lie within a bucket of the histogram.
        latency: BTreeMap<String, ParsedLatency>,
        /// How many there were, by method.
        requests: BTreeMap<String, BTreeMap<String, u64>>,
        /// How many of those were answered with a status from 400 on.
        errors: BTreeMap<String, BTreeMap<String, u64>>,
    }

    /// How long answers took.
    struct ParsedLatency {
        avg: f64,
        p50: f64,
        p95: f64,
        p99: f64,
    }
}

const REQUESTS: &str = "http_requests_total";
const BUCKET: &str = "http_request_duration_seconds_bucket";
const SUM: &str = "http_request_duration_seconds_sum";

fn parsed(app: &Arc<App>, _call: &Call) -> Outcome {
    if !app.config().metrics {
        return Err(Problem::new(
            Code::NotFound,
            "metrics are switched off: `metrics.enabled`",
        ));
    }
    json(&read(&app.recorder.render()))
}

/// One line of the text: a name, its labels, its value.
struct Sample<'t> {
    name: &'t str,
    labels: Vec<(&'t str, String)>,
    value: f64,
}

impl<'t> Sample<'t> {
    fn read(line: &'t str) -> Option<Self> {
        let end = line.find(['{', ' '])?;
        let (name, rest) = line.split_at(end);
        let mut labels = Vec::new();
        let mut rest = rest;
        if let Some(mut inside) = rest.strip_prefix('{') {
            while !inside.starts_with('}') {
                let (label, after) = inside.split_once("=\"")?;
                let (value, after) = quoted(after)?;
                labels.push((label, value));
                inside = after.strip_prefix(',').unwrap_or(after);
            }
            rest = &inside[1..];
        }
        let value = rest.split_whitespace().next()?.parse().ok()?;
        Some(Self { name, labels, value })
    }

    fn label(&self, name: &str) -> Option<&str> {
        let found = self.labels.iter().find(|(label, _)| *label == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// A value up to its closing quote, and what comes after.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            c => value.push(c),
        }
    }
    None
}

/// The histogram of one route, over its methods.
#[derive(Debug, Default)]
struct Histogram {
    /// Upper bounds with how many were not above them, bounds rising.
    buckets: Vec<(f64, f64)>,
    sum: f64,
}

impl Histogram {
    fn add(&mut self, bound: f64, count: f64) {
        match self.buckets.iter_mut().find(|(known, _)| *known == bound) {
            Some((_, total)) => *total += count,
            None => self.buckets.push((bound, count)),
        }
    }

    fn latency(mut self) -> Option<ParsedLatency> {
        self.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total = self
            .buckets
            .last()
            .map(|(_, count)| *count)
            .filter(|count| *count > 0.0)?;
        Some(ParsedLatency {
            avg: self.sum / total,
            p50: self.percentile(total * 0.5),
            p95: self.percentile(total * 0.95),
            p99: self.percentile(total * 0.99),
        })
    }

    /// Where the value of a rank lies, as if values were spread evenly within a bucket. Above the last bound nobody
    /// knows: then it is that bound.
    fn percentile(&self, rank: f64) -> f64 {
        let (mut below, mut before) = (0.0, 0.0);
        for &(bound, count) in &self.buckets {
            if count >= rank {
                let within = count - before;
                if bound.is_infinite() || within <= 0.0 {
                    return below;
                }
                return below + (bound - below) * (rank - before) / within;
            }
            (below, before) = (bound, count);
        }
        below
    }
}

/// Reads the text that Prometheus reads.
fn read(text: &str) -> ParsedMetrics {
    let mut parsed = ParsedMetrics {
        latency: BTreeMap::new(),
        requests: BTreeMap::new(),
        errors: BTreeMap::new(),
    };
    let mut histograms: BTreeMap<String, Histogram> = BTreeMap::new();
    for line in text.lines() {
        if ![REQUESTS, BUCKET, SUM].iter().any(|name| line.starts_with(name)) {
            continue;
        }
        let Some(sample) = Sample::read(line) else { continue };
        let Some(endpoint) = sample.label("endpoint") else {
            continue;
        };
        match sample.name {
            REQUESTS => {
                let method = sample.label("method").unwrap_or("other").to_owned();
                let count = whole(sample.value);
                let failed = sample
                    .label("status_code")
                    .is_some_and(|status| status >= "400" && status != "other");
                let of = |map: &mut BTreeMap<String, BTreeMap<String, u64>>| {
                    *map.entry(endpoint.to_owned())
                        .or_default()
                        .entry(method.clone())
                        .or_default() += count;
                };
                of(&mut parsed.requests);
                if failed {
                    of(&mut parsed.errors);
                }
            }
            BUCKET => {
                let bound = match sample.label("le") {
                    Some("+Inf") => Some(f64::INFINITY),
                    Some(bound) => bound.parse().ok(),
                    None => None,
                };
                if let Some(bound) = bound {
                    let histogram = histograms.entry(endpoint.to_owned()).or_default();
                    histogram.add(bound, sample.value);
                }
            }
            SUM => histograms.entry(endpoint.to_owned()).or_default().sum += sample.value,
            _ => {}
        }
    }
    let latencies = histograms.into_iter();
    parsed.latency = latencies
        .filter_map(|(endpoint, histogram)| Some((endpoint, histogram.latency()?)))
        .collect();
    parsed
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count; what is none becomes the nearest one"
)]
fn whole(count: f64) -> u64 {
    count as u64
}

#[cfg(test)]
mod tests {
    use super::{Histogram, quoted, read};

    const TEXT: &str = r#"# TYPE http_requests_total counter
http_requests_total{method="GET",endpoint="/v1/models",status_code="200"} 98
http_requests_total{method="GET",endpoint="/v1/models",status_code="404"} 1
http_requests_total{method="POST",endpoint="/cache/clear",status_code="401"} 2
other_requests_total{endpoint="/v1/models"} 5
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{method="GET",endpoint="/v1/models",le="0.01"} 50
http_request_duration_seconds_bucket{method="GET",endpoint="/v1/models",le="0.1"} 90
http_request_duration_seconds_bucket{method="GET",endpoint="/v1/models",le="1"} 100
http_request_duration_seconds_bucket{method="GET",endpoint="/v1/models",le="+Inf"} 100
http_request_duration_seconds_sum{method="GET",endpoint="/v1/models"} 5
http_request_duration_seconds_count{method="GET",endpoint="/v1/models"} 100
http_request_duration_seconds_bucket{method="GET",endpoint="/never",le="+Inf"} 0
"#;

    #[test]
    fn requests_errors_and_percentiles_are_read() {
        let parsed = read(TEXT);
        assert_eq!(parsed.requests["/v1/models"]["GET"], 99);
        assert_eq!(parsed.errors["/v1/models"]["GET"], 1);
        assert_eq!(parsed.errors["/cache/clear"]["POST"], 2);
        let latency = &parsed.latency["/v1/models"];
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(near(latency.avg, 0.05) && near(latency.p50, 0.01), "{latency:?}");
        assert!(near(latency.p95, 0.55) && near(latency.p99, 0.91), "{latency:?}");
        assert!(
            !parsed.latency.contains_key("/never"),
            "of nothing there is no percentile"
        );
    }

    #[test]
    fn above_the_last_bound_nobody_knows() {
        let mut histogram = Histogram::default();
        histogram.add(f64::INFINITY, 10.0);
        histogram.add(1.0, 2.0);
        let latency = histogram.latency().unwrap();
        assert_eq!((latency.p50, latency.p99), (1.0, 1.0));
    }

    #[test]
    fn rubbish_is_left_out() {
        let parsed = read("http_requests_total{endpoint=\"/x\nhttp_requests_total{\nhttp_requests_total\n\u{0}");
        assert!(parsed.requests.is_empty() && parsed.latency.is_empty());
        assert_eq!(quoted("a\\\"b\\n\",c"), Some(("a\"b\n".to_owned(), ",c")));
        assert_eq!(quoted("open"), None);
    }
}
