//! A store in memory and lists that do what a test says.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use gatewayz_cache_core::{InvalidationGraph, Node, UnixMillis};
use gatewayz_catalog::{
    CacheOptions, Catalog, CatalogStore, Changes, Directory, FetchedList, Filter, Gateway, ListError, ListSource,
    Listing, ModelHealth, ModelId, Page, Pricing, Priority, Provider, Query, Quote, RowFilter, RowKey, Slug,
    StoreError, StoredModel, WriteMode, enrich::ManualPrices, keyspaces,
};
use gatewayz_testkit::FakeCluster;
use serde_json::Value;
use tokio::sync::Semaphore;

pub(crate) fn slug(text: &str) -> Slug {
    Slug::new(text).unwrap()
}

pub(crate) fn provider(name: &str, aliases: &[&str]) -> Provider {
    Provider {
        aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
        priority: Priority::Fast,
        ..Provider::new(slug(name), name)
    }
}

pub(crate) fn directory() -> Arc<Directory> {
    let providers = [
        provider("groq", &[]),
        provider("huggingface", &["hug"]),
        provider("openrouter", &[]),
        provider("together", &[]),
    ];
    Arc::new(Directory::new(providers).unwrap())
}

/// A listing that costs so many dollars per million tokens.
pub(crate) fn listing(id: &str, dollars: u32) -> Listing {
    let mut listing = Listing::new(ModelId::new(id).unwrap());
    let price = Quote::UsdPerMillion.price(&dollars.to_string()).unwrap();
    listing.pricing = Pricing {
        prompt: price,
        completion: price,
        ..Pricing::default()
    };
    listing
}

pub(crate) fn listings(prefix: &str, count: u32, dollars: u32) -> Vec<Listing> {
    (0..count)
        .map(|at| listing(&format!("{prefix}-{at:04}"), dollars))
        .collect()
}

#[derive(Debug, Default)]
struct Rows {
    last_key: i64,
    models: BTreeMap<(Slug, String), StoredModel>,
}

/// What a catalogue is read from, in memory.
#[derive(Debug)]
pub(crate) struct MemoryStore {
    rows: Mutex<Rows>,
    pub(crate) down: AtomicBool,
    /// Whether writes are done, and their answers lost.
    pub(crate) loses_answers: AtomicBool,
    /// Whether writes end by a panic.
    pub(crate) panics: AtomicBool,
    pub(crate) writes: AtomicU64,
    pub(crate) reads: AtomicU64,
    /// How many writes may begin.
    pub(crate) write_permits: Semaphore,
    /// Each read takes one before it looks, and one before it answers.
    pub(crate) read_permits: Semaphore,
}

impl MemoryStore {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            rows: Mutex::default(),
            down: AtomicBool::new(false),
            loses_answers: AtomicBool::new(false),
            panics: AtomicBool::new(false),
            writes: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            write_permits: Semaphore::new(1 << 20),
            read_permits: Semaphore::new(1 << 20),
        })
    }

    fn up(&self) -> Result<(), StoreError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("down".to_owned()));
        }
        Ok(())
    }

    /// Puts a list in, as a sync on another node would, without telling anybody.
    pub(crate) fn put(&self, provider: &str, listed: &[Listing]) {
        self.replace(&slug(provider), listed, UnixMillis(1_000_000), WriteMode::Apply);
    }

    fn replace(&self, provider: &Slug, listed: &[Listing], now: UnixMillis, mode: WriteMode) -> Changes {
        let mut rows = self.rows.lock().unwrap();
        let mut changes = Changes::default();
        let mut listed: BTreeMap<String, &Listing> = listed
            .iter()
            .map(|listing| (listing.id.as_str().to_owned(), listing))
            .collect();
        let present: Vec<(Slug, String)> = rows
            .models
            .keys()
            .filter(|(slug, _)| slug == provider)
            .cloned()
            .collect();
        for key in present {
            let row = rows.models.get_mut(&key).unwrap();
            match listed.remove(&key.1) {
                Some(listing) if row.removed_at.is_none() && row.listing.digest() == listing.digest() => {
                    changes.unchanged += 1;
                }
                Some(listing) => {
                    changes.changed += 1;
                    if mode == WriteMode::Apply {
                        row.listing = listing.clone();
                        row.removed_at = None;
                        row.updated_at = now;
                    }
                }
                None if row.removed_at.is_none() => {
                    changes.removed += 1;
                    if mode == WriteMode::Apply {
                        row.removed_at = Some(now);
                    }
                }
                None => {}
            }
        }
        for (id, listing) in listed {
            changes.added += 1;
            if mode == WriteMode::Apply {
                rows.last_key += 1;
                let row = StoredModel {
                    key: RowKey(rows.last_key),
                    provider: provider.clone(),
                    listing: listing.clone(),
                    operator_pricing: None,
                    health: ModelHealth::default(),
                    removed_at: None,
                    updated_at: now,
                };
                rows.models.insert((provider.clone(), id), row);
            }
        }
        changes
    }

    fn page(&self, filter: &RowFilter, after: Option<RowKey>, limit: u32) -> Vec<StoredModel> {
        let rows = self.rows.lock().unwrap();
        let mut page: Vec<StoredModel> = rows
            .models
            .values()
            .filter(|row| filter.inactive || row.removed_at.is_none())
            .filter(|row| filter.provider.as_ref().is_none_or(|slug| row.provider == *slug))
            .filter(|row| after.is_none_or(|after| row.key > after))
            .cloned()
            .collect();
        page.sort_by_key(|row| row.key);
        page.truncate(limit as usize);
        page
    }
}

