//! What a running server takes of a configuration that was read again.

use super::{
    Config, LogConfig,
    table::{PROVIDER_KEYS, PROVIDER_REST, PROVIDERS_ENABLED, SETTINGS},
};

/// What differs between two configurations, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// What a running server takes.
    pub(crate) applied: Vec<&'static str>,
    /// What it takes only when it starts.
    pub(crate) needs_restart: Vec<&'static str>,
}

impl Config {
    /// What differs in a new configuration.
    pub(crate) fn changes(&self, new: &Self) -> Changes {
        let mut changes = Changes::default();
        // A server that speaks TLS takes another certificate; one that does not cannot begin to.
        let same_tls = self.server.tls.is_some() == new.server.tls.is_some();
        for setting in SETTINGS {
            if self.values.get(setting.path) != new.values.get(setting.path) {
                let tls = setting.path.starts_with("server.tls_");
                changes.note((setting.path, setting.reload && (same_tls || !tls)));
            }
        }
        let (old, new) = (&self.facts, &new.facts);
        for (differs, named) in [
            (old.active != new.active, PROVIDERS_ENABLED),
            (old.settings != new.settings, PROVIDER_KEYS),
            (old.rest != new.rest, PROVIDER_REST),
        ] {
            if differs {
                changes.note(named);
            }
        }
        changes
    }
}

impl Config {
    /// This configuration with what may change of a new one while the gateway runs: see [`Config::changes`].
    pub(crate) fn taking(&self, new: &Self) -> Self {
        let mut next = self.clone();
        next.admin.key.clone_from(&new.admin.key);
        next.admin.key_secret.clone_from(&new.admin.key_secret);
        next.server.cors_origins.clone_from(&new.server.cors_origins);
        next.server.overhead_header = new.server.overhead_header;
        next.server.body_timeout = new.server.body_timeout;
        next.server.request_timeout = new.server.request_timeout;
        next.server.drain_timeout = new.server.drain_timeout;
        next.server.max_body_bytes = new.server.max_body_bytes;
        if self.server.tls.is_some() && new.server.tls.is_some() {
            next.server.tls.clone_from(&new.server.tls);
        }
        next.cache.unknown_gateway = new.cache.unknown_gateway;
        next.log = LogConfig {
            format: self.log.format,
            filter: new.log.filter.clone(),
        };
        next.providers.settings.clone_from(&new.providers.settings);
        next
    }
}

impl Changes {
    fn note(&mut self, (path, reload): (&'static str, bool)) {
        let list = if reload {
            &mut self.applied
        } else {
            &mut self.needs_restart
        };
        list.push(path);
    }
}
