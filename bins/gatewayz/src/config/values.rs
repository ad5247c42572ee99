//! The values of all settings, by path.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    path::PathBuf,
    thread,
    time::Duration,
};

use gatewayz_providers::Secret;

use super::{Concurrency, ServerConfig, TlsFiles, value::Value};

/// The values of all settings that have one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Values(BTreeMap<&'static str, Value>);

/// Settings that are not set are the least that their type has; the table says which those are.
impl Values {
    pub(super) fn get(&self, path: &str) -> Option<&Value> {
        self.0.get(path)
    }

    pub(super) fn set(&mut self, path: &'static str, value: Value) {
        self.0.insert(path, value);
    }

    pub(super) fn server(&self) -> ServerConfig {
        let cores = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let files = (self.path("server.tls_certificate"), self.path("server.tls_key"));
        ServerConfig {
            listen: self.address("server.listen"),
            workers: NonZeroUsize::new(self.size("server.workers")).unwrap_or(cores),
            max_connections: self.size("server.max_connections"),
            header_timeout: self.duration("server.header_timeout"),
            body_timeout: self.duration("server.body_timeout"),
            idle_timeout: self.duration("server.idle_timeout"),
            request_timeout: self.duration("server.request_timeout"),
            drain_timeout: self.duration("server.drain_timeout"),
            max_header_bytes: self.size("server.max_header_bytes"),
            max_body_bytes: self.size("server.max_body_bytes"),
            concurrency: Concurrency {
                limit: self.size("server.concurrency_limit"),
                queue: self.size("server.concurrency_queue"),
                wait: self.duration("server.concurrency_wait"),
            },
            tls: match files {
                (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
                _ => None,
            },
            cors_origins: self.list("server.cors_origins"),
            overhead_header: self.bool("server.overhead_header"),
        }
    }

    pub(super) fn optional_address(&self, path: &str) -> Option<SocketAddr> {
        match self.get(path) {
            Some(Value::Address(address)) => Some(*address),
            _ => None,
        }
    }

    pub(super) fn address(&self, path: &str) -> SocketAddr {
        self.optional_address(path)
            .unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 0).into())
    }

    pub(super) fn count_or(&self, path: &str, usual: u64) -> u64 {
        match self.get(path) {
            Some(Value::Count(count)) => *count,
            _ => usual,
        }
    }

    pub(super) fn count(&self, path: &str) -> u64 {
        self.count_or(path, 0)
    }

    pub(super) fn bytes(&self, path: &str) -> u64 {
        match self.get(path) {
            Some(Value::Bytes(bytes)) => *bytes,
            _ => 0,
        }
    }

    pub(super) fn size(&self, path: &str) -> usize {
        usize::try_from(self.count(path).max(self.bytes(path))).unwrap_or(usize::MAX)
    }

    pub(super) fn duration(&self, path: &str) -> Duration {
        match self.get(path) {
            Some(Value::Duration(time)) => *time,
            _ => Duration::ZERO,
        }
    }

    pub(super) fn bool(&self, path: &str) -> bool {
        matches!(self.get(path), Some(Value::Bool(true)))
    }

    pub(super) fn word(&self, path: &str) -> &'static str {
        match self.get(path) {
            Some(Value::Word(word)) => word,
            _ => "",
        }
    }

    pub(super) fn text(&self, path: &str) -> String {
        match self.get(path) {
            Some(Value::Text(text)) => text.clone(),
            _ => String::new(),
        }
    }

    pub(super) fn list(&self, path: &str) -> Vec<String> {
        match self.get(path) {
            Some(Value::List(items)) => items.clone(),
            _ => Vec::new(),
        }
    }

    pub(super) fn path(&self, path: &str) -> Option<PathBuf> {
        match self.get(path) {
            Some(Value::Path(file)) => Some(file.clone()),
            _ => None,
        }
    }

    pub(super) fn secret(&self, path: &str) -> Option<Secret> {
        match self.get(path) {
            Some(Value::Secret(secret)) => Some(secret.clone()),
            _ => None,
        }
    }

    pub(super) fn url(&self, path: &str) -> Option<Secret> {
        match self.get(path) {
            Some(Value::Url(url)) => Some(url.clone()),
            _ => None,
        }
    }
}
