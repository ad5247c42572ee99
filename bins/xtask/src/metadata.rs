//! What `cargo metadata` says, cut down to what the rules ask.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::process;
use crate::report::Failure;
use crate::workspace::Workspace;

/// The packages of the workspace and the resolved graph under them.
#[derive(Debug, Default)]
pub(crate) struct Metadata {
    pub(crate) target_directory: PathBuf,
    pub(crate) members: Vec<Package>,
    /// Package id to name, for the whole graph.
    pub(crate) names: BTreeMap<String, String>,
    /// Package id to the ids of what is built for it: normal and build dependencies.
    pub(crate) edges: BTreeMap<String, BTreeSet<String>>,
}

/// A package of the workspace.
#[derive(Debug, Default)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Relative to the root of the workspace, with `/`.
    pub(crate) folder: String,
    pub(crate) manifest: String,
    pub(crate) dependencies: Vec<Dependency>,
    /// Feature name to what it turns on.
    pub(crate) features: BTreeMap<String, Vec<String>>,
    pub(crate) benches: Vec<String>,
}

/// An edge as the manifest declares it.
#[derive(Debug)]
pub(crate) struct Dependency {
    /// The name of the package, not what the manifest calls it.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) features: Vec<String>,
}

/// The section of the manifest that declares a dependency.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Normal,
    Build,
    Dev,
}

impl Metadata {
    /// Asks cargo about the workspace, with all features on.
    ///
    /// # Errors
    ///
    /// Returns a failure when cargo fails, prints what is not understood, or a manifest cannot be read.
    pub(crate) fn load(workspace: &Workspace) -> Result<Self, Failure> {
        let args = ["metadata", "--format-version", "1", "--all-features"];
        let text = process::capture(&mut workspace.cargo(&args))?;
        let mut metadata = Self::parse(&text)?;
        for package in &mut metadata.members {
            let path = workspace.root().join(&package.folder).join("Cargo.toml");
            package.manifest = std::fs::read_to_string(&path)
                .map_err(|error| Failure::new(format!("{} cannot be read: {error}", path.display())))?;
        }
        Ok(metadata)
    }

    /// Reads what `cargo metadata` printed. The text of the manifests is not in it.
    ///
    /// # Errors
    ///
    /// Returns a failure when a field is missing.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let json: Value =
            serde_json::from_str(text).map_err(|error| Failure::new(format!("cargo metadata: {error}")))?;
        read(&json).ok_or_else(|| Failure::new("cargo metadata has another shape than expected"))
    }
}

fn read(json: &Value) -> Option<Metadata> {
    let root = Path::new(json.get("workspace_root")?.as_str()?);
    let members: BTreeSet<&str> = json
        .get("workspace_members")?
        .as_array()?
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let mut metadata = Metadata {
        target_directory: json.get("target_directory")?.as_str()?.into(),
        ..Metadata::default()
    };
    for package in json.get("packages")?.as_array()? {
        let id = package.get("id")?.as_str()?;
        metadata
            .names
            .insert(id.to_owned(), package.get("name")?.as_str()?.to_owned());
        if members.contains(id) {
            metadata.members.push(read_package(package, root)?);
        }
    }
    for node in json.get("resolve")?.get("nodes")?.as_array()? {
        let edges = metadata.edges.entry(node.get("id")?.as_str()?.to_owned()).or_default();
        for dependency in node.get("deps")?.as_array()? {
            let kinds = dependency.get("dep_kinds")?.as_array()?;
            if kinds.iter().any(|kind| read_kind(kind) != Kind::Dev) {
                edges.insert(dependency.get("pkg")?.as_str()?.to_owned());
            }
        }
    }
    Some(metadata)
}

fn read_package(json: &Value, root: &Path) -> Option<Package> {
    let manifest = Path::new(json.get("manifest_path")?.as_str()?);
    let folder = manifest.parent()?.strip_prefix(root).ok()?.to_str()?.replace('\\', "/");
    let mut package = Package {
        id: json.get("id")?.as_str()?.to_owned(),
        name: json.get("name")?.as_str()?.to_owned(),
        folder,
        ..Package::default()
    };
    for dependency in json.get("dependencies")?.as_array()? {
        package.dependencies.push(Dependency {
            name: dependency.get("name")?.as_str()?.to_owned(),
            kind: read_kind(dependency),
            features: texts(dependency.get("features")?)?,
        });
    }
    for (feature, on) in json.get("features")?.as_object()? {
        package.features.insert(feature.clone(), texts(on)?);
    }
    for target in json.get("targets")?.as_array()? {
        if texts(target.get("kind")?)?.iter().any(|kind| kind == "bench") {
            package.benches.push(target.get("name")?.as_str()?.to_owned());
        }
    }
    Some(package)
}

fn read_kind(json: &Value) -> Kind {
    match json.get("kind").and_then(Value::as_str) {
        Some("dev") => Kind::Dev,
        Some("build") => Kind::Build,
        _ => Kind::Normal,
    }
}

fn texts(json: &Value) -> Option<Vec<String>> {
    json.as_array()?
        .iter()
        .map(|text| text.as_str().map(str::to_owned))
        .collect()
}
