//! One token for another, in the manner of GitHub Copilot; and what all exchanges share.

use std::time::Duration;

use bytes::Bytes;
use gatewayz_catalog::{ListError, Slug};
use http::{HeaderValue, Request, header};
use serde::Deserialize;

use super::{Exchanger, Fresh};
use crate::http::{
    client::SendError,
    refusal::Refusal,
    request::{address, missing},
    settings::{Redactor, Secret},
};

/// An answer with a token is short.
const MOST: usize = 64 << 10;
/// How long a token is used whose giver does not say how long it is good for.
const UNKNOWN_LIFE: Duration = Duration::from_secs(300);

/// What an exchange answers, in both manners.
#[derive(Deserialize)]
struct Answer {
    #[serde(alias = "access_token")]
    token: String,
    /// Unix seconds.
    #[serde(default)]
    expires_at: Option<u64>,
    /// Seconds from now.
    #[serde(default)]
    expires_in: Option<u64>,
}

pub(super) async fn token(
    exchanger: &Exchanger,
    provider: &Slug,
    (setting, key): (&str, &Secret),
    url: &str,
    redactor: &Redactor,
) -> Result<Fresh, ListError> {
    let url = address(url).ok_or_else(|| missing(provider, "the address of its exchange to a URL"))?;
    let mut authorization = HeaderValue::try_from(format!("token {}", key.expose()))
        .map_err(|_unsendable| missing(provider, &format!("{setting} to something that can be sent")))?;
    authorization.set_sensitive(true);
    let request = Request::get(url.as_str())
        .header(header::ACCEPT, "application/json")
        .header(header::AUTHORIZATION, authorization)
        .body(Bytes::new())
        .map_err(|_unsendable| missing(provider, "the address of its exchange to a URL"))?;
    answer(exchanger, request, redactor).await
}

/// Sends a request for a token and reads it.
pub(super) async fn answer(
    exchanger: &Exchanger,
    request: Request<Bytes>,
    redactor: &Redactor,
) -> Result<Fresh, ListError> {
    let failed = |error: SendError| ListError::Connect(redactor.clean(&format!("exchange of tokens: {error}")));
    let mut answer = exchanger.client.send(request).await.map_err(failed)?;
    let status = answer.status();
    let body = answer.body_mut().all(MOST).await;
    let body = body.map_err(|error| ListError::Connect(format!("exchange of tokens: {error}")))?;
    let body = body.ok_or(ListError::TooLarge { limit: MOST as u64 })?;
    let now = exchanger.time.wall();
    if !status.is_success() {
        let refusal = Refusal::read_hiding(status.as_u16(), answer.headers(), &body, now, redactor);
        return Err(refusal.into_error());
    }
    // Neither the parser's error nor the body is shown: both may have the token in them.
    let answer: Answer = serde_json::from_slice(&body)
        .map_err(|_hidden| ListError::Malformed("the exchange's answer has no token".to_owned()))?;
    if answer.token.is_empty() {
        return Err(ListError::Malformed("the exchange's answer has no token".to_owned()));
    }
    let at = answer
        .expires_at
        .map(|at| Duration::from_secs(at).saturating_sub(Duration::from_millis(now.0)));
    let life = at
        .or(answer.expires_in.map(Duration::from_secs))
        .unwrap_or(UNKNOWN_LIFE);
    Ok(Fresh {
        token: Secret::new(answer.token),
        life,
    })
}
