//! The tokens that Modelz trades, cached under the names that the earlier system used.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use gatewayz_cache_core::{
    Cache, InvalidKeyspace, Jitter, Keyspace, LoadError, Loaded, Loader, Node, Pace, Policy, Propagation, Refreshed,
    Time, UnixMillis,
};
use http::{Request, header};
use serde_json::Value;
use thiserror::Error;
use tokio::time::timeout;

use super::{replicated::Replicated, text::Text};
use crate::http::{client::Client, refusal::Refusal, settings::Redactor};

/// `modelz:tokens`: a JSON list. The documentation of its endpoint says 1800 seconds, the earlier code 3600: fresh for
/// the one, and served up to the other while Modelz does not answer.
const TOKENS: Keyspace = Keyspace::new(
    "modelz:tokens",
    Policy::new(TTL)
        .with_stale(Duration::from_secs(1800))
        .with_jitter(Jitter::NONE)
        .with_timeouts(Duration::from_secs(1), LIMIT),
);
/// `modelz:timestamp`: Unix seconds, as text.
const TIMESTAMP: Keyspace = Keyspace::new(
    "modelz:timestamp",
    Policy::new(Duration::from_secs(3600)).with_jitter(Jitter::NONE),
);
const TTL: Duration = Duration::from_secs(1800);
/// How long Modelz may take.
const LIMIT: Duration = Duration::from_secs(15);
/// The greatest answer.
const MOST: usize = 16 << 20;
const URL: &str = "https://backend.alpacanetwork.ai/api/tokens";

/// Why there are no tokens.
#[derive(Clone, Debug, Error)]
#[error("modelz: {0}")]
pub struct ModelzError(String);

/// The cached tokens.
#[derive(Clone)]
pub struct ModelzTokens {
    cache: Cache<(), Vec<Value>>,
    timestamp: Arc<Replicated<(), String>>,
    source: Arc<Source>,
    time: Time,
}

/// How old the cached tokens are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ModelzStatus {
    /// How many there are.
    pub cache_size: usize,
    /// When Modelz gave them.
    pub timestamp: Option<UnixMillis>,
    /// How long they are fresh.
    pub ttl: Duration,
    /// How old they are.
    pub age: Option<Duration>,
    /// Whether they are fresh.
    pub is_valid: bool,
}

impl ModelzTokens {
    /// Caches tokens on a node; `time` should be the node's.
    ///
    /// # Errors
    ///
    /// [`InvalidKeyspace`] when the node has them already.
    pub fn new(node: &Node, client: Client, time: Time) -> Result<Self, InvalidKeyspace> {
        Self::from_url(node, client, time, URL)
    }

    /// The same, asked for elsewhere.
    ///
    /// # Errors
    ///
    /// [`InvalidKeyspace`] when the node has them already.
    pub fn from_url(node: &Node, client: Client, time: Time, url: &str) -> Result<Self, InvalidKeyspace> {
        let timestamp = node.cache(TIMESTAMP).codec(Text).build()?;
        Ok(Self {
            cache: node.cache(TOKENS).build()?,
            timestamp: Arc::new(Replicated::new(timestamp, time.clone())),
            source: Arc::new(Source {
                client,
                url: url.to_owned(),
                time: time.clone(),
            }),
            time,
        })
    }

    /// All tokens, or those that are graduated or not.
    ///
    /// # Errors
    ///
    /// [`ModelzError`] when none are cached and Modelz gives none.
    pub async fn tokens(&self, is_graduated: Option<bool>) -> Result<Vec<Value>, ModelzError> {
        let found = self
            .cache
            .get_or_load(&(), &self.source)
            .await
            .map_err(|error| told(&error))?;
        self.note(found.age()).await;
        let all = found.value.unwrap_or_default();
        let wanted = |token: &&Value| {
            is_graduated.is_none_or(|wanted| token.get("isGraduated").and_then(Value::as_bool) == Some(wanted))
        };
        Ok(all.iter().filter(wanted).cloned().collect())
    }

