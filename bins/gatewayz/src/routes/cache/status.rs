//! What is cached of each provider.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use gatewayz_cache_core::{CacheStatus, Lookup};
use gatewayz_catalog::{Provider, Snapshot, keyspaces};
use serde_json::{Value, json as value};

use super::{BASE, GATEWAY, named, now, target, timestamp};
use crate::{
    app::App,
    http::{Call, Code, Handler, Outcome, Route, json},
    openapi::{Answers, Book, Shape as _, shape},
};

pub(super) static ROUTES: &[&Route] = &[&STATUS];

static STATUS: Route = Route {
    name: "cacheStatus",
    paths: &["/cache/status"],
    params: &[GATEWAY],
    handler: Handler::Now(status),
    summary: "What is cached: a map of all providers, or, with `gateway`, one of them or `all`.",
    answers: Answers::json(either).or(&[Code::ProviderNotFound]),
    ..BASE
};

shape! {
    /// What is cached, by provider.
    pub(super) struct CacheMap {
        success: bool,
        /// By slug; `providers` is the list of providers itself.
        data: BTreeMap<String, CacheOf>,
        timestamp: String,
    }

    /// What is cached of one provider.
    pub(super) struct CacheOf {
        /// How many rows are.
        #[serde(skip_serializing_if = "Option::is_none")]
        models_cached: Option<u64>,
        /// How many providers have rows.
        #[serde(skip_serializing_if = "Option::is_none")]
        providers_cached: Option<u64>,
        /// When they were read from the store.
        last_refresh: Option<String>,
        /// How long they are fresh from then on.
        ttl_seconds: u64,
        /// How long ago that was.
        cache_age_seconds: Option<u64>,
        /// `healthy`, `empty` or `stale`.
        status: &'static str,
        has_data: bool,
    }

    /// What is cached of a provider, or of all.
    pub(super) struct CacheFlat {
        gateway: String,
        is_cached: bool,
        models_count: u64,
        cached_at: Option<String>,
        age_seconds: Option<u64>,
        /// How long it is still fresh.
        ttl_seconds: u64,
    }
}

fn either(book: &mut Book) -> Value {
    value!({ "anyOf": [CacheMap::schema(book), CacheFlat::schema(book)] })
}

/// The catalogue in memory, as far as it says something of a cache.
pub(super) struct Cached {
    at_hand: Option<Lookup<Snapshot>>,
    ttl: Duration,
    /// When it was read.
    read_at: Option<String>,
}

impl Cached {
    pub(super) fn of(app: &App) -> Self {
        let at_hand = app.catalog.at_hand();
        let full = |keyspace: &gatewayz_cache_core::Keyspace| keyspace.name == keyspaces::FULL.name;
        let in_force = app.node.keyspaces().into_iter().find(full);
        Self {
            ttl: in_force.unwrap_or(keyspaces::FULL).policy.ttl,
            read_at: at_hand.as_ref().map(|lookup| now(app).before(lookup.age()).to_string()),
            at_hand,
        }
    }

    pub(super) fn snapshot(&self) -> Option<&Arc<Snapshot>> {
        self.at_hand.as_ref()?.value.as_ref()
    }

    pub(super) fn age(&self) -> Option<Duration> {
        self.at_hand.as_ref().map(Lookup::age)
    }

    pub(super) const fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Whether it is fresh.
    pub(super) fn is_valid(&self) -> bool {
        self.at_hand
            .as_ref()
            .is_some_and(|lookup| lookup.status != CacheStatus::StaleHit && lookup.age() < self.ttl)
    }

    /// How many rows there are of a provider, or of all.
    pub(super) fn rows(&self, provider: Option<&Provider>) -> u64 {
        let Some(snapshot) = self.snapshot() else { return 0 };
        match provider {
            None => snapshot.len() as u64,
            Some(provider) => snapshot.provider_rows(provider.slug.as_str()).len() as u64,
        }
    }

    /// How many providers have rows.
    pub(super) fn providers(&self) -> u64 {
        self.snapshot().map_or(0, |snapshot| snapshot.providers().len() as u64)
    }

    fn of_one(&self, models: Option<u64>, providers: Option<u64>) -> CacheOf {
        let has_data = models.or(providers).is_some_and(|count| count > 0);
        CacheOf {
            models_cached: models,
            providers_cached: providers,
            last_refresh: self.read_at.clone(),
            ttl_seconds: self.ttl.as_secs(),
            cache_age_seconds: self.age().map(|age| age.as_secs()),
            status: match (has_data, self.is_valid()) {
                (false, _) => "empty",
                (true, true) => "healthy",
                (true, false) => "stale",
            },
            has_data,
        }
    }

    fn flat(&self, gateway: &str, models: u64) -> CacheFlat {
        CacheFlat {
            gateway: gateway.to_owned(),
            is_cached: models > 0,
            models_count: models,
            cached_at: self.read_at.clone(),
            age_seconds: self.age().map(|age| age.as_secs()),
            ttl_seconds: self.age().map_or(0, |age| remaining(self.ttl, age)),
        }
    }
}

/// What is left of a lifetime, in the whole seconds in which ages are told.
fn remaining(ttl: Duration, age: Duration) -> u64 {
    ttl.as_secs().saturating_sub(age.as_secs())
}

fn status(app: &Arc<App>, call: &Call) -> Outcome {
    let params = call.params()?;
    let cached = Cached::of(app);
    if params.text("gateway").is_some() {
        let provider = named(app, &params)?;
        return json(&cached.flat(target(provider.as_ref()), cached.rows(provider.as_deref())));
    }
    let of = |provider: &Arc<Provider>| {
        let rows = cached.rows(Some(&**provider));
        (provider.slug.as_str().to_owned(), cached.of_one(Some(rows), None))
    };
    let mut data: BTreeMap<String, CacheOf> = app.catalog.directory().iter().map(of).collect();
    data.insert("providers".to_owned(), cached.of_one(None, Some(cached.providers())));
    json(&CacheMap {
        success: true,
        data,
        timestamp: timestamp(app),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Cached, remaining};

    #[test]
    fn both_shapes_have_the_documented_fields_while_nothing_is_cached() {
        let cached = Cached {
            at_hand: None,
            ttl: Duration::from_secs(900),
            read_at: None,
        };
        let one = serde_json::to_value(cached.of_one(Some(0), None)).unwrap();
        assert_eq!(
            one,
            serde_json::json!({ "models_cached": 0, "last_refresh": null, "ttl_seconds": 900, "cache_age_seconds": null,
                "status": "empty", "has_data": false })
        );
        let flat = serde_json::to_value(cached.flat("all", 0)).unwrap();
        assert_eq!(
            flat,
            serde_json::json!({ "gateway": "all", "is_cached": false, "models_count": 0, "cached_at": null,
                "age_seconds": null, "ttl_seconds": 0 })
        );
    }

    #[test]
    fn age_and_what_is_left_add_up() {
        let seconds = Duration::from_secs;
        assert_eq!(remaining(seconds(900), Duration::from_millis(120_900)), 780);
        assert_eq!(remaining(seconds(900), seconds(1000)), 0);
    }
}
