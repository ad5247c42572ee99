//! The providers' lists, with keys that can be replaced while the gateway runs.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use gatewayz_cache_core::{InvalidKeyspace, Node};
use gatewayz_catalog::{FetchedList, ListError, ListSource, Slug};
use gatewayz_providers::{Client, Fetcher, HttpLists, ProviderStates, Tokens};

use crate::config::Config;

/// Lists as the present configuration has them.
#[derive(Debug)]
pub(crate) struct Lists {
    present: ArcSwap<HttpLists>,
    node: Node,
    client: Client,
    tokens: Tokens,
    states: ProviderStates,
}

impl Lists {
    /// Those of a configuration.
    ///
    /// # Errors
    ///
    /// [`InvalidKeyspace`] where the node has lists already.
    pub(crate) fn new(node: &Node, config: &Config, client: Client) -> Result<Self, InvalidKeyspace> {
        let tokens = Tokens::new(node, client.clone(), node.time().clone())?;
        let states = ProviderStates::new(node, node.time().clone())?;
        let present = made(node, config, &client, &tokens, &states);
        Ok(Self {
            present: ArcSwap::from_pointee(present),
            node: node.clone(),
            client,
            tokens,
            states,
        })
    }

    /// Takes the keys and adapters of another configuration, for fetches that begin from now on.
    pub(crate) fn replace(&self, config: &Config) {
        let present = made(&self.node, config, &self.client, &self.tokens, &self.states);
        self.present.store(Arc::new(present));
    }

    /// The lists as they are now.
    pub(crate) fn present(&self) -> Arc<HttpLists> {
        self.present.load_full()
    }

    /// How the providers fare.
    pub(crate) fn states(&self) -> &ProviderStates {
        &self.states
    }
}

fn made(node: &Node, config: &Config, client: &Client, tokens: &Tokens, states: &ProviderStates) -> HttpLists {
    let settings = config.providers.settings.clone();
    let fetcher = Fetcher::new(client.clone(), settings, tokens.clone(), node.time().clone());
    HttpLists::from_parts(config.providers.registry.clone(), fetcher, states.clone())
}

impl ListSource for Lists {
    async fn list(&self, provider: &Slug) -> Result<FetchedList, ListError> {
        self.present().list(provider).await
    }

    fn time_limit(&self, provider: &Slug) -> Duration {
        self.present.load().time_limit(provider)
    }
}
