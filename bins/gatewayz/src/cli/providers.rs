//! `gatewayz providers`

use clap::{Arg, ArgMatches, Command};
use gatewayz_catalog::{ListError, Priority, Snapshot};
use gatewayz_providers::{Adapter, Auth, BreakerState, HttpLists, Paging, ProviderState, Settings};
use serde::Serialize;

use super::{
    context::{Globals, block_on, open, open_for_reading, provider},
    failure::{Exit, Failure},
    output,
    table::{Table, left, right, thousands},
};
use crate::config::Loaded;

pub(super) fn command() -> Command {
    Command::new("providers")
        .about("Lists the providers: which have a key, what each needs, how many models are stored")
        .after_help("Keys themselves are never shown.")
        .arg(
            Arg::new("name")
                .value_name("NAME")
                .help("Everything that is known of one, by slug or alias"),
        )
}

pub(super) fn run(globals: &Globals, matches: &ArgMatches) -> Result<Exit, Failure> {
    let loaded = globals.start()?;
    let name = matches.get_one::<String>("name").cloned();
    block_on(Box::pin(providers(&loaded, name, globals.json)))
}

async fn providers(loaded: &Loaded, name: Option<String>, json: bool) -> Result<Exit, Failure> {
    let registry = &loaded.config.providers.registry;
    let wanted = match &name {
        Some(name) => Some(provider(registry.directory(), name)?),
        None => None,
    };
    // The providers are known without a database.
    let snapshot = match open_for_reading(loaded).await {
        Ok(engine) => engine.catalog.snapshot().await.ok(),
        Err(_) => None,
    };
    let states = States::of(loaded).await?;
    let mut rows = Vec::new();
    for adapter in registry.iter() {
        if wanted.as_ref().is_some_and(|slug| slug != adapter.slug()) {
            continue;
        }
        let state = states.state(adapter).await;
        let row = Row::of(adapter, &loaded.config.providers.settings, snapshot.as_deref(), state);
        if wanted.is_some() {
            let details = Details::of(adapter, row);
            if json {
                output::json(&details)
            } else {
                output::table(&details.table())
            }?;
            return Ok(Exit::Fine);
        }
        rows.push(row);
    }
    if json {
        output::json(&rows)
    } else {
        output::table(&table(&rows))
    }?;
    Ok(Exit::Fine)
}

/// How providers fare: what this configuration says, and what gateways told each other in Redis.
struct States {
    lists: std::sync::Arc<HttpLists>,
    is_shared: bool,
}

impl States {
    async fn of(loaded: &Loaded) -> Result<Self, Failure> {
        let mut config = loaded.config.clone();
        // The database is not asked: it may not be there, and must not be made.
        config.store =
            gatewayz_store::StoreConfig::from_url("sqlite::memory:").map_err(|error| Failure::because("", &error))?;
        let engine = open(&config).await?;
        Ok(Self {
            lists: engine.lists.present(),
            is_shared: engine.tier.is_some_and(|tier| tier.stats().attached),
        })
    }

    async fn state(&self, adapter: &Adapter) -> String {
        if !adapter.provider().active {
            return "disabled".to_owned();
        }
        match self.lists.check(adapter.slug()) {
            Err(ListError::NoList(_)) => return "no list".to_owned(),
            Err(ListError::NotConfigured { setting, .. }) => return format!("needs {setting}"),
            _ => {}
        }
        if !self.is_shared {
            return "ready".to_owned();
        }
        shown(&self.lists.states().state(adapter.slug()).await)
    }
}

fn shown(state: &ProviderState) -> String {
    if state.in_error_state {
        let error = state.error.as_deref().unwrap_or("failed");
        return format!("left alone: {error}");
    }
    match state.breaker.state {
        BreakerState::Closed => "ready".to_owned(),
        other => format!("breaker {}", other.as_str()),
    }
}

/// A provider in the table.
#[derive(Debug, Serialize)]
struct Row {
    slug: String,
    name: String,
    /// Whether a key is set.
    key_set: bool,
    /// Whether its list needs one.
    key_needed: bool,
    variables: Vec<String>,
    has_list: bool,
    /// `None`: the database is not there.
    models: Option<u32>,
    state: String,
}

impl Row {
    fn of(adapter: &Adapter, settings: &Settings, snapshot: Option<&Snapshot>, state: String) -> Self {
        let mut variables = adapter.list().map(|list| list.key_env.clone()).unwrap_or_default();
        if let Some(name) = &adapter.provider().api_key_env
            && !variables.contains(name)
        {
            variables.push(name.clone());
        }
        Self {
            slug: adapter.slug().to_string(),
            name: adapter.provider().name.clone(),
            key_set: variables.iter().any(|name| settings.has(name)),
            key_needed: adapter
                .list()
                .is_some_and(|list| list.auth != Auth::None && !list.public),
            variables,
            has_list: adapter.list().is_some() || adapter.fixed().is_some(),
            models: snapshot.map(|snapshot| {
                let rows = snapshot.provider_rows(adapter.slug().as_str());
                rows.end - rows.start
            }),
            state,
        }
    }

