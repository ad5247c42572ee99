//! Which addresses may be spoken to.
//!
//! The address is judged after the name was resolved and once more when the connection stands, so a name that changes
//! its mind in between does not help.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Which hosts may be spoken to: everybody whose address is global unicast, over TLS; and those allowed by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EgressPolicy {
    allow_hosts: BTreeSet<String>,
}

impl EgressPolicy {
    /// Global unicast over TLS only.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Allows a host, whatever its address is, also without TLS: a local model server, for one. A name or an address,
    /// without port.
    #[must_use]
    pub fn with_allowed_host(mut self, host: &str) -> Self {
        self.allow_hosts.insert(plain(host));
        self
    }

    /// Whether the host is allowed by name.
    #[must_use]
    pub fn allows(&self, host: &str) -> bool {
        self.allow_hosts.contains(&plain(host))
    }
}

/// A host as names are compared: in lower case, without the brackets of an address or the dot at the end.
pub(crate) fn plain(host: &str) -> String {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.trim_end_matches('.').to_ascii_lowercase()
}

/// What kind of address it is, if it is not global unicast.
#[must_use]
pub(crate) fn forbidden(address: IpAddr) -> Option<&'static str> {
    match address.to_canonical() {
        IpAddr::V4(address) => forbidden_v4(address),
        IpAddr::V6(address) => forbidden_v6(address),
    }
}

fn forbidden_v4(address: Ipv4Addr) -> Option<&'static str> {
    let kind = match address.octets() {
        [0, ..] => "unspecified",
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => "private",
        [100, 64..=127, ..] => "shared by a carrier",
        [127, ..] => "loopback",
        [169, 254, ..] => "link-local",
        [192, 0, 0, _] => "for protocols",
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => "for documentation",
        [192, 88, 99, _] => "a 6to4 relay",
        [198, 18..=19, ..] => "for benchmarks",
        [224..=239, ..] => "multicast",
        [240..=255, ..] => "reserved",
        _ => return None,
    };
    Some(kind)
}

fn forbidden_v6(address: Ipv6Addr) -> Option<&'static str> {
    let kind = match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => "unspecified",
        [0, 0, 0, 0, 0, 0, 0, 1] => "loopback",
        [0x64, 0xff9b, ..] => "a NAT64 translation",
        [0xfc00..=0xfdff, ..] => "unique local",
        [0xfe80..=0xfebf, ..] => "link-local",
        [0xff00..=0xffff, ..] => "multicast",
        [0x2001, 0, ..] => "a Teredo tunnel",
        [0x2001, 0x1..=0x1ff, ..] => "for protocols",
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => "for documentation",
        [0x2002, ..] => "a 6to4 tunnel",
        // The only block that global unicast addresses are given from.
        [0x2000..=0x3fff, ..] => return None,
        _ => "reserved",
    };
    Some(kind)
}

#[cfg(test)]
mod tests;
