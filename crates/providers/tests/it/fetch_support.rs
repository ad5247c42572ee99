//! A registry of one provider, which is simulated.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use gatewayz_cache_core::{Node, Time};
use gatewayz_catalog::{FetchedList, ListError, ListSource, Slug};
use gatewayz_providers::{
    Client, ClientConfig, EgressPolicy, Fetcher, HttpLists, ProviderStates, Registry, Retries, Settings, Tokens,
};
use gatewayz_testkit::{ManualClock, SimulatedProvider};

/// The path of the list.
pub(crate) const LIST: &str = "/v1/models";
pub(crate) const KEY: &str = "sk-canary-0123456789abcdef";
pub(crate) const TWO: &str = r#"{"object":"list","data":[{"id":"a"},{"id":"b"}]}"#;

/// A client that may ask this machine, and waits for nothing long.
pub(crate) fn config() -> ClientConfig {
    let mut config = ClientConfig::default();
    config.egress = EgressPolicy::new().with_allowed_host("127.0.0.1");
    config.connect_timeout = Duration::from_secs(2);
    config.stall_timeout = Duration::from_millis(300);
    config.hosts = BTreeMap::from([("inside.test".to_owned(), vec![Ipv4Addr::LOCALHOST.into()])]);
    config
}

pub(crate) fn client() -> Client {
    Client::new(&config()).unwrap()
}

pub(crate) fn slug(text: &str) -> Slug {
    Slug::new(text).unwrap()
}

pub(crate) fn settings() -> Settings {
    [("TEST_KEY", KEY), ("ACCOUNT", "acc/ount 7"), ("REGION", "eu")]
        .into_iter()
        .collect()
}

/// One provider, and who asks it.
pub(crate) struct World {
    pub(crate) provider: SimulatedProvider,
    pub(crate) lists: HttpLists,
    pub(crate) clock: ManualClock,
    pub(crate) slug: Slug,
}

/// How a world is made.
pub(crate) struct Setup {
    pub(crate) slug: &'static str,
    /// The table of the list, without its URL; `URL` stands for the simulated provider.
    pub(crate) list: String,
    pub(crate) url: &'static str,
    pub(crate) settings: Settings,
    pub(crate) client: Client,
    pub(crate) retries: u32,
    pub(crate) node: Option<(Node, ManualClock)>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            slug: "testing",
            list: "key_env = [\"TEST_KEY\"]".to_owned(),
            url: "URL/v1/models",
            settings: settings(),
            client: client(),
            retries: 0,
            node: None,
        }
    }
}

impl Setup {
    pub(crate) fn list(list: &str) -> Self {
        Self {
            list: list.to_owned(),
            ..Self::default()
        }
    }

    pub(crate) async fn start(self) -> World {
        let provider = SimulatedProvider::start().await.unwrap();
        provider.route(LIST, gatewayz_testkit::simulated::Reply::json(TWO));
        self.with(provider)
    }

    pub(crate) fn with(self, provider: SimulatedProvider) -> World {
        let (node, clock) = self.node.unwrap_or_else(|| {
            let clock = ManualClock::new();
            (Node::builder().time(clock.time()).build().unwrap(), clock)
        });
        let time: Time = clock.time();
        let toml = format!(
            "[{0}]\nname = \"Testing\"\n[{0}.list]\nurl = \"{1}\"\n{2}\n",
            self.slug, self.url, self.list
        );
        let registry = Registry::from_toml(&toml.replace("URL", &provider.url())).unwrap();
        let tokens = Tokens::new(&node, self.client.clone(), time.clone()).unwrap();
        let states = ProviderStates::new(&node, time.clone()).unwrap();
        let mut retries = Retries::default().with_pause(Duration::from_millis(10));
        retries.most = self.retries;
        let fetcher = Fetcher::new(self.client, self.settings, tokens, time).with_retries(retries);
        World {
            provider,
            lists: HttpLists::from_parts(registry, fetcher, states),
            clock,
            slug: slug(self.slug),
        }
    }
}

impl World {
    pub(crate) async fn list(&self) -> Result<FetchedList, ListError> {
        self.lists.list(&self.slug).await
    }

    /// The list of a provider that was not left alone.
    pub(crate) async fn list_anew(&self) -> Result<FetchedList, ListError> {
        let _alone = self.lists.states().reset(&self.slug).await;
        self.list().await
    }

    pub(crate) fn n_requests(&self) -> usize {
        self.provider.requests().len()
    }
}

/// The ids of a list, in its order.
pub(crate) fn ids(list: &FetchedList) -> Vec<String> {
    list.listings.iter().map(|listing| listing.id.to_string()).collect()
}
