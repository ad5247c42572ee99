//! How well canonical names agree with public catalogues, what they get wrong, and what they cost.
//!
//! `cargo run --release -p gatewayz-catalog --example names_score -- [tuned|held-out|all|hugging-face|merged|name|enrich|time]`

#![expect(clippy::print_stdout, reason = "its output is its purpose")]
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::{collections::BTreeMap, path::Path, time::Instant};

use gatewayz_catalog::{
    Listing, ModelId, Pricing, PricingSource, Quote, Slug,
    enrich::{ManualPrices, Prices, Reference},
    name,
};

#[path = "../tests/names/truth.rs"]
mod truth;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let what = std::env::args().nth(1).unwrap_or_default();
    let data = |path: &str| gatewayz_testkit::require_shared_data(path);
    let models_dev = truth::models_dev(&data("catalogs/models-dev.toml.2026-07-02.tar.gz")?)
        .ok_or("the archive of models.dev cannot be read")?;
    let hugging_face = truth::hugging_face(&[
        data("provider-models/openrouter.2025-04-09.json")?,
        data("provider-models/openrouter.2025-11-03.json")?,
        data("provider-models/openrouter.json")?,
    ])
    .ok_or("the lists of OpenRouter cannot be read")?;
    match what.as_str() {
        "tuned" => println!("{}", errors(&models_dev, truth::Offer::tuned).join("\n")),
        "held-out" => println!("{}", errors(&models_dev, |offer| !offer.tuned()).join("\n")),
        "all" => println!("{}", errors(&models_dev, |_| true).join("\n")),
        "hugging-face" => println!("{}", errors(&hugging_face, truth::Offer::tuned).join("\n")),
        "name" => named()?,
        "merged" => merged(&ids(&data("provider-models/index.json")?)?),
        "enrich" => enrich(
            &ids(&data("provider-models/index.json")?)?,
            &data("provider-models/openrouter.json")?,
        )?,
        "time" => time(&ids(&data("provider-models/index.json")?)?),
        _ => {
            println!(
                "models.dev, tuned    {}",
                truth::score(&models_dev, truth::Offer::tuned)
            );
            println!(
                "models.dev, held out {}",
                truth::score(&models_dev, |offer| !offer.tuned())
            );
            println!(
                "Hugging Face, tuned  {}",
                truth::score(&hugging_face, truth::Offer::tuned)
            );
            println!(
                "Hugging Face, held   {}",
                truth::score(&hugging_face, |offer| !offer.tuned())
            );
        }
    }
    Ok(())
}

/// What the names get wrong: models with several names, and names with several models.
fn errors(offers: &[truth::Offer], counts: impl Fn(&truth::Offer) -> bool) -> Vec<String> {
    let mut models: BTreeMap<&str, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    let mut names: BTreeMap<String, BTreeMap<&str, Vec<String>>> = BTreeMap::new();
    for offer in offers.iter().filter(|offer| counts(offer)) {
        let (name, spelled) = (offer.canonical(), format!("{}:{}", offer.provider, offer.id));
        names
            .entry(name.clone())
            .or_default()
            .entry(&offer.model)
            .or_default()
            .push(spelled.clone());
        models
            .entry(&offer.model)
            .or_default()
            .entry(name)
            .or_default()
            .push(spelled);
    }
    let apart = models
        .iter()
        .filter(|(_, names)| names.len() > 1)
        .map(|(model, names)| {
            let mut names: Vec<_> = names.iter().collect();
            names.sort_by_key(|(_, offers)| std::cmp::Reverse(offers.len()));
            let rest = names[1..]
                .iter()
                .map(|(name, offers)| format!("\n    {name}  {}", offers.join("  ")));
            format!("apart  {model} = {}{}", names[0].0, rest.collect::<String>())
        });
    let merged = names
        .iter()
        .filter(|(_, models)| models.len() > 1)
        .map(|(name, models)| {
            let models = models
                .iter()
                .map(|(model, offers)| format!("\n    {model}  {}", offers.join("  ")));
            format!("merged {name}{}", models.collect::<String>())
        });
    apart.chain(merged).collect()
}

