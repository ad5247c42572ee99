//! Looking at one entry.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use gatewayz_cache_core::{InspectError, Inspected, UnixMillis};
use serde_json::Value;

use super::{BASE, now, seconds};
use crate::{
    app::App,
    http::{Access, Call, Code, Handler, Kind, Outcome, Param, Problem, Route, json},
    openapi::{Answers, Shape as _, shape},
};

pub(super) static ROUTES: &[&Route] = &[&ENTRY];

/// How much of a value is shown where nobody says how much.
const SHOWN: usize = 64 << 10;
/// The most.
const MOST: u64 = 8 << 20;

static ENTRY: Route = Route {
    name: "cacheEntry",
    paths: &["/cache/entry"],
    access: Access::Admin,
    params: &[
        Param::query(
            "key",
            Kind::Text(1024),
            "The name of the key, without the deployment's prefix: `models:provider:groq`.",
        )
        .required(),
        Param::query(
            "max_bytes",
            Kind::Whole { least: 0, most: MOST },
            "How much of the value is shown.",
        )
        .default("65536"),
    ],
    handler: Handler::Later(entry),
    summary: "One entry of the shared tier with its age, and whether this node has it in memory. Secrets are not shown.",
    answers: Answers::json(CacheEntry::schema).or(&[Code::NotFound, Code::Unavailable]),
    ..BASE
};

/// Names that are shown to nobody, whatever their keyspaces say of themselves: tokens, and what is known of callers.
const SECRET: [&str; 3] = ["provider_token", "auth", "session"];

shape! {
    /// One entry.
    struct CacheEntry {
        key: String,
        keyspace: &'static str,
        /// Whether this node has it in memory, be it expired.
        held_locally: bool,
        /// Whether values of its keyspace are shared at all.
        is_shared: bool,
        /// Whether the shared tier has it.
        found: bool,
        /// Whether what it has is that there is none.
        absent: bool,
        /// When the source gave it.
        source_time: Option<String>,
        age_seconds: Option<f64>,
        /// How long it is fresh from then on.
        ttl_seconds: Option<f64>,
        /// How much of that is left.
        ttl_remaining_seconds: Option<f64>,
        /// How long it may be served after that.
        stale_seconds: Option<f64>,
        /// Its size, unpacked.
        size_bytes: Option<u64>,
        /// `json`; `text` where it is none, or was cut off.
        payload_kind: Option<&'static str>,
        /// Whether it was cut off.
        truncated: bool,
        payload: Value,
    }
}

fn is_secret(name: &str) -> bool {
    SECRET.iter().any(|word| name.starts_with(word))
}

fn hidden() -> Problem {
    Problem::new(Code::Forbidden, "values under this key are shown to nobody")
}

fn entry(app: Arc<App>, call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let params = call.params()?;
        let name = params.always("key");
        if is_secret(name) {
            return Err(hidden());
        }
        let limit = params.whole("max_bytes").and_then(|limit| usize::try_from(limit).ok());
        let inspected = app.node.inspect(name).await.map_err(|error| match error {
            InspectError::Secret(_) => hidden(),
            InspectError::Shared(error) => {
                Problem::new(Code::Unavailable, format!("the entry cannot be looked at: {error}"))
            }
            _ => Problem::new(
                Code::NotFound,
                "no cache has a key of this name; `/cache/ttl` has the keyspaces",
            ),
        })?;
        if inspected.stored.is_none() && !inspected.held {
            return Err(Problem::new(Code::NotFound, "there is no such entry"));
        }
        json(&CacheEntry::of(inspected, limit.unwrap_or(SHOWN), now(&app)))
    })
}

impl CacheEntry {
    fn of(inspected: Inspected, limit: usize, now: UnixMillis) -> Self {
        let stored = inspected.stored.as_ref();
        let age = stored.map(|stored| now.since(stored.source_time));
        let payload = stored.and_then(|stored| stored.payload.as_ref());
        let (kind, truncated, shown) = payload.map_or((None, false, Value::Null), |payload| shown(payload, limit));
        Self {
            keyspace: inspected.keyspace,
            held_locally: inspected.held,
            is_shared: inspected.is_shared,
            found: stored.is_some(),
            absent: stored.is_some() && payload.is_none(),
            source_time: stored.map(|stored| stored.source_time.to_string()),
            age_seconds: age.map(seconds),
            ttl_seconds: stored.map(|stored| seconds(stored.ttl)),
            ttl_remaining_seconds: stored
                .zip(age)
                .map(|(stored, age)| seconds(stored.ttl.saturating_sub(age))),
            stale_seconds: stored.map(|stored| seconds(stored.stale)),
            size_bytes: payload.map(|payload| payload.len() as u64),
            payload_kind: kind,
            truncated,
            payload: shown,
            key: inspected.name,
        }
    }
}

/// As much of a value as is wanted: as JSON where it is whole and is JSON, as text otherwise.
fn shown(payload: &Bytes, limit: usize) -> (Option<&'static str>, bool, Value) {
    if payload.len() <= limit {
        if let Ok(value) = serde_json::from_slice(payload) {
            return (Some("json"), false, value);
        }
        return (Some("text"), false, String::from_utf8_lossy(payload).into());
    }
    let head = payload.get(..limit).unwrap_or_default();
    (Some("text"), true, String::from_utf8_lossy(head).into())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::{is_secret, shown};

    #[test]
    fn a_value_is_shown_whole_or_cut_off() {
        let value = Bytes::from_static(br#"{"a":[1,2]}"#);
        assert_eq!(shown(&value, 64), (Some("json"), false, json!({ "a": [1, 2] })));
        assert_eq!(shown(&value, 4), (Some("text"), true, json!("{\"a\"")));
        assert_eq!(
            shown(&Bytes::from_static(b"no json"), 64),
            (Some("text"), false, json!("no json"))
        );
        assert_eq!(shown(&value, 0), (Some("text"), true, json!("")));
    }

    #[test]
    fn tokens_and_callers_are_shown_to_nobody() {
        for name in [
            "provider_token",
            "provider_token:google-vertex",
            "auth:api_key:x",
            "auth",
        ] {
            assert!(is_secret(name), "{name}");
        }
        assert!(!is_secret("models:provider:groq"));
    }
}