    /// Asks Modelz now. How many tokens there are.
    ///
    /// # Errors
    ///
    /// [`ModelzError`] when it does not answer; what is cached stays.
    pub async fn refresh(&self) -> Result<usize, ModelzError> {
        match self.cache.refresh(&(), &self.source, Pace::Force).await {
            Ok(Refreshed::Done(found) | Refreshed::Coalesced(found)) => {
                self.note(found.age()).await;
                Ok(found.value.map_or(0, |tokens| tokens.len()))
            }
            Ok(_skipped) => Ok(0),
            Err(error) => Err(told(&error)),
        }
    }

    /// Forgets the tokens, on every node.
    pub async fn clear(&self) -> Propagation {
        let timestamp = self.timestamp.write([((), None)]).await;
        timestamp.and(self.cache.clear().await)
    }

    /// How old the tokens are. Asks nobody for new ones.
    pub async fn status(&self) -> ModelzStatus {
        let found = self.cache.get(&()).await;
        let age = found.as_ref().map(gatewayz_cache_core::Lookup::age);
        ModelzStatus {
            cache_size: found.and_then(|found| found.value).map_or(0, |tokens| tokens.len()),
            timestamp: age.map(|age| self.time.wall().before(age)),
            ttl: TTL,
            age,
            is_valid: age.is_some_and(|age| age < TTL),
        }
    }

    /// Keeps the time at which Modelz gave the tokens beside them.
    async fn note(&self, age: Duration) {
        // To the second: what was read once more is no news.
        let at = self.time.wall().before(age).0.div_ceil(1000);
        let known = self
            .timestamp
            .read(&())
            .await
            .and_then(|(text, _)| text.parse::<u64>().ok());
        if known.is_none_or(|known| known.abs_diff(at) > 1) {
            let _told_later_where_deferred = self.timestamp.write([((), Some(at.to_string()))]).await;
        }
    }
}

impl fmt::Debug for ModelzTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelzTokens").finish_non_exhaustive()
    }
}

fn told(error: &LoadError) -> ModelzError {
    error
        .loader::<ModelzError>()
        .cloned()
        .unwrap_or_else(|| ModelzError(error.to_string()))
}

struct Source {
    client: Client,
    url: String,
    time: Time,
}

impl Source {
    async fn ask(&self) -> Result<Vec<Value>, ModelzError> {
        let failed = |error: &dyn fmt::Display| ModelzError(error.to_string());
        let request = Request::get(&self.url)
            .header(header::ACCEPT, "application/json")
            .body(Bytes::new())
            .map_err(|error| failed(&error))?;
        let mut answer = self.client.send(request).await.map_err(|error| failed(&error))?;
        let status = answer.status();
        let body = answer.body_mut().all(MOST).await.map_err(|error| failed(&error))?;
        let body = body.ok_or_else(|| failed(&"its answer is too long"))?;
        if !status.is_success() {
            let refusal = Refusal::read_hiding(
                status.as_u16(),
                answer.headers(),
                &body,
                self.time.wall(),
                &Redactor::default(),
            );
            return Err(failed(&format!("status {status}: {}", refusal.message)));
        }
        let list = match serde_json::from_slice(&body) {
            Ok(Value::Array(list)) => Some(list),
            Ok(Value::Object(mut object)) => ["tokens", "data"].iter().find_map(|key| match object.remove(*key) {
                Some(Value::Array(list)) => Some(list),
                _ => None,
            }),
            _ => None,
        };
        list.ok_or_else(|| failed(&"its answer is no list"))
    }
}

impl Loader<(), Vec<Value>> for Source {
    type Error = ModelzError;

    async fn load(&self, _key: &()) -> Result<Loaded<Vec<Value>>, ModelzError> {
        match timeout(LIMIT, self.ask()).await {
            Ok(list) => list.map(Loaded::found),
            Err(_elapsed) => Err(ModelzError(format!("no answer within {LIMIT:?}"))),
        }
    }
}
