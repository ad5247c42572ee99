//! What adapters need: their hosts, their keys and the settings that their URLs name.

use std::collections::{BTreeMap, BTreeSet};

use gatewayz_providers::{Adapter, Auth, Secret};

/// Where a provider's requests go.
pub(super) fn urls(adapter: &Adapter) -> impl Iterator<Item = &str> {
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
pub(super) fn key_names(adapter: &Adapter) -> Vec<String> {
    let mut names: Vec<String> = adapter.list().map(|list| list.key_env.clone()).unwrap_or_default();
    if let Some(name) = &adapter.provider().api_key_env
        && !names.contains(name)
    {
        names.push(name.clone());
    }
    names
}

/// The settings that a key of the file becomes: the first for the list, and the one for chats.
pub(super) fn home_of_key(adapter: &Adapter, names: &[String]) -> BTreeSet<String> {
    let first = names.first().cloned();
    first
        .into_iter()
        .chain(adapter.provider().api_key_env.clone())
        .collect()
}

/// The settings that URLs and headers name.
pub(super) fn placeholders(adapter: &Adapter) -> BTreeSet<String> {
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
pub(super) fn filled(text: &str, settings: &BTreeMap<String, Secret>) -> Option<String> {
    filled_with(text, |name| settings.get(name).map(|value| value.expose().to_owned()))
}

pub(super) fn filled_with(text: &str, mut value: impl FnMut(&str) -> Option<String>) -> Option<String> {
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
