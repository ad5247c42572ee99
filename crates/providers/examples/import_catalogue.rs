//! Prints what a public catalogue has for each provider: `import_catalogue api.json.gz`.
//!
//! Without an argument: what the gateway knows without any.
#![expect(clippy::print_stdout, reason = "an example prints what it found")]

use std::{collections::BTreeMap, error::Error, fs::File};

use gatewayz_catalog::{Listing, Slug};
use gatewayz_providers::{Registry, import, seed};

fn print(lists: &BTreeMap<Slug, Vec<Listing>>) {
    println!("{:24} {:>8} {:>8}", "provider", "models", "priced");
    for (slug, listings) in lists {
        let priced = listings.iter().filter(|listing| !listing.pricing.is_unknown()).count();
        println!("{:24} {:>8} {:>8}", slug.as_str(), listings.len(), priced);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(path) = std::env::args_os().nth(1) else {
        print(&seed::builtin()?);
        return Ok(());
    };
    let imported = import::read_any(File::open(path)?, Registry::builtin()?.directory())?;
    println!(
        "{}: {} rows, {} listings\n",
        imported.catalogue,
        imported.rows,
        imported.listings()
    );
    print(&imported.lists);
    println!("\nleft out: {}", imported.rows_left_out);
    for (reason, rows) in &imported.skipped.reasons {
        println!("{:6} {reason}: {}", rows.count, rows.samples.join(", "));
    }
    println!("\nunknown providers:");
    for (name, rows) in &imported.unknown_providers {
        println!("{rows:6} {name}");
    }
    Ok(())
}
