//! Names and lifetimes are those that are documented.

use gatewayz_cache_core::CacheKey;
use gatewayz_catalog::{
    Extras, Gateway, PageKey, Query,
    keyspaces::{self, ModelKey},
};
use proptest::prelude::*;

use crate::support::slug;

#[test]
fn every_keyspace_has_its_documented_name_and_ttl() {
    let documented = [
        (keyspaces::FULL, "models:catalog:full", 900),
        (keyspaces::PROVIDER, "models:provider", 1800),
        (keyspaces::GATEWAY, "models:gateway", 1800),
        (keyspaces::MODEL, "models:model", 3600),
        (keyspaces::PRICING, "models:pricing", 3600),
        (keyspaces::INDEX, "models:index", 1800),
        (keyspaces::UNIQUE, "models:unique", 1800),
        (keyspaces::STATS, "models:stats", 900),
        (keyspaces::PAGES, "catalog:v2", 300),
        (keyspaces::METADATA, "catalog:metadata", 86_400),
    ];
    for (keyspace, name, seconds) in documented {
        assert_eq!((keyspace.name, keyspace.policy.ttl.as_secs()), (name, seconds));
    }
    assert_eq!(keyspaces::FULL.policy.stale.as_secs(), 3600);
}

#[test]
fn keys_are_spelled_as_documented() {
    assert_eq!(keyspaces::FULL.shared_name(&()), "models:catalog:full");
    assert_eq!(keyspaces::PROVIDER.shared_name(&slug("groq")), "models:provider:groq");
    let id = ModelKey::Id("openai/gpt-4".to_owned());
    assert_eq!(keyspaces::MODEL.shared_name(&id), "models:model:openai/gpt-4");
    let of = ModelKey::Of(slug("openrouter"), "a/b:free".to_owned());
    assert_eq!(keyspaces::MODEL.shared_name(&of), "models:model:openrouter:a/b:free");
    let page = PageKey::new(&Query::default(), &Extras::default());
    let name = keyspaces::PAGES.shared_name(&page);
    assert!(
        name.starts_with("catalog:v2:all:") && name.len() == "catalog:v2:all:".len() + 64,
        "{name}"
    );
    let mut of_groq = Query::default();
    of_groq.filter.gateway = Gateway::Provider(slug("groq"));
    let name = keyspaces::PAGES.shared_name(&PageKey::new(&of_groq, &Extras::default()));
    assert!(name.starts_with("catalog:v2:groq:"), "{name}");
}

proptest! {
    #[test]
    fn model_keys_are_read_back_and_never_confused(
        id in "[a-z0-9:/%@ {}.é-]{1,24}",
        provider in "[a-z][a-z0-9]{0,8}",
        of in any::<bool>(),
    ) {
        let key = if of { ModelKey::Of(slug(&provider), id) } else { ModelKey::Id(id) };
        let mut text = String::new();
        key.encode(&mut text);
        prop_assert_eq!(ModelKey::decode(&text), Some(key));
    }

    #[test]
    fn no_text_makes_reading_a_key_panic(text in "\\PC{0,80}") {
        let _key = ModelKey::decode(&text);
        let _key = PageKey::decode(&text);
    }
}
