//! Traces of requests, sent to a collector of OpenTelemetry over HTTP, as JSON.
//!
//! One span per request that was chosen: by a caller's `traceparent`, or one in so many. What the collector does not
//! take is dropped and counted; no request ever waits for it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use gatewayz_cache_core::{Clock as _, KernelClock};
use gatewayz_providers::{Client, ClientConfig, EgressPolicy};
use http::{HeaderMap, Method, Request, StatusCode, header};
use metrics::{Counter, counter};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::config::TracesConfig;

/// How many spans wait to be sent.
const QUEUE: usize = 4096;
/// How many are sent at once.
const BATCH: usize = 512;
/// How long the first of them waits.
const PAUSE: Duration = Duration::from_secs(2);
/// How long the collector may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Takes spans. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Traces {
    one_in: u64,
    spans: mpsc::Sender<Span>,
    dropped: Counter,
}

/// Who asked for a trace, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Context {
    trace: u128,
    parent: Option<u64>,
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) context: Context,
    pub(crate) method: &'static str,
    pub(crate) route: &'static str,
    pub(crate) status: StatusCode,
    pub(crate) request_id: String,
    pub(crate) took: Duration,
}

impl Traces {
    /// Starts to send spans to a collector. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// Says why the collector's address cannot be used.
    pub(crate) fn start(config: &TracesConfig) -> Result<Option<Self>, String> {
        let Some(endpoint) = &config.endpoint else {
            return Ok(None);
        };
        let url: url::Url = endpoint
            .parse()
            .map_err(|error| format!("{endpoint} is no URL: {error}"))?;
        let host = url.host_str().ok_or_else(|| format!("{endpoint} has no host"))?;
        let mut client = ClientConfig::default();
        client.egress = EgressPolicy::new().with_allowed_host(host);
        let client = Client::new(&client).map_err(|error| error.to_string())?;
        let (spans, waiting) = mpsc::channel(QUEUE);
        let sender = Sender {
            client,
            url: format!("{}/v1/traces", endpoint.trim_end_matches('/')),
            service: config.service.clone(),
            lost: counter!("traces_lost", "reason" => "collector"),
            sent: counter!("traces_sent"),
        };
        tokio::spawn(sender.run(waiting));
        Ok(Some(Self {
            one_in: config.one_in.max(1),
            spans,
            dropped: counter!("traces_lost", "reason" => "queue"),
        }))
    }

    /// Whether a request is traced, and as part of what.
    pub(crate) fn choose(&self, headers: &HeaderMap) -> Option<Context> {
        if let Some(parent) = headers.get("traceparent") {
            return parent.to_str().ok().and_then(parse);
        }
        rand::random::<u64>().is_multiple_of(self.one_in).then(|| Context {
            trace: rand::random(),
            parent: None,
        })
    }

    /// Takes a span. Never waits.
    pub(crate) fn record(&self, span: Span) {
        if self.spans.try_send(span).is_err() {
            self.dropped.increment(1);
        }
    }
}

/// `00-<trace>-<parent>-<flags>`, where the caller wants it sampled (W3C Trace Context).
fn parse(header: &str) -> Option<Context> {
    let mut parts = header.trim().split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, len| text.len() == len && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !hex(version, 2) || version == "ff" || !hex(trace, 32) || !hex(parent, 16) || !hex(flags, 2) {
        return None;
    }
    let trace = u128::from_str_radix(trace, 16).ok().filter(|trace| *trace != 0)?;
    let parent = u64::from_str_radix(parent, 16).ok().filter(|parent| *parent != 0)?;
    let sampled = u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & 1 == 1);
    sampled.then_some(Context {
        trace,
        parent: Some(parent),
    })
}