/// All ids of the recorded lists.
fn ids(index: &Path) -> Result<Vec<(String, String)>, Box<dyn std::error::Error>> {
    truth::recorded_ids(index).ok_or_else(|| "the index of the recorded lists cannot be read".into())
}

/// The canonical names of the lines of standard input, each a provider, a tab and an id.
fn named() -> std::io::Result<()> {
    for line in std::io::stdin().lines() {
        let line = line?;
        let (provider, id) = line.split_once('\t').unwrap_or(("", &line));
        let mut out = String::new();
        name::canonical(provider, id, None, &mut out);
        println!("{line}\t{out}");
    }
    Ok(())
}

/// Which ids of one list have one canonical name.
fn merged(ids: &[(String, String)]) {
    let mut names: BTreeMap<(&str, String), Vec<&str>> = BTreeMap::new();
    for (provider, id) in ids {
        let mut out = String::new();
        name::canonical(provider, id, None, &mut out);
        names.entry((provider, out)).or_default().push(id);
    }
    for ((provider, name), mut ids) in names {
        ids.sort_unstable();
        ids.dedup();
        if ids.len() > 1 {
            println!("{provider}  {name}  <- {}", ids.join("  "));
        }
    }
}

fn time(ids: &[(String, String)]) {
    let mut out = String::with_capacity(256);
    let mut best = f64::INFINITY;
    for _ in 0..20 {
        let start = Instant::now();
        for (provider, id) in ids {
            name::canonical(provider, id, None, &mut out);
            std::hint::black_box(&out);
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let each = best / ids.len() as f64;
    println!("{} ids, {:.0} ns each", ids.len(), each * 1e9);
}

/// Of which providers' rows a price is found where their lists had none, and how long that takes for all rows.
fn enrich(ids: &[(String, String)], openrouter: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let list: serde_json::Value = serde_json::from_slice(&std::fs::read(openrouter)?)?;
    let named = |provider: &str, id: &str| {
        let mut out = String::new();
        name::canonical(provider, id, None, &mut out);
        out
    };
    let rows: Vec<_> = list["data"].as_array().into_iter().flatten().collect();
    let rows = rows.iter().filter_map(|row| {
        let id = row["id"].as_str()?;
        let price = |key: &str| Quote::UsdPerUnit.price(row["pricing"][key].as_str()?).ok()?;
        let pricing = Pricing {
            prompt: price("prompt"),
            completion: price("completion"),
            ..Pricing::default()
        };
        Some((id, named("openrouter", id), pricing))
    });
    let rows: Vec<_> = rows.collect();
    let rows = rows
        .iter()
        .map(|(id, canonical, pricing)| Reference { id, canonical, pricing });
    let prices = Prices::new(
        ManualPrices::builtin(),
        &Slug::new("openrouter")?,
        rows,
        [Slug::new("featherless")?],
    );
    let mut listings = Vec::new();
    for (provider, id) in ids {
        listings.push((
            Slug::new(provider)?,
            Listing::new(ModelId::new(id)?),
            named(provider, id),
        ));
    }
    let start = Instant::now();
    let found: Vec<_> = listings
        .iter()
        .map(|(slug, listing, canonical)| prices.resolve(slug, listing, canonical, None).1)
        .collect();
    println!("{} rows in {:?}", listings.len(), start.elapsed());
    let mut counts: BTreeMap<&Slug, [usize; 3]> = BTreeMap::new();
    for ((slug, _, _), source) in listings.iter().zip(&found) {
        let counts = counts.entry(slug).or_default();
        counts[0] += 1;
        counts[1] += usize::from(matches!(source, Some(PricingSource::Manual(_))));
        counts[2] += usize::from(matches!(source, Some(PricingSource::CrossReference(_))));
    }
    for (slug, [rows, manual, reference]) in counts {
        println!("{slug:24} {rows:5} rows, {manual:4} by the table, {reference:4} by cross-reference");
    }
    Ok(())
}
