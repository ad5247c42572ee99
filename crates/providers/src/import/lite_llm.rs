//! `model_prices_and_context_window.json` of `LiteLLM`: models, and dollars per token, image, second or call.
//!
//! The name of a price field says its unit. Prices by second, character, pixel, page or step have no place in a
//! listing: they are kept in `pricing_raw` only, and never become the price of a token.

use std::{collections::BTreeMap, num::NonZero};

use gatewayz_catalog::{Listing, Modalities, Modality, ModelId, Price, Pricing, Quote, Tier, Token};
use serde_json::value::RawValue;

use super::{
    collect::{Collector, Reason},
    draft::{self, Oddities, Zero},
    json::{self, Fields},
    names,
};

const QUOTE: Quote = Quote::UsdPerUnit;
/// The fields of a price, and how each is called in a [`Tier`].
const PROMPT: &str = "input_cost_per_token";
const COMPLETION: &str = "output_cost_per_token";
const CACHE_READ: &str = "cache_read_input_token_cost";
const CACHE_WRITE: &str = "cache_creation_input_token_cost";

/// Whether an entry is a model.
pub(super) fn is_row(fields: &Fields<'_>) -> bool {
    fields.get("litellm_provider").is_some()
}

pub(super) fn read(text: &str, rows: &mut Collector<'_>) -> serde_json::Result<()> {
    json::entries(text, |key, value| {
        rows.begin_row()?;
        match Fields::of(value) {
            Some(fields) => row(&key, &fields, rows),
            None => rows.leave_out(Reason::NoObject, &key),
        }
        Ok(())
    })
}

fn row(key: &str, fields: &Fields<'_>, rows: &mut Collector<'_>) {
    if key == "sample_spec" {
        return rows.leave_out(Reason::Documentation, key);
    }
    let mut oddities = Oddities::default();
    let Some(provider) = oddities.field(fields.text("litellm_provider")) else {
        return rows.leave_out(Reason::NoProvider, key);
    };
    let Some(known) = rows.provider(&provider) else {
        return;
    };
    let stripped = names::without_prefix(key, &provider);
    let Some(id) = rows.id(stripped.unwrap_or(key)) else {
        return;
    };
    let slug = known.provider.slug.as_str();
    if let Some(reason) = no_model(slug, id.as_str()) {
        return rows.leave_out(reason, key);
    }
    let mode = oddities.field(fields.text("mode"));
    let Some(kind) = Mode::from_word(mode.as_deref()) else {
        let service = matches!(mode.as_deref(), Some("search" | "vector_store"));
        return rows.leave_out(if service { Reason::Service } else { Reason::OtherMode }, key);
    };
    // LiteLLM looks for the key with the provider in front first.
    let rank = 2 * known.rank + u8::from(stripped.is_none());
    let listing = listing(id, slug, kind, fields, &mut oddities);
    rows.take(&known.provider.slug, rank, listing, oddities.as_slice());
}

/// Why an id is not one of the provider's models.
fn no_model(slug: &str, id: &str) -> Option<Reason> {
    if id == "container" {
        return Some(Reason::Service);
    }
    // `ft:gpt-4o` stands for whatever was made of it, `together-ai-4.1b-8b` for all models of that size.
    if id.starts_with("ft:") || id.starts_with("together-ai-") || id.starts_with("fireworks-ai-") {
        return Some(Reason::PriceClass);
    }
    // The ids of these have no `/`: what is in front of one is a region, a size, a quality or a commitment.
    if matches!(slug, "azure-openai" | "bedrock" | "openai") && id.contains('/') {
        return Some(Reason::Variant);
    }
    None
}

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Chat,
    Embedding,
    Score,
    Images,
    ImageEdits,
    Transcription,
    Speech,
    Video,
    Ocr,
}

impl Mode {
    fn from_word(word: Option<&str>) -> Option<Self> {
        match word {
            None | Some("chat" | "completion" | "responses" | "realtime") => Some(Self::Chat),
            Some("embedding") => Some(Self::Embedding),
            Some("rerank" | "moderation") => Some(Self::Score),
            Some("image_generation") => Some(Self::Images),
            Some("image_edit") => Some(Self::ImageEdits),
            Some("audio_transcription") => Some(Self::Transcription),
            Some("audio_speech") => Some(Self::Speech),
            Some("video_generation") => Some(Self::Video),
            Some("ocr") => Some(Self::Ocr),
            Some(_) => None,
        }
    }

