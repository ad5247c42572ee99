//! From the rows of the store to a snapshot.

use std::{borrow::Cow, cmp::Reverse, sync::Arc};

use bytes::Bytes;

use super::{Snapshot, intern::Interner};
use crate::{
    enrich::{ManualPrices, Prices, Reference},
    model::{ArchitectureJson, Model, ModelJson, PricingJson},
    name,
    provider::{Directory, Priority, Provider, Slug},
    source::StoredModel,
};

/// The provider whose prices stand in where nobody else knows one.
const REFERENCE: &str = "openrouter";

impl Snapshot {
    /// Makes a snapshot of the rows of the store. Rows that are no longer listed, and rows of providers that are
    /// unknown or not active, are left out.
    #[must_use]
    pub fn build(directory: Arc<Directory>, manual: &ManualPrices, stored: Vec<StoredModel>) -> Self {
        let mut names = Interner::default();
        let mut canonical = String::new();
        let mut drafts: Vec<Draft> = stored
            .into_iter()
            .filter(|row| row.removed_at.is_none())
            .filter_map(|row| Draft::new(&directory, row, &mut names, &mut canonical))
            .collect();
        drafts.sort_by(|a, b| {
            rank(&a.provider)
                .cmp(&rank(&b.provider))
                .then_with(|| a.row.listing.id.cmp(&b.row.listing.id))
        });
        drafts.dedup_by(|b, a| a.provider.slug == b.provider.slug && a.row.listing.id == b.row.listing.id);

        let of_reference = |draft: &&Draft| draft.provider.slug.as_str() == REFERENCE;
        let flat_rate = directory.iter().filter(|provider| provider.flat_rate);
        let prices = Prices::new(
            manual.clone(),
            &Slug::known(REFERENCE),
            drafts.iter().filter(of_reference).map(Draft::reference),
            flat_rate.map(|provider| provider.slug.clone()),
        );
        let mut json = Vec::with_capacity(drafts.len() * 1300);
        let mut offsets = Vec::with_capacity(drafts.len() + 1);
        let mut rows = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let row = draft.finish(&prices, &mut names);
            offsets.push(offset(json.len()));
            write_object(&row.0, &row.1, &mut json);
            json.push(b',');
            rows.push(row.0);
        }
        offsets.push(offset(json.len()));
        Self::assemble(directory, rows, Bytes::from(json), offsets)
    }
}

/// The order of providers: fast ones first, then by name.
pub(super) fn rank(provider: &Provider) -> (Reverse<bool>, &str, &str) {
    (
        Reverse(provider.priority == Priority::Fast),
        &provider.name,
        provider.slug.as_str(),
    )
}

/// 4 GiB of JSON is two orders of magnitude more than all lists together.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

struct Draft {
    provider: Arc<Provider>,
    canonical: Arc<str>,
    row: StoredModel,
}

impl Draft {
    fn new(directory: &Directory, row: StoredModel, names: &mut Interner, canonical: &mut String) -> Option<Self> {
        let provider = directory
            .resolve(row.provider.as_str())
            .filter(|provider| provider.active)?;
        let listing = &row.listing;
        canonical.clear();
        name::canonical(
            provider.slug.as_str(),
            listing.id.as_str(),
            listing.developer.as_deref(),
            canonical,
        );
        Some(Self {
            provider: Arc::clone(provider),
            canonical: names.text(canonical),
            row,
        })
    }

    fn reference(&self) -> Reference<'_> {
        Reference {
            id: self.row.listing.id.as_str(),
            canonical: &self.canonical,
            pricing: &self.row.listing.pricing,
        }
    }

    fn finish(self, prices: &Prices, names: &mut Interner) -> (Model, StoredModel) {
        let listing = &self.row.listing;
        let operator = self.row.operator_pricing.as_ref();
        let (pricing, pricing_source) = prices.resolve(&self.provider.slug, listing, &self.canonical, operator);
        let model = Model {
            id: listing.id.shared(),
            name: listing.name.as_str().into(),
            canonical: self.canonical,
            developer: listing.developer.as_deref().map(|developer| names.text(developer)),
            created: listing.created,
            context_length: listing.context_length,
            max_output: listing.max_output,
            input: listing.input,
            output: listing.output,
            abilities: listing.abilities,
            parameters: names.parameters(&listing.supported_parameters),
            pricing: names.pricing(pricing),
            pricing_source,
            health: self.row.health.status,
            average_response_time_ms: self.row.health.average_response_time_ms,
            updated_at: self.row.updated_at.0 / 1000,
            provider: self.provider,
        };
        (model, self.row)
    }
}

/// Appends the JSON object of a row.
fn write_object(model: &Model, row: &StoredModel, out: &mut Vec<u8>) {
    let listing = &row.listing;
    let modality = model.modality();
    let provider = &model.provider;
    let owner = model.developer.as_deref().unwrap_or(provider.slug.as_str());
    let text = |text: &'_ Option<String>| text.clone().map(Cow::Owned);
    let object = ModelJson {
        id: Cow::Borrowed(&model.id),
        slug: Cow::Owned(format!("{}/{}", provider.slug, model.id)),
        canonical_slug: Cow::Borrowed(&model.canonical),
        name: Cow::Borrowed(&model.name),
        object: Cow::Borrowed("model"),
        created: model.created,
        owned_by: Cow::Borrowed(owner),
        developer: model.developer.as_deref().map(Cow::Borrowed),
        source_gateway: Cow::Borrowed(provider.slug.as_str()),
        provider_slug: Cow::Borrowed(owner),
        description: listing.description.as_deref().map(Cow::Borrowed),
        context_length: model.context_length,
        max_output_tokens: model.max_output,
        modality: Cow::Borrowed(&modality),
        architecture: ArchitectureJson {
            modality: Cow::Borrowed(&modality),
            input_modalities: model.input,
            output_modalities: model.output,
            tokenizer: listing.tokenizer.as_deref().map(Cow::Borrowed),
            instruct_type: listing.instruct_type.as_deref().map(Cow::Borrowed),
        },
        pricing: PricingJson::of(&model.pricing),
        pricing_source: model.pricing_source.clone(),
        per_request_limits: listing.per_request_limits.as_deref(),
        supported_parameters: listing
            .supported_parameters
            .iter()
            .map(|name| Cow::Borrowed(name.as_str()))
            .collect(),
        default_parameters: listing.default_parameters.as_deref(),
        supports_streaming: model.abilities.streaming,
        supports_function_calling: model.abilities.functions,
        supports_vision: model.abilities.vision,
        is_active: true,
        is_free: model.is_free(),
        is_private: model.abilities.private,
        is_deprecated: model.abilities.deprecated,
        health_status: model.health,
        average_response_time_ms: model.average_response_time_ms,
        provider_site_url: text(&provider.site_url),
        model_logo_url: None,
        hugging_face_id: listing.hugging_face_id.as_deref().map(Cow::Borrowed),
        updated_at: model.updated_at,
        tags: listing.tags.iter().map(|tag| Cow::Borrowed(tag.as_str())).collect(),
    };
    render(&object, out);
}

/// Appends the JSON of something whose fields all have a JSON form.
pub(crate) fn render(value: &impl serde::Serialize, out: &mut Vec<u8>) {
    let start = out.len();
    // Writing to memory cannot fail; were a value ever without a JSON form, `null` keeps the page well-formed.
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}
