//! Providers and developers as callers see them: with how many models each has.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use serde::{Serialize, Serializer};

use crate::{
    provider::{Priority, Provider, Slug},
    query::Gateway,
    snapshot::Snapshot,
};

/// A provider with the number of its models. As JSON a row of `/v1/gateways`, and of `/v1/provider` as well:
/// `{"id", "slug", "name", "color", "priority", "site_url", "logo_url", "icon", "aliases", "model_count",
/// "source_gateway", "source_gateways", "moderated_by_openrouter"}`; an icon that is not known is left out.
#[derive(Clone, Debug)]
pub struct ProviderSummary {
    /// The provider.
    pub provider: Arc<Provider>,
    /// How many rows it has.
    pub model_count: u32,
}

impl Serialize for ProviderSummary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Json<'a> {
            id: &'a Slug,
            slug: &'a Slug,
            name: &'a str,
            color: Option<&'a str>,
            priority: Priority,
            site_url: Option<&'a str>,
            logo_url: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            icon: Option<&'a str>,
            aliases: &'a [String],
            model_count: u32,
            source_gateway: &'a Slug,
            source_gateways: [&'a Slug; 1],
            // Nobody says so of the providers themselves.
            moderated_by_openrouter: bool,
        }
        let provider = &*self.provider;
        Json {
            id: &provider.slug,
            slug: &provider.slug,
            name: &provider.name,
            color: provider.color.as_deref(),
            priority: provider.priority,
            site_url: provider.site_url.as_deref(),
            logo_url: provider.site_url.as_deref().and_then(logo_url),
            icon: provider.icon.as_deref(),
            aliases: &provider.aliases,
            model_count: self.model_count,
            source_gateway: &provider.slug,
            source_gateways: [&provider.slug],
            moderated_by_openrouter: false,
        }
        .serialize(serializer)
    }
}

/// Where a service has the icon of a site; `None` for what is no address of one.
#[must_use]
pub fn logo_url(site_url: &str) -> Option<String> {
    let rest = site_url.split_once("://").map_or(site_url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?.split(':').next()?;
    // It becomes a part of another address.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let is_host = host.contains('.') && host.bytes().all(is_plain);
    is_host.then(|| format!("https://www.google.com/s2/favicons?domain={host}&sz=128"))
}

/// Who makes models, with how many rows there are of them, and at which providers. As JSON `{"slug", "site_url",
/// "logo_url", "moderated_by_openrouter", "source_gateway", "source_gateways", "model_count"}`: a row of `/v1/provider`.
/// Neither a developer's site nor whether OpenRouter moderates it is known here: `null` and `false`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeveloperSummary {
    /// The developer's slug.
    pub slug: Arc<str>,
    /// The providers that serve its models, in the order of providers.
    pub gateways: Vec<Slug>,
    /// How many rows there are.
    pub model_count: u32,
}

impl Serialize for DeveloperSummary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Json<'a> {
            slug: &'a str,
            site_url: Option<&'a str>,
            logo_url: Option<&'a str>,
            moderated_by_openrouter: bool,
            source_gateway: Option<&'a Slug>,
            source_gateways: &'a [Slug],
            model_count: u32,
        }
        Json {
            slug: &self.slug,
            site_url: None,
            logo_url: None,
            moderated_by_openrouter: false,
            source_gateway: self.gateways.first(),
            source_gateways: &self.gateways,
            model_count: self.model_count,
        }
        .serialize(serializer)
    }
}

/// How a provider is doing: a row of `/v1/gateways/status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GatewayStatus {
    /// The provider's slug.
    pub id: Slug,
    /// The name for people.
    pub name: String,
    /// How many rows it has.
    pub model_count: u32,
    /// Whether it failed when it was asked last.
    pub in_error_state: bool,
    /// What it said then.
    pub error_message: Option<String>,
    /// How soon its list is worth waiting for.
    pub priority: Priority,
}

/// How all providers are doing. As JSON the answer of `/v1/gateways/status`, without its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GatewayStatuses {
    /// One per active provider.
    pub data: Vec<GatewayStatus>,
    /// Of all.
    pub summary: GatewayStatusSummary,
}

/// How many providers are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GatewayStatusSummary {
    /// How many active providers there are.
    pub total_gateways: u32,
    /// How many rows they have together.
    pub total_models: u32,
    /// How many failed when they were asked last.
    pub gateways_with_errors: u32,
    /// How many have no row.
    pub gateways_with_zero_models: u32,
}

impl Snapshot {
    /// All active providers, those without a row as well: fast ones first, then by name.
    #[must_use]
    pub fn provider_summaries(&self) -> Vec<ProviderSummary> {
        let mut providers: Vec<_> = self.directory().iter().filter(|provider| provider.active).collect();
        providers.sort_by(|a, b| {
            let rank = |provider: &Arc<Provider>| Reverse(provider.priority == Priority::Fast);
            (rank(a), &a.name, &a.slug).cmp(&(rank(b), &b.name, &b.slug))
        });
        let summary = |provider: &Arc<Provider>| ProviderSummary {
            model_count: count(self.provider_rows(provider.slug.as_str()).len()),
            provider: Arc::clone(provider),
        };
        providers.into_iter().map(summary).collect()
    }

    /// All developers of a gateway's rows, by slug. Rows whose developer is not known are left out.
    #[must_use]
    pub fn developer_summaries(&self, gateway: &Gateway) -> Vec<DeveloperSummary> {
        let rows = match gateway {
            Gateway::All => 0..count(self.len()),
            Gateway::Provider(slug) => self.provider_rows(slug.as_str()),
        };
        let mut developers: BTreeMap<&Arc<str>, (Vec<Slug>, u32)> = BTreeMap::new();
        for row in &self.rows()[rows.start as usize..rows.end as usize] {
            let Some(developer) = &row.developer else { continue };
            let (gateways, rows) = developers.entry(developer).or_default();
            // Rows stand by provider.
            if gateways.last() != Some(&row.provider.slug) {
                gateways.push(row.provider.slug.clone());
            }
            *rows += 1;
        }
        let summary = |(slug, (gateways, model_count)): (&Arc<str>, _)| DeveloperSummary {
            slug: Arc::clone(slug),
            gateways,
            model_count,
        };
        developers.into_iter().map(summary).collect()
    }

    /// How all active providers are doing, in the order of [`provider_summaries`](Self::provider_summaries). What
    /// happened when a provider was asked last is known elsewhere: `state` says whether it failed, and with what
    /// message; `None` where it was not asked.
    #[must_use]
    pub fn gateway_statuses(&self, state: impl Fn(&Slug) -> Option<(bool, Option<String>)>) -> GatewayStatuses {
        let mut summary = GatewayStatusSummary::default();
        let status = |of: ProviderSummary| {
            let (in_error_state, message) = state(&of.provider.slug).unwrap_or_default();
            summary.total_gateways += 1;
            summary.total_models += of.model_count;
            summary.gateways_with_errors += u32::from(in_error_state);
            summary.gateways_with_zero_models += u32::from(of.model_count == 0);
            GatewayStatus {
                id: of.provider.slug.clone(),
                name: of.provider.name.clone(),
                model_count: of.model_count,
                in_error_state,
                error_message: message.filter(|_| in_error_state),
                priority: of.provider.priority,
            }
        };
        let data = self.provider_summaries().into_iter().map(status).collect();
        GatewayStatuses { data, summary }
    }
}

fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
