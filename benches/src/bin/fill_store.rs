//! Writes the made-up catalogue of 12,543 models into a SQLite file, for whoever measures a server on it.

use std::error::Error;

use gatewayz_benches::models;
use gatewayz_catalog::{CatalogStore as _, WriteMode};
use gatewayz_store::{Store, StoreConfig, UnixMillis};

const NOW: UnixMillis = UnixMillis(1_770_638_400_000);

fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: fill_store FILE")?;
    tokio::runtime::Runtime::new()?.block_on(fill(&url))
}

async fn fill(url: &str) -> Result<(), Box<dyn Error>> {
    let store = Store::open(StoreConfig::from_url(url)?).await?;
    store.migrate().await?;
    let providers: Vec<_> = models::directory()
        .iter()
        .map(|provider| (**provider).clone())
        .collect();
    store.put_providers(&providers).await?;
    for (slug, list) in models::lists() {
        store.replace_models(&slug, &list, NOW, WriteMode::Apply).await?;
    }
    Ok(())
}
