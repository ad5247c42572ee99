//! The keyspaces of the catalogue: names and lifetimes as documented, and what a change makes untrue.

use std::time::Duration;

use gatewayz_cache_core::{CacheKey, InvalidationGraph, Keyspace, Policy, Target};

use crate::provider::Slug;

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

const STALE: Duration = minutes(60);

/// `models:catalog:full`: all models of all active providers.
pub const FULL: Keyspace = Keyspace::new(
    "models:catalog:full",
    Policy::new(minutes(15))
        .with_stale(STALE)
        .with_timeouts(Duration::from_millis(100), Duration::from_secs(30)),
);
/// `models:provider:{slug}`: the models of one provider.
pub const PROVIDER: Keyspace = Keyspace::new("models:provider", Policy::new(minutes(30)).with_stale(STALE));
/// `models:gateway:{slug}`: another name of the same, for readers that know only that one.
pub const GATEWAY: Keyspace = Keyspace::new("models:gateway", Policy::new(minutes(30)).with_stale(STALE));
/// `models:model:{id}` and `models:model:{provider}:{id}`: one model.
pub const MODEL: Keyspace = Keyspace::new("models:model", Policy::new(minutes(60)).with_negative(minutes(1)));
/// `models:pricing:{id}`: what one model costs.
pub const PRICING: Keyspace = Keyspace::new("models:pricing", Policy::new(minutes(60)).with_negative(minutes(1)));
/// `models:index:{slug}`: the ids of one provider's models.
pub const INDEX: Keyspace = Keyspace::new("models:index", Policy::new(minutes(30)));
/// `models:unique`: the models with their offers.
pub const UNIQUE: Keyspace = Keyspace::new("models:unique", Policy::new(minutes(30)).with_stale(STALE));
/// `models:stats`: figures of the whole.
pub const STATS: Keyspace = Keyspace::new("models:stats", Policy::new(minutes(15)).with_stale(STALE));
/// `catalog:v2:{gateway}:{digest}`: rendered pages.
pub const PAGES: Keyspace = Keyspace::new("catalog:v2", Policy::new(minutes(5)));
/// `catalog:metadata:{gateway}`: how many pages were rendered.
pub const METADATA: Keyspace = Keyspace::new("catalog:metadata", Policy::new(minutes(24 * 60)).incoherent());

/// The subject of a change of one provider's list. No keyspace begins so: a subject that one did would be taken for it.
pub const PROVIDER_CHANGED: &str = "provider-list";
/// The subject of a change that touches everything.
pub const CATALOG_CHANGED: &str = "all-lists";

/// Adds what a change of the catalogue makes untrue to a graph.
#[must_use]
pub fn declare(graph: InvalidationGraph) -> InvalidationGraph {
    let snapshot = [Target::Whole(&FULL)];
    cuts(graph)
        .on(PROVIDER_CHANGED, &snapshot)
        .on(CATALOG_CHANGED, &snapshot)
}

/// The same without the snapshot: what is cut out of it.
pub(crate) fn cuts(graph: InvalidationGraph) -> InvalidationGraph {
    let aggregates = [
        Target::Whole(&UNIQUE),
        Target::Whole(&STATS),
        Target::Whole(&MODEL),
        Target::Whole(&PRICING),
    ];
    let of_provider = [
        Target::SameKey(&PROVIDER),
        Target::SameKey(&GATEWAY),
        Target::SameKey(&INDEX),
        Target::Under(&PAGES),
        Target::UnderPart(&PAGES, "all"),
    ];
    let of_all = [
        Target::Whole(&PROVIDER),
        Target::Whole(&GATEWAY),
        Target::Whole(&INDEX),
        Target::Whole(&PAGES),
    ];
    graph
        .on(PROVIDER_CHANGED, &aggregates)
        .on(PROVIDER_CHANGED, &of_provider)
        .on(CATALOG_CHANGED, &aggregates)
        .on(CATALOG_CHANGED, &of_all)
}

/// Which model an entry is of: one by its id, whoever serves it, or that of one provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ModelKey {
    /// `{id}`, in which `:` stands encoded.
    Id(String),
    /// `{provider}:{id}`
    Of(Slug, String),
}

impl CacheKey for ModelKey {
    fn encode(&self, out: &mut String) {
        match self {
            // A colon of the id would make it look like a provider's model.
            Self::Id(id) => {
                let mut text = String::new();
                id.encode(&mut text);
                out.push_str(&text.replace(':', "%3A"));
            }
            Self::Of(provider, id) => {
                out.push_str(provider.as_str());
                out.push(':');
                id.encode(out);
            }
        }
    }

    fn decode(part: &str) -> Option<Self> {
        match part.split_once(':') {
            Some((provider, id)) => Some(Self::Of(Slug::new(provider).ok()?, CacheKey::decode(id)?)),
            None => {
                let mut id = String::new();
                for (at, piece) in part.split("%3A").enumerate() {
                    if at > 0 {
                        id.push(':');
                    }
                    id.push_str(&<String as CacheKey>::decode(piece)?);
                }
                Some(Self::Id(id))
            }
        }
    }

    fn heap_size(&self) -> usize {
        match self {
            Self::Id(id) => id.len(),
            Self::Of(provider, id) => provider.as_str().len() + 1 + id.len(),
        }
    }
}
