//! Short-lived tokens, exchanged for keys and kept in this process only.

mod exchange;
mod service_account;

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use foldhash::fast::RandomState;
use gatewayz_cache_core::{
    Cache, InvalidKeyspace, Keyspace, LoadError, Loaded, Loader, Node, Pace, Policy, Refreshed, Tick, Time,
};
use gatewayz_catalog::{ListError, Slug};
use parking_lot::Mutex;

use crate::{
    http::{
        client::Client,
        settings::{Redactor, Secret},
    },
    spec::Auth,
};

/// Tokens by provider. They never enter the shared tier, and no invalidation of another node concerns them.
const TOKENS: Keyspace = Keyspace::new(
    "provider_token",
    Policy::new(Duration::from_secs(3600))
        .with_timeouts(Duration::from_secs(2), Duration::from_secs(10))
        .incoherent(),
)
.secret();

/// So long before it ends a token is no longer used, or half of its life where that is less.
const MARGIN: Duration = Duration::from_secs(60);
/// For so long nobody asks again after an exchange failed.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Short-lived tokens: of Google's service accounts, and of exchanges in the manner of GitHub Copilot.
///
/// A token is kept until a minute before it ends and renewed in the background before that. However many callers need
/// one at once, one exchange is made. A failed exchange is told to all who waited and to those who come in the next
/// five seconds.
#[derive(Clone)]
pub struct Tokens {
    cache: Cache<Slug, Secret>,
    exchanger: Arc<Exchanger>,
}

/// Which token is good enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Any that has not ended.
    Any,
    /// One that is made now: the one at hand was refused.
    New,
}

struct Exchanger {
    client: Client,
    time: Time,
    failures: Mutex<HashMap<Slug, (Tick, ListError), RandomState>>,
}

/// A token as it was given.
struct Fresh {
    token: Secret,
    life: Duration,
}

impl Tokens {
    /// Keeps tokens in the memory of `node`, read against `time`, which should be the node's.
    ///
    /// # Errors
    ///
    /// [`InvalidKeyspace`] when the node has tokens already.
    pub fn new(node: &Node, client: Client, time: Time) -> Result<Self, InvalidKeyspace> {
        Ok(Self {
            cache: node.local_cache(TOKENS).build()?,
            exchanger: Arc::new(Exchanger {
                client,
                time,
                failures: Mutex::default(),
            }),
        })
    }

    /// A token for the key of a provider; `key` comes with the name of its setting.
    pub(crate) async fn token(
        &self,
        provider: &Slug,
        auth: &Auth,
        key: (&str, &Secret),
        wanted: Wanted,
    ) -> Result<Secret, ListError> {
        let loader = Arc::new(Exchange {
            exchanger: Arc::clone(&self.exchanger),
            auth: auth.clone(),
            setting: key.0.to_owned(),
            key: key.1.clone(),
        });
        let found = match wanted {
            Wanted::Any => self.cache.get_or_load(provider, &loader).await,
            Wanted::New => match self.cache.refresh(provider, &loader, Pace::Force).await {
                Ok(Refreshed::Done(lookup) | Refreshed::Coalesced(lookup)) => Ok(lookup),
                Ok(_skipped) => self.cache.get_or_load(provider, &loader).await,
                Err(error) => Err(error),
            },
        };
        match found {
            Ok(lookup) => lookup
                .value
                .map(|token| (*token).clone())
                .ok_or_else(|| ListError::Malformed("the exchange gave no token".to_owned())),
            Err(error) => Err(told(&error)),
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

fn told(error: &LoadError) -> ListError {
    match error {
        LoadError::TimedOut(limit) => ListError::TimedOut(*limit),
        error => error
            .loader::<ListError>()
            .cloned()
            .unwrap_or_else(|| ListError::Connect("the exchange of tokens was given up".to_owned())),
    }
}

/// One exchange.
struct Exchange {
    exchanger: Arc<Exchanger>,
    auth: Auth,
    setting: String,
    key: Secret,
}

impl Loader<Slug, Secret> for Exchange {
    type Error = ListError;

    async fn load(&self, provider: &Slug) -> Result<Loaded<Secret>, ListError> {
        let exchanger = &self.exchanger;
        if let Some(error) = exchanger.recent_failure(provider) {
            return Err(error);
        }
        match Box::pin(self.exchange(provider)).await {
            Ok(fresh) => {
                exchanger.failures.lock().remove(provider);
                let margin = MARGIN.min(fresh.life / 2);
                Ok(Loaded::found(fresh.token).with_ttl(fresh.life.saturating_sub(margin)))
            }
            Err(error) => {
                let now = exchanger.time.now();
                exchanger.failures.lock().insert(provider.clone(), (now, error.clone()));
                Err(error)
            }
        }
    }
}

impl Exchange {
    async fn exchange(&self, provider: &Slug) -> Result<Fresh, ListError> {
        let mut redactor = Redactor::default();
        redactor.hide(self.key.expose());
        match &self.auth {
            Auth::GoogleServiceAccount => {
                service_account::token(&self.exchanger, provider, &self.setting, &self.key, &mut redactor).await
            }
            Auth::Exchange(url) => {
                exchange::token(&self.exchanger, provider, (&self.setting, &self.key), url, &redactor).await
            }
            _ => Ok(Fresh {
                token: self.key.clone(),
                life: Duration::ZERO,
            }),
        }
    }
}

impl Exchanger {
    fn recent_failure(&self, provider: &Slug) -> Option<ListError> {
        let failures = self.failures.lock();
        let (at, error) = failures.get(provider)?;
        (self.time.now().since(*at) < AFTER_FAILURE).then(|| error.clone())
    }
}
