//! A catalogue and an account in memory: `cargo run -p gatewayz-store --example store_quickstart`.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use gatewayz_catalog::{CatalogStore, Listing, ModelId, Provider, RowFilter, Slug, WriteMode};
use gatewayz_store::{AccountStore, KeyDigest, NewKey, NewUser, Store, StoreConfig, TransactionKind, UnixMillis, Usd};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // `sqlite:gateway.db` and `postgres://gateway@localhost/gateway` work the same.
    let store = Store::open(StoreConfig::from_url("sqlite::memory:")?).await?;
    println!("schema {}", store.migrate().await?.to);

    let acme: Provider = serde_json::from_str(r#"{"slug": "acme", "name": "Acme"}"#)?;
    store.put_providers(&[acme]).await?;
    let (acme, now) = (Slug::new("acme")?, UnixMillis(1_735_732_800_000));
    let listed = [
        Listing::new(ModelId::new("acme/one")?),
        Listing::new(ModelId::new("acme/two")?),
    ];
    let first = store.replace_models(&acme, &listed, now, WriteMode::Apply).await?;
    let again = store.replace_models(&acme, &listed, now, WriteMode::Apply).await?;
    println!("{} rows written, then {}", first.written(), again.written());
    for row in store.models_page(&RowFilter::default(), None, 100).await? {
        println!("{} lists {}", row.provider, row.listing.id);
    }

    let ann = store.create_user(&NewUser::new("ann", "ann@example.org")).await?;
    store
        .add_credits(ann, "5".parse()?, TransactionKind::Grant, "welcome")
        .await?;
    // The digest is an HMAC of the key with the installation's secret.
    let digest = KeyDigest::new([7; 32]);
    store.create_key(&NewKey::new(ann, digest, "wxyz")).await?;
    let key = store.key_by_digest(digest).await?.ok_or("no such key")?;
    println!("{} may use models: {}", key.user.username, key.is_usable(now));

    let price: Usd = "0.0025".parse()?;
    for _lost_answer in 0..2 {
        let receipt = store.charge(ann, price, "request 1").await?;
        println!("{:?} are left, charged before: {}", receipt.after, receipt.repeated);
    }
    Ok(())
}
