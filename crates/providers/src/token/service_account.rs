//! Google's service accounts: a signed statement is exchanged for a token.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use gatewayz_catalog::{ListError, Slug};
use http::{Request, header};
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde::Deserialize;
use serde_json::json;
use url::form_urlencoded;

use super::{Exchanger, Fresh, exchange};
use crate::http::{
    request::{address, missing},
    settings::{Redactor, Secret},
};

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// The longest that Google grants.
const LIFE_SECS: u64 = 3600;

/// The file that Google gives for a service account.
#[derive(Deserialize)]
struct Account {
    client_email: String,
    private_key: String,
    #[serde(default)]
    private_key_id: Option<String>,
    #[serde(default = "Account::default_token_uri")]
    token_uri: String,
}

impl Account {
    fn default_token_uri() -> String {
        "https://oauth2.googleapis.com/token".to_owned()
    }
}

pub(super) async fn token(
    exchanger: &Exchanger,
    provider: &Slug,
    setting: &str,
    key: &Secret,
    redactor: &mut Redactor,
) -> Result<Fresh, ListError> {
    let unusable = || {
        missing(
            provider,
            &format!("{setting} to the JSON of a service account with an RSA key"),
        )
    };
    let account: Account = serde_json::from_str(key.expose()).map_err(|_hidden| unusable())?;
    let url = address(&account.token_uri).ok_or_else(unusable)?;
    redactor.hide(&account.private_key);
    let assertion = assertion(&account, exchanger.time.wall().0 / 1000).ok_or_else(unusable)?;
    redactor.hide(&assertion);
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", GRANT)
        .append_pair("assertion", &assertion)
        .finish();
    let request = Request::post(url.as_str())
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ACCEPT, "application/json")
        .body(Bytes::from(form))
        .map_err(|_unsendable| unusable())?;
    exchange::answer(exchanger, request, redactor).await
}

/// The signed statement (RFC 7523). `None`: the key is none.
fn assertion(account: &Account, now_secs: u64) -> Option<String> {
    let head = match &account.private_key_id {
        Some(id) => json!({"alg": "RS256", "typ": "JWT", "kid": id}),
        None => json!({"alg": "RS256", "typ": "JWT"}),
    };
    let claims = json!({
        "iss": account.client_email,
        "scope": SCOPE,
        "aud": account.token_uri,
        "iat": now_secs,
        "exp": now_secs + LIFE_SECS,
    });
    let mut text = URL_SAFE_NO_PAD.encode(head.to_string());
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(claims.to_string(), &mut text);
    let pair = key_pair(&account.private_key)?;
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
        .ok()?;
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut text);
    Some(text)
}

/// Reads PEM of PKCS#8, or of PKCS#1.
fn key_pair(pem: &str) -> Option<RsaKeyPair> {
    let (_before, rest) = pem.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (inside, _after) = rest.split_once("-----END ")?;
    let inside: String = inside.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let der = STANDARD.decode(inside).ok()?;
    match label {
        "PRIVATE KEY" => RsaKeyPair::from_pkcs8(&der).ok(),
        "RSA PRIVATE KEY" => RsaKeyPair::from_der(&der).ok(),
        _ => None,
    }
}
