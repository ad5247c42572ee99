//! The keys of pages: a gateway and a digest of every parameter.

use std::fmt;

use gatewayz_cache_core::CacheKey;
use sha2::{Digest as _, Sha256};

use super::{Extras, UniqueShape};
use crate::{
    modality::Modalities,
    provider::Slug,
    query::{Filter, Gateway, Query, SortBy, Start},
    snapshot::Epoch,
    unique::UniqueQuery,
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
        let mut fields = Fields::new();
        fields.query(query);
        fields.extras(extras);
        Self::of(whose(query), fields)
    }

    /// The key of a search with the same query.
    #[must_use]
    pub fn search(query: &Query) -> Self {
        let mut fields = Fields::new();
        // No gateway, with whose name the fields of the others begin, has a colon in it.
        fields.text(Some(":search"));
        fields.query(query);
        Self::of(whose(query), fields)
    }

    /// The key of models with their offers. It stands with those of `all`, whatever the gateway asked for: the offers
    /// are those of all providers, and any change of them makes the page untrue.
    #[must_use]
    pub fn unique(query: &UniqueQuery, shape: UniqueShape) -> Self {
        // Every field is named, so that a new one cannot be forgotten.
        let UniqueQuery {
            filter,
            min_providers,
            include_inactive,
            sort_by,
            descending,
            offset,
            limit,
        } = query;
        let mut fields = Fields::new();
        fields.text(Some(":unique"));
        fields.filter(filter);
        fields.number(min_providers.map(|least| least.get().into()));
        fields.number(Some((*include_inactive).into()));
        fields.number(Some(*sort_by as u64));
        fields.number(Some((*descending).into()));
        fields.number(Some((*offset).into()));
        fields.number(limit.map(u64::from));
        match shape {
            UniqueShape::Models => fields.number(None),
            UniqueShape::Rows(extras) => {
                fields.number(Some(0));
                fields.extras(&extras);
            }
        }
        Self::of(&Gateway::All, fields)
    }

    fn of(gateway: &Gateway, fields: Fields) -> Self {
        Self {
            gateway: gateway.clone(),
            digest: fields.finish(),
        }
    }

    /// The key of the page that a query has in one catalogue: what stands under it can never become untrue.
    #[must_use]
    pub fn at(&self, epoch: Epoch) -> Self {
        let mut digest = self.digest;
        for half in digest.chunks_exact_mut(16) {
            for (byte, mixed) in half.iter_mut().zip(epoch.as_bytes()) {
                *byte ^= mixed;
            }
        }
        Self {
            gateway: self.gateway.clone(),
            digest,
        }
    }

    /// Whose pages it is one of.
    #[must_use]
    pub const fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// The first half of the digest, as digits.
    pub(super) fn short(&self) -> impl fmt::Display {
        let mut half = [0; 16];
        half.copy_from_slice(&self.digest[..16]);
        format!("{:032x}", u128::from_be_bytes(half))
    }
}

/// With whose pages that of a query stands. Popularity counts all providers: any change of them makes it untrue.
const fn whose(query: &Query) -> &Gateway {
    match query.sort.by {
        SortBy::Popularity => &Gateway::All,
        _ => &query.filter.gateway,
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
///
/// They are gathered before they are digested: many small updates cost more than the digest.
struct Fields {
    digest: Sha256,
    gathered: [u8; 256],
    len: usize,
}

impl Fields {
    fn new() -> Self {
        Self {
            digest: Sha256::new(),
            gathered: [0; 256],
            len: 0,
        }
    }

    fn finish(mut self) -> [u8; 32] {
        self.digest.update(&self.gathered[..self.len]);
        self.digest.finalize().into()
    }

    fn bytes(&mut self, bytes: &[u8]) {
        if let Some(room) = self.gathered.get_mut(self.len..self.len + bytes.len()) {
            room.copy_from_slice(bytes);
            self.len += bytes.len();
        } else {
            self.digest.update(&self.gathered[..self.len]);
            self.digest.update(bytes);
            self.len = 0;
        }
    }

    fn text(&mut self, text: Option<&str>) {
        self.number(text.map(|text| text.len() as u64));
        self.bytes(text.unwrap_or_default().as_bytes());
    }

    fn number(&mut self, number: Option<u64>) {
        match number {
            None => self.bytes(&[0]),
            Some(number) => {
                self.bytes(&[1]);
                self.bytes(&number.to_le_bytes());
            }
        }
    }

    fn query(&mut self, query: &Query) {
        let Query { filter, sort, window } = query;
        self.filter(filter);
        self.number(Some(sort.by as u64));
        self.number(Some(sort.descending.into()));
        self.number(window.limit.map(u64::from));
        match &window.start {
            Start::Offset(offset) => self.number(Some((*offset).into())),
            Start::After(cursor) => {
                self.number(None);
                cursor.parts(|offset, provider, id| {
                    self.number(Some(offset.into()));
                    self.text(Some(provider));
                    self.text(Some(id));
                });
            }
        }
    }

    fn filter(&mut self, filter: &Filter) {
        // Every field is named, so that a new one cannot be forgotten.
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
        self.text(Some(gateway.as_str()));
        self.text(provider.as_deref());
        self.text(developer.as_deref());
        self.text(text.as_deref());
        self.number(private.map(u64::from));
        self.number(free.map(u64::from));
        self.modalities(*input);
        self.modalities(*output);
        self.number(min_context.map(|tokens| tokens.get().into()));
        self.number(max_context.map(|tokens| tokens.get().into()));
        self.number(min_price.map(|price| price.steps()));
        self.number(max_price.map(|price| price.steps()));
        self.number(Some(parameters.len() as u64));
        for parameter in parameters {
            self.text(Some(parameter));
        }
    }

    fn extras(&mut self, extras: &Extras) {
        let Extras {
            include_huggingface,
            note,
        } = extras;
        self.number(Some((*include_huggingface).into()));
        self.text(*note);
    }

    fn modalities(&mut self, modalities: Modalities) {
        self.number(Some(
            modalities.iter().fold(0, |set, modality| set | 1 << modality as u8),
        ));
    }
}
