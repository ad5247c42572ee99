//! Writes the made-up catalogue of 12,543 models into a SQLite file, for whoever measures a server on it.

use std::error::Error;

use gatewayz_benches::models;
use gatewayz_catalog::{CatalogStore as _, WriteMode};
use gatewayz_providers::Registry;
use gatewayz_store::{Store, StoreConfig, UnixMillis};

const NOW: UnixMillis = UnixMillis(1_770_638_400_000);

fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: fill_store FILE")?;
    tokio::runtime::Runtime::new()?.block_on(fill(&url))
}

async fn fill(url: &str) -> Result<(), Box<dyn Error>> {
    let store = Store::open(StoreConfig::from_url(url)?).await?;
    store.migrate().await?;
    // Under the names of active providers: rows of others are none of the gateway's.
    let registry = Registry::builtin()?;
    let providers: Vec<_> = registry
        .directory()
        .iter()
        .map(|provider| (**provider).clone())
        .collect();
    let lists = models::lists();
    let active: Vec<_> = providers.iter().filter(|provider| provider.active).collect();
    if active.len() < lists.len() {
        return Err(format!("{} lists for {} providers", lists.len(), active.len()).into());
    }
    store.put_providers(&providers).await?;
    for (provider, (_, list)) in active.iter().zip(&lists) {
        store
            .replace_models(&provider.slug, list, NOW, WriteMode::Apply)
            .await?;
    }
    Ok(())
}
