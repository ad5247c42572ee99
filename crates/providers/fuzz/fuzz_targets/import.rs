//! Public catalogues: the first byte chooses one, the rest is the file. None panics, and every row is accounted for.
#![no_main]

use std::sync::LazyLock;

use gatewayz_providers::{
    Registry,
    import::{self, Catalogue},
};
use libfuzzer_sys::fuzz_target;

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| Registry::builtin().expect("the registry is read by its tests"));

fuzz_target!(|data: &[u8]| {
    let [choice, file @ ..] = data else { return };
    let Ok(text) = import::unpack(file) else { return };
    let catalogue = match choice % 4 {
        0 => Catalogue::ModelsDev,
        1 => Catalogue::LiteLlm,
        2 => Catalogue::OpenRouter,
        _ => match Catalogue::detect(&text) {
            Some(catalogue) => catalogue,
            None => return,
        },
    };
    if let Ok(imported) = import::read(catalogue, &text, REGISTRY.directory()) {
        let unknown: u64 = imported.unknown_providers.values().sum();
        assert_eq!(
            imported.rows,
            imported.listings() as u64 + unknown + imported.rows_left_out
        );
    }
});
