//! Errors as callers see them: one shape for all, with a code of its own for each.

use bytes::Bytes;
use gatewayz_cache_core::{Clock as _, KernelClock, UnixMillis};
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use serde_json::Value;

use super::{Body, RequestId};

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Code {
    /// It is no HTTP, or not one that may be answered.
    MalformedRequest,
    /// A parameter has a value that it must not have.
    InvalidParameter,
    /// The body is not what it should be.
    InvalidBody,
    /// The key is missing, or is not known.
    InvalidApiKey,
    /// The key is known, and must not do this.
    Forbidden,
    /// Nothing is served under this path.
    RouteNotFound,
    /// No such model.
    ModelNotFound,
    /// No such provider.
    ProviderNotFound,
    /// No such thing of another kind.
    NotFound,
    /// The path is served, but not with this method.
    MethodNotAllowed,
    /// The head did not come in time.
    RequestTimeout,
    /// The body is too large.
    PayloadTooLarge,
    /// The body is of a type that is not read here.
    UnsupportedMediaType,
    /// The head is too large.
    HeadersTooLarge,
    /// The same is under way already.
    Conflict,
    /// A bug.
    Internal,
    /// A provider did not do what it was asked.
    ProviderFailed,
    /// Too many requests are under way.
    Overloaded,
    /// What the answer is made of cannot be had at present.
    Unavailable,
    /// The answer did not come in time.
    GatewayTimeout,
}

impl Code {
    /// All of them, for the documentation.
    pub(crate) const ALL: [Self; 20] = [
        Self::MalformedRequest,
        Self::InvalidParameter,
        Self::InvalidBody,
        Self::InvalidApiKey,
        Self::Forbidden,
        Self::RouteNotFound,
        Self::ModelNotFound,
        Self::ProviderNotFound,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::HeadersTooLarge,
        Self::Conflict,
        Self::Internal,
        Self::ProviderFailed,
        Self::Overloaded,
        Self::Unavailable,
        Self::GatewayTimeout,
    ];

    /// The status line's number.
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::MalformedRequest | Self::InvalidParameter | Self::InvalidBody => StatusCode::BAD_REQUEST,
            Self::InvalidApiKey => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::RouteNotFound | Self::ModelNotFound | Self::ProviderNotFound | Self::NotFound => {
                StatusCode::NOT_FOUND
            }
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Conflict => StatusCode::CONFLICT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::ProviderFailed => StatusCode::BAD_GATEWAY,
            Self::Overloaded | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::GatewayTimeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The word for programs: `error.code`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::MalformedRequest => "MALFORMED_REQUEST",
            Self::InvalidParameter => "INVALID_PARAMETER",
            Self::InvalidBody => "INVALID_REQUEST_BODY",
            Self::InvalidApiKey => "INVALID_API_KEY",
            Self::Forbidden => "FORBIDDEN",
            Self::RouteNotFound => "ROUTE_NOT_FOUND",
            Self::ModelNotFound => "MODEL_NOT_FOUND",
            Self::ProviderNotFound => "PROVIDER_NOT_FOUND",
            Self::NotFound => "NOT_FOUND",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::RequestTimeout => "REQUEST_TIMEOUT",
            Self::PayloadTooLarge => "PAYLOAD_TOO_LARGE",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::HeadersTooLarge => "HEADERS_TOO_LARGE",
            Self::Conflict => "CONFLICT",
            Self::Internal => "INTERNAL_ERROR",
            Self::ProviderFailed => "PROVIDER_ERROR",
            Self::Overloaded => "SERVER_OVERLOAD",
            Self::Unavailable => "SERVICE_UNAVAILABLE",
            Self::GatewayTimeout => "GATEWAY_TIMEOUT",
        }
    }

    /// The family: `error.type`, with the words that clients of the OpenAI API know.
    pub(crate) const fn family(self) -> &'static str {
        match self {
            Self::MalformedRequest
            | Self::InvalidParameter
            | Self::InvalidBody
            | Self::MethodNotAllowed
            | Self::RequestTimeout
            | Self::PayloadTooLarge
            | Self::UnsupportedMediaType
            | Self::HeadersTooLarge
            | Self::Conflict => "invalid_request_error",
            Self::InvalidApiKey => "authentication_error",
            Self::Forbidden => "permission_error",
            Self::RouteNotFound | Self::ModelNotFound | Self::ProviderNotFound | Self::NotFound => "not_found_error",
            Self::Internal => "internal_error",
            Self::ProviderFailed => "provider_error",
            Self::Overloaded => "server_overload",
            Self::Unavailable => "service_unavailable",
            Self::GatewayTimeout => "gateway_timeout",
        }
    }
}

