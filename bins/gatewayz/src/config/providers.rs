//! Tables of providers: the registry's own fields, and a few that are easier to write.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Read as _,
    path::Path,
    sync::Arc,
};

use gatewayz_catalog::Slug;
use gatewayz_providers::{Adapter, Auth, InvalidRegistry, Registry, Secret, Settings};
use toml::{
    Table,
    de::{DeTable, DeValue},
};
use url::Url;

use super::{
    ProvidersConfig,
    adapters::{filled, home_of_key, key_names, placeholders, urls},
    entry::Entry,
    error::{Fault, Invalid, Problem},
    origin::{Origin, line_at},
    value::Value,
};

/// The greatest file with credentials that is read.
const LARGEST: u64 = 64 << 10;

/// What of the providers is compared when a configuration is read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// Who is asked.
    pub(super) active: BTreeMap<String, bool>,
    /// Keys and other settings, by variable.
    pub(super) settings: BTreeMap<String, Secret>,
    /// All other fields, which may have secrets in them.
    pub(super) rest: Secret,
}

/// What is said of a provider, for showing it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) path: String,
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// All that is known of providers.
#[derive(Debug)]
pub(super) struct Providers {
    pub(super) config: ProvidersConfig,
    pub(super) facts: Facts,
    pub(super) rows: Vec<Row>,
}

/// The tables of the file.
pub(super) struct Tables<'a> {
    pub(super) path: &'a Arc<Path>,
    pub(super) text: &'a str,
    pub(super) tables: &'a DeTable<'a>,
}

/// Reads the tables, and takes the settings that adapters name from the environment.
pub(super) struct Reader<'a> {
    environment: &'a BTreeMap<String, String>,
    problems: &'a mut Vec<Problem>,
    warnings: &'a mut Vec<String>,
    registry: Registry,
    rows: Vec<Row>,
    keys: Vec<Key>,
    private: BTreeSet<Slug>,
    rest: Table,
}

