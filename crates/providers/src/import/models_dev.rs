//! `api.json` of models.dev: providers, their models, and dollars per million tokens.

use gatewayz_catalog::{Listing, Modalities, Modality, ModelId, Pricing, Quote, Tier};
use serde_json::value::RawValue;

use super::{
    collect::{Collector, Reason},
    draft::{self, Oddities, Zero},
    json::{self, Fields},
    names::{self, Known},
};

const QUOTE: Quote = Quote::UsdPerMillion;

/// Whether an entry is a provider.
pub(super) fn is_provider(fields: &Fields<'_>) -> bool {
    fields
        .get("models")
        .is_some_and(|models| json::kind(models) == json::Kind::Object)
}

pub(super) fn read(text: &str, rows: &mut Collector<'_>) -> serde_json::Result<()> {
    json::entries(text, |name, provider| {
        // Only one provider is in memory at a time, and of it only where its models are.
        let Some(models) = Fields::of(provider)
            .filter(is_provider)
            .and_then(|fields| fields.get("models"))
        else {
            return Ok(());
        };
        json::entries(models.get(), |id, model| {
            rows.begin_row()?;
            let Some(known) = rows.provider(&name) else {
                return Ok(());
            };
            row(&id, model, known, rows);
            Ok(())
        })
        .map_err(|error| error.to_string())
    })
}

fn row(id: &str, model: &RawValue, known: Known<'_>, rows: &mut Collector<'_>) {
    let Some(fields) = Fields::of(model) else {
        return rows.leave_out(Reason::NoObject, id);
    };
    let Some(id) = rows.id(id) else {
        return;
    };
    let mut oddities = Oddities::default();
    let listing = listing(id, &fields, known, &mut oddities);
    rows.take(&known.provider.slug, known.rank, listing, oddities.as_slice());
}

fn listing(id: ModelId, fields: &Fields<'_>, known: Known<'_>, oddities: &mut Oddities) -> Listing {
    let mut listing = Listing::new(id);
    let family = oddities.field(fields.text("family")).unwrap_or_default();
    if let Some(name) = oddities
        .field(fields.text("name"))
        .and_then(|name| draft::clean_name(&name))
    {
        listing.name = name;
    }
    listing.developer = names::developer(known.provider.slug.as_str(), listing.id.as_str());
    listing.created = oddities
        .field(fields.text("release_date"))
        .and_then(|date| seconds(&date));
    let limit = oddities.field(fields.inner("limit")).unwrap_or_default();
    listing.context_length = oddities.field(limit.count("context")).and_then(std::num::NonZero::new);
    listing.max_output = oddities.field(limit.count("output")).and_then(std::num::NonZero::new);

    let modalities = oddities.field(fields.inner("modalities")).unwrap_or_default();
    let input = oddities.modalities(&modalities, "input");
    let output = oddities.modalities(&modalities, "output");
    listing.input = if input.is_empty() { Modalities::TEXT } else { input };
    listing.output = if output.is_empty() { Modalities::TEXT } else { output };
    if let Some(measured) = measured(listing.id.as_str(), &family) {
        // The catalogue calls the output of these models text.
        listing.output = Modalities::NONE.with(measured);
    }

    let mut parameters = Vec::new();
    let mut supports = |oddities: &mut Oddities, field: &str, names: &[&str]| {
        let yes = oddities.field(fields.flag(field));
        if yes {
            parameters.extend(names.iter().map(|name| (*name).to_owned()));
        }
        yes
    };
    listing.abilities.functions = supports(oddities, "tool_call", &["tools", "tool_choice"]);
    supports(oddities, "temperature", &["temperature"]);
    supports(oddities, "reasoning", &["reasoning"]);
    supports(
        oddities,
        "structured_output",
        &["response_format", "structured_outputs"],
    );
    parameters.sort_unstable();
    listing.supported_parameters = parameters;
    listing.abilities.streaming = listing.output.contains(Modality::Text);
    listing.abilities.vision = listing.input.contains(Modality::Image);
    listing.abilities.deprecated = oddities.field(fields.text("status")).as_deref() == Some("deprecated");

    if let Some(cost) = oddities.field(fields.inner("cost")) {
        listing.pricing_raw = json::keep(cost.iter());
        let mut pricing = pricing(&cost, oddities);
        // One field serves for tokens, seconds, images and steps: only between texts it is surely tokens.
        let measured = listing.output.contains(Modality::Embedding) || listing.output.contains(Modality::Score);
        if !listing.input.contains(Modality::Text) || !(listing.output.contains(Modality::Text) || measured) {
            draft::drop_token_prices(&mut pricing, oddities);
        }
        draft::set_pricing(&mut listing, pricing, Zero::Unknown, oddities);
    }
    listing
}