    fn modalities(self) -> (Modalities, Modalities) {
        let only = |modality| Modalities::NONE.with(modality);
        match self {
            Self::Chat => (Modalities::TEXT, Modalities::TEXT),
            Self::Embedding => (Modalities::TEXT, only(Modality::Embedding)),
            Self::Score => (Modalities::TEXT, only(Modality::Score)),
            Self::Images => (Modalities::TEXT, only(Modality::Image)),
            Self::ImageEdits => (Modalities::TEXT.with(Modality::Image), only(Modality::Image)),
            Self::Transcription => (only(Modality::Audio), Modalities::TEXT),
            Self::Speech => (Modalities::TEXT, only(Modality::Audio)),
            Self::Video => (Modalities::TEXT, only(Modality::Video)),
            Self::Ocr => (only(Modality::Image).with(Modality::File), Modalities::TEXT),
        }
    }
}

fn listing(id: ModelId, slug: &str, mode: Mode, fields: &Fields<'_>, oddities: &mut Oddities) -> Listing {
    let mut listing = Listing::new(id);
    listing.developer = names::developer(slug, listing.id.as_str());
    listing.context_length = oddities
        .field(fields.count("max_input_tokens"))
        .or_else(|| oddities.field(fields.count("max_tokens")))
        .and_then(NonZero::new);
    listing.max_output = oddities.field(fields.count("max_output_tokens")).and_then(NonZero::new);

    (listing.input, listing.output) = mode.modalities();
    listing.input = union(listing.input, oddities.modalities(fields, "supported_modalities"));
    if matches!(mode, Mode::Chat | Mode::Images) {
        listing.output = union(
            listing.output,
            oddities.modalities(fields, "supported_output_modalities"),
        );
    }
    for (field, modality) in [
        ("supports_vision", Modality::Image),
        ("supports_image_input", Modality::Image),
        ("supports_embedding_image_input", Modality::Image),
        ("supports_pdf_input", Modality::File),
        ("supports_audio_input", Modality::Audio),
        ("supports_video_input", Modality::Video),
    ] {
        if oddities.field(fields.flag(field)) {
            listing.input = listing.input.with(modality);
        }
    }
    if oddities.field(fields.flag("supports_audio_output")) && mode == Mode::Chat {
        listing.output = listing.output.with(Modality::Audio);
    }

    let mut parameters = Vec::new();
    for (field, names) in [
        ("supports_function_calling", &["tools"][..]),
        ("supports_tool_choice", &["tool_choice"]),
        ("supports_response_schema", &["response_format", "structured_outputs"]),
        ("supports_reasoning", &["reasoning"]),
    ] {
        if oddities.field(fields.flag(field)) {
            parameters.extend(names.iter().map(|name| (*name).to_owned()));
        }
    }
    parameters.sort_unstable();
    listing.abilities.functions = parameters.iter().any(|name| name == "tools");
    listing.supported_parameters = parameters;
    let cannot_stream = fields.get("supports_native_streaming").map(RawValue::get) == Some("false");
    listing.abilities.streaming = mode == Mode::Chat && !cannot_stream;
    listing.abilities.vision = listing.input.contains(Modality::Image);
    listing.abilities.deprecated = fields.get("deprecation_date").is_some();

    listing.pricing_raw = json::keep(fields.iter().filter(|(name, _)| is_price(name)));
    let pricing = pricing(mode, fields, oddities);
    draft::set_pricing(&mut listing, pricing, Zero::Unknown, oddities);
    listing
}

fn union(one: Modalities, other: Modalities) -> Modalities {
    one.iter().chain(other.iter()).collect()
}

fn is_price(field: &str) -> bool {
    field.contains("cost") || field.ends_with("_pricing")
}

