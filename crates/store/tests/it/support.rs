//! Stores in private places, and lists to fill them.

use gatewayz_catalog::{
    CatalogStore as _, Listing, ModelId, Provider, RowFilter, RowKey, Slug, StoredModel, WriteMode,
};
use gatewayz_store::{Store, StoreConfig, UnixMillis};
use gatewayz_testkit::Postgres;
use tempfile::TempDir;

/// An open, migrated store, and what has to outlive it.
pub(crate) struct Place {
    pub(crate) store: Store,
    pub(crate) url: String,
    pub(crate) _dir: Option<TempDir>,
}

pub(crate) async fn open(url: &str) -> Store {
    let store = Store::open(StoreConfig::from_url(url).unwrap()).await.unwrap();
    store.migrate().await.unwrap();
    store
}

async fn place(url: String, dir: Option<TempDir>) -> Place {
    let store = open(&url).await;
    Place { store, url, _dir: dir }
}

pub(crate) async fn memory() -> Place {
    place("sqlite::memory:".to_owned(), None).await
}

pub(crate) async fn sqlite_file() -> Place {
    let dir = TempDir::new().unwrap();
    place(format!("sqlite:{}", dir.path().join("store.db").display()), Some(dir)).await
}

pub(crate) async fn postgres_server() -> Place {
    place(Postgres::shared().await.unwrap().fresh_database().await.unwrap(), None).await
}

pub(crate) const NOON: UnixMillis = UnixMillis(1_735_732_800_000);
pub(crate) const LATER: UnixMillis = UnixMillis(1_735_732_860_000);

pub(crate) fn slug(text: &str) -> Slug {
    Slug::new(text).unwrap()
}

pub(crate) fn id(text: &str) -> ModelId {
    ModelId::new(text).unwrap()
}

pub(crate) fn provider(text: &str) -> Provider {
    Provider::new(slug(text), text.to_uppercase())
}

/// A listing whose description tells versions of it apart.
pub(crate) fn listing(text: &str, version: u32) -> Listing {
    let mut listing = Listing::new(id(text));
    listing.description = Some(format!("version {version}"));
    listing
}

pub(crate) fn listings(ids: &[(&str, u32)]) -> Vec<Listing> {
    ids.iter().map(|&(id, version)| listing(id, version)).collect()
}

/// A store with one provider, `acme`, that lists these.
pub(crate) async fn with_list(store: &Store, ids: &[(&str, u32)]) -> Slug {
    let acme = slug("acme");
    store.put_providers(&[provider("acme")]).await.unwrap();
    store
        .replace_models(&acme, &listings(ids), NOON, WriteMode::Apply)
        .await
        .unwrap();
    acme
}

/// All rows, in pages of seven.
pub(crate) async fn all(store: &Store, inactive: bool) -> Vec<StoredModel> {
    let filter = RowFilter {
        provider: None,
        inactive,
    };
    let (mut rows, mut after) = (Vec::new(), None::<RowKey>);
    loop {
        let page = store.models_page(&filter, after, 7).await.unwrap();
        let last = page.len() < 7;
        after = page.last().map(|row| row.key).or(after);
        rows.extend(page);
        if last {
            return rows;
        }
    }
}

/// Id and version of all active rows, by id. In one page: what a dropped call wrote may appear at any time.
pub(crate) async fn shown(store: &Store) -> Vec<(String, String)> {
    let rows = store.models_page(&RowFilter::default(), None, u32::MAX).await.unwrap();
    let mut shown: Vec<_> = rows
        .into_iter()
        .map(|row| (row.listing.id.to_string(), row.listing.description.unwrap_or_default()))
        .collect();
    shown.sort();
    shown
}

pub(crate) fn versions(ids: &[(&str, u32)]) -> Vec<(String, String)> {
    ids.iter()
        .map(|&(id, version)| (id.to_owned(), format!("version {version}")))
        .collect()
}