/// A key that the file has.
struct Key {
    slug: Slug,
    subject: String,
    key: Secret,
    origin: Origin,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        environment: &'a BTreeMap<String, String>,
        problems: &'a mut Vec<Problem>,
        warnings: &'a mut Vec<String>,
    ) -> Result<Self, InvalidRegistry> {
        Ok(Self {
            environment,
            problems,
            warnings,
            registry: Registry::builtin()?,
            rows: Vec::new(),
            keys: Vec::new(),
            private: BTreeSet::new(),
            rest: Table::new(),
        })
    }

    /// Takes all tables of the file.
    pub(super) fn file(&mut self, file: &Tables<'_>) {
        // The same text once more, without places: the registry takes text.
        let plain: Table = toml::from_str(file.text).unwrap_or_default();
        let mut seen = BTreeMap::new();
        for (name, value) in file.tables.iter() {
            let at = |byte| Origin::file(file.path, Some(line_at(file.text, byte)));
            let (subject, origin) = (format!("providers.{}", name.get_ref()), at(name.span().start));
            let (DeValue::Table(spanned), Some(toml::Value::Table(table))) = (
                value.get_ref(),
                plain.get("providers").and_then(|all| all.get(name.get_ref().as_ref())),
            ) else {
                let fault = Invalid::new("is no table", "write `[providers.SLUG]` and its fields below");
                self.problems.push(Problem::new(origin, subject, Fault::Invalid(fault)));
                continue;
            };
            let slug = match self.registry.directory().resolve(name.get_ref()) {
                Some(provider) => provider.slug.to_string(),
                None => name.get_ref().to_string(),
            };
            if let Some(other) = seen.insert(slug.clone(), name.get_ref().to_string()) {
                let fault = Fault::conflict(
                    format!("means the same provider as `providers.{other}`"),
                    "write one table",
                );
                self.problems.push(Problem::new(origin, subject, fault));
                continue;
            }
            let mut entry = Entry {
                file,
                subject,
                origin,
                slug,
                spanned,
                table: table.clone(),
            };
            self.entry(&mut entry);
        }
    }

    fn entry(&mut self, entry: &mut Entry<'_>) {
        let before = self.problems.len();
        entry.check(self.problems);
        if self.problems.len() > before {
            return;
        }
        for (field, value) in entry.spanned.iter() {
            let shown = match (field.get_ref().as_ref(), value.get_ref()) {
                (_, DeValue::Boolean(yes)) => Value::Bool(*yes),
                ("base_url" | "models_url" | "site_url", DeValue::String(url)) => Value::Url(Secret::new(url)),
                _ => Value::Secret(Secret::new("")),
            };
            self.rows.push(Row {
                path: format!("providers.{}.{}", entry.slug, field.get_ref()),
                value: shown,
                origin: entry.at(field.span().start),
            });
        }
        let key = entry.take_text("api_key");
        let private = matches!(entry.table.remove("allow_private"), Some(toml::Value::Boolean(true)));
        entry.lower(&self.registry, self.warnings, key.is_some());
        let mut one = Table::new();
        one.insert(entry.slug.clone(), toml::Value::Table(entry.table.clone()));
        let changed = toml::to_string(&one)
            .map_err(|_hidden| Fault::Provider("cannot be written as TOML again".to_owned()))
            .and_then(|text| {
                self.registry
                    .with_overrides(&text)
                    .map_err(|error| Fault::Provider(entry.message(&error)))
            });
        match changed {
            Ok(registry) => self.registry = registry,
            Err(fault) => {
                let origin = entry.place_of(&fault);
                self.problems.push(Problem::new(origin, entry.subject.clone(), fault));
                return;
            }
        }
        let Some(slug) = self.registry.resolve(&entry.slug).map(|adapter| adapter.slug().clone()) else {
            return;
        };
        entry.table.remove("active");
        if private {
            self.private.insert(slug.clone());
            entry.table.insert("allow_private".to_owned(), true.into());
        }
        if !entry.table.is_empty() {
            self.rest
                .insert(entry.slug.clone(), toml::Value::Table(entry.table.clone()));
        }
        let active = self
            .registry
            .adapter(&slug)
            .is_some_and(|adapter| adapter.provider().active);
        if let Some(key) = key {
            self.key(entry, slug, &key, active);
        }
    }

    fn key(&mut self, entry: &Entry<'_>, slug: Slug, key: &str, active: bool) {
        let (subject, origin) = (format!("{}.api_key", entry.subject), entry.field("api_key"));
        let key = match key.strip_prefix("env:") {
            None => key.trim(),
            Some(name) => match self.environment.get(name.trim()).map(|value| value.trim()) {
                Some(value) if !value.is_empty() => value,
                // A provider that is not asked needs no key.
                _ if !active => return,
                _ => {
                    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                    let what = match name.bytes().all(plain) {
                        true => format!("names the variable `{name}`, which is not set"),
                        false => "names no variable".to_owned(),
                    };
                    let instead = "set it, write `enabled = false`, or leave `api_key` out";
                    let fault = Fault::Invalid(Invalid::new(what, instead));
                    self.problems.push(Problem::new(origin, subject, fault));
                    return;
                }
            },
        };
        if key.is_empty() {
            let fault = Invalid::new("is empty", "write the key, `env:NAME`, or leave it out");
            self.problems.push(Problem::new(origin, subject, Fault::Invalid(fault)));
            return;
        }
        self.keys.push(Key {
            slug,
            subject,
            key: Secret::new(key),
            origin,
        });
    }

    /// Takes what adapters need from the environment and puts everything together.
    pub(super) fn finish(mut self) -> Providers {
        let mut settings = BTreeMap::new();
        let adapters: Vec<Adapter> = self.registry.iter().cloned().collect();
        for adapter in &adapters {
            let keys = key_names(adapter);
            for name in keys.iter().chain(&placeholders(adapter)) {
                let Some(value) = self.environment.get(name).map(|value| value.trim()) else {
                    continue;
                };
                if value.is_empty() {
                    continue;
                }
                settings.insert(name.clone(), Secret::new(value));
                let field = if keys.contains(name) { "api_key" } else { name };
                self.rows.push(Row {
                    path: format!("providers.{}.{field}", adapter.slug()),
                    value: Value::Secret(Secret::new("")),
                    origin: Origin::Variable(name.clone()),
                });
            }
        }
        self.keys_of_file(&mut settings);
        self.credentials(&adapters, &mut settings);
        let config = ProvidersConfig {
            private_hosts: self.private_hosts(&settings),
            settings: settings
                .iter()
                .map(|(name, value)| (name.clone(), value.expose()))
                .collect::<Settings>(),
            registry: self.registry,
        };
        let facts = Facts {
            active: adapters
                .iter()
                .map(|adapter| (adapter.slug().to_string(), adapter.provider().active))
                .collect(),
            rest: Secret::new(self.rest.to_string()),
            settings,
        };
        let mut rows = self.rows;
        rows.sort_by(|a, b| a.path.cmp(&b.path));
        Providers { config, facts, rows }
    }

    fn keys_of_file(&mut self, settings: &mut BTreeMap<String, Secret>) {
        let mut owners: BTreeMap<String, (Secret, String)> = BTreeMap::new();
        for key in std::mem::take(&mut self.keys) {
            let Some(adapter) = self.registry.adapter(&key.slug) else {
                continue;
            };
            let names = key_names(adapter);
            let given = names
                .iter()
                .find_map(|name| Some((name, settings.get(name)?)))
                .filter(|(name, _)| !owners.contains_key(*name));
            if let Some((name, value)) = given {
                let path = format!("providers.{}.api_key", key.slug);
                self.rows.retain(|row| row.path != path || row.origin != key.origin);
                if *value != key.key {
                    self.warnings.push(format!(
                        "{}: `{}` has no effect: the variable {name} wins over it",
                        key.origin.place(),
                        key.subject
                    ));
                }
                continue;
            }
            for name in home_of_key(adapter, &names) {
                if let Some((other, subject)) = owners.get(&name)
                    && *other != key.key
                {
                    let fault = Fault::conflict(
                        format!("and `{subject}` are both the setting `{name}`, and differ"),
                        "write one key, or give one of the providers another `api_key_env` and `list.key_env`",
                    );
                    self.problems
                        .push(Problem::new(key.origin.clone(), key.subject.clone(), fault));
                }
                owners.insert(name.clone(), (key.key.clone(), key.subject.clone()));
                settings.insert(name, key.key.clone());
            }
        }
    }

    /// The variables of Google's own tools name a file; adapters take what is in it.
    fn credentials(&mut self, adapters: &[Adapter], settings: &mut BTreeMap<String, Secret>) {
        for adapter in adapters {
            let Some(list) = adapter.list() else { continue };
            if list.auth != Auth::GoogleServiceAccount || !adapter.provider().active {
                continue;
            }
            for name in key_names(adapter) {
                let Some(value) = settings.get(&name) else { continue };
                if value.expose().starts_with('{') {
                    continue;
                }
                match read(Path::new(value.expose())) {
                    Ok(text) => {
                        settings.insert(name, Secret::new(text.trim()));
                    }
                    Err(why) => {
                        // Other programs use the variable as well: it is no reason not to start.
                        self.warnings.push(format!(
                            "{name}: neither the JSON of a service account nor a file that has it ({why}); `{}` is not \
                             configured",
                            adapter.slug()
                        ));
                        settings.remove(&name);
                    }
                }
            }
        }
    }

    fn private_hosts(&mut self, settings: &BTreeMap<String, Secret>) -> Vec<String> {
        let mut hosts = BTreeSet::new();
        for slug in &self.private {
            let Some(adapter) = self.registry.adapter(slug) else {
                continue;
            };
            for url in urls(adapter) {
                match filled(url, settings).and_then(|url| Url::parse(&url).ok()?.host_str().map(str::to_owned)) {
                    Some(host) => {
                        hosts.insert(host.trim_matches(['[', ']']).to_owned());
                    }
                    None => self.warnings.push(format!(
                        "`providers.{slug}.allow_private`: one of its URLs names settings that are not set"
                    )),
                }
            }
        }
        hosts.into_iter().collect()
    }
}

fn read(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST).read_to_string(&mut text))
        .map_err(|error| error.kind().to_string())?;
    if text.trim_start().starts_with('{') {
        Ok(text)
    } else {
        Err("it has something else".to_owned())
    }
}
