//! Recorded answers of providers, read by their adapters.

use std::{fs, io::Read as _, path::Path};

use gatewayz_catalog::FetchedList;
use gatewayz_providers::Registry;
use gatewayz_testkit::{require_shared_data, shared_data};
use serde::Deserialize;

/// One recorded answer, as the index of the data names it.
#[derive(Debug, Deserialize)]
pub(crate) struct Recorded {
    pub(crate) file: String,
    pub(crate) slug: String,
    records: u64,
}

pub(crate) fn bytes(path: &Path) -> Vec<u8> {
    let raw = fs::read(path).unwrap();
    if path.extension().is_some_and(|ending| ending == "gz") {
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&raw[..])
            .read_to_end(&mut unpacked)
            .unwrap();
        return unpacked;
    }
    raw
}

/// The recorded answers, or none where the data are not on this machine.
pub(crate) fn index() -> Vec<Recorded> {
    let path = match require_shared_data("provider-models/index.json") {
        Ok(path) => path,
        Err(error) => {
            eprintln!("{error}");
            return Vec::new();
        }
    };
    serde_json::from_slice(&bytes(&path)).unwrap()
}

/// Reads pages with the adapter of a provider, in pieces of `size` bytes.
pub(crate) fn read(registry: &Registry, slug: &str, pages: &[Vec<u8>], size: usize) -> FetchedList {
    let mut reader = registry.resolve(slug).unwrap().reader();
    for page in pages {
        for piece in page.chunks(size) {
            reader.push(piece).unwrap();
        }
        reader.finish_page().unwrap();
    }
    reader.into_list().unwrap_or_else(|error| panic!("{slug}: {error}"))
}

/// The pages of one recorded list: only Gemini's has two.
pub(crate) fn pages(file: &str) -> Vec<Vec<u8>> {
    let page = |name: &str| bytes(&shared_data(format!("provider-models/{name}")).unwrap());
    if file == "google-gemini.json" {
        vec![page(file), page("google-gemini.page2.json")]
    } else {
        vec![page(file)]
    }
}

/// Where a list has other rows than listings: what was added, and what was left out by which reason.
#[derive(Debug, Default, PartialEq)]
struct Difference {
    added: u64,
    duplicates: u64,
    not_served: u64,
}

fn expected(file: &str) -> Difference {
    let none = Difference::default();
    match file {
        // `text-embedding-ada-002` and `Llama-3.3-70B-Instruct` are there twice.
        "azure-openai.json" => Difference { duplicates: 2, ..none },
        // `yil384/Qwen3-0.6B-lora` is there twice.
        "featherless.json.gz" => Difference { duplicates: 1, ..none },
        // `voxtral-mini-2507` and `voxtral-mini-latest` are there twice, once each as another kind of model.
        "mistral.json" => Difference { duplicates: 2, ..none },
        // One of the endpoints trains models, and is none.
        "fal.json" => Difference { not_served: 1, ..none },
        // 21 rows say `"status": "disable"`.
        "siliconflow.2025-03-21.json" => Difference { not_served: 21, ..none },
        // 272 offers are live and become rows of their own beside the 128 models; all models have a live one.
        "huggingface.json" => Difference { added: 272, ..none },
        // The second page is read with the first: 50 rows and 4.
        "google-gemini.json" => Difference { added: 4, ..none },
        _ => none,
    }
}

#[test]
fn every_recorded_list_has_the_rows_that_it_should() {
    let registry = Registry::builtin().unwrap();
    let mut files = 0;
    for recorded in index() {
        if recorded.file == "google-gemini.page2.json" {
            continue;
        }
        files += 1;
        let list = read(&registry, &recorded.slug, &pages(&recorded.file), 4096);
        let count = |reason: &str| list.skipped.reasons.get(reason).map_or(0, |rows| rows.count);
        let difference = expected(&recorded.file);
        let found = Difference {
            added: list.listings.len() as u64 + count("duplicate") + count("not-served") - recorded.records,
            duplicates: count("duplicate"),
            not_served: count("not-served"),
        };
        assert_eq!(found, difference, "{}", recorded.file);
        for reason in list.skipped.reasons.keys() {
            assert!(
                reason.starts_with("price-")
                    || ["duplicate", "not-served", "modality-unknown"].contains(&reason.as_str()),
                "{}: {reason}",
                recorded.file
            );
        }
        eprintln!(
            "{}: {} listings, {:?}",
            recorded.file,
            list.listings.len(),
            list.skipped.reasons
        );
    }
    assert!(files == 0 || files == 44, "{files} files");
}

/// The same bytes give the same listings, whatever the pieces: nothing in a listing is the time of a fetch.
#[test]
fn pieces_make_no_difference() {
    let registry = Registry::builtin().unwrap();
    for recorded in index() {
        if recorded.file.contains("page2") {
            continue;
        }
        let pages = pages(&recorded.file);
        let digests = |size| -> Vec<_> {
            let list = read(&registry, &recorded.slug, &pages, size);
            list.listings.iter().map(|listing| listing.digest()).collect()
        };
        assert_eq!(digests(77), digests(1 << 20), "{}", recorded.file);
    }
}

/// What a store has to keep is within its bounds.
#[test]
fn listings_are_within_bounds() {
    let registry = Registry::builtin().unwrap();
    for recorded in index() {
        if recorded.file.contains("page2") {
            continue;
        }
        for listing in read(&registry, &recorded.slug, &pages(&recorded.file), 1 << 16).listings {
            assert!(
                !listing.input.is_empty() && !listing.output.is_empty(),
                "{}",
                listing.id
            );
            assert!(listing.name.len() <= 256 && listing.tags.len() <= 64, "{}", listing.id);
            assert!(
                listing
                    .description
                    .is_none_or(|text| text.len() <= gatewayz_catalog::Listing::MAX_DESCRIPTION)
            );
            assert!(
                listing.pricing_raw.is_none_or(|raw| raw.get().len() <= 2048),
                "{}",
                listing.id
            );
            // The dearest model there is costs 600 dollars per million, and one reseller takes 680 for it.
            for price in [listing.pricing.prompt, listing.pricing.completion]
                .into_iter()
                .flatten()
            {
                assert!(
                    price.steps() <= 680_000_000_000,
                    "{} {}: {price:?}",
                    recorded.file,
                    listing.id
                );
            }
        }
    }
}

/// Times that are no times of models are left out.
#[test]
fn created_is_the_models_own() {
    let registry = Registry::builtin().unwrap();
    for recorded in index() {
        if recorded.file.contains("page2") {
            continue;
        }
        let list = read(&registry, &recorded.slug, &pages(&recorded.file), 1 << 16);
        let mut times: Vec<_> = list.listings.iter().filter_map(|listing| listing.created).collect();
        let all = times.len();
        times.sort_unstable();
        times.dedup();
        assert!(
            all < 4 || times.len() * 4 > all || all > 1000,
            "{}: {} of {all}",
            recorded.file,
            times.len()
        );
    }
}
