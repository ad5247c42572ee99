//! The keys of pages: a gateway and a digest of every parameter.

use std::fmt;

use gatewayz_cache_core::CacheKey;
use sha2::{Digest as _, Sha256};

use super::Extras;
use crate::{
    modality::Modalities,
    provider::Slug,
    query::{Filter, Gateway, Query, Start},
};

/// A page's key: `catalog:v2:{gateway}:{digest}`. The digest is SHA-256 over all parameters, so that no two queries
/// share a page.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PageKey {
    gateway: Gateway,
    digest: [u8; 32],
}

impl PageKey {
    /// The key of a query. Allocates nothing.
    #[must_use]
    pub fn new(query: &Query, extras: &Extras) -> Self {
        // Every field is named, so that a new one cannot be forgotten.
        let Query { filter, sort, window } = query;
        let Filter {
            gateway,
            provider,
            developer,
            text,
            private,
            free,
            input,
            output,
            min_context,
            max_context,
            min_price,
            max_price,
            parameters,
        } = filter;
        let Extras {
            include_huggingface,
            note,
        } = extras;
        let mut fields = Fields(Sha256::new());
        fields.text(Some(gateway.as_str()));
        fields.text(provider.as_deref());
        fields.text(developer.as_deref());
        fields.text(text.as_deref());
        fields.number(private.map(u64::from));
        fields.number(free.map(u64::from));
        fields.modalities(*input);
        fields.modalities(*output);
        fields.number(min_context.map(|tokens| tokens.get().into()));
        fields.number(max_context.map(|tokens| tokens.get().into()));
        fields.number(min_price.map(|price| price.steps()));
        fields.number(max_price.map(|price| price.steps()));
        fields.number(Some(parameters.len() as u64));
        for parameter in parameters {
            fields.text(Some(parameter));
        }
        fields.number(Some(sort.by as u64));
        fields.number(Some(sort.descending.into()));
        fields.number(window.limit.map(u64::from));
        match &window.start {
            Start::Offset(offset) => fields.number(Some((*offset).into())),
            Start::After(cursor) => {
                fields.number(None);
                cursor.parts(|offset, provider, id| {
                    fields.number(Some(offset.into()));
                    fields.text(Some(provider));
                    fields.text(Some(id));
                });
            }
        }
        fields.number(Some((*include_huggingface).into()));
        fields.text(*note);
        Self {
            gateway: gateway.clone(),
            digest: fields.0.finalize().into(),
        }
    }

    /// The first half of the digest, as digits.
    pub(super) fn short(&self) -> impl fmt::Display {
        let mut half = [0; 16];
        half.copy_from_slice(&self.digest[..16]);
        format!("{:032x}", u128::from_be_bytes(half))
    }
}

/// The name in the shared tier.
impl fmt::Display for PageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::keyspaces::PAGES.shared_name(self))
    }
}

impl CacheKey for PageKey {
    fn encode(&self, out: &mut String) {
        out.push_str(self.gateway.as_str());
        out.push(':');
        self.digest.encode(out);
    }

    fn decode(part: &str) -> Option<Self> {
        let (gateway, digest) = part.split_once(':')?;
        Some(Self {
            gateway: match gateway {
                "all" => Gateway::All,
                slug => Gateway::Provider(Slug::new(slug).ok()?),
            },
            digest: CacheKey::decode(digest)?,
        })
    }

    fn heap_size(&self) -> usize {
        // Text in front of the digest's digits: what `encode` will need.
        self.gateway.as_str().len() + 1 + 64
    }
}

/// Fields one after the other, so that no two sequences of fields are the same bytes.
struct Fields(Sha256);

impl Fields {
    fn text(&mut self, text: Option<&str>) {
        self.number(text.map(|text| text.len() as u64));
        self.0.update(text.unwrap_or_default());
    }

    fn number(&mut self, number: Option<u64>) {
        self.0.update([u8::from(number.is_some())]);
        self.0.update(number.unwrap_or_default().to_le_bytes());
    }

    fn modalities(&mut self, modalities: Modalities) {
        self.number(Some(modalities.iter().fold(0, |set, modality| set | 1 << modality as u8)));
    }
}
