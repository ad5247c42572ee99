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
    error::{Fault, Invalid, Problem, nearest},
    origin::{Origin, line_at},
    table::{Form, PROVIDER_FIELDS},
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

/// One table of the file.
struct Entry<'a> {
    file: &'a Tables<'a>,
    subject: String,
    origin: Origin,
    slug: String,
    spanned: &'a DeTable<'a>,
    table: Table,
}

impl Entry<'_> {
    fn at(&self, byte: usize) -> Origin {
        Origin::file(self.file.path, Some(line_at(self.file.text, byte)))
    }

    fn field(&self, name: &str) -> Origin {
        self.spanned
            .iter()
            .find(|(key, _)| key.get_ref().as_ref() == name)
            .map_or_else(|| self.origin.clone(), |(key, _)| self.at(key.span().start))
    }

    fn take_text(&mut self, name: &str) -> Option<String> {
        match self.table.remove(name) {
            Some(toml::Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// What can be said without the registry, whose messages quote values.
    fn check(&self, problems: &mut Vec<Problem>) {
        for (key, value) in self.spanned.iter() {
            let name = key.get_ref().as_ref();
            let mut problem = |fault| {
                let subject = format!("{}.{name}", self.subject);
                problems.push(Problem::new(self.at(key.span().start), subject, fault));
            };
            let Some(field) = PROVIDER_FIELDS.iter().find(|field| field.name == name) else {
                let known = PROVIDER_FIELDS.iter().map(|field| field.name);
                let nearest = nearest(name, known).map(str::to_owned);
                problem(Fault::Unknown { nearest });
                continue;
            };
            if let Err(invalid) = field.form.check(value.get_ref()) {
                problem(Fault::Invalid(invalid));
            } else if let (true, DeValue::String(url)) = (name.ends_with("_url"), value.get_ref()) {
                if let Err(invalid) = web(url) {
                    problem(Fault::Invalid(invalid));
                }
            } else if knows_a_password(value.get_ref()) {
                problem(Fault::Invalid(password_in_url()));
            }
        }
        let has = |name: &str| self.table.contains_key(name);
        let listed = self.table.get("list").and_then(|list| list.get("url")).is_some();
        for (one, other, both) in [
            ("enabled", "active", has("enabled") && has("active")),
            ("models_url", "list.url", has("models_url") && listed),
        ] {
            if both {
                let fault = Fault::conflict(format!("and `{other}` are the same"), format!("write `{one}` alone"));
                problems.push(Problem::new(self.field(one), format!("{}.{one}", self.subject), fault));
            }
        }
    }

    /// Makes fields of the registry of those that are easier to write.
    fn lower(&mut self, registry: &Registry, warnings: &mut Vec<String>, has_key: bool) {
        let known = registry.resolve(&self.slug);
        if let Some(enabled) = self.table.remove("enabled") {
            self.table.insert("active".to_owned(), enabled);
        }
        let mut models = self.take_text("models_url");
        let own_list = self.table.get("list").and_then(|list| list.get("url")).is_some();
        if let (None, false, Some(adapter)) = (&models, own_list, known)
            && let (Some(new), Some(old), Some(list)) = (
                self.table.get("base_url").and_then(toml::Value::as_str),
                adapter.provider().base_url.as_deref(),
                adapter.list(),
            )
            && new != old
        {
            match list.url.strip_prefix(old.trim_end_matches('/')) {
                Some(rest) if rest.is_empty() || rest.starts_with(['/', '?']) => {
                    models = Some(format!("{}{rest}", new.trim_end_matches('/')));
                }
                _ => warnings.push(format!(
                    "{}: `{}.base_url` is another, and its list is asked for where it was; write `models_url` as well",
                    self.origin.place(),
                    self.subject
                )),
            }
        }
        if let Some(url) = models {
            let list = self.table.entry("list").or_insert_with(|| Table::new().into());
            if let toml::Value::Table(list) = list {
                // A key that is refused must not go to the hosts of another list.
                if known
                    .and_then(Adapter::list)
                    .is_some_and(|list| !list.fallback_urls.is_empty())
                {
                    list.entry("fallback_urls")
                        .or_insert_with(|| toml::Value::Array(Vec::new()));
                }
                list.insert("url".to_owned(), url.into());
            }
        }
        // A key needs a setting that holds it.
        if has_key && known.is_none_or(|adapter| key_names(adapter).is_empty()) {
            let name = format!("{}_API_KEY", self.slug.replace('-', "_").to_ascii_uppercase());
            self.table.entry("api_key_env").or_insert_with(|| name.into());
        }
    }

    /// The registry's message, without values that may be secrets.
    fn message(&self, error: &InvalidRegistry) -> String {
        let message = match error {
            InvalidRegistry::Syntax { message, .. } | InvalidRegistry::Field { message, .. } => message.clone(),
            InvalidRegistry::Slug { .. } => {
                return "is no slug: 1 to 64 lower-case letters, digits and inner `-`".to_owned();
            }
            InvalidRegistry::UnknownProvider { nearest, .. } => {
                let meant = nearest.as_ref().map(|slug| format!("; did you mean `{slug}`?"));
                return format!("is no provider{}; a new one needs a `name`", meant.unwrap_or_default());
            }
            InvalidRegistry::Names(names) => names.to_string(),
            other => other.to_string(),
        };
        let mut texts = Vec::new();
        self.table.values().for_each(|value| leaves(value, &mut texts));
        // The longest first: one may be part of another.
        texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        let word = |text: &str| text.len() < 20 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        let hidden = texts.into_iter().filter(|text| text.len() >= 4 && !word(text));
        let message = hidden.fold(message, |message, text| {
            let escaped = text.escape_debug().to_string();
            message.replace(text, "***").replace(&escaped, "***")
        });
        message.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Where the field stands that a message names between backticks.
    fn place_of(&self, fault: &Fault) -> Origin {
        let message = fault.to_string();
        message
            .split('`')
            .skip(1)
            .step_by(2)
            .find_map(|name| key_in(self.spanned, name))
            .map_or_else(|| self.origin.clone(), |byte| self.at(byte))
    }
}

impl Form {
    fn check(self, value: &DeValue<'_>) -> Result<(), Invalid> {
        let fits = match (self, value) {
            (Self::Text | Self::Secret, DeValue::String(_))
            | (Self::Bool, DeValue::Boolean(_))
            | (Self::Count, DeValue::Integer(_))
            | (Self::Table, DeValue::Table(_)) => true,
            (Self::Texts, DeValue::Array(items)) => items.iter().all(|item| item.get_ref().is_str()),
            (Self::Tables, DeValue::Array(items)) => items.iter().all(|item| item.get_ref().is_table()),
            _ => false,
        };
        let (what, instead) = match self {
            Self::Text | Self::Secret => ("is no text", "write it in quotes"),
            Self::Bool => ("is neither `true` nor `false`", "write one of them, without quotes"),
            Self::Count => ("is no whole number", "write it without quotes"),
            Self::Texts => ("is no list of texts", "write it as in [\"one\", \"two\"]"),
            Self::Table => ("is no table", "write it as in { url = \"https://..\" }"),
            Self::Tables => ("is no list of tables", "write it as in [{ id = \"..\" }]"),
        };
        if fits { Ok(()) } else { Err(Invalid::new(what, instead)) }
    }
}

fn key_in(table: &DeTable<'_>, name: &str) -> Option<usize> {
    table.iter().find_map(|(key, value)| match value.get_ref() {
        _ if key.get_ref().as_ref() == name => Some(key.span().start),
        DeValue::Table(inner) => key_in(inner, name),
        _ => None,
    })
}

fn leaves<'a>(value: &'a toml::Value, texts: &mut Vec<&'a str>) {
    match value {
        toml::Value::String(text) => texts.push(text),
        toml::Value::Array(items) => items.iter().for_each(|item| leaves(item, texts)),
        toml::Value::Table(table) => table.values().for_each(|item| leaves(item, texts)),
        _ => {}
    }
}

fn password_in_url() -> Invalid {
    Invalid::new(
        "has a user or a password in its URL",
        "leave them out and write the key as `api_key`",
    )
}

/// Whether a text in it is a URL with a user or a password.
fn knows_a_password(value: &DeValue<'_>) -> bool {
    match value {
        DeValue::String(text) => has_user(text),
        DeValue::Array(items) => items.iter().any(|item| knows_a_password(item.get_ref())),
        DeValue::Table(table) => table.values().any(|item| knows_a_password(item.get_ref())),
        _ => false,
    }
}

fn has_user(text: &str) -> bool {
    text.split_once("://")
        .and_then(|(_, rest)| rest.split(['/', '?', '#']).next())
        .is_some_and(|authority| authority.contains('@'))
}

/// An absolute URL with `https`, or with `http` on this machine, after its settings are filled in.
fn web(text: &str) -> Result<(), Invalid> {
    if has_user(text) {
        return Err(password_in_url());
    }
    // A whole base may be a setting.
    let text = match text.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        Some((name, rest)) if !name.contains(':') => format!("https://setting{rest}"),
        _ => text.to_owned(),
    };
    let sample = filled(&text, &BTreeMap::new()).or_else(|| filled_with(&text, |_| Some("setting".to_owned())));
    let Some(url) = sample.and_then(|url| Url::parse(&url).ok()) else {
        return Err(Invalid::new(
            "is no URL",
            "write a whole one, as in \"https://models.example/v1\"",
        ));
    };
    let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if url.scheme() == "https" || (url.scheme() == "http" && local) {
        return Ok(());
    }
    Err(Invalid::new(
        "is neither https nor on this machine",
        "write `https://..`; for a server without TLS in a private network write \"{NAME}\", put its URL into that \
         variable, and write `allow_private = true`",
    ))
}

/// Where a provider's requests go.
fn urls(adapter: &Adapter) -> impl Iterator<Item = &str> {
    let list = adapter.list();
    let exchange = list.and_then(|list| match &list.auth {
        Auth::Exchange(url) => Some(url.as_str()),
        _ => None,
    });
    adapter
        .provider()
        .base_url
        .as_deref()
        .into_iter()
        .chain(list.map(|list| list.url.as_str()))
        .chain(
            list.into_iter()
                .flat_map(|list| list.fallback_urls.iter().map(String::as_str)),
        )
        .chain(exchange)
}

/// The settings that may hold a provider's key, the first that is set wins.
fn key_names(adapter: &Adapter) -> Vec<String> {
    let mut names: Vec<String> = adapter.list().map(|list| list.key_env.clone()).unwrap_or_default();
    if let Some(name) = &adapter.provider().api_key_env
        && !names.contains(name)
    {
        names.push(name.clone());
    }
    names
}

/// The settings that a key of the file becomes: the first for the list, and the one for chats.
fn home_of_key(adapter: &Adapter, names: &[String]) -> BTreeSet<String> {
    let first = names.first().cloned();
    first
        .into_iter()
        .chain(adapter.provider().api_key_env.clone())
        .collect()
}

/// The settings that URLs and headers name.
fn placeholders(adapter: &Adapter) -> BTreeSet<String> {
    let headers = adapter
        .list()
        .into_iter()
        .flat_map(|list| list.headers.values().map(String::as_str));
    let mut names = BTreeSet::new();
    for text in urls(adapter).chain(headers) {
        filled_with(text, |name| {
            names.insert(name.to_owned());
            Some(String::new())
        });
    }
    names
}

/// A text with its settings in place of their names. `None`: one is missing.
fn filled(text: &str, settings: &BTreeMap<String, Secret>) -> Option<String> {
    filled_with(text, |name| settings.get(name).map(|value| value.expose().to_owned()))
}

fn filled_with(text: &str, mut value: impl FnMut(&str) -> Option<String>) -> Option<String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, behind) = after.split_once('}')?;
        let (name, default) = match inside.split_once(':') {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        out.push_str(before);
        out.push_str(&value(name).or_else(|| default.map(str::to_owned))?);
        rest = behind;
    }
    out.push_str(rest);
    Some(out)
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
