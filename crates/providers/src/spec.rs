//! How a provider's list is asked for and read: an adapter is this data, and where that is not enough, a named
//! function.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

/// How the list of one provider is fetched. What its rows mean is said by the mapping.
///
/// In `url` and in header values, `{NAME}` stands for the setting of that name, such as `{CLOUDFLARE_ACCOUNT_ID}`, or
/// `{NAME:default}`. Settings that are missing make the provider "not configured", never a request.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ListSpec {
    /// Where the list is.
    pub url: String,
    /// Where it is asked for next when the key is refused: the same account's other regions.
    #[serde(default)]
    pub fallback_urls: Vec<String>,
    /// How the request proves who asks.
    #[serde(default)]
    pub auth: Auth,
    /// Settings that may hold the key, the first that is set wins.
    #[serde(default)]
    pub key_env: Vec<String>,
    /// Whether the list is answered without a key. The key is sent where there is one.
    #[serde(default)]
    pub public: bool,
    /// Further headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How a list comes in parts.
    #[serde(default)]
    pub paging: Paging,
    /// How long one whole list may take, in seconds.
    #[serde(default = "ListSpec::default_timeout")]
    pub timeout_secs: u16,
    /// The greatest number of bytes of one whole list, unpacked.
    #[serde(default = "ListSpec::default_max_bytes")]
    pub max_bytes: u64,
    /// Where in the answer the rows are: keys joined by `.`, empty for a bare array; `|` between places of which the
    /// first that is there counts.
    #[serde(default = "ListSpec::default_rows")]
    pub rows: String,
}

impl ListSpec {
    /// How long one whole list may take.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_secs as u64)
    }

    const fn default_timeout() -> u16 {
        15
    }

    const fn default_max_bytes() -> u64 {
        100 << 20
    }

    fn default_rows() -> String {
        "data".to_owned()
    }
}

/// How a request proves who asks.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    /// `Authorization: Bearer <key>`
    #[default]
    Bearer,
    /// Not at all.
    None,
    /// `Authorization: <scheme> <key>`
    Scheme(String),
    /// `<header>: <key>`
    Header(String),
    /// A short-lived token, exchanged for a service account's signature (Google).
    GoogleServiceAccount,
    /// A short-lived token, exchanged for another token at this URL (GitHub Copilot).
    Exchange(String),
}

/// How a list comes in parts. Paths into the body are keys joined by `.`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "style")]
pub enum Paging {
    /// In one piece.
    #[default]
    None,
    /// Each answer names where the next one begins.
    Cursor {
        /// Further query parameters, such as the size of a page.
        #[serde(default)]
        query: BTreeMap<String, String>,
        /// The query parameter that carries it.
        parameter: String,
        /// Where in the body the next one is named; absent, null or empty: it was the last page.
        next: String,
        /// Where in the body it says whether there is more; where that is named and not `true`, it was the last page.
        #[serde(default)]
        more: Option<String>,
    },
    /// Pages have numbers.
    Number {
        /// Further query parameters, such as the size of a page.
        #[serde(default)]
        query: BTreeMap<String, String>,
        /// The query parameter that carries the number.
        parameter: String,
        /// The number of the first page.
        first: u32,
        /// Where in the body the number of pages is; without it, a page with fewer rows than the first was the last.
        #[serde(default)]
        total: Option<String>,
    },
}
