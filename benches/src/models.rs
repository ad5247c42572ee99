//! A catalogue of the size of the real one: 12,543 rows at 41 providers, with descriptions of the usual length.

use std::sync::Arc;

use gatewayz_cache_core::UnixMillis;
use gatewayz_catalog::{
    Directory, Listing, Modalities, Modality, ModelHealth, ModelId, Priority, Provider, Quote, RowKey, Slug,
    StoredModel,
};

use crate::Rng;

/// How many rows the catalogue has.
pub const MODELS: usize = 12_543;
const PROVIDERS: usize = 41;
const DEVELOPERS: [&str; 8] = [
    "openai",
    "anthropic",
    "meta-llama",
    "qwen",
    "mistralai",
    "deepseek-ai",
    "google",
    "moonshotai",
];
const PARAMETERS: [&str; 12] = [
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_tokens",
    "presence_penalty",
    "response_format",
    "seed",
    "stop",
    "temperature",
    "tool_choice",
    "tools",
    "top_p",
];
const WORDS: [&str; 16] = [
    "language",
    "model",
    "for",
    "dialogue",
    "with",
    "long",
    "context",
    "and",
    "reasoning",
    "trained",
    "on",
    "code",
    "mathematics",
    "instruction",
    "following",
    "tasks",
];

/// The providers of the catalogue.
///
/// # Panics
///
/// Never: their slugs are spelled right.
#[must_use]
#[expect(
    clippy::expect_used,
    reason = "a bench that cannot be set up has no other way to say so"
)]
pub fn directory() -> Arc<Directory> {
    let provider = |at| Provider {
        priority: if at < 8 { Priority::Fast } else { Priority::Slow },
        site_url: Some(format!("https://provider-{at}.example")),
        ..Provider::new(slug(at), format!("Provider {at}"))
    };
    Arc::new(Directory::new((0..PROVIDERS).map(provider)).expect("every name is another one"))
}

#[expect(
    clippy::expect_used,
    reason = "a bench that cannot be set up has no other way to say so"
)]
fn slug(at: usize) -> Slug {
    Slug::new(&format!("provider-{at}")).expect("spelled as a slug")
}

/// The lists of all providers: the same on every call.
#[must_use]
pub fn lists() -> Vec<(Slug, Vec<Listing>)> {
    let mut rng = Rng::new(7);
    let share = MODELS / PROVIDERS;
    (0..PROVIDERS)
        .map(|at| {
            let count = if at == 0 {
                MODELS - share * (PROVIDERS - 1)
            } else {
                share
            };
            (slug(at), (0..count).map(|model| listing(&mut rng, model)).collect())
        })
        .collect()
}

/// The rows of the catalogue as a store gives them: the same on every call.
#[must_use]
pub fn stored() -> Vec<StoredModel> {
    let rows = lists()
        .into_iter()
        .flat_map(|(provider, listings)| listings.into_iter().map(move |listing| (provider.clone(), listing)));
    rows.zip(1..)
        .map(|((provider, listing), key)| StoredModel {
            key: RowKey(key),
            provider,
            listing,
            operator_pricing: None,
            health: ModelHealth::default(),
            removed_at: None,
            updated_at: UnixMillis(1_770_638_400_000),
        })
        .collect()
}

#[expect(
    clippy::expect_used,
    reason = "a bench that cannot be set up has no other way to say so"
)]
fn listing(rng: &mut Rng, at: usize) -> Listing {
    let below = |rng: &mut Rng, end: u64| rng.next() % end;
    let developer = DEVELOPERS[at % DEVELOPERS.len()];
    let id = format!("{developer}/model-{}-{}b-instruct-v{}", at / 8, 1 + at % 70, at % 3);
    let mut listing = Listing::new(ModelId::new(&id).expect("an id without blanks"));
    listing.name = format!("{developer}: Model {} {}B Instruct", at / 8, 1 + at % 70);
    listing.developer = Some(developer.to_owned());
    listing.created = Some(1_700_000_000 + i64::try_from(below(rng, 60_000_000)).expect("small"));
    let words = 60 + below(rng, 40);
    let words: Vec<&str> = (0..words)
        .map(|_| WORDS[usize::try_from(below(rng, 16)).expect("small")])
        .collect();
    listing.description = Some(words.join(" "));
    listing.context_length = std::num::NonZeroU32::new(8192 << below(rng, 8));
    if below(rng, 4) == 0 {
        listing.input = Modalities::TEXT.with(Modality::Image);
    }
    if below(rng, 10) < 7 {
        let price = |rng: &mut Rng| {
            let text = format!("{}.{:02}", rng.next() % 12, rng.next() % 100);
            Quote::UsdPerMillion.price(&text).expect("a decimal")
        };
        listing.pricing.prompt = price(rng);
        listing.pricing.completion = price(rng);
    }
    let mask = below(rng, 6);
    let taken = PARAMETERS.iter().enumerate().filter(|(at, _)| *at as u64 % 6 != mask);
    listing.supported_parameters = taken.map(|(_, name)| (*name).to_owned()).collect();
    listing
}