impl Span {
    fn to_json(&self, ended_nanos: u128) -> Value {
        let text = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
        let mut span = json!({
            "traceId": format!("{:032x}", self.context.trace),
            "spanId": format!("{:016x}", rand::random::<u64>().max(1)),
            "name": format!("{} {}", self.method, self.route),
            "kind": 2,
            "startTimeUnixNano": ended_nanos.saturating_sub(self.took.as_nanos()).to_string(),
            "endTimeUnixNano": ended_nanos.to_string(),
            "attributes": [
                text("http.request.method", self.method),
                text("http.route", self.route),
                text("gatewayz.request_id", &self.request_id),
                json!({ "key": "http.response.status_code", "value": { "intValue": self.status.as_str() } }),
            ],
            "status": { "code": if self.status.is_server_error() { 2 } else { 0 } },
        });
        if let Some(parent) = self.context.parent {
            span["parentSpanId"] = json!(format!("{parent:016x}"));
        }
        span
    }
}

struct Sender {
    client: Client,
    url: String,
    service: Arc<str>,
    lost: Counter,
    sent: Counter,
}

impl Sender {
    async fn run(self, mut waiting: mpsc::Receiver<Span>) {
        while let Some(first) = waiting.recv().await {
            let mut spans = vec![first.to_json(now())];
            let full = async {
                while spans.len() < BATCH {
                    match waiting.recv().await {
                        Some(span) => spans.push(span.to_json(now())),
                        None => return,
                    }
                }
            };
            // A batch that does not fill up goes as it is.
            let _is_full = tokio::time::timeout(PAUSE, full).await.is_ok();
            let count = spans.len() as u64;
            match tokio::time::timeout(PATIENCE, self.send(spans)).await {
                Ok(true) => self.sent.increment(count),
                _ => self.lost.increment(count),
            }
        }
    }

    async fn send(&self, spans: Vec<Value>) -> bool {
        let service = json!({ "key": "service.name", "value": { "stringValue": &*self.service } });
        let body = json!({ "resourceSpans": [{
            "resource": { "attributes": [service] },
            "scopeSpans": [{ "scope": { "name": "gatewayz", "version": env!("CARGO_PKG_VERSION") }, "spans": spans }],
        }] });
        let request = Request::builder()
            .method(Method::POST)
            .uri(&self.url)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(body.to_string()));
        let Ok(request) = request else {
            return false;
        };
        match self.client.send(request).await {
            Ok(response) => response.status().is_success(),
            Err(error) => {
                tracing::debug!(%error, "the collector of traces did not take spans");
                false
            }
        }
    }
}

fn now() -> u128 {
    u128::from(KernelClock.wall().0) * 1_000_000
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::StatusCode;

    use super::{Context, Span, parse};

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    #[test]
    fn a_caller_that_samples_is_followed() {
        let context = parse(&format!("00-{TRACE}-b7ad6b7169203331-01")).unwrap();
        assert_eq!(context.parent, Some(0xb7ad_6b71_6920_3331));
        for refused in [
            format!("00-{TRACE}-b7ad6b7169203331-00"),
            format!("ff-{TRACE}-b7ad6b7169203331-01"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)),
            format!("00-{}-b7ad6b7169203331-01", TRACE.to_uppercase()),
            "00-1-2-01".to_owned(),
            String::new(),
        ] {
            assert_eq!(parse(&refused), None, "{refused}");
        }
    }

    #[test]
    fn a_span_is_what_opentelemetry_reads() {
        let span = Span {
            context: Context {
                trace: u128::from_str_radix(TRACE, 16).unwrap(),
                parent: Some(7),
            },
            method: "GET",
            route: "/v1/models",
            status: StatusCode::SERVICE_UNAVAILABLE,
            request_id: "id".to_owned(),
            took: Duration::from_micros(5),
        };
        let json = span.to_json(1_000_000);
        assert_eq!(json["traceId"], TRACE);
        assert_eq!(json["parentSpanId"], "0000000000000007");
        assert_eq!(json["spanId"].as_str().unwrap().len(), 16);
        assert_eq!(json["startTimeUnixNano"], "995000");
        assert_eq!(json["endTimeUnixNano"], "1000000");
        assert_eq!(json["status"]["code"], 2);
    }
}
