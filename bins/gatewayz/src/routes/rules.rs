//! What holds for every route.

use std::collections::BTreeSet;

use crate::http::{Access, Payload, Router, Verb};

/// Paths under which nothing is for everybody.
const CLOSED: [&str; 4] = ["/admin", "/cache", "/api/cache", "/api/system"];

/// Routes that take a body and change nothing.
const ONLY_READS: [&str; 1] = ["compareModels"];

#[test]
fn what_changes_anything_is_not_for_everybody() {
    let routes = crate::routes::all();
    for route in &routes {
        let is_closed = |path: &&&str| CLOSED.iter().any(|closed| path.starts_with(closed));
        if let Some(path) = route.paths.iter().find(is_closed) {
            let admin = matches!(route.access, Access::Admin | Access::CacheAdmin);
            assert!(admin, "{path} is for {:?}", route.access);
        }
        if route.verb != Verb::Get && !ONLY_READS.contains(&route.name) {
            assert_ne!(route.access, Access::Public, "{} {:?}", route.name, route.paths);
        }
    }
}

#[test]
fn routes_are_whole() {
    let routes = crate::routes::all();
    let names: BTreeSet<&str> = routes.iter().map(|route| route.name).collect();
    assert_eq!(names.len(), routes.len(), "two routes have one name");
    for route in &routes {
        assert!(!route.name.is_empty() && !route.summary.is_empty(), "{:?}", route.paths);
        assert!(!route.paths.is_empty(), "{}", route.name);
        assert!(
            route.verb != Verb::Get || matches!(route.payload, Payload::None),
            "{}",
            route.name
        );
        for path in route.paths {
            for part in path.split('/').filter(|part| part.starts_with('{')) {
                let name = part.trim_matches(['{', '}', '*']);
                let known = route.params.iter().any(|param| param.name == name);
                assert!(known, "{path}: `{name}` is not declared");
            }
        }
    }
    Router::new(routes).unwrap();
}
