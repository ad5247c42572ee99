//! Errors that providers really sent.

use std::collections::BTreeMap;

use gatewayz_cache_core::UnixMillis;
use gatewayz_providers::{Refusal, RefusalKind};
use gatewayz_testkit::{require_shared_data, simulated::Reply};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use crate::fetch_support::{LIST, Setup};

#[derive(Deserialize)]
struct Recorded {
    status: u16,
    url: String,
    headers: BTreeMap<String, String>,
    body: String,
}

fn recorded() -> Option<Vec<Recorded>> {
    match require_shared_data("provider-errors/errors.jsonl") {
        Ok(path) => {
            let text = std::fs::read_to_string(path).unwrap();
            Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
        }
        Err(absent) => {
            eprintln!("{absent}");
            None
        }
    }
}

/// What each means, by hand: the words of a body that are found in no other one.
const NOT_INVALID: &[(&str, RefusalKind)] = &[
    ("have exceeded rate limit", RefusalKind::RateLimit),
    ("prompt is too long", RefusalKind::TooLong),
    ("TOO_MANY_TOKENS", RefusalKind::TooLong),
    ("maximum context length is 1048565", RefusalKind::TooLong),
    ("prompt too long; exceeded max context", RefusalKind::TooLong),
    ("context_length_exceeded", RefusalKind::TooLong),
    ("too_many_prompt_tokens", RefusalKind::TooLong),
    ("The input token count (1250074)", RefusalKind::TooLong),
    ("model_not_found", RefusalKind::NotFound),
    ("provided model identifier is invalid", RefusalKind::NotFound),
];

#[test]
fn every_recorded_error_is_understood() {
    let Some(all) = recorded() else { return };
    assert_eq!(all.len(), 43);
    for error in all {
        let headers: HeaderMap = error
            .headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::try_from(name).unwrap(),
                    HeaderValue::try_from(value).unwrap(),
                )
            })
            .collect();
        let by_words = NOT_INVALID
            .iter()
            .find(|(words, _)| error.body.contains(words))
            .map(|(_, kind)| *kind);
        let expected = match error.status {
            401 => RefusalKind::Auth,
            404 => RefusalKind::NotFound,
            _ => by_words.unwrap_or(RefusalKind::Invalid),
        };
        let refusal = Refusal::read(error.status, &headers, error.body.as_bytes(), UnixMillis(0));
        assert_eq!(refusal.kind, expected, "{} {}", error.url, error.body);
        assert_eq!(refusal.status, error.status);
        assert!(!refusal.message.is_empty(), "{} {}", error.url, error.body);
        assert!(
            !refusal.message.starts_with('{'),
            "the message is that of the error: {}",
            refusal.message
        );
        assert!(refusal.message.chars().count() <= 301 && !refusal.message.contains(char::is_control));
    }
}

#[tokio::test]
async fn every_recorded_error_comes_through_the_wire() {
    let Some(all) = recorded() else { return };
    let world = Setup::list("auth = \"none\"").start().await;
    for error in all {
        let reply = Reply::status(error.status).body(error.body.clone());
        let reply = error
            .headers
            .iter()
            .fold(reply, |reply, (name, value)| reply.header(name, value));
        world.provider.route(LIST, reply);
        match world.list_anew().await.unwrap_err() {
            gatewayz_catalog::ListError::Status { status, .. } => assert_eq!(status, error.status),
            other => panic!("{other}"),
        }
    }
}
