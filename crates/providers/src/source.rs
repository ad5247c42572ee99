//! The lists of all providers, over the network.

use std::{fmt, sync::Arc, time::Duration};

use gatewayz_cache_core::{InvalidKeyspace, Node, Time};
use gatewayz_catalog::{FetchedList, ListError, ListSource, Slug};

use crate::{
    http::{client::Client, fetch::Fetcher, intake::ListSink, settings::Settings},
    mapping::ListReader,
    registry::Registry,
    rows::Envelope,
    state::ProviderStates,
    token::Tokens,
};

/// Lists models by asking their providers, as a [`Registry`] says. Cheap to clone.
///
/// A provider that failed is left alone for a while (see [`ProviderStates`]): it is then not asked, and the answer is
/// [`ListError::BackedOff`]. Nothing is remembered of a list: whoever keeps lists keeps the last good one, whatever this
/// answers. Providers without a list of their own have the rows that the registry has for them.
///
/// ```no_run
/// use gatewayz_cache_core::{Node, Time};
/// use gatewayz_catalog::{ListSource, Slug};
/// use gatewayz_providers::{Client, ClientConfig, HttpLists, Registry, Settings};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let settings: Settings = [("OPENAI_API_KEY", "sk-..")].into_iter().collect();
/// let client = Client::new(&ClientConfig::default())?;
/// let lists = HttpLists::new(&Node::alone(), Time::default(), Registry::builtin()?, client, settings)?;
/// let models = lists.list(&Slug::new("openai")?).await?;
/// println!("{} models", models.listings.len());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct HttpLists(Arc<Inner>);

struct Inner {
    registry: Registry,
    fetcher: Fetcher,
    states: ProviderStates,
}

/// What the time limit of a list leaves out: looking at states and telling them to others.
const BESIDE: Duration = Duration::from_secs(2);

impl HttpLists {
    /// Registers what it keeps with a node; `time` should be the node's.
    ///
    /// # Errors
    ///
    /// [`InvalidKeyspace`] when the node has such lists already.
    pub fn new(
        node: &Node,
        time: Time,
        registry: Registry,
        client: Client,
        settings: Settings,
    ) -> Result<Self, InvalidKeyspace> {
        let tokens = Tokens::new(node, client.clone(), time.clone())?;
        let states = ProviderStates::new(node, time.clone())?;
        let fetcher = Fetcher::new(client, settings, tokens, time);
        Ok(Self::from_parts(registry, fetcher, states))
    }

    /// Made of parts that are there already.
    #[must_use]
    pub fn from_parts(registry: Registry, fetcher: Fetcher, states: ProviderStates) -> Self {
        Self(Arc::new(Inner {
            registry,
            fetcher,
            states,
        }))
    }

    /// The providers.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// How they fare.
    #[must_use]
    pub fn states(&self) -> &ProviderStates {
        &self.0.states
    }

    /// What a provider's list needs that is not set, if anything.
    ///
    /// # Errors
    ///
    /// [`ListError::NoList`] and [`ListError::NotConfigured`].
    pub fn check(&self, provider: &Slug) -> Result<(), ListError> {
        let adapter = self.0.registry.adapter(provider).ok_or_else(|| no_list(provider))?;
        match adapter.list() {
            Some(spec) => self.0.fetcher.missing_setting(provider, spec).map_or(Ok(()), Err),
            None if adapter.fixed().is_some() => Ok(()),
            None => Err(no_list(provider)),
        }
    }
}

impl ListSource for HttpLists {
    async fn list(&self, provider: &Slug) -> Result<FetchedList, ListError> {
        let inner = &*self.0;
        let adapter = inner.registry.adapter(provider).ok_or_else(|| no_list(provider))?;
        let Some(spec) = adapter.list() else {
            return adapter.fixed().ok_or_else(|| no_list(provider));
        };
        // What is not configured has no state.
        if let Some(missing) = inner.fetcher.missing_setting(provider, spec) {
            return Err(missing);
        }
        let permit = inner.states.admit(provider).await?;
        let mut reader = adapter.reader();
        let fetched = inner.fetcher.fetch(provider, spec, &mut reader).await;
        match fetched.and_then(|_read| reader.into_list()) {
            Ok(list) => {
                let rows = list.listings.len() as u64;
                inner.states.succeeded(provider, permit, rows).await;
                Ok(list)
            }
            Err(error) => {
                inner.states.failed(provider, permit, &error).await;
                Err(error)
            }
        }
    }

    fn time_limit(&self, provider: &Slug) -> Duration {
        let adapter = self.0.registry.adapter(provider);
        let list = adapter.and_then(|adapter| adapter.list().map(crate::spec::ListSpec::timeout));
        list.unwrap_or_default() + BESIDE
    }
}

impl ListSink for ListReader {
    fn push(&mut self, bytes: &[u8]) -> Result<(), ListError> {
        Self::push(self, bytes)
    }

    fn finish_page(&mut self) -> Result<Envelope, ListError> {
        Self::finish_page(self)
    }
}

fn no_list(provider: &Slug) -> ListError {
    ListError::NoList(provider.clone())
}

impl fmt::Debug for HttpLists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpLists").finish_non_exhaustive()
    }
}
