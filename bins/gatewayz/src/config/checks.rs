//! What no setting can say alone.

use std::net::{IpAddr, SocketAddr};

use tracing_subscriber::filter::Targets;
use url::{Origin as WebOrigin, Url};

use super::{
    error::{Fault, Invalid, quoted},
    load::Found,
    origin::Origin,
    table::WEAK_KEY,
};

impl Found {
    /// Checks settings against each other.
    pub(super) fn check(&mut self) {
        self.listeners();
        self.tls();
        self.refreshing();
        self.traces();
        self.texts();
        self.origins_of_pages();
    }

    fn listeners(&mut self) {
        let listeners: Vec<(&str, SocketAddr)> = ["server.listen", "admin.listen"]
            .into_iter()
            .filter_map(|path| Some((path, self.values.optional_address(path)?)))
            .filter(|(path, _)| !self.is_wrong(path))
            .collect();
        let keyed = self.values.secret("admin.key").is_some() || self.is_wrong("admin.key");
        for (path, address) in listeners.iter().filter(|(_, address)| !is_loopback(address.ip())) {
            if !keyed {
                let fault = Fault::conflict(
                    format!("is {address}, which others can reach, and there is no `admin.key`"),
                    format!("set ADMIN_API_KEY to {WEAK_KEY} characters at least, or listen on 127.0.0.1"),
                );
                self.problem(path, fault);
            }
            if self.values.bool("admin.open") {
                let fault = Fault::conflict(
                    format!("lets everybody administer, and `{path}` is {address}, which others can reach"),
                    "set it to `false`, or listen on 127.0.0.1",
                );
                self.problem("admin.open", fault);
            }
        }
        if let [(_, one), (_, other)] = listeners.as_slice()
            && one == other
            && one.port() != 0
        {
            let fault = Fault::conflict(
                format!("is {other}, as `server.listen` is"),
                "write another port, or leave it out to administer there",
            );
            self.problem("admin.listen", fault);
        }
        let visible = |key: &str| key.bytes().all(|byte| byte.is_ascii_graphic());
        if self
            .values
            .secret("admin.key")
            .is_some_and(|key| !visible(key.expose()))
        {
            let invalid = Invalid::new(
                "has spaces, control characters or letters beyond ASCII, which no header carries",
                "write visible ASCII: `openssl rand -hex 32` makes one",
            );
            self.problem("admin.key", Fault::Invalid(invalid));
        }
    }

    fn tls(&mut self) {
        let (certificate, key) = ("server.tls_certificate", "server.tls_key");
        let has = |path| self.values.path(path).is_some();
        let (alone, lacking) = match (has(certificate), has(key)) {
            (true, false) => (certificate, key),
            (false, true) => (key, certificate),
            _ => return,
        };
        let fault = Fault::conflict(
            format!("is set, and `{lacking}` is not"),
            format!("set `{lacking}` as well, or neither"),
        );
        self.problem(alone, fault);
    }

    fn refreshing(&mut self) {
        let ttl = self.values.duration("cache.full_ttl");
        for path in ["cache.first_refresh", "cache.refresh_interval"] {
            if self.values.duration(path) >= ttl {
                // One of the two was set: the defaults go together.
                let said = if self.is_set(path) { path } else { "cache.full_ttl" };
                let place = self.origin(said).place();
                self.warnings.push(format!(
                    "{place}: `{path}` is not less than `cache.full_ttl`: the catalogue is refreshed after it is no \
                     longer fresh"
                ));
            }
        }
    }

    fn texts(&mut self) {
        let prefix = self.values.text("redis.key_prefix");
        if prefix.chars().any(|c| matches!(c, '{' | '}' | ' ') || c.is_control()) {
            let invalid = Invalid::new("has `{`, `}`, a space or a control character", "leave them out");
            self.problem("redis.key_prefix", Fault::Invalid(invalid));
        }
        let filter = self.values.text("log.filter");
        if filter.trim().is_empty() || filter.parse::<Targets>().is_err() {
            let invalid = Invalid::new(
                format!("is {}, which is no filter", quoted(&filter)),
                "write a level, or levels by target, as in `info,gatewayz_catalog=debug`",
            );
            self.problem("log.filter", Fault::Invalid(invalid));
        }
    }

    fn traces(&mut self) {
        let Some(endpoint) = self.values.url("traces.endpoint") else {
            return;
        };
        let usable = Url::parse(endpoint.expose())
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some());
        if !usable {
            let invalid = Invalid::new(
                "is no address of a collector",
                "write one such as `http://127.0.0.1:4318`",
            );
            self.problem("traces.endpoint", Fault::Invalid(invalid));
        }
        if cfg!(feature = "traces") {
            return;
        }
        // The variable is one of the platform's, for all programs; the file is meant for this one.
        let place = self.origin("traces.endpoint");
        if matches!(place, Origin::Variable(_)) {
            let place = place.place();
            self.warnings.push(format!(
                "{place}: this gateway was built without the feature `traces`: none are sent"
            ));
        } else {
            let invalid = Invalid::new(
                "needs the feature `traces`",
                "build with `--features traces`, or leave it out",
            );
            self.problem("traces.endpoint", Fault::Invalid(invalid));
        }
    }

    fn origins_of_pages(&mut self) {
        for origin in self.values.list("server.cors_origins") {
            let same = |url: &Url| {
                matches!(url.origin(), WebOrigin::Tuple(..)) && url.origin().ascii_serialization() == origin
            };
            if !Url::parse(&origin).is_ok_and(|url| same(&url)) {
                let invalid = Invalid::new(
                    format!("has {}, which is no origin as browsers write it", quoted(&origin)),
                    "write scheme, host and the port where it is not the usual one: `https://app.example.com`",
                );
                self.problem("server.cors_origins", Fault::Invalid(invalid));
            }
        }
    }
}

/// Whether only this machine reaches it.
fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}
