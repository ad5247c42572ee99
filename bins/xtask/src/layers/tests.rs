//! Each rule of the floors, shown to fail on a workspace made by hand; and the real one.

use super::{ROOMS, check};
use crate::metadata::{Dependency, Kind, Metadata, Package};
use crate::workspace::Workspace;

fn package(folder: &str, dependencies: Vec<Dependency>) -> Package {
    let base = folder.rsplit('/').next().unwrap();
    let name = if folder.starts_with("bins/") {
        base.to_owned()
    } else {
        format!("gatewayz-{base}")
    };
    Package {
        id: name.clone(),
        name,
        folder: folder.to_owned(),
        manifest: "[package]\nname = \"x\"\n\n[lints]\nworkspace = true\n".to_owned(),
        dependencies,
        ..Package::default()
    }
}

fn on(name: &str, kind: Kind) -> Dependency {
    Dependency {
        name: name.to_owned(),
        kind,
        features: Vec::new(),
    }
}

/// A workspace with every room, where `changed` takes the place of the package in its folder.
fn workspace(changed: Package) -> Metadata {
    let mut members: Vec<_> = ROOMS
        .iter()
        .filter(|(folder, _)| *folder != changed.folder)
        .map(|(folder, _)| package(folder, Vec::new()))
        .collect();
    members.push(changed);
    let names = members
        .iter()
        .map(|member| (member.id.clone(), member.name.clone()))
        .collect();
    Metadata {
        members,
        names,
        ..Metadata::default()
    }
}

#[track_caller]
fn check_package(changed: Package, expect: &[&str]) {
    assert_eq!(check(&workspace(changed)), expect);
}

#[track_caller]
fn check_edge(from: &str, to: &str, kind: Kind, expect: &[&str]) {
    check_package(package(from, vec![on(to, kind)]), expect);
}

#[test]
fn edges_down_hold() {
    check_edge("crates/cache-redis", "gatewayz-cache-core", Kind::Normal, &[]);
    check_edge("crates/catalog", "gatewayz-cache-core", Kind::Normal, &[]);
    check_edge("crates/store", "gatewayz-catalog", Kind::Normal, &[]);
    for above in ["crates/store", "crates/providers"] {
        for below in ["gatewayz-catalog", "gatewayz-cache-core"] {
            check_edge(above, below, Kind::Normal, &[]);
        }
        for below in ["gatewayz-cache-redis", "gatewayz-testkit"] {
            check_edge(above, below, Kind::Dev, &[]);
        }
        for room in ["tests", "benches"] {
            check_edge(room, &above.replace("crates/", "gatewayz-"), Kind::Normal, &[]);
        }
    }
    check_edge("bins/gatewayz", "gatewayz-cache-redis", Kind::Normal, &[]);
    check_edge("crates/cache-core", "gatewayz-testkit", Kind::Dev, &[]);
    check_edge("crates/db-cache", "gatewayz-cache-redis", Kind::Dev, &[]);
    check_edge("crates/testkit", "gatewayz-cache-core", Kind::Normal, &[]);
    check_edge("tests", "gatewayz-testkit", Kind::Normal, &[]);
    check_edge("crates/cache-redis", "gatewayz-cache-redis", Kind::Dev, &[]);
}

#[test]
fn edges_that_climb_fail() {
    let climbs = &["gatewayz-cache-core -> gatewayz-cache-redis: the edge climbs"];
    check_edge("crates/cache-core", "gatewayz-cache-redis", Kind::Normal, climbs);
    check_edge("crates/cache-core", "gatewayz-cache-redis", Kind::Build, climbs);
    check_edge("crates/cache-core", "gatewayz-cache-redis", Kind::Dev, climbs);
    check_edge(
        "crates/store",
        "gatewayz",
        Kind::Normal,
        &["gatewayz-store -> gatewayz: the edge climbs"],
    );
}

#[test]
fn edges_inside_a_floor_fail() {
    let level = &["gatewayz-catalog -> gatewayz-health: there are no edges inside a floor"];
    check_edge("crates/catalog", "gatewayz-health", Kind::Normal, level);
    check_edge("crates/catalog", "gatewayz-health", Kind::Dev, level);
    let level = &["gatewayz-store -> gatewayz-providers: there are no edges inside a floor"];
    check_edge("crates/store", "gatewayz-providers", Kind::Normal, level);
}

#[test]
fn floor_two_does_not_know_redis() {
    let known = &["gatewayz-health -> gatewayz-cache-redis: Redis reaches floor 2 from the outside"];
    check_edge("crates/health", "gatewayz-cache-redis", Kind::Normal, known);
}

#[test]
fn the_testkit_is_not_shipped() {
    let shipped = &["gatewayz-store -> gatewayz-testkit: the testkit is a dev-dependency only"];
    check_edge("crates/store", "gatewayz-testkit", Kind::Normal, shipped);
    check_edge("crates/store", "gatewayz-testkit", Kind::Build, shipped);
}

#[test]
fn nobody_depends_on_what_stands_outside() {
    let nobody = &["gatewayz-store -> gatewayz-tests: nobody depends on xtask, the tests or the benches"];
    check_edge("crates/store", "gatewayz-tests", Kind::Dev, nobody);
    let outside = &["xtask -> gatewayz-cache-core: xtask stands outside the workspace that it checks"];
    check_edge("bins/xtask", "gatewayz-cache-core", Kind::Normal, outside);
}

