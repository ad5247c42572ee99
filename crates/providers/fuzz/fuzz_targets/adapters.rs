//! Adapters: the first byte chooses one, the second the size of the pieces, the rest is its answer. None panics, and
//! every listing is within its bounds.
#![no_main]

use std::sync::LazyLock;

use gatewayz_providers::{Adapter, Registry};
use libfuzzer_sys::fuzz_target;

/// The greatest length of a description.
const MAX_DESCRIPTION: usize = 4096;

static ADAPTERS: LazyLock<Vec<Adapter>> = LazyLock::new(|| {
    let builtin = Registry::builtin().expect("the registry is read by its tests");
    let any: String = builtin
        .iter()
        .map(|adapter| format!("[{}]\nmin_models = 0\n", adapter.slug()))
        .collect();
    let registry = builtin
        .with_overrides(&any)
        .expect("it is only the least number of models");
    registry
        .iter()
        .filter(|adapter| adapter.list().is_some())
        .cloned()
        .collect()
});

fuzz_target!(|data: &[u8]| {
    let [choice, size, answer @ ..] = data else { return };
    let adapter = &ADAPTERS[usize::from(*choice) % ADAPTERS.len()];
    let mut reader = adapter.reader();
    // Half of the inputs are rows, so that they need not find the place of the rows first.
    let place = adapter
        .list()
        .map_or("", |list| list.rows.split('|').next().unwrap_or_default().trim());
    let keys: Vec<&str> = place.split('.').filter(|key| !key.is_empty()).collect();
    let wrapped: Vec<u8> = if size % 2 == 0 {
        let open: String = keys.iter().map(|key| format!("{{\"{key}\":")).collect();
        [open.as_bytes(), b"[", answer, b"]", "}".repeat(keys.len()).as_bytes()].concat()
    } else {
        answer.to_vec()
    };
    for piece in wrapped.chunks(usize::from(*size).max(1)) {
        if reader.push(piece).is_err() {
            return;
        }
    }
    if reader.finish_page().is_err() {
        return;
    }
    let Ok(list) = reader.into_list() else { return };
    for listing in list.listings {
        assert!(!listing.input.is_empty() && !listing.output.is_empty());
        assert!(listing.name.len() <= 512 && listing.name.chars().all(|c| !c.is_control()));
        assert!(listing.description.is_none_or(|text| text.len() <= MAX_DESCRIPTION));
        assert!(listing.pricing_raw.is_none_or(|raw| raw.get().len() <= 2048));
        assert!(listing.tags.len() <= 64 && listing.supported_parameters.len() <= 64);
        for price in [listing.pricing.prompt, listing.pricing.completion]
            .into_iter()
            .flatten()
        {
            assert!(price.steps() <= 5_000_000_000_000);
        }
    }
});
