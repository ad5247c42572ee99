//! The floors: which package may depend on which.
//!
//! Imports run downwards only, and there are no edges inside a floor. What is built for tests stays out of what is
//! shipped. The rooms below are those of the design; a package in no room fails.

use std::collections::BTreeSet;

use crate::metadata::{Dependency, Kind, Metadata, Package};

/// Where a package lives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Room {
    Floor(u8),
    /// Servers, faults and fakes for tests: a dev-dependency only.
    Testkit,
    /// Tests and benches over the whole workspace: nobody depends on them.
    Bench,
    /// This program: it starts before anything else is built.
    Xtask,
}

const ROOMS: [(&str, Room); 15] = [
    ("crates/cache-core", Room::Floor(0)),
    ("crates/cache-redis", Room::Floor(1)),
    ("crates/catalog", Room::Floor(2)),
    ("crates/auth-cache", Room::Floor(2)),
    ("crates/db-cache", Room::Floor(2)),
    ("crates/rate-limit", Room::Floor(2)),
    ("crates/response-cache", Room::Floor(2)),
    ("crates/health", Room::Floor(2)),
    ("crates/store", Room::Floor(3)),
    ("crates/providers", Room::Floor(3)),
    ("bins/gatewayz", Room::Floor(4)),
    ("crates/testkit", Room::Testkit),
    ("tests", Room::Bench),
    ("benches", Room::Bench),
    ("bins/xtask", Room::Xtask),
];

/// The feature of fakes.
const FAKES: &str = "test-util";

const CORE: &str = "gatewayz-cache-core";
const REDIS: &str = "gatewayz-cache-redis";

/// What must not be anywhere under the core: Redis, HTTP and SQL clients.
const NOT_UNDER_CORE: [&str; 16] = [
    "axum",
    "diesel",
    "fred",
    "h2",
    "hyper",
    "hyper-util",
    "libsqlite3-sys",
    "postgres",
    "redis",
    "reqwest",
    "rusqlite",
    "sea-orm",
    "sqlx",
    "sqlx-core",
    "tokio-postgres",
    "tower-http",
];

/// Returns every violation, one line each.
pub(crate) fn check(metadata: &Metadata) -> Vec<String> {
    let mut violations = Vec::new();
    for package in &metadata.members {
        check_name(package, &mut violations);
        check_lints(package, &mut violations);
        check_fakes(package, &mut violations);
        check_redis(package, &mut violations);
        check_edges(package, &metadata.members, &mut violations);
    }
    check_core(metadata, &mut violations);
    violations
}

fn room(package: &Package) -> Option<Room> {
    ROOMS
        .iter()
        .find(|(folder, _)| *folder == package.folder)
        .map(|(_, room)| *room)
}

/// Returns whether the package is never part of what is shipped.
fn is_for_tests(package: &Package) -> bool {
    matches!(room(package), Some(Room::Testkit | Room::Bench))
}

fn check_name(package: &Package, violations: &mut Vec<String>) {
    let Package { name, folder, .. } = package;
    if room(package).is_none() {
        violations.push(format!("{name}: no floor names the folder {folder}"));
    }
    let base = folder.rsplit('/').next().unwrap_or(folder);
    let expected = match folder.as_str() {
        "bins/gatewayz" | "bins/xtask" => base.to_owned(),
        _ => format!("gatewayz-{base}"),
    };
    if *name != expected {
        violations.push(format!("{name}: the package in {folder} is called {expected}"));
    }
}

fn check_lints(package: &Package, violations: &mut Vec<String>) {
    let mut section = "";
    let inherits = package.manifest.lines().map(str::trim).any(|line| {
        if line.starts_with('[') {
            section = line;
        }
        let line: String = line.split_whitespace().collect();
        (section == "[lints]" && line == "workspace=true") || (section.is_empty() && line == "lints.workspace=true")
    });
    if !inherits {
        violations.push(format!(
            "{}: the manifest lacks `[lints] workspace = true`",
            package.name
        ));
    }
}

fn check_fakes(package: &Package, violations: &mut Vec<String>) {
    if is_for_tests(package) {
        return;
    }
    let Package {
        name,
        dependencies,
        features,
        ..
    } = package;
    for Dependency {
        name: to,
        kind,
        features,
    } in dependencies
    {
        if *kind != Kind::Dev && features.iter().any(|feature| feature == FAKES) {
            violations.push(format!("{name}: only a dev-dependency may turn on `{FAKES}` of {to}"));
        }
    }
    for (feature, on) in features {
        let passes_on = on.iter().any(|on| on == FAKES || on.ends_with(&format!("/{FAKES}")));
        if passes_on && feature != FAKES {
            violations.push(format!("{name}: the feature `{feature}` turns on `{FAKES}`"));
        }
    }
}

fn check_redis(package: &Package, violations: &mut Vec<String>) {
    let names_it = package.dependencies.iter().any(|dependency| dependency.name == "fred");
    let may = package.name == REDIS || room(package) == Some(Room::Bench);
    if names_it && !may {
        violations.push(format!("{}: names fred, which is for {REDIS} alone", package.name));
    }
}

fn check_edges(package: &Package, members: &[Package], violations: &mut Vec<String>) {
    for dependency in &package.dependencies {
        let Some(target) = members.iter().find(|member| member.name == dependency.name) else {
            continue;
        };
        // A crate's tests may turn its own features on.
        if target.name == package.name && dependency.kind == Kind::Dev {
            continue;
        }
        if let (Some(from), Some(to)) = (room(package), room(target))
            && let Err(why) = may_depend(from, to, dependency.kind)
        {
            violations.push(format!("{} -> {}: {why}", package.name, target.name));
        }
    }
}

fn may_depend(from: Room, to: Room, kind: Kind) -> Result<(), &'static str> {
    match (from, to) {
        (Room::Xtask, _) => Err("xtask stands outside the workspace that it checks"),
        (_, Room::Xtask | Room::Bench) => Err("nobody depends on xtask, the tests or the benches"),
        (Room::Testkit | Room::Bench, _) => Ok(()),
        (Room::Floor(_), Room::Testkit) if kind == Kind::Dev => Ok(()),
        (Room::Floor(_), Room::Testkit) => Err("the testkit is a dev-dependency only"),
        (Room::Floor(from), Room::Floor(to)) if from < to => Err("the edge climbs"),
        (Room::Floor(from), Room::Floor(to)) if from == to => Err("there are no edges inside a floor"),
        (Room::Floor(2), Room::Floor(1)) if kind != Kind::Dev => Err("Redis reaches floor 2 from the outside"),
        (Room::Floor(_), Room::Floor(_)) => Ok(()),
    }
}

fn check_core(metadata: &Metadata, violations: &mut Vec<String>) {
    let Some(core) = metadata.members.iter().find(|package| package.name == CORE) else {
        violations.push(format!("{CORE} is missing"));
        return;
    };
    let mut seen = BTreeSet::new();
    let mut open = vec![core.id.as_str()];
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        let name = metadata.names.get(id).map_or(id, String::as_str);
        if NOT_UNDER_CORE.contains(&name) {
            violations.push(format!("{CORE}: {name} is in its dependency tree"));
        }
        open.extend(metadata.edges.get(id).into_iter().flatten().map(String::as_str));
    }
}

#[cfg(test)]
mod tests;