    fn key(&self) -> &'static str {
        match (self.key_set, self.key_needed) {
            (true, _) => "set",
            (false, true) => "missing",
            (false, false) => "not needed",
        }
    }

    fn models(&self) -> String {
        self.models
            .map_or_else(|| "-".to_owned(), |models| thousands(models.into()))
    }
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new([
        left("provider"),
        left("name"),
        left("key"),
        left("variable"),
        left("list"),
        right("models"),
        left("state"),
    ]);
    for row in rows {
        table.row([
            row.slug.as_str(),
            &row.name,
            row.key(),
            row.variables.first().map_or("-", String::as_str),
            yes(row.has_list),
            &row.models(),
            &row.state,
        ]);
    }
    table
}

const fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

/// Everything that is known of one.
#[derive(Debug, Serialize)]
struct Details {
    #[serde(flatten)]
    row: Row,
    aliases: Vec<String>,
    active: bool,
    priority: &'static str,
    site_url: Option<String>,
    base_url: Option<String>,
    min_models: Option<u32>,
    flat_rate: bool,
    list: Option<List>,
    verified: String,
    unverified: String,
}

/// How its list is fetched.
#[derive(Debug, Serialize)]
struct List {
    url: String,
    fallback_urls: Vec<String>,
    auth: String,
    /// The names of further headers.
    headers: Vec<String>,
    paging: &'static str,
    timeout_secs: u16,
    max_bytes: u64,
    rows: String,
    quote: String,
}

impl Details {
    fn of(adapter: &Adapter, row: Row) -> Self {
        let provider = adapter.provider();
        Self {
            row,
            aliases: provider.aliases.clone(),
            active: provider.active,
            priority: if provider.priority == Priority::Fast {
                "fast"
            } else {
                "slow"
            },
            site_url: provider.site_url.clone(),
            base_url: provider.base_url.as_deref().map(without_secrets),
            min_models: provider.min_models,
            flat_rate: provider.flat_rate,
            list: adapter.list().map(|list| List {
                url: without_secrets(&list.url),
                fallback_urls: list.fallback_urls.iter().map(|url| without_secrets(url)).collect(),
                auth: auth(&list.auth),
                headers: list.headers.keys().cloned().collect(),
                paging: match list.paging {
                    Paging::None => "in one piece",
                    Paging::Cursor { .. } => "cursor",
                    Paging::Number { .. } => "page numbers",
                },
                timeout_secs: list.timeout_secs,
                max_bytes: list.max_bytes,
                rows: list.rows.clone(),
                quote: format!("{:?}", adapter.mapping().prices.quote),
            }),
            verified: adapter.verified().to_owned(),
            unverified: adapter.unverified().to_owned(),
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::new([left("what"), left("value")]);
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        table.row(["provider", &self.row.slug]);
        table.row(["name", &self.row.name]);
        table.row(["aliases", &self.aliases.join(", ")]);
        table.row(["state", &self.row.state]);
        table.row(["models stored", &self.row.models()]);
        table.row(["key", self.row.key()]);
        table.row(["variables", &self.row.variables.join(", ")]);
        table.row(["asked", yes(self.active)]);
        table.row(["priority", self.priority]);
        table.row(["site", &or_none(&self.site_url)]);
        table.row(["base URL", &or_none(&self.base_url)]);
        table.row(["flat rate", yes(self.flat_rate)]);
        let least = self
            .min_models
            .map_or_else(|| "-".to_owned(), |least| least.to_string());
        table.row(["usual models", &least]);
        match &self.list {
            None => table.row([
                "list",
                if self.row.has_list {
                    "comes with the gateway"
                } else {
                    "none"
                },
            ]),
            Some(list) => {
                table.row(["list", &list.url]);
                for url in &list.fallback_urls {
                    table.row(["list, otherwise", url]);
                }
                table.row(["list: proof", &list.auth]);
                table.row(["list: headers", &list.headers.join(", ")]);
                table.row(["list: pages", list.paging]);
                table.row([
                    "list: rows",
                    if list.rows.is_empty() {
                        "the answer itself"
                    } else {
                        &list.rows
                    },
                ]);
                table.row(["list: time limit", &format!("{}s", list.timeout_secs)]);
                table.row(["list: prices", &list.quote]);
            }
        }
        table.row(["proved by recordings", &self.verified]);
        table.row(["not proved", &self.unverified]);
        table
    }
}

fn auth(auth: &Auth) -> String {
    match auth {
        Auth::Bearer => "Authorization: Bearer KEY".to_owned(),
        Auth::None => "none".to_owned(),
        Auth::Scheme(scheme) => format!("Authorization: {scheme} KEY"),
        Auth::Header(header) => format!("{header}: KEY"),
        Auth::GoogleServiceAccount => "a token for a service account of Google".to_owned(),
        Auth::Exchange(url) => format!("a token from {}", without_secrets(url)),
    }
}

/// A URL without what may be a secret in it: a name and a password, and values of its query.
fn without_secrets(url: &str) -> String {
    let (before, query) = url.split_once('?').map_or((url, ""), |(before, _)| (before, "?…"));
    let (scheme, rest) = before
        .split_once("://")
        .map_or(("", before), |(scheme, rest)| (scheme, rest));
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let separator = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{separator}{host}{path}{query}")
}

#[cfg(test)]
mod tests {
    use super::without_secrets;

    #[test]
    fn urls_are_shown_without_what_may_be_secret() {
        for (url, shown) in [
            ("https://api.openai.com/v1/models", "https://api.openai.com/v1/models"),
            ("https://u:p@host:1/v1?key=secret", "https://host:1/v1?…"),
            ("{OLLAMA_URL}/models", "{OLLAMA_URL}/models"),
            ("https://host/@scope/x", "https://host/@scope/x"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }
}
