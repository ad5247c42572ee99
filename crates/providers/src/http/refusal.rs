//! What a provider means when it says no.
//!
//! The status alone does not tell: a wrong key is 400 at two of them, a used-up quota and a short rate limit are both
//! 429, and some errors come with 200.

use std::time::Duration;

use gatewayz_cache_core::UnixMillis;
use gatewayz_catalog::ListError;
use http::HeaderMap;
use serde_json::Value;

use super::{retry_after, settings::Redactor};

/// What a provider said instead of what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The HTTP status; where an error came with 200, the one it says itself, if it says one.
    pub status: u16,
    /// What it means.
    pub kind: RefusalKind,
    /// The beginning of what it said, on one line, without the keys that were sent.
    pub message: String,
    /// When it may be asked again, where it said so.
    pub retry_after: Option<Duration>,
}

/// What a refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalKind {
    /// The key is missing, wrong, or of another region.
    Auth,
    /// What was paid for is used up: trying again soon does not help.
    Quota,
    /// Too much in too short a time: trying again later helps.
    RateLimit,
    /// The prompt is longer than the model takes.
    TooLong,
    /// There is no such model, or no such place.
    NotFound,
    /// The request is wrong in another way.
    Invalid,
    /// It has too much to do.
    Overloaded,
    /// It is broken.
    Server,
    /// It points elsewhere, which is not followed.
    Redirect,
}

impl RefusalKind {
    /// The word for a label or a log line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Quota => "quota",
            Self::RateLimit => "rate-limit",
            Self::TooLong => "too-long",
            Self::NotFound => "not-found",
            Self::Invalid => "invalid",
            Self::Overloaded => "overloaded",
            Self::Server => "server",
            Self::Redirect => "redirect",
        }
    }

    /// Whether the same request may succeed later, without a change of anything.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::RateLimit | Self::Overloaded | Self::Server)
    }

    /// Whether the provider is to blame, rather than who asked: what a circuit breaker counts.
    #[must_use]
    pub const fn is_failure_of_provider(self) -> bool {
        matches!(
            self,
            Self::RateLimit | Self::Overloaded | Self::Server | Self::Redirect | Self::Quota
        )
    }
}

/// A longer body is a list or a page, no error.
pub(crate) const LONGEST: usize = 16 << 10;

const QUOTA: &[&str] = &[
    "insufficient_quota",
    "allocationquota",
    "arrearage",
    "insufficient_balance",
    "insufficient balance",
    "billing_hard_limit_reached",
    "access_terminated",
    "good standing",
];
const TOO_LONG: &[&str] = &[
    "context_length_exceeded",
    "too_many_tokens",
    "too_many_prompt_tokens",
    "prompt is too long",
    "prompt too long",
    "maximum context length",
    "exceeds the context window",
    "exceeds the maximum number of tokens",
];
const NOT_FOUND: &[&str] = &["model_not_found", "not_found_error", "model identifier is invalid"];
const KEY_REFUSED: &[&str] = &[
    "api key not valid",
    "api_key_invalid",
    "invalid_api_key",
    "invalid api key",
    "invalid x-api-key",
    "incorrect api key",
    "api key expired",
    "authentication_error",
    "authentication error",
    "invalid_grant",
    "security token included in the request is invalid",
];

impl Refusal {
    /// Reads an answer with a status other than 2xx.
    #[must_use]
    pub fn read(status: u16, headers: &HeaderMap, body: &[u8], now: UnixMillis) -> Self {
        Self::read_hiding(status, headers, body, now, &Redactor::default())
    }

    pub(crate) fn read_hiding(
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
        now: UnixMillis,
        redactor: &Redactor,
    ) -> Self {
        let body = &body[..body.len().min(LONGEST)];
        let said = Said::read(body);
        let retry_after =
            retry_after::from_headers(headers, now).or_else(|| retry_after::from_body(&said.body, &said.message));
        let message = match said.message.as_str() {
            "" if (300..400).contains(&status) => "it points elsewhere, and redirects are not followed".to_owned(),
            message => redactor.clean(message),
        };
        Self {
            status,
            kind: said.kind(status, retry_after),
            message,
            retry_after,
        }
    }

