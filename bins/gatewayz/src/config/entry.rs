//! One table of a provider: what is checked of it, and what the registry makes of it.

use std::collections::BTreeMap;

use gatewayz_providers::{Adapter, InvalidRegistry, Registry};
use toml::{
    Table,
    de::{DeTable, DeValue},
};
use url::Url;

use super::{
    adapters::{filled, filled_with, key_names},
    error::{Fault, Invalid, Problem, nearest},
    origin::{Origin, line_at},
    providers::Tables,
    table::{Form, PROVIDER_FIELDS},
};

/// One table of the file.
pub(super) struct Entry<'a> {
    pub(super) file: &'a Tables<'a>,
    pub(super) subject: String,
    pub(super) origin: Origin,
    pub(super) slug: String,
    pub(super) spanned: &'a DeTable<'a>,
    pub(super) table: Table,
}

impl Entry<'_> {
    pub(super) fn at(&self, byte: usize) -> Origin {
        Origin::file(self.file.path, Some(line_at(self.file.text, byte)))
    }

    pub(super) fn field(&self, name: &str) -> Origin {
        self.spanned
            .iter()
            .find(|(key, _)| key.get_ref().as_ref() == name)
            .map_or_else(|| self.origin.clone(), |(key, _)| self.at(key.span().start))
    }

    pub(super) fn take_text(&mut self, name: &str) -> Option<String> {
        match self.table.remove(name) {
            Some(toml::Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// What can be said without the registry, whose messages quote values.
    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
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
    pub(super) fn lower(&mut self, registry: &Registry, warnings: &mut Vec<String>, has_key: bool) {
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
    pub(super) fn message(&self, error: &InvalidRegistry) -> String {
        let message = match error {
            InvalidRegistry::Syntax { message, .. } | InvalidRegistry::Field { message, .. } => message.clone(),
            InvalidRegistry::Slug { .. } => {
                return "is no slug: 1 to 64 lower-case letters, digits and inner `-`".to_owned();
            }
            InvalidRegistry::UnknownProvider { nearest, .. } => {
                let meant = nearest.as_ref().map(|slug| format!("did you mean `{slug}`? "));
                return format!("is no provider; {}a new one needs a `name`", meant.unwrap_or_default());
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
        let message: Vec<&str> = message.split_whitespace().collect();
        format!("is wrong: {}; docs/providers.md has all fields", message.join(" "))
    }

    /// Where the field stands that a message names between backticks.
    pub(super) fn place_of(&self, fault: &Fault) -> Origin {
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