fn pricing(cost: &Fields<'_>, oddities: &mut Oddities) -> Pricing {
    let mut pricing = Pricing {
        prompt: oddities.price(QUOTE, cost, "input"),
        completion: oddities.price(QUOTE, cost, "output"),
        input_cache_read: oddities.price(QUOTE, cost, "cache_read"),
        input_cache_write: oddities.price(QUOTE, cost, "cache_write"),
        internal_reasoning: oddities.price(QUOTE, cost, "reasoning"),
        audio: oddities.price(QUOTE, cost, "input_audio"),
        ..Pricing::default()
    };
    if let Some(over) = oddities.field(cost.inner("context_over_200k")) {
        pricing.tiers.push(tier(200_000, &over, oddities));
    }
    if let Some(tiers) = cost.get("tiers") {
        // A list that is none has no tiers, and the prices without them still hold.
        drop(json::elements(tiers.get(), |element| {
            let Some(fields) = Fields::of(element) else {
                return Ok(());
            };
            let size = oddities.field(fields.inner("tier")).unwrap_or_default();
            if let Some(above) = oddities.field(size.count("size")) {
                pricing.tiers.push(tier(above.into(), &fields, oddities));
            }
            Ok(())
        }));
    }
    pricing
}

fn tier(above: u64, fields: &Fields<'_>, oddities: &mut Oddities) -> Tier {
    Tier {
        above,
        prompt: oddities.price(QUOTE, fields, "input"),
        completion: oddities.price(QUOTE, fields, "output"),
        input_cache_read: oddities.price(QUOTE, fields, "cache_read"),
        input_cache_write: oddities.price(QUOTE, fields, "cache_write"),
    }
}

/// What comes out of models that write no text, told by their names.
fn measured(id: &str, family: &str) -> Option<Modality> {
    let id = id.to_ascii_lowercase();
    let name = id.rsplit('/').next().unwrap_or(&id);
    if name.contains("rerank") {
        return Some(Modality::Score);
    }
    let embeds = name.contains("embed")
        || family.contains("embed")
        || ["bge-", "e5-", "gte-"].iter().any(|begin| name.starts_with(begin));
    embeds.then_some(Modality::Embedding)
}

/// `2025-03-20` or `2025-03` as seconds since 1970.
fn seconds(date: &str) -> Option<i64> {
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month) = (parts.next()??, parts.next()??);
    let day = parts.next().unwrap_or(Some(1))?;
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years begin in March, so that the leap day is the last one.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    Some((days - 719_468) * 86_400)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn a_date_is_the_second_at_which_its_day_begins() {
        assert_eq!(seconds("1970-01-01"), Some(0));
        assert_eq!(seconds("2000-02-29"), Some(951_782_400));
        assert_eq!(seconds("2025-03-20"), Some(1_742_428_800));
        assert_eq!(seconds("2025-03"), Some(1_740_787_200));
        for wrong in [
            "",
            "2025",
            "2025-13-01",
            "2025-1-1x",
            "-1-1-1",
            "1969-01-01",
            "2025-03-20-1",
        ] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
