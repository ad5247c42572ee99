//! A provider as the registry's text has it.

use std::sync::Arc;

use gatewayz_catalog::{Priority, Provider, Slug};
use serde::Deserialize;

use super::{
    adapter::{Adapter, AdapterParts},
    check,
};
use crate::{
    mapping::{Mapping, map_fixed},
    spec::{Auth, ListSpec},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    name: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default = "yes")]
    active: bool,
    #[serde(default)]
    priority: Priority,
    #[serde(default)]
    site_url: Option<String>,
    #[serde(default)]
    base_url: Option<String>,
    #[serde(default)]
    api_key_env: Option<String>,
    #[serde(default)]
    color: Option<String>,
    #[serde(default)]
    icon: Option<String>,
    #[serde(default)]
    min_models: Option<u32>,
    #[serde(default)]
    flat_rate: bool,
    /// What recorded answers prove.
    #[serde(default)]
    verified: String,
    /// What nobody has seen.
    #[serde(default)]
    unverified: String,
    #[serde(default)]
    list: Option<ListSpec>,
    #[serde(default)]
    map: Mapping,
    /// Rows of a provider without a list.
    #[serde(default)]
    fixed: Vec<toml::Table>,
}

const fn yes() -> bool {
    true
}

impl Entry {
    pub(super) fn adapter(self, slug: Slug) -> Result<Adapter, String> {
        let mut list = self.list;
        if let Some(list) = &mut list {
            if list.key_env.is_empty() && list.auth != Auth::None {
                list.key_env.extend(self.api_key_env.clone());
            }
            check::list(list)?;
        }
        for (field, url) in [("site_url", &self.site_url), ("base_url", &self.base_url)] {
            if let Some(url) = url {
                check::url(field, url)?;
            }
        }
        if let Some(alias) = self.aliases.iter().find(|alias| Slug::new(alias).is_err()) {
            return Err(format!("`aliases`: `{alias}` is not spelled like a slug"));
        }
        let mut rows = Vec::new();
        for row in &self.fixed {
            rows.push(serde_json::to_string(row).map_err(|error| format!("`fixed`: {error}"))?);
        }
        let fixed = map_fixed(&self.map, rows.iter().map(String::as_str));
        if fixed.len() != rows.len() {
            return Err("`fixed`: a row has no usable id, or one that another row has".to_owned());
        }
        Ok(Adapter(Arc::new(AdapterParts {
            provider: Provider {
                slug,
                name: self.name,
                aliases: self.aliases,
                active: self.active,
                priority: self.priority,
                site_url: self.site_url,
                base_url: self.base_url,
                api_key_env: self.api_key_env,
                color: self.color,
                icon: self.icon,
                min_models: self.min_models,
                flat_rate: self.flat_rate,
            },
            list,
            mapping: self.map,
            fixed,
            verified: self.verified,
            unverified: self.unverified,
        })))
    }
}
