use std::time::Duration;

use gatewayz_cache_core::UnixMillis;
use http::HeaderMap;

use super::{Refusal, RefusalKind};
use crate::http::settings::Redactor;

fn read(status: u16, body: &str) -> Refusal {
    Refusal::read(status, &HeaderMap::new(), body.as_bytes(), UnixMillis(0))
}

/// Bodies as their vendors document them; the recorded ones are read in `tests/it/errors.rs`.
#[test]
fn what_is_meant_is_told_by_the_body_where_the_status_does_not_tell() {
    use RefusalKind::{Auth, Invalid, NotFound, Overloaded, Quota, RateLimit, Redirect, Server, TooLong};
    let cases: &[(u16, &str, RefusalKind)] = &[
        (
            400,
            r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}"#,
            Auth,
        ),
        (
            400,
            r#"[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}]"#,
            Auth,
        ),
        (
            400,
            r#"{"code":"Client specified an invalid argument","error":"Incorrect API key provided: xa***. You can obtain an API key from https://console.x.ai."}"#,
            Auth,
        ),
        (
            403,
            r#"{"message":"The security token included in the request is invalid."}"#,
            Auth,
        ),
        (403, "", Auth),
        (
            429,
            r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
            Quota,
        ),
        (
            429,
            r#"{"code":"Throttling.AllocationQuota","message":"Free allocated quota exceeded.","request_id":"x"}"#,
            Quota,
        ),
        (
            403,
            r#"{"error":{"code":"Arrearage","message":"Access denied, please make sure your account is in good standing."}}"#,
            Quota,
        ),
        (400, r#"{"code":"Arrearage","message":"Access denied"}"#, Quota),
        (402, r#"{"error":{"message":"Insufficient Balance"}}"#, Quota),
        (
            429,
            r#"{"code":"Throttling.RateQuota","message":"Requests rate limit exceeded, please try again later."}"#,
            RateLimit,
        ),
        (
            429,
            r#"{"error":{"code":429,"message":"You exceeded your current quota, please check your plan. Please retry in 48.9s.","status":"RESOURCE_EXHAUSTED"}}"#,
            RateLimit,
        ),
        (429, "slow down", RateLimit),
        (
            529,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            Overloaded,
        ),
        (503, "<html>busy</html>", Overloaded),
        (500, "", Server),
        (502, "bad gateway", Server),
        (413, "", TooLong),
        (404, "", NotFound),
        (302, "", Redirect),
        (400, "{}", Invalid),
        (418, "\u{7}", Invalid),
    ];
    for (status, body, kind) in cases {
        assert_eq!(read(*status, body).kind, *kind, "{status} {body}");
    }
    let gemini = read(429, r#"{"error":{"message":"Please retry in 48.9s."}}"#);
    assert_eq!(gemini.retry_after, Some(Duration::from_millis(48_900)));
}

#[test]
fn an_error_may_come_with_200() {
    let errors: &[(&str, u16, RefusalKind)] = &[
        (
            r#"{"base_resp":{"status_code":1004,"status_msg":"login fail"}}"#,
            200,
            RefusalKind::Auth,
        ),
        (
            r#"{"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}"#,
            200,
            RefusalKind::Quota,
        ),
        (
            r#"{"success":false,"errors":[{"code":10000,"message":"Authentication error"}],"result":null}"#,
            200,
            RefusalKind::Auth,
        ),
        (
            r#"{"error":{"code":401,"message":"No auth credentials found"}}"#,
            401,
            RefusalKind::Auth,
        ),
        (r#"{"error":"model list is not available"}"#, 200, RefusalKind::Invalid),
    ];
    for (body, status, kind) in errors {
        let found = Refusal::in_success(body.as_bytes(), &Redactor::default()).unwrap();
        assert_eq!((found.status, found.kind), (*status, *kind), "{body}");
        assert!(!found.message.is_empty(), "{body}");
    }
    for body in [
        r#"{"data":[]}"#,
        r#"{"success":true,"error":null,"result":[]}"#,
        r#"{"base_resp":{"status_code":0,"status_msg":"success"},"data":[]}"#,
        r#"{"error":{},"data":[]}"#,
        r#"[{"id":"a"}]"#,
        "no json",
    ] {
        assert_eq!(
            Refusal::in_success(body.as_bytes(), &Redactor::default()),
            None,
            "{body}"
        );
    }
}

#[test]
fn a_message_is_one_short_line_without_keys() {
    let mut redactor = Redactor::default();
    redactor.hide("sk-canary-123");
    let body = format!(
        r#"{{"error":{{"message":"key sk-canary-123\n\u001b[31m is  wrong {}"}}}}"#,
        "x".repeat(900)
    );
    let refusal = Refusal::read_hiding(401, &HeaderMap::new(), body.as_bytes(), UnixMillis(0), &redactor);
    assert!(
        refusal.message.starts_with("key *** [31m is wrong xxx"),
        "{}",
        refusal.message
    );
    assert!(refusal.message.chars().count() <= 301);
    assert!(!refusal.message.contains(char::is_control));
}