#[test]
fn a_package_in_no_room_fails() {
    let lost = package("crates/helpers", Vec::new());
    check_package(lost, &["gatewayz-helpers: no floor names the folder crates/helpers"]);
}

#[test]
fn a_package_with_another_name_fails() {
    let mut renamed = package("crates/store", Vec::new());
    renamed.name = "store".to_owned();
    check_package(
        renamed,
        &["store: the package in crates/store is called gatewayz-store"],
    );
}

#[test]
fn a_package_with_its_own_lints_fails() {
    let lacks = &["gatewayz-store: the manifest lacks `[lints] workspace = true`"];
    for manifest in [
        "[package]\nname = \"x\"\n",
        "[lints]\n[lints.rust]\n",
        "[package]\nworkspace = true\n",
    ] {
        let mut changed = package("crates/store", Vec::new());
        changed.manifest = manifest.to_owned();
        check_package(changed, lacks);
    }
}

#[test]
fn fakes_that_are_shipped_fail() {
    let fakes = |kind| {
        let features = vec!["test-util".to_owned()];
        vec![Dependency {
            name: "gatewayz-cache-core".to_owned(),
            kind,
            features,
        }]
    };
    let normal = package("crates/store", fakes(Kind::Normal));
    check_package(
        normal,
        &["gatewayz-store: only a dev-dependency may turn on `test-util` of gatewayz-cache-core"],
    );
    check_package(package("crates/store", fakes(Kind::Dev)), &[]);
    check_package(package("tests", fakes(Kind::Normal)), &[]);

    let feature = |name: &str, on: &str| {
        let mut changed = package("crates/store", Vec::new());
        changed.features.insert(name.to_owned(), vec![on.to_owned()]);
        changed
    };
    let default = &["gatewayz-store: the feature `default` turns on `test-util`"];
    check_package(feature("default", "test-util"), default);
    check_package(feature("default", "gatewayz-cache-core/test-util"), default);
    check_package(feature("test-util", "gatewayz-cache-core/test-util"), &[]);
}

#[test]
fn a_second_crate_that_names_fred_fails() {
    let second = &["gatewayz-store: names fred, which is for gatewayz-cache-redis alone"];
    check_edge("crates/store", "fred", Kind::Normal, second);
    check_edge("crates/store", "fred", Kind::Dev, second);
    check_edge("crates/cache-redis", "fred", Kind::Normal, &[]);
    check_edge("benches", "fred", Kind::Dev, &[]);
}

#[test]
fn a_client_deep_under_the_core_fails() {
    let mut metadata = workspace(package("crates/cache-core", Vec::new()));
    for (from, to) in [
        ("gatewayz-cache-core", "middle"),
        ("middle", "hyper"),
        ("hyper", "middle"),
    ] {
        metadata.edges.entry(from.to_owned()).or_default().insert(to.to_owned());
    }
    assert_eq!(
        check(&metadata),
        ["gatewayz-cache-core: hyper is in its dependency tree"]
    );
}

#[test]
fn a_workspace_without_the_core_fails() {
    assert_eq!(check(&Metadata::default()), ["gatewayz-cache-core is missing"]);
}

#[test]
fn metadata_is_read() {
    let text = r#"{
        "workspace_root": "/w", "target_directory": "/w/target", "workspace_members": ["core"],
        "packages": [
            {"id": "core", "name": "gatewayz-cache-core", "manifest_path": "/w/crates/cache-core/Cargo.toml",
             "dependencies": [
                {"name": "fred", "rename": "innocent", "kind": null, "features": []},
                {"name": "proptest", "kind": "dev", "features": ["std"]}],
             "features": {"default": ["test-util"], "test-util": []},
             "targets": [{"name": "hit", "kind": ["bench"]}, {"name": "core", "kind": ["lib"]}]},
            {"id": "fred-id", "name": "fred", "manifest_path": "/r/fred/Cargo.toml",
             "dependencies": [], "features": {}, "targets": []},
            {"id": "sqlx-id", "name": "sqlx", "manifest_path": "/r/sqlx/Cargo.toml",
             "dependencies": [], "features": {}, "targets": []}],
        "resolve": {"nodes": [
            {"id": "core", "deps": [
                {"pkg": "fred-id", "dep_kinds": [{"kind": "dev"}, {"kind": null}]},
                {"pkg": "sqlx-id", "dep_kinds": [{"kind": "dev"}]}]},
            {"id": "fred-id", "deps": []}, {"id": "sqlx-id", "deps": []}]}
    }"#;
    let mut metadata = Metadata::parse(text).unwrap();
    assert_eq!(metadata.members[0].benches, ["hit"]);
    metadata.members[0].manifest = "lints.workspace = true".to_owned();
    assert_eq!(
        check(&metadata),
        [
            "gatewayz-cache-core: the feature `default` turns on `test-util`",
            "gatewayz-cache-core: names fred, which is for gatewayz-cache-redis alone",
            "gatewayz-cache-core: fred is in its dependency tree",
        ]
    );
    assert!(Metadata::parse("{}").is_err());
    assert!(Metadata::parse("no json").is_err());
}

#[test]
fn the_real_workspace_keeps_its_floors() {
    let metadata = Metadata::load(&Workspace::find().unwrap()).unwrap();
    assert!(metadata.members.len() > 1, "{metadata:?}");
    assert_eq!(check(&metadata), [""; 0]);
}
