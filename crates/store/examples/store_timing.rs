//! How long a catalogue takes to be written, compared and read.
//!
//! `cargo run --release -p gatewayz-store --example store_timing -- 12543 [postgres://…]`; without a count, 1000 rows.
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::{error::Error, num::NonZeroU32, time::Instant};

use gatewayz_catalog::{
    CatalogStore, Listing, Modality, ModelId, Price, Provider, RowFilter, RowKey, Slug, StoredModel, WriteMode,
};
use gatewayz_store::{Store, StoreConfig, UnixMillis};
use serde_json::value::RawValue;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let count = args.next().map_or(Ok(1_000), |count| count.parse())?;
    let dir = tempfile::TempDir::new()?;
    let file = format!("sqlite:{}", dir.path().join("store.db").display());
    measure("sqlite", &file, count).await?;
    if let Some(url) = args.next() {
        measure("postgres", &url, count).await?;
    }
    Ok(())
}

async fn measure(name: &str, url: &str, count: usize) -> Result<(), Box<dyn Error>> {
    let store = Store::open(StoreConfig::from_url(url)?).await?;
    store.migrate().await?;
    let run = UnixMillis(1_735_732_800_000);
    let one = [provider(&format!("{name}-one"))?];
    let many: Vec<_> = (0..40)
        .map(|n| provider(&format!("{name}-{n}")))
        .collect::<Result<_, _>>()?;
    store.put_providers(&one).await?;
    store.put_providers(&many).await?;
    let rows: Vec<_> = (0..count).map(row).collect::<Result<_, Box<dyn Error>>>()?;
    let text: usize = rows
        .iter()
        .map(|row| serde_json::to_string(row).map_or(0, |text| text.len()))
        .sum();
    println!("{name}: {count} rows of {} bytes", text / count.max(1));

    let started = Instant::now();
    let mut digest = 0;
    for row in &rows {
        digest ^= row.digest().0[0];
    }
    println!("  digests alone           {:>8.1} ms  ({digest:02x})", ms(started));
    for (label, expected) in [
        ("first insert, 1 provider ", count as u64),
        ("unchanged, 1 provider    ", 0),
    ] {
        let started = Instant::now();
        let changes = store.replace_models(&one[0].slug, &rows, run, WriteMode::Apply).await?;
        println!("  {label}{:>7.1} ms", ms(started));
        assert!(changes.written() == expected || changes.added == 0);
    }
    for label in ["cold load", "warm load", "warm load"] {
        let (took, loaded) = load(&store, &one[0].slug).await?;
        assert_eq!(loaded.len(), count);
        println!("  {label}               {took:>8.1} ms");
    }
    store.replace_models(&one[0].slug, &[], run, WriteMode::Apply).await?;
    for label in ["first insert, 40        ", "unchanged, 40           "] {
        let started = Instant::now();
        for (provider, rows) in many.iter().zip(rows.chunks(count.div_ceil(40).max(1))) {
            store
                .replace_models(&provider.slug, rows, run, WriteMode::Apply)
                .await?;
        }
        println!("  {label}{:>8.1} ms", ms(started));
    }
    Ok(())
}

async fn load(store: &Store, provider: &Slug) -> Result<(f64, Vec<StoredModel>), Box<dyn Error>> {
    const PAGE: u32 = 5_000;
    let started = Instant::now();
    let filter = RowFilter {
        provider: Some(provider.clone()),
        inactive: false,
    };
    let (mut rows, mut after) = (Vec::new(), None::<RowKey>);
    loop {
        let page = store.models_page(&filter, after, PAGE).await?;
        let last = page.len() < PAGE as usize;
        after = page.last().map(|row| row.key);
        rows.extend(page);
        if last {
            return Ok((ms(started), rows));
        }
    }
}

fn ms(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1e3
}

fn provider(text: &str) -> Result<Provider, Box<dyn Error>> {
    Ok(serde_json::from_value(
        serde_json::json!({ "slug": text, "name": text }),
    )?)
}

/// A row like those of the larger providers.
fn row(n: usize) -> Result<Listing, Box<dyn Error>> {
    let mut row = Listing::new(ModelId::new(&format!("meta-llama/llama-3.{n}-70b-instruct"))?);
    row.name = format!("Meta: Llama 3.{n} 70B Instruct");
    row.developer = Some("meta-llama".to_owned());
    row.created = Some(1_700_000_000);
    row.description = Some("A large language model tuned for instructions, in several languages. ".repeat(5));
    row.context_length = NonZeroU32::new(131_072);
    row.max_output = NonZeroU32::new(16_384);
    row.input = [Modality::Text, Modality::Image].into_iter().collect();
    row.tokenizer = Some("Llama3".to_owned());
    row.pricing.prompt = Some(Price::from_steps(100_000_000));
    row.pricing.completion = Some(Price::from_steps(320_000_000));
    row.pricing_raw = Some(RawValue::from_string(
        r#"{"prompt":"0.0000001","completion":"0.00000032","request":"0"}"#.to_owned(),
    )?);
    row.supported_parameters = ["max_tokens", "seed", "stop", "temperature", "tools", "top_p"]
        .map(str::to_owned)
        .to_vec();
    row.hugging_face_id = Some("meta-llama/Llama-3.3-70B-Instruct".to_owned());
    Ok(row)
}
