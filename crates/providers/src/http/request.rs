//! What is sent to whom: a specification, filled with settings and proof of who asks.

use gatewayz_catalog::{ListError, Slug};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use url::Url;

use super::{
    settings::{Redactor, Secret, Settings},
    template::{self, Place},
};
use crate::spec::{Auth, ListSpec};

/// A request that only lacks its page.
#[derive(Clone)]
pub(crate) struct Prepared {
    /// Where the list is, and where it is asked for when the key is refused.
    pub(crate) urls: Vec<Url>,
    pub(crate) headers: HeaderMap,
    pub(crate) redactor: Redactor,
}

/// The key of a provider, or what to set. `None`: it is asked without.
pub(crate) fn key<'a>(
    provider: &Slug,
    spec: &'a ListSpec,
    settings: &'a Settings,
) -> Result<Option<(&'a str, &'a Secret)>, ListError> {
    if spec.auth == Auth::None {
        return Ok(None);
    }
    match settings.first(&spec.key_env) {
        Some(found) => Ok(Some(found)),
        None if spec.public || spec.key_env.is_empty() => Ok(None),
        None => Err(missing(provider, &spec.key_env.join(" or "))),
    }
}

pub(crate) fn missing(provider: &Slug, setting: &str) -> ListError {
    ListError::NotConfigured {
        provider: provider.clone(),
        setting: setting.to_owned(),
    }
}

impl Prepared {
    /// Fills a specification. `credential` is the key or the token, with the name of the setting that it comes from.
    pub(crate) fn new(
        provider: &Slug,
        spec: &ListSpec,
        settings: &Settings,
        credential: Option<(&str, &Secret)>,
    ) -> Result<Self, ListError> {
        let mut redactor = Redactor::default();
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        for (name, value) in &spec.headers {
            let named = HeaderName::try_from(name.as_str());
            let value = template::fill(value, Place::Header, settings, &mut redactor)
                .map_err(|setting| missing(provider, &setting))?;
            let (Ok(name), Ok(mut value)) = (named, HeaderValue::try_from(value)) else {
                return Err(missing(
                    provider,
                    &format!("the header `{name}` to something that can be sent"),
                ));
            };
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        if let Some((setting, secret)) = credential {
            let (name, value) = proof(&spec.auth, secret);
            redactor.hide(secret.expose());
            let (Ok(name), Ok(mut value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else {
                return Err(missing(provider, &format!("{setting} to something that can be sent")));
            };
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let mut urls = Vec::new();
        for template in std::iter::once(&spec.url).chain(&spec.fallback_urls) {
            let text = template::fill(template, Place::Url, settings, &mut redactor)
                .map_err(|setting| missing(provider, &setting))?;
            urls.push(address(&text).ok_or_else(|| missing(provider, "the address of its list to a URL"))?);
        }
        Ok(Self {
            urls,
            headers,
            redactor,
        })
    }
}

/// The header that says who asks.
fn proof(auth: &Auth, secret: &Secret) -> (String, String) {
    let secret = secret.expose();
    let authorization = |scheme: &str| ("authorization".to_owned(), format!("{scheme} {secret}"));
    match auth {
        Auth::Scheme(scheme) => authorization(scheme),
        Auth::Header(name) => (name.clone(), secret.to_owned()),
        Auth::Bearer | Auth::None | Auth::GoogleServiceAccount | Auth::Exchange(_) => authorization("Bearer"),
    }
}

/// A URL that can be asked: of the web, and without a password in it.
pub(crate) fn address(text: &str) -> Option<Url> {
    let mut url = Url::parse(text).ok()?;
    let usable = matches!(url.scheme(), "http" | "https")
        && url.host_str().is_some_and(|host| !host.is_empty())
        && url.username().is_empty()
        && url.password().is_none();
    url.set_fragment(None);
    usable.then_some(url)
}
