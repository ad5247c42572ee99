//! How fast lists are read: `cargo run --release -p gatewayz-providers --example reading_speed -- <slug> <file>`.
//!
//! Without arguments it reads a list of its own making. Gzipped files are to be unpacked first.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program for people, which measures time"
)]

use std::{error::Error, fmt::Write as _, time::Instant};

use gatewayz_providers::Registry;

/// As many bytes as a connection brings at once.
const CHUNK: usize = 16 << 10;
const ROUNDS: u32 = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (slug, page) = match (arguments.next(), arguments.next()) {
        (Some(slug), Some(file)) => (slug, std::fs::read(file)?),
        _ => ("openrouter".to_owned(), made_up()?.into_bytes()),
    };
    let registry = Registry::builtin()?;
    let adapter = registry.resolve(&slug).ok_or("no provider is called so")?;
    let start = Instant::now();
    let mut rows = 0;
    for _ in 0..ROUNDS {
        let mut reader = adapter.reader();
        for chunk in page.chunks(CHUNK) {
            reader.push(chunk)?;
        }
        reader.finish_page()?;
        rows = reader.into_list()?.listings.len();
    }
    let seconds = start.elapsed().as_secs_f64() / f64::from(ROUNDS);
    let megabytes = f64::from(u32::try_from(page.len())?) / 1e6;
    println!(
        "{slug}: {rows} rows, {megabytes:.2} MB, {:.1} ms, {:.0} MB/s",
        seconds * 1e3,
        megabytes / seconds
    );
    Ok(())
}

fn made_up() -> Result<String, std::fmt::Error> {
    let mut list = String::from("{\"data\":[");
    for at in 0..400 {
        let comma = if at > 0 { "," } else { "" };
        write!(
            list,
            r#"{comma}{{"id":"maker/model-{at}","name":"Model {at}","created":1700000000,"description":"{}","#,
            "a model of no use ".repeat(20),
        )?;
        write!(
            list,
            r#""context_length":131072,"pricing":{{"prompt":"0.0000005","completion":"0.0000015"}}}}"#
        )?;
    }
    list.push_str("]}");
    Ok(list)
}