/// An error on its way to a caller. Its words say what to do, and hold no secret.
#[derive(Clone, Debug)]
pub(crate) struct Problem(Box<Words>);

#[derive(Clone, Debug)]
struct Words {
    code: Code,
    message: String,
    detail: Option<String>,
    suggestions: Vec<String>,
    context: Option<Value>,
    retry_after: Option<u64>,
    allow: Option<HeaderValue>,
}

impl Problem {
    /// An error with a sentence for people.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        let retry_after = match code {
            Code::Overloaded => Some(5),
            Code::Unavailable => Some(1),
            _ => None,
        };
        Self(Box::new(Words {
            code,
            message: message.into(),
            detail: None,
            suggestions: Vec::new(),
            context: None,
            retry_after,
            allow: None,
        }))
    }

    /// A parameter that has a wrong value.
    pub(crate) fn parameter(name: &str, value: &str, expected: impl std::fmt::Display) -> Self {
        let value: String = value.chars().take(80).collect();
        Self::new(
            Code::InvalidParameter,
            format!("the parameter `{name}` must be {expected}"),
        )
        .context(serde_json::json!({ "parameter": name, "value": value, "expected": expected.to_string() }))
    }

    /// With what lies behind it.
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// With what the caller may have meant, or may try.
    pub(crate) fn suggest(mut self, suggestions: impl IntoIterator<Item = String>) -> Self {
        for suggestion in suggestions {
            if !self.0.suggestions.contains(&suggestion) {
                self.0.suggestions.push(suggestion);
            }
        }
        self
    }

    /// With facts for programs.
    pub(crate) fn context(mut self, context: Value) -> Self {
        self.0.context = Some(context);
        self
    }

    /// With the seconds after which it is worth trying again.
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// With the methods that the path is served with.
    pub(crate) fn allow(mut self, methods: &str) -> Self {
        self.0.allow = HeaderValue::from_str(methods).ok();
        self
    }

    /// What went wrong.
    pub(crate) fn code(&self) -> Code {
        self.0.code
    }

    /// The sentence for people.
    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    /// The body.
    pub(crate) fn to_json(&self, id: &str, now: UnixMillis) -> Vec<u8> {
        #[derive(Serialize)]
        struct Whole<'a> {
            error: Error<'a>,
        }
        #[derive(Serialize)]
        struct Error<'a> {
            r#type: &'static str,
            message: &'a str,
            code: &'static str,
            status: u16,
            request_id: &'a str,
            timestamp: String,
            #[serde(skip_serializing_if = "Option::is_none")]
            detail: Option<&'a str>,
            #[serde(skip_serializing_if = "<[String]>::is_empty")]
            suggestions: &'a [String],
            #[serde(skip_serializing_if = "Option::is_none")]
            context: Option<&'a Value>,
        }
        let words = &*self.0;
        let whole = Whole {
            error: Error {
                r#type: words.code.family(),
                message: &words.message,
                code: words.code.as_str(),
                status: words.code.status().as_u16(),
                request_id: id,
                timestamp: now.to_string(),
                detail: words.detail.as_deref(),
                suggestions: &words.suggestions,
                context: words.context.as_ref(),
            },
        };
        serde_json::to_vec(&whole).unwrap_or_default()
    }

    /// The answer.
    pub(crate) fn into_response(self, id: &RequestId) -> Response<Body> {
        let body = self.to_json(id.as_str(), KernelClock.wall());
        let mut response = Response::new(Body::from(Bytes::from(body)));
        *response.status_mut() = self.0.code.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.0.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.0.code == Code::InvalidApiKey {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(allow) = self.0.allow {
            headers.insert(header::ALLOW, allow);
        }
        response
    }
}