impl CatalogStore for MemoryStore {
    async fn put_providers(&self, providers: &[Provider]) -> Result<Changes, StoreError> {
        self.up()?;
        Ok(Changes {
            added: providers.len() as u64,
            ..Changes::default()
        })
    }

    async fn providers(&self) -> Result<Vec<Provider>, StoreError> {
        self.up()?;
        Ok(Vec::new())
    }

    async fn replace_models(
        &self,
        provider: &Slug,
        listed: &[Listing],
        now: UnixMillis,
        mode: WriteMode,
    ) -> Result<Changes, StoreError> {
        self.up()?;
        if mode == WriteMode::Apply {
            self.write_permits.acquire().await.unwrap().forget();
        }
        let changes = self.replace(provider, listed, now, mode);
        if mode == WriteMode::Apply {
            self.writes.fetch_add(changes.written(), Ordering::SeqCst);
            assert!(!self.panics.load(Ordering::SeqCst), "a store that panics");
            if self.loses_answers.load(Ordering::SeqCst) {
                return Err(StoreError::Unavailable("the answer is lost".to_owned()));
            }
        }
        Ok(changes)
    }

    async fn models_page(
        &self,
        filter: &RowFilter,
        after: Option<RowKey>,
        limit: u32,
    ) -> Result<Vec<StoredModel>, StoreError> {
        self.up()?;
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.read_permits.acquire().await.unwrap().forget();
        let page = self.page(filter, after, limit);
        self.read_permits.acquire().await.unwrap().forget();
        Ok(page)
    }

    async fn model(&self, provider: &Slug, id: &ModelId) -> Result<Option<StoredModel>, StoreError> {
        self.up()?;
        let rows = self.rows.lock().unwrap();
        Ok(rows.models.get(&(provider.clone(), id.as_str().to_owned())).cloned())
    }

    async fn set_operator_pricing(
        &self,
        provider: &Slug,
        id: &ModelId,
        pricing: Option<&Pricing>,
        now: UnixMillis,
    ) -> Result<bool, StoreError> {
        self.up()?;
        let mut rows = self.rows.lock().unwrap();
        let Some(row) = rows.models.get_mut(&(provider.clone(), id.as_str().to_owned())) else {
            return Ok(false);
        };
        row.operator_pricing = pricing.cloned();
        row.updated_at = now;
        Ok(true)
    }

    async fn set_model_health(&self, provider: &Slug, id: &ModelId, health: &ModelHealth) -> Result<bool, StoreError> {
        self.up()?;
        let mut rows = self.rows.lock().unwrap();
        let row = rows.models.get_mut(&(provider.clone(), id.as_str().to_owned()));
        Ok(row.map(|row| row.health = *health).is_some())
    }
}

/// What a list does when it is asked for.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Rows(Vec<Listing>),
    Fails(ListError),
    Hangs,
}

/// Lists that do what a test says.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    answers: Mutex<BTreeMap<Slug, Answer>>,
    pub(crate) asked: AtomicU64,
    pub(crate) running: AtomicUsize,
    pub(crate) most_running: AtomicUsize,
}

impl Lists {
    pub(crate) fn set(&self, provider: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(slug(provider), answer);
    }
}

impl ListSource for Lists {
    async fn list(&self, provider: &Slug) -> Result<FetchedList, ListError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_running.fetch_max(running, Ordering::SeqCst);
        tokio::task::yield_now().await;
        let answer = self.answers.lock().unwrap().get(provider).cloned();
        let outcome = match answer {
            None => Err(ListError::NoList(provider.clone())),
            Some(Answer::Rows(listings)) => Ok(FetchedList {
                listings,
                ..FetchedList::default()
            }),
            Some(Answer::Fails(error)) => Err(error),
            Some(Answer::Hangs) => std::future::pending().await,
        };
        self.running.fetch_sub(1, Ordering::SeqCst);
        outcome
    }

    fn time_limit(&self, _provider: &Slug) -> Duration {
        Duration::from_secs(15)
    }
}

/// A node of a cluster.
pub(crate) fn node(cluster: &FakeCluster) -> Node {
    let graph = keyspaces::declare(InvalidationGraph::new());
    Node::builder().shared(cluster.node()).graph(graph).build().unwrap()
}

/// A node without a cluster.
pub(crate) fn alone() -> Node {
    Node::builder()
        .graph(keyspaces::declare(InvalidationGraph::new()))
        .build()
        .unwrap()
}

pub(crate) fn catalog(node: &Node, store: &Arc<MemoryStore>) -> Catalog<MemoryStore> {
    let manual = ManualPrices::default();
    Catalog::new(node, Arc::clone(store), directory(), manual, CacheOptions::default()).unwrap()
}

/// The first hundred models of a gateway, or of `all`.
pub(crate) fn of(gateway: &str) -> Query {
    Query {
        filter: Filter {
            gateway: match gateway {
                "all" => Gateway::All,
                name => Gateway::Provider(slug(name)),
            },
            ..Filter::default()
        },
        ..Query::default()
    }
}

pub(crate) fn json(page: &Page) -> Value {
    let body: Vec<u8> = page.parts().flat_map(|part| part.to_vec()).collect();
    serde_json::from_slice(&body).unwrap()
}