fn pricing(mode: Mode, fields: &Fields<'_>, oddities: &mut Oddities) -> Pricing {
    let mut pricing = Pricing {
        prompt: oddities.price(QUOTE, fields, PROMPT),
        completion: oddities.price(QUOTE, fields, COMPLETION),
        input_cache_read: oddities
            .price(QUOTE, fields, CACHE_READ)
            .or_else(|| oddities.price(QUOTE, fields, "input_cost_per_token_cache_hit")),
        input_cache_write: oddities.price(QUOTE, fields, CACHE_WRITE),
        internal_reasoning: oddities.price(QUOTE, fields, "output_cost_per_reasoning_token"),
        audio: oddities.price(QUOTE, fields, "input_cost_per_audio_token"),
        request: oddities
            .price(QUOTE, fields, "input_cost_per_request")
            .or_else(|| oddities.price(QUOTE, fields, "input_cost_per_query")),
        image: match mode {
            // Where images come out, that is what is paid for; old rows have it as the price of the input.
            Mode::Images | Mode::ImageEdits => oddities
                .price(QUOTE, fields, "output_cost_per_image")
                .or_else(|| oddities.price(QUOTE, fields, "input_cost_per_image")),
            _ => oddities.price(QUOTE, fields, "input_cost_per_image"),
        },
        ..Pricing::default()
    };
    if let Some(search) = oddities.field(fields.inner("search_context_cost_per_query")) {
        pricing.web_search = oddities.price(QUOTE, &search, "search_context_size_medium");
    }
    let mut tiers = BTreeMap::new();
    for (name, _) in fields.iter() {
        if let Some((field, above)) = tier_field(name) {
            let price = oddities.price(QUOTE, fields, name);
            set(tiers.entry(above).or_insert_with(|| empty(above)), field, price);
        }
    }
    if let Some(ranges) = fields.get("tiered_pricing") {
        // A list that is none has no tiers, and the prices without them still hold.
        drop(json::elements(ranges.get(), |element| {
            let Some(range) = Fields::of(element) else {
                return Ok(());
            };
            let Some(from) = from(&range) else {
                return Ok(());
            };
            let tier = tiers.entry(from).or_insert_with(|| empty(from));
            for field in [PROMPT, COMPLETION, CACHE_READ, CACHE_WRITE] {
                set(tier, field, oddities.price(QUOTE, &range, field));
            }
            Ok(())
        }));
        // The first range begins at zero: these are the prices of the row.
        if let Some(first) = tiers.remove(&0) {
            pricing.prompt = pricing.prompt.or(first.prompt);
            pricing.completion = pricing.completion.or(first.completion);
            pricing.input_cache_read = pricing.input_cache_read.or(first.input_cache_read);
            pricing.input_cache_write = pricing.input_cache_write.or(first.input_cache_write);
        }
    }
    pricing.tiers = tiers.into_values().collect();
    pricing
}

/// `input_cost_per_token_above_200k_tokens`: the field, and above which number of tokens it holds.
fn tier_field(name: &str) -> Option<(&'static str, u64)> {
    [PROMPT, COMPLETION, CACHE_READ, CACHE_WRITE]
        .into_iter()
        .find_map(|field| {
            let thousands = name
                .strip_prefix(field)?
                .strip_prefix("_above_")?
                .strip_suffix("k_tokens")?;
            let thousands = thousands.parse::<u32>().ok()?;
            Some((field, u64::from(thousands) * 1000))
        })
}

fn set(tier: &mut Tier, field: &str, price: Option<Price<Token>>) {
    match field {
        PROMPT => tier.prompt = price,
        COMPLETION => tier.completion = price,
        CACHE_READ => tier.input_cache_read = price,
        _ => tier.input_cache_write = price,
    }
}

fn empty(above: u64) -> Tier {
    Tier {
        above,
        ..Tier::default()
    }
}

/// Where a range `[256000.0, 1000000.0]` begins.
fn from(range: &Fields<'_>) -> Option<u64> {
    let mut first = None;
    // What follows the first number is of no interest.
    drop(json::elements(range.get("range")?.get(), |bound| {
        first = first.or(Some(bound.get()));
        Ok(())
    }));
    let first: &str = first?;
    let digits = first.split_once('.').map_or(first, |(digits, _)| digits);
    digits.parse().ok()
}
