//! Answers that went well, with what caches on the way have to know of them.

use std::{fmt::Write as _, time::Duration};

use bytes::Bytes;
use gatewayz_cache_core::{CacheStatus, Lookup};
use gatewayz_catalog::{Encoding, Page};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{Body, Call, Code, Problem, accepted, matches_any};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const X_CACHE: HeaderName = HeaderName::from_static("x-cache");
/// Bodies from this size on are worth compressing.
const COMPRESSED_FROM: usize = 10 * 1024;

/// How long others may keep an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Everybody, for five minutes.
    Public,
    /// The caller, who asks each time whether it still holds.
    Private,
}

impl Freshness {
    /// That of an answer to this call: what was asked with a key is not for others.
    pub(crate) fn of(call: &Call) -> Self {
        if call.is_anonymous() {
            Self::Public
        } else {
            Self::Private
        }
    }

    const fn value(self) -> HeaderValue {
        match self {
            Self::Public => HeaderValue::from_static("public, max-age=300"),
            Self::Private => HeaderValue::from_static("private, no-cache"),
        }
    }
}

/// An answer that nobody keeps.
pub(crate) fn json(value: &impl Serialize) -> Result<Response<Body>, Problem> {
    let body = serde_json::to_vec(value)
        .map_err(|error| Problem::new(Code::Internal, "the answer cannot be written").detail(error.to_string()))?;
    let mut response = Response::new(Body::from(Bytes::from(body)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The answer of a page; `None` while the form that the caller wants is not made: see [`Page::is_ready`].
pub(crate) fn page(call: &Call, lookup: &Lookup<Page>) -> Option<Response<Body>> {
    let page = lookup.value.as_deref()?;
    let headers = &call.head.headers;
    let encoding = form(page.len(), headers);
    let tag = page.etag_of(encoding);
    let found = |encoding, tag| Found {
        encoding,
        tag,
        status: lookup.status,
        age: lookup.age(),
    };
    if matches_any(headers, &tag) {
        return Some(kept(call, None, &found(encoding, &tag)));
    }
    if !page.is_ready(encoding) {
        return None;
    }
    if let Some(packed) = page.compressed(encoding) {
        return Some(kept(call, Some(packed.into()), &found(encoding, &tag)));
    }
    // Also what cannot be compressed goes out as it is.
    let plain = Body::of_parts(page.parts());
    Some(kept(call, Some(plain), &found(Encoding::Identity, page.etag())))
}

/// The form in which a body of some size is sent.
pub(crate) fn form(len: usize, headers: &HeaderMap) -> Encoding {
    if len < COMPRESSED_FROM {
        Encoding::Identity
    } else {
        accepted(headers)
    }
}

/// An answer made for this call out of the catalogue: JSON, under a tag of its bytes.
pub(crate) fn document(call: &Call, body: Vec<u8>, status: CacheStatus, age: Duration) -> Response<Body> {
    let headers = &call.head.headers;
    let digest = Sha256::digest(&body);
    let mut tag = String::with_capacity(40);
    for byte in &digest[..16] {
        // Writing into a string never fails.
        let _written = write!(tag, "{byte:02x}");
    }
    let tag_of = |encoding: Encoding| match encoding.as_str() {
        None => format!("\"{tag}\""),
        Some(word) => format!("\"{tag}-{word}\""),
    };
    let wanted = form(body.len(), headers);
    let mut found = Found {
        encoding: wanted,
        tag: &tag_of(wanted),
        status,
        age,
    };
    if matches_any(headers, found.tag) {
        return kept(call, None, &found);
    }
    let packed = match wanted {
        Encoding::Identity => None,
        Encoding::Gzip => gzip(&body).ok(),
        Encoding::Zstd => zstd::bulk::compress(&body, 1).ok(),
    };
    if let Some(packed) = packed {
        return kept(call, Some(Bytes::from(packed).into()), &found);
    }
    // Also what cannot be compressed goes out as it is.
    let plain = tag_of(Encoding::Identity);
    found.encoding = Encoding::Identity;
    found.tag = &plain;
    kept(call, Some(Bytes::from(body).into()), &found)
}

fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::with_capacity(body.len() / 4), flate2::Compression::new(4));
    encoder.write_all(body)?;
    encoder.finish()
}

/// An answer that may be kept, as it was found.
struct Found<'a> {
    encoding: Encoding,
    tag: &'a str,
    status: CacheStatus,
    age: Duration,
}

/// Puts together what may be kept; without a body, the caller has it.
fn kept(call: &Call, body: Option<Body>, found: &Found<'_>) -> Response<Body> {
    let is_known = body.is_none();
    let mut response = Response::new(body.unwrap_or_default());
    let headers = response.headers_mut();
    headers.reserve(10);
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        headers.insert(header::CONTENT_TYPE, JSON);
        if let Some(word) = found.encoding.as_str() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(word));
        }
    }
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(found.tag) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(header::CACHE_CONTROL, Freshness::of(call).value());
    headers.insert(
        header::VARY,
        HeaderValue::from_static("Accept-Encoding, Authorization, Origin"),
    );
    let seconds = found.age.as_secs();
    headers.insert(header::AGE, HeaderValue::from(seconds));
    headers.insert(X_CACHE, x_cache(found.status, seconds));
    response
}

/// `X-Cache`: how the answer was found, where, and how old what it is made of is, in seconds.
fn x_cache(status: CacheStatus, age: u64) -> HeaderValue {
    let (word, tier) = match status {
        CacheStatus::LocalHit => ("HIT", "local"),
        CacheStatus::SharedHit => ("HIT", "shared"),
        CacheStatus::StaleHit => ("STALE", "local"),
        CacheStatus::Degraded => ("STALE", "degraded"),
        _ => ("MISS", "store"),
    };
    let mut text = String::with_capacity(40);
    // Writing into a string never fails.
    let _written = write!(text, "{word}; tier={tier}; age={age}");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("MISS"))
}