    /// Reads an answer of status 200, if it is an error all the same.
    pub(crate) fn in_success(body: &[u8], redactor: &Redactor) -> Option<Self> {
        if body.len() > LONGEST {
            return None;
        }
        let said = Said::read(body);
        let status = said.failed()?;
        Some(Self {
            status,
            kind: said.kind(status, None),
            message: redactor.clean(&said.message),
            retry_after: retry_after::from_body(&said.body, &said.message),
        })
    }

    pub(crate) fn into_error(self) -> ListError {
        match self.kind {
            RefusalKind::Quota => ListError::Quota(self.message),
            _ => ListError::Status {
                status: self.status,
                message: self.message,
                retry_after: self.retry_after,
            },
        }
    }
}

/// What an error says, wherever it says it.
struct Said {
    body: Value,
    message: String,
    /// All codes and the message, in lower case.
    words: String,
    /// The code of an envelope such as `base_resp`.
    code: Option<u64>,
}

impl Said {
    fn read(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let value: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        // Gemini wraps an error in an array of one.
        let value = match value {
            Value::Array(mut all) if all.len() == 1 => all.pop().unwrap_or_default(),
            value => value,
        };
        let pick = |paths: &[&str]| {
            let found = paths.iter().find_map(|path| value.pointer(path)?.as_str());
            found.filter(|found| !found.is_empty()).map(str::to_owned)
        };
        let message = pick(&[
            "/error/message",
            "/errors/0/message",
            "/base_resp/status_msg",
            "/message",
            "/detail",
            "/error_description",
            "/error",
            "/msg",
        ])
        .unwrap_or_else(|| {
            if value.is_null() {
                text.into_owned()
            } else {
                String::new()
            }
        });
        let codes = [
            "/error/code",
            "/error/type",
            "/error/status",
            "/error/details/0/reason",
            "/error",
            "/code",
            "/type",
            "/error_type",
            "/error_code",
        ];
        let mut words = String::new();
        for code in codes.iter().filter_map(|path| value.pointer(path)?.as_str()) {
            words.push_str(code);
            words.push(' ');
        }
        words.push_str(&message);
        words.make_ascii_lowercase();
        Self {
            code: value.pointer("/base_resp/status_code").and_then(Value::as_u64),
            body: value,
            message,
            words,
        }
    }

    fn says(&self, any: &[&str]) -> bool {
        any.iter().any(|words| self.words.contains(words))
    }

    /// The status of an error that came with 200; `None`: it is none.
    fn failed(&self) -> Option<u16> {
        let body = self.body.as_object()?;
        let error = match body.get("error") {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Object(error)) => !error.is_empty(),
            Some(_) => true,
        };
        let failed =
            error || body.get("success") == Some(&Value::Bool(false)) || self.code.is_some_and(|code| code != 0);
        let own = ["/error/code", "/code", "/status"];
        let own = own.iter().find_map(|path| self.body.pointer(path)?.as_u64());
        let own = own.and_then(|code| u16::try_from(code).ok());
        failed.then(|| own.filter(|code| (400..600).contains(code)).unwrap_or(200))
    }

    fn kind(&self, status: u16, retry_after: Option<Duration>) -> RefusalKind {
        // Codes of MiniMax's envelope.
        match self.code {
            Some(1002 | 1039) => return RefusalKind::RateLimit,
            Some(1004 | 2049) => return RefusalKind::Auth,
            Some(1008 | 1028) => return RefusalKind::Quota,
            _ => {}
        }
        // The words "exceeded your current quota" are also Gemini's for a limit per minute, which says when it ends.
        let spent = self.says(QUOTA) || (self.says(&["current quota"]) && retry_after.is_none());
        match status {
            300..=399 => RefusalKind::Redirect,
            402 => RefusalKind::Quota,
            _ if spent => RefusalKind::Quota,
            401 | 403 => RefusalKind::Auth,
            _ if status < 500 && status != 429 && self.says(KEY_REFUSED) => RefusalKind::Auth,
            429 => RefusalKind::RateLimit,
            503 | 529 => RefusalKind::Overloaded,
            408 | 500..=599 => RefusalKind::Server,
            413 => RefusalKind::TooLong,
            _ if self.says(TOO_LONG) => RefusalKind::TooLong,
            404 => RefusalKind::NotFound,
            _ if self.says(NOT_FOUND) => RefusalKind::NotFound,
            _ => RefusalKind::Invalid,
        }
    }
}

#[cfg(test)]
mod tests;
