use std::time::Duration;

use super::{Invalidation, InvalidationGraph, Target, UnknownSubject};
use crate::keyspace::{Keyspace, Policy};

const POLICY: Policy = Policy::new(Duration::from_secs(60));
static PROVIDER: Keyspace = Keyspace::new("models:provider", POLICY);
static FULL: Keyspace = Keyspace::new("models:catalog:full", POLICY);
static STATS: Keyspace = Keyspace::new("models:stats", POLICY);
static PAGES: Keyspace = Keyspace::new("catalog:v2", POLICY);

fn graph() -> InvalidationGraph {
    InvalidationGraph::new()
        .on(
            "provider",
            &[
                Target::SameKey(&PROVIDER),
                Target::Subject("catalog"),
                Target::Under(&PAGES),
            ],
        )
        .on(
            "catalog",
            &[
                Target::Whole(&FULL),
                Target::Whole(&STATS),
                Target::UnderPart(&PAGES, "all"),
            ],
        )
        .on("models:provider", &[Target::Subject("provider")])
}

#[track_caller]
fn covers(invalidation: &Invalidation, name: &str, expect: bool) {
    assert_eq!(invalidation.covers(name), expect, "{name}");
}

#[test]
fn a_subject_reaches_what_is_declared_and_nothing_else() {
    let all = graph().expand("provider", "openrouter");
    for name in [
        "models:provider:openrouter",
        "models:catalog:full",
        "models:stats",
        "catalog:v2:openrouter:1f",
        "catalog:v2:all:2e",
    ] {
        covers(&all, name, true);
    }
    for name in [
        "models:provider:groq",
        "catalog:v2:groq:1",
        "catalog:v2:openrouter2:1",
        "models:statsx",
    ] {
        covers(&all, name, false);
    }
}

#[test]
fn a_key_has_the_consequences_of_its_keyspace() {
    let mut keys = Invalidation::new().key(&PROVIDER, &"a{b".to_owned());
    graph().complete(&mut keys);
    covers(&keys, "models:catalog:full", true);
    covers(&keys, "models:provider:a%7Bb", true);
    covers(&keys, "catalog:v2:a%257Bb:1", true);
}

#[test]
fn circles_end() {
    let graph = InvalidationGraph::new()
        .on("a", &[Target::Subject("b")])
        .on("b", &[Target::Subject("a")]);
    assert!(graph.expand("a", "x").is_empty());
}

#[test]
fn an_edge_to_nowhere_is_refused() {
    let graph = InvalidationGraph::new().on("a", &[Target::Subject("b")]);
    assert_eq!(graph.check(), Err(UnknownSubject { from: "a", to: "b" }));
    assert!(InvalidationGraph::new().on("a", &[]).check().is_ok());
}

#[test]
fn the_message_is_short_json_and_reads_back() {
    let message = Invalidation::new().name("models:stats").prefix("catalog:v2:all:");
    let text = serde_json::to_string(&message).unwrap();
    assert_eq!(text, r#"{"k":["models:stats"],"p":["catalog:v2:all:"]}"#);
    assert_eq!(serde_json::from_str::<Invalidation>(&text).unwrap(), message);
}
